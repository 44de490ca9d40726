//! Bundles of incidents: rows that wait for their time; pauses of subscriptions.

use annunciator_core::{Decision, DecisionKind, EventUid, Timestamp};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::SqliteStore;
use super::fault::Trouble;
use super::group::Kind;
use super::inbox::Inbox;
use super::plans;
use super::records::insert_audit;
use super::rows::uuid_of;
use super::session::Session;
use crate::{
    BUNDLED_MAX, BundleCommit, BundleOutcome, Bundles, DueBundle, NewAudit, PlanCommit,
    PlanVerdict, PostponedRow, Result, TOLD_LISTED_MAX, ToldInBundle, ToldInBundles,
};

/// Most pauses that are read.
const PAUSES_MAX: usize = 100_000;

#[async_trait]
impl Bundles for SqliteStore {
    async fn due_bundles(
        &self,
        now: Timestamp,
        after: i64,
        count_max: usize,
    ) -> Result<Vec<DueBundle>> {
        self.read(move |connection| due_bundles(connection, (now, after), count_max)).await
    }

    async fn next_bundle_at(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        self.read(move |connection| {
            let find = "SELECT min(due_at) FROM incident_postponed WHERE due_at > ?1";
            let at: Option<i64> =
                connection.prepare_cached(find)?.query_row([after.0], |row| row.get(0))?;
            Ok(at.map(Timestamp))
        })
        .await
    }

    async fn commit_bundle(&self, bundle: BundleCommit) -> Result<bool> {
        let told: usize = bundle.outcomes.iter().map(|outcome| outcome.incidents.len()).sum();
        let weight = bundle.numbers.len() + told + 3;
        self.write(Kind::Flow, weight, move |session| commit_bundle(session, &bundle)).await
    }

    async fn told_in_bundles(&self, incident: EventUid) -> Result<ToldInBundles> {
        self.read(move |connection| told_in_bundles(connection, incident)).await
    }

    async fn paused_subscriptions(&self) -> Result<Vec<(String, String, Timestamp)>> {
        self.read(|connection| {
            let find = "SELECT subscription, user_name, since FROM subscription_pauses LIMIT ?1";
            let mut select = connection.prepare_cached(find)?;
            let rows = select.query_map([PAUSES_MAX], |row| {
                Ok((row.get(0)?, row.get(1)?, Timestamp(row.get(2)?)))
            })?;
            rows.collect()
        })
        .await
    }

    async fn pause_subscription(
        &self,
        subscription: &str,
        user: &str,
        paused: bool,
        audit: NewAudit,
    ) -> Result<bool> {
        let (subscription, user) = (subscription.to_owned(), user.to_owned());
        let work = move |session: &mut Session| {
            let connection = &session.connection;
            let count = match paused {
                true => connection
                    .prepare_cached(
                        "INSERT INTO subscription_pauses (subscription, user_name, since)
                         VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    )?
                    .execute((&subscription, &user, audit.at.0))?,
                false => connection
                    .prepare_cached(
                        "DELETE FROM subscription_pauses
                         WHERE subscription = ?1 AND user_name = ?2",
                    )?
                    .execute((&subscription, &user))?,
            };
            if count > 0 {
                insert_audit(connection, &audit)?;
            }
            Ok(count > 0)
        };
        self.write(Kind::Command, 1, work).await
    }
}

/// Notes who is told later of a planned event.
pub(super) fn postpone(connection: &Connection, rows: &[PostponedRow]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO incident_postponed (due_at, subscription, address, language, time_zone, event)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for row in rows {
        insert.execute((
            row.due_at.0,
            &row.subscription,
            &row.address,
            &row.language,
            &row.time_zone,
            row.event.0.as_bytes(),
        ))?;
    }
    Ok(())
}

