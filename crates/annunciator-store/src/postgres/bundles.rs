//! Bundles of incidents: rows that wait for their time; pauses of subscriptions.

use annunciator_core::{Decision, DecisionKind, EventUid, Timestamp};
use async_trait::async_trait;
use tokio_postgres::Row;
use uuid::Uuid;

use super::PostgresStore;
use super::accept::insert_events;
use super::bind::{count, text, values};
use super::changes::note_change;
use super::fault::Outcome;
use super::plans::commit_plans;
use super::pool::Lent;
use super::rows::{get, some_time, time};
use super::work::Work;
use crate::{
    BUNDLED_MAX, BundleCommit, Bundles, Change, DueBundle, NewAudit, PlanCommit, PlanVerdict,
    PostponedRow, Result,
};

/// Most pauses that are read.
const PAUSES_MAX: i64 = 100_000;

#[async_trait]
impl Bundles for PostgresStore {
    async fn due_bundles(&self, now: Timestamp, count_max: usize) -> Result<Vec<DueBundle>> {
        let db = self.inner.readers.lend().await?;
        let outcome = due_bundles(&db, now, count_max).await;
        db.done(outcome)
    }

    async fn next_bundle_at(&self) -> Result<Option<Timestamp>> {
        let db = self.inner.readers.lend().await?;
        let row = db.one("SELECT min(due_at) FROM incident_postponed", values![]).await;
        db.done(row.and_then(|row| some_time(&row, 0)))
    }

    async fn commit_bundle(&self, bundle: BundleCommit) -> Result<bool> {
        let db = self.inner.writers.begin().await?;
        let mut work = self.inner.work();
        let outcome = commit_bundle(&db, &mut work, &bundle).await;
        self.inner.end(db, work, outcome).await
    }

    async fn paused_subscriptions(&self) -> Result<Vec<(String, String, Timestamp)>> {
        let db = self.inner.readers.lend().await?;
        let find = "SELECT subscription, user_name, since FROM subscription_pauses LIMIT $1";
        let rows = db.rows(find, values![PAUSES_MAX]).await;
        let read = |row: &Row| Ok((get(row, 0)?, get(row, 1)?, time(row, 2)?));
        db.done(rows.and_then(|rows| rows.iter().map(read).collect()))
    }

    async fn pause_subscription(
        &self,
        subscription: &str,
        user: &str,
        paused: bool,
        audit: NewAudit,
    ) -> Result<bool> {
        let db = self.inner.writers.begin().await?;
        let outcome = pause(&db, (subscription, user), paused, &audit).await;
        db.end(outcome).await
    }
}

async fn pause(
    db: &Lent,
    (subscription, user): (&str, &str),
    paused: bool,
    audit: &NewAudit,
) -> Outcome<bool> {
    let (subscription, user) = (text(subscription), text(user));
    let count = if paused {
        let insert = "INSERT INTO subscription_pauses (subscription, user_name, since)
             VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        db.run(insert, values![subscription, user, audit.at.0]).await?
    } else {
        let delete = "DELETE FROM subscription_pauses
             WHERE lower(subscription) = lower($1) AND lower(user_name) = lower($2)";
        db.run(delete, values![subscription, user]).await?
    };
    if count > 0 {
        note_change(db, audit, Change::Users).await?;
    }
    Ok(count > 0)
}

/// Notes who is told later of planned events.
pub(super) async fn postpone(db: &Lent, rows: &[&PostponedRow]) -> Outcome<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let due: Vec<i64> = rows.iter().map(|row| row.due_at.0).collect();
    let texts = |of: fn(&PostponedRow) -> &str| -> Vec<_> {
        rows.iter().map(|row| text(of(row))).collect()
    };
    let subscriptions = texts(|row| &row.subscription);
    let addresses = texts(|row| &row.address);
    let (languages, zones) = (texts(|row| &row.language), texts(|row| &row.time_zone));
    let events: Vec<Uuid> = rows.iter().map(|row| row.event.0).collect();
    let insert = "INSERT INTO incident_postponed
           (due_at, subscription, address, language, time_zone, event)
         SELECT due_at, subscription, address, language, time_zone, event
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[])
           WITH ORDINALITY AS g(due_at, subscription, address, language, time_zone, event, place)
         ORDER BY place";
    db.run(insert, values![due, subscriptions, addresses, languages, zones, events]).await.map(drop)
}

async fn due_bundles(db: &Lent, now: Timestamp, count_max: usize) -> Outcome<Vec<DueBundle>> {
    let find = "WITH g AS (
           SELECT subscription, address, min(number) AS first FROM incident_postponed
           WHERE due_at <= $1 GROUP BY subscription, address ORDER BY first LIMIT $2)
         SELECT p.number, p.due_at, p.subscription, p.address, p.language, p.time_zone, p.event
         FROM g CROSS JOIN LATERAL (
           SELECT * FROM incident_postponed p
           WHERE p.due_at <= $1 AND p.subscription = g.subscription AND p.address = g.address
           ORDER BY p.number LIMIT $3) p
         ORDER BY g.first, p.number";
    let mut bundles: Vec<DueBundle> = Vec::new();
    let rows = db.rows(find, values![now.0, count(count_max), count(BUNDLED_MAX)]).await?;
    for row in rows {
        let postponed = PostponedRow {
            due_at: time(&row, 1)?,
            subscription: get(&row, 2)?,
            address: get(&row, 3)?,
            language: get(&row, 4)?,
            time_zone: get(&row, 5)?,
            event: EventUid(get(&row, 6)?),
        };
        let is_same = bundles.last().is_some_and(|bundle| {
            bundle.rows[0].subscription == postponed.subscription
                && bundle.rows[0].address == postponed.address
        });
        if !is_same {
            bundles.push(DueBundle { numbers: Vec::new(), rows: Vec::new() });
        }
        let bundle = bundles.last_mut().expect("it was added");
        bundle.numbers.push(get(&row, 0)?);
        bundle.rows.push(postponed);
    }
    Ok(bundles)
}

async fn commit_bundle(db: &Lent, work: &mut Work, bundle: &BundleCommit) -> Outcome<bool> {
    let numbers = bundle.numbers.clone();
    let find = "SELECT 1 FROM incident_postponed WHERE number = ANY($1) ORDER BY number FOR UPDATE";
    if db.rows(find, values![numbers]).await?.len() < bundle.numbers.len() {
        return Ok(false);
    }
    let take = "DELETE FROM incident_postponed WHERE number = ANY($1)";
    db.run(take, values![numbers]).await?;
    let Some(told) = &bundle.told else { return Ok(true) };
    insert_events(db, work, &[(&told.event, true)]).await?;
    let decision = Decision {
        channel: told.channel.clone(),
        kind: DecisionKind::Notified,
        reason: told.reason.clone(),
    };
    let verdict = PlanVerdict::Planned {
        notifications: vec![told.planned.clone()],
        decisions: vec![decision],
        term_days: None,
        postponed: Vec::new(),
    };
    commit_plans(db, work, &[&PlanCommit { event: told.event.uid, verdict }]).await?;
    Ok(true)
}
