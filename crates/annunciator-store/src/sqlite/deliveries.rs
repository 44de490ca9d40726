//! The ledger's rows of deliveries, newest first, and what waits.
//!
//! An event, a notification, or a state other than `delivered` leads straight to its rows. Any
//! other filter walks the deliveries from the newest, within the times asked for and a budget
//! (search.rs): a page may then hold fewer rows than asked, even none, and still name the next one.

use annunciator_core::{Attempt, DeliveryId, EventUid, Lane, NotificationId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use super::events::{count_of, cursor_of, to_cursor};
use super::fault::store_error;
use super::key::{SPAN, floor_of, key_of};
use super::records::find_delivery;
use super::rows::{
    DELIVERY_COLUMN_COUNT, DELIVERY_COLUMNS, attempt_of, channel_of, delivery_of, keys_of,
    severity_of, state, uuid_of,
};
use super::search::{Budget, Conditions, Found, Needle, Search};
use crate::{DeliveryFilter, DeliveryRow, Page, Paged, QueueCounts, Result};

/// Most attempts that are listed.
const ATTEMPTS_MAX: usize = 10_000;
/// A delivery's id carries the time it was planned; a clock that was set may part them by this.
const DISORDER_MS: i64 = 24 * 3600 * 1000;

/// What is shown beside a delivery, after [`DELIVERY_COLUMNS`].
const BESIDE: &str = "n.id, n.event_uid, n.channel, n.subject, l.name, n.severity, n.event_type, \
     e.type_name, n.application, n.device, \
     (SELECT json_extract(a.facts, '$.server') FROM attempts a WHERE a.delivery = d.key \
      ORDER BY a.number DESC LIMIT 1)";
const JOINS: &str = "JOIN notifications n ON n.key = d.notification
                     JOIN lanes l ON l.number = d.lane
                     JOIN events e ON e.key = n.event";
/// Where a text is looked for.
const SEARCHED: &str = ", d.address, n.subject, n.event_type, n.device, n.application, \
     n.event_id, n.event_uid";

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
    budget: Budget,
) -> Result<Paged<DeliveryRow>> {
    let after = cursor_of(page)?;
    let found = find(connection, filter, flights, (after, count_of(page)), budget);
    let listed = found.and_then(|found| {
        let text = format!(
            "SELECT {DELIVERY_COLUMNS}, {BESIDE} FROM deliveries d {JOINS} WHERE d.key = ?1"
        );
        let mut select = connection.prepare_cached(&text)?;
        let mut rows = Vec::with_capacity(found.keys.len());
        for key in &found.keys {
            // One that was removed meanwhile is not listed.
            rows.extend(select.query_row([key], delivery_row).optional()?);
        }
        let next = found.next.map(to_cursor);
        Ok(Paged { rows, next, searched_until: found.searched_until })
    });
    listed.map_err(|error| store_error(&error))
}

/// The keys of a list, behind `after` and at most so many.
pub(super) fn find(
    connection: &Connection,
    filter: &DeliveryFilter,
    flights: Option<Vec<i64>>,
    (after, count_max): (i64, usize),
    budget: Budget,
) -> rusqlite::Result<Found> {
    match path_of(connection, filter, flights)? {
        Path::Nothing => Ok(Found { keys: Vec::new(), next: None, searched_until: None }),
        Path::Keys(keys) => among(connection, &keys, filter, after, count_max),
        Path::Rare(number) => {
            let index = format!("d.state <> 1 AND d.state <> 2 AND d.state = {number} AND");
            walk(connection, &index, filter, after, count_max, budget)
        }
        Path::Walk => walk(connection, "", filter, after, count_max, budget),
    }
}

fn conditions_of(filter: &DeliveryFilter) -> Conditions {
    let mut all = Conditions::default();
    if let Some(word) = filter.state.as_deref() {
        // The two ways to be in flight are one word.
        let bits: i64 = match word {
            "queued" => 1 << state::QUEUED,
            "in_flight" => 1 << state::PLANNED_IN_FLIGHT | 1 << state::CLAIMED_IN_FLIGHT,
            "delivered" => 1 << state::DELIVERED,
            "failed" => 1 << state::FAILED,
            "cancelled" => 1 << state::CANCELLED,
            _ => 0,
        };
        all.add("((1 << d.state) & ?) <> 0", bits);
    }
    all.add_some("d.address = ? COLLATE NOCASE", filter.recipient.clone());
    let lane = filter.lane.as_ref().map(|lane| lane.as_str().to_owned());
    all.add_some("d.lane = (SELECT number FROM lanes WHERE name = ?)", lane);
    all.add_some("d.created_at >= ?", filter.since.map(|at| at.0));
    all.add_some("d.created_at < ?", filter.until.map(|at| at.0));
    all.add_severities("n.severity", &filter.severities);
    all.add_some("n.channel = ?", filter.channel.as_ref().map(|name| name.as_str().to_owned()));
    all.add_some("n.application = ?", filter.application.clone());
    all.add_some("n.device = ?", filter.device.clone());
    all.add_some("n.event_type = ?", filter.event_type.clone());
    all.add_some("n.event_uid = ?", filter.event.map(|uid| uid.0.as_bytes().to_vec()));
    all.add_some("n.id = ?", filter.notification.map(|id| id.0.as_bytes().to_vec()));
    all
}

