//! Planned notifications are admitted or limited; what was limited becomes a summary.
//!
//! A limit's marks are numbered without gaps, so that the one which decides is found by its number.
//! Everything here runs in the writer's transaction: marks, decision and count stand or fall
//! together.

use std::collections::{HashMap, HashSet};

use annunciator_core::{
    Counter, Decision, DecisionKind, EventUid, HeldTime, Lane, LimitKey, LimitRule,
    NotificationLimit, Recipient, RecipientRole, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Result};

use super::fault::{Trouble, unreadable};
use super::inbox::Inbox;
use super::plans;
use super::rows::{from_json, role_number, to_json};
use super::session::Session;
use crate::limits::source_of;
use crate::{
    AUDIENCE_MAX, Audience, Limited, LimitedKey, LimitedType, PlanCommit, PlanVerdict,
    PlannedLimit, PlannedNotification, SummaryCommit, SummarySource, SummaryVerdict,
};

/// Most limits that are listed, and most event types of one.
const LIST_MAX: usize = 10_000;
/// Most limits that one call forgets.
const FORGET_MAX: usize = 1_000;

/// A limit's row.
pub(super) struct KeyRow {
    pub(super) number: i64,
    newest: i64,
    newest_is_summary: bool,
    owed: Option<String>,
}

/// The row of a limit that is known.
pub(super) fn find_key(connection: &Connection, key: &LimitKey) -> Result<Option<KeyRow>> {
    connection
        .prepare_cached(
            "SELECT number, newest, newest_is_summary, owed FROM limit_keys WHERE name = ?1",
        )?
        .query_row([key.as_str()], |row| {
            Ok(KeyRow {
                number: row.get(0)?,
                newest: row.get(1)?,
                newest_is_summary: row.get(2)?,
                owed: row.get(3)?,
            })
        })
        .optional()
}

/// The row of a limit, which is new when it is needed first.
pub(super) fn key_row(connection: &Connection, key: &LimitKey) -> Result<KeyRow> {
    if let Some(row) = find_key(connection, key)? {
        return Ok(row);
    }
    let insert = "INSERT INTO limit_keys (name) VALUES (?1)";
    let number = connection.prepare_cached(insert)?.insert([key.as_str()])?;
    Ok(KeyRow { number, newest: 0, newest_is_summary: false, owed: None })
}

fn mark_at(connection: &Connection, row: &KeyRow, number: i64) -> Result<Option<HeldTime>> {
    if number < 1 {
        return Ok(None);
    }
    let find = "SELECT at FROM limit_marks WHERE key = ?1 AND number = ?2";
    let found = connection
        .prepare_cached(find)?
        .query_row((row.number, number), |mark| mark.get(0))
        .optional()?;
    Ok(found.map(HeldTime))
}

fn counter_of(connection: &Connection, row: &KeyRow, rule: LimitRule) -> Result<Counter> {
    let nth = row.newest - i64::from(rule.count) + 1;
    let before_nth = if rule.count > 1 { mark_at(connection, row, nth + 1)? } else { None };
    Ok(Counter {
        nth: mark_at(connection, row, nth)?,
        before_nth,
        newest_is_summary: row.newest_is_summary,
        owes_summary: row.owed.is_some(),
    })
}

/// The marks of a limit.
pub(super) fn counter(connection: &Connection, key: &LimitKey, rule: LimitRule) -> Result<Counter> {
    match find_key(connection, key)? {
        Some(row) => counter_of(connection, &row, rule),
        None => Ok(Counter::default()),
    }
}

fn add_mark(
    connection: &Connection,
    row: &KeyRow,
    rule: LimitRule,
    now: HeldTime,
    is_summary: bool,
) -> Result<()> {
    // Those who committed out of order must not leave a mark older than the one before.
    let at = mark_at(connection, row, row.newest)?.map_or(now, |newest| newest.max(now));
    let number = row.newest + 1;
    connection
        .prepare_cached("INSERT INTO limit_marks (key, number, at) VALUES (?1, ?2, ?3)")?
        .execute((row.number, number, at.0))?;
    connection
        .prepare_cached("DELETE FROM limit_marks WHERE key = ?1 AND number <= ?2")?
        .execute((row.number, number - i64::from(rule.count)))?;
    connection
        .prepare_cached(
            "UPDATE limit_keys SET newest = ?2, newest_is_summary = ?3 WHERE number = ?1",
        )?
        .execute((row.number, number, is_summary))?;
    Ok(())
}

