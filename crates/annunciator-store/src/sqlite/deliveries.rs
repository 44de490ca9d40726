//! The ledger's rows of deliveries, newest first, and what waits.
//!
//! An event, a notification, or a state other than `delivered` leads straight to its rows. Any
//! other filter walks the deliveries from the newest, within the times asked for, and looks at
//! [`SCAN_MAX`] per page at most: a page may then hold fewer rows than asked, even none, and
//! still name the next one.

use annunciator_core::{Attempt, DeliveryId, EventUid, Lane, NotificationId, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};

use super::events::{Conditions, count_of, cursor_of, cut, to_cursor};
use super::fault::store_error;
use super::key::{SPAN, floor_of, key_of};
use super::records::find_delivery;
use super::rows::{
    DELIVERY_COLUMN_COUNT, DELIVERY_COLUMNS, attempt_of, channel_of, delivery_of, keys_of, state,
    uuid_of,
};
use crate::{DeliveryFilter, DeliveryRow, Page, Paged, QueueCounts, Result};

/// Most deliveries that one page looks at.
const SCAN_MAX: i64 = 100_000;
/// Most attempts that are listed.
const ATTEMPTS_MAX: usize = 10_000;
/// A delivery's id carries the time it was planned; a clock that was set may part them by this.
const DISORDER_MS: i64 = 3 * 24 * 3600 * 1000;

/// What is shown beside a delivery, after [`DELIVERY_COLUMNS`].
const BESIDE: &str = "n.id, n.event_uid, n.channel, n.subject, l.name";
const JOINS: &str = "JOIN notifications n ON n.key = d.notification
                     JOIN lanes l ON l.number = d.lane";

/// The way to the rows of a list.
pub(super) enum Path {
    /// These keys, newest first.
    Keys(Vec<i64>),
    /// The index of a state that is rare.
    Rare(i64),
    /// All, from the newest.
    Walk,
    /// There are none.
    Nothing,
}

/// Finds the way; `flights` are the keys of what is in flight, when that is asked for.
pub(super) fn path_of(
    connection: &Connection,
    filter: &DeliveryFilter,
    flights: Option<Vec<i64>>,
) -> rusqlite::Result<Path> {
    let keys = if let Some(notification) = filter.notification {
        Some(keys_of_notification(connection, notification)?)
    } else if let Some(event) = filter.event {
        Some(keys_of_event(connection, event)?)
    } else {
        flights
    };
    if let Some(mut keys) = keys {
        keys.sort_unstable_by(|a, b| b.cmp(a));
        return Ok(Path::Keys(keys));
    }
    Ok(match filter.state.as_deref() {
        None | Some("delivered") => Path::Walk,
        Some("queued") => Path::Rare(state::QUEUED),
        Some("failed") => Path::Rare(state::FAILED),
        Some("cancelled") => Path::Rare(state::CANCELLED),
        Some(_) => Path::Nothing,
    })
}

fn keys_of_notification(connection: &Connection, id: NotificationId) -> rusqlite::Result<Vec<i64>> {
    let keys = connection
        .prepare_cached("SELECT deliveries FROM notifications WHERE id = ?1")?
        .query_row([id.0.as_bytes()], |row| keys_of(row, 0))
        .optional()?;
    Ok(keys.unwrap_or_default())
}

fn keys_of_event(connection: &Connection, uid: EventUid) -> rusqlite::Result<Vec<i64>> {
    let notifications = connection
        .prepare_cached(
            "SELECT pl.notifications FROM events e JOIN plans pl ON pl.event = e.key
             WHERE e.uid = ?1",
        )?
        .query_row([uid.0.as_bytes()], |row| keys_of(row, 0))
        .optional()?;
    let mut select =
        connection.prepare_cached("SELECT deliveries FROM notifications WHERE key = ?1")?;
    let mut keys = Vec::new();
    for key in notifications.unwrap_or_default() {
        keys.extend(select.query_row([key], |row| keys_of(row, 0))?);
    }
    Ok(keys)
}

