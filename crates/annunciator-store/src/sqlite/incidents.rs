//! Incidents: rows beside their events, and the statuses they had.
//!
//! Failure: a row that cannot be read is `Corrupt`.

use std::sync::Arc;

use annunciator_core::{Event, EventUid, Sample, Timestamp};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};

use super::SqliteStore;
use super::events::{count_of, cursor_of, to_cursor};
use super::fault::{Trouble, store_error};
use super::group::Kind;
use super::history::list;
use super::inbox::{self, Inbox};
use super::records::insert_audit;
use super::room::size_of_event;
use super::rows::{EVENT_COLUMN_COUNT, EVENT_COLUMNS, event_of, severity_of, uuid_of};
use super::search::{Budget, Conditions, Extent, Found, Needle, Search};
use super::session::Session;
use crate::incidents::{SAMPLE_BYTES, octets_of, samples_of};
use crate::{
    Accept, Acceptance, INCIDENT_STATUSES_MAX, IncidentFilter, IncidentGroupRow, IncidentRow,
    IncidentStatusRow, Incidents, NewIncident, Page, Paged, Result, StatusChange, StatusOutcome,
};

/// Most incidents of one id.
const SAME_ID_MAX: usize = 100;
/// What stands behind [`EVENT_COLUMNS`].
const COLUMNS: &str = "i.status, i.told, i.changed_at, i.group_name, i.sample_count";
/// Where a text is looked for.
const SEARCHED: &str = ", i.id, i.model, i.top_tag, i.device, i.detector, i.group_name, \
     e.description, i.uid";

#[async_trait]
impl Incidents for SqliteStore {
    async fn accept_incidents(
        &self,
        accept: Accept,
        incidents: Vec<NewIncident>,
    ) -> Result<Acceptance> {
        let samples = incidents.iter().map(|one| one.samples.len() * SAMPLE_BYTES).sum::<usize>();
        let events: u64 = accept.events.iter().map(size_of_event).sum();
        self.shared.room.take(events + u64::try_from(samples).unwrap_or(u64::MAX))?;
        let weight = accept.events.len() * 3;
        let work = move |session: &mut Session| take(session, &accept, &incidents);
        self.write(Kind::Intake, weight, work).await
    }

    async fn incidents(&self, filter: IncidentFilter, page: Page) -> Result<Paged<IncidentRow>> {
        let ask = move |connection: &Connection| incidents(connection, &filter, &page);
        self.shared.readers.search(ask).await
    }

    async fn incidents_exceed(&self, filter: IncidentFilter, count: usize) -> Result<bool> {
        let filter = Arc::new(filter);
        let mut extent = Extent::up_to(count);
        while !extent.is_known() {
            let (filter, place) = (Arc::clone(&filter), extent.place());
            let ask = move |connection: &Connection| find(connection, &filter, place, Budget::PAGE);
            extent.add(&self.search(ask).await?);
        }
        Ok(extent.is_exceeded())
    }

    async fn incident(&self, uid: EventUid) -> Result<Option<IncidentRow>> {
        self.read(move |connection| {
            let text = select_where("i.uid = ?1");
            let mut select = connection.prepare_cached(&text)?;
            select.query_row([uid.0.as_bytes()], incident_of).optional()
        })
        .await
    }

    async fn incidents_by_source_id(&self, id: &str) -> Result<Vec<IncidentRow>> {
        let id = id.to_owned();
        self.read(move |connection| {
            let text = select_where("i.id = ?1 ORDER BY i.event DESC LIMIT ?2");
            let mut select = connection.prepare_cached(&text)?;
            select.query_map((id, SAME_ID_MAX), incident_of)?.collect()
        })
        .await
    }

    async fn incident_groups(&self, page: Page) -> Result<Paged<IncidentGroupRow>> {
        self.shared.readers.ask(move |connection: &Connection| groups(connection, &page)).await
    }

    async fn incident_statuses(&self, uid: EventUid) -> Result<Vec<IncidentStatusRow>> {
        self.read(move |connection| statuses(connection, uid)).await
    }

