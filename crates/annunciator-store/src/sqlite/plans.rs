//! Plans become notifications and deliveries, and the event leaves the inbox.

use annunciator_core::{Delivery, DeliveryState, EventUid, Notification, Timestamp};
use rusqlite::{OptionalExtension, types::Value};

use super::fault::{Trouble, unreadable};
use super::key::{SPAN, key_of};
use super::rows::{keys_to_blob, role_number, severity_of, state, to_json};
use super::session::{ClaimedEvent, Flight, Session};
use crate::{Decision, PlanCommit, PlanVerdict, PlannedNotification, StoreError};

/// The token of deliveries that are in flight from their plan on.
const FIRST_TOKEN: i64 = 1;

/// Commits the verdicts of planners; those on events that wait no longer change nothing.
pub(super) fn commit_plans(session: &mut Session, plans: &[PlanCommit]) -> Result<(), Trouble> {
    for plan in plans {
        let claimed = match session.memory.release(plan.event) {
            Some(claimed) => Some(claimed),
            None => find_event(session, plan.event)?,
        };
        let Some(event) = claimed else { continue };
        match &plan.verdict {
            PlanVerdict::Planned { notifications, decisions } => {
                commit_plan(session, event, notifications, decisions)?;
            }
            PlanVerdict::Failed { reason, tries_max } => {
                commit_failure(session, event, reason, *tries_max)?;
            }
        }
    }
    Ok(())
}

fn find_event(session: &Session, uid: EventUid) -> rusqlite::Result<Option<ClaimedEvent>> {
    let find = "SELECT e.key, e.severity, t.number, e.registered_at FROM events e
                JOIN event_types t
                  ON t.application = e.application AND t.event_type = e.event_type
                WHERE e.uid = ?1";
    session
        .connection
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

fn commit_plan(
    session: &mut Session,
    event: ClaimedEvent,
    notifications: &[PlannedNotification],
    decisions: &[Decision],
) -> Result<(), Trouble> {
    let leave = "DELETE FROM inbox WHERE event = ?1";
    if session.connection.prepare_cached(leave)?.execute([event.key])? == 0 {
        return Ok(());
    }
    let mut keys = Vec::with_capacity(notifications.len());
    for planned in notifications {
        keys.push(insert_planned(session, event.key, planned)?);
    }
    let decisions = stored_decisions(session, decisions)?;
    session
        .connection
        .prepare_cached(
            "INSERT INTO plans
               (event, severity, event_type, registered_at, decisions, notifications)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            event.key,
            event.severity.number(),
            event.event_type,
            event.registered_at.0,
            decisions,
            keys_to_blob(&keys),
        ))?;
    Ok(())
}

fn stored_decisions(session: &mut Session, decisions: &[Decision]) -> rusqlite::Result<Value> {
    if decisions.is_empty() {
        return Ok(Value::Null);
    }
    let body = to_json(decisions);
    Ok(match session.decision_set(&body)? {
        Some(number) => Value::Integer(number),
        None => Value::Text(body),
    })
}

fn commit_failure(
    session: &mut Session,
    event: ClaimedEvent,
    reason: &str,
    tries_max: u32,
) -> Result<(), Trouble> {
    let count = "UPDATE inbox SET tries = tries + 1 WHERE event = ?1 RETURNING tries";
    let tries: Option<u32> = session
        .connection
        .prepare_cached(count)?
        .query_row([event.key], |row| row.get(0))
        .optional()?;
    match tries {
        Some(tries) if tries >= tries_max => {
            session.connection.execute("DELETE FROM inbox WHERE event = ?1", [event.key])?;
            session.connection.execute(
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
        Some(_) => session.memory.has_unclaimed = true,
        None => {}
    }
    Ok(())
}

/// Adds a notification to an event that was planned before, by an operator's hand.
pub(super) fn insert_notification(
    session: &mut Session,
    planned: &PlannedNotification,
) -> Result<(), Trouble> {
    let uid = planned.notification.event;
    let event = find_event(session, uid)?
        .ok_or_else(|| Trouble::Refused(StoreError::BadRequest(format!("no event {uid}"))))?;
    let find = "SELECT count(*) FROM plans WHERE event = ?1";
    let count: i64 = session.connection.query_row(find, [event.key], |row| row.get(0))?;
    if count == 0 {
        let words = format!("event {uid} is not planned");
        return Err(Trouble::Refused(StoreError::BadRequest(words)));
    }
    let key = insert_planned(session, event.key, planned)?;
    let extend = "UPDATE plans SET notifications = CAST(notifications || ?2 AS BLOB)
                  WHERE event = ?1";
    session.connection.execute(extend, (event.key, keys_to_blob(&[key])))?;
    Ok(())
}

/// Inserts a notification with its deliveries; answers its key.
fn insert_planned(
    session: &mut Session,
    event_key: i64,
    planned: &PlannedNotification,
) -> Result<i64, Trouble> {
    let wanted: Vec<i64> = planned.deliveries.iter().map(|each| key_of(each.id)).collect();
    let key = insert_content(session, event_key, &planned.notification, &wanted)?;
    let mut places = Vec::with_capacity(wanted.len());
    for delivery in &planned.deliveries {
        places.push(insert_delivery(session, key, delivery)?);
    }
    if places != wanted {
        session.connection.execute(
            "UPDATE notifications SET deliveries = ?2 WHERE key = ?1",
            (key, keys_to_blob(&places)),
        )?;
    }
    Ok(key)
}

fn insert_content(
    session: &Session,
    event_key: i64,
    notification: &Notification,
    deliveries: &[i64],
) -> rusqlite::Result<i64> {
    let Notification { scope, content, .. } = notification;
    session
        .connection
        .prepare_cached(
            "INSERT INTO notifications (id, event, event_uid, channel, created_at, application,
               event_type, severity, device, device_group, subject, body, html, sender, recipients,
               message_id, thread_id, event_id, deliveries)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
               ?18, ?19)",
        )?
        .insert(rusqlite::params![
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
        ])
}

fn insert_delivery(
    session: &mut Session,
    notification: i64,
    delivery: &Delivery,
) -> Result<i64, Trouble> {
    let lane = session.lane_number(&delivery.lane)?;
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
    let mut insert = session.connection.prepare_cached(
        "INSERT INTO deliveries (key, id, notification, lane, state, claims, due_at, at, created_at,
           expires_at, attempts, retries, possibly_duplicated, role, address, failure)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT DO NOTHING",
    )?;
    let first = key_of(delivery.id);
    for key in first..first + SPAN {
        let count = insert.execute(rusqlite::params![
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
                let flight = Flight { key, token, lease_until, since_planning: true };
                session.memory.take_off(delivery.id, flight);
            }
            return Ok(key);
        }
    }
    Err(Trouble::Sqlite(unreadable("run of delivery keys")))
}
