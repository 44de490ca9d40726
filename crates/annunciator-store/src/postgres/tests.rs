//! The promises of the trait at a real PostgreSQL, and what several nodes and a failing database
//! alone can break.

mod copies;
mod doubts;
mod failures;
mod incidents;
mod lists;
mod nodes;
mod soundness;
mod untold;
mod weeks;

use std::sync::Arc;

use annunciator_testkit::postgres::PostgresCluster;
use uuid::Uuid;

use super::{NodeIdentity, PostgresStore};
use crate::Store as _;
use crate::contract::PROMISES;

fn node(number: u128) -> NodeIdentity {
    NodeIdentity::new(Uuid::from_u128(number), &format!("node {number}"))
}

async fn open_at(address: &str, number: u128) -> Arc<PostgresStore> {
    PostgresStore::open(&address.parse().unwrap(), node(number)).await.unwrap()
}

/// A new, empty database.
fn database() -> Option<(Arc<PostgresCluster>, String)> {
    let cluster = PostgresCluster::shared()?;
    let name = cluster.database("template0");
    Some((cluster, name))
}

impl PostgresStore {
    /// How many events there are.
    async fn facts_count(&self) -> u64 {
        crate::Backups::facts(self).await.unwrap().events
    }
}

/// Promises that are checked at the same time: each waits for the disk most of its time.
const AT_ONCE: usize = 6;

/// `PROMISE=words` checks only promises whose name has these words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept() {
    // Thousands of commits one after the other; what a power cut leaves is not asked here.
    let Some(cluster) = PostgresCluster::start(&["fsync=off"]) else { return };
    let wanted = std::env::var("PROMISE").unwrap_or_default();
    let wanted = PROMISES.iter().filter(|promise| promise.name.contains(wanted.as_str()));
    let mut wanted = wanted.peekable();
    assert!(wanted.peek().is_some(), "no promise has such a name");
    let ready = cluster.database("template0");
    open_at(&cluster.address(&ready), 1).await.close().await;
    let (mut running, mut broken) = (tokio::task::JoinSet::new(), Vec::new());
    loop {
        while running.len() < AT_ONCE
            && let Some(promise) = wanted.next()
        {
            let address = cluster.address(&cluster.database(&ready));
            running.spawn(async move {
                let store = open_at(&address, 1).await;
                let checked = store.clone();
                let kept = tokio::spawn(async move { (promise.check)(&*checked).await }).await;
                store.close().await;
                kept.err().map(|_| promise.name)
            });
        }
        let Some(checked) = running.join_next().await else { break };
        broken.extend(checked.unwrap());
    }
    assert!(broken.is_empty(), "broken: {broken:?}");
}
