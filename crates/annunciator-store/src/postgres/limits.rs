//! [`Limits`] over the rows of limits: each call that decides holds its limit's row.

use annunciator_core::{
    Counter, Decision, DecisionKind, HeldTime, Lane, LimitKey, LimitRule, NotificationLimit,
    Recipient, Timestamp,
};
use async_trait::async_trait;

use super::accept::insert_events;
use super::admission::{HeldKey, hold_keys, read_keys};
use super::bind::{count, text, values};
use super::fault::Outcome;
use super::plans::commit_plans;
use super::pool::Lent;
use super::rows::{from_json, get, number, role_of, time};
use super::untold::Claimed;
use super::work::Work;
use super::{PostgresStore, slots};
use crate::{
    Audience, LimitClockRecord, Limited, LimitedKey, LimitedType, Limits, PlanCommit, PlanVerdict,
    Result, SlotAnswer, SlotAsk, SummaryCommit, SummarySource, SummaryVerdict, Waiting,
};

/// Most limits that are listed, and most event types of one.
const LIST_MAX: i64 = 10_000;
/// Most limits that one call forgets.
const FORGET_MAX: i64 = 1_000;

#[async_trait]
impl Limits for PostgresStore {
    async fn take_slot(&self, ask: SlotAsk) -> Result<SlotAnswer> {
        self.inner.give_up_untold().await?;
        let db = self.inner.writers.begin().await?;
        let outcome = slots::take(&db, self.inner.node, &ask).await;
        self.inner.end_claim(db, outcome, Claimed::slot).await
    }

    async fn line_up(
        &self,
        limit: NotificationLimit,
        waiting: Vec<Waiting>,
        now: HeldTime,
    ) -> Result<Vec<HeldTime>> {
        let db = self.inner.writers.begin().await?;
        let outcome = slots::line_up(&db, &limit, &waiting, now).await;
        db.end(outcome).await
    }

    async fn release_put_off(&self, now: Timestamp) -> Result<usize> {
        let db = self.inner.writers.lend().await?;
        let outcome = slots::release(&db, now).await;
        db.done(outcome)
    }

    async fn free_lost_slots(&self, now: HeldTime) -> Result<usize> {
        let db = self.inner.writers.lend().await?;
        let outcome = slots::free_lost(&db, self.inner.node, now).await;
        db.done(outcome)
    }

    async fn counter(&self, key: &LimitKey, rule: LimitRule) -> Result<Counter> {
        let db = self.inner.readers.lend().await?;
        let keys = read_keys(&db, &[key.as_str()], false).await;
        let counter =
            keys.map(|keys| keys.values().next().map(|key| key.counter(rule)).unwrap_or_default());
        db.done(counter)
    }

    async fn limited_keys(&self) -> Result<Vec<LimitedKey>> {
        let db = self.inner.readers.lend().await?;
        let outcome = limited_keys(&db, None).await;
        db.done(outcome)
    }

    async fn limited(&self, key: &LimitKey) -> Result<Option<Limited>> {
        let db = self.inner.readers.lend().await?;
        let outcome = limited(&db, key).await;
        db.done(outcome)
    }

    async fn commit_summary(&self, summary: SummaryCommit) -> Result<SummaryVerdict> {
        let db = self.inner.writers.begin().await?;
        let mut work = self.inner.work();
        let outcome = commit_summary(&db, &mut work, &summary).await;
        self.inner.end(db, work, outcome).await
    }

    async fn limit_clock(&self) -> Result<(Option<LimitClockRecord>, Option<HeldTime>)> {
        let db = self.inner.readers.lend().await?;
        let outcome = slots::clock(&db, self.inner.node).await;
        db.done(outcome)
    }

    async fn keep_limit_clock(&self, record: LimitClockRecord) -> Result<()> {
        let db = self.inner.writers.lend().await?;
        let outcome = slots::keep_clock(&db, self.inner.node, &record).await;
        db.done(outcome)
    }

    async fn move_due(&self, now: Timestamp, back_ms: i64) -> Result<usize> {
        let db = self.inner.writers.lend().await?;
        let outcome = slots::move_due(&db, self.inner.node, now, back_ms).await;
        db.done(outcome)
    }

    async fn forget_limits(&self, before: HeldTime) -> Result<usize> {
        let db = self.inner.writers.begin().await?;
        let outcome = forget(&db, before).await;
        db.end(outcome).await
    }
}