/// Admits or limits the notifications of one call.
#[derive(Default)]
pub(super) struct Admission {
    /// Audiences that were noted already: those of one call mostly are the same.
    noted: HashSet<(i64, Lane, Vec<Recipient>)>,
    /// What one plan makes of one event is one notification, however many messages that takes.
    admitted: HashMap<(EventUid, LimitKey), bool>,
}

impl Admission {
    /// Whether a notification is admitted; counts it either way.
    pub(super) fn admit(
        &mut self,
        connection: &Connection,
        planned: &PlannedNotification,
        limit: &PlannedLimit,
    ) -> Result<bool> {
        let NotificationLimit { key, rule, .. } = &limit.limit;
        let counted = (planned.notification.event, key.clone());
        let known = self.admitted.get(&counted).copied();
        if known == Some(true) {
            return Ok(true);
        }
        let row = key_row(connection, key)?;
        if known.is_none() {
            let is_admitted = counter_of(connection, &row, *rule)?.admits(*rule, limit.now);
            self.admitted.insert(counted, is_admitted);
            if is_admitted {
                add_mark(connection, &row, *rule, limit.now, false)?;
                return Ok(true);
            }
            note_limited(connection, &row, planned, limit)?;
        }
        let Some(first) = planned.deliveries.first() else { return Ok(false) };
        let recipients = planned.notification.content.recipients.clone();
        let audience = (row.number, first.lane.clone(), recipients);
        if !self.noted.contains(&audience) {
            note_source(connection, row.number, &source_of(planned, first, limit))?;
            note_audience(connection, &audience)?;
            self.noted.insert(audience);
        }
        Ok(false)
    }
}

fn note_limited(
    connection: &Connection,
    row: &KeyRow,
    planned: &PlannedNotification,
    limit: &PlannedLimit,
) -> Result<()> {
    let notification = &planned.notification;
    connection
        .prepare_cached(
            "INSERT INTO limit_limited
               (key, application, event_type, type_name, count, first_at, last_at)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)
             ON CONFLICT DO UPDATE SET count = count + 1, last_at = excluded.last_at, type_name =
               CASE excluded.type_name WHEN '' THEN type_name ELSE excluded.type_name END",
        )?
        .execute((
            row.number,
            &notification.scope.application,
            &notification.scope.event_type,
            &limit.type_name,
            notification.created_at.0,
        ))?;
    let Some(first) = planned.deliveries.first() else { return Ok(()) };
    let source = to_json(&source_of(planned, first, limit));
    connection
        .prepare_cached("UPDATE limit_keys SET owed = ?2 WHERE number = ?1")?
        .execute((row.number, source))?;
    Ok(())
}

fn note_source(connection: &Connection, key: i64, source: &SummarySource) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO limit_sources (key, lane, source) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET source = excluded.source",
        )?
        .execute((key, source.lane.as_str(), to_json(source)))?;
    Ok(())
}

fn note_audience(
    connection: &Connection,
    (key, lane, recipients): &(i64, Lane, Vec<Recipient>),
) -> Result<()> {
    let mut count: usize = connection
        .prepare_cached("SELECT count(*) FROM limit_audience WHERE key = ?1")?
        .query_row([key], |row| row.get(0))?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO limit_audience (key, lane, address, role, place) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
    )?;
    for recipient in recipients {
        if count >= AUDIENCE_MAX {
            break;
        }
        let role = role_number(recipient.role);
        count += insert.execute((key, lane.as_str(), &recipient.address, role, count))?;
    }
    Ok(())
}

