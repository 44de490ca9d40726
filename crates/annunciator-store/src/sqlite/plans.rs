//! Plans become notifications and deliveries, and the event leaves the inbox.

use std::borrow::Cow;

use annunciator_core::{
    Delivery, DeliveryState, EventUid, Notification, NotificationId, Timestamp,
};
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::fault::{Trouble, unreadable};
use super::figures::Word;
use super::key::{SPAN, key_of};
use super::limits::Admission;
use super::rows::{keys_to_blob, role_number, severity_of, state, to_json};
use super::session::{ClaimedEvent, Flight, Memory, Session};
use crate::limits::decisions_with;
use crate::pictures;
use crate::{Decision, LeftOut, PlanCommit, PlanVerdict, PlannedNotification, StoreError};

/// The token of deliveries that are in flight from their plan on.
const FIRST_TOKEN: i64 = 1;

/// Commits the verdicts of planners; those on events that wait no longer change nothing.
/// Answers the notifications without deliveries: limited, or of a plan that changed nothing.
pub(super) fn commit_plans(
    session: &mut Session,
    plans: &[PlanCommit],
) -> Result<LeftOut, Trouble> {
    let Session { connection, memory, .. } = session;
    let (mut admission, mut left_out) = (Admission::default(), LeftOut::default());
    let mut ledger = Ledger::over(connection)?;
    let mut leave = connection.prepare_cached("DELETE FROM inbox WHERE event = ?1")?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO plans
           (event, severity, event_type, registered_at, decisions, notifications, term_days)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for plan in plans {
        let claimed = match memory.release(plan.event) {
            Some(claimed) => Some(claimed),
            None => find_event(connection, plan.event)?,
        };
        let Some(event) = claimed else { continue };
        let (notifications, decisions, term_days, postponed) = match &plan.verdict {
            PlanVerdict::Planned { notifications, decisions, term_days, postponed } => {
                (notifications, decisions, *term_days, postponed)
            }
            PlanVerdict::Failed { reason, tries_max } => {
                commit_failure(connection, memory, event, reason, *tries_max)?;
                continue;
            }
        };
        if leave.execute([event.key])? == 0 {
            left_out.overtaken.extend(not_stored(connection, notifications)?);
            continue;
        }
        let mut keys = Vec::with_capacity(notifications.len());
        let mut limited = Vec::new();
        for planned in notifications {
            if let Some(limit) = &planned.limit
                && !admission.admit(connection, planned, limit)?
            {
                limited.push(planned);
                continue;
            }
            keys.push(ledger.insert(memory, event.key, planned)?);
        }
        if !postponed.is_empty() {
            super::bundles::postpone(connection, postponed)?;
        } else if keys.is_empty() {
            super::incidents::note_untold(connection, plan.event)?;
        }
        let mut decisions = Cow::Borrowed(decisions);
        if !limited.is_empty() {
            decisions = Cow::Owned(decisions_with(&decisions, notifications, &limited));
            left_out.limited.extend(limited.iter().map(|planned| planned.notification.id));
        }
        memory.tally.count_decisions(event.registered_at, &decisions);
        insert.execute((
            event.key,
            event.severity.number(),
            event.event_type,
            event.registered_at.0,
            stored_decisions(connection, memory, &decisions)?,
            keys_to_blob(&keys),
            term_days,
        ))?;
    }
    Ok(left_out)
}

