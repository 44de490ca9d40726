//! The ledger's rows of deliveries, newest first, and what waits.
//!
//! An event, a notification, or a state other than `delivered` leads straight to its rows. Any
//! other filter walks the deliveries from the newest, within a budget (search.rs).

use std::collections::HashMap;

use annunciator_core::{Attempt, DeliveryId, Lane};
use tokio_postgres::Row;
use uuid::Uuid;

use super::bind::{count, values};
use super::fault::Outcome;
use super::partitions::floor_of;
use super::pool::Lent;
use super::rows::{
    DELIVERY_COLUMN_COUNT, DELIVERY_COLUMNS, attempt_of, delivery_of, get, number, severity_of,
    time,
};
use super::search::{Conditions, Search, count_of, cursor_of, to_cursor};
use crate::{DeliveryFilter, DeliveryRow, Page, Paged, QueueCounts};

/// Most attempts that are listed.
const ATTEMPTS_MAX: usize = 10_000;
/// A delivery's id carries the time it was planned; a clock that was set may part them by this.
const DISORDER_MS: i64 = 24 * 3600 * 1000;

/// What is shown beside a delivery, after [`DELIVERY_COLUMNS`].
const BESIDE: &str = "n.subject, n.severity, n.event_type, coalesce(e.type_name, ''), \
     n.application, n.device, \
     (SELECT a.server FROM attempts a WHERE a.delivery = d.id ORDER BY a.number DESC LIMIT 1)";
const JOINS: &str = "JOIN notifications n ON n.id = d.notification
     LEFT JOIN events e ON e.uid = d.event";
/// Where a text is looked for.
const SEARCHED: &str = "d.address, n.subject, n.event_type, n.device, n.application, \
     n.event_id, n.event::text";

/// What a list looks for; none when nothing can fit.
async fn search_of(db: &Lent, filter: &DeliveryFilter, fold: &str) -> Outcome<Option<Search>> {
    let mut all = Conditions::default();
    let mut from = match filter.state.as_deref() {
        None => "all_deliveries d",
        Some("queued") => "(SELECT * FROM queue WHERE lease_until IS NULL) d",
        Some("in_flight") => "(SELECT * FROM queue WHERE lease_until IS NOT NULL) d",
        Some("delivered") => "(SELECT * FROM deliveries WHERE state = 2) d",
        Some("failed") => "(SELECT * FROM deliveries WHERE state > 2 AND state = 3) d",
        Some("cancelled") => "(SELECT * FROM deliveries WHERE state > 2 AND state = 4) d",
        Some(_) => return Ok(None),
    }
    .to_owned();
    if let Some(ids) = ids_of(db, filter).await? {
        let place = all.place_of(ids);
        from = format!("(SELECT d.* FROM {from} WHERE d.id = ANY({place})) d");
        all.add_some("d.event = {}", filter.event.map(|uid| uid.0));
    }
    all.add_some("lower(d.address) = lower({})", filter.recipient.clone());
    all.add_some("d.lane = {}", filter.lane.as_ref().map(|lane| lane.as_str().to_owned()));
    all.add_some("d.created_at >= {}", filter.since.map(|at| at.0));
    all.add_some("d.created_at < {}", filter.until.map(|at| at.0));
    all.add_some("d.channel = {}", filter.channel.as_ref().map(|one| one.as_str().to_owned()));
    all.add_severities("n.severity", &filter.severities);
    all.add_some("n.application = {}", filter.application.clone());
    all.add_some("n.device = {}", filter.device.clone());
    all.add_some("n.event_type = {}", filter.event_type.clone());
    all.add_needle(SEARCHED, filter.text.as_deref(), fold);
    if all.all().contains("n.") {
        from.push_str(" JOIN notifications n ON n.id = d.notification");
    }
    let lowest = filter.since.map_or(Uuid::nil(), |at| floor_of(at.plus_ms(-DISORDER_MS)));
    Ok(Some(Search { from, key: "d.id", at: "d.created_at", conditions: all, lowest }))
}

/// The deliveries of the notification or event that is asked for.
async fn ids_of(db: &Lent, filter: &DeliveryFilter) -> Outcome<Option<Vec<Uuid>>> {
    let rows = if let Some(notification) = filter.notification {
        let find = "SELECT unnest(deliveries) FROM notifications WHERE id = $1";
        db.rows(find, values![notification.0]).await?
    } else if let Some(event) = filter.event {
        let find = "SELECT unnest(n.deliveries) FROM plans p
             CROSS JOIN LATERAL unnest(p.notifications) AS x(id)
             JOIN notifications n ON n.id = x.id WHERE p.event = $1";
        db.rows(find, values![event.0]).await?
    } else {
        return Ok(None);
    };
    rows.iter().map(|row| get(row, 0)).collect::<Outcome<Vec<Uuid>>>().map(Some)
}

