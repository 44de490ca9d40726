//! However many search, whoever looks up a few rows is answered.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::{SqliteStore, first_page, folder, open};
use crate::contract::samples::delivery_id_of;
use crate::{AuditFilter, EventFilter, Store as _, StoreError, Users as _};

async fn until_seated(store: &SqliteStore, count: usize) {
    while store.shared.readers.search_count() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn short_questions_are_answered_while_searches_wait_and_too_many_searches_are_refused() {
    let dir = folder();
    let store = open(dir.path());
    // Two searches hold their readers until the gate opens; the others wait behind them.
    let (gate, closed) = mpsc::channel::<()>();
    let closed = Arc::new(Mutex::new(closed));
    let search = |number: usize| {
        let (store, closed) = (Arc::clone(&store), Arc::clone(&closed));
        tokio::spawn(async move {
            if number >= 2 {
                return store.events(EventFilter::default(), first_page()).await.map(|_| ());
            }
            let hold = move |_: &rusqlite::Connection| {
                let _ = closed.lock().unwrap().recv();
                Ok(())
            };
            store.search(hold).await
        })
    };
    let mut searches = Vec::new();
    for number in 0..20 {
        searches.push(search(number));
        until_seated(&store, number + 1).await;
    }

    // None of these can be answered behind a search: the gate is closed.
    let short = async {
        assert!(store.session([7; 32]).await.unwrap().is_none());
        assert!(store.settings("server").await.unwrap().is_none());
        assert!(store.attempts_of(delivery_id_of(1, 0)).await.unwrap().is_empty());
        assert!(store.queue_counts().await.unwrap().queued.is_empty());
    };
    let answered = tokio::time::timeout(Duration::from_secs(20), short).await;

    for number in 20..32 {
        searches.push(search(number));
        until_seated(&store, number + 1).await;
    }
    let refused = store.audit(AuditFilter::default(), first_page()).await;
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    drop(gate);
    answered.expect("short questions do not wait for searches");
    for search in searches {
        search.await.unwrap().unwrap();
    }
    store.audit(AuditFilter::default(), first_page()).await.unwrap();
}
