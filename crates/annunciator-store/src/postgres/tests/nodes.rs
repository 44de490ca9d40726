//! What several nodes alone can break: claims, limits, plans and news.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use annunciator_core::{HeldTime, LimitKey, LimitRule, NotificationLimit, Timestamp};

use super::{database, node, open_at};
use crate::contract::samples::{
    START, accept, all_at_once, ask, audit, claim_all, commit, delivery_id_of, enqueue, event,
    in_flight, is_stale, notification_id_of, planned, queued, settlement, time_of, uid_of,
};
use crate::postgres::PostgresStore;
use crate::postgres::bind::values;
use crate::postgres::nodes::queue_silent;
use crate::{
    Accept, Change, Limits as _, NodeBeat, NodeState, Nodes as _, PlanCommit, PlanVerdict,
    PlannedLimit, SettingsChange, SlotAnswer, SlotAsk, Store as _, StoreError,
};

const NODES: u128 = 3;

pub(super) async fn nodes(address: &str) -> Vec<Arc<PostgresStore>> {
    let mut stores = Vec::new();
    for number in 1..=NODES {
        stores.push(open_at(address, number).await);
    }
    stores
}

fn said(state: NodeState) -> NodeBeat {
    NodeBeat {
        name: "n".to_owned(),
        version: "1".to_owned(),
        address: String::new(),
        started_at: START,
        state,
        skew_ms: 0,
    }
}

