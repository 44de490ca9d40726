//! Attempts take slots and free them; those who find none wait in line.
//!
//! The promise: wherever between begin and end of its attempt each hand-over lies, no period of
//! length T sees more than N notifications handed over. Proof: take a period [w, w + T] and all
//! hand-overs in it, and of their slots the one that was taken last, at b. Its own hand-over lies
//! in the period and after b, so b <= w + T. The slot of any other of them was taken before b, and
//! its attempt ended at e, not before its hand-over: e >= w, so e + T >= b. A slot is occupied from
//! its taking until T after its end, so all of them were occupied when the last was taken, and a
//! slot is given only while fewer than N are. A slot whose attempt handed nothing over is no
//! hand-over and is given back. Times of ends are rounded up, times of takings down.
//! The test `contract::limits::no_period_sees_more_hand_overs_than_the_limit` looks at every
//! period.
//!
//! Failure: an attempt that dies with its process ended at the next start, at the latest.

use annunciator_core::{HeldTime, LimitRule, NotificationId, NotificationLimit, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result};

use super::fault::Trouble;
use super::limits::key_row;
use super::rows::{keys_of, state};
use super::session::Session;
use crate::{LimitClockRecord, SlotAnswer, SlotAsk, SlotEnd, SlotId};

/// How much longer than a period the steps of the line are, so that those who wait mostly find the
/// slots free: attempts take time. Unit: parts of the period, and milliseconds.
const STEP_MARGIN_PART: i64 = 50;
const STEP_MARGIN_MS: i64 = 25;

/// Lets an attempt begin, or not.
pub(super) fn take(session: &mut Session, ask: &SlotAsk) -> Result<SlotAnswer> {
    let connection = &session.connection;
    let NotificationLimit { key, rule, .. } = &ask.limit;
    let key = key_row(connection, key)?.number;
    let ended_before = ask.now.plus_ms(-rule.period_ms);
    connection
        .prepare_cached("DELETE FROM limit_slots WHERE key = ?1 AND freed_at <= ?2")?
        .execute((key, ended_before.0))?;
    // Another order of a notification that is counted already.
    let is_shared = !ask.may_have_arrived && holds_slot(connection, key, ask.notification)?;
    if !is_shared {
        if !ask.may_have_arrived && ask.was_tried && has_arrived(connection, ask.notification)? {
            return Ok(SlotAnswer::Passes);
        }
        if occupied(connection, key)? >= i64::from(rule.count) {
            return Ok(SlotAnswer::Full);
        }
    }
    let insert = "INSERT INTO limit_slots (key, notification, taken_at) VALUES (?1, ?2, ?3)";
    let number = connection.prepare_cached(insert)?.insert((
        key,
        ask.notification.0.as_bytes(),
        ask.now.0,
    ))?;
    Ok(SlotAnswer::Taken(SlotId(number)))
}

/// Slots that are not free, once those that ended long enough ago are gone.
fn occupied(connection: &Connection, key: i64) -> Result<i64> {
    let count = "SELECT count(*) FROM limit_slots WHERE key = ?1";
    connection.prepare_cached(count)?.query_row([key], |row| row.get(0))
}

fn holds_slot(connection: &Connection, key: i64, id: NotificationId) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM limit_slots WHERE key = ?1 AND notification = ?2")?
        .exists((key, id.0.as_bytes()))
}

