//! Why and until when a lane takes no work, as this node met it or as other nodes tell.

use std::collections::HashSet;

use annunciator_core::{Failure, Lane, Stage, Timestamp};
use annunciator_store::LaneTrouble;

use super::{LaneBook, Work};

/// Waits between probes of a suspended lane; the last repeats (spec 4.7). Unit: seconds.
const PROBE_WAITS_S: [i64; 8] = [1, 2, 5, 10, 30, 60, 120, 300];
/// A relay that took something so recently is not in trouble for this node, whatever others say.
pub(super) const PROVEN_MS: i64 = 60_000;
/// Between probes, a relay that did not even answer is knocked at this often. Unit: milliseconds.
pub(super) const KNOCK_WAIT_MS: i64 = 2_000;

/// Why and until when a lane takes no work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub since: Timestamp,
    /// When its relay is tried next.
    pub probe_at: Timestamp,
    /// What is the trouble.
    pub failure: Failure,
    pub(super) probes: usize,
    pub(super) is_probing: bool,
    /// The number under which the nodes know of the trouble, none while nobody was told.
    pub(super) told: Option<i64>,
    pub(super) knock_at: Option<Timestamp>,
}

impl Suspension {
    pub(super) fn begin(
        failure: &Failure,
        now: Timestamp,
        probes: usize,
        since: Timestamp,
    ) -> Self {
        let did_not_answer = failure.stage <= Stage::Greeting;
        Self {
            since,
            probe_at: now.plus_ms(probe_wait_ms(probes)),
            failure: failure.clone(),
            probes,
            is_probing: false,
            told: None,
            knock_at: did_not_answer.then(|| now.plus_ms(KNOCK_WAIT_MS)),
        }
    }

    /// Another node, or this one, tells of the same trouble.
    fn hear(&mut self, trouble: &LaneTrouble, now: Timestamp) {
        let is_news = self.told.is_some_and(|told| told < trouble.number);
        if is_news && !trouble.is_own && !self.is_probing {
            let since = self.since.min(trouble.since);
            *self = Self::begin(&trouble.failure, now, self.probes + 1, since);
        }
        self.told = Some(trouble.number);
    }

    pub(super) fn next_at(&self) -> Timestamp {
        self.knock_at.map_or(self.probe_at, |knock| knock.min(self.probe_at))
    }
}

pub(super) fn probe_wait_ms(probes: usize) -> i64 {
    PROBE_WAITS_S[probes.min(PROBE_WAITS_S.len() - 1)] * 1_000
}

/// What became of lanes by what other nodes told.
#[derive(Default)]
pub struct Told {
    /// Lanes that wait now.
    pub suspended: Vec<Lane>,
    /// Work of theirs that goes back to the store.
    pub given_back: Vec<Work>,
    /// Lanes that are free again.
    pub resumed: Vec<Lane>,
}

impl LaneBook {
    /// Nothing waits for the relay of a lane that is probed: the lane takes work again, and nothing
    /// is known of the relay. True when it was suspended.
    pub fn free(&self, lane: &Lane) -> bool {
        let mut lanes = self.lock();
        let Some(state) = lanes.lanes.get_mut(lane) else { return false };
        let Some(ended) = state.suspension.take_if(|own| own.is_probing) else { return false };
        state.outdated = ended.told;
        state.mark_backlog();
        true
    }

    /// What the nodes tell of relays in trouble now: all of it.
    ///
    /// A probe of another node that failed counts as one of this node's, so that a relay is not
    /// probed more often because more nodes wait for it.
    pub fn take_over(&self, troubles: &[LaneTrouble], now: Timestamp) -> Told {
        let mut lanes = self.lock();
        let mut told = Told::default();
        for trouble in troubles {
            let state = lanes.lanes.entry(trouble.lane.clone()).or_default();
            let is_old = state.is_proven(now) || state.outdated == Some(trouble.number);
            match &mut state.suspension {
                Some(own) => own.hear(trouble, now),
                None if trouble.is_own || is_old => {}
                None => {
                    let mut heard = Suspension::begin(&trouble.failure, now, 0, trouble.since);
                    heard.told = Some(trouble.number);
                    state.suspension = Some(heard);
                    state.mark_backlog();
                    told.suspended.push(trouble.lane.clone());
                    told.given_back.extend(state.ready.drain(..));
                }
            }
        }
        let in_trouble: HashSet<&Lane> = troubles.iter().map(|trouble| &trouble.lane).collect();
        for (lane, state) in &mut lanes.lanes {
            let was_told = state.suspension.as_ref().is_some_and(|own| own.told.is_some());
            if was_told && !in_trouble.contains(lane) {
                state.suspension = None;
                state.mark_backlog();
                told.resumed.push(lane.clone());
            }
        }
        told
    }
}