fn limit(count: u32) -> NotificationLimit {
    NotificationLimit {
        key: LimitKey("email/server".into()),
        rule: LimitRule { count, period_ms: 60_000 },
        origin: "server settings".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_exact_over_nodes() {
    const COUNT: u32 = 10;
    let Some((cluster, name)) = database() else { return };
    let stores = nodes(&cluster.address(&name)).await;
    let of = |number: u32| &stores[number as usize % stores.len()];
    let plan = |number: u32| async move {
        let store = of(number);
        let event = event(number);
        accept(&**store, vec![event.clone()]).await;
        let mut planned = planned(&event, number, "a", 1, &queued(time_of(number)));
        let (type_name, now) = (event.type_name.clone(), HeldTime(50_000));
        planned.limit = Some(PlannedLimit { limit: limit(COUNT), type_name, now });
        let verdict = PlanVerdict::Planned {
            notifications: vec![planned],
            decisions: Vec::new(),
            term_days: None,
            postponed: Vec::new(),
        };
        store.commit_plans(vec![PlanCommit { event: event.uid, verdict }]).await.unwrap().is_empty()
    };
    let admitted = all_at_once((0..120).map(plan)).await;
    assert_eq!(admitted.iter().filter(|admitted| **admitted).count(), COUNT as usize);
    assert_eq!(stores[0].limited_keys().await.unwrap()[0].count, 110);
    let take = |number: u32| async move {
        let ask = SlotAsk {
            limit: limit(COUNT),
            notification: notification_id_of(number),
            event: uid_of(number),
            planned_at: time_of(number),
            was_tried: false,
            may_have_arrived: false,
            now: HeldTime(50_000),
        };
        matches!(of(number).take_slot(ask).await.unwrap(), SlotAnswer::Taken(_))
    };
    let taken = all_at_once((0..60).map(take)).await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), COUNT as usize);
    // The slots of a node end with its own start, and no others.
    let freed = stores[0].free_lost_slots(HeldTime(50_001)).await.unwrap();
    assert!(freed > 0 && freed < COUNT as usize, "{freed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_claimed_by_one_node() {
    const COUNT: u32 = 90;
    let Some((cluster, name)) = database() else { return };
    let stores = nodes(&cluster.address(&name)).await;
    for number in 0..COUNT {
        enqueue(&*stores[0], number, "a", 2, queued(START)).await;
    }
    let waiting = Accept {
        events: (1_000..1_000 + COUNT).map(event).collect(),
        idempotency: None,
        claimed: false,
        now: START,
    };
    stores[0].accept(waiting).await.unwrap();
    let claim = |place: usize| {
        let store = stores[place % stores.len()].clone();
        async move {
            let few = crate::ClaimAsk { total_max: 10, per_lane_max: 10, ..ask(START.plus_ms(9)) };
            let orders = store.claim_due(few).await.unwrap().orders;
            let events = store.claim_events(10).await.unwrap();
            (orders, events)
        }
    };
    let (mut deliveries, mut uids, mut all) = (HashSet::new(), HashSet::new(), 0);
    for _ in 0..10 {
        for (orders, events) in all_at_once((0..6).map(claim)).await {
            all += events.len();
            uids.extend(events.iter().map(|event| event.uid));
            for order in orders {
                assert_eq!(order.deliveries.len(), 2, "a notification is never cut");
                all += order.deliveries.len();
                deliveries.extend(order.deliveries.iter().map(|claimed| claimed.delivery.id));
            }
        }
    }
    assert_eq!((deliveries.len(), uids.len()), (2 * COUNT as usize, COUNT as usize));
    assert_eq!(all, 3 * COUNT as usize, "nothing was claimed twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_node_had_is_taken_over_and_its_old_claims_settle_nothing() {
    let Some((cluster, name)) = database() else { return };
    let address = cluster.address(&name);
    let (first, second) = (open_at(&address, 1).await, open_at(&address, 2).await);
    accept(&*first, vec![event(1)]).await;
    let flying = enqueue(&*first, 2, "a", 1, in_flight()).await;
    assert!(second.claim_events(9).await.unwrap().is_empty(), "its node lives");
    drop(first);
    let _ = cluster.ask(&name, "UPDATE nodes SET beat_at = 0 WHERE name = 'node 1'");
    let claimed = second.claim_events(9).await.unwrap();
    assert_eq!(claimed, [event(1)]);
    let lapsed = claim_all(&*second, START.plus_ms(60_000)).await;
    assert_eq!(lapsed.len(), 1);
    assert!(lapsed[0].delivery.possibly_duplicated);
    // It was cut off only, and comes back.
    let first = open_at(&address, 1).await;
    let state = annunciator_core::DeliveryState::Delivered { at: START };
    assert!(is_stale(&*first, settlement(&flying.deliveries[0], 1, state.clone())).await);
    let plan = |number: u32| PlanCommit {
        event: uid_of(1),
        verdict: PlanVerdict::Planned {
            notifications: vec![planned(&event(1), number, "a", 1, &in_flight())],
            decisions: Vec::new(),
            term_days: None,
            postponed: Vec::new(),
        },
    };
    assert!(second.commit_plans(vec![plan(1)]).await.unwrap().is_empty());
    let left_out = first.commit_plans(vec![plan(50)]).await.unwrap();
    assert_eq!(left_out.overtaken, [notification_id_of(50)], "the first plan counts");
    assert!(!is_stale(&*second, settlement(&lapsed[0].delivery, lapsed[0].token, state)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_silent_node_had_in_flight_is_queued_again() {
    let Some((cluster, name)) = database() else { return };
    let stores = nodes(&cluster.address(&name)).await;
    for (store, number) in stores.iter().zip(1..) {
        enqueue(&**store, number, "a", 1, in_flight()).await;
    }
    let (db, node) = (stores[1].inner.writers.begin().await.unwrap(), stores[0].inner.node);
    // It gives no other sign meanwhile.
    let newest = "SELECT beat_at FROM nodes WHERE id = $1 FOR UPDATE";
    let newest: i64 = db.one(newest, values![node]).await.unwrap().get(0);
    let back = queue_silent(&db, &[(node, newest - 1)]).await.unwrap();
    assert_eq!(back, 0, "one that is back keeps what it has");
    let outcome = queue_silent(&db, &[(node, newest)]).await;
    assert_eq!(db.end(outcome).await.unwrap(), 1);
    let claimed = claim_all(&*stores[1], START.plus_ms(10)).await;
    let ids: Vec<_> = claimed.iter().map(|claimed| claimed.delivery.id).collect();
    assert_eq!(ids, [delivery_id_of(1, 0)], "that of the others is theirs");
    assert!(claimed[0].delivery.possibly_duplicated);
    let state = annunciator_core::DeliveryState::Delivered { at: START };
    assert!(is_stale(&*stores[0], settlement(&claimed[0].delivery, 1, state.clone())).await);
    assert!(!is_stale(&*stores[1], settlement(&claimed[0].delivery, 2, state)).await);
    assert_eq!(stores[0].claim_era(), Some(0), "this one lives");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_machine_stood_still_learns_of_its_silence() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    assert_eq!(store.claim_era(), Some(0));
    let _ = cluster.ask(&name, "UPDATE nodes SET beat_at = beat_at - 120000");
    // What the server says of itself does not cover it.
    store.beat(said(NodeState::Serving), START).await.unwrap();
    let learned = async {
        while store.claim_era() != Some(1) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), learned).await.expect("others have its claims");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_ahead_ends_no_claim_of_another_node() {
    let Some((cluster, name)) = database() else { return };
    let address = cluster.address(&name);
    let (first, second) = (open_at(&address, 1).await, open_at(&address, 2).await);
    enqueue(&*first, 1, "a", 1, in_flight()).await;
    enqueue(&*first, 2, "a", 1, queued(START)).await;
    assert_eq!(claim_all(&*first, START).await.len(), 1);
    let ahead = START.plus_ms(3_600_000);
    let claims = second.claim_due(ask(ahead)).await.unwrap();
    assert!(claims.orders.is_empty(), "its node lives: {claims:?}");
    assert_eq!(claims.next_due_at, None, "nothing to hurry for");
    assert!(second.claim_expired(ask(ahead)).await.unwrap().is_empty());
    let own = claim_all(&*first, ahead).await;
    assert_eq!(own.len(), 2, "what it never settled is its own to end");
    let _ = cluster.ask(&name, "UPDATE queue SET node = gen_random_uuid()");
    let nobodys = claim_all(&*second, ahead.plus_ms(3_600_000)).await;
    assert_eq!(nobodys.len(), 2, "that of a node that nobody knows is everybody's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lifetime_ends_by_the_clock_of_the_database_too() {
    let Some((cluster, name)) = database() else { return };
    let address = cluster.address(&name);
    let (first, second) = (open_at(&address, 1).await, open_at(&address, 2).await);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = Timestamp(i64::try_from(since.as_millis()).unwrap());
    for (number, ends_at) in [(1, now.plus_ms(3_600_000)), (2, now.plus_ms(-1_000))] {
        let event = event(number);
        accept(&*first, vec![event.clone()]).await;
        let mut planned = planned(&event, number, "a", 1, &queued(START));
        planned.deliveries[0].expires_at = ends_at;
        commit(&*first, &event, vec![planned]).await;
    }
    let ahead = ask(now.plus_ms(3 * 86_400_000));
    let behind = ask(now.plus_ms(-3_600_000));
    assert!(first.claim_expired(behind).await.unwrap().is_empty(), "by its own clock as well");
    let ids = |orders: Vec<crate::ClaimedOrder>| -> Vec<_> {
        let deliveries = orders.into_iter().flat_map(|order| order.deliveries);
        deliveries.map(|claimed| claimed.delivery.id).collect()
    };
    let expired = second.claim_expired(ahead.clone()).await.unwrap();
    assert_eq!(ids(expired), [delivery_id_of(2, 0)]);
    // It could neither send nor fail it, and would take it again and again.
    assert!(second.claim_due(ahead).await.unwrap().orders.is_empty());
    let due = first.claim_due(ask(now)).await.unwrap().orders;
    assert_eq!(ids(due), [delivery_id_of(1, 0)], "it is left to a node with a better clock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_without_its_notification_holds_up_no_other() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    for number in [1, 2] {
        enqueue(&*store, number, "a", 1, queued(START)).await;
    }
    let _ = cluster.ask(&name, "UPDATE queue SET expires_at = 7");
    let lost = notification_id_of(1);
    let _ = cluster.ask(&name, &format!("DELETE FROM notifications WHERE id = '{lost}'"));
    let orders = store.claim_expired(ask(START.plus_ms(9))).await.unwrap();
    let deliveries = orders.iter().flat_map(|order| &order.deliveries);
    let ids: Vec<_> = deliveries.map(|claimed| claimed.delivery.id).collect();
    assert_eq!(ids, [delivery_id_of(2, 0)]);
    assert_eq!(cluster.ask(&name, "SELECT count(*) FROM queue"), "1", "the other one is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_gives_up_only_what_its_last_run_had() {
    let Some((cluster, name)) = database() else { return };
    let address = cluster.address(&name);
    let (first, second) = (open_at(&address, 1).await, open_at(&address, 2).await);
    enqueue(&*first, 1, "a", 1, in_flight()).await;
    enqueue(&*second, 2, "a", 1, in_flight()).await;
    drop(first);
    let again = open_at(&address, 1).await;
    let claimed = claim_all(&*again, START.plus_ms(10)).await;
    let ids: Vec<_> = claimed.iter().map(|claimed| claimed.delivery.id).collect();
    assert_eq!(ids, [delivery_id_of(1, 0)]);
    assert!(claimed[0].delivery.possibly_duplicated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_last_run_had_under_way_in_the_database_comes_to_nothing() {
    let Some((cluster, name)) = database() else { return };
    let address = cluster.address(&name);
    let (first, second) = (open_at(&address, 1).await, open_at(&address, 2).await);
    accept(&*first, vec![event(1)]).await;
    let late = first.inner.writers.begin().await.unwrap();
    let other = second.inner.writers.begin().await.unwrap();
    // However long the start takes.
    for db in [&late, &other] {
        db.batch("SET LOCAL idle_in_transaction_session_timeout = 0").await.unwrap();
    }
    late.batch("UPDATE inbox SET tries = tries").await.unwrap();
    let _again = open_at(&address, 1).await;
    assert!(late.end(Ok(())).await.is_err(), "its claims would be nobody's");
    other.end(Ok(())).await.expect("that of another node goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_take_each_step_once_and_an_older_program_none() {
    let Some(cluster) = annunciator_testkit::postgres::PostgresCluster::shared() else { return };
    let name = cluster.database("template0");
    let address = cluster.address(&name);
    all_at_once((1..=4).map(|number| open_at(&address, number))).await;
    let _ = cluster.ask(&name, "UPDATE schema_version SET version = 999");
    let refused = PostgresStore::open(&address.parse().unwrap(), node(5)).await;
    let Err(StoreError::Corrupt(words)) = refused else { panic!("it is too new") };
    assert!(words.contains("999") && words.contains("newer program"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_changes_is_told_to_the_others_woken_or_not() {
    let Some((cluster, name)) = database() else { return };
    let stores = nodes(&cluster.address(&name)).await;
    let mut news = stores[1].changes().expect("there are others");
    // Until it has looked once nothing is news.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let save = |layer: &str| SettingsChange {
        layer: layer.to_owned(),
        document: "{}".to_owned(),
        expected_revision: None,
        comment: String::new(),
        audit: audit("settings.save"),
    };
    for is_deaf in [false, true] {
        if is_deaf {
            let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                       WHERE query LIKE '%; LISTEN %' AND pid <> pg_backend_pid()
                   AND datname = current_database()";
            let _ = cluster.ask(&name, end);
        }
        stores[0].save_settings(save("server")).await.unwrap();
        let told = async { while news.recv().await.expect("it is open") != Change::Settings {} };
        tokio::time::timeout(Duration::from_secs(5), told).await.expect("told");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_ends_leaves_what_it_had_to_the_others() {
    let Some((cluster, name)) = database() else { return };
    let address = cluster.address(&name);
    let (first, second) = (open_at(&address, 1).await, open_at(&address, 2).await);
    accept(&*first, vec![event(1)]).await;
    enqueue(&*first, 2, "a", 1, in_flight()).await;
    first.close().await;
    assert_eq!(second.claim_events(9).await.unwrap(), [event(1)]);
    assert_eq!(claim_all(&*second, START.plus_ms(10)).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_ended_is_listed_as_such() {
    let Some((cluster, name)) = database() else { return };
    let stores = nodes(&cluster.address(&name)).await;
    let alive = |listed: Vec<crate::NodeRow>| -> Vec<bool> {
        listed.iter().map(|node| node.is_alive).collect()
    };
    assert_eq!(alive(stores[0].nodes().await.unwrap()), [true, true, true]);
    commit(&*stores[2], &event(1), Vec::new()).await;
    accept(&*stores[2], vec![event(2)]).await;
    assert!(stores[0].claim_events(9).await.unwrap().is_empty(), "its node lives");
    stores[2].close().await;
    let listed = stores[0].nodes().await.unwrap();
    assert_eq!(listed[2].said.state, NodeState::Stopped);
    assert_eq!(alive(listed), [true, true, false]);
    // Nobody waits for its claims to lapse.
    assert_eq!(stores[0].claim_events(9).await.unwrap(), [event(2)]);
    let closed = stores[2].accept(Accept {
        events: vec![event(1)],
        idempotency: None,
        claimed: false,
        now: Timestamp(0),
    });
    assert!(matches!(closed.await, Err(StoreError::Closed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_deliveries_that_nobody_has_are_told_to_other_nodes() {
    let Some((cluster, name)) = database() else { return };
    let stores = nodes(&cluster.address(&name)).await;
    let mut news = stores[1].changes().expect("there are others");
    let mut own_news = stores[0].changes().expect("there are others");
    let listens = "SELECT count(*) FROM pg_stat_activity
                   WHERE query LIKE '%; LISTEN %' AND pid <> pg_backend_pid()
                   AND datname = current_database()";
    while cluster.ask(&name, listens).trim() != NODES.to_string() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut told = async |work: Change| {
        let heard = async { while news.recv().await.expect("it is open") != work {} };
        tokio::time::timeout(Duration::from_secs(20), heard).await.expect("told");
    };
    let waiting = Accept { events: vec![event(1)], idempotency: None, claimed: false, now: START };
    stores[0].accept(waiting).await.unwrap();
    told(Change::Events).await;
    enqueue(&*stores[0], 2, "a", 1, queued(START)).await;
    told(Change::Work).await;
    // Who leaves something knows it: the first that it hears is what another one leaves.
    enqueue(&*stores[1], 3, "a", 1, queued(START)).await;
    let first = tokio::time::timeout(Duration::from_secs(20), own_news.recv()).await;
    assert_eq!(first.expect("told"), Ok(Change::Work), "not the events of its own");
    // What a node leaves when it ends is told as well.
    stores[2].close().await;
    told(Change::Events).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_told_its_place_among_those_that_serve() {
    let Some((cluster, name)) = database() else { return };
    let stores = nodes(&cluster.address(&name)).await;
    let place = async |number: usize, state| {
        let answer = stores[number].beat(said(state), START).await.unwrap();
        (answer.place, answer.serving)
    };
    for number in 0..3 {
        assert_eq!(place(number, NodeState::Serving).await, (number as u32, 3));
    }
    place(0, NodeState::Draining).await;
    assert_eq!(place(2, NodeState::Serving).await, (1, 2));
    stores[1].close().await;
    assert_eq!(place(2, NodeState::Serving).await, (0, 1));
}
