//! The answer to a commit is lost: what it claimed is not left lying.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use annunciator_core::{Event, HeldTime, LimitKey, LimitRule, NotificationLimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{PostgresStore, database, open_at};
use crate::contract::samples::{
    START, ask, claim_all, enqueue, event, notification_id_of, queued, time_of, uid_of,
};
use crate::{Accept, Limits as _, SlotAnswer, SlotAsk, Store as _};

/// Words of a statement after which the next commit is not answered; none when all are.
type Trap = Arc<Mutex<Option<&'static str>>>;

/// Stands between a store and the database.
async fn stand_between(port: u16) -> (u16, Trap) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = listener.local_addr().unwrap().port();
    let trap = Trap::default();
    let set = trap.clone();
    tokio::spawn(async move {
        while let Ok((store, _)) = listener.accept().await {
            let database = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(pass(store, database, set.clone()));
        }
    });
    (near, trap)
}

async fn pass(store: TcpStream, database: TcpStream, trap: Trap) {
    let (mut from_store, mut to_store) = store.into_split();
    let (mut from_database, mut to_database) = database.into_split();
    let is_shut = Arc::new(Mutex::new(false));
    let shut = is_shut.clone();
    let back = tokio::spawn(async move {
        let mut octets = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from_database.read(&mut octets).await {
            // The commit is done, and nobody is told.
            if *shut.lock().unwrap() || to_store.write_all(&octets[..count]).await.is_err() {
                return;
            }
        }
    });
    let (mut octets, mut is_near) = (vec![0; 1 << 16], false);
    while let Ok(count @ 1..) = from_store.read(&mut octets).await {
        let said = String::from_utf8_lossy(&octets[..count]).into_owned();
        is_near |= trap.lock().unwrap().is_some_and(|words| said.contains(words));
        if is_near && said.contains("COMMIT") {
            *trap.lock().unwrap() = None;
            *is_shut.lock().unwrap() = true;
        }
        if to_database.write_all(&octets[..count]).await.is_err() {
            break;
        }
        if *is_shut.lock().unwrap() {
            // Until the database has answered.
            let _ = back.await;
            return;
        }
    }
    back.abort();
}

/// Claims events when there are some: the database may still be at the commit.
async fn claim_events(store: &PostgresStore) -> Vec<Event> {
    loop {
        let events = store.claim_events(9).await.unwrap();
        if !events.is_empty() {
            return events;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_commit_without_an_answer_claimed_is_not_left_lying() {
    let Some((cluster, name)) = database() else { return };
    let (port, trap) = stand_between(cluster.port()).await;
    let address = format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable");
    let store = open_at(&address, 1).await;
    let set = |words| *trap.lock().unwrap() = Some(words);
    let is_sprung = || trap.lock().unwrap().is_none();

    // An event that was accepted for our planner, which was not told of it.
    set("INTO event_ids");
    let accept = Accept { events: vec![event(1)], idempotency: None, claimed: true, now: START };
    assert!(store.accept(accept).await.is_err() && is_sprung());
    assert_eq!(claim_events(&store).await, [event(1)]);
    // It is ours now, and stays so.
    assert!(store.claim_events(9).await.unwrap().is_empty());

    let waiting = Accept { events: vec![event(2)], idempotency: None, claimed: false, now: START };
    store.accept(waiting).await.unwrap();
    set("UPDATE inbox SET node = $1");
    assert!(store.claim_events(9).await.is_err() && is_sprung());
    assert_eq!(claim_events(&store).await, [event(2)]);

    enqueue(&*store, 3, "a", 2, queued(START)).await;
    set("SET lease_until = $4, node = $5");
    assert!(store.claim_due(ask(START.plus_ms(9))).await.is_err() && is_sprung());
    let claimed = claim_all(&*store, START.plus_ms(9)).await;
    assert_eq!(claimed.len(), 2);
    for one in claimed {
        assert_eq!(one.token, 2);
        assert!(!one.delivery.possibly_duplicated, "nobody attempted it");
    }

    let rule = LimitRule { count: 1, period_ms: 60_000 };
    let limit = NotificationLimit { key: LimitKey("x".into()), rule, origin: String::new() };
    let slot = SlotAsk {
        limit,
        notification: notification_id_of(3),
        event: uid_of(3),
        planned_at: time_of(3),
        was_tried: false,
        may_have_arrived: false,
        now: HeldTime(50_000),
    };
    set("INTO limit_slots");
    assert!(store.take_slot(slot.clone()).await.is_err() && is_sprung());
    assert!(matches!(store.take_slot(slot.clone()).await.unwrap(), SlotAnswer::Taken(_)));
    let other = SlotAsk { event: uid_of(4), notification: notification_id_of(4), ..slot };
    assert_eq!(store.take_slot(other).await.unwrap(), SlotAnswer::Full, "this one is taken");
}
