//! Waiting deliveries become claims: fairly over lanes, oldest first, whole notifications.
//!
//! Concurrency: rows that another node claims at the same time are passed over. A claim is durable:
//! its number is the fencing token, and it lapses with its lease.
//! Clocks: a lease is that of its node's clock, and only that node ends it by its clock; a lifetime
//! has ended when the clocks of the node and of the database say so. A wrong clock makes it late.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use annunciator_core::{Lane, Notification, NotificationId, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use super::accept::DATABASE_MS;
use super::bind::{count, values};
use super::fault::{Outcome, unreadable};
use super::pool::Lent;
use super::rows::{
    NOTIFICATION_COLUMNS, StoredDelivery, delivery_of, get, notification_of, number, some_time,
    time,
};
use super::schema::{hold, lock};
use crate::{ClaimAsk, ClaimedDelivery, ClaimedOrder, Claims};

/// Most lanes that one claim looks at; the others get their turn in the next.
const LANES_MAX: i64 = 10_000;
/// A lease that is over is anybody's to end when its node gave no sign of life for so long. Unit:
/// milliseconds.
const LOST_MS: i64 = 900_000;

/// Where a lane stands.
struct Due {
    lane: Lane,
    first_at: Timestamp,
    /// How many are due, counted up to what one claim takes of a lane.
    due: usize,
}

/// Claims what is due; `last` is the lane that was served last.
pub(super) async fn claim_due(
    db: &Lent,
    node: Uuid,
    ask: &ClaimAsk,
    last: &mut String,
) -> Outcome<Claims> {
    let lease_min = queue_lapsed(db, node, ask.now).await?;
    let (mut due, later): (Vec<Due>, Vec<Due>) =
        waiting_lanes(db, ask).await?.into_iter().partition(|lane| lane.first_at <= ask.now);
    let next_due_at = later.iter().map(|lane| lane.first_at).chain(lease_min).min();
    let mut claims = Claims { next_due_at, ..Claims::default() };
    if due.is_empty() {
        return Ok(claims);
    }
    // Who was served last is served last again: with more lanes than room none starves.
    let start = due.partition_point(|lane| lane.lane.as_str() <= last.as_str());
    due.rotate_left(start);
    let mut left = ask.total_max;
    let (mut lanes, mut shares) = (Vec::new(), Vec::new());
    for (index, lane) in due.iter().enumerate() {
        let share = left.div_ceil(due.len() - index).min(ask.per_lane_max);
        if share > 0 {
            left = left.saturating_sub(share.min(lane.due));
            lanes.push(lane.lane.as_str());
            shares.push(count(share));
            last.clear();
            last.push_str(lane.lane.as_str());
        }
    }
    let rows = claim_lanes(db, node, ask, (&lanes, &shares)).await?;
    let places: HashMap<Lane, usize> =
        due.iter().enumerate().map(|(place, lane)| (lane.lane.clone(), place)).collect();
    claims.orders = orders_of(db, &rows, |one| {
        (places.get(&one.delivery.lane).copied().unwrap_or(usize::MAX), one.due_at)
    })
    .await?;
    let lease_min = (!rows.is_empty()).then_some(ask.lease_until);
    claims.next_due_at = claims.next_due_at.into_iter().chain(lease_min).min();
    for lane in waiting_lanes(db, ask).await? {
        if lane.first_at > ask.now {
            claims.next_due_at = claims.next_due_at.into_iter().chain([lane.first_at]).min();
        } else {
            claims.lanes_with_more.push(lane.lane);
        }
    }
    Ok(claims)
}

/// Puts back what its claimer never settled; it may have arrived. Answers when the next lease ends.
///
/// That of a node that lives is its own to end: the clock that asks may be ahead. One that is
/// silent loses its claims earlier, by its silence (life.rs).
async fn queue_lapsed(db: &Lent, node: Uuid, now: Timestamp) -> Outcome<Option<Timestamp>> {
    let find = "SELECT (SELECT min(lease_until) FROM queue WHERE lease_until <= $1),
           (SELECT min(lease_until) FROM queue WHERE lease_until > $1)";
    let row = db.one(find, values![now.0]).await?;
    if some_time(&row, 0)?.is_some() {
        let put_back = format!(
            "UPDATE queue SET lease_until = NULL, node = NULL, possibly_duplicated = true
             WHERE id IN (
               SELECT q.id FROM queue q WHERE q.lease_until <= $1
                 AND (q.node = $2 OR NOT EXISTS (
                   SELECT FROM nodes n WHERE n.id = q.node AND n.beat_at > {DATABASE_MS} - $3))
               FOR UPDATE SKIP LOCKED)"
        );
        db.run(&put_back, values![now.0, node, LOST_MS]).await?;
    }
    some_time(&row, 1)
}

