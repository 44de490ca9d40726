//! What the ledger can be asked, and its rows.

use annunciator_core::{
    ChannelName, Delivery, Event, EventUid, Lane, NotificationId, Severity, Timestamp,
};

use crate::{Decision, DecisionKind};

/// Which part of a list: newest first, after a cursor.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The `next` of the page before; none for the first page.
    pub after: Option<String>,
    /// Most rows, 1 to 1,000.
    pub count_max: usize,
}

/// One page.
#[derive(Debug, Clone)]
pub struct Paged<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Cursor of the next page; none on the last.
    pub next: Option<String>,
    /// How far back was looked, when that took too long to fill the page: `next` goes on there.
    pub searched_until: Option<Timestamp>,
}

/// Which events; every field that is set must match.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Application name.
    pub application: Option<String>,
    /// Event type code.
    pub event_type: Option<String>,
    /// One of these severities; any when there are none.
    pub severities: Vec<Severity>,
    /// Device name.
    pub device: Option<String>,
    /// Device group, whole.
    pub group: Option<String>,
    /// `accepted`, `planned` or `parked`.
    pub state: Option<String>,
    /// What was decided for one of the channels.
    pub decision: Option<DecisionKind>,
    /// Text somewhere in type, display name, device, group, application, description or id,
    /// without case.
    pub text: Option<String>,
    /// Registered then or later.
    pub since: Option<Timestamp>,
    /// Registered before.
    pub until: Option<Timestamp>,
}

/// An event and what became of it.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// The event.
    pub event: Event,
    /// Where it stands.
    pub state: EventState,
    /// What was decided, per channel; empty until planned.
    pub decisions: Vec<Decision>,
    /// How its deliveries stand, per channel and state; those there are none of are left out.
    pub deliveries: Vec<DeliveryCount>,
}

/// How many deliveries of one channel of an event are in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryCount {
    /// The channel.
    pub channel: ChannelName,
    /// `queued`, `in_flight`, `delivered`, `failed` or `cancelled`.
    pub state: &'static str,
    /// How many.
    pub count: u64,
}

/// Where an event stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventState {
    /// In the inbox.
    Accepted {
        /// Planning failures so far.
        tries: u32,
    },
    /// Planned.
    Planned,
    /// Set aside because planning it failed repeatedly.
    Parked {
        /// Why.
        reason: String,
    },
}

impl EventState {
    /// The word of the API.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Planned => "planned",
            Self::Parked { .. } => "parked",
        }
    }
}

/// A known event type (spec 2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTypeRow {
    /// Application name.
    pub application: String,
    /// Code.
    pub event_type: String,
    /// Display name last seen.
    pub type_name: String,
    /// Severity last seen.
    pub severity: Severity,
    /// When its first event came.
    pub first_seen_at: Timestamp,
    /// Storage term in days when it is not the severity's; 0 = not listed.
    pub storage_term_days: Option<u32>,
}

/// Which deliveries; every field that is set must match.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// `queued`, `in_flight`, `delivered`, `failed` or `cancelled`.
    pub state: Option<String>,
    /// Channel.
    pub channel: Option<ChannelName>,
    /// Address, whole, without case (ASCII).
    pub recipient: Option<String>,
    /// Lane.
    pub lane: Option<Lane>,
    /// Of this event.
    pub event: Option<EventUid>,
    /// Of this notification.
    pub notification: Option<NotificationId>,
    /// One of these severities; any when there are none.
    pub severities: Vec<Severity>,
    /// Application name.
    pub application: Option<String>,
    /// Device name.
    pub device: Option<String>,
    /// Event type code.
    pub event_type: Option<String>,
    /// Text somewhere in recipient, subject, event type, device, application or event id, without
    /// case.
    pub text: Option<String>,
    /// Planned then or later.
    pub since: Option<Timestamp>,
    /// Planned before.
    pub until: Option<Timestamp>,
}

/// A delivery with what a list shows beside it.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// The delivery.
    pub delivery: Delivery,
    /// The event it tells about.
    pub event: EventUid,
    /// The channel.
    pub channel: ChannelName,
    /// Subject of the notification.
    pub subject: String,
    /// How bad the event is.
    pub severity: Severity,
    /// Code of its type.
    pub event_type: String,
    /// Display name of its type.
    pub type_name: String,
    /// Who reported it.
    pub application: String,
    /// Where it happened.
    pub device: String,
    /// The server that the last attempt was made with; empty before the first.
    pub relay: String,
}
