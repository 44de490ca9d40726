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
//! What one plan made of one event for one limit is one notification here, however many messages
//! it takes. While it occupies a slot, its other messages share it: they add nothing to what is
//! occupied, so never more than N are, and the proof holds for those who share too.
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
use crate::line::{Line, step_ms};
use crate::{LimitClockRecord, SlotAnswer, SlotAsk, SlotEnd, SlotId, Waiting};

/// Most put off deliveries that one transaction looks at.
pub(super) const RELEASED_MAX: usize = 500;

/// Lets an attempt begin, or not.
pub(super) fn take(session: &mut Session, ask: &SlotAsk) -> Result<SlotAnswer> {
    let connection = &session.connection;
    let NotificationLimit { key, rule, .. } = &ask.limit;
    let key = key_row(connection, key)?.number;
    let ended_before = ask.now.plus_ms(-rule.period_ms);
    connection
        .prepare_cached("DELETE FROM limit_slots WHERE key = ?1 AND freed_at <= ?2")?
        .execute((key, ended_before.0))?;
    // Another message about what is counted already.
    let shares = if ask.may_have_arrived { None } else { slot_of(connection, key, ask)? };
    if shares.is_none() {
        if !ask.may_have_arrived && ask.was_tried && has_arrived(connection, ask.notification)? {
            return Ok(SlotAnswer::Passes);
        }
        if is_full(connection, key, *rule)? {
            return Ok(SlotAnswer::Full);
        }
    }
    let insert = "INSERT INTO limit_slots (key, event, planned_at, shares, taken_at)
                  VALUES (?1, ?2, ?3, ?4, ?5)";
    let number = connection.prepare_cached(insert)?.insert((
        key,
        ask.event.0.as_bytes(),
        ask.planned_at.0,
        shares,
        ask.now.0,
    ))?;
    Ok(SlotAnswer::Taken(SlotId(number)))
}

/// Whether no slot is free, once those that ended long enough ago are gone.
fn is_full(connection: &Connection, key: i64, rule: LimitRule) -> Result<bool> {
    // Mostly nobody shares, and this is quicker.
    let count = "SELECT count(*) FROM limit_slots WHERE key = ?1";
    let rows: i64 = connection.prepare_cached(count)?.query_row([key], |row| row.get(0))?;
    Ok(rows >= i64::from(rule.count) && occupied(connection, key)? >= i64::from(rule.count))
}

/// Slots that are not free; those who share are one.
fn occupied(connection: &Connection, key: i64) -> Result<i64> {
    let count = "SELECT count(DISTINCT coalesce(shares, number)) FROM limit_slots WHERE key = ?1";
    connection.prepare_cached(count)?.query_row([key], |row| row.get(0))
}

/// The slot that other messages of the same plan about the same event hold.
fn slot_of(connection: &Connection, key: i64, ask: &SlotAsk) -> Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT coalesce(shares, number) FROM limit_slots
             WHERE key = ?1 AND event = ?2 AND planned_at = ?3 ORDER BY number DESC LIMIT 1",
        )?
        .query_row((key, ask.event.0.as_bytes(), ask.planned_at.0), |row| row.get(0))
        .optional()
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
    let find = "SELECT CASE WHEN count(*) = count(freed_at) THEN max(freed_at) END AS at
                FROM limit_slots WHERE key = ?1 GROUP BY coalesce(shares, number)
                ORDER BY at IS NULL, at LIMIT 1 OFFSET ?2";
    let freed_at: Option<i64> =
        connection.prepare_cached(find)?.query_row((key, over), |row| row.get(0))?;
    Ok(match freed_at {
        Some(at) => HeldTime(at).plus_ms(rule.period_ms).max(now),
        // Its attempt is under way.
        None => now.plus_ms(step_ms(rule)),
    })
}

/// Gives those who wait the times at which to ask again: who stood in line before goes to its
/// front, who is new to its end. Ids tell them apart: they are in the order of their making.
/// A line is that of its rule: under another one nobody stands in it yet.
pub(super) fn line_up(
    session: &mut Session,
    limit: &NotificationLimit,
    waiting: &[Waiting],
    now: HeldTime,
) -> Result<Vec<HeldTime>> {
    let connection = &session.connection;
    let (key, rule) = (key_row(connection, &limit.key)?.number, limit.rule);
    let first = frees_at(connection, key, rule, now)?;
    let find = "SELECT line_at, line_used, line_last FROM limit_keys
                WHERE number = ?1 AND line_count = ?2 AND line_period_ms = ?3";
    let (line_at, used, last): (i64, u32, Vec<u8>) = connection
        .prepare_cached(find)?
        .query_row((key, rule.count, rule.period_ms), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?
        .unwrap_or_default();
    let mut front = Line::from(first);
    let mut end = Line::used_by(used, HeldTime(line_at));
    if end.at < first {
        end = Line::from(first);
    }
    let mut newest = last.clone();
    let mut times = Vec::with_capacity(waiting.len());
    for one in waiting {
        let id = one.notification.0.as_bytes().as_slice();
        if id <= last.as_slice() {
            times.push(front.next(rule, one));
        } else {
            times.push(end.next(rule, one));
            newest = newest.max(id.to_vec());
        }
    }
    connection
        .prepare_cached(
            "UPDATE limit_keys SET line_at = ?2, line_used = ?3, line_last = ?4, line_count = ?5,
               line_period_ms = ?6
             WHERE number = ?1",
        )?
        .execute((key, end.at.0, end.used, newest, rule.count, rule.period_ms))?;
    Ok(times)
}

/// Nobody stands in any line.
pub(super) fn end_lines(connection: &Connection) -> Result<usize> {
    connection.execute("UPDATE limit_keys SET line_count = 0 WHERE line_count > 0", [])
}

/// What was put off is due, in its old place in the queue. Answers where to go on, none at the
/// end, and how many those were.
pub(super) fn release_some(
    connection: &Connection,
    now: Timestamp,
    after: i64,
) -> Result<(Option<i64>, usize)> {
    let mut select = connection.prepare_cached(
        "SELECT key FROM deliveries WHERE put_off = 1 AND key > ?1 ORDER BY key LIMIT ?2",
    )?;
    let keys: Vec<i64> =
        select.query_map((after, RELEASED_MAX), |row| row.get(0))?.collect::<Result<_>>()?;
    let mut update = connection.prepare_cached(
        "UPDATE deliveries SET due_at = min(created_at, ?2), put_off = 0
         WHERE key = ?1 AND state = 0 AND due_at > ?2",
    )?;
    let mut count = 0;
    for key in &keys {
        count += update.execute((key, now.0))?;
    }
    // Whatever is put off from now on is put off by the limits of now.
    let is_end = keys.len() < RELEASED_MAX;
    Ok((keys.last().copied().filter(|_| !is_end), count))
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