/// Jumps from lane to lane over the index of what waits.
async fn waiting_lanes(db: &Lent, ask: &ClaimAsk) -> Outcome<Vec<Due>> {
    let jump = "WITH RECURSIVE l AS (
           (SELECT lane, due_at FROM queue WHERE lease_until IS NULL ORDER BY lane, due_at LIMIT 1)
           UNION ALL
           SELECT n.lane, n.due_at FROM l CROSS JOIN LATERAL (
             SELECT q.lane, q.due_at FROM queue q WHERE q.lease_until IS NULL AND q.lane > l.lane
             ORDER BY q.lane, q.due_at LIMIT 1) n)
         SELECT lane, due_at, CASE WHEN due_at <= $1 THEN
             (SELECT count(*) FROM (SELECT FROM queue q WHERE q.lease_until IS NULL
                AND q.lane = l.lane AND q.due_at <= $1 LIMIT $2) d) ELSE 0 END
         FROM (SELECT * FROM l LIMIT $3) l WHERE lane <> ALL ($4)";
    let excluded: Vec<&str> = ask.lanes_excluded.iter().map(Lane::as_str).collect();
    let most = count(ask.per_lane_max.min(ask.total_max));
    let rows = db.rows(jump, values![ask.now.0, most, LANES_MAX, excluded]).await?;
    let mut lanes = Vec::with_capacity(rows.len());
    for row in &rows {
        let lane = Lane::new(get(row, 0)?);
        lanes.push(Due { lane, first_at: time(row, 1)?, due: number(row, 2)? });
    }
    Ok(lanes)
}

/// The lanes among these whose deliveries are due or in flight, seen at one moment: a claim that is
/// not committed yet still counts as what waits.
pub(super) async fn lanes_with_work(
    db: &Lent,
    lanes: &[Lane],
    now: Timestamp,
) -> Outcome<Vec<Lane>> {
    let find = "SELECT l.lane FROM unnest($1::text[]) AS l(lane)
         WHERE EXISTS (SELECT FROM queue q
                       WHERE q.lease_until IS NULL AND q.lane = l.lane AND q.due_at <= $2)
            OR EXISTS (SELECT FROM queue q
                       WHERE q.lease_until IS NOT NULL AND q.lane = l.lane)";
    let lanes: Vec<&str> = lanes.iter().map(Lane::as_str).collect();
    let rows = db.rows(find, values![lanes, now.0]).await?;
    rows.iter().map(|row| Ok(Lane::new(get(row, 0)?))).collect()
}

/// Columns that [`delivery_of`] reads, of a row of the queue that is in flight now.
const CLAIMED: &str = "q.id, q.event, q.notification, q.channel, q.lane, 1::smallint, q.claims, \
     q.due_at, q.lease_until, q.created_at, q.expires_at, q.attempts, q.retries, \
     q.possibly_duplicated, q.role, q.address, q.failure";

/// Claims of each lane its share, and what belongs to the same notifications: who claims holds the
/// notification, so that no two nodes share one.
async fn claim_lanes(
    db: &Lent,
    node: Uuid,
    ask: &ClaimAsk,
    (lanes, shares): (&[&str], &[i64]),
) -> Outcome<Vec<Row>> {
    // What has outlived its time by the asking clock alone is left to nodes with a better one.
    let due = format!(
        "q.lease_until IS NULL AND q.due_at <= $3
             AND (q.expires_at > $3 OR q.expires_at <= {DATABASE_MS})"
    );
    let text = format!(
        "WITH chosen AS (
           SELECT DISTINCT c.notification, c.lane
           FROM unnest($1::text[], $2::bigint[]) AS l(lane, share)
           CROSS JOIN LATERAL (
             SELECT q.notification, q.lane FROM queue q
             WHERE q.lane = l.lane AND {due}
             ORDER BY q.due_at, q.id LIMIT l.share) c),
         held AS MATERIALIZED (
           SELECT n.id, n.deliveries FROM notifications n
           WHERE n.id IN (SELECT notification FROM chosen) FOR UPDATE SKIP LOCKED),
         wanted AS (
           SELECT q.id FROM held h
           CROSS JOIN LATERAL unnest(h.deliveries) AS d(id)
           JOIN queue q ON q.id = d.id
           JOIN chosen c ON c.notification = h.id AND c.lane = q.lane
           WHERE {due})
         UPDATE queue q SET lease_until = $4, node = $5, claims = claims + 1
         FROM wanted w WHERE q.id = w.id AND q.lease_until IS NULL
         RETURNING {CLAIMED}"
    );
    let (lanes, shares) = (lanes.to_vec(), shares.to_vec());
    db.rows(&text, values![lanes, shares, ask.now.0, ask.lease_until.0, node]).await
}