/// The list of deliveries.
pub(super) async fn deliveries(
    db: &Lent,
    filter: &DeliveryFilter,
    page: &Page,
    fold: &str,
) -> Outcome<Paged<DeliveryRow>> {
    let after = cursor_of(page)?;
    let after = filter.until.map_or(after, |at| after.min(floor_of(at.plus_ms(DISORDER_MS))));
    let Some(search) = search_of(db, filter, fold).await? else {
        return Ok(Paged { rows: Vec::new(), next: None, searched_until: None });
    };
    let found = search.run(db, after, count_of(page)).await?;
    let mut by_id = HashMap::new();
    for row in delivery_rows(db, &found.keys).await? {
        by_id.insert(row.delivery.id.0, row);
    }
    // Those that were removed meanwhile are not listed.
    let rows = found.keys.iter().filter_map(|id| by_id.remove(id)).collect();
    let next = found.next.map(to_cursor);
    Ok(Paged { rows, next, searched_until: found.searched_until })
}

/// Whether the list is longer than this.
pub(super) async fn exceed(
    db: &Lent,
    filter: &DeliveryFilter,
    count_max: usize,
    fold: &str,
) -> Outcome<bool> {
    match search_of(db, filter, fold).await? {
        Some(search) => search.exceeds(db, count_max).await,
        None => Ok(false),
    }
}

async fn delivery_rows(db: &Lent, ids: &[Uuid]) -> Outcome<Vec<DeliveryRow>> {
    let text = format!(
        "SELECT {DELIVERY_COLUMNS}, {BESIDE} FROM all_deliveries d {JOINS} WHERE d.id = ANY($1)"
    );
    let ids = ids.to_vec();
    db.rows(&text, values![ids]).await?.iter().map(delivery_row).collect()
}

fn delivery_row(row: &Row) -> Outcome<DeliveryRow> {
    let at = DELIVERY_COLUMN_COUNT;
    let stored = delivery_of(row)?;
    Ok(DeliveryRow {
        delivery: stored.delivery,
        event: stored.event,
        channel: stored.channel,
        subject: get(row, at)?,
        severity: severity_of(row, at + 1)?,
        event_type: get(row, at + 2)?,
        type_name: get(row, at + 3)?,
        application: get(row, at + 4)?,
        device: get(row, at + 5)?,
        relay: get::<Option<String>>(row, at + 6)?.unwrap_or_default(),
    })
}

/// One delivery.
pub(super) async fn delivery(db: &Lent, id: DeliveryId) -> Outcome<Option<DeliveryRow>> {
    Ok(delivery_rows(db, &[id.0]).await?.pop())
}

/// Attempts of a delivery, first to last.
pub(super) async fn attempts_of(db: &Lent, id: DeliveryId) -> Outcome<Vec<Attempt>> {
    let text = "SELECT number, started_at, ended_at, outcome, failure, facts FROM attempts
         WHERE delivery = $1 ORDER BY number LIMIT $2";
    let rows = db.rows(text, values![id.0, count(ATTEMPTS_MAX)]).await?;
    rows.iter().map(|row| attempt_of(row, id)).collect()
}

/// What waits, at one moment. Reads the tables of what is unfinished alone.
pub(super) async fn queue_counts(db: &Lent) -> Outcome<QueueCounts> {
    let text = "SELECT 0, NULL, count(*) FROM inbox
         UNION ALL SELECT 1, NULL, count(*) FROM parked
         UNION ALL SELECT 2, NULL, count(*) FROM queue WHERE lease_until IS NOT NULL
         UNION ALL (SELECT 3, NULL, created_at FROM queue WHERE lease_until IS NULL
                    ORDER BY id LIMIT 1)
         UNION ALL (SELECT 4, lane, count(*) FROM queue WHERE lease_until IS NULL
                    GROUP BY lane ORDER BY lane)
         UNION ALL SELECT 5, NULL, count(*) FROM incident_postponed
         UNION ALL SELECT 6, NULL, min(due_at) FROM incident_postponed HAVING count(*) > 0";
    let mut counts = QueueCounts::default();
    for row in db.rows(text, values![]).await? {
        match get::<i32>(&row, 0)? {
            0 => counts.events_unplanned = number(&row, 2)?,
            1 => counts.events_parked = number(&row, 2)?,
            2 => counts.in_flight = number(&row, 2)?,
            3 => counts.oldest_queued_at = Some(time(&row, 2)?),
            5 => counts.postponed = number(&row, 2)?,
            6 => counts.postponed_due_at = Some(time(&row, 2)?),
            _ => counts.queued.push((Lane::new(get(&row, 1)?), number(&row, 2)?)),
        }
    }
    Ok(counts)
}