    async fn incident_samples(&self, uids: Vec<EventUid>) -> Result<Vec<(EventUid, Vec<Sample>)>> {
        self.read(move |connection| {
            let find = "SELECT samples FROM incidents WHERE uid = ?1 AND samples IS NOT NULL";
            let mut select = connection.prepare_cached(find)?;
            let mut found = Vec::new();
            for uid in uids {
                let samples: Option<Vec<u8>> =
                    select.query_row([uid.0.as_bytes()], |row| row.get(0)).optional()?;
                found.extend(samples.map(|octets| (uid, samples_of(&octets))));
            }
            Ok(found)
        })
        .await
    }

    async fn change_incident_status(&self, change: StatusChange) -> Result<StatusOutcome> {
        self.shared.room.take(size_of_event(&change.event))?;
        let work = move |session: &mut Session| change_status(session, &change);
        self.write(Kind::Command, 3, work).await
    }
}

fn select_where(condition: &str) -> String {
    format!(
        "SELECT {EVENT_COLUMNS}, {COLUMNS} FROM incidents i JOIN events e ON e.key = i.event
         WHERE {condition}"
    )
}

fn incident_of(row: &Row<'_>) -> rusqlite::Result<IncidentRow> {
    let at = |offset: usize| EVENT_COLUMN_COUNT + offset;
    Ok(IncidentRow {
        event: event_of(row)?,
        status: row.get(at(0))?,
        told: row.get(at(1))?,
        changed_at: Timestamp(row.get(at(2))?),
        group: row.get(at(3))?,
        sample_count: row.get(at(4))?,
    })
}

fn incidents(
    connection: &Connection,
    filter: &IncidentFilter,
    page: &Page,
) -> Result<Paged<IncidentRow>> {
    let place = (cursor_of(page)?, count_of(page));
    let listed = find(connection, filter, place, Budget::PAGE).and_then(|found| {
        let mut select = connection.prepare_cached(&select_where("i.event = ?1"))?;
        let mut rows = Vec::with_capacity(found.keys.len());
        for key in &found.keys {
            // One that was removed meanwhile is not listed.
            rows.extend(select.query_row([key], incident_of).optional()?);
        }
        let next = found.next.map(to_cursor);
        Ok(Paged { rows, next, searched_until: found.searched_until })
    });
    listed.map_err(|error| store_error(&error))
}

/// The keys of a list, behind `after` and at most so many. A group leads straight to its rows; any
/// other filter walks the incidents from the newest within a budget (search.rs).
fn find(
    connection: &Connection,
    filter: &IncidentFilter,
    (after, count_max): (i64, usize),
    budget: Budget,
) -> rusqlite::Result<Found> {
    let conditions = conditions_of(filter);
    let needle = Needle::of(filter.text.as_deref());
    let group = filter.group.clone().map(Value::Text);
    let text = format!(
        "SELECT i.event, e.registered_at, {}{} FROM incidents i
         CROSS JOIN events e ON e.key = i.event
         WHERE {}i.event < ? ORDER BY i.event DESC",
        conditions.as_column(),
        if needle.is_some() { SEARCHED } else { "" },
        if group.is_some() { "i.group_name = ? AND " } else { "" },
    );
    let mut values = conditions.values_with([]);
    values.extend(group);
    values.push(Value::Integer(after));
    let ends_before = Timestamp(i64::MIN);
    Search { text: &text, values, needle, ends_before, count_max }.run(connection, budget)
}

fn conditions_of(filter: &IncidentFilter) -> Conditions {
    let mut all = Conditions::default();
    all.add_some("i.kind = ?", filter.kind.clone());
    all.add_some("i.detector = ?", filter.detector.clone());
    all.add_some("i.model = ?", filter.model.clone());
    all.add_some("i.top_tag = ?", filter.top_tag.clone());
    all.add_some("i.device = ?", filter.device.clone());
    all.add_some("i.status = ?", filter.status.clone());
    all.add_some(
        "i.severity >= ?",
        filter.severity_min.map(|severity| i64::from(severity.number())),
    );
    all.add_some("i.starts_at >= ?", filter.since.map(|at| at.0));
    all.add_some("i.starts_at < ?", filter.until.map(|at| at.0));
    all
}