/// Of a plan that changes nothing, the notifications that no commit before brought to the ledger.
fn not_stored(
    connection: &Connection,
    notifications: &[PlannedNotification],
) -> rusqlite::Result<Vec<NotificationId>> {
    let mut find = connection.prepare_cached("SELECT 1 FROM notifications WHERE id = ?1")?;
    let mut ids = Vec::new();
    for planned in notifications {
        let id = planned.notification.id;
        if !find.exists([id.0.as_bytes()])? {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn find_event(connection: &Connection, uid: EventUid) -> rusqlite::Result<Option<ClaimedEvent>> {
    let find = "SELECT e.key, e.severity, t.number, e.registered_at FROM events e
                JOIN event_types t
                  ON t.application = e.application AND t.event_type = e.event_type
                WHERE e.uid = ?1";
    connection
        .prepare_cached(find)?
        .query_row([uid.0.as_bytes()], |row| {
            Ok(ClaimedEvent {
                key: row.get(0)?,
                severity: severity_of(row, 1)?,
                event_type: row.get(2)?,
                registered_at: Timestamp(row.get(3)?),
            })
        })
        .optional()
}

fn stored_decisions(
    connection: &Connection,
    memory: &mut Memory,
    decisions: &[Decision],
) -> rusqlite::Result<Value> {
    if decisions.is_empty() {
        return Ok(Value::Null);
    }
    let body = to_json(decisions);
    Ok(match memory.decision_set(connection, &body)? {
        Some(number) => Value::Integer(number),
        None => Value::Text(body),
    })
}

fn commit_failure(
    connection: &Connection,
    memory: &mut Memory,
    event: ClaimedEvent,
    reason: &str,
    tries_max: u32,
) -> Result<(), Trouble> {
    let count = "UPDATE inbox SET tries = tries + 1 WHERE event = ?1 RETURNING tries";
    let tries: Option<u32> =
        connection.prepare_cached(count)?.query_row([event.key], |row| row.get(0)).optional()?;
    match tries {
        Some(tries) if tries >= tries_max => {
            connection.execute("DELETE FROM inbox WHERE event = ?1", [event.key])?;
            connection.execute(
                "INSERT INTO parked
                   (event, tries, reason, severity, event_type, registered_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (
                    event.key,
                    tries,
                    reason,
                    event.severity.number(),
                    event.event_type,
                    event.registered_at.0,
                ),
            )?;
        }
        Some(_) => memory.has_unclaimed = true,
        None => {}
    }
    Ok(())
}

/// Adds a notification to an event that was planned before, by an operator's hand.
pub(super) fn insert_notification(
    session: &mut Session,
    planned: &PlannedNotification,
) -> Result<(), Trouble> {
    let Session { connection, memory, .. } = session;
    let refuse = |words| Err(Trouble::Refused(StoreError::BadRequest(words)));
    let uid = planned.notification.event;
    let Some(event) = find_event(connection, uid)? else {
        return refuse(format!("no event {uid}"));
    };
    if !connection.prepare_cached("SELECT 1 FROM plans WHERE event = ?1")?.exists([event.key])? {
        return refuse(format!("event {uid} is not planned"));
    }
    let key = Ledger::over(connection)?.insert(memory, event.key, planned)?;
    connection.execute(
        "UPDATE plans SET notifications = CAST(notifications || ?2 AS BLOB) WHERE event = ?1",
        (event.key, keys_to_blob(&[key])),
    )?;
    Ok(())
}

/// The statements that insert notifications and deliveries, prepared once for many.
struct Ledger<'a> {
    connection: &'a Connection,
    content: CachedStatement<'a>,
    delivery: CachedStatement<'a>,
}

impl<'a> Ledger<'a> {
    fn over(connection: &'a Connection) -> rusqlite::Result<Self> {
        let content = connection.prepare_cached(
            "INSERT INTO notifications (id, event, event_uid, channel, created_at, application,
               event_type, severity, device, device_group, subject, body, html, sender, recipients,
               message_id, thread_id, event_id, deliveries, conditions, command, picture_id,
               picture)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
               ?18, ?19, ?20, ?21, ?22, ?23)",
        )?;
        let delivery = connection.prepare_cached(
            "INSERT INTO deliveries (key, id, notification, lane, state, claims, due_at, at,
               created_at, expires_at, attempts, retries, possibly_duplicated, role, address,
               failure)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
             ON CONFLICT DO NOTHING",
        )?;
        Ok(Self { connection, content, delivery })
    }

    /// Inserts a notification with its deliveries; answers its key.
    fn insert(
        &mut self,
        memory: &mut Memory,
        event_key: i64,
        planned: &PlannedNotification,
    ) -> Result<i64, Trouble> {
        let wanted: Vec<i64> = planned.deliveries.iter().map(|each| key_of(each.id)).collect();
        let key = self.insert_content(event_key, &planned.notification, &wanted)?;
        let channel = memory.tally.word(planned.notification.channel.as_str());
        let mut is_moved = false;
        let mut places = Vec::with_capacity(wanted.len());
        for (delivery, wanted) in planned.deliveries.iter().zip(&wanted) {
            let place = self.insert_delivery(memory, (key, channel), delivery)?;
            is_moved |= place != *wanted;
            places.push(place);
        }
        if is_moved {
            self.connection.execute(
                "UPDATE notifications SET deliveries = ?2 WHERE key = ?1",
                (key, keys_to_blob(&places)),
            )?;
        }
        Ok(key)
    }

    fn insert_content(
        &mut self,
        event_key: i64,
        notification: &Notification,
        deliveries: &[i64],
    ) -> rusqlite::Result<i64> {
        let Notification { scope, content, .. } = notification;
        let (picture_lines, picture_octets) = pictures::join(&content.pictures);
        self.content.insert(rusqlite::params![
            notification.id.0.as_bytes(),
            event_key,
            notification.event.0.as_bytes(),
            notification.channel.as_str(),
            notification.created_at.0,
            scope.application,
            scope.event_type,
            scope.severity.number(),
            scope.device,
            scope.group,
            content.subject,
            content.text,
            content.html,
            content.sender,
            to_json(&content.recipients),
            content.message_id,
            content.thread_id,
            content.event_id,
            keys_to_blob(deliveries),
            (!scope.conditions.is_empty()).then(|| to_json(&scope.conditions)),
            content.command.as_ref().map(to_json),
            picture_lines,
            picture_octets,
        ])
    }

    fn insert_delivery(
        &mut self,
        memory: &mut Memory,
        (notification, channel): (i64, Word),
        delivery: &Delivery,
    ) -> Result<i64, Trouble> {
        let lane = memory.lane_number(self.connection, &delivery.lane)?;
        let created_at = delivery.created_at;
        let (state, claims, due_at, at) = match delivery.state {
            DeliveryState::Queued { due_at } => (state::QUEUED, 0, due_at, due_at),
            DeliveryState::InFlight { lease_until } => {
                (state::PLANNED_IN_FLIGHT, FIRST_TOKEN, created_at, lease_until)
            }
            DeliveryState::Delivered { at } => (state::DELIVERED, 0, created_at, at),
            DeliveryState::Failed { at } => (state::FAILED, 0, created_at, at),
            DeliveryState::Cancelled { at } => (state::CANCELLED, 0, created_at, at),
        };
        let failure = delivery.last_failure.as_ref().map(to_json);
        let first = key_of(delivery.id);
        for key in first..first + SPAN {
            let count = self.delivery.execute(rusqlite::params![
                key,
                delivery.id.0.as_bytes(),
                notification,
                lane,
                state,
                claims,
                due_at.0,
                at.0,
                created_at.0,
                delivery.expires_at.0,
                delivery.attempts,
                delivery.retries,
                delivery.possibly_duplicated,
                role_number(delivery.recipient.role),
                delivery.recipient.address,
                failure,
            ])?;
            if count == 1 {
                if state == state::PLANNED_IN_FLIGHT {
                    let (token, lease_until) = (FIRST_TOKEN, at);
                    let since_planning = true;
                    let flight = Flight { key, token, lease_until, since_planning, channel };
                    memory.take_off(delivery.id, flight);
                }
                return Ok(key);
            }
        }
        Err(Trouble::Sqlite(unreadable("run of delivery keys")))
    }
}
