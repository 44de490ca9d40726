//! The ledger's rows of events, newest first.
//!
//! Lists of waiting and of parked events use their own small tables. Any other filter walks the
//! events from the newest within a budget (search.rs): a page may then hold fewer rows than asked,
//! even none, and still name the next one.

use annunciator_core::{EventUid, Notification, NotificationId, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::fault::store_error;
use super::rows::{
    EVENT_COLUMN_COUNT, EVENT_COLUMNS, NOTIFICATION_COLUMNS, channel_of, event_of, from_json,
    keys_of, notification_of, severity_of, state_word,
};
use super::search::{Budget, Conditions, Found, Needle, Search};
use crate::{
    DeliveryCount, EventFilter, EventRow, EventState, EventTypeRow, Page, Paged, Result, StoreError,
};

/// Most rows of one page.
const ROWS_MAX: usize = 1_000;
/// Events are stored nearly in the order of their registration; a clock that was set may disturb
/// it by this much before a list with a beginning would end too early.
const DISORDER_MS: i64 = 3 * 24 * 3600 * 1000;

/// What hangs on an event row, after [`EVENT_COLUMNS`].
const STATE_COLUMNS: &str = "i.tries, p.reason, coalesce(s.body, pl.decisions), pl.notifications";
const STATE_JOINS: &str = "LEFT JOIN inbox i ON i.event = e.key
     LEFT JOIN parked p ON p.event = e.key
     LEFT JOIN plans pl ON pl.event = e.key
     LEFT JOIN decision_sets s ON s.number = pl.decisions";

/// Where a text is looked for.
const SEARCHED: &str = ", e.event_type, e.type_name, e.device, e.device_group, e.application, \
     e.description, e.id, e.uid";
/// What was decided, for conditions on it.
const PLAN_JOIN: &str = " LEFT JOIN plans pl ON pl.event = e.key
     LEFT JOIN decision_sets s ON s.number = pl.decisions";

/// The key after which a page begins.
pub(super) fn cursor_of(page: &Page) -> Result<i64> {
    let Some(text) = &page.after else { return Ok(i64::MAX) };
    let is_hex = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let key = is_hex.then(|| i64::from_str_radix(text, 16).ok()).flatten();
    key.ok_or_else(|| StoreError::BadRequest("this cursor was not given out here".to_owned()))
}

/// A key as a cursor.
pub(super) fn to_cursor(key: i64) -> String {
    format!("{key:016x}")
}

/// Rows of a page.
pub(super) fn count_of(page: &Page) -> usize {
    page.count_max.clamp(1, ROWS_MAX)
}

/// Cuts a list that was read one row too far; answers the next page's cursor.
pub(super) fn cut<T>(rows: &mut Vec<(i64, T)>, count_max: usize) -> Option<String> {
    if rows.len() <= count_max {
        return None;
    }
    rows.truncate(count_max);
    rows.last().map(|(key, _)| to_cursor(*key))
}

/// The list of events.
pub(super) fn events(
    connection: &Connection,
    filter: &EventFilter,
    page: &Page,
    budget: Budget,
) -> Result<Paged<EventRow>> {
    let after = cursor_of(page)?;
    let found = find(connection, filter, (after, count_of(page)), budget);
    let listed = found.and_then(|found| {
        let text = format!(
            "SELECT {EVENT_COLUMNS}, {STATE_COLUMNS} FROM events e {STATE_JOINS} WHERE e.key = ?1"
        );
        let mut select = connection.prepare_cached(&text)?;
        let mut rows = Vec::with_capacity(found.keys.len());
        for key in &found.keys {
            // One that was removed meanwhile is not listed.
            let row = select.query_row([key], |row| event_row(connection, row)).optional()?;
            rows.extend(row);
        }
        let next = found.next.map(to_cursor);
        Ok(Paged { rows, next, searched_until: found.searched_until })
    });
    listed.map_err(|error| store_error(&error))
}

/// The keys of a list, behind `after` and at most so many.
pub(super) fn find(
    connection: &Connection,
    filter: &EventFilter,
    (after, count_max): (i64, usize),
    budget: Budget,
) -> rusqlite::Result<Found> {
    let end = filter.until.map(|until| first_key_since(connection, until.plus_ms(DISORDER_MS)));
    let after = end.transpose()?.map_or(after, |end| after.min(end));
    let (from, key) = match filter.state.as_deref() {
        Some("accepted") => ("inbox w CROSS JOIN events e ON e.key = w.event", "w.event"),
        Some("parked") => ("parked w CROSS JOIN events e ON e.key = w.event", "w.event"),
        Some("planned") => ("plans w CROSS JOIN events e ON e.key = w.event", "w.event"),
        Some(_) => return Ok(Found { keys: Vec::new(), next: None, searched_until: None }),
        None => ("events e", "e.key"),
    };
    let conditions = conditions_of(filter);
    let needle = Needle::of(filter.text.as_deref());
    let text = format!(
        "SELECT {key}, e.registered_at, {}{} FROM {from}{} WHERE {key} < ? ORDER BY {key} DESC",
        conditions.as_column(),
        if needle.is_some() { SEARCHED } else { "" },
        if filter.decision.is_some() { PLAN_JOIN } else { "" },
    );
    let search = Search {
        text: &text,
        values: conditions.values_with([after]),
        needle,
        ends_before: filter.since.map_or(Timestamp(i64::MIN), |at| at.plus_ms(-DISORDER_MS)),
        count_max,
    };
    search.run(connection, budget)
}

/// A key before which, but for disorder, all events of an earlier time are: found by halving.
fn first_key_since(connection: &Connection, at: Timestamp) -> rusqlite::Result<i64> {
    let (mut low, mut high): (i64, i64) = connection
        .prepare_cached("SELECT coalesce(min(key), 0), coalesce(max(key), 0) + 1 FROM events")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut select = connection.prepare_cached(
        "SELECT key, registered_at FROM events WHERE key >= ?1 ORDER BY key LIMIT 1",
    )?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found = select.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((key, found)) if i64::lt(&found, &at.0) => low = i64::saturating_add(key, 1),
            // Nothing is behind it, or nothing earlier.
            _ => high = middle,
        }
    }
    Ok(low)
}

