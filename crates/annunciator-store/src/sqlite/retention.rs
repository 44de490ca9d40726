//! What the storage terms and the cap no longer keep is removed, in small steps (spec 2.4).
//!
//! A step looks at a bounded number of plans and remembers where it stopped; an event goes with
//! its notifications, deliveries and attempts, and only when every delivery is finished.

use std::collections::HashSet;

use annunciator_core::Timestamp;
use rusqlite::{Connection, OptionalExtension, Result};

use super::fault::Trouble;
use super::figures;
use super::inbox::IDEMPOTENCY_MS;
use super::rows::keys_of;
use super::session::{Session, Sweep};
use crate::{Retained, RetentionRule};

const DAY_MS: i64 = 24 * 3600 * 1000;
/// Most plans that one step looks at.
const SCAN_MAX: usize = 20_000;
/// Most idempotency keys that one step removes.
const KEYS_MAX: usize = 5_000;
/// Most lines of the audit log that one step removes.
const LINES_MAX: usize = 1_000;
/// Events are stored nearly in the order of their registration; a clock that was set may disturb
/// it by this much before the sweep would stop too early.
const DISORDER_MS: i64 = 3 * DAY_MS;
/// With more unfinished deliveries than this their events are not counted one by one.
const UNFINISHED_EXACT_MAX: u64 = 100_000;

struct Candidate {
    event: i64,
    severity: usize,
    registered_at: i64,
    own_term_days: Option<i64>,
}

/// Takes one step.
pub(super) fn retain(
    session: &mut Session,
    rule: &RetentionRule,
) -> std::result::Result<Retained, Trouble> {
    let mut sweep = std::mem::take(&mut session.sweep);
    let connection = &session.connection;
    let small_left = forget_keys(connection, rule.now)?
        | figures::forget(connection, rule.now)?
        | forget_audit(connection, rule.audit_max)?;
    let mut removed = 0;
    let mut has_more = sweep_terms(connection, &mut sweep, rule, &mut removed)?;
    if !has_more && removed < rule.step_max {
        has_more = sweep_cap(session, &mut sweep, rule, &mut removed)?;
    }
    session.sweep = sweep;
    let events_removed = u64::try_from(removed).unwrap_or(u64::MAX);
    Ok(Retained { events_removed, has_more: has_more || small_left })
}

fn forget_keys(connection: &Connection, now: Timestamp) -> Result<bool> {
    let count = connection.execute(
        "DELETE FROM idempotency WHERE (owner, key) IN
           (SELECT owner, key FROM idempotency WHERE at <= ?1 ORDER BY at LIMIT ?2)",
        (now.0.saturating_sub(IDEMPOTENCY_MS), KEYS_MAX),
    )?;
    Ok(count == KEYS_MAX)
}

/// Removes the oldest lines over the bound; they are numbered without holes, but for what was undone.
fn forget_audit(connection: &Connection, count_max: u64) -> Result<bool> {
    let count = connection.execute(
        "DELETE FROM audit WHERE number IN
           (SELECT number FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?1
            ORDER BY number LIMIT ?2)",
        (i64::try_from(count_max).unwrap_or(i64::MAX), LINES_MAX),
    )?;
    Ok(count == LINES_MAX)
}

/// Removes what is past its term; true when it stopped before the end.
fn sweep_terms(
    connection: &Connection,
    sweep: &mut Sweep,
    rule: &RetentionRule,
    removed: &mut usize,
) -> Result<bool> {
    let shortest = shortest_term_ms(connection, rule)?;
    let young = rule.now.0.saturating_sub(shortest).saturating_add(DISORDER_MS);
    let mut select = connection.prepare_cached(
        "SELECT p.event, p.severity, p.registered_at, coalesce(p.term_days, t.storage_term_days)
         FROM (SELECT event, severity, event_type, registered_at, term_days
                 FROM plans WHERE event > ?1
               UNION ALL
               SELECT event, severity, event_type, registered_at, NULL
                 FROM parked WHERE event > ?1
               ORDER BY event LIMIT ?2) p
         LEFT JOIN event_types t ON t.number = p.event_type",
    )?;
    let candidates: Vec<Candidate> = select
        .query_map((sweep.term_after, SCAN_MAX), |row| {
            Ok(Candidate {
                event: row.get(0)?,
                severity: row.get(1)?,
                registered_at: row.get(2)?,
                own_term_days: row.get(3)?,
            })
        })?
        .collect::<Result<_>>()?;
    let is_last_window = candidates.len() < SCAN_MAX;
    for candidate in &candidates {
        if *removed >= rule.step_max {
            return Ok(true);
        }
        if candidate.registered_at > young {
            sweep.term_after = 0;
            return Ok(false);
        }
        if is_over(candidate, rule) && remove_if_finished(connection, candidate.event)? {
            *removed += 1;
        }
        sweep.term_after = candidate.event;
    }
    if is_last_window {
        sweep.term_after = 0;
    }
    Ok(!is_last_window)
}

fn shortest_term_ms(connection: &Connection, rule: &RetentionRule) -> Result<i64> {
    let least = |text: &str| -> Result<Option<i64>> {
        connection.prepare_cached(text)?.query_row([], |row| row.get(0))
    };
    let of_types = least("SELECT min(storage_term_days) FROM event_types")?;
    let of_plans = least("SELECT min(term_days) FROM plans WHERE term_days IS NOT NULL")?;
    let own = of_types.into_iter().chain(of_plans).min();
    let by_severity = rule.term_days.iter().copied().map(i64::from).min().unwrap_or(0);
    Ok(own.map_or(by_severity, |own| own.min(by_severity)).saturating_mul(DAY_MS))
}