/// The list of deliveries.
pub(super) fn deliveries(
    connection: &Connection,
    filter: &DeliveryFilter,
    page: &Page,
    flights: Option<Vec<i64>>,
) -> Result<Paged<DeliveryRow>> {
    let sqlite = |error: rusqlite::Error| store_error(&error);
    let after = cursor_of(page)?;
    let conditions = conditions_of(filter);
    let path = path_of(connection, filter, flights).map_err(sqlite)?;
    let listed = match path {
        Path::Nothing => Ok((Vec::new(), None)),
        Path::Keys(keys) => pick(connection, &keys, &conditions, after, count_of(page)),
        Path::Rare(number) => {
            let index = format!("d.state <> 1 AND d.state <> 2 AND d.state = {number} AND");
            walk(connection, &index, filter, &conditions, after, count_of(page))
        }
        Path::Walk => walk(connection, "", filter, &conditions, after, count_of(page)),
    };
    let (mut rows, end) = listed.map_err(sqlite)?;
    let next = cut(&mut rows, count_of(page)).or(end.map(to_cursor));
    Ok(Paged { rows: rows.into_iter().map(|(_, row)| row).collect(), next })
}

fn conditions_of(filter: &DeliveryFilter) -> Conditions {
    let mut all = Conditions::default();
    if let Some(word) = filter.state.as_deref() {
        // The two ways to be in flight are one word.
        let pair = match word {
            "queued" => (state::QUEUED, state::QUEUED),
            "in_flight" => (state::PLANNED_IN_FLIGHT, state::CLAIMED_IN_FLIGHT),
            "delivered" => (state::DELIVERED, state::DELIVERED),
            "failed" => (state::FAILED, state::FAILED),
            "cancelled" => (state::CANCELLED, state::CANCELLED),
            _ => (-1, -1),
        };
        all.add("(d.state = ?", pair.0);
        all.add_or("d.state = ?)", pair.1);
    }
    all.add_some("n.channel = ?", filter.channel.as_ref().map(|name| name.as_str().to_owned()));
    all.add_some("d.address = ? COLLATE NOCASE", filter.recipient.clone());
    all.add_some("l.name = ?", filter.lane.as_ref().map(|lane| lane.as_str().to_owned()));
    all.add_some("n.event_uid = ?", filter.event.map(|uid| uid.0.as_bytes().to_vec()));
    all.add_some("n.id = ?", filter.notification.map(|id| id.0.as_bytes().to_vec()));
    all.add_some("d.created_at >= ?", filter.since.map(|at| at.0));
    all.add_some("d.created_at < ?", filter.until.map(|at| at.0));
    all
}

type Listed = (Vec<(i64, DeliveryRow)>, Option<i64>);

fn pick(
    connection: &Connection,
    keys: &[i64],
    conditions: &Conditions,
    after: i64,
    count_max: usize,
) -> rusqlite::Result<Listed> {
    let text = format!(
        "SELECT {DELIVERY_COLUMNS}, {BESIDE} FROM deliveries d {JOINS} WHERE d.key = ?{}",
        conditions.text()
    );
    let mut select = connection.prepare_cached(&text)?;
    let mut rows = Vec::new();
    for key in keys.iter().filter(|key| **key < after) {
        let values = std::iter::once(Value::Integer(*key)).chain(conditions.values().to_vec());
        let found = select.query_row(rusqlite::params_from_iter(values), keyed_row).optional()?;
        rows.extend(found);
        if rows.len() > count_max {
            break;
        }
    }
    Ok((rows, None))
}

