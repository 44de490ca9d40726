//! The ledger's rows of events, newest first.
//!
//! Lists of waiting and of parked events use their own small tables. Any other filter walks the
//! events from the newest within a budget (search.rs).

use std::collections::HashMap;

use annunciator_core::{EventUid, Notification, NotificationId, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use super::bind::{text, values};
use super::fault::Outcome;
use super::partitions::floor_of;
use super::pool::Lent;
use super::rows::{
    EVENT_COLUMN_COUNT, EVENT_COLUMNS, NOTIFICATION_COLUMNS, channel_of, event_of, from_json, get,
    notification_of, number, severity_of, small, state_word, time,
};
use super::search::{Conditions, Search, count_of, cursor_of, to_cursor};
use crate::{DeliveryCount, EventFilter, EventRow, EventState, EventTypeRow, Page, Paged};

/// An event's id carries the time it was made; a clock that was set may part them by this.
const DISORDER_MS: i64 = 3 * 24 * 3600 * 1000;

/// What hangs on an event row, after [`EVENT_COLUMNS`].
const STATE_COLUMNS: &str = "i.tries, p.reason, pl.decisions";
const STATE_JOINS: &str = "LEFT JOIN inbox i ON i.event = e.uid
     LEFT JOIN parked p ON p.event = e.uid
     LEFT JOIN plans pl ON pl.event = e.uid";
/// Where a text is looked for.
const SEARCHED: &str = "e.event_type, e.type_name, e.device, e.device_group, e.application, \
     e.description, e.id, e.uid::text";

/// What a list looks for; none when nothing can fit.
fn search_of(filter: &EventFilter, fold: &str) -> Option<Search> {
    let (from, key) = match filter.state.as_deref() {
        Some("accepted") => ("inbox w JOIN events e ON e.uid = w.event", "w.event"),
        Some("parked") => ("parked w JOIN events e ON e.uid = w.event", "w.event"),
        Some("planned") => ("plans w JOIN events e ON e.uid = w.event", "w.event"),
        Some(_) => return None,
        None => ("events e", "e.uid"),
    };
    let mut from = from.to_owned();
    let mut all = Conditions::default();
    all.add_severities("e.severity", &filter.severities);
    all.add_some("e.application = {}", filter.application.clone());
    all.add_some("e.event_type = {}", filter.event_type.clone());
    all.add_some("e.device = {}", filter.device.clone());
    all.add_some("e.device_group = {}", filter.group.clone());
    all.add_some("e.registered_at >= {}", filter.since.map(|at| at.0));
    all.add_some("e.registered_at < {}", filter.until.map(|at| at.0));
    if let Some(kind) = filter.decision {
        from.push_str(" LEFT JOIN plans pl ON pl.event = e.uid");
        // Within a JSON text a quote of a reason is written `\"`: this is found in no other place.
        let decided = format!("\"kind\":\"{}\"", kind.as_str());
        all.add("position({} IN coalesce(pl.decisions, '')) > 0", decided);
    }
    all.add_needle(SEARCHED, filter.text.as_deref(), fold);
    let lowest = filter.since.map_or(Uuid::nil(), |at| floor_of(at.plus_ms(-DISORDER_MS)));
    Some(Search { from, key, at: "e.registered_at", conditions: all, lowest })
}

/// Where a list begins at the latest.
fn begin_of(filter: &EventFilter, after: Uuid) -> Uuid {
    filter.until.map_or(after, |at| after.min(floor_of(at.plus_ms(DISORDER_MS))))
}

/// The list of events.
pub(super) async fn events(
    db: &Lent,
    filter: &EventFilter,
    page: &Page,
    fold: &str,
) -> Outcome<Paged<EventRow>> {
    let after = begin_of(filter, cursor_of(page)?);
    let Some(search) = search_of(filter, fold) else {
        return Ok(Paged { rows: Vec::new(), next: None, searched_until: None });
    };
    let found = search.run(db, after, count_of(page)).await?;
    // Those that were removed meanwhile are not listed.
    let mut by_uid = HashMap::new();
    for row in event_rows(db, "e.uid = ANY($1)", &found.keys).await? {
        by_uid.insert(row.event.uid.0, row);
    }
    let rows = found.keys.iter().filter_map(|uid| by_uid.remove(uid)).collect();
    let next = found.next.map(to_cursor);
    Ok(Paged { rows, next, searched_until: found.searched_until })
}

/// Whether the list is longer than this.
pub(super) async fn exceed(
    db: &Lent,
    filter: &EventFilter,
    count_max: usize,
    fold: &str,
) -> Outcome<bool> {
    match search_of(filter, fold) {
        Some(search) => search.exceeds(db, count_max).await,
        None => Ok(false),
    }
}

async fn event_rows(db: &Lent, condition: &str, uids: &[Uuid]) -> Outcome<Vec<EventRow>> {
    let text = format!(
        "SELECT {EVENT_COLUMNS}, {STATE_COLUMNS} FROM events e {STATE_JOINS} WHERE {condition}
         ORDER BY e.uid"
    );
    let uids = uids.to_vec();
    let rows = db.rows(&text, values![uids]).await?;
    let mut rows = rows.iter().map(event_row).collect::<Outcome<Vec<_>>>()?;
    count_deliveries(db, &mut rows).await?;
    Ok(rows)
}

fn event_row(row: &Row) -> Outcome<EventRow> {
    let at = EVENT_COLUMN_COUNT;
    let tries: Option<i32> = get(row, at)?;
    let reason: Option<String> = get(row, at + 1)?;
    let decisions: Option<&str> = get(row, at + 2)?;
    let state = match (tries, reason) {
        (Some(_), _) => EventState::Accepted { tries: small(row, at)? },
        (None, Some(reason)) => EventState::Parked { reason },
        (None, None) => EventState::Planned,
    };
    let decisions =
        decisions.map_or_else(|| Ok(Vec::new()), |text| from_json(text, "list of decisions"))?;
    Ok(EventRow { event: event_of(row)?, state, decisions, deliveries: Vec::new() })
}

/// How the deliveries of events stand.
async fn count_deliveries(db: &Lent, rows: &mut [EventRow]) -> Outcome<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let uids: Vec<Uuid> = rows.iter().map(|row| row.event.uid.0).collect();
    let text = "SELECT p.event, n.channel, d.state, count(*)
         FROM plans p
         CROSS JOIN LATERAL unnest(p.notifications) WITH ORDINALITY AS x(id, place)
         JOIN notifications n ON n.id = x.id
         CROSS JOIN LATERAL unnest(n.deliveries) WITH ORDINALITY AS y(id, place)
         JOIN all_deliveries d ON d.id = y.id
         WHERE p.event = ANY($1) GROUP BY 1, 2, 3 ORDER BY min((x.place << 32) + y.place)";
    let mut counts: HashMap<Uuid, Vec<DeliveryCount>> = HashMap::new();
    for row in db.rows(text, values![uids]).await? {
        let state = state_word(get(&row, 2)?)?;
        let one = DeliveryCount { channel: channel_of(&row, 1)?, state, count: number(&row, 3)? };
        counts.entry(get(&row, 0)?).or_default().push(one);
    }
    for row in rows {
        row.deliveries = counts.remove(&row.event.uid.0).unwrap_or_default();
    }
    Ok(())
}

