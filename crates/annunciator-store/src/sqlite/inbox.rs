//! Events become rows of the inbox; rows of the inbox become claims of planners.
//!
//! A claim of an event is held in memory only: it lapses with the process, and costs no write.

use std::collections::HashSet;

use annunciator_core::{Event, EventUid};
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use uuid::Uuid;

use super::fault::Trouble;
use super::rows::{EVENT_COLUMN_COUNT, EVENT_COLUMNS, event_of, from_json, to_json, uuid_of};
use super::session::{ClaimedEvent, Memory, Session};
use crate::{Accept, Acceptance, Accepted, Figure, Idempotency};

/// How long an idempotency key is remembered.
pub(super) const IDEMPOTENCY_MS: i64 = 24 * 3600 * 1000;

/// Inserts a batch, or finds that it came before.
pub(super) fn accept(session: &mut Session, ask: &Accept) -> Result<Acceptance, Trouble> {
    if let Some(idempotency) = &ask.idempotency
        && let Some(answer) = recall(session, idempotency, ask.now.plus_ms(-IDEMPOTENCY_MS).0)?
    {
        return Ok(answer);
    }
    let Session { connection, memory, .. } = session;
    let mut inbox = Inbox::over(connection)?;
    let mut answers = Vec::with_capacity(ask.events.len());
    for event in &ask.events {
        answers.push(inbox.insert(memory, event, ask.claimed)?);
    }
    if let Some(Idempotency { owner, key, body_sha256 }) = &ask.idempotency {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO idempotency (owner, key, body_sha256, answer, at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((owner, key, body_sha256, to_json(&answers), ask.now.0))?;
    }
    Ok(Acceptance::Accepted(answers))
}

fn recall(
    session: &Session,
    idempotency: &Idempotency,
    oldest: i64,
) -> Result<Option<Acceptance>, Trouble> {
    let find = "SELECT body_sha256, answer FROM idempotency
                WHERE owner = ?1 AND key = ?2 AND at > ?3";
    let found: Option<([u8; 32], String)> = session
        .connection
        .prepare_cached(find)?
        .query_row((&idempotency.owner, &idempotency.key, oldest), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(match found {
        None => None,
        Some((body, _)) if body != idempotency.body_sha256 => Some(Acceptance::KeyReused),
        Some((_, answer)) => Some(Acceptance::Replayed(from_json(&answer, "answer")?)),
    })
}

/// The statements that insert events, prepared once for many.
pub(super) struct Inbox<'a> {
    connection: &'a Connection,
    event: CachedStatement<'a>,
    place: CachedStatement<'a>,
}

impl<'a> Inbox<'a> {
    pub(super) fn over(connection: &'a Connection) -> rusqlite::Result<Self> {
        let event = connection.prepare_cached(
            "INSERT INTO events (uid, id, application, version, event_type, type_name, severity,
               device, ip, connection_ip, domain, device_group, task, description, occurred_at,
               registered_at, parameters)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
             ON CONFLICT DO NOTHING",
        )?;
        let place = connection.prepare_cached("INSERT INTO inbox (event, tries) VALUES (?1, 0)")?;
        Ok(Self { connection, event, place })
    }

    /// Inserts an event unless it is known.
    pub(super) fn insert(
        &mut self,
        memory: &mut Memory,
        event: &Event,
        claimed: bool,
    ) -> Result<Accepted, Trouble> {
        let is_id_ours = is_uid_text(&event.id, event.uid);
        if !is_id_ours && let Some(uid) = made_here(self.connection, event)? {
            return Ok(Accepted { id: event.id.clone(), uid, duplicate: true });
        }
        let parameters = (!event.parameters.is_empty()).then(|| to_json(&event.parameters));
        let count = self.event.execute(rusqlite::params![
            event.uid.0.as_bytes(),
            (!is_id_ours).then_some(&event.id),
            event.application.name,
            event.application.version,
            event.event_type,
            event.type_name,
            event.severity.number(),
            event.device.name,
            event.device.ip,
            event.device.connection_ip,
            event.device.domain,
            event.device.group,
            event.task,
            event.description,
            event.occurred_at.0,
            event.registered_at.0,
            parameters,
        ])?;
        if count == 0 {
            let uid = first_uid(self.connection, event)?;
            return Ok(Accepted { id: event.id.clone(), uid, duplicate: true });
        }
        let key = self.connection.last_insert_rowid();
        self.place.execute([key])?;
        let event_type = memory.type_number(self.connection, event)?;
        let severity = memory.tally.word(event.severity.as_str());
        memory.tally.count(event.registered_at, Figure::Accepted, severity);
        if claimed {
            let (severity, registered_at) = (event.severity, event.registered_at);
            memory.claim(event.uid, ClaimedEvent { key, severity, event_type, registered_at });
        } else {
            memory.has_unclaimed = true;
        }
        Ok(Accepted { id: event.id.clone(), uid: event.uid, duplicate: false })
    }
}

