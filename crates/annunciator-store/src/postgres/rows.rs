//! Rows become nouns, nouns become column values; the numbers that stand for words.
//!
//! Failure: a number without a word means damage, or a newer version: the row is refused.

use std::sync::Arc;

use annunciator_core::{
    Application, Attempt, AttemptFacts, ChannelName, Content, Delivery, DeliveryId, DeliveryState,
    Device, Event, EventUid, Failure, Lane, Notification, NotificationId, Outcome as Ended,
    Recipient, RecipientRole, Scope, Severity, Timestamp,
};
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use super::fault::{Outcome, unreadable};
use crate::pictures;

/// Numbers of the column `state`; the SQL texts use them too.
pub(super) mod state {
    pub(in crate::postgres) const QUEUED: i16 = 0;
    pub(in crate::postgres) const IN_FLIGHT: i16 = 1;
    pub(in crate::postgres) const DELIVERED: i16 = 2;
    pub(in crate::postgres) const FAILED: i16 = 3;
    pub(in crate::postgres) const CANCELLED: i16 = 4;
}

/// A column of a row.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Outcome<T> {
    row.try_get(column).map_err(|_| unreadable("value"))
}

/// A column that holds milliseconds.
pub(super) fn time(row: &Row, column: usize) -> Outcome<Timestamp> {
    Ok(Timestamp(get(row, column)?))
}

/// A column that holds milliseconds, or nothing.
pub(super) fn some_time(row: &Row, column: usize) -> Outcome<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp))
}

/// A column that holds a number that is never negative.
pub(super) fn number<N: TryFrom<i64>>(row: &Row, column: usize) -> Outcome<N> {
    N::try_from(get::<i64>(row, column)?).map_err(|_| unreadable("number"))
}

/// The same in a column of four octets.
pub(super) fn small<N: TryFrom<i32>>(row: &Row, column: usize) -> Outcome<N> {
    N::try_from(get::<i32>(row, column)?).map_err(|_| unreadable("number"))
}

