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
use super::rows::{get, number, some_time, time};
use super::work::Work;
use crate::{
    BUNDLED_MAX, BundleCommit, BundleOutcome, Bundles, Change, DueBundle, NewAudit, PlanCommit,
    PlanVerdict, PostponedRow, Result, TOLD_LISTED_MAX, ToldInBundle, ToldInBundles,
};

/// Most pauses that are read.
const PAUSES_MAX: i64 = 100_000;

#[async_trait]
impl Bundles for PostgresStore {
    async fn due_bundles(
        &self,
        now: Timestamp,
        after: i64,
        count_max: usize,
    ) -> Result<Vec<DueBundle>> {
        let db = self.inner.readers.lend().await?;
        let outcome = due_bundles(&db, (now, after), count_max).await;
        db.done(outcome)
    }

    async fn next_bundle_at(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        let db = self.inner.readers.lend().await?;
        let find = "SELECT min(due_at) FROM incident_postponed WHERE due_at > $1";
        let row = db.one(find, values![after.0]).await;
        db.done(row.and_then(|row| some_time(&row, 0)))
    }

    async fn commit_bundle(&self, bundle: BundleCommit) -> Result<bool> {
        let db = self.inner.writers.begin().await?;
        let mut work = self.inner.work();
        let outcome = commit_bundle(&db, &mut work, &bundle).await;
        self.inner.end(db, work, outcome).await
    }

    async fn told_in_bundles(&self, incident: EventUid) -> Result<ToldInBundles> {
        let db = self.inner.readers.lend().await?;
        let outcome = told_in_bundles(&db, incident).await;
        db.done(outcome)
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

async fn due_bundles(
    db: &Lent,
    (now, after): (Timestamp, i64),
    count_max: usize,
) -> Outcome<Vec<DueBundle>> {
    let find = "WITH g AS (
           SELECT subscription, address, min(number) AS first FROM incident_postponed
           WHERE due_at <= $1 AND number > $2
           GROUP BY subscription, address ORDER BY first LIMIT $3)
         SELECT p.number, p.due_at, p.subscription, p.address, p.language, p.time_zone, p.event
         FROM g CROSS JOIN LATERAL (
           SELECT * FROM incident_postponed p
           WHERE p.due_at <= $1 AND p.number > $2
             AND p.subscription = g.subscription AND p.address = g.address
           ORDER BY p.number LIMIT $4) p
         ORDER BY g.first, p.number";
    let mut bundles: Vec<DueBundle> = Vec::new();
    let rows = db.rows(find, values![now.0, after, count(count_max), count(BUNDLED_MAX)]).await?;
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
    postpone(db, &bundle.postponed.iter().collect::<Vec<_>>()).await?;
    let events: Vec<_> = bundle.outcomes.iter().map(|outcome| (&outcome.event, true)).collect();
    insert_events(db, work, &events).await?;
    note_told(db, &bundle.outcomes).await?;
    let plans: Vec<PlanCommit> = bundle.outcomes.iter().map(plan_of).collect();
    commit_plans(db, work, &plans.iter().collect::<Vec<_>>()).await?;
    Ok(true)
}

fn plan_of(outcome: &BundleOutcome) -> PlanCommit {
    let kind = match outcome.planned {
        Some(_) => DecisionKind::Notified,
        None => DecisionKind::Off,
    };
    let (channel, reason) = (outcome.channel.clone(), outcome.reason.clone());
    let verdict = PlanVerdict::Planned {
        notifications: outcome.planned.iter().cloned().collect(),
        decisions: vec![Decision { channel, kind, reason }],
        term_days: None,
        postponed: Vec::new(),
    };
    PlanCommit { event: outcome.event.uid, verdict }
}

/// Notes which incidents bundles are about.
async fn note_told(db: &Lent, outcomes: &[BundleOutcome]) -> Outcome<()> {
    let (mut incidents, mut bundles, mut addresses) = (vec![], vec![], vec![]);
    let (mut told, mut times) = (vec![], vec![]);
    for outcome in outcomes {
        for incident in &outcome.incidents {
            incidents.push(incident.0);
            bundles.push(outcome.event.uid.0);
            addresses.push(text(&outcome.address));
            told.push(outcome.planned.is_some());
            times.push(outcome.event.registered_at.0);
        }
    }
    if incidents.is_empty() {
        return Ok(());
    }
    let insert = "INSERT INTO incident_told (incident, bundle, address, is_told, at)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[], $5::bigint[])";
    db.run(insert, values![incidents, bundles, addresses, told, times]).await.map(drop)
}

async fn told_in_bundles(db: &Lent, incident: EventUid) -> Outcome<ToldInBundles> {
    let find = "SELECT bundle, max(at), bool_or(is_told),
           (SELECT count(DISTINCT address) FROM incident_told WHERE incident = $1 AND is_told)
         FROM incident_told WHERE incident = $1
         GROUP BY bundle ORDER BY max(at) DESC, bundle DESC LIMIT $2";
    let mut told = ToldInBundles::default();
    for row in db.rows(find, values![incident.0, count(TOLD_LISTED_MAX)]).await? {
        told.addresses = number(&row, 3)?;
        let (bundle, at) = (EventUid(get(&row, 0)?), time(&row, 1)?);
        told.bundles.push(ToldInBundle { bundle, at, is_told: get(&row, 2)? });
    }
    Ok(told)
}

/// Forgets what bundles did with incidents, or what bundles did, before their events are removed.
pub(super) async fn forget_told(db: &Lent, events: &[Uuid]) -> Outcome<()> {
    let events = events.to_vec();
    for text in [
        "DELETE FROM incident_told WHERE incident = ANY($1)",
        "DELETE FROM incident_told WHERE bundle = ANY($1)",
    ] {
        db.run(text, values![events]).await?;
    }
    Ok(())
}
