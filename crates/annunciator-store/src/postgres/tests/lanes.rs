//! Lanes that several nodes share: what waits for them, and which relays are in trouble.

use std::time::Duration;

use annunciator_core::{EnhancedStatus, Failure, FailureScope, Lane, Stage, Timestamp};

use super::nodes::nodes;
use super::{database, open_at};
use crate::contract::samples::{START, ask, enqueue, in_flight, queued};
use crate::postgres::claims::claim_due;
use crate::{Change, LaneTrouble, Nodes as _, Store as _};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_has_work_that_another_node_has_in_flight_or_claims_just_now() {
    let Some((cluster, name)) = database() else { return };
    let address = cluster.address(&name);
    let (first, second) = (open_at(&address, 1).await, open_at(&address, 2).await);
    enqueue(&*first, 1, "flying", 1, in_flight()).await;
    enqueue(&*first, 2, "due", 1, queued(START)).await;
    enqueue(&*first, 3, "later", 1, queued(START.plus_ms(1))).await;
    let with_work = async || {
        let lanes = ["flying", "due", "later", "empty"].map(Lane::new).to_vec();
        second.lanes_with_work(lanes, START).await.unwrap()
    };
    let expected = ["flying", "due"].map(Lane::new);
    assert_eq!(with_work().await, expected);
    let db = first.inner.writers.begin().await.unwrap();
    let claims = claim_due(&db, first.inner.node, &ask(START), &mut String::new()).await.unwrap();
    assert_eq!(claims.orders.len(), 1);
    let missed = second.claim_due(ask(START)).await.unwrap();
    assert!(missed.orders.is_empty(), "the other one is about to have it");
    assert_eq!(with_work().await, expected);
    db.end(Ok(())).await.unwrap();
    assert_eq!(with_work().await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_in_trouble_is_told_to_the_others_until_it_answers() {
    let Some((cluster, name)) = database() else { return };
    let stores = nodes(&cluster.address(&name)).await;
    let mut news = stores[1].changes().expect("there are others");
    // Until it has looked once nothing is news.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut told = async || {
        let told = async { while news.recv().await.expect("it is open") != Change::Lanes {} };
        tokio::time::timeout(Duration::from_secs(20), told).await.expect("told");
    };
    let trouble = |since: i64| LaneTrouble {
        lane: Lane::new("email:mail.example.org"),
        since: Timestamp(since),
        failure: Failure {
            stage: Stage::Greeting,
            scope: FailureScope::Relay,
            code: None,
            status: EnhancedStatus::new(4, 3, 2),
            diagnostic: "closing for work".to_owned(),
        },
        number: 0,
        is_own: true,
    };
    stores[0].tell_trouble(trouble(7)).await.unwrap();
    told().await;
    let first = stores[1].troubles().await.unwrap().remove(0);
    assert!(!first.is_own && first.failure == trouble(7).failure);
    assert!(stores[0].troubles().await.unwrap()[0].is_own);
    // Told again, by another node: newer news of what lasts longer.
    stores[2].tell_trouble(trouble(9)).await.unwrap();
    told().await;
    let second = stores[1].troubles().await.unwrap().remove(0);
    assert!(second.number > first.number);
    assert_eq!(second.since, Timestamp(7));
    // News that nobody repeats are none any more, and do not come back with the next.
    let age = "UPDATE lane_troubles SET told_at = told_at - 600001";
    let _ = cluster.ask(&name, age);
    assert!(stores[1].troubles().await.unwrap().is_empty());
    stores[2].tell_trouble(trouble(9)).await.unwrap();
    told().await;
    assert_eq!(stores[1].troubles().await.unwrap()[0].since, Timestamp(9));
    stores[1].tell_recovery(Some(trouble(0).lane)).await.unwrap();
    told().await;
    assert!(stores[0].troubles().await.unwrap().is_empty());
}
