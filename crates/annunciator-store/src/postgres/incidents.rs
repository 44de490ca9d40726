//! Incidents: rows beside their events, and the statuses they had.
//!
//! A group leads straight to its rows; any other list walks the incidents from the newest, within a
//! budget (search.rs).

use std::collections::{HashMap, HashSet};

use annunciator_core::{Event, EventUid, Sample};
use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio_postgres::Row;
use uuid::Uuid;

use super::accept::{accept, insert_events};
use super::bind::{count, text, values};
use super::doubts::Doubt;
use super::fault::Outcome;
use super::pool::Lent;
use super::records::insert_audit;
use super::rows::{
    EVENT_COLUMN_COUNT, EVENT_COLUMNS, event_of, get, number, severity_number, severity_of, small,
    time,
};
use super::schema::lock;
use super::search::{Conditions, Search, count_of, cursor_of, to_cursor};
use super::store::in_time;
use super::work::Work;
use super::{Inner, PostgresStore};
use crate::incidents::{octets_of, samples_of};
use crate::{
    Accept, Acceptance, Accepted, INCIDENT_STATUSES_MAX, IncidentFilter, IncidentGroupRow,
    IncidentRow, IncidentStatusRow, Incidents, NewIncident, Page, Paged, Result, StatusChange,
    StatusOutcome, StoreError,
};

/// Most incidents of one id.
const SAME_ID_MAX: usize = 100;
/// What stands behind [`EVENT_COLUMNS`].
const COLUMNS: &str = "i.status, i.told, i.changed_at, i.group_name, i.sample_count";
/// Where a text is looked for.
const SEARCHED: &str = "i.id, i.model, i.top_tag, i.device, i.detector, i.group_name, \
     e.description, i.event::text";

#[async_trait]
impl Incidents for PostgresStore {
    async fn accept_incidents(
        &self,
        ask: Accept,
        incidents: Vec<NewIncident>,
    ) -> Result<Acceptance> {
        let inner = self.inner.clone();
        let (reply, answer) = oneshot::channel();
        tokio::spawn(async move {
            let ended = take_in(&inner, &ask, &incidents).await;
            let is_undone = ended.is_err();
            // Nobody plans what is claimed for a source that is gone, or without an answer.
            if (reply.send(ended).is_err() || is_undone) && ask.claimed {
                inner.doubts.add(Doubt::of_events(&ask.events));
            }
        });
        in_time(async { answer.await.unwrap_or(Err(StoreError::Closed)) }).await
    }

    async fn incidents(&self, filter: IncidentFilter, page: Page) -> Result<Paged<IncidentRow>> {
        let db = self.inner.readers.lend().await?;
        let outcome = incidents(&db, &filter, &page, self.inner.fold).await;
        db.done(outcome)
    }

    async fn incidents_exceed(&self, filter: IncidentFilter, count: usize) -> Result<bool> {
        let db = self.inner.readers.lend().await?;
        let outcome = search_of(&filter, self.inner.fold).exceeds(&db, count).await;
        db.done(outcome)
    }

    async fn incident(&self, uid: EventUid) -> Result<Option<IncidentRow>> {
        let db = self.inner.readers.lend().await?;
        let row = db.row(&select_where("i.event = $1"), values![uid.0]).await;
        let outcome = row.and_then(|row| row.as_ref().map(incident_of).transpose());
        db.done(outcome)
    }

    async fn incidents_by_source_id(&self, id: &str) -> Result<Vec<IncidentRow>> {
        let db = self.inner.readers.lend().await?;
        let find = select_where("i.id = $1 ORDER BY i.event DESC LIMIT $2");
        let rows = db.rows(&find, values![text(id), count(SAME_ID_MAX)]).await;
        db.done(rows.and_then(|rows| rows.iter().map(incident_of).collect()))
    }

    async fn incident_groups(&self, page: Page) -> Result<Paged<IncidentGroupRow>> {
        let db = self.inner.readers.lend().await?;
        let outcome = groups(&db, &page).await;
        db.done(outcome)
    }

    async fn incident_statuses(&self, uid: EventUid) -> Result<Vec<IncidentStatusRow>> {
        let db = self.inner.readers.lend().await?;
        let outcome = statuses(&db, uid).await;
        db.done(outcome)
    }