fn due_bundles(
    connection: &Connection,
    (now, after): (Timestamp, i64),
    count_max: usize,
) -> rusqlite::Result<Vec<DueBundle>> {
    let find = "SELECT subscription, address FROM incident_postponed
                WHERE due_at <= ?1 AND number > ?2
                GROUP BY subscription, address ORDER BY min(number) LIMIT ?3";
    let mut select = connection.prepare_cached(find)?;
    let groups: Vec<(String, String)> = select
        .query_map((now.0, after, count_max), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let find = "SELECT number, due_at, language, time_zone, event FROM incident_postponed
                WHERE due_at <= ?1 AND number > ?2 AND subscription = ?3 AND address = ?4
                ORDER BY number LIMIT ?5";
    let mut select = connection.prepare_cached(find)?;
    let mut bundles = Vec::with_capacity(groups.len());
    for (subscription, address) in groups {
        let values = (now.0, after, &subscription, &address, BUNDLED_MAX);
        let rows = select.query_map(values, |row| {
            let postponed = PostponedRow {
                due_at: Timestamp(row.get(1)?),
                subscription: subscription.clone(),
                address: address.clone(),
                language: row.get(2)?,
                time_zone: row.get(3)?,
                event: EventUid(uuid_of(row, 4)?),
            };
            Ok((row.get::<_, i64>(0)?, postponed))
        })?;
        let (numbers, rows): (Vec<i64>, Vec<PostponedRow>) =
            rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().unzip();
        bundles.push(DueBundle { numbers, rows });
    }
    Ok(bundles)
}

fn commit_bundle(
    session: &mut Session,
    bundle: &BundleCommit,
) -> std::result::Result<bool, Trouble> {
    let Session { connection, memory, .. } = session;
    {
        let mut find =
            connection.prepare_cached("SELECT 1 FROM incident_postponed WHERE number = ?1")?;
        for number in &bundle.numbers {
            let is_there: Option<i64> = find.query_row([number], |row| row.get(0)).optional()?;
            if is_there.is_none() {
                return Ok(false);
            }
        }
        let mut delete =
            connection.prepare_cached("DELETE FROM incident_postponed WHERE number = ?1")?;
        for number in &bundle.numbers {
            delete.execute([number])?;
        }
    }
    postpone(connection, &bundle.postponed)?;
    for outcome in &bundle.outcomes {
        Inbox::over(connection)?.insert(memory, &outcome.event, true)?;
        note_told(connection, outcome)?;
    }
    let plan = |outcome: &BundleOutcome| PlanCommit {
        event: outcome.event.uid,
        verdict: PlanVerdict::Planned {
            notifications: outcome.planned.iter().cloned().collect(),
            decisions: vec![Decision {
                channel: outcome.channel.clone(),
                kind: match outcome.planned {
                    Some(_) => DecisionKind::Notified,
                    None => DecisionKind::Off,
                },
                reason: outcome.reason.clone(),
            }],
            term_days: None,
            postponed: Vec::new(),
        },
    };
    let plans: Vec<_> = bundle.outcomes.iter().map(plan).collect();
    plans::commit_plans(session, &plans)?;
    Ok(true)
}

/// Notes which incidents a bundle is about.
fn note_told(connection: &Connection, outcome: &BundleOutcome) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO incident_told (incident, bundle, address, is_told, at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for incident in &outcome.incidents {
        insert.execute((
            incident.0.as_bytes(),
            outcome.event.uid.0.as_bytes(),
            &outcome.address,
            outcome.planned.is_some(),
            outcome.event.registered_at.0,
        ))?;
    }
    Ok(())
}

fn told_in_bundles(connection: &Connection, incident: EventUid) -> rusqlite::Result<ToldInBundles> {
    let find = "SELECT count(DISTINCT address) FROM incident_told
                WHERE incident = ?1 AND is_told = 1";
    let addresses =
        connection.prepare_cached(find)?.query_row([incident.0.as_bytes()], |row| row.get(0))?;
    let find = "SELECT bundle, max(at), max(is_told) FROM incident_told WHERE incident = ?1
                GROUP BY bundle ORDER BY max(at) DESC, bundle DESC LIMIT ?2";
    let mut select = connection.prepare_cached(find)?;
    let rows = select.query_map((incident.0.as_bytes(), TOLD_LISTED_MAX), |row| {
        let (bundle, at) = (EventUid(uuid_of(row, 0)?), Timestamp(row.get(1)?));
        Ok(ToldInBundle { bundle, at, is_told: row.get(2)? })
    })?;
    Ok(ToldInBundles { addresses, bundles: rows.collect::<rusqlite::Result<_>>()? })
}

/// Forgets what bundles did with an incident, or what one did, before its event is removed.
pub(super) fn forget_told(connection: &Connection, event: i64) -> rusqlite::Result<()> {
    for text in [
        "DELETE FROM incident_told WHERE incident = (SELECT uid FROM events WHERE key = ?1)",
        "DELETE FROM incident_told WHERE bundle = (SELECT uid FROM events WHERE key = ?1)",
    ] {
        connection.prepare_cached(text)?.execute([event])?;
    }
    Ok(())
}
