//! Waiting deliveries become claims: fairly over lanes, oldest first, whole notifications.
//!
//! A claim is durable: its number is the fencing token, and after a crash the ledger knows what
//! may have been handed over.

use std::collections::HashSet;
use std::sync::Arc;

use annunciator_core::{DeliveryState, Lane, Notification, Timestamp};
use rusqlite::OptionalExtension;

use super::fault::Trouble;
use super::rows::{
    DELIVERY_COLUMNS, NOTIFICATION_COLUMN_COUNT, NOTIFICATION_COLUMNS, StoredDelivery, delivery_of,
    keys_of, notification_of,
};
use super::session::{Flight, Session};
use crate::{ClaimAsk, ClaimedDelivery, ClaimedOrder, Claims};

/// Most lanes that one claim looks at; the others get their turn in the next.
const LANES_MAX: usize = 10_000;

/// Where a lane stands.
struct Due {
    number: i64,
    lane: Lane,
    first_at: Timestamp,
}

/// Claims what is due.
pub(super) fn claim_due(session: &mut Session, ask: &ClaimAsk) -> Result<Claims, Trouble> {
    queue_lapsed(session, ask.now)?;
    let lanes = waiting_lanes(session, ask)?;
    let mut claims = Claims::default();
    let (mut due, later): (Vec<Due>, Vec<Due>) =
        lanes.into_iter().partition(|lane| lane.first_at <= ask.now);
    let mut next_due_at = later.iter().map(|lane| lane.first_at).min();
    // Who was served last is served last again: with more lanes than room none starves.
    let start = due.partition_point(|lane| lane.number <= session.memory.lane_last);
    due.rotate_left(start);
    let mut left = ask.total_max;
    for (index, lane) in due.iter().enumerate() {
        let share = left.div_ceil(due.len() - index).min(ask.per_lane_max);
        if share > 0 {
            let orders = claim_lane(session, lane, ask, share)?;
            let count: usize = orders.iter().map(|order| order.deliveries.len()).sum();
            left = left.saturating_sub(count);
            claims.orders.extend(orders);
            session.memory.lane_last = lane.number;
        }
        match first_due(session, lane.number)? {
            Some(at) if at <= ask.now => claims.lanes_with_more.push(lane.lane.clone()),
            Some(at) => next_due_at = Some(next_due_at.map_or(at, |next| next.min(at))),
            None => {}
        }
    }
    claims.next_due_at = match (next_due_at, session.memory.lease_min()) {
        (Some(due), Some(lease)) => Some(due.min(lease)),
        (due, lease) => due.or(lease),
    };
    Ok(claims)
}

/// Puts back what its claimer never settled; it may have arrived.
fn queue_lapsed(session: &mut Session, now: Timestamp) -> Result<(), Trouble> {
    let text = "UPDATE deliveries SET state = 0, possibly_duplicated = 1 WHERE key = ?1";
    for key in session.memory.lapse(now) {
        session.connection.prepare_cached(text)?.execute([key])?;
    }
    Ok(())
}

/// Jumps from lane to lane over the index of what waits.
fn waiting_lanes(session: &mut Session, ask: &ClaimAsk) -> Result<Vec<Due>, Trouble> {
    let excluded: HashSet<&Lane> = ask.lanes_excluded.iter().collect();
    let mut lanes = Vec::new();
    let mut last = i64::MIN;
    while lanes.len() < LANES_MAX {
        let next: Option<(i64, i64)> = session
            .connection
            .prepare_cached(
                "SELECT lane, due_at FROM deliveries WHERE state = 0 AND lane > ?1
                 ORDER BY lane, due_at LIMIT 1",
            )?
            .query_row([last], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((number, first_at)) = next else { break };
        last = number;
        let lane = session.memory.lane_of(&session.connection, number)?;
        if !excluded.contains(&lane) {
            lanes.push(Due { number, lane, first_at: Timestamp(first_at) });
        }
    }
    Ok(lanes)
}

fn first_due(session: &Session, lane: i64) -> Result<Option<Timestamp>, Trouble> {
    let text = "SELECT due_at FROM deliveries WHERE state = 0 AND lane = ?1
                ORDER BY due_at LIMIT 1";
    let found =
        session.connection.prepare_cached(text)?.query_row([lane], |row| row.get(0)).optional()?;
    Ok(found.map(Timestamp))
}

fn claim_lane(
    session: &mut Session,
    lane: &Due,
    ask: &ClaimAsk,
    count_max: usize,
) -> Result<Vec<ClaimedOrder>, Trouble> {
    let text = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d
         WHERE d.state = 0 AND d.lane = ?1 AND d.due_at <= ?2
         ORDER BY d.due_at, d.key LIMIT ?3"
    );
    let chosen: Vec<StoredDelivery> = session
        .connection
        .prepare_cached(&text)?
        .query_map((lane.number, ask.now.0, limit(count_max)), delivery_of)?
        .collect::<rusqlite::Result<_>>()?;
    let mut orders = Orders::default();
    for delivery in chosen {
        orders.add(delivery);
    }
    let mut claimed = Vec::with_capacity(orders.0.len());
    for mut deliveries in orders.0 {
        let (notification, keys) = notification_by_key(session, deliveries[0].notification)?;
        if keys.len() > deliveries.len() {
            add_siblings(session, &mut deliveries, &keys, ask.now)?;
        }
        claimed.push(claim(session, notification, &lane.lane, deliveries, ask)?);
    }
    Ok(claimed)
}

