//! Promises about claiming and settling deliveries.

use annunciator_core::{Delivery, DeliveryState, Lane, Outcome, Timestamp};

use super::samples::{
    LEASE_MS, LIFETIME_MS, START, ask, claim_all, deliver, delivery_id_of, enqueue, event,
    in_flight, is_stale, queued, settlement, time_of, uid_of,
};
use crate::{ClaimAsk, Settlement, Store};

async fn stored(store: &dyn Store, number: u32, recipient: u32) -> Delivery {
    let id = delivery_id_of(number, recipient);
    store.delivery(id).await.expect("read").expect("there").delivery
}

fn delivered(at: Timestamp) -> DeliveryState {
    DeliveryState::Delivered { at }
}

pub(super) async fn a_delivery_in_flight_since_planning_is_settled_with_token_1(store: &dyn Store) {
    let planned = enqueue(store, 1, "a", 2, in_flight()).await;
    assert_eq!(stored(store, 1, 0).await, planned.deliveries[0]);
    assert_eq!(stored(store, 1, 1).await, planned.deliveries[1]);
    let claims = store.claim_due(ask(START.plus_ms(1000))).await.expect("claimed");
    assert!(claims.orders.is_empty(), "somebody has it");
    let done = settlement(&planned.deliveries[0], 1, delivered(START.plus_ms(7)));
    assert!(!is_stale(store, done.clone()).await);
    assert_eq!(stored(store, 1, 0).await, done.delivery);
    let attempts = store.attempts_of(done.delivery.id).await.expect("read");
    assert_eq!(attempts, [done.attempt.expect("made")]);
    assert_eq!(stored(store, 1, 1).await, planned.deliveries[1], "its sibling is still under way");
}

pub(super) async fn only_the_newest_claim_settles(store: &dyn Store) {
    let planned = enqueue(store, 1, "a", 1, in_flight()).await;
    let delivery = &planned.deliveries[0];
    assert!(is_stale(store, settlement(delivery, 0, delivered(START))).await, "no such claim");
    assert!(is_stale(store, settlement(delivery, 2, delivered(START))).await, "not yet");
    assert!(store.attempts_of(delivery.id).await.expect("read").is_empty());
    let back = settlement(delivery, 1, queued(START.plus_ms(50)));
    assert!(!is_stale(store, back.clone()).await);
    assert!(is_stale(store, back).await, "a claim settles once");
    let claimed = claim_all(store, START.plus_ms(50)).await;
    assert_eq!(claimed.len(), 1);
    assert!(claimed[0].token > 1, "a new claim has a new token");
    let old = settlement(&claimed[0].delivery, 1, delivered(START));
    assert!(is_stale(store, old).await, "the old claim is over");
    let twice = settlement(&claimed[0].delivery, claimed[0].token, delivered(START));
    let stale = store.settle(vec![twice.clone(), twice]).await.expect("settled");
    assert_eq!(stale, [delivery.id], "within one call too");
    assert_eq!(store.attempts_of(delivery.id).await.expect("read").len(), 2);
}

pub(super) async fn what_is_due_is_claimed_oldest_first(store: &dyn Store) {
    for (number, due_ms) in [(1, 30), (2, 10), (3, 20), (4, 99)] {
        enqueue(store, number, "a", 1, queued(START.plus_ms(due_ms))).await;
    }
    let none = store.claim_due(ask(START)).await.expect("claimed");
    assert!(none.orders.is_empty());
    assert_eq!(none.next_due_at, Some(START.plus_ms(10)));
    let two = ClaimAsk { per_lane_max: 2, ..ask(START.plus_ms(30)) };
    let claims = store.claim_due(two).await.expect("claimed");
    let ids: Vec<_> = claims.orders.iter().map(|order| order.deliveries[0].delivery.id).collect();
    assert_eq!(ids, [delivery_id_of(2, 0), delivery_id_of(3, 0)]);
    assert_eq!(claims.lanes_with_more, [Lane::new("a")]);
    let order = &claims.orders[0];
    assert_eq!(order.notification.event, uid_of(2));
    let lease_until = START.plus_ms(30 + LEASE_MS);
    assert_eq!(order.deliveries[0].delivery.state, DeliveryState::InFlight { lease_until });
    assert_eq!(stored(store, 2, 0).await, order.deliveries[0].delivery);
    let rest = store.claim_due(ask(START.plus_ms(30))).await.expect("claimed");
    assert_eq!(rest.orders.len(), 1);
    assert!(rest.lanes_with_more.is_empty());
    assert_eq!(rest.next_due_at, Some(START.plus_ms(99)));
}