fn walk(
    connection: &Connection,
    index: &str,
    filter: &DeliveryFilter,
    conditions: &Conditions,
    after: i64,
    count_max: usize,
) -> rusqlite::Result<Listed> {
    let first = filter.since.map_or(i64::MIN, |at| floor_of(at.plus_ms(-DISORDER_MS)));
    let last = filter.until.map_or(after, |at| after.min(floor_of(at.plus_ms(DISORDER_MS))));
    let window = format!(
        "SELECT d.key FROM deliveries d WHERE {index} d.key < ?1 AND d.key >= ?2
         ORDER BY d.key DESC LIMIT 1 OFFSET ?3"
    );
    let end: Option<i64> = connection
        .prepare_cached(&window)?
        .query_row((last, first, SCAN_MAX - 1), |row| row.get(0))
        .optional()?;
    let text = format!(
        "SELECT {DELIVERY_COLUMNS}, {BESIDE} FROM deliveries d {JOINS}
         WHERE {index} d.key < ? AND d.key >= ?{} ORDER BY d.key DESC LIMIT ?",
        conditions.text()
    );
    let mut values = vec![Value::Integer(last), Value::Integer(end.unwrap_or(first))];
    values.extend_from_slice(conditions.values());
    values.push(Value::Integer(i64::try_from(count_max + 1).expect("a small number")));
    let mut select = connection.prepare_cached(&text)?;
    let rows = select.query_map(rusqlite::params_from_iter(values), keyed_row)?;
    Ok((rows.collect::<rusqlite::Result<_>>()?, end))
}

fn keyed_row(row: &Row<'_>) -> rusqlite::Result<(i64, DeliveryRow)> {
    let at = DELIVERY_COLUMN_COUNT;
    let stored = delivery_of(row)?;
    let key = stored.key;
    let lane: String = row.get(at + 4)?;
    let delivery = stored.named(NotificationId(uuid_of(row, at)?), Lane::new(&lane));
    let event = EventUid(uuid_of(row, at + 1)?);
    let channel = channel_of(row, at + 2)?;
    Ok((key, DeliveryRow { delivery, event, channel, subject: row.get(at + 3)? }))
}

/// One delivery.
pub(super) fn delivery(
    connection: &Connection,
    id: DeliveryId,
) -> rusqlite::Result<Option<DeliveryRow>> {
    let text = format!(
        "SELECT {DELIVERY_COLUMNS}, {BESIDE} FROM deliveries d {JOINS}
         WHERE d.key BETWEEN ?1 AND ?2 AND d.id = ?3"
    );
    let first = key_of(id);
    connection
        .prepare_cached(&text)?
        .query_row((first, first + SPAN - 1, id.0.as_bytes()), |row| Ok(keyed_row(row)?.1))
        .optional()
}

/// Attempts of a delivery, first to last.
pub(super) fn attempts_of(
    connection: &Connection,
    id: DeliveryId,
) -> rusqlite::Result<Vec<Attempt>> {
    let Some((key, _)) = find_delivery(connection, id)? else { return Ok(Vec::new()) };
    let mut select = connection.prepare_cached(
        "SELECT number, started_at, ended_at, outcome, failure, facts FROM attempts
         WHERE delivery = ?1 ORDER BY number LIMIT ?2",
    )?;
    let attempts = select.query_map((key, ATTEMPTS_MAX), |row| attempt_of(row, id))?;
    attempts.collect()
}

/// What waits. Reads the indexes of what waits, not the tables.
pub(super) fn queue_counts(
    connection: &Connection,
    in_flight: u64,
) -> rusqlite::Result<QueueCounts> {
    let count = |text: &str| connection.prepare_cached(text)?.query_row([], |row| row.get(0));
    let mut select = connection.prepare_cached(
        "SELECT l.name, q.count FROM
           (SELECT lane, count(*) AS count FROM deliveries WHERE state = 0 GROUP BY lane) q
         JOIN lanes l ON l.number = q.lane ORDER BY l.name",
    )?;
    let queued =
        select.query_map([], |row| Ok((Lane::new(&row.get::<_, String>(0)?), row.get(1)?)))?;
    let oldest = connection
        .prepare_cached(
            "SELECT created_at FROM deliveries WHERE state <> 1 AND state <> 2 AND state = 0
             ORDER BY key LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(QueueCounts {
        events_unplanned: count("SELECT count(*) FROM inbox")?,
        events_parked: count("SELECT count(*) FROM parked")?,
        queued: queued.collect::<rusqlite::Result<_>>()?,
        in_flight,
        oldest_queued_at: oldest.map(Timestamp),
    })
}