/// Deliveries by notification and lane, in the order of their first.
#[derive(Default)]
struct Orders(Vec<Vec<StoredDelivery>>);

impl Orders {
    fn add(&mut self, delivery: StoredDelivery) {
        // Deliveries of a notification mostly follow each other; older orders are few.
        let same = |order: &&mut Vec<StoredDelivery>| {
            (order[0].notification, order[0].lane) == (delivery.notification, delivery.lane)
        };
        match self.0.iter_mut().rev().find(same) {
            Some(order) => order.push(delivery),
            None => self.0.push(vec![delivery]),
        }
    }
}

fn notification_by_key(
    session: &Session,
    key: i64,
) -> Result<(Arc<Notification>, Vec<i64>), Trouble> {
    let text = format!(
        "SELECT {NOTIFICATION_COLUMNS}, n.deliveries FROM notifications n WHERE n.key = ?1"
    );
    let (notification, keys) =
        session.connection.prepare_cached(&text)?.query_row([key], |row| {
            Ok((notification_of(row)?, keys_of(row, NOTIFICATION_COLUMN_COUNT)?))
        })?;
    Ok((Arc::new(notification), keys))
}

/// A notification is never cut: one transaction with the relay serves all its recipients.
fn add_siblings(
    session: &Session,
    deliveries: &mut Vec<StoredDelivery>,
    keys: &[i64],
    now: Timestamp,
) -> Result<(), Trouble> {
    let chosen: HashSet<i64> = deliveries.iter().map(|delivery| delivery.key).collect();
    let lane = deliveries[0].lane;
    let text = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d
         WHERE d.key = ?1 AND d.state = 0 AND d.lane = ?2 AND d.due_at <= ?3"
    );
    for key in keys.iter().filter(|key| !chosen.contains(key)) {
        let found = session
            .connection
            .prepare_cached(&text)?
            .query_row((key, lane, now.0), delivery_of)
            .optional()?;
        deliveries.extend(found);
    }
    Ok(())
}

fn claim(
    session: &mut Session,
    notification: Arc<Notification>,
    lane: &Lane,
    deliveries: Vec<StoredDelivery>,
    ask: &ClaimAsk,
) -> Result<ClaimedOrder, Trouble> {
    let text = "UPDATE deliveries SET state = 5, claims = claims + 1, at = ?2 WHERE key = ?1";
    let channel = session.memory.tally.word(notification.channel.as_str());
    let mut claimed = Vec::with_capacity(deliveries.len());
    for stored in deliveries {
        let (key, token) = (stored.key, stored.claims + 1);
        session.connection.prepare_cached(text)?.execute((key, ask.lease_until.0))?;
        let mut delivery = stored.named(notification.id, lane.clone());
        delivery.state = DeliveryState::InFlight { lease_until: ask.lease_until };
        let lease_until = ask.lease_until;
        let flight = Flight { key, token, lease_until, since_planning: false, channel };
        session.memory.take_off(delivery.id, flight);
        claimed.push(ClaimedDelivery { delivery, token });
    }
    Ok(ClaimedOrder { notification, deliveries: claimed })
}

/// Claims what has waited longer than its lifetime, whatever its lane.
pub(super) fn claim_expired(
    session: &mut Session,
    ask: &ClaimAsk,
) -> Result<Vec<ClaimedOrder>, Trouble> {
    queue_lapsed(session, ask.now)?;
    let text = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d WHERE d.state = 0 AND d.expires_at <= ?1
         ORDER BY d.expires_at LIMIT ?2"
    );
    let expired: Vec<StoredDelivery> = session
        .connection
        .prepare_cached(&text)?
        .query_map((ask.now.0, limit(ask.total_max)), delivery_of)?
        .collect::<rusqlite::Result<_>>()?;
    let mut orders = Orders::default();
    for delivery in expired {
        orders.add(delivery);
    }
    let mut claimed = Vec::with_capacity(orders.0.len());
    for deliveries in orders.0 {
        let (notification, _) = notification_by_key(session, deliveries[0].notification)?;
        let lane = session.memory.lane_of(&session.connection, deliveries[0].lane)?;
        claimed.push(claim(session, notification, &lane, deliveries, ask)?);
    }
    Ok(claimed)
}

fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