/// The limits that owe a summary, or the one of a name.
async fn limited_keys(db: &Lent, name: Option<&str>) -> Outcome<Vec<LimitedKey>> {
    let find = "SELECT k.name, s.count, s.first_at, s.last_at FROM limit_keys k
         JOIN LATERAL (SELECT sum(count)::bigint AS count, min(first_at) AS first_at,
                         max(last_at) AS last_at FROM limit_limited l WHERE l.key = k.number) s
           ON s.count IS NOT NULL
         WHERE k.owed IS NOT NULL AND ($1::text IS NULL OR k.name = $1)
         ORDER BY k.number LIMIT $2";
    let rows = db.rows(find, values![name, LIST_MAX]).await?;
    let names = rows.iter().map(|row| get(row, 0)).collect::<Outcome<Vec<&str>>>()?;
    let held = read_keys(db, &names, false).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in &rows {
        let name: &str = get(row, 0)?;
        // Told meanwhile.
        let Some(key) = held.get(name) else { continue };
        let Some(owed) = &key.owed else { continue };
        let source: SummarySource = from_json(owed, "limit")?;
        keys.push(LimitedKey {
            key: LimitKey(name.into()),
            counter: key.counter(source.rule),
            source,
            count: number(row, 1)?,
            first_at: time(row, 2)?,
            last_at: time(row, 3)?,
        });
    }
    Ok(keys)
}

/// What a limit's summary tells.
async fn limited(db: &Lent, key: &LimitKey) -> Outcome<Option<Limited>> {
    let Some(limited) = limited_keys(db, Some(key.as_str())).await?.pop() else { return Ok(None) };
    let find = "SELECT l.application, l.event_type, l.type_name, l.count FROM limit_limited l
         JOIN limit_keys k ON k.number = l.key WHERE k.name = $1
         ORDER BY l.count DESC, l.application, l.event_type LIMIT $2";
    let mut types = Vec::new();
    for row in db.rows(find, values![key.as_str(), LIST_MAX]).await? {
        types.push(LimitedType {
            application: get(&row, 0)?,
            event_type: get(&row, 1)?,
            type_name: get(&row, 2)?,
            count: number(&row, 3)?,
        });
    }
    // Past the bound of a limit there are lanes that nobody is left for.
    let find = "SELECT s.lane, s.source, a.address, a.role FROM limit_keys k
         JOIN limit_sources s ON s.key = k.number
         JOIN limit_audience a ON a.key = s.key AND a.lane = s.lane
         WHERE k.name = $1 ORDER BY s.lane, a.place, a.address";
    let mut audiences: Vec<Audience> = Vec::new();
    let mut last: Option<Lane> = None;
    for row in db.rows(find, values![key.as_str()]).await? {
        let lane = Lane::new(get(&row, 0)?);
        if last.as_ref() != Some(&lane) {
            let source = from_json(get(&row, 1)?, "limit")?;
            audiences.push(Audience { source, recipients: Vec::new() });
            last = Some(lane);
        }
        let recipient = Recipient { address: get(&row, 2)?, role: role_of(get(&row, 3)?)? };
        audiences.last_mut().expect("it was added").recipients.push(recipient);
    }
    Ok(Some(Limited { limited, types, audiences }))
}

/// Queues a summary when its place is free: event, plan, mark and what is told in one.
async fn commit_summary(
    db: &Lent,
    work: &mut Work,
    summary: &SummaryCommit,
) -> Outcome<SummaryVerdict> {
    let name = summary.key.as_str();
    let mut keys = read_keys(db, &[name], true).await?;
    let Some(key) = keys.get_mut(name) else { return Ok(SummaryVerdict::Changed) };
    let Some(owed) = &key.owed else { return Ok(SummaryVerdict::Changed) };
    let SummarySource { rule, channel, .. } = from_json(owed, "limit")?;
    let due_at = key.counter(rule).summary_due_at(rule);
    if let Some(due_at) = due_at.filter(|at| *at > summary.now) {
        return Ok(SummaryVerdict::NotYet(due_at));
    }
    if !may_take_off(db, key, &summary.told).await? {
        return Ok(SummaryVerdict::Changed);
    }
    let accepted = insert_events(db, work, &[(&summary.event, true)]).await?;
    if accepted.iter().any(|one| one.duplicate) {
        return Ok(SummaryVerdict::Changed);
    }
    take_off(db, key, &summary.told).await?;
    let (mark, at) = key.add_mark(summary.now, true);
    let add = "WITH added AS (INSERT INTO limit_marks (key, number, at) VALUES ($1, $2, $3)),
         gone AS (DELETE FROM limit_marks WHERE key = $1 AND number <= $4)
         UPDATE limit_keys SET newest = $2, newest_is_summary = true WHERE number = $1";
    db.run(add, values![key.number, mark, at.0, mark - i64::from(rule.count)]).await?;
    let decision =
        Decision { channel, kind: DecisionKind::Notified, reason: summary.reason.clone() };
    let verdict = PlanVerdict::Planned {
        notifications: summary.planned.clone(),
        decisions: vec![decision],
        term_days: None,
        postponed: Vec::new(),
    };
    commit_plans(db, work, &[&PlanCommit { event: summary.event.uid, verdict }]).await?;
    Ok(SummaryVerdict::Committed)
}