    async fn incident_samples(&self, uids: Vec<EventUid>) -> Result<Vec<(EventUid, Vec<Sample>)>> {
        let db = self.inner.readers.lend().await?;
        let ids: Vec<Uuid> = uids.iter().map(|uid| uid.0).collect();
        let find =
            "SELECT i.event, i.samples FROM unnest($1::uuid[]) WITH ORDINALITY AS g(event, n)
             JOIN incidents i ON i.event = g.event WHERE i.samples IS NOT NULL ORDER BY g.n";
        let rows = db.rows(find, values![ids]).await;
        let read = |row: &Row| Ok((EventUid(get(row, 0)?), samples_of(get(row, 1)?)));
        db.done(rows.and_then(|rows| rows.iter().map(read).collect()))
    }

    async fn change_incident_status(&self, change: StatusChange) -> Result<StatusOutcome> {
        let db = self.inner.writers.begin().await?;
        let mut work = self.inner.work();
        let outcome = change_status(&db, &mut work, &change).await;
        self.inner.end(db, work, outcome).await
    }
}

/// Takes incidents in a transaction of their own.
async fn take_in(inner: &Inner, ask: &Accept, incidents: &[NewIncident]) -> Result<Acceptance> {
    let db = inner.writers.begin_holding(lock::INCIDENTS).await?;
    let mut work = inner.work();
    let outcome = take(&db, &mut work, ask, incidents).await;
    inner.end(db, work, outcome).await
}

fn select_where(condition: &str) -> String {
    format!(
        "SELECT {EVENT_COLUMNS}, {COLUMNS} FROM incidents i JOIN events e ON e.uid = i.event
         WHERE {condition}"
    )
}

fn incident_of(row: &Row) -> Outcome<IncidentRow> {
    let at = |offset: usize| EVENT_COLUMN_COUNT + offset;
    Ok(IncidentRow {
        event: event_of(row)?,
        status: get(row, at(0))?,
        told: get(row, at(1))?,
        changed_at: time(row, at(2))?,
        group: get(row, at(3))?,
        sample_count: small(row, at(4))?,
    })
}

/// What a list looks for.
fn search_of(filter: &IncidentFilter, fold: &str) -> Search {
    let mut all = Conditions::default();
    let group = filter.group.as_ref().map(|group| all.place_of(text(group).into_owned()));
    let rows = group.map_or_else(
        || "incidents".to_owned(),
        |place| format!("(SELECT * FROM incidents WHERE group_name = {place})"),
    );
    all.add_some("i.kind = {}", filter.kind.clone());
    all.add_some("i.detector = {}", filter.detector.clone());
    all.add_some("i.model = {}", filter.model.clone());
    all.add_some("i.top_tag = {}", filter.top_tag.clone());
    all.add_some("i.device = {}", filter.device.clone());
    all.add_some("i.status = {}", filter.status.clone());
    all.add_some("i.severity >= {}", filter.severity_min.map(severity_number));
    all.add_some("i.starts_at >= {}", filter.since.map(|at| at.0));
    all.add_some("i.starts_at < {}", filter.until.map(|at| at.0));
    all.add_needle(SEARCHED, filter.text.as_deref(), fold);
    Search {
        from: format!("{rows} i JOIN events e ON e.uid = i.event"),
        key: "i.event",
        at: "e.registered_at",
        conditions: all,
        lowest: Uuid::nil(),
    }
}

async fn incidents(
    db: &Lent,
    filter: &IncidentFilter,
    page: &Page,
    fold: &str,
) -> Outcome<Paged<IncidentRow>> {
    let found = search_of(filter, fold).run(db, cursor_of(page)?, count_of(page)).await?;
    let mut by_uid = HashMap::new();
    for row in db.rows(&select_where("i.event = ANY($1)"), values![found.keys]).await? {
        let row = incident_of(&row)?;
        by_uid.insert(row.event.uid.0, row);
    }
    // Those that were removed meanwhile are not listed.
    let rows = found.keys.iter().filter_map(|uid| by_uid.remove(uid)).collect();
    let next = found.next.map(to_cursor);
    Ok(Paged { rows, next, searched_until: found.searched_until })
}

/// Cuts a list that was read one row too far.
fn cut<T>(rows: &mut Vec<T>, page: &Page, id: impl Fn(&T) -> Uuid) -> Option<String> {
    if rows.len() <= count_of(page) {
        return None;
    }
    rows.truncate(count_of(page));
    rows.last().map(|row| to_cursor(id(row)))
}