fn groups(connection: &Connection, page: &Page) -> Result<Paged<IncidentGroupRow>> {
    // What stands beside max() is that of its row.
    let text = "SELECT group_name, count(*), min(starts_at), max(starts_at), model, top_tag,
                  max(severity), max(event) AS newest
                FROM incidents GROUP BY group_name HAVING count(*) > 1 AND newest < ?1
                ORDER BY newest DESC LIMIT ?2";
    list(connection, text, (cursor_of(page)?, count_of(page) + 1), page, |row| {
        let group = IncidentGroupRow {
            group: row.get(0)?,
            count: row.get(1)?,
            first_at: Timestamp(row.get(2)?),
            last_at: Timestamp(row.get(3)?),
            model: row.get(4)?,
            top_tag: row.get(5)?,
            severity: severity_of(row, 6)?,
        };
        Ok((row.get(7)?, group))
    })
}

fn statuses(connection: &Connection, uid: EventUid) -> rusqlite::Result<Vec<IncidentStatusRow>> {
    let find = "SELECT s.at, s.author, s.status, s.comment, s.event FROM incident_statuses s
                JOIN incidents i ON i.event = s.incident WHERE i.uid = ?1 ORDER BY s.number";
    let mut select = connection.prepare_cached(find)?;
    let rows = select.query_map([uid.0.as_bytes()], |row| {
        Ok(IncidentStatusRow {
            at: Timestamp(row.get(0)?),
            author: row.get(1)?,
            status: row.get(2)?,
            comment: row.get(3)?,
            event: EventUid(uuid_of(row, 4)?),
        })
    })?;
    rows.collect()
}

/// Inserts events with their incidents.
fn take(
    session: &mut Session,
    accept: &Accept,
    incidents: &[NewIncident],
) -> std::result::Result<Acceptance, Trouble> {
    let others = find_other_events(&session.connection, &accept.events)?;
    if !others.is_empty() {
        return Ok(Acceptance::OtherEvents(others));
    }
    let acceptance = inbox::accept(session, accept)?;
    if let Acceptance::Accepted(answers) = &acceptance {
        let both = accept.events.iter().zip(incidents).zip(answers);
        for ((event, incident), _) in both.filter(|(_, answer)| !answer.duplicate) {
            insert(&session.connection, event, incident)?;
        }
    }
    Ok(acceptance)
}

/// Positions of those whose id an event has that is no incident.
fn find_other_events(
    connection: &Connection,
    events: &[Event],
) -> std::result::Result<Vec<usize>, Trouble> {
    let mut is_incident = connection.prepare_cached("SELECT 1 FROM incidents WHERE uid = ?1")?;
    let mut others = Vec::new();
    for (position, event) in events.iter().enumerate() {
        if let Some(uid) = inbox::find_known(connection, event)?
            && !is_incident.exists([uid.0.as_bytes()])?
        {
            others.push(position);
        }
    }
    Ok(others)
}

