//! Rows become nouns, nouns become column values; the numbers that stand for words.
//!
//! Failure: a number without a word means damage, or a newer version: the row is refused.

use std::sync::Arc;

use annunciator_core::{
    Application, Attempt, AttemptFacts, ChannelName, Content, Delivery, DeliveryId, DeliveryState,
    Device, Event, EventUid, Failure, Lane, Notification, NotificationId, Outcome, Recipient,
    RecipientRole, Scope, Severity, Timestamp,
};
use rusqlite::{Result, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::fault::unreadable;
use crate::pictures;

/// Numbers of the column `deliveries.state`; the SQL texts use them too.
pub(super) mod state {
    pub(in crate::sqlite) const QUEUED: i64 = 0;
    /// Claimed in the commit of its plan; found at start by the floor, in no index.
    pub(in crate::sqlite) const PLANNED_IN_FLIGHT: i64 = 1;
    pub(in crate::sqlite) const DELIVERED: i64 = 2;
    pub(in crate::sqlite) const FAILED: i64 = 3;
    pub(in crate::sqlite) const CANCELLED: i64 = 4;
    /// Claimed from the queue.
    pub(in crate::sqlite) const CLAIMED_IN_FLIGHT: i64 = 5;
}

/// The API's word for a number of `deliveries.state`.
pub(super) fn state_word(number: i64) -> Result<&'static str> {
    Ok(match number {
        state::QUEUED => "queued",
        state::PLANNED_IN_FLIGHT | state::CLAIMED_IN_FLIGHT => "in_flight",
        state::DELIVERED => "delivered",
        state::FAILED => "failed",
        state::CANCELLED => "cancelled",
        _ => return Err(unreadable("delivery state")),
    })
}

/// Columns of an event, for [`event_of`].
pub(super) const EVENT_COLUMNS: &str = "e.uid, e.id, e.application, e.version, e.event_type, \
     e.type_name, e.severity, e.device, e.ip, e.connection_ip, e.domain, e.device_group, e.task, \
     e.description, e.occurred_at, e.registered_at, e.parameters";
/// Number of columns in [`EVENT_COLUMNS`].
pub(super) const EVENT_COLUMN_COUNT: usize = 17;

/// Reads [`EVENT_COLUMNS`], which must come first.
pub(super) fn event_of(row: &Row<'_>) -> Result<Event> {
    let uid = EventUid(uuid_of(row, 0)?);
    let id: Option<String> = row.get(1)?;
    let parameters: Option<String> = row.get(16)?;
    Ok(Event {
        uid,
        id: id.unwrap_or_else(|| uid.to_string()),
        application: Application { name: row.get(2)?, version: row.get(3)? },
        event_type: row.get(4)?,
        type_name: row.get(5)?,
        severity: severity_of(row, 6)?,
        device: Device {
            name: row.get(7)?,
            ip: row.get(8)?,
            connection_ip: row.get(9)?,
            domain: row.get(10)?,
            group: row.get(11)?,
        },
        task: row.get(12)?,
        description: row.get(13)?,
        occurred_at: Timestamp(row.get(14)?),
        registered_at: Timestamp(row.get(15)?),
        parameters: parameters.map_or_else(
            || Ok(std::collections::BTreeMap::default()),
            |text| from_json(&text, "event parameter"),
        )?,
    })
}

/// Columns of a notification, for [`notification_of`].
pub(super) const NOTIFICATION_COLUMNS: &str = "n.id, n.event_uid, n.channel, n.created_at, \
     n.application, n.event_type, n.severity, n.device, n.device_group, n.subject, n.body, n.html, \
     n.sender, n.recipients, n.message_id, n.thread_id, n.event_id, \
     n.conditions, n.command, n.picture_id, n.picture";
/// Number of columns in [`NOTIFICATION_COLUMNS`].
pub(super) const NOTIFICATION_COLUMN_COUNT: usize = 21;

/// Reads [`NOTIFICATION_COLUMNS`], which must come first.
pub(super) fn notification_of(row: &Row<'_>) -> Result<Notification> {
    let recipients: String = row.get(13)?;
    let conditions: Option<String> = row.get(17)?;
    let command: Option<String> = row.get(18)?;
    Ok(Notification {
        id: NotificationId(uuid_of(row, 0)?),
        event: EventUid(uuid_of(row, 1)?),
        channel: channel_of(row, 2)?,
        created_at: Timestamp(row.get(3)?),
        scope: Scope {
            application: row.get(4)?,
            event_type: row.get(5)?,
            severity: severity_of(row, 6)?,
            device: row.get(7)?,
            group: row.get(8)?,
            conditions: conditions
                .map_or_else(|| Ok(Vec::new()), |text| from_json(&text, "list of conditions"))?,
        },
        content: Content {
            subject: row.get(9)?,
            text: row.get(10)?,
            html: row.get(11)?,
            sender: row.get(12)?,
            recipients: from_json(&recipients, "list of recipients")?,
            message_id: row.get(14)?,
            thread_id: row.get(15)?,
            event_id: row.get(16)?,
            command: command.map(|text| from_json(&text, "command")).transpose()?,
            pictures: pictures::split(row.get(19)?, row.get(20)?),
        },
    })
}

/// Columns of a delivery, for [`delivery_of`].
pub(super) const DELIVERY_COLUMNS: &str = "d.key, d.id, d.notification, d.lane, d.state, d.claims, \
     d.due_at, d.at, d.created_at, d.expires_at, d.attempts, d.retries, d.possibly_duplicated, \
     d.role, d.address, d.failure";
/// Number of columns in [`DELIVERY_COLUMNS`].
pub(super) const DELIVERY_COLUMN_COUNT: usize = 16;