async fn groups(db: &Lent, page: &Page) -> Outcome<Paged<IncidentGroupRow>> {
    let find = "SELECT g.group_name, g.count, g.first_at, g.last_at, i.model, i.top_tag,
           g.severity, g.newest
         FROM (SELECT group_name, count(*), min(starts_at) AS first_at, max(starts_at) AS last_at,
                 max(severity) AS severity, (array_agg(event ORDER BY event DESC))[1] AS newest
               FROM incidents GROUP BY group_name HAVING count(*) > 1) g
         JOIN incidents i ON i.event = g.newest
         WHERE g.newest < $1 ORDER BY g.newest DESC LIMIT $2";
    let rows = db.rows(find, values![cursor_of(page)?, count(count_of(page) + 1)]).await?;
    let read = |row: &Row| {
        let group = IncidentGroupRow {
            group: get(row, 0)?,
            count: number(row, 1)?,
            first_at: time(row, 2)?,
            last_at: time(row, 3)?,
            model: get(row, 4)?,
            top_tag: get(row, 5)?,
            severity: severity_of(row, 6)?,
        };
        Ok((get(row, 7)?, group))
    };
    let mut rows = rows.iter().map(read).collect::<Outcome<Vec<(Uuid, _)>>>()?;
    let next = cut(&mut rows, page, |row| row.0);
    Ok(Paged { rows: rows.into_iter().map(|(_, row)| row).collect(), next, searched_until: None })
}

async fn statuses(db: &Lent, uid: EventUid) -> Outcome<Vec<IncidentStatusRow>> {
    let find = "SELECT at, author, status, comment, event FROM incident_statuses
         WHERE incident = $1 ORDER BY number";
    let read = |row: &Row| {
        Ok(IncidentStatusRow {
            at: time(row, 0)?,
            author: get(row, 1)?,
            status: get(row, 2)?,
            comment: get(row, 3)?,
            event: EventUid(get(row, 4)?),
        })
    };
    db.rows(find, values![uid.0]).await?.iter().map(read).collect()
}

/// Inserts events with their incidents. They come one after the other, on all nodes: each may be
/// alike to the one before. What swallows an incident is known only when the events are inserted:
/// another node may store an event of the same id at the same time.
async fn take(
    db: &Lent,
    work: &mut Work,
    ask: &Accept,
    incidents: &[NewIncident],
) -> Outcome<Acceptance> {
    db.batch("SAVEPOINT incidents").await?;
    let mut answers = accept(db, work, &[ask]).await?;
    let acceptance = answers.pop().expect("one was asked");
    if let Acceptance::Accepted(answers) = &acceptance {
        let both = ask.events.iter().zip(incidents).zip(answers);
        for ((event, incident), _) in both.filter(|(_, answer)| !answer.duplicate) {
            insert(db, event, incident).await?;
        }
        let others = find_other_events(db, answers).await?;
        if !others.is_empty() {
            db.batch("ROLLBACK TO SAVEPOINT incidents").await?;
            work.forget();
            return Ok(Acceptance::OtherEvents(others));
        }
    }
    Ok(acceptance)
}

/// Positions of those whose id an event has that is no incident.
async fn find_other_events(db: &Lent, answers: &[Accepted]) -> Outcome<Vec<usize>> {
    let known = answers.iter().filter(|answer| answer.duplicate);
    let known: Vec<Uuid> = known.map(|answer| answer.uid.0).collect();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let rows = db.rows("SELECT event FROM incidents WHERE event = ANY($1)", values![known]).await?;
    let incidents: HashSet<Uuid> = rows.iter().map(|row| get(row, 0)).collect::<Outcome<_>>()?;
    let is_other = |(position, answer): (usize, &Accepted)| {
        (answer.duplicate && !incidents.contains(&answer.uid.0)).then_some(position)
    };
    Ok(answers.iter().enumerate().filter_map(is_other).collect())
}