/// One event.
pub(super) async fn event(db: &Lent, uid: EventUid) -> Outcome<Option<EventRow>> {
    Ok(event_rows(db, "e.uid = ANY($1)", &[uid.0]).await?.pop())
}

/// Events of a source's id; one made here is found by the uid.
pub(super) async fn events_by_source_id(
    db: &Lent,
    id: &str,
    application: Option<&str>,
) -> Outcome<Vec<EventRow>> {
    let made_here = Uuid::try_parse(id).ok().filter(|uid| uid.to_string() == id);
    let find = "SELECT uid FROM event_ids WHERE id = $1 AND ($3::text IS NULL OR application = $3)
         UNION ALL SELECT uid FROM events WHERE uid = $2 AND id IS NULL
           AND ($3::text IS NULL OR application = $3) LIMIT 100";
    let rows = db.rows(find, values![text(id), made_here, application]).await?;
    let uids = rows.iter().map(|row| get(row, 0)).collect::<Outcome<Vec<Uuid>>>()?;
    event_rows(db, "e.uid = ANY($1)", &uids).await
}

/// Known event types.
pub(super) async fn event_types(db: &Lent) -> Outcome<Vec<EventTypeRow>> {
    let text = "SELECT application, event_type, type_name, severity, first_seen_at,
           storage_term_days
         FROM event_types ORDER BY application, event_type LIMIT 10000";
    let rows = db.rows(text, &[]).await?;
    let read = |row: &Row| {
        let days: Option<i32> = get(row, 5)?;
        Ok(EventTypeRow {
            application: get(row, 0)?,
            event_type: get(row, 1)?,
            type_name: get(row, 2)?,
            severity: severity_of(row, 3)?,
            first_seen_at: time(row, 4)?,
            storage_term_days: days.map(|_| small(row, 5)).transpose()?,
        })
    };
    rows.iter().map(read).collect()
}

/// Notifications of an event, in the order they were planned.
pub(super) async fn notifications_of(db: &Lent, event: EventUid) -> Outcome<Vec<Notification>> {
    let text = format!(
        "SELECT {NOTIFICATION_COLUMNS} FROM plans p
         CROSS JOIN LATERAL unnest(p.notifications) WITH ORDINALITY AS x(id, place)
         JOIN notifications n ON n.id = x.id WHERE p.event = $1 ORDER BY x.place"
    );
    db.rows(&text, values![event.0]).await?.iter().map(notification_of).collect()
}

/// One notification.
pub(super) async fn notification(db: &Lent, id: NotificationId) -> Outcome<Option<Notification>> {
    let text = format!("SELECT {NOTIFICATION_COLUMNS} FROM notifications n WHERE n.id = $1");
    db.row(&text, values![id.0]).await?.as_ref().map(notification_of).transpose()
}

/// When the oldest event was registered.
pub(super) async fn oldest_at(db: &Lent) -> Outcome<Option<Timestamp>> {
    let text = "SELECT registered_at FROM events ORDER BY uid LIMIT 1";
    db.row(text, &[]).await?.as_ref().map(|row| time(row, 0)).transpose()
}
