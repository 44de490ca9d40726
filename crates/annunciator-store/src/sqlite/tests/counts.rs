//! What waits is counted while it moves.

use std::sync::{Arc, Mutex, mpsc};

use super::{folder, open};
use crate::Store as _;
use crate::contract::samples::{accept, commit, event, in_flight, planned};

#[tokio::test]
async fn an_event_planned_while_its_count_is_asked_for_is_not_missed() {
    let dir = folder();
    let store = open(dir.path());
    let event = event(1);
    accept(&*store, vec![event.clone()]).await;
    // Both readers for short questions are held, so that the count has to wait for one.
    let (gate, closed) = mpsc::channel::<()>();
    let closed = Arc::new(Mutex::new(closed));
    for _ in 0..2 {
        let (store, closed) = (Arc::clone(&store), Arc::clone(&closed));
        tokio::spawn(async move {
            let hold = move |_: &rusqlite::Connection| {
                let _ = closed.lock().unwrap().recv();
                Ok(())
            };
            store.read(hold).await
        });
        tokio::task::yield_now().await;
    }
    let counted = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.queue_counts().await }
    });
    tokio::task::yield_now().await;

    let planned = planned(&event, 1, "a", 1, &in_flight());
    commit(&*store, &event, vec![planned]).await;
    drop(gate);
    let counts = counted.await.unwrap().unwrap();
    assert_eq!((counts.events_unplanned, counts.in_flight), (0, 1));
}