async fn insert(db: &Lent, event: &Event, incident: &NewIncident) -> Outcome<()> {
    let group = group_of(db, event, incident).await?;
    let samples = (!incident.samples.is_empty()).then(|| octets_of(&incident.samples));
    let insert = "INSERT INTO incidents (event, id, detector, kind, model, top_tag, device,
           severity, group_name, starts_at, status, told, changed_at, sample_count, samples, told_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let (uid, registered_at) = (event.uid.0, event.registered_at.0);
    let sample_count = i32::try_from(incident.samples.len()).unwrap_or(i32::MAX);
    db.run(
        insert,
        values![
            uid,
            text(&event.id),
            text(&event.application.name),
            text(&incident.kind),
            text(&incident.model),
            text(&incident.top_tag),
            text(&event.device.name),
            severity_number(event.severity),
            text(&group),
            incident.starts_at.0,
            text(&incident.status),
            incident.told,
            registered_at,
            sample_count,
            samples,
            incident.told.then_some(uid),
        ],
    )
    .await?;
    let first = IncidentStatusRow {
        at: event.registered_at,
        author: incident.author.clone(),
        status: incident.status.clone(),
        comment: String::new(),
        event: event.uid,
    };
    add_status(db, event.uid, 0, &first).await
}

/// The group that the source gave, or that of the nearest incident alike, or a new one.
async fn group_of(db: &Lent, event: &Event, incident: &NewIncident) -> Outcome<String> {
    if !incident.group.is_empty() {
        return Ok(incident.group.clone());
    }
    let is_comparable = !incident.model.is_empty() && !incident.top_tag.is_empty();
    if incident.grouping_ms > 0 && is_comparable {
        let find = "SELECT group_name FROM incidents
             WHERE model = $1 AND top_tag = $2 AND starts_at BETWEEN $3 AND $4
             ORDER BY abs(starts_at - $5), event DESC LIMIT 1";
        let at = incident.starts_at;
        let (from, until) = (at.plus_ms(-incident.grouping_ms), at.plus_ms(incident.grouping_ms));
        let (model, tag) = (text(&incident.model), text(&incident.top_tag));
        if let Some(row) = db.row(find, values![model, tag, from.0, until.0, at.0]).await? {
            return get(&row, 0);
        }
    }
    Ok(event.uid.to_string())
}

async fn add_status(
    db: &Lent,
    incident: EventUid,
    number: i32,
    row: &IncidentStatusRow,
) -> Outcome<()> {
    let insert = "INSERT INTO incident_statuses
           (incident, number, at, author, status, comment, event)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (author, status) = (text(&row.author), text(&row.status));
    let (comment, event) = (text(&row.comment), row.event.0);
    db.run(insert, values![incident.0, number, row.at.0, author, status, comment, event])
        .await
        .map(drop)
}

async fn change_status(
    db: &Lent,
    work: &mut Work,
    change: &StatusChange,
) -> Outcome<StatusOutcome> {
    let find = "SELECT (SELECT coalesce(max(number), -1) + 1 FROM incident_statuses s
                        WHERE s.incident = i.event)
         FROM incidents i WHERE event = $1 AND status = $2 AND told = $3 FOR UPDATE";
    let (uid, from, was_told) = (change.incident.0, text(&change.from), change.was_told);
    let found = db.row(find, values![uid, from, was_told]).await?;
    let Some(row) = found else { return Ok(StatusOutcome::Otherwise) };
    let number: i32 = get(&row, 0)?;
    if usize::try_from(number).is_ok_and(|number| number >= INCIDENT_STATUSES_MAX) {
        return Ok(StatusOutcome::Full);
    }
    insert_events(db, work, &[(&change.event, false)]).await?;
    let at = change.audit.at;
    let update = "UPDATE incidents SET status = $2, told = $3, changed_at = $4,
           told_by = CASE WHEN $3 AND NOT told THEN $5 ELSE told_by END
         WHERE event = $1";
    let (status, is_told) = (text(&change.to), change.is_told);
    let by = change.event.uid.0;
    db.run(update, values![change.incident.0, status, is_told, at.0, by]).await?;
    let row = IncidentStatusRow {
        at,
        author: change.audit.author.clone(),
        status: change.to.clone(),
        comment: change.comment.clone(),
        event: change.event.uid,
    };
    add_status(db, change.incident, number, &row).await?;
    insert_audit(db, &change.audit).await?;
    Ok(StatusOutcome::Changed)
}

/// Notes that the events which should have told incidents for the first time told nobody.
pub(super) async fn note_untold(db: &Lent, events: &[Uuid]) -> Outcome<()> {
    if events.is_empty() {
        return Ok(());
    }
    let events = events.to_vec();
    let note = "UPDATE incidents SET told = false, told_by = NULL WHERE told_by = ANY($1)";
    db.run(note, values![events]).await.map(drop)
}