/// Claimed rows with their contents: in an order, whole notifications together. What has none is left
/// out, so that it holds up nothing else, and goes.
async fn orders_of<K: Ord>(
    db: &Lent,
    rows: &[Row],
    order: impl Fn(&StoredDelivery) -> K,
) -> Outcome<Vec<ClaimedOrder>> {
    let mut claimed = rows.iter().map(delivery_of).collect::<Outcome<Vec<_>>>()?;
    claimed.sort_by_cached_key(|one| (order(one), one.delivery.id));
    let ids: HashSet<Uuid> = claimed.iter().map(|one| one.delivery.notification.0).collect();
    let contents = notifications(db, ids.into_iter().collect()).await?;
    let (claimed, lost): (Vec<_>, Vec<_>) =
        claimed.into_iter().partition(|one| contents.contains_key(&one.delivery.notification.0));
    drop_lost(db, &lost).await?;
    let mut orders: Vec<ClaimedOrder> = Vec::new();
    let mut places: HashMap<(NotificationId, Lane), usize> = HashMap::new();
    for StoredDelivery { delivery, claims: token, .. } in claimed {
        let key = (delivery.notification, delivery.lane.clone());
        let place = match places.get(&key) {
            Some(place) => *place,
            None => {
                let content = contents.get(&delivery.notification.0);
                let notification = content.ok_or_else(|| unreadable("notification"))?.clone();
                orders.push(ClaimedOrder { notification, deliveries: Vec::new() });
                places.insert(key, orders.len() - 1);
                orders.len() - 1
            }
        };
        orders[place].deliveries.push(ClaimedDelivery { delivery, token });
    }
    Ok(orders)
}

/// Takes deliveries out of the queue whose notification is gone: with it went what they would say and
/// what the ledger would show, so that nobody can send them or see them fail.
async fn drop_lost(db: &Lent, lost: &[StoredDelivery]) -> Outcome<()> {
    if lost.is_empty() {
        return Ok(());
    }
    // Who makes a partition moves notifications: only after it they are looked for for certain.
    hold(db, lock::SCHEMA).await?;
    let take_out = "DELETE FROM queue q WHERE q.id = ANY($1)
           AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = q.notification)
         RETURNING q.id, q.event";
    let ids: Vec<Uuid> = lost.iter().map(|one| one.delivery.id.0).collect();
    for row in db.rows(take_out, values![ids]).await? {
        let (delivery, event): (Uuid, Uuid) = (get(&row, 0)?, get(&row, 1)?);
        tracing::error!(%delivery, %event, "a delivery whose notification is gone cannot be sent");
    }
    let put_back = "UPDATE queue SET lease_until = NULL, node = NULL WHERE id = ANY($1)";
    db.run(put_back, values![ids]).await.map(drop)
}

async fn notifications(db: &Lent, ids: Vec<Uuid>) -> Outcome<HashMap<Uuid, Arc<Notification>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let text = format!("SELECT {NOTIFICATION_COLUMNS} FROM notifications n WHERE n.id = ANY($1)");
    let rows = db.rows(&text, values![ids]).await?;
    let read = |row| notification_of(row).map(|one| (one.id.0, Arc::new(one)));
    rows.iter().map(read).collect()
}

/// Claims what has waited longer than its lifetime, whatever its lane.
pub(super) async fn claim_expired(
    db: &Lent,
    node: Uuid,
    ask: &ClaimAsk,
) -> Outcome<Vec<ClaimedOrder>> {
    queue_lapsed(db, node, ask.now).await?;
    let text = format!(
        "WITH wanted AS (
           SELECT id FROM queue
           WHERE lease_until IS NULL AND expires_at <= least($1, {DATABASE_MS})
           ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         UPDATE queue q SET lease_until = $3, node = $4, claims = claims + 1
         FROM wanted w WHERE q.id = w.id AND q.lease_until IS NULL
         RETURNING {CLAIMED}"
    );
    let most = count(ask.total_max);
    let rows = db.rows(&text, values![ask.now.0, most, ask.lease_until.0, node]).await?;
    orders_of(db, &rows, |one| one.delivery.expires_at).await
}

/// Queues again what a node had in flight when its last run ended (spec 4.7): it may have arrived.
pub(super) async fn queue_lost(db: &Lent, node: Uuid) -> Outcome<u64> {
    let text = "UPDATE queue SET lease_until = NULL, node = NULL, possibly_duplicated = true
         WHERE node = $1 AND lease_until IS NOT NULL";
    let count = db.run(text, values![node]).await?;
    let text = "UPDATE inbox SET node = NULL, lease_until = NULL WHERE node = $1";
    db.run(text, values![node]).await?;
    Ok(count)
}