/// Columns of a search and what they are read from.
fn searched(filter: &DeliveryFilter, conditions: &Conditions) -> String {
    let holds = conditions.as_column();
    let texts = if Needle::of(filter.text.as_deref()).is_some() { SEARCHED } else { "" };
    let is_joined = holds.contains("n.") || !texts.is_empty();
    let join = if is_joined { "JOIN notifications n ON n.key = d.notification" } else { "" };
    format!("SELECT d.key, d.created_at, {holds}{texts} FROM deliveries d {join}")
}

/// Those of these keys that fit.
fn among(
    connection: &Connection,
    keys: &[i64],
    filter: &DeliveryFilter,
    after: i64,
    count_max: usize,
) -> rusqlite::Result<Found> {
    let conditions = conditions_of(filter);
    let text = format!("{} WHERE d.key = ?", searched(filter, &conditions));
    let mut fitting = Vec::new();
    for key in keys.iter().filter(|key| **key < after) {
        let search = Search {
            text: &text,
            values: conditions.values_with([*key]),
            needle: Needle::of(filter.text.as_deref()),
            ends_before: Timestamp(i64::MIN),
            count_max: 1,
        };
        fitting.extend(search.run(connection, Budget::PAGE)?.keys);
        if fitting.len() > count_max {
            break;
        }
    }
    let is_cut = fitting.len() > count_max;
    fitting.truncate(count_max);
    let next = fitting.last().copied().filter(|_| is_cut);
    Ok(Found { keys: fitting, next, searched_until: None })
}

fn walk(
    connection: &Connection,
    index: &str,
    filter: &DeliveryFilter,
    after: i64,
    count_max: usize,
    budget: Budget,
) -> rusqlite::Result<Found> {
    let first = filter.since.map_or(i64::MIN, |at| floor_of(at.plus_ms(-DISORDER_MS)));
    let last = filter.until.map_or(after, |at| after.min(floor_of(at.plus_ms(DISORDER_MS))));
    let conditions = conditions_of(filter);
    let text = format!(
        "{} WHERE {index} d.key < ? AND d.key >= ? ORDER BY d.key DESC",
        searched(filter, &conditions)
    );
    let search = Search {
        text: &text,
        values: conditions.values_with([last, first]),
        needle: Needle::of(filter.text.as_deref()),
        ends_before: Timestamp(i64::MIN),
        count_max,
    };
    search.run(connection, budget)
}

fn delivery_row(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let at = DELIVERY_COLUMN_COUNT;
    let stored = delivery_of(row)?;
    let lane: String = row.get(at + 4)?;
    let delivery = stored.named(NotificationId(uuid_of(row, at)?), Lane::new(&lane));
    let event = EventUid(uuid_of(row, at + 1)?);
    Ok(DeliveryRow {
        delivery,
        event,
        channel: channel_of(row, at + 2)?,
        subject: row.get(at + 3)?,
        severity: severity_of(row, at + 5)?,
        event_type: row.get(at + 6)?,
        type_name: row.get(at + 7)?,
        application: row.get(at + 8)?,
        device: row.get(at + 9)?,
        relay: row.get::<_, Option<String>>(at + 10)?.unwrap_or_default(),
    })
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
        .query_row((first, first + SPAN - 1, id.0.as_bytes()), delivery_row)
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
///
/// Read in one transaction with `in_flight` asked before and after it, so that no event is missing
/// on its way from one count into the next; one that moves meanwhile may be in both.
pub(super) fn queue_counts(
    connection: &Connection,
    in_flight: impl Fn() -> u64,
) -> rusqlite::Result<QueueCounts> {
    let before = in_flight();
    let snapshot = connection.unchecked_transaction()?;
    let mut counts = waiting_counts(&snapshot)?;
    counts.in_flight = in_flight().max(before);
    Ok(counts)
}

fn waiting_counts(connection: &Connection) -> rusqlite::Result<QueueCounts> {
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
    let postponed_due_at: Option<i64> = connection
        .prepare_cached("SELECT min(due_at) FROM incident_postponed")?
        .query_row([], |row| row.get(0))?;
    Ok(QueueCounts {
        events_unplanned: count("SELECT count(*) FROM inbox")?,
        events_parked: count("SELECT count(*) FROM parked")?,
        queued: queued.collect::<rusqlite::Result<_>>()?,
        in_flight: 0,
        oldest_queued_at: oldest.map(Timestamp),
        postponed: count("SELECT count(*) FROM incident_postponed")?,
        postponed_due_at: postponed_due_at.map(Timestamp),
    })
}
