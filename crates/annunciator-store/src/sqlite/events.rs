//! The ledger's rows of events, newest first.
//!
//! Lists of waiting and of parked events use their own small tables. Any other filter walks the
//! events from the newest and looks at [`SCAN_MAX`] per page at most: a page may then hold fewer
//! rows than asked, even none, and still name the next one.

use annunciator_core::{EventUid, Notification, NotificationId, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};

use super::fault::store_error;
use super::rows::{
    EVENT_COLUMN_COUNT, EVENT_COLUMNS, NOTIFICATION_COLUMNS, event_of, from_json, keys_of,
    notification_of, severity_of,
};
use crate::{EventFilter, EventRow, EventState, EventTypeRow, Page, Paged, Result, StoreError};

/// Most events that one page looks at.
const SCAN_MAX: i64 = 20_000;
/// Most rows of one page.
const ROWS_MAX: usize = 1_000;
/// Events are stored nearly in the order of their registration; a clock that was set may disturb
/// it by this much before a list with a beginning would end too early.
const DISORDER_MS: i64 = 3 * 24 * 3600 * 1000;

/// What hangs on an event row, after [`EVENT_COLUMNS`].
const STATE_COLUMNS: &str = "e.key, i.tries, p.reason, coalesce(s.body, pl.decisions)";
const STATE_JOINS: &str = "LEFT JOIN inbox i ON i.event = e.key
     LEFT JOIN parked p ON p.event = e.key
     LEFT JOIN plans pl ON pl.event = e.key
     LEFT JOIN decision_sets s ON s.number = pl.decisions";

/// Conditions and their values, in the order of their question marks.
#[derive(Default)]
pub(super) struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    pub(super) fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.values.push(value.into());
    }

    pub(super) fn add_or(&mut self, condition: &str, value: impl Into<Value>) {
        self.text.push_str(" OR ");
        self.text.push_str(condition);
        self.values.push(value.into());
    }

    pub(super) fn add_some(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(condition, value);
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

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
) -> Result<Paged<EventRow>> {
    let after = cursor_of(page)?;
    let count_max = count_of(page);
    let (from, key) = match filter.state.as_deref() {
        Some("accepted") => ("inbox w CROSS JOIN events e ON e.key = w.event", "w.event"),
        Some("parked") => ("parked w CROSS JOIN events e ON e.key = w.event", "w.event"),
        Some("planned") => ("plans w CROSS JOIN events e ON e.key = w.event", "w.event"),
        Some(_) => return Ok(Paged { rows: Vec::new(), next: None }),
        None => ("events e", "e.key"),
    };
    let conditions = conditions_of(filter);
    let sqlite = |error: rusqlite::Error| store_error(&error);
    let end = if conditions.is_empty() {
        None
    } else {
        let (table, column) = from.split_once(' ').expect("a table and its name");
        window_end(connection, table, column, key, after).map_err(sqlite)?
    };
    let text = format!(
        "SELECT {EVENT_COLUMNS}, {STATE_COLUMNS} FROM {from} {STATE_JOINS}
         WHERE {key} < ? AND {key} >= ?{} ORDER BY {key} DESC LIMIT ?",
        conditions.text()
    );
    let mut values = vec![Value::Integer(after), Value::Integer(end.unwrap_or(i64::MIN))];
    values.extend_from_slice(conditions.values());
    values.push(Value::Integer(i64::try_from(count_max + 1).expect("a small number")));
    let mut select = connection.prepare_cached(&text).map_err(sqlite)?;
    let mut rows = select
        .query_map(rusqlite::params_from_iter(values), keyed_row)
        .map_err(sqlite)?
        .collect::<rusqlite::Result<Vec<_>>>()
        .map_err(sqlite)?;
    let mut next = cut(&mut rows, count_max);
    if next.is_none()
        && let Some(end) = end
    {
        next = (!is_before(connection, end, filter.since).map_err(sqlite)?).then(|| to_cursor(end));
    }
    Ok(Paged { rows: rows.into_iter().map(|(_, row)| row).collect(), next })
}

fn conditions_of(filter: &EventFilter) -> Conditions {
    let mut all = Conditions::default();
    all.add_some("e.application = ?", filter.application.clone());
    all.add_some("e.event_type = ?", filter.event_type.clone());
    all.add_some("e.severity = ?", filter.severity.map(|severity| i64::from(severity.number())));
    all.add_some("e.device = ?", filter.device.clone());
    all.add_some("e.registered_at >= ?", filter.since.map(|at| at.0));
    all.add_some("e.registered_at < ?", filter.until.map(|at| at.0));
    if let Some(text) = &filter.text {
        all.add(
            r"e.event_type || char(10) || e.type_name || char(10) || e.device || char(10) ||
              e.description LIKE ? ESCAPE '\'",
            like_pattern(text),
        );
    }
    all
}

/// Text that is found as it stands, anywhere.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// The last key that a page looks at, when there are more behind it.
fn window_end(
    connection: &Connection,
    table: &str,
    name: &str,
    key: &str,
    after: i64,
) -> rusqlite::Result<Option<i64>> {
    let name = name.split(' ').next().expect("split has a first");
    let text = format!(
        "SELECT {key} FROM {table} {name} WHERE {key} < ? ORDER BY {key} DESC LIMIT 1 OFFSET ?"
    );
    let mut select = connection.prepare_cached(&text)?;
    select.query_row((after, SCAN_MAX - 1), |row| row.get(0)).optional()
}

fn is_before(
    connection: &Connection,
    key: i64,
    since: Option<Timestamp>,
) -> rusqlite::Result<bool> {
    let Some(since) = since else { return Ok(false) };
    let at: Option<i64> = connection
        .prepare_cached("SELECT registered_at FROM events WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    Ok(at.is_some_and(|at| at < since.0.saturating_sub(DISORDER_MS)))
}

fn keyed_row(row: &Row<'_>) -> rusqlite::Result<(i64, EventRow)> {
    let at = EVENT_COLUMN_COUNT;
    let tries: Option<u32> = row.get(at + 1)?;
    let reason: Option<String> = row.get(at + 2)?;
    let decisions: Option<String> = row.get(at + 3)?;
    let state = match (tries, reason) {
        (Some(tries), _) => EventState::Accepted { tries },
        (None, Some(reason)) => EventState::Parked { reason },
        (None, None) => EventState::Planned,
    };
    let decisions = decisions
        .map(|text| from_json(&text, "list of decisions"))
        .transpose()?
        .unwrap_or_default();
    Ok((row.get(at)?, EventRow { event: event_of(row)?, state, decisions }))
}

/// One event.
pub(super) fn event(connection: &Connection, uid: EventUid) -> rusqlite::Result<Option<EventRow>> {
    let text = format!(
        "SELECT {EVENT_COLUMNS}, {STATE_COLUMNS} FROM events e {STATE_JOINS} WHERE e.uid = ?1"
    );
    let mut select = connection.prepare_cached(&text)?;
    select.query_row([uid.0.as_bytes()], |row| Ok(keyed_row(row)?.1)).optional()
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
    let rows = select.query_map((id, uid, application), |row| Ok(keyed_row(row)?.1))?;
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
