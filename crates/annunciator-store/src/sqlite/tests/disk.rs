//! What a full or failing disk must not break.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use annunciator_core::DeliveryState;

use super::{FILE_NAME, copy_of, folder, open};
use crate::contract::samples::{
    LEASE_MS, START, accept, ask, claim_all, commit, deliver, enqueue, event, in_flight, planned,
    settlement, uid_of,
};
use crate::sqlite::SqliteStore;
use crate::sqlite::group::Kind;
use crate::sqlite::room::Space;
use crate::{Accept, Acceptance, PlanCommit, PlanVerdict, RetentionRule, Store, StoreError};

/// Opens a store on a file system whose free room is set by hand.
fn open_with_room(dir: &Path) -> (Arc<SqliteStore>, Arc<AtomicU64>) {
    let free = Arc::new(AtomicU64::new(1 << 30));
    let measured = Arc::clone(&free);
    let measure = move || Ok(Space { total: 1 << 30, free: measured.load(Ordering::SeqCst) });
    (SqliteStore::open_measured(dir, Box::new(measure)).unwrap(), free)
}

#[tokio::test]
async fn a_full_disk_refuses_events_and_lets_deliveries_settle() {
    let dir = folder();
    let (store, free) = open_with_room(dir.path());
    let waiting = event(1);
    free.store(1 << 20, Ordering::SeqCst);
    let ask = |number| Accept {
        events: vec![event(number)],
        idempotency: None,
        claimed: true,
        now: START,
    };
    let refused = store.accept(ask(1)).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    assert!(store.event(uid_of(1)).await.unwrap().is_none(), "nothing was written");
    let health = store.health().await;
    assert_eq!((health.free_bytes, health.reserve_bytes), (1 << 20, (1 << 30) / 20));

    // Room is measured again after a moment; the store needs no restart.
    free.store(1 << 30, Ordering::SeqCst);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while store.accept(ask(1)).await.is_err() {
        assert!(std::time::Instant::now() < deadline, "it stays full");
        tokio::task::yield_now().await;
    }
    free.store(0, Ordering::SeqCst);
    let work = planned(&waiting, 1, "a", 1, &in_flight());
    commit(&*store, &waiting, vec![work.clone()]).await;
    deliver(&*store, &work.deliveries[0], 1).await;
}

#[tokio::test]
async fn when_a_write_finds_the_disk_full_only_what_takes_in_more_is_refused() {
    let dir = folder();
    let store = open(dir.path());
    let flying = enqueue(&*store, 1, "a", 1, in_flight()).await;
    let limit = |pages: i64| {
        store.write(Kind::Flow, 1, move |session| {
            let count: i64 =
                session.connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let text = format!("PRAGMA max_page_count = {}", count + pages);
            Ok(session.connection.query_row(&text, [], |_| Ok(()))?)
        })
    };
    limit(4).await.unwrap();
    let mut big = event(2);
    big.description = "x".repeat(50_000);
    let ask = Accept { events: vec![big], idempotency: None, claimed: true, now: START };
    let settled = settlement(&flying.deliveries[0], 1, DeliveryState::Delivered { at: START });
    // The writer is held until both wait, so that they are one group. A job may run twice.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hold = store.write(Kind::Flow, 1, move |_| Ok(held.recv().is_err()));
    let (_, refused, stale, ()) =
        tokio::join!(hold, store.accept(ask.clone()), store.settle(vec![settled]), async move {
            drop(release);
        });
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    assert!(stale.unwrap().is_empty(), "the settlement went through");
    assert_eq!(store.attempts_of(flying.deliveries[0].id).await.unwrap().len(), 1);
    assert_eq!(store.shared.faults.opened.load(Ordering::SeqCst), 1, "the handle is good");
    limit(1000).await.unwrap();
    assert!(matches!(store.accept(ask).await, Ok(Acceptance::Accepted(a)) if !a[0].duplicate));
    assert!(store.claim_events(10).await.unwrap().is_empty(), "claimed by who accepted it");
}

/// The store fails as if the disk had, so many times at that place.
fn make_fail(store: &SqliteStore, place: usize, times: u64) {
    store.shared.faults.wanted[place].store(times, Ordering::SeqCst);
}