/// The limits that owe a summary.
pub(super) fn limited_keys(connection: &Connection) -> Result<Vec<LimitedKey>> {
    let mut select = connection.prepare_cached(
        "SELECT name FROM limit_keys WHERE owed IS NOT NULL ORDER BY number LIMIT ?1",
    )?;
    let names = select.query_map([LIST_MAX], |row| row.get::<_, String>(0))?;
    let mut keys = Vec::new();
    for name in names {
        keys.extend(limited_key(connection, &LimitKey(name?.into()))?);
    }
    Ok(keys)
}

fn limited_key(connection: &Connection, key: &LimitKey) -> Result<Option<LimitedKey>> {
    let Some(row) = find_key(connection, key)? else { return Ok(None) };
    let Some(owed) = &row.owed else { return Ok(None) };
    let source: SummarySource = from_json(owed, "limit")?;
    let counter = counter_of(connection, &row, source.rule)?;
    let sum = "SELECT sum(count), min(first_at), max(last_at) FROM limit_limited WHERE key = ?1";
    let (count, first_at, last_at) = connection
        .prepare_cached(sum)?
        .query_row([row.number], |sum| Ok((sum.get(0)?, sum.get(1)?, sum.get(2)?)))?;
    let (first_at, last_at) = (Timestamp(first_at), Timestamp(last_at));
    Ok(Some(LimitedKey { key: key.clone(), source, counter, count, first_at, last_at }))
}

/// What a limit's summary tells.
pub(super) fn limited(connection: &Connection, key: &LimitKey) -> Result<Option<Limited>> {
    let Some(limited) = limited_key(connection, key)? else { return Ok(None) };
    let Some(row) = find_key(connection, key)? else { return Ok(None) };
    let mut select = connection.prepare_cached(
        "SELECT application, event_type, type_name, count FROM limit_limited WHERE key = ?1
         ORDER BY count DESC, application, event_type LIMIT ?2",
    )?;
    let types = select.query_map((row.number, LIST_MAX), |row| {
        Ok(LimitedType {
            application: row.get(0)?,
            event_type: row.get(1)?,
            type_name: row.get(2)?,
            count: row.get(3)?,
        })
    })?;
    let types: Vec<LimitedType> = types.collect::<Result<_>>()?;
    Ok(Some(Limited { limited, types, audiences: audiences_of(connection, row.number)? }))
}