fn is_uid_text(id: &str, uid: EventUid) -> bool {
    id == uid.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer())
}

/// Finds the event whose id was made here and is now given by its source: such ids are not stored.
fn made_here(connection: &Connection, event: &Event) -> Result<Option<EventUid>, Trouble> {
    let uid = match Uuid::try_parse(&event.id) {
        Ok(uid) if is_uid_text(&event.id, EventUid(uid)) => uid,
        _ => return Ok(None),
    };
    let find = "SELECT uid FROM events WHERE uid = ?1 AND application = ?2 AND id IS NULL";
    let found = connection
        .prepare_cached(find)?
        .query_row((uid.as_bytes(), &event.application.name), |row| uuid_of(row, 0))
        .optional()?;
    Ok(found.map(EventUid))
}

/// The stored event of the same id and application.
pub(super) fn find_known(
    connection: &Connection,
    event: &Event,
) -> Result<Option<EventUid>, Trouble> {
    if is_uid_text(&event.id, event.uid) {
        return Ok(None);
    }
    match made_here(connection, event)? {
        Some(uid) => Ok(Some(uid)),
        None => find_by_id(connection, event),
    }
}

fn find_by_id(connection: &Connection, event: &Event) -> Result<Option<EventUid>, Trouble> {
    let by_id = "SELECT uid FROM events WHERE id = ?1 AND application = ?2";
    let found = connection
        .prepare_cached(by_id)?
        .query_row((&event.id, &event.application.name), |row| uuid_of(row, 0))
        .optional()?;
    Ok(found.map(EventUid))
}

fn first_uid(connection: &Connection, event: &Event) -> Result<EventUid, Trouble> {
    // Without an equal id it was the uid that is known: the same event, handed in again.
    Ok(find_by_id(connection, event)?.unwrap_or(event.uid))
}

/// Claims events that wait and belong to nobody, oldest first.
pub(super) fn claim_events(session: &mut Session, count_max: usize) -> Result<Vec<Event>, Trouble> {
    if !session.memory.has_unclaimed {
        return Ok(Vec::new());
    }
    let taken: HashSet<i64> = session.memory.claimed.values().map(|event| event.key).collect();
    let mut keys = Vec::new();
    let mut has_more = false;
    {
        let mut select =
            session.connection.prepare_cached("SELECT event FROM inbox ORDER BY event")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let key: i64 = row.get(0)?;
            if taken.contains(&key) {
                continue;
            }
            if keys.len() >= count_max {
                has_more = true;
                break;
            }
            keys.push(key);
        }
    }
    let mut events = Vec::with_capacity(keys.len());
    for key in keys {
        let text = format!(
            "SELECT {EVENT_COLUMNS}, t.number FROM events e JOIN event_types t
               ON t.application = e.application AND t.event_type = e.event_type WHERE e.key = ?1"
        );
        let (event, event_type) = session
            .connection
            .prepare_cached(&text)?
            .query_row([key], |row| Ok((event_of(row)?, row.get(EVENT_COLUMN_COUNT)?)))?;
        let (severity, registered_at) = (event.severity, event.registered_at);
        session.memory.claim(event.uid, ClaimedEvent { key, severity, event_type, registered_at });
        events.push(event);
    }
    session.memory.has_unclaimed = has_more;
    Ok(events)
}
