//! The database fails: what was answered is there, what was not may be asked again.

use std::fmt::Write as _;
use std::time::Duration;

use annunciator_testkit::postgres::PostgresCluster;

use super::{database, open_at};
use crate::contract::samples::{START, accept, event, planned, queued, uid_of};
use crate::{Accept, Acceptance, PlanCommit, PlanVerdict, Store as _, StoreError};

fn waiting(number: u32) -> Accept {
    Accept { events: vec![event(number)], idempotency: None, claimed: false, now: START }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_and_comes_back_lost_nothing_that_was_answered() {
    let Some(cluster) = PostgresCluster::start(&[]) else { return };
    let store = open_at(&cluster.address("postgres"), 1).await;
    let (mut answered, mut refused) = (Vec::new(), 0);
    for round in 0..3_u32 {
        for number in round * 20..round * 20 + 20 {
            if number % 20 == 10 {
                cluster.kill();
            }
            match store.accept(waiting(number)).await {
                Ok(_) => answered.push(number),
                Err(error) => {
                    assert!(error.is_worth_repeating(), "{error}");
                    refused += 1;
                }
            }
        }
        assert!(!store.health().await.writable, "round {round}");
        cluster.start_again();
        let mut tries = 0;
        while store.accept(waiting(1_000 + round)).await.is_err() {
            tries += 1;
            assert!(tries < 100, "it does not come back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(store.health().await.writable, "round {round}");
    }
    assert!(refused > 0 && answered.len() >= 30, "{refused}, {}", answered.len());
    for number in answered {
        assert!(store.event(uid_of(number)).await.unwrap().is_some(), "event {number}");
    }
    // Asked again, it is the same event, stored or not.
    for number in 0..60 {
        let Acceptance::Accepted(again) = store.accept(waiting(number)).await.unwrap() else {
            panic!("no key was given")
        };
        assert_eq!(again[0].uid, uid_of(number));
    }
    assert_eq!(store.facts_count().await, 63);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_ended_are_made_anew() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    for number in 0..3 {
        accept(&*store, vec![event(number)]).await;
        // Several lie idle when they are ended.
        let ask = || store.event(uid_of(number));
        crate::contract::samples::all_at_once((0..6).map(|_| ask())).await;
        assert!(store.event(uid_of(number)).await.unwrap().is_some());
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let _ = cluster.ask(&name, end);
        assert!(store.event(uid_of(number)).await.unwrap().is_some(), "a question is asked again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_the_database_does_not_take_harms_nobody() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    let mut odd = event(1);
    odd.description = "a\0b".to_owned();
    accept(&*store, vec![odd, event(2)]).await;
    let stored = store.event(uid_of(1)).await.unwrap().unwrap();
    assert_eq!(stored.event.description, "a\u{FFFD}b");
    assert!(store.event(uid_of(2)).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_there_is_told_with_words() {
    let address = "postgres://annunciator:geheim@127.0.0.1:1/x";
    let node = super::node(1);
    let refused = super::PostgresStore::open(&address.parse().unwrap(), node).await;
    let Err(StoreError::Io(words)) = refused else { panic!("nobody listens there") };
    assert!(words.contains("cannot be reached") && !words.contains("geheim"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused_alone_and_for_good() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    let (mut lane, mut state) = (String::new(), 7_u64);
    // Nothing that could be made smaller: an entry of an index holds 2,704 octets.
    while lane.len() < 4_000 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        write!(lane, "{state:016x}").unwrap();
    }
    let plan = |number: u32, lane: &str| {
        let event = event(number);
        let notifications = vec![planned(&event, number, lane, 1, &queued(START))];
        let verdict = PlanVerdict::Planned {
            notifications,
            decisions: Vec::new(),
            term_days: None,
            postponed: Vec::new(),
        };
        PlanCommit { event: event.uid, verdict }
    };
    accept(&*store, (1..=3).map(event).collect()).await;
    let (first, large, last) = tokio::join!(
        store.commit_plans(vec![plan(1, "a")]),
        store.commit_plans(vec![plan(2, &lane)]),
        store.commit_plans(vec![plan(3, "a")]),
    );
    assert!(first.is_ok() && last.is_ok());
    let error = large.unwrap_err();
    assert!(matches!(error, StoreError::BadRequest(_)), "{error}");
    assert!(!error.is_worth_repeating());
}