/// The API's word for a number of the column `state`.
pub(super) fn state_word(number: i16) -> Outcome<&'static str> {
    Ok(match number {
        state::QUEUED => "queued",
        state::IN_FLIGHT => "in_flight",
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
pub(super) fn event_of(row: &Row) -> Outcome<Event> {
    let uid = EventUid(get(row, 0)?);
    let id: Option<String> = get(row, 1)?;
    let parameters: Option<&str> = get(row, 16)?;
    Ok(Event {
        uid,
        id: id.unwrap_or_else(|| uid.to_string()),
        application: Application { name: get(row, 2)?, version: get(row, 3)? },
        event_type: get(row, 4)?,
        type_name: get(row, 5)?,
        severity: severity_of(row, 6)?,
        device: Device {
            name: get(row, 7)?,
            ip: get(row, 8)?,
            connection_ip: get(row, 9)?,
            domain: get(row, 10)?,
            group: get(row, 11)?,
        },
        task: get(row, 12)?,
        description: get(row, 13)?,
        occurred_at: time(row, 14)?,
        registered_at: time(row, 15)?,
        parameters: parameters
            .map_or_else(|| Ok(Default::default()), |text| from_json(text, "event parameter"))?,
    })
}

/// Columns of a notification, for [`notification_of`].
pub(super) const NOTIFICATION_COLUMNS: &str = "n.id, n.event, n.channel, n.created_at, \
     n.application, n.event_type, n.severity, n.device, n.device_group, n.conditions, n.subject, \
     n.body, n.html, n.sender, n.recipients, n.message_id, n.thread_id, n.event_id, n.command, \
     n.picture_id, n.picture";

/// Reads [`NOTIFICATION_COLUMNS`], which must come first.
pub(super) fn notification_of(row: &Row) -> Outcome<Notification> {
    let conditions: Option<&str> = get(row, 9)?;
    let command: Option<&str> = get(row, 18)?;
    Ok(Notification {
        id: NotificationId(get(row, 0)?),
        event: EventUid(get(row, 1)?),
        channel: channel_of(row, 2)?,
        created_at: time(row, 3)?,
        scope: Scope {
            application: get(row, 4)?,
            event_type: get(row, 5)?,
            severity: severity_of(row, 6)?,
            device: get(row, 7)?,
            group: get(row, 8)?,
            conditions: conditions
                .map_or_else(|| Ok(Vec::new()), |text| from_json(text, "list of conditions"))?,
        },
        content: Content {
            subject: get(row, 10)?,
            text: get(row, 11)?,
            html: get(row, 12)?,
            sender: get(row, 13)?,
            recipients: from_json(get(row, 14)?, "list of recipients")?,
            message_id: get(row, 15)?,
            thread_id: get(row, 16)?,
            event_id: get(row, 17)?,
            command: command.map(|text| from_json(text, "command")).transpose()?,
            pictures: pictures::split(get(row, 19)?, get(row, 20)?),
        },
    })
}

/// Columns of a delivery, for [`delivery_of`]; those of `all_deliveries`.
pub(super) const DELIVERY_COLUMNS: &str = "d.id, d.event, d.notification, d.channel, d.lane, \
     d.state, d.claims, d.due_at, d.at, d.created_at, d.expires_at, d.attempts, d.retries, \
     d.possibly_duplicated, d.role, d.address, d.failure";
/// Number of columns in [`DELIVERY_COLUMNS`].
pub(super) const DELIVERY_COLUMN_COUNT: usize = 17;

/// A delivery with what stands beside it in its row.
pub(super) struct StoredDelivery {
    pub(super) delivery: Delivery,
    pub(super) event: EventUid,
    pub(super) channel: ChannelName,
    /// The token of its newest claim.
    pub(super) claims: i64,
    /// When it is or was due.
    pub(super) due_at: Timestamp,
}

/// Reads [`DELIVERY_COLUMNS`], which must come first.
pub(super) fn delivery_of(row: &Row) -> Outcome<StoredDelivery> {
    let (due_at, at) = (time(row, 7)?, time(row, 8)?);
    let failure: Option<&str> = get(row, 16)?;
    let state = match get::<i16>(row, 5)? {
        state::QUEUED => DeliveryState::Queued { due_at },
        state::IN_FLIGHT => DeliveryState::InFlight { lease_until: at },
        state::DELIVERED => DeliveryState::Delivered { at },
        state::FAILED => DeliveryState::Failed { at },
        state::CANCELLED => DeliveryState::Cancelled { at },
        _ => return Err(unreadable("delivery state")),
    };
    let lane: &str = get(row, 4)?;
    let delivery = Delivery {
        id: DeliveryId(get(row, 0)?),
        notification: NotificationId(get(row, 2)?),
        recipient: Recipient { address: get(row, 15)?, role: role_of(get(row, 14)?)? },
        lane: Lane::new(lane),
        state,
        created_at: time(row, 9)?,
        expires_at: time(row, 10)?,
        attempts: small(row, 11)?,
        retries: small(row, 12)?,
        possibly_duplicated: get(row, 13)?,
        last_failure: failure.map(|text| from_json::<Failure>(text, "failure")).transpose()?,
    };
    Ok(StoredDelivery {
        delivery,
        event: EventUid(get(row, 1)?),
        channel: channel_of(row, 3)?,
        claims: get(row, 6)?,
        due_at,
    })
}

/// The number of a role.
pub(super) fn role_number(role: RecipientRole) -> i16 {
    match role {
        RecipientRole::To => 0,
        RecipientRole::Cc => 1,
        RecipientRole::Bcc => 2,
    }
}

/// The role of a number.
pub(super) fn role_of(number: i16) -> Outcome<RecipientRole> {
    Ok(match number {
        0 => RecipientRole::To,
        1 => RecipientRole::Cc,
        2 => RecipientRole::Bcc,
        _ => return Err(unreadable("recipient role")),
    })
}

/// The number of an outcome.
pub(super) fn outcome_number(outcome: &Ended) -> i16 {
    match outcome {
        Ended::Delivered => 0,
        Ended::TransientFailure(_) => 1,
        Ended::PermanentFailure(_) => 2,
        Ended::Uncertain(_) => 3,
    }
}

/// Reads number, `started_at`, `ended_at`, outcome, failure and facts of an attempt.
pub(super) fn attempt_of(row: &Row, delivery: DeliveryId) -> Outcome<Attempt> {
    let failure: Option<&str> = get(row, 4)?;
    let failure = failure.map(|text| from_json::<Failure>(text, "failure")).transpose()?;
    let facts: Option<&str> = get(row, 5)?;
    let facts = facts.map(|text| from_json::<AttemptFacts>(text, "attempt")).transpose()?;
    let outcome = match (get::<i16>(row, 3)?, failure) {
        (0, _) => Ended::Delivered,
        (1, Some(failure)) => Ended::TransientFailure(failure),
        (2, Some(failure)) => Ended::PermanentFailure(failure),
        (3, Some(failure)) => Ended::Uncertain(failure),
        _ => return Err(unreadable("outcome")),
    };
    Ok(Attempt {
        delivery,
        number: number(row, 0)?,
        started_at: time(row, 1)?,
        ended_at: time(row, 2)?,
        outcome,
        facts: Arc::new(facts.unwrap_or_default()),
    })
}

/// A severity in a column.
pub(super) fn severity_of(row: &Row, column: usize) -> Outcome<Severity> {
    let number = usize::try_from(get::<i16>(row, column)?).ok();
    let place = number.and_then(|number| number.checked_sub(1));
    place.and_then(|place| Severity::ALL.get(place)).copied().ok_or_else(|| unreadable("severity"))
}

/// A severity as a column value.
pub(super) fn severity_number(severity: Severity) -> i16 {
    i16::from(severity.number())
}

/// A channel's name in a column.
pub(super) fn channel_of(row: &Row, column: usize) -> Outcome<ChannelName> {
    Ok(ChannelName(get::<String>(row, column)?.into()))
}

/// Thirty-two octets in a column.
pub(super) fn sha256_of(row: &Row, column: usize) -> Outcome<[u8; 32]> {
    get::<&[u8]>(row, column)?.try_into().map_err(|_| unreadable("hash"))
}

/// Ids in a column.
pub(super) fn ids_of(row: &Row, column: usize) -> Outcome<Vec<Uuid>> {
    get(row, column)
}

/// Reads stored JSON.
pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Outcome<T> {
    serde_json::from_str(text).map_err(|_| unreadable(what))
}

/// Writes JSON to store.
pub(super) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("our types have text keys and finite numbers")
}
