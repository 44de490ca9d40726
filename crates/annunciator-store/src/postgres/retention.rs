//! What the storage terms and the cap no longer keep is removed (spec 2.4): a week whose every event
//! is over and finished goes whole (weeks.rs), events with a shorter term one by one before.
//!
//! Concurrency: one node at a time, by a lock of the database; where a sweep stopped is remembered
//! by the node, and another one begins anew.
//! Clocks: a term is over when the clocks of the node and of the database say so: one node whose
//! clock is ahead removes nothing of the others.

use annunciator_core::Timestamp;
use uuid::Uuid;

use super::accept::IDEMPOTENCY_MS;
use super::bind::{count, values};
use super::bundles::forget_told;
use super::fault::Outcome;
use super::partitions::{database_time, floor_of};
use super::pool::Lent;
use super::rows::{get, ids_of};
use super::schema::{lock, try_hold};
use super::{figures, weeks};
use crate::{Retained, RetentionRule, StoreError};

pub(super) const DAY_MS: i64 = 24 * 3600 * 1000;
/// Most events that one step looks at.
const SCAN_MAX: i64 = 10_000;
/// Most idempotency keys, and lines of the audit log, that one step removes.
const KEYS_MAX: i64 = 5_000;
const LINES_MAX: i64 = 1_000;
/// An id carries the time it was made; a clock that was set may part it from the registration.
const DISORDER_MS: i64 = 3 * DAY_MS;

/// When an event's term is over; `e`, `p` and `t` are its row, its plan and its type, and the terms
/// by severity the first parameter.
pub(super) const OVER_AT: &str = "e.registered_at
     + coalesce(p.term_days, t.storage_term_days, ($1::bigint[])[e.severity]) * 86400000";
pub(super) const OVER_JOINS: &str = "LEFT JOIN event_types t
       ON t.application = e.application AND t.event_type = e.event_type";

/// Where this node's sweeps stopped.
#[derive(Default)]
pub(super) struct Sweep {
    term_after: Uuid,
    cap_after: Uuid,
}

/// Takes one step, whose reads may take as long as they do in a large ledger.
pub(super) async fn retain(
    db: &mut Lent,
    sweep: &mut Sweep,
    rule: &RetentionRule,
) -> Outcome<Retained> {
    db.be_patient();
    let outcome = take_step(db, sweep, rule).await;
    // A commit that no standby confirms holds up others.
    db.be_brief();
    outcome
}

async fn take_step(db: &mut Lent, sweep: &mut Sweep, rule: &RetentionRule) -> Outcome<Retained> {
    if !try_hold(db, lock::UPKEEP).await? {
        return Ok(Retained::default());
    }
    db.batch("SET LOCAL statement_timeout = 0").await?;
    let now = rule.now.min(database_time(db).await?);
    let rule = &RetentionRule { now, ..rule.clone() };
    let small_left = forget_keys(db, rule.now).await?
        | figures::tend(db, rule.now).await?
        | forget_audit(db, rule.audit_max).await?;
    let (mut removed, mut has_more) = (0, false);
    for step in [Step::Weeks, Step::Terms, Step::Cap] {
        if has_more || removed >= rule.step_max as u64 {
            break;
        }
        let left = rule.step_max - usize::try_from(removed).unwrap_or(usize::MAX);
        let (gone, more) = match step {
            Step::Weeks => weeks::drop_over(db, rule).await?,
            Step::Terms => sweep_terms(db, sweep, rule, left).await?,
            Step::Cap => sweep_cap(db, sweep, rule, left).await?,
        };
        removed += gone;
        has_more = more;
    }
    Ok(Retained { events_removed: removed, has_more: has_more || small_left })
}

enum Step {
    Weeks,
    Terms,
    Cap,
}

async fn forget_keys(db: &Lent, now: Timestamp) -> Outcome<bool> {
    let forget = "DELETE FROM idempotency WHERE (owner, key) IN
           (SELECT owner, key FROM idempotency WHERE at <= $1 ORDER BY at LIMIT $2)";
    let gone = db.run(forget, values![now.0.saturating_sub(IDEMPOTENCY_MS), KEYS_MAX]).await?;
    Ok(gone == KEYS_MAX.unsigned_abs())
}

