//! Settlements into commits: whatever has gathered goes into one call of the store.
//!
//! The room that a delivery takes in its lane is given back after the commit, so that a slow store
//! slows the claims instead of filling the memory; and what was given back to the store counts as
//! backlog only once it is there.
//!
//! Failure: a store that refuses is asked again until it takes them; the claims hold meanwhile,
//! so nobody repeats the attempts (quality G4: settlements go on when the disk is nearly full).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annunciator_core::{DeliveryId, DeliveryState, Lane, Timestamp};
use annunciator_store::Settlement;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Inner;

/// Most settlements in one call.
const BATCH_MAX: usize = 512;
/// Wait before a refused call is repeated. Unit: milliseconds.
const REPEAT_WAIT_MS: u64 = 500;

/// A claim that has ended, and what it still takes in memory.
pub(super) struct Ended {
    /// What is committed.
    pub(super) settlement: Settlement,
    /// Room in its lane, none when it was never held there. Unit: octets.
    pub(super) held_bytes: Option<usize>,
    /// How often limits had changed when it was put off by one.
    pub(super) limit_changes: Option<u64>,
}

pub(super) async fn run(inner: Arc<Inner>, mut settlements: UnboundedReceiver<Ended>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            biased;
            count = settlements.recv_many(&mut batch, BATCH_MAX) => {
                if count == 0 {
                    return;
                }
            }
            () = inner.stop.cancelled() => return,
        }
        let ended = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_MAX));
        let rooms: Vec<_> = ended.iter().map(Room::of).collect();
        let limit_changes = ended.iter().filter_map(|ended| ended.limit_changes).min();
        let has_raised = ended.iter().any(|ended| ended.settlement.raise.is_some());
        commit(&inner, ended.into_iter().map(|ended| ended.settlement).collect()).await;
        release(&inner, &rooms);
        // The release of that change may have come before this commit.
        if limit_changes.is_some_and(|then| then < inner.limit_changes.load(Ordering::Acquire)) {
            inner.limits_changed.notify_one();
        }
        if has_raised {
            inner.planner.note_backlog();
        }
    }
}

/// What is left to do for a settlement when it is committed.
struct Room {
    lane: Lane,
    held_bytes: Option<usize>,
    due_at: Option<Timestamp>,
}

impl Room {
    fn of(ended: &Ended) -> Self {
        let delivery = &ended.settlement.delivery;
        let due_at = match delivery.state {
            DeliveryState::Queued { due_at } => Some(due_at),
            _ => None,
        };
        Self { lane: delivery.lane.clone(), held_bytes: ended.held_bytes, due_at }
    }
}

/// Gives back the room, and asks the claimer for more where lanes run low.
fn release(inner: &Inner, rooms: &[Room]) {
    let now = inner.clock.now();
    let mut must_look = false;
    for room in rooms {
        match room.due_at {
            Some(due_at) if due_at <= now => inner.lanes.note_backlog(&room.lane),
            // The claimer may sleep past it.
            Some(_) => must_look = true,
            None => {}
        }
        if let Some(bytes) = room.held_bytes {
            must_look |= inner.lanes.release(&room.lane, 1, bytes);
        }
    }
    if must_look {
        inner.wake.notify_one();
    }
}

async fn commit(inner: &Inner, batch: Vec<Settlement>) {
    let mut was_refused = false;
    loop {
        match inner.store.settle(batch.clone()).await {
            Ok(stale) => {
                // Nothing was tried where there is no attempt: nothing can be repeated.
                let is_attempt = |id: &DeliveryId| {
                    batch.iter().any(|s| s.delivery.id == *id && s.attempt.is_some())
                };
                for delivery in stale.into_iter().filter(is_attempt) {
                    tracing::warn!(delivery.id = %delivery,
                        "an attempt was settled after its claim had lapsed: it may be repeated");
                }
                return;
            }
            Err(error) => {
                if !was_refused {
                    tracing::error!(%error, count = batch.len(),
                        "the store does not take settlements; asking again");
                }
                was_refused = true;
                tokio::time::sleep(Duration::from_millis(REPEAT_WAIT_MS)).await;
            }
        }
    }
}