fn conditions_of(filter: &EventFilter) -> Conditions {
    let mut all = Conditions::default();
    all.add_severities("e.severity", &filter.severities);
    all.add_some("e.application = ?", filter.application.clone());
    all.add_some("e.event_type = ?", filter.event_type.clone());
    all.add_some("e.device = ?", filter.device.clone());
    all.add_some("e.device_group = ?", filter.group.clone());
    all.add_some("e.registered_at >= ?", filter.since.map(|at| at.0));
    all.add_some("e.registered_at < ?", filter.until.map(|at| at.0));
    // Within a JSON text a quote of a reason is written `\"`: this is found in no other place.
    let decided = filter.decision.map(|kind| format!("\"kind\":\"{}\"", kind.as_str()));
    all.add_some("instr(coalesce(s.body, pl.decisions), ?) > 0", decided);
    all
}

fn event_row(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<EventRow> {
    let at = EVENT_COLUMN_COUNT;
    let tries: Option<u32> = row.get(at)?;
    let reason: Option<String> = row.get(at + 1)?;
    let decisions: Option<String> = row.get(at + 2)?;
    let state = match (tries, reason) {
        (Some(tries), _) => EventState::Accepted { tries },
        (None, Some(reason)) => EventState::Parked { reason },
        (None, None) => EventState::Planned,
    };
    let decisions = decisions
        .map(|text| from_json(&text, "list of decisions"))
        .transpose()?
        .unwrap_or_default();
    let is_planned = !matches!(row.get_ref(at + 3)?, ValueRef::Null);
    let notifications = if is_planned { keys_of(row, at + 3)? } else { Vec::new() };
    let deliveries = count_deliveries(connection, &notifications)?;
    Ok(EventRow { event: event_of(row)?, state, decisions, deliveries })
}

/// How the deliveries of these notifications stand.
fn count_deliveries(
    connection: &Connection,
    notifications: &[i64],
) -> rusqlite::Result<Vec<DeliveryCount>> {
    let mut of_notification = connection
        .prepare_cached("SELECT channel, deliveries FROM notifications WHERE key = ?1")?;
    let mut of_delivery =
        connection.prepare_cached("SELECT state FROM deliveries WHERE key = ?1")?;
    let mut counts: Vec<DeliveryCount> = Vec::new();
    for notification in notifications {
        let read = |row: &Row<'_>| Ok((channel_of(row, 0)?, keys_of(row, 1)?));
        let found = of_notification.query_row([notification], read).optional()?;
        let Some((channel, deliveries)) = found else { continue };
        for delivery in deliveries {
            let number: Option<i64> =
                of_delivery.query_row([delivery], |row| row.get(0)).optional()?;
            let Some(state) = number.map(state_word).transpose()? else { continue };
            let same = counts.iter_mut().find(|one| one.channel == channel && one.state == state);
            match same {
                Some(known) => known.count += 1,
                None => counts.push(DeliveryCount { channel: channel.clone(), state, count: 1 }),
            }
        }
    }
    Ok(counts)
}

/// One event.
pub(super) fn event(connection: &Connection, uid: EventUid) -> rusqlite::Result<Option<EventRow>> {
    let text = format!(
        "SELECT {EVENT_COLUMNS}, {STATE_COLUMNS} FROM events e {STATE_JOINS} WHERE e.uid = ?1"
    );
    let mut select = connection.prepare_cached(&text)?;
    select.query_row([uid.0.as_bytes()], |row| event_row(connection, row)).optional()
}

/// Events of a source's id; one made here is no column, and is found by the uid.
pub(super) fn events_by_source_id(
    connection: &Connection,
    id: &str,
    application: Option<&str>,
) -> rusqlite::Result<Vec<EventRow>> {
    let made_here = uuid::Uuid::try_parse(id).ok().filter(|uid| uid.to_string() == id);
    let text = format!(
        "SELECT {EVENT_COLUMNS}, {STATE_COLUMNS} FROM events e {STATE_JOINS}
         WHERE e.key IN (SELECT key FROM events WHERE id = ?1
                         UNION ALL SELECT key FROM events WHERE uid = ?2 AND id IS NULL)
           AND (?3 IS NULL OR e.application = ?3)
         ORDER BY e.key LIMIT 100"
    );
    let mut select = connection.prepare_cached(&text)?;
    let uid = made_here.as_ref().map(|uid| uid.as_bytes());
    let rows = select.query_map((id, uid, application), |row| event_row(connection, row))?;
    rows.collect()
}

/// Known event types.
pub(super) fn event_types(connection: &Connection) -> rusqlite::Result<Vec<EventTypeRow>> {
    let mut select = connection.prepare_cached(
        "SELECT application, event_type, type_name, severity, first_seen_at, storage_term_days
         FROM event_types ORDER BY application, event_type LIMIT 10000",
    )?;
    let rows = select.query_map([], |row| {
        Ok(EventTypeRow {
            application: row.get(0)?,
            event_type: row.get(1)?,
            type_name: row.get(2)?,
            severity: severity_of(row, 3)?,
            first_seen_at: Timestamp(row.get(4)?),
            storage_term_days: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// Notifications of an event, in the order they were planned.
pub(super) fn notifications_of(
    connection: &Connection,
    event: EventUid,
) -> rusqlite::Result<Vec<Notification>> {
    let keys = connection
        .prepare_cached(
            "SELECT pl.notifications FROM events e JOIN plans pl ON pl.event = e.key
             WHERE e.uid = ?1",
        )?
        .query_row([event.0.as_bytes()], |row| keys_of(row, 0))
        .optional()?;
    let text = format!("SELECT {NOTIFICATION_COLUMNS} FROM notifications n WHERE n.key = ?1");
    let mut select = connection.prepare_cached(&text)?;
    keys.unwrap_or_default().iter().map(|key| select.query_row([key], notification_of)).collect()
}

/// One notification.
pub(super) fn notification(
    connection: &Connection,
    id: NotificationId,
) -> rusqlite::Result<Option<Notification>> {
    let text = format!("SELECT {NOTIFICATION_COLUMNS} FROM notifications n WHERE n.id = ?1");
    connection.prepare_cached(&text)?.query_row([id.0.as_bytes()], notification_of).optional()
}