pub(super) async fn claims_are_fair_over_lanes(store: &dyn Store) {
    for number in 0..20 {
        enqueue(store, number, "busy", 1, queued(START)).await;
    }
    for number in 20..23 {
        enqueue(store, number, "quiet", 1, queued(START.plus_ms(5))).await;
    }
    let small = ClaimAsk { total_max: 6, ..ask(START.plus_ms(10)) };
    let claims = store.claim_due(small).await.expect("claimed");
    let count = |lane: &str| {
        let of_lane = |delivery: &&Delivery| delivery.lane == Lane::new(lane);
        let all = claims.orders.iter().flat_map(|order| &order.deliveries);
        all.map(|claimed| &claimed.delivery).filter(of_lane).count()
    };
    assert_eq!((count("busy"), count("quiet")), (3, 3), "the older backlog takes only its share");
    assert_eq!(claims.lanes_with_more, [Lane::new("busy")]);
}

pub(super) async fn no_lane_starves_when_there_is_little_room(store: &dyn Store) {
    for (index, lane) in ["a", "b", "c"].iter().enumerate() {
        for step in 0..4 {
            let number = u32::try_from(index).expect("small") * 10 + step;
            enqueue(store, number, lane, 1, queued(START)).await;
        }
    }
    let one = ClaimAsk { total_max: 1, ..ask(START) };
    let mut lanes = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let claims = store.claim_due(one.clone()).await.expect("claimed");
        assert_eq!(claims.orders.len(), 1);
        lanes.insert(claims.orders[0].deliveries[0].delivery.lane.clone());
    }
    assert_eq!(lanes.len(), 3, "three claims of one serve three lanes");
}

pub(super) async fn excluded_lanes_are_as_if_they_were_empty(store: &dyn Store) {
    enqueue(store, 1, "down", 1, queued(START)).await;
    enqueue(store, 2, "up", 1, queued(START.plus_ms(500))).await;
    let ask = |now| ClaimAsk { lanes_excluded: vec![Lane::new("down")], ..ask(now) };
    let claims = store.claim_due(ask(START.plus_ms(1))).await.expect("claimed");
    assert!(claims.orders.is_empty() && claims.lanes_with_more.is_empty());
    assert_eq!(claims.next_due_at, Some(START.plus_ms(500)));
    let claims = store.claim_due(ask(START.plus_ms(500))).await.expect("claimed");
    assert_eq!(claims.orders.len(), 1);
    assert_eq!(claims.orders[0].notification.event, uid_of(2));
}

pub(super) async fn a_notification_is_never_cut(store: &dyn Store) {
    enqueue(store, 1, "a", 5, queued(START)).await;
    enqueue(store, 2, "a", 5, queued(START.plus_ms(1))).await;
    let two = ClaimAsk { per_lane_max: 2, ..ask(START.plus_ms(1)) };
    let claims = store.claim_due(two).await.expect("claimed");
    assert_eq!(claims.orders.len(), 1);
    assert_eq!(claims.orders[0].deliveries.len(), 5);
    assert_eq!(claims.lanes_with_more, [Lane::new("a")]);
    let later = &claims.orders[0].deliveries[4];
    let back = settlement(&later.delivery, later.token, queued(START.plus_ms(900)));
    assert!(!is_stale(store, back).await);
    let claims = store.claim_due(ask(START.plus_ms(1))).await.expect("claimed");
    assert_eq!(claims.orders.len(), 1, "what is not due does not come along");
    assert_eq!(claims.next_due_at.map(|at| at <= START.plus_ms(900)), Some(true));
}

pub(super) async fn a_lapsed_lease_counts_as_due(store: &dyn Store) {
    let planned = enqueue(store, 1, "a", 1, in_flight()).await;
    assert!(claim_all(store, START.plus_ms(LEASE_MS - 1)).await.is_empty());
    let mut token = 1;
    for turn in 1..4 {
        let claimed = claim_all(store, START.plus_ms(LEASE_MS * turn)).await;
        assert_eq!(claimed.len(), 1, "turn {turn}");
        assert!(claimed[0].token > token);
        assert!(claimed[0].delivery.possibly_duplicated, "it may have been handed over");
        let old = settlement(&planned.deliveries[0], token, delivered(START));
        assert!(is_stale(store, old).await, "turn {turn}");
        token = claimed[0].token;
    }
}