/// Removes the oldest lines over the bound; they are numbered without holes, but for what was undone.
async fn forget_audit(db: &Lent, count_max: u64) -> Outcome<bool> {
    let forget = "DELETE FROM audit WHERE number IN
           (SELECT number FROM audit WHERE number <= (SELECT max(number) FROM audit) - $1
            ORDER BY number LIMIT $2)";
    let most = i64::try_from(count_max).unwrap_or(i64::MAX);
    Ok(db.run(forget, values![most, LINES_MAX]).await? == LINES_MAX.unsigned_abs())
}

/// The terms by severity as a list. Unit: days.
pub(super) fn terms_of(rule: &RetentionRule) -> Vec<i64> {
    rule.term_days.iter().copied().map(i64::from).collect()
}

async fn shortest_term_ms(db: &Lent, rule: &RetentionRule) -> Outcome<i64> {
    let find = "SELECT least((SELECT min(storage_term_days) FROM event_types),
           (SELECT min(term_days) FROM plans WHERE term_days IS NOT NULL))";
    let own: Option<i32> = get(&db.one(find, values![]).await?, 0)?;
    let days = rule.term_days.iter().copied().map(i64::from).chain(own.map(i64::from)).min();
    Ok(days.unwrap_or(0).saturating_mul(DAY_MS))
}

/// Removes events past a term that is shorter than that of their week; true when it stopped before
/// the end.
async fn sweep_terms(
    db: &Lent,
    sweep: &mut Sweep,
    rule: &RetentionRule,
    left: usize,
) -> Outcome<(u64, bool)> {
    let shortest = shortest_term_ms(db, rule).await?;
    let young = Timestamp(rule.now.0.saturating_sub(shortest).saturating_add(DISORDER_MS));
    let waiting: Vec<Uuid> = weeks::waiting(db, rule).await?;
    let find = format!(
        "WITH w AS MATERIALIZED (
           SELECT e.uid, {OVER_AT} <= $2 AS is_over FROM events e
           LEFT JOIN plans p ON p.event = e.uid {OVER_JOINS}
           WHERE e.uid > $3 AND e.uid < $4
             AND (p.event IS NOT NULL OR EXISTS (SELECT FROM parked k WHERE k.event = e.uid))
           ORDER BY e.uid LIMIT $5),
         o AS (
           SELECT uid FROM w WHERE is_over
             AND NOT EXISTS (SELECT FROM queue q WHERE q.event = w.uid)
             AND NOT EXISTS (SELECT FROM incident_postponed q WHERE q.event = w.uid)
             AND NOT EXISTS (SELECT FROM unnest($7::uuid[], $8::uuid[]) AS g(low, high)
                             WHERE w.uid >= g.low AND w.uid < g.high)
           ORDER BY uid LIMIT $6)
         SELECT (SELECT array_agg(uid ORDER BY uid) FROM o), (SELECT count(*) FROM w),
           (SELECT uid FROM w ORDER BY uid DESC LIMIT 1)"
    );
    let (low, high): (Vec<Uuid>, Vec<Uuid>) =
        waiting.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
    let (terms, until, most) = (terms_of(rule), floor_of(young), count(left));
    let values = values![terms, rule.now.0, sweep.term_after, until, SCAN_MAX, most, low, high];
    let row = db.one(&find, values).await?;
    let over: Vec<Uuid> = get::<Option<Vec<Uuid>>>(&row, 0)?.unwrap_or_default();
    let removed = remove(db, &over).await?;
    let is_last_window = get::<i64>(&row, 1)? < SCAN_MAX;
    let was_cut = over.len() >= left;
    sweep.term_after = match (was_cut, is_last_window) {
        (true, _) => over.last().copied().unwrap_or_default(),
        (false, true) => Uuid::nil(),
        (false, false) => get::<Option<Uuid>>(&row, 2)?.unwrap_or_default(),
    };
    Ok((removed, was_cut || !is_last_window))
}