/// A delivery as it is stored; lane and notification are numbers.
pub(super) struct StoredDelivery {
    pub(super) key: i64,
    pub(super) notification: i64,
    pub(super) lane: i64,
    pub(super) claims: i64,
    delivery: Delivery,
}

impl StoredDelivery {
    /// The delivery, with the names for the numbers.
    pub(super) fn named(mut self, notification: NotificationId, lane: Lane) -> Delivery {
        self.delivery.notification = notification;
        self.delivery.lane = lane;
        self.delivery
    }
}

/// Reads [`DELIVERY_COLUMNS`], which must come first.
pub(super) fn delivery_of(row: &Row<'_>) -> Result<StoredDelivery> {
    let due_at = Timestamp(row.get(6)?);
    let at = Timestamp(row.get(7)?);
    let failure: Option<String> = row.get(15)?;
    let state = match row.get::<_, i64>(4)? {
        state::QUEUED => DeliveryState::Queued { due_at },
        state::PLANNED_IN_FLIGHT | state::CLAIMED_IN_FLIGHT => {
            DeliveryState::InFlight { lease_until: at }
        }
        state::DELIVERED => DeliveryState::Delivered { at },
        state::FAILED => DeliveryState::Failed { at },
        state::CANCELLED => DeliveryState::Cancelled { at },
        _ => return Err(unreadable("delivery state")),
    };
    let role = match row.get::<_, i64>(13)? {
        0 => RecipientRole::To,
        1 => RecipientRole::Cc,
        2 => RecipientRole::Bcc,
        _ => return Err(unreadable("recipient role")),
    };
    let delivery = Delivery {
        id: DeliveryId(uuid_of(row, 1)?),
        notification: NotificationId(Uuid::nil()),
        recipient: Recipient { address: row.get(14)?, role },
        lane: Lane::new(""),
        state,
        created_at: Timestamp(row.get(8)?),
        expires_at: Timestamp(row.get(9)?),
        attempts: row.get(10)?,
        retries: row.get(11)?,
        possibly_duplicated: row.get(12)?,
        last_failure: failure.map(|text| from_json::<Failure>(&text, "failure")).transpose()?,
    };
    Ok(StoredDelivery {
        key: row.get(0)?,
        notification: row.get(2)?,
        lane: row.get(3)?,
        claims: row.get(5)?,
        delivery,
    })
}

/// The number of a role in `deliveries.role`.
pub(super) fn role_number(role: RecipientRole) -> i64 {
    match role {
        RecipientRole::To => 0,
        RecipientRole::Cc => 1,
        RecipientRole::Bcc => 2,
    }
}

/// The number of an outcome in `attempts.outcome`.
pub(super) fn outcome_number(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Delivered => 0,
        Outcome::TransientFailure(_) => 1,
        Outcome::PermanentFailure(_) => 2,
        Outcome::Uncertain(_) => 3,
    }
}

/// Reads number, `started_at`, `ended_at`, outcome, failure and facts of an attempt.
pub(super) fn attempt_of(row: &Row<'_>, delivery: DeliveryId) -> Result<Attempt> {
    let failure: Option<String> = row.get(4)?;
    let failure = failure.map(|text| from_json::<Failure>(&text, "failure")).transpose()?;
    let facts: Option<String> = row.get(5)?;
    let facts = facts.map(|text| from_json::<AttemptFacts>(&text, "attempt")).transpose()?;
    let outcome = match (row.get::<_, i64>(3)?, failure) {
        (0, _) => Outcome::Delivered,
        (1, Some(failure)) => Outcome::TransientFailure(failure),
        (2, Some(failure)) => Outcome::PermanentFailure(failure),
        (3, Some(failure)) => Outcome::Uncertain(failure),
        _ => return Err(unreadable("outcome")),
    };
    Ok(Attempt {
        delivery,
        number: row.get(0)?,
        started_at: Timestamp(row.get(1)?),
        ended_at: Timestamp(row.get(2)?),
        outcome,
        facts: Arc::new(facts.unwrap_or_default()),
    })
}

/// A UUID in a column.
pub(super) fn uuid_of(row: &Row<'_>, column: usize) -> Result<Uuid> {
    let blob = row.get_ref(column)?.as_blob().map_err(|_| unreadable("id"))?;
    Uuid::from_slice(blob).map_err(|_| unreadable("id"))
}

/// A severity in a column.
pub(super) fn severity_of(row: &Row<'_>, column: usize) -> Result<Severity> {
    let number: usize = row.get(column)?;
    let severity = number.checked_sub(1).and_then(|index| Severity::ALL.get(index));
    severity.copied().ok_or_else(|| unreadable("severity"))
}

/// A channel's name in a column.
pub(super) fn channel_of(row: &Row<'_>, column: usize) -> Result<ChannelName> {
    Ok(ChannelName(row.get::<_, String>(column)?.into()))
}

/// Reads stored JSON.
pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| unreadable(what))
}

/// Writes JSON to store.
pub(super) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("our types have text keys and finite numbers")
}

/// Keys as one blob.
pub(super) fn keys_to_blob(keys: &[i64]) -> Vec<u8> {
    keys.iter().flat_map(|key| key.to_be_bytes()).collect()
}

/// The keys in a blob.
pub(super) fn keys_of(row: &Row<'_>, column: usize) -> Result<Vec<i64>> {
    let blob = row.get_ref(column)?.as_blob().map_err(|_| unreadable("list of keys"))?;
    let (keys, rest) = blob.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(unreadable("list of keys"));
    }
    Ok(keys.iter().map(|key| i64::from_be_bytes(*key)).collect())
}
