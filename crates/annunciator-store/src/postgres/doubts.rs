//! Claims whose commit was not answered: they may be in the database without anybody knowing of
//! them, and are given up when they are.
//!
//! Failure: a commit that reaches the disk late is looked for a few times; beyond that its claims
//! lapse by themselves.

use std::sync::Mutex;

use annunciator_core::Event;
use uuid::Uuid;

use super::bind::values;
use super::fault::Outcome;
use super::pool::Lent;
use crate::{ClaimedOrder, SlotAnswer};

/// How often claims of one commit are looked for.
const LOOKS: u8 = 5;
/// Most commits that are remembered.
const DOUBTS_MAX: usize = 1_000;

/// What one commit may have claimed.
#[derive(Default, Clone)]
pub(super) struct Doubt {
    events: Vec<Uuid>,
    deliveries: Vec<Uuid>,
    tokens: Vec<i64>,
    slots: Vec<i64>,
}

impl Doubt {
    pub(super) fn of_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        Self { events: events.into_iter().map(|event| event.uid.0).collect(), ..Self::default() }
    }

    pub(super) fn of_orders(orders: &[ClaimedOrder]) -> Self {
        let claimed = || orders.iter().flat_map(|order| &order.deliveries);
        Self {
            deliveries: claimed().map(|one| one.delivery.id.0).collect(),
            tokens: claimed().map(|one| one.token).collect(),
            ..Self::default()
        }
    }

    pub(super) fn of_slot(answer: SlotAnswer) -> Self {
        let SlotAnswer::Taken(slot) = answer else { return Self::default() };
        Self { slots: vec![slot.0], ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.deliveries.is_empty() && self.slots.is_empty()
    }
}

/// All that are open, each with the looks that are left.
#[derive(Default)]
pub(super) struct Doubts(Mutex<Vec<(Doubt, u8)>>);

impl Doubts {
    /// A commit was not answered.
    pub(super) fn add(&self, doubt: Doubt) {
        let mut open = self.0.lock().expect("no panic while held");
        if !doubt.is_empty() && open.len() < DOUBTS_MAX {
            open.push((doubt, LOOKS));
        }
    }

    /// Whether there are none, as nearly always.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().expect("no panic while held").is_empty()
    }

    /// These events are claimed anew, by a commit that was answered.
    pub(super) fn forget_events(&self, events: &[Event]) {
        let mut open = self.0.lock().expect("no panic while held");
        for (doubt, _) in open.iter_mut() {
            doubt.events.retain(|uid| !events.iter().any(|event| event.uid.0 == *uid));
        }
    }

    /// What may have been claimed, all in one.
    fn all(&self) -> Doubt {
        let mut all = Doubt::default();
        for (doubt, _) in self.0.lock().expect("no panic while held").iter() {
            all.events.extend(&doubt.events);
            all.deliveries.extend(&doubt.deliveries);
            all.tokens.extend(&doubt.tokens);
            all.slots.extend(&doubt.slots);
        }
        all
    }

    /// A look is committed.
    pub(super) fn note_look(&self) {
        let mut open = self.0.lock().expect("no panic while held");
        open.retain_mut(|(doubt, looks)| {
            *looks -= 1;
            *looks > 0 && !doubt.is_empty()
        });
    }

    /// Gives up events that were claimed after all: nobody plans them. Their claims have no number:
    /// only the one call that claims events may do so, lest it be what it claimed just now.
    pub(super) async fn give_up_events(&self, db: &Lent, node: Uuid) -> Outcome<()> {
        let give_up = "UPDATE inbox SET node = NULL, lease_until = NULL
             WHERE event = ANY($1) AND node = $2";
        db.run(give_up, values![self.all().events, node]).await.map(drop)
    }

    /// Gives up deliveries and slots that were claimed after all: nobody attempts them.
    pub(super) async fn give_up(&self, db: &Lent) -> Outcome<()> {
        let Doubt { deliveries, tokens, slots, .. } = self.all();
        let give_up = "UPDATE queue q SET lease_until = NULL, node = NULL
             FROM unnest($1::uuid[], $2::bigint[]) AS g(id, token)
             WHERE q.id = g.id AND q.claims = g.token AND q.lease_until IS NOT NULL";
        db.run(give_up, values![deliveries, tokens]).await?;
        let give_up = "DELETE FROM limit_slots WHERE number = ANY($1) AND freed_at IS NULL";
        db.run(give_up, values![slots]).await.map(drop)
    }
}