fn audiences_of(connection: &Connection, key: i64) -> Result<Vec<Audience>> {
    let mut select = connection
        .prepare_cached("SELECT lane, source FROM limit_sources WHERE key = ?1 ORDER BY lane")?;
    let sources: Vec<(String, String)> =
        select.query_map([key], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_>>()?;
    let mut select = connection.prepare_cached(
        "SELECT address, role FROM limit_audience WHERE key = ?1 AND lane = ?2
         ORDER BY place, address",
    )?;
    let mut audiences = Vec::with_capacity(sources.len());
    for (lane, source) in sources {
        let recipients = select.query_map((key, &lane), |row| {
            let role = match row.get::<_, i64>(1)? {
                0 => RecipientRole::To,
                1 => RecipientRole::Cc,
                2 => RecipientRole::Bcc,
                _ => return Err(unreadable("recipient role")),
            };
            Ok(Recipient { address: row.get(0)?, role })
        })?;
        let recipients: Vec<_> = recipients.collect::<Result<_>>()?;
        // Past the bound of a limit there are lanes that nobody is left for.
        if !recipients.is_empty() {
            audiences.push(Audience { source: from_json(&source, "limit")?, recipients });
        }
    }
    Ok(audiences)
}

/// Queues a summary when its place is free: event, plan, mark and what is told in one.
pub(super) fn commit_summary(
    session: &mut Session,
    summary: &SummaryCommit,
) -> std::result::Result<SummaryVerdict, Trouble> {
    let Some(row) = find_key(&session.connection, &summary.key)? else {
        return Ok(SummaryVerdict::Changed);
    };
    let Some(owed) = &row.owed else { return Ok(SummaryVerdict::Changed) };
    let SummarySource { rule, channel, .. } = from_json(owed, "limit")?;
    let due_at = counter_of(&session.connection, &row, rule)?.summary_due_at(rule);
    if let Some(due_at) = due_at.filter(|at| *at > summary.now) {
        return Ok(SummaryVerdict::NotYet(due_at));
    }
    if !may_take_off(&session.connection, &row, &summary.told)? {
        return Ok(SummaryVerdict::Changed);
    }
    let Session { connection, memory, .. } = session;
    if Inbox::over(connection)?.insert(memory, &summary.event, true)?.duplicate {
        return Ok(SummaryVerdict::Changed);
    }
    take_off(&session.connection, &row, &summary.told)?;
    add_mark(&session.connection, &row, rule, summary.now, true)?;
    let decision =
        Decision { channel, kind: DecisionKind::Notified, reason: summary.reason.clone() };
    let verdict = PlanVerdict::Planned {
        notifications: summary.planned.clone(),
        decisions: vec![decision],
        term_days: None,
        postponed: Vec::new(),
    };
    plans::commit_plans(session, &[PlanCommit { event: summary.event.uid, verdict }])?;
    Ok(SummaryVerdict::Committed)
}

/// Whether all that is told is still owed.
fn may_take_off(connection: &Connection, row: &KeyRow, told: &[LimitedType]) -> Result<bool> {
    let find = "SELECT count FROM limit_limited
                WHERE key = ?1 AND application = ?2 AND event_type = ?3";
    let mut select = connection.prepare_cached(find)?;
    for each in told {
        let owed: Option<u64> = select
            .query_row((row.number, &each.application, &each.event_type), |row| row.get(0))
            .optional()?;
        if owed.unwrap_or(0) < each.count {
            return Ok(false);
        }
    }
    Ok(!told.is_empty())
}

/// What came after the text was written stays for the next summary.
fn take_off(connection: &Connection, row: &KeyRow, told: &[LimitedType]) -> Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE limit_limited SET count = count - ?4, first_at = last_at
         WHERE key = ?1 AND application = ?2 AND event_type = ?3",
    )?;
    for each in told {
        update.execute((row.number, &each.application, &each.event_type, each.count))?;
    }
    connection
        .prepare_cached("DELETE FROM limit_limited WHERE key = ?1 AND count = 0")?
        .execute([row.number])?;
    let rest = "SELECT 1 FROM limit_limited WHERE key = ?1";
    if !connection.prepare_cached(rest)?.exists([row.number])? {
        connection
            .prepare_cached("UPDATE limit_keys SET owed = NULL WHERE number = ?1")?
            .execute([row.number])?;
        for table in ["limit_audience", "limit_sources"] {
            let text = format!("DELETE FROM {table} WHERE key = ?1");
            connection.prepare_cached(&text)?.execute([row.number])?;
        }
    }
    Ok(())
}

/// Forgets limits of which nothing happened for long.
pub(super) fn forget(
    connection: &Connection,
    before: HeldTime,
) -> std::result::Result<usize, Trouble> {
    let mut select = connection.prepare_cached(
        "SELECT k.number FROM limit_keys k
         WHERE k.owed IS NULL AND k.line_at < ?1
           AND NOT EXISTS (SELECT 1 FROM limit_marks m
                           WHERE m.key = k.number AND m.number = k.newest AND m.at >= ?1)
           AND NOT EXISTS (SELECT 1 FROM limit_slots s WHERE s.key = k.number
                           AND (s.freed_at IS NULL OR s.freed_at >= ?1))
         LIMIT ?2",
    )?;
    let numbers: Vec<i64> =
        select.query_map((before.0, FORGET_MAX), |row| row.get(0))?.collect::<Result<_>>()?;
    for number in &numbers {
        for table in ["limit_marks", "limit_slots"] {
            let text = format!("DELETE FROM {table} WHERE key = ?1");
            connection.prepare_cached(&text)?.execute([number])?;
        }
        connection.prepare_cached("DELETE FROM limit_keys WHERE number = ?1")?.execute([number])?;
    }
    Ok(numbers.len())
}