fn is_over(candidate: &Candidate, rule: &RetentionRule) -> bool {
    let by_severity = candidate.severity.checked_sub(1).and_then(|at| rule.term_days.get(at));
    let days = candidate.own_term_days.or(by_severity.copied().map(i64::from)).unwrap_or(i64::MAX);
    candidate.registered_at.saturating_add(days.saturating_mul(DAY_MS)) <= rule.now.0
}

/// Removes the oldest finished events over the cap; true when there is more to remove.
fn sweep_cap(
    session: &Session,
    sweep: &mut Sweep,
    rule: &RetentionRule,
    removed: &mut usize,
) -> Result<bool> {
    let connection = &session.connection;
    let excess = finished_count(session, rule.events_max)?.saturating_sub(rule.events_max);
    let mut excess = usize::try_from(excess).unwrap_or(usize::MAX);
    if excess == 0 {
        sweep.cap_after = 0;
        return Ok(false);
    }
    let mut select = connection.prepare_cached(
        "SELECT event FROM plans WHERE event > ?1 UNION ALL
         SELECT event FROM parked WHERE event > ?1 ORDER BY event LIMIT ?2",
    )?;
    let window: Vec<i64> =
        select.query_map((sweep.cap_after, SCAN_MAX), |row| row.get(0))?.collect::<Result<_>>()?;
    for event in &window {
        if excess == 0 || *removed >= rule.step_max {
            // From the oldest again: one that was unfinished may be finished by then.
            sweep.cap_after = 0;
            return Ok(excess > 0);
        }
        if remove_if_finished(connection, *event)? {
            *removed += 1;
            excess -= 1;
        }
        sweep.cap_after = *event;
    }
    let is_end = window.len() < SCAN_MAX;
    if is_end {
        sweep.cap_after = 0;
    }
    Ok(!is_end && excess > 0)
}

/// Events that are planned or parked and have no unfinished delivery; too few rather than too many.
fn finished_count(session: &Session, enough: u64) -> Result<u64> {
    let connection = &session.connection;
    let count = |text: &str| -> Result<u64> {
        connection.prepare_cached(text)?.query_row([], |row| row.get(0))
    };
    let total = count("SELECT count(*) FROM plans")? + count("SELECT count(*) FROM parked")?;
    if total <= enough {
        return Ok(total);
    }
    let flights = session.memory.flight_keys();
    let queued = count("SELECT count(*) FROM deliveries WHERE state = 0")?;
    let postponed = count("SELECT count(*) FROM (SELECT DISTINCT event FROM incident_postponed)")?;
    let total = total.saturating_sub(postponed);
    let unfinished = queued.saturating_add(u64::try_from(flights.len()).unwrap_or(u64::MAX));
    if unfinished > UNFINISHED_EXACT_MAX {
        return Ok(total.saturating_sub(unfinished));
    }
    let mut events: HashSet<i64> = HashSet::new();
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT n.event FROM deliveries d JOIN notifications n ON n.key = d.notification
         WHERE d.state = 0",
    )?;
    for event in select.query_map([], |row| row.get(0))? {
        events.insert(event?);
    }
    let mut select = connection.prepare_cached(
        "SELECT n.event FROM deliveries d JOIN notifications n ON n.key = d.notification
         WHERE d.key = ?1",
    )?;
    for key in flights {
        events.extend(select.query_row([key], |row| row.get::<_, i64>(0)).optional()?);
    }
    Ok(total.saturating_sub(u64::try_from(events.len()).unwrap_or(u64::MAX)))
}

fn remove_if_finished(connection: &Connection, event: i64) -> Result<bool> {
    let mut postponed = connection.prepare_cached(
        "SELECT 1 FROM incident_postponed WHERE event = (SELECT uid FROM events WHERE key = ?1)",
    )?;
    if postponed.exists([event])? {
        return Ok(false);
    }
    let notifications = connection
        .prepare_cached("SELECT notifications FROM plans WHERE event = ?1")?
        .query_row([event], |row| keys_of(row, 0))
        .optional()?
        .unwrap_or_default();
    let mut deliveries = Vec::new();
    for key in &notifications {
        let keys = connection
            .prepare_cached("SELECT deliveries FROM notifications WHERE key = ?1")?
            .query_row([key], |row| keys_of(row, 0))
            .optional()?;
        deliveries.extend(keys.unwrap_or_default());
    }
    {
        let mut state = connection.prepare_cached(
            "SELECT 1 FROM deliveries WHERE key = ?1 AND (state < 2 OR state = 5)",
        )?;
        for key in &deliveries {
            if state.exists([key])? {
                return Ok(false);
            }
        }
    }
    for (text, keys) in [
        ("DELETE FROM attempts WHERE delivery = ?1", &deliveries),
        ("DELETE FROM deliveries WHERE key = ?1", &deliveries),
        ("DELETE FROM notifications WHERE key = ?1", &notifications),
    ] {
        let mut delete = connection.prepare_cached(text)?;
        for key in keys {
            delete.execute([key])?;
        }
    }
    super::bundles::forget_told(connection, event)?;
    super::incidents::remove(connection, event)?;
    for text in [
        "DELETE FROM plans WHERE event = ?1",
        "DELETE FROM parked WHERE event = ?1",
        "DELETE FROM events WHERE key = ?1",
    ] {
        connection.prepare_cached(text)?.execute([event])?;
    }
    Ok(true)
}