fn insert(
    connection: &Connection,
    event: &Event,
    incident: &NewIncident,
) -> std::result::Result<(), Trouble> {
    let key: i64 = connection
        .prepare_cached("SELECT key FROM events WHERE uid = ?1")?
        .query_row([event.uid.0.as_bytes()], |row| row.get(0))?;
    let group = group_of(connection, event, incident)?;
    let samples = (!incident.samples.is_empty()).then(|| octets_of(&incident.samples));
    connection
        .prepare_cached(
            "INSERT INTO incidents (event, uid, id, detector, kind, model, top_tag, device,
               severity, group_name, starts_at, status, told, changed_at, sample_count, samples,
               told_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(rusqlite::params![
            key,
            event.uid.0.as_bytes(),
            event.id,
            event.application.name,
            incident.kind,
            incident.model,
            incident.top_tag,
            event.device.name,
            event.severity.number(),
            group,
            incident.starts_at.0,
            incident.status,
            incident.told,
            event.registered_at.0,
            incident.samples.len(),
            samples,
            incident.told.then_some(event.uid.0.as_bytes()),
        ])?;
    let first = IncidentStatusRow {
        at: event.registered_at,
        author: incident.author.clone(),
        status: incident.status.clone(),
        comment: String::new(),
        event: event.uid,
    };
    add_status(connection, key, 0, &first)?;
    Ok(())
}

/// The group that the source gave, or that of the nearest incident alike, or a new one.
fn group_of(
    connection: &Connection,
    event: &Event,
    incident: &NewIncident,
) -> rusqlite::Result<String> {
    if !incident.group.is_empty() {
        return Ok(incident.group.clone());
    }
    let is_comparable = !incident.model.is_empty() && !incident.top_tag.is_empty();
    if incident.grouping_ms > 0 && is_comparable {
        let find = "SELECT group_name FROM incidents
                    WHERE model = ?1 AND top_tag = ?2 AND starts_at BETWEEN ?3 AND ?4
                    ORDER BY abs(starts_at - ?5), event DESC LIMIT 1";
        let at = incident.starts_at;
        let (from, until) = (at.plus_ms(-incident.grouping_ms), at.plus_ms(incident.grouping_ms));
        let values = (&incident.model, &incident.top_tag, from.0, until.0, at.0);
        let found =
            connection.prepare_cached(find)?.query_row(values, |row| row.get(0)).optional()?;
        if let Some(group) = found {
            return Ok(group);
        }
    }
    Ok(event.uid.to_string())
}

fn add_status(
    connection: &Connection,
    incident: i64,
    number: usize,
    row: &IncidentStatusRow,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO incident_statuses (incident, number, at, author, status, comment, event)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            incident,
            number,
            row.at.0,
            &row.author,
            &row.status,
            &row.comment,
            row.event.0.as_bytes(),
        ))
        .map(drop)
}

fn change_status(
    session: &mut Session,
    change: &StatusChange,
) -> std::result::Result<StatusOutcome, Trouble> {
    let Session { connection, memory, .. } = session;
    let find = "SELECT event FROM incidents WHERE uid = ?1 AND status = ?2 AND told = ?3";
    let found: Option<i64> = connection
        .prepare_cached(find)?
        .query_row((change.incident.0.as_bytes(), &change.from, change.was_told), |row| row.get(0))
        .optional()?;
    let Some(key) = found else { return Ok(StatusOutcome::Otherwise) };
    let number: usize = connection
        .prepare_cached("SELECT max(number) + 1 FROM incident_statuses WHERE incident = ?1")?
        .query_row([key], |row| row.get(0))?;
    if number >= INCIDENT_STATUSES_MAX {
        return Ok(StatusOutcome::Full);
    }
    Inbox::over(connection)?.insert(memory, &change.event, false)?;
    let at = change.audit.at;
    connection
        .prepare_cached(
            "UPDATE incidents SET status = ?2, changed_at = ?3, told = ?4,
               told_by = CASE WHEN ?4 AND NOT told THEN ?5 ELSE told_by END
             WHERE event = ?1",
        )?
        .execute((key, &change.to, at.0, change.is_told, change.event.uid.0.as_bytes()))?;
    let row = IncidentStatusRow {
        at,
        author: change.audit.author.clone(),
        status: change.to.clone(),
        comment: change.comment.clone(),
        event: change.event.uid,
    };
    add_status(connection, key, number, &row)?;
    insert_audit(connection, &change.audit)?;
    Ok(StatusOutcome::Changed)
}

/// Notes that the event which should have told an incident for the first time told nobody.
pub(super) fn note_untold(connection: &Connection, event: EventUid) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE incidents SET told = 0, told_by = NULL WHERE told_by = ?1")?
        .execute([event.0.as_bytes()])
        .map(drop)
}

/// Removes what hangs on an event that goes.
pub(super) fn remove(connection: &Connection, event: i64) -> rusqlite::Result<()> {
    for text in [
        "DELETE FROM incident_statuses WHERE incident = ?1",
        "DELETE FROM incidents WHERE event = ?1",
    ] {
        connection.prepare_cached(text)?.execute([event])?;
    }
    Ok(())
}