/// Removes the oldest finished events over the cap; true when there is more to remove.
async fn sweep_cap(
    db: &Lent,
    sweep: &mut Sweep,
    rule: &RetentionRule,
    left: usize,
) -> Outcome<(u64, bool)> {
    let find = "SELECT (SELECT count(*) FROM plans) + (SELECT count(*) FROM parked),
           (SELECT count(*) FROM (SELECT event FROM queue
                                  UNION SELECT event FROM incident_postponed) u)";
    let cap = i64::try_from(rule.events_max).unwrap_or(i64::MAX);
    let row = db.one(find, values![]).await?;
    let excess = get::<i64>(&row, 0)? - get::<i64>(&row, 1)? - cap;
    if excess <= 0 {
        sweep.cap_after = Uuid::nil();
        return Ok((0, false));
    }
    let wanted = excess.min(count(left));
    let find = "SELECT array_agg(event ORDER BY event) FROM (
           SELECT event FROM (
             SELECT event FROM plans WHERE event > $1 UNION ALL
             SELECT event FROM parked WHERE event > $1) a
           WHERE NOT EXISTS (SELECT FROM queue q WHERE q.event = a.event)
             AND NOT EXISTS (SELECT FROM incident_postponed q WHERE q.event = a.event)
           ORDER BY event LIMIT $2) o";
    let row = db.one(find, values![sweep.cap_after, wanted]).await?;
    let oldest: Vec<Uuid> = get::<Option<Vec<Uuid>>>(&row, 0)?.unwrap_or_default();
    let removed = remove(db, &oldest).await?;
    // From the oldest again: one that was unfinished may be finished by then.
    sweep.cap_after = Uuid::nil();
    let rest = excess - i64::try_from(removed).unwrap_or(i64::MAX);
    Ok((removed, rest > 0 && removed > 0))
}

/// Removes finished events with all that hangs on them.
async fn remove(db: &Lent, events: &[Uuid]) -> Outcome<u64> {
    if events.is_empty() {
        return Ok(0);
    }
    let events = events.to_vec();
    let take = "DELETE FROM plans WHERE event = ANY($1) RETURNING notifications";
    let mut notifications = Vec::new();
    for row in db.rows(take, values![events]).await? {
        notifications.extend(ids_of(&row, 0)?);
    }
    remove_notifications(db, &notifications).await?;
    let find = "SELECT 1 FROM queue WHERE event = ANY($1)
         UNION ALL SELECT 1 FROM incident_postponed WHERE event = ANY($1) LIMIT 1";
    if db.row(find, values![events]).await?.is_some() {
        // An operator revived a delivery meanwhile: the whole step is undone.
        return Err(StoreError::Busy("an event came back to life".to_owned()).into());
    }
    forget_told(db, &events).await?;
    for text in [
        "DELETE FROM parked WHERE event = ANY($1)",
        "DELETE FROM incident_statuses WHERE incident = ANY($1)",
        "DELETE FROM incidents WHERE event = ANY($1)",
        "DELETE FROM event_ids i USING events e WHERE e.uid = ANY($1)
           AND i.id = e.id AND i.application = e.application AND i.uid = e.uid",
    ] {
        db.run(text, values![events]).await?;
    }
    db.run("DELETE FROM events WHERE uid = ANY($1)", values![events]).await
}

/// Removes notifications with their deliveries and attempts.
pub(super) async fn remove_notifications(db: &Lent, ids: &[Uuid]) -> Outcome<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids = ids.to_vec();
    let take = "DELETE FROM notifications WHERE id = ANY($1) RETURNING deliveries";
    let mut deliveries = Vec::new();
    for row in db.rows(take, values![ids]).await? {
        deliveries.extend(ids_of(&row, 0)?);
    }
    for text in [
        "DELETE FROM attempts WHERE delivery = ANY($1)",
        "DELETE FROM deliveries WHERE id = ANY($1)",
    ] {
        db.run(text, values![deliveries]).await?;
    }
    Ok(())
}
