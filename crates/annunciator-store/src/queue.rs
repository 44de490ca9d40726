//! What goes into the inbox and the queue and comes out of them.

use std::sync::Arc;

use annunciator_core::{
    Attempt, Decision, Delivery, DeliveryId, Event, EventUid, Lane, Notification, NotificationId,
    Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{NewAudit, PlannedLimit, PostponedRow, SlotEnd};

/// A batch of events to accept, all or none.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The events, validated.
    pub events: Vec<Event>,
    /// The caller's idempotency key, when it gave one.
    pub idempotency: Option<Idempotency>,
    /// Claim the events for planning in the same commit: the caller hands them to the planner.
    pub claimed: bool,
    /// Now, for the idempotency key's age.
    pub now: Timestamp,
}

/// An `Idempotency-Key` with what it was used for. Kept for 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose key it is: the id of the API token.
    pub owner: String,
    /// The key, 1 to 255 characters.
    pub key: String,
    /// SHA-256 of the request's body.
    pub body_sha256: [u8; 32],
}

/// Answer to [`Accept`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// Committed; one entry per event, in order.
    Accepted(Vec<Accepted>),
    /// The same key and body came before: its answer of then.
    Replayed(Vec<Accepted>),
    /// The key was used with another body: nothing was stored.
    KeyReused,
    /// These incidents, by their positions, have the id of an event that is no incident: nothing
    /// was stored. Of [`Incidents::accept_incidents`](crate::Incidents::accept_incidents) only.
    OtherEvents(Vec<usize>),
}

/// One accepted event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The source's id, or the one made here.
    pub id: String,
    /// The ledger's id (of the first one when it is a duplicate).
    pub uid: EventUid,
    /// Whether the event was known already.
    pub duplicate: bool,
}

/// The notifications of plans that have no deliveries. None of them may be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Their limit was reached.
    pub limited: Vec<NotificationId>,
    /// Another plan for the event came first; these came to the ledger in no commit before.
    pub overtaken: Vec<NotificationId>,
}

impl LeftOut {
    /// Whether all have deliveries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limited.is_empty() && self.overtaken.is_empty()
    }

    /// Adds those of other plans.
    pub fn add(&mut self, mut other: Self) {
        self.limited.append(&mut other.limited);
        self.overtaken.append(&mut other.overtaken);
    }
}

/// What became of one event in planning.
#[derive(Debug, Clone)]
pub struct PlanCommit {
    /// The event.
    pub event: EventUid,
    /// What was decided.
    pub verdict: PlanVerdict,
}

/// The planner's verdict on one event.
#[derive(Debug, Clone)]
pub enum PlanVerdict {
    /// Planned: these notifications (none is a verdict too), and why.
    Planned {
        /// What must be sent.
        notifications: Vec<PlannedNotification>,
        /// One per channel that was considered.
        decisions: Vec<Decision>,
        /// How long the event is kept, when a layer says so; else its severity decides. Unit: days.
        term_days: Option<u32>,
        /// Who is told later, together with others.
        postponed: Vec<PostponedRow>,
    },
    /// Planning failed; it is tried again unless `tries_max` failures are reached, then parked.
    Failed {
        /// Why, one line.
        reason: String,
        /// Failures after which the event is parked.
        tries_max: u32,
    },
}

/// A notification with its deliveries.
///
/// Deliveries in state `InFlight` are claimed in the same commit with token 1: the caller hands
/// them to the dispatcher. `Queued` ones wait for [`crate::Store::claim_due`].
#[derive(Debug, Clone)]
pub struct PlannedNotification {
    /// The content.
    pub notification: Arc<Notification>,
    /// Who gets it.
    pub deliveries: Vec<Delivery>,
    /// What it counts against. Its deliveries are `Queued`: the commit may leave them out.
    pub limit: Option<PlannedLimit>,
}

/// The longest lease that is asked for. Unit: milliseconds.
pub const LEASE_MS_MAX: i64 = 7_800_000;

/// What to claim.
#[derive(Debug, Clone)]
pub struct ClaimAsk {
    /// Now: what is due by then.
    pub now: Timestamp,
    /// When the claims lapse; in [`LEASE_MS_MAX`] at the latest.
    pub lease_until: Timestamp,
    /// Lanes that take nothing now: suspended or full.
    pub lanes_excluded: Vec<Lane>,
    /// Most deliveries per lane (a notification is never cut, so a few more may come).
    pub per_lane_max: usize,
    /// Most deliveries in all, likewise.
    pub total_max: usize,
}

/// What was claimed.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// Work, lane by lane, oldest first.
    pub orders: Vec<ClaimedOrder>,
    /// Lanes among those not excluded that have more due deliveries.
    pub lanes_with_more: Vec<Lane>,
    /// When the next delivery of a lane not excluded becomes due, if one waits.
    pub next_due_at: Option<Timestamp>,
}

/// A notification with those of its deliveries that were claimed together.
#[derive(Debug, Clone)]
pub struct ClaimedOrder {
    /// The content.
    pub notification: Arc<Notification>,
    /// The claimed deliveries, at least one, all of one lane.
    pub deliveries: Vec<ClaimedDelivery>,
}

/// A claimed delivery and its fencing token.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// The delivery, in flight.
    pub delivery: Delivery,
    /// Number of this claim; a settlement with an older one is refused.
    pub token: i64,
}

/// The end of a claim: an attempt, and the state it leads to.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The delivery in its new state.
    pub delivery: Delivery,
    /// Token of the claim.
    pub token: i64,
    /// The attempt; none when the claim ends without one (given back, lifetime ended).
    pub attempt: Option<Attempt>,
    /// An event of our own about it, accepted in the same commit.
    pub raise: Option<Event>,
    /// The slot that the attempt held, freed in the same commit whatever becomes of the claim.
    pub slot: Option<SlotEnd>,
}

/// An operator asks for deliveries to be tried again.
#[derive(Debug, Clone)]
pub struct Requeue {
    /// Which.
    pub deliveries: Vec<DeliveryId>,
    /// They become due then.
    pub due_at: Timestamp,
    /// End of the lifetime of revived ones.
    pub expires_at: Timestamp,
}

/// What became of an operator's command for one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operated {
    /// Done.
    Done,
    /// No such delivery.
    NotFound,
    /// Its state (the API's word) does not allow it.
    WrongState(&'static str),
}

/// What waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Events accepted and not planned.
    pub events_unplanned: u64,
    /// Events parked because planning failed.
    pub events_parked: u64,
    /// Deliveries queued, by lane.
    pub queued: Vec<(Lane, u64)>,
    /// Deliveries in flight.
    pub in_flight: u64,
    /// When the oldest queued delivery was planned.
    pub oldest_queued_at: Option<Timestamp>,
    /// How many wait to be told of an incident later, each address counted for each incident.
    pub postponed: u64,
    /// When the first of those is due.
    pub postponed_due_at: Option<Timestamp>,
}

/// The line of an operation also names those it was not done to.
pub(crate) fn with_refused(audit: &NewAudit, operated: &[(DeliveryId, Operated)]) -> NewAudit {
    let mut audit = audit.clone();
    let refused = operated.iter().filter(|(_, answer)| *answer != Operated::Done);
    let refused: Vec<String> = refused.map(|(id, _)| id.to_string()).collect();
    if !refused.is_empty()
        && let Ok(serde_json::Value::Object(mut detail)) = serde_json::from_str(&audit.detail)
    {
        detail.insert("refused".to_owned(), refused.into());
        audit.detail = serde_json::Value::Object(detail).to_string();
    }
    audit
}
