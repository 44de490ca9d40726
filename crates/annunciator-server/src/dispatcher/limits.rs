//! Work that counts against a limit: its attempt begins with a slot of the store, or it goes back
//! and asks again when its turn comes (spec 7, ADR 0029).
//!
//! Which limit holds is resolved from the settings in force. When they change, whatever was put off
//! is due again: where a limit was taken away it goes out at once, elsewhere it stands in line
//! under the limit of now.
//! Nobody waits for a slot in memory: work without one goes back to the store with the rest of
//! its limit that is in memory, each with a time of its own in the line, so that others of its
//! lane go on and the store is not asked again and again.
//! Failure: a store that does not answer is asked again a second later.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use annunciator_core::{DeliveryState, HeldTime, Lane, NotificationLimit, Timestamp};
use annunciator_store::{SlotAnswer, SlotAsk, SlotEnd, Waiting};

use super::Inner;
use super::lanes::{LANE_HELD_MAX, Work};
use crate::limit_clock::to_wall;
use crate::metrics::ChannelLabels;

/// Wait after the store refused. Unit: milliseconds.
const REFUSED_WAIT_MS: i64 = 1_000;
/// Wall clock and held time are cut to milliseconds each: nobody asks too early for that.
/// Unit: milliseconds.
const CUT_MS: i64 = 2;

/// Releases what was put off whenever the settings have changed.
pub(super) async fn run(inner: Arc<Inner>) {
    let turns = async {
        loop {
            inner.limits_changed.notified().await;
            while !inner.release_put_off().await {
                inner.clock.sleep_until(inner.clock.now().plus_ms(REFUSED_WAIT_MS)).await;
            }
        }
    };
    tokio::select! {
        () = turns => {}
        () = inner.stop.cancelled() => {}
    }
}

impl Inner {
    /// Makes due what was put off; false when the store refused.
    pub(super) async fn release_put_off(&self) -> bool {
        match self.store.release_put_off(self.clock.now()).await {
            Ok(0) => true,
            Ok(count) => {
                tracing::debug!(count, "what was put off by limits asks again");
                for lane in self.lanes.names() {
                    self.lanes.note_backlog(&lane);
                }
                self.wake.notify_one();
                true
            }
            Err(error) => {
                tracing::warn!(%error, "cannot release what was put off by limits");
                false
            }
        }
    }

    /// What work counts against by the settings in force.
    pub(super) fn limit_of(&self, work: &Work) -> Option<NotificationLimit> {
        let notification = &work.order.notification;
        self.settings.current().limit_of(&notification.channel, &notification.scope)
    }

    /// Lets work through with a slot, or puts it off; none then.
    pub(super) async fn take_slot(
        &self,
        lane: &Lane,
        mut work: Work,
        limit: NotificationLimit,
    ) -> Option<Work> {
        let ask = SlotAsk {
            limit: limit.clone(),
            notification: work.order.notification.id,
            event: work.order.notification.event,
            planned_at: work.order.notification.created_at,
            was_tried: was_tried(&work),
            may_have_arrived: may_have_arrived(&work),
            now: self.held.now(),
        };
        match self.store.take_slot(ask).await {
            Ok(SlotAnswer::Taken(slot)) => {
                work.slot = Some(slot);
                Some(work)
            }
            Ok(SlotAnswer::Passes) => Some(work),
            Ok(SlotAnswer::Full) => {
                self.line_up(lane, work, limit).await;
                None
            }
            Err(error) => {
                tracing::warn!(%error, "cannot ask for a limit; asking again");
                self.put_off_refused(lane, &work);
                None
            }
        }
    }

    /// Work without a slot, and all of the same limit that waits behind it, stand in line.
    async fn line_up(&self, lane: &Lane, work: Work, limit: NotificationLimit) {
        let snapshot = self.settings.current();
        let is_same = |other: &Work| {
            let notification = &other.order.notification;
            let held = snapshot.limit_of(&notification.channel, &notification.scope);
            // Those that were tried may need no slot.
            !was_tried(other) && held.is_some_and(|held| held.key == limit.key)
        };
        let channel = work.order.notification.channel.as_str().to_owned();
        let mut works = vec![work];
        works.extend(self.lanes.take_ready(lane, LANE_HELD_MAX, is_same));
        works.sort_by_key(|work| work.order.notification.id);
        let waiting = works.iter().map(in_line).collect();
        let later = self.clock.now().plus_ms(REFUSED_WAIT_MS);
        let changes = self.limit_changes.load(Ordering::Acquire);
        if self.limit_of(&works[0]).as_ref() != Some(&limit) {
            // It has changed: nothing would release what stands in line by the old one.
            for work in &works {
                self.put_off(lane, work, changes, self.clock.now());
            }
            return;
        }
        let due: Vec<Timestamp> = match self.store.line_up(limit, waiting, self.held.now()).await {
            Ok(times) => times.into_iter().map(|at| self.to_due(at)).collect(),
            Err(error) => {
                tracing::warn!(%error, "cannot stand in line for a limit; asking again");
                vec![later; works.len()]
            }
        };
        self.metrics.put_off.get_or_create(&ChannelLabels { channel }).inc_by(works.len() as u64);
        for (work, due_at) in works.iter().zip(due) {
            self.put_off(lane, work, changes, due_at);
        }
    }

    fn to_due(&self, at: HeldTime) -> Timestamp {
        to_wall(self.clock.as_ref(), self.held.as_ref(), at).plus_ms(CUT_MS)
    }

    /// The store did not tell what must be known before an attempt: work is due again a little
    /// later.
    pub(super) fn put_off_refused(&self, lane: &Lane, work: &Work) {
        let due_at = self.clock.now().plus_ms(REFUSED_WAIT_MS);
        self.put_off(lane, work, self.limit_changes.load(Ordering::Acquire), due_at);
    }

    /// Ends claims without an attempt, until then.
    fn put_off(&self, lane: &Lane, work: &Work, changes: u64, due_at: Timestamp) {
        self.end_claims(work, Some(changes), |_| DeliveryState::Queued { due_at });
        if work.probes {
            // The relay is still to be tried, with an order that may be.
            let now = self.clock.now();
            self.lanes.end_probe(lane, now);
            self.lanes.probe_now(lane, now);
        }
        self.wake.notify_one();
    }

    /// How the slot of work ends when its attempt has ended now.
    pub(super) fn slot_end(&self, work: &Work, may_have_arrived: bool) -> Option<SlotEnd> {
        let slot = work.slot?;
        // Rounded up: held time is cut to milliseconds.
        Some(SlotEnd { slot, at: self.held.now().plus_ms(1), may_have_arrived })
    }
}

fn in_line(work: &Work) -> Waiting {
    let notification = &work.order.notification;
    Waiting {
        notification: notification.id,
        event: notification.event,
        planned_at: notification.created_at,
    }
}

fn was_tried(work: &Work) -> bool {
    work.order.deliveries.iter().any(|claimed| claimed.delivery.attempts > 0)
}

fn may_have_arrived(work: &Work) -> bool {
    work.order.deliveries.iter().any(|claimed| claimed.delivery.possibly_duplicated)
}