/// Whether the notification reached one of its recipients.
fn has_arrived(connection: &Connection, id: NotificationId) -> Result<bool> {
    let keys = connection
        .prepare_cached("SELECT deliveries FROM notifications WHERE id = ?1")?
        .query_row([id.0.as_bytes()], |row| keys_of(row, 0))
        .optional()?;
    let mut select =
        connection.prepare_cached("SELECT 1 FROM deliveries WHERE key = ?1 AND state = ?2")?;
    for key in keys.unwrap_or_default() {
        if select.exists((key, state::DELIVERED))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Frees the slot of an attempt; one that handed nothing over leaves no trace.
pub(super) fn free(connection: &Connection, end: &SlotEnd) -> Result<()> {
    if end.may_have_arrived {
        connection
            .prepare_cached(
                "UPDATE limit_slots SET freed_at = ?2 WHERE number = ?1 AND freed_at IS NULL",
            )?
            .execute((end.slot.0, end.at.0))?;
    } else {
        connection
            .prepare_cached("DELETE FROM limit_slots WHERE number = ?1 AND freed_at IS NULL")?
            .execute([end.slot.0])?;
    }
    Ok(())
}

/// Ends the slots of attempts that died with their process.
pub(super) fn free_lost(connection: &Connection, now: HeldTime) -> Result<usize> {
    connection.execute("UPDATE limit_slots SET freed_at = ?1 WHERE freed_at IS NULL", [now.0])
}

/// When fewer than the limit are occupied again, as far as can be known.
fn frees_at(connection: &Connection, key: i64, rule: LimitRule, now: HeldTime) -> Result<HeldTime> {
    let over = occupied(connection, key)? - i64::from(rule.count);
    if over < 0 {
        return Ok(now);
    }
    let find = "SELECT freed_at FROM limit_slots WHERE key = ?1
                ORDER BY freed_at IS NULL, freed_at LIMIT 1 OFFSET ?2";
    let freed_at: Option<i64> =
        connection.prepare_cached(find)?.query_row((key, over), |row| row.get(0))?;
    Ok(match freed_at {
        Some(at) => HeldTime(at).plus_ms(rule.period_ms).max(now),
        // Its attempt is under way.
        None => now.plus_ms(step_ms(rule)),
    })
}

fn step_ms(rule: LimitRule) -> i64 {
    rule.period_ms + rule.period_ms / STEP_MARGIN_PART + STEP_MARGIN_MS
}

/// A line of those who wait: so many for each step.
struct Line {
    at: HeldTime,
    used: u32,
}

impl Line {
    fn next(&mut self, rule: LimitRule) -> HeldTime {
        if self.used >= rule.count {
            self.at = self.at.plus_ms(step_ms(rule));
            self.used = 0;
        }
        self.used += 1;
        self.at
    }
}

/// Gives those who wait the times at which to ask again: who stood in line before goes to its
/// front, who is new to its end. Ids tell them apart: they are in the order of their making.
pub(super) fn line_up(
    session: &mut Session,
    limit: &NotificationLimit,
    notifications: &[NotificationId],
    now: HeldTime,
) -> Result<Vec<HeldTime>> {
    let connection = &session.connection;
    let (key, rule) = (key_row(connection, &limit.key)?.number, limit.rule);
    let first = frees_at(connection, key, rule, now)?;
    let find = "SELECT line_at, line_used, line_last FROM limit_keys WHERE number = ?1";
    let (line_at, used, last): (i64, u32, Vec<u8>) = connection
        .prepare_cached(find)?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut front = Line { at: first, used: 0 };
    let mut end = Line { at: HeldTime(line_at), used };
    if end.at < first {
        end = Line { at: first, used: 0 };
    }
    let mut newest = last.clone();
    let mut times = Vec::with_capacity(notifications.len());
    for id in notifications {
        if id.0.as_bytes().as_slice() <= last.as_slice() {
            times.push(front.next(rule));
        } else {
            times.push(end.next(rule));
            newest = newest.max(id.0.as_bytes().to_vec());
        }
    }
    connection
        .prepare_cached(
            "UPDATE limit_keys SET line_at = ?2, line_used = ?3, line_last = ?4 WHERE number = ?1",
        )?
        .execute((key, end.at.0, end.used, newest))?;
    Ok(times)
}

/// Where held time stood, and the newest time that counts.
pub(super) fn clock(
    connection: &Connection,
) -> Result<(Option<LimitClockRecord>, Option<HeldTime>)> {
    let record = connection
        .prepare_cached("SELECT boot_id, offset_ms, wall_ahead_ms FROM limit_clock")?
        .query_row([], |row| {
            Ok(LimitClockRecord {
                boot_id: row.get(0)?,
                offset_ms: row.get(1)?,
                wall_ahead_ms: row.get(2)?,
            })
        })
        .optional()?;
    let newest: Option<i64> = connection
        .prepare_cached(
            "SELECT max(at) FROM (SELECT max(at) AS at FROM limit_marks
               UNION ALL SELECT max(taken_at) FROM limit_slots
               UNION ALL SELECT max(freed_at) FROM limit_slots)",
        )?
        .query_row([], |row| row.get(0))?;
    Ok((record, newest.map(HeldTime)))
}

/// Keeps where held time stands.
pub(super) fn keep_clock(connection: &Connection, record: &LimitClockRecord) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO limit_clock (one, boot_id, offset_ms, wall_ahead_ms)
             VALUES (1, ?1, ?2, ?3)",
        )?
        .execute((&record.boot_id, record.offset_ms, record.wall_ahead_ms))?;
    Ok(())
}

/// What waits for a time ahead of a wall clock that was set back waits as long as it would have.
pub(super) fn move_due(
    connection: &Connection,
    now: Timestamp,
    back_ms: i64,
) -> std::result::Result<usize, Trouble> {
    let text =
        "UPDATE deliveries SET due_at = max(?1, due_at - ?2) WHERE state = 0 AND due_at > ?1";
    Ok(connection.prepare_cached(text)?.execute((now.0, back_ms))?)
}