/// Whether all that is told is still owed.
async fn may_take_off(db: &Lent, key: &HeldKey, told: &[LimitedType]) -> Outcome<bool> {
    let (applications, types, counts) = columns_of(told);
    let find = "SELECT count(*) FROM limit_limited l
         JOIN unnest($2::text[], $3::text[], $4::bigint[]) AS g(application, event_type, count)
           ON g.application = l.application AND g.event_type = l.event_type AND l.count >= g.count
         WHERE l.key = $1";
    let row = db.one(find, values![key.number, applications, types, counts]).await?;
    Ok(!told.is_empty() && get::<i64>(&row, 0)? == count(told.len()))
}

type ToldColumns<'a> = (Vec<std::borrow::Cow<'a, str>>, Vec<std::borrow::Cow<'a, str>>, Vec<i64>);

fn columns_of(told: &[LimitedType]) -> ToldColumns<'_> {
    let applications = told.iter().map(|one| text(&one.application)).collect();
    let types = told.iter().map(|one| text(&one.event_type)).collect();
    let counts = told.iter().map(|one| i64::try_from(one.count).unwrap_or(i64::MAX)).collect();
    (applications, types, counts)
}

/// What came after the text was written stays for the next summary.
async fn take_off(db: &Lent, key: &HeldKey, told: &[LimitedType]) -> Outcome<()> {
    let (applications, types, counts) = columns_of(told);
    let update = "UPDATE limit_limited l SET count = l.count - g.count, first_at = l.last_at
         FROM unnest($2::text[], $3::text[], $4::bigint[]) AS g(application, event_type, count)
         WHERE l.key = $1 AND l.application = g.application AND l.event_type = g.event_type";
    db.run(update, values![key.number, applications, types, counts]).await?;
    let gone = "DELETE FROM limit_limited WHERE key = $1 AND count = 0";
    db.run(gone, values![key.number]).await?;
    let rest = "SELECT 1 FROM limit_limited WHERE key = $1 LIMIT 1";
    if db.row(rest, values![key.number]).await?.is_none() {
        let end = "WITH s AS (DELETE FROM limit_sources WHERE key = $1),
             a AS (DELETE FROM limit_audience WHERE key = $1)
             UPDATE limit_keys SET owed = NULL WHERE number = $1";
        db.run(end, values![key.number]).await?;
    }
    Ok(())
}

/// Forgets limits of which nothing happened for long.
async fn forget(db: &Lent, before: HeldTime) -> Outcome<usize> {
    let find = "SELECT k.name FROM limit_keys k
         WHERE k.owed IS NULL AND k.line_at < $1
           AND NOT EXISTS (SELECT FROM limit_marks m
                           WHERE m.key = k.number AND m.number = k.newest AND m.at >= $1)
           AND NOT EXISTS (SELECT FROM limit_slots s WHERE s.key = k.number
                           AND (s.freed_at IS NULL OR s.freed_at >= $1))
         ORDER BY k.name LIMIT $2 FOR UPDATE SKIP LOCKED";
    let rows = db.rows(find, values![before.0, FORGET_MAX]).await?;
    let names = rows.iter().map(|row| get(row, 0)).collect::<Outcome<Vec<String>>>()?;
    if names.is_empty() {
        return Ok(0);
    }
    // Looked at once more, now that they are held: somebody may have taken a place before.
    let held: Vec<&str> = names.iter().map(String::as_str).collect();
    hold_keys(db, &held).await?;
    let gone = "WITH k AS (
           SELECT k.number FROM limit_keys k WHERE k.name = ANY($1) AND k.owed IS NULL
             AND k.line_at < $2
             AND NOT EXISTS (SELECT FROM limit_marks m
                             WHERE m.key = k.number AND m.number = k.newest AND m.at >= $2)
             AND NOT EXISTS (SELECT FROM limit_slots s WHERE s.key = k.number
                             AND (s.freed_at IS NULL OR s.freed_at >= $2))),
         m AS (DELETE FROM limit_marks WHERE key IN (SELECT number FROM k)),
         s AS (DELETE FROM limit_slots WHERE key IN (SELECT number FROM k))
         DELETE FROM limit_keys WHERE number IN (SELECT number FROM k)";
    let gone = db.run(gone, values![names, before.0]).await?;
    Ok(usize::try_from(gone).unwrap_or(usize::MAX))
}