#[tokio::test]
async fn after_a_failed_commit_callers_are_told_and_the_files_are_opened_anew() {
    for place in [0, 1] {
        let dir = folder();
        let store = open(dir.path());
        let opened = || store.shared.faults.opened.load(Ordering::SeqCst);
        let flying = enqueue(&*store, 1, "a", 1, in_flight()).await;
        accept(&*store, vec![event(3)]).await;
        assert_eq!(opened(), 1);
        make_fail(&store, place, 1);
        let ask = Accept { events: vec![event(2)], idempotency: None, claimed: true, now: START };
        let failed = store.accept(ask.clone()).await;
        assert!(matches!(failed, Err(StoreError::Io(_))), "{failed:?}");
        // The next calls are refused or served by the new handle, never by the old one.
        let answer = loop {
            match store.accept(ask.clone()).await {
                Ok(answer) => break answer,
                Err(error) => assert!(error.is_worth_repeating(), "{error}"),
            }
        };
        assert_eq!(opened(), 2);
        let Acceptance::Accepted(answer) = answer else { panic!("{answer:?}") };
        // When the commit had reached the disk the event is known, and waits for a planner.
        let is_there = place == 1;
        assert_eq!(answer[0].duplicate, is_there);
        let claimed = store.claim_events(10).await.unwrap();
        assert_eq!(claimed.len(), usize::from(is_there), "3 stays with its planner");
        deliver(&*store, &flying.deliveries[0], 1).await;
        assert!(store.health().await.writable);
    }
}

#[tokio::test]
async fn while_the_files_cannot_be_opened_everybody_is_told_at_once() {
    let dir = folder();
    let store = open(dir.path());
    let flying = enqueue(&*store, 1, "a", 1, in_flight()).await;
    make_fail(&store, 2, 2);
    make_fail(&store, 0, 1);
    let settled = settlement(&flying.deliveries[0], 1, DeliveryState::Delivered { at: START });
    let mut refusals = 0;
    loop {
        match store.settle(vec![settled.clone()]).await {
            Ok(stale) => {
                assert!(stale.is_empty(), "the claim is still good");
                break;
            }
            Err(StoreError::Io(_)) => refusals += 1,
            Err(error) => panic!("{error}"),
        }
        let health = store.health().await;
        assert!(health.writable || !health.reason.is_empty());
    }
    assert!(refusals >= 2, "{refusals} refusals");
    assert_eq!(store.attempts_of(flying.deliveries[0].id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_commit_whose_end_is_unknown_may_be_repeated() {
    let dir = folder();
    let store = open(dir.path());
    let event = event(1);
    accept(&*store, vec![event.clone()]).await;
    make_fail(&store, 1, 1);
    let work = planned(&event, 1, "a", 1, &in_flight());
    let decisions = Vec::new();
    let verdict = PlanVerdict::Planned {
        notifications: vec![work.clone()],
        decisions,
        term_days: None,
        postponed: Vec::new(),
    };
    let plan = PlanCommit { event: event.uid, verdict };
    let mut failures = 0;
    while store.commit_plans(vec![plan.clone()]).await.is_err() {
        failures += 1;
    }
    assert!(failures >= 1);
    assert_eq!(store.notifications_of(event.uid).await.unwrap().len(), 1);
    deliver(&*store, &work.deliveries[0], 1).await;
}

#[tokio::test]
async fn a_long_lease_is_known_again_after_the_files_were_opened_anew() {
    let dir = folder();
    let store = open(dir.path());
    enqueue(&*store, 1, "a", 1, in_flight()).await;
    make_fail(&store, 0, 1);
    let rule =
        RetentionRule { now: START, term_days: [9; 4], events_max: 9, audit_max: 9, step_max: 9 };
    assert!(store.retain(rule).await.is_err());
    let claimed = loop {
        match store.claim_due(ask(START.plus_ms(LEASE_MS - 1))).await {
            Ok(claims) => break claims,
            Err(error) => assert!(error.is_worth_repeating()),
        }
    };
    assert!(claimed.orders.is_empty(), "its owner is alive");
    assert_eq!(claimed.next_due_at, Some(START.plus_ms(LEASE_MS)));
    assert_eq!(claim_all(&*store, START.plus_ms(LEASE_MS)).await.len(), 1);
}

#[tokio::test]
async fn the_files_are_their_owners_alone_whatever_the_folder_says() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let modes = || {
        let suffixes = ["", "-wal", "-shm"];
        suffixes.map(|suffix| {
            let file = data.join(format!("{FILE_NAME}{suffix}"));
            let facts = std::fs::metadata(file).unwrap();
            format!("{:o}", facts.permissions().mode() & 0o777)
        })
    };
    let store = open(&data);
    accept(&*store, vec![event(1)]).await;
    assert_eq!(modes(), ["600"; 3]);
    // As a version left them that did not care.
    let left = copy_of(&data);
    drop(store);
    for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")] {
        std::fs::copy(left.path().join(&name), data.join(&name)).unwrap();
        let others = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(data.join(&name), others).unwrap();
    }
    let store = open(&data);
    assert!(store.event(uid_of(1)).await.unwrap().is_some());
    assert_eq!(modes(), ["600"; 3]);
}
