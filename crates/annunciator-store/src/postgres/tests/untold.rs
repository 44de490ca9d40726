//! Commits whose answer does not come: nothing is told as done that may be lost, and claims that
//! nobody was told of hold nothing up.
//!
//! A primary that waits for a standby that is not there brings this about: the commit is on its disk,
//! and its answer does not come.

use std::sync::Arc;
use std::time::Duration;

use annunciator_core::{HeldTime, LimitKey, LimitRule, NotificationLimit};
use annunciator_testkit::postgres::PostgresCluster;

use super::open_at;
use crate::contract::samples::{
    START, accept, claim_all, enqueue, event, notification_id_of, queued, time_of, uid_of,
};
use crate::postgres::PostgresStore;
use crate::{Accept, Limits as _, SlotAnswer, SlotAsk, Store as _, StoreError};

const TRY_OUT: &str = "CREATE TABLE IF NOT EXISTS t (n integer); INSERT INTO t VALUES (1)";

/// Commits wait from now on: a first one proves that all of the server knows it.
fn hold(cluster: &PostgresCluster) {
    cluster.set(&[("synchronous_standby_names", "nobody")]);
    let is_held = std::thread::scope(|scope| {
        (0..500).any(|_| {
            // It fails when its connection ends.
            let tried = scope.spawn(|| drop(cluster.try_ask("postgres", TRY_OUT)));
            while !tried.is_finished() {
                if cluster.ask("postgres", END) != "0" {
                    return true;
                }
            }
            false
        })
    });
    assert!(is_held, "commits do not wait");
}

fn release(cluster: &PostgresCluster) {
    cluster.set(&[("synchronous_standby_names", "")]);
    // It waits until all of the server knows it.
    let _ = cluster.ask("postgres", TRY_OUT);
}

const WAITING: &str = "SELECT count(*) > 0 FROM pg_stat_activity
     WHERE wait_event = 'SyncRep' AND query LIKE '%COMMIT%'";
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE wait_event = 'SyncRep'";

/// Runs a call whose commit reaches the disk, and whose connection ends before the answer.
async fn cut_off<T: Send + 'static>(
    cluster: &PostgresCluster,
    call: impl Future<Output = crate::Result<T>> + Send + 'static,
) {
    hold(cluster);
    let called = tokio::spawn(call);
    while !called.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if cluster.ask("postgres", WAITING) == "t" {
            let _ = cluster.ask("postgres", END);
        }
    }
    release(cluster);
    let told = called.await.expect("no panic");
    assert!(matches!(told, Err(StoreError::Io(_))), "it was told as done");
}

fn fresh(number: u32) -> Accept {
    Accept { events: vec![event(number)], idempotency: None, claimed: true, now: START }
}

fn waiting(number: u32) -> Accept {
    Accept { claimed: false, ..fresh(number) }
}

async fn store_on(cluster: &PostgresCluster) -> Arc<PostgresStore> {
    open_at(&cluster.address("postgres"), 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_whose_commit_was_not_told_hold_nothing_up() {
    let Some(cluster) = PostgresCluster::start(&[]) else { return };
    let store = store_on(&cluster).await;
    // A fresh event for the own planner.
    let own = store.clone();
    cut_off(&cluster, async move { own.accept(fresh(1)).await }).await;
    assert!(store.event(uid_of(1)).await.unwrap().is_some(), "its commit reached the disk");
    assert_eq!(store.claim_events(9).await.unwrap(), [event(1)]);
    // An event that waited.
    store.accept(waiting(2)).await.unwrap();
    let own = store.clone();
    cut_off(&cluster, async move { own.claim_events(9).await }).await;
    assert_eq!(store.claim_events(9).await.unwrap(), [event(2)], "and no other one");
    // A delivery: nothing was attempted.
    enqueue(&*store, 3, "a", 1, queued(START)).await;
    let (own, at) = (store.clone(), START.plus_ms(9));
    let asked = crate::contract::samples::ask(at);
    cut_off(&cluster, async move { own.claim_due(asked).await }).await;
    let claimed = claim_all(&*store, at).await;
    assert_eq!((claimed.len(), claimed[0].token), (1, 2));
    assert!(!claimed[0].delivery.possibly_duplicated);
    // A slot of a limit.
    let ask = |number| SlotAsk {
        limit: NotificationLimit {
            key: LimitKey("email/server".into()),
            rule: LimitRule { count: 1, period_ms: 60_000 },
            origin: "server settings".to_owned(),
        },
        notification: notification_id_of(number),
        event: uid_of(number),
        planned_at: time_of(number),
        was_tried: false,
        may_have_arrived: false,
        now: HeldTime(50_000),
    };
    let own = store.clone();
    cut_off(&cluster, async move { own.take_slot(ask(1)).await }).await;
    assert!(matches!(store.take_slot(ask(2)).await.unwrap(), SlotAnswer::Taken(_)));
    assert!(matches!(store.take_slot(ask(3)).await.unwrap(), SlotAnswer::Full));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_no_standby_has_is_not_told_as_done() {
    let Some(cluster) = PostgresCluster::start(&[]) else { return };
    let store = store_on(&cluster).await;
    hold(&cluster);
    let own = store.clone();
    let accepted = tokio::spawn(async move { own.accept(fresh(1)).await });
    // Given up, the primary calls it done; the source is told to ask again.
    let told = accepted.await.unwrap();
    assert!(matches!(&told, Err(error) if error.is_worth_repeating()), "{told:?}");
    release(&cluster);
    let again = store.accept(fresh(1)).await.unwrap();
    assert!(format!("{again:?}").contains("duplicate: true"), "{again:?}");
    assert_eq!(store.claim_events(9).await.unwrap(), [event(1)]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stays_set_on_a_connection_that_others_may_get() {
    let Some((cluster, name)) = super::database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    accept(&*store, vec![event(1)]).await;
    for setting in ["lock_timeout", "idle_in_transaction_session_timeout"] {
        let db = store.inner.writers.lend().await.unwrap();
        let asked = format!("SELECT current_setting('{setting}')");
        let found = db.one(&asked, &[]).await.unwrap().get::<_, String>(0);
        assert_eq!(found, "0", "{setting}");
        let bounded = store.inner.writers.begin().await.unwrap();
        let within = bounded.one(&asked, &[]).await.unwrap().get::<_, String>(0);
        assert_ne!(within, "0", "{setting}");
    }
}
