//! Claims whose commit was not told, or whose caller was gone: they may be there, and nobody works on
//! what they hold. They are given up before the next claim, so that nothing waits for them to lapse.
//!
//! Concurrency: one call gives up at a time. A claim that was made anew since has another number, and
//! the first plan of an event counts.
//! Failure: what cannot be given up is kept for the next call; beyond [`KEPT_MAX`] claims lapse.

use std::collections::BTreeSet;
use std::sync::Mutex;

use annunciator_core::Event;
use uuid::Uuid;

use super::Inner;
use super::bind::values;
use super::fault::Outcome;
use super::pool::Lent;
use crate::{ClaimedOrder, Result, SlotAnswer};

/// Most claims that are remembered.
const KEPT_MAX: usize = 100_000;

/// What a transaction claims.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Claimed {
    events: BTreeSet<Uuid>,
    /// With the number of the claim.
    deliveries: BTreeSet<(Uuid, i64)>,
    slots: BTreeSet<i64>,
}

impl Claimed {
    /// Events for a planner.
    pub(super) fn events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        Self { events: events.into_iter().map(|event| event.uid.0).collect(), ..Self::default() }
    }

    /// Deliveries.
    pub(super) fn orders(orders: &[ClaimedOrder]) -> Self {
        let all = orders.iter().flat_map(|order| &order.deliveries);
        let deliveries = all.map(|one| (one.delivery.id.0, one.token)).collect();
        Self { deliveries, ..Self::default() }
    }

    /// The slot of a limit.
    pub(super) fn slot(answer: &SlotAnswer) -> Self {
        let slots = match answer {
            SlotAnswer::Taken(slot) => BTreeSet::from([slot.0]),
            _ => BTreeSet::new(),
        };
        Self { slots, ..Self::default() }
    }

    fn count(&self) -> usize {
        self.events.len() + self.deliveries.len() + self.slots.len()
    }
}

/// What a node may have claimed without knowing.
#[derive(Default)]
pub(super) struct Untold {
    claimed: Mutex<Claimed>,
    turn: tokio::sync::Mutex<()>,
}

impl Untold {
    /// Nobody was told of these.
    pub(super) fn note(&self, more: Claimed) {
        let mut claimed = self.claimed.lock().expect("no panic while held");
        if claimed.count() < KEPT_MAX {
            claimed.events.extend(more.events);
            claimed.deliveries.extend(more.deliveries);
            claimed.slots.extend(more.slots);
        }
    }
}

impl Inner {
    /// Ends a transaction that claims something.
    pub(super) async fn end_claim<T>(
        &self,
        db: Lent,
        outcome: Outcome<T>,
        claimed: impl FnOnce(&T) -> Claimed,
    ) -> Result<T> {
        let claimed = outcome.as_ref().map(claimed).unwrap_or_default();
        let ended = db.end(outcome).await;
        if ended.is_err() {
            self.untold.note(claimed);
        }
        ended
    }

    /// Gives up what was claimed without being told.
    pub(super) async fn give_up_untold(&self) -> Result<()> {
        if self.untold.claimed.lock().expect("no panic while held").count() == 0 {
            return Ok(());
        }
        let _turn = self.untold.turn.lock().await;
        let claimed = self.untold.claimed.lock().expect("no panic while held").clone();
        if claimed.count() == 0 {
            return Ok(());
        }
        let db = self.writers.begin().await?;
        let outcome = give_up(&db, self.node, &claimed).await;
        db.end(outcome).await?;
        let mut left = self.untold.claimed.lock().expect("no panic while held");
        left.events = &left.events - &claimed.events;
        left.deliveries = &left.deliveries - &claimed.deliveries;
        left.slots = &left.slots - &claimed.slots;
        Ok(())
    }
}

async fn give_up(db: &Lent, node: Uuid, claimed: &Claimed) -> Outcome<()> {
    let events: Vec<Uuid> = claimed.events.iter().copied().collect();
    let free =
        "UPDATE inbox SET node = NULL, lease_until = NULL WHERE event = ANY($1) AND node = $2";
    db.run(free, values![events, node]).await?;
    let (ids, tokens): (Vec<Uuid>, Vec<i64>) = claimed.deliveries.iter().copied().unzip();
    // Nothing was attempted under them.
    let free = "UPDATE queue q SET node = NULL, lease_until = NULL
         FROM unnest($1::uuid[], $2::bigint[]) AS g(id, token)
         WHERE q.id = g.id AND q.claims = g.token AND q.node = $3 AND q.lease_until IS NOT NULL";
    db.run(free, values![ids, tokens, node]).await?;
    let slots: Vec<i64> = claimed.slots.iter().copied().collect();
    let free = "DELETE FROM limit_slots WHERE number = ANY($1) AND freed_at IS NULL";
    db.run(free, values![slots]).await.map(drop)
}