pub(super) async fn a_lease_is_made_longer_by_a_settlement(store: &dyn Store) {
    let planned = enqueue(store, 1, "a", 1, in_flight()).await;
    let lease_until = START.plus_ms(3 * LEASE_MS);
    let state = DeliveryState::InFlight { lease_until };
    let delivery = Delivery { state, ..planned.deliveries[0].clone() };
    let longer = Settlement { delivery, token: 1, attempt: None, raise: None, slot: None };
    assert!(!is_stale(store, longer).await);
    assert!(claim_all(store, START.plus_ms(2 * LEASE_MS)).await.is_empty());
    deliver(store, &planned.deliveries[0], 1).await;
}

pub(super) async fn what_outlived_its_time_is_claimed_whatever_its_lane(store: &dyn Store) {
    let end = time_of(1).plus_ms(LIFETIME_MS);
    enqueue(store, 1, "down", 2, queued(end.plus_ms(5000))).await;
    enqueue(store, 5000, "up", 1, queued(end.plus_ms(5000))).await;
    let ask = |now| ClaimAsk { lanes_excluded: vec![Lane::new("down")], ..ask(now) };
    let before = store.claim_expired(ask(end.plus_ms(-1))).await.expect("claimed");
    assert!(before.is_empty());
    let orders = store.claim_expired(ask(end)).await.expect("claimed");
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].deliveries.len(), 2);
    assert!(store.claim_expired(ask(end)).await.expect("claimed").is_empty(), "claimed once");
    for claimed in &orders[0].deliveries {
        let mut failed =
            settlement(&claimed.delivery, claimed.token, DeliveryState::Failed { at: end });
        failed.attempt = None;
        assert!(!is_stale(store, failed).await);
        assert!(store.attempts_of(claimed.delivery.id).await.expect("read").is_empty());
    }
    assert_eq!(stored(store, 1, 0).await.state, DeliveryState::Failed { at: end });
}

pub(super) async fn a_settlement_may_raise_an_event(store: &dyn Store) {
    let planned = enqueue(store, 1, "a", 2, in_flight()).await;
    for (delivery, raised) in planned.deliveries.iter().zip([50, 51]) {
        let mut failed = settlement(delivery, 1, DeliveryState::Failed { at: START });
        let mut own = event(raised);
        own.id = "delivery.failed/1".to_owned();
        failed.raise = Some(own);
        assert!(!is_stale(store, failed.clone()).await);
        failed.raise = Some(event(60));
        assert!(is_stale(store, failed).await);
    }
    let claimed = store.claim_events(10).await.expect("claimed");
    let uids: Vec<_> = claimed.iter().map(|event| event.uid).collect();
    assert_eq!(uids, [uid_of(50)], "once by its id, and never by a claim that is over");
}

pub(super) async fn a_retried_delivery_keeps_all_attempts(store: &dyn Store) {
    let planned = enqueue(store, 1, "a", 1, in_flight()).await;
    let (mut delivery, mut token) = (planned.deliveries[0].clone(), 1);
    for number in 1..=3 {
        let due_at = START.plus_ms(i64::from(number) * 1000);
        let mut retry = settlement(&delivery, token, queued(due_at));
        retry.delivery.retries = number;
        assert!(!is_stale(store, retry.clone()).await);
        assert_eq!(stored(store, 1, 0).await, retry.delivery);
        let claimed = claim_all(store, due_at).await;
        assert_eq!(claimed.len(), 1);
        (delivery, token) = (claimed[0].delivery.clone(), claimed[0].token);
        assert_eq!((delivery.attempts, delivery.retries), (number, number));
    }
    deliver(store, &delivery, token).await;
    let attempts = store.attempts_of(delivery.id).await.expect("read");
    let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(attempts[3].outcome, Outcome::Delivered);
    assert!(attempts[0].outcome.failure().is_some());
}

pub(super) async fn counts_follow_the_queue(store: &dyn Store) {
    enqueue(store, 3, "a", 2, queued(START)).await;
    enqueue(store, 4, "b", 1, queued(START)).await;
    let planned = enqueue(store, 5, "a", 1, in_flight()).await;
    super::samples::accept(store, vec![event(6)]).await;
    let counts = store.queue_counts().await.expect("read");
    assert_eq!(counts.queued, [(Lane::new("a"), 2), (Lane::new("b"), 1)]);
    assert_eq!((counts.events_unplanned, counts.events_parked), (1, 0));
    assert_eq!(counts.in_flight, 1);
    assert_eq!(counts.oldest_queued_at, Some(time_of(3)));
    claim_all(store, START).await;
    deliver(store, &planned.deliveries[0], 1).await;
    let counts = store.queue_counts().await.expect("read");
    assert_eq!((counts.queued.len(), counts.in_flight), (0, 3));
    assert_eq!(counts.oldest_queued_at, None);
}
