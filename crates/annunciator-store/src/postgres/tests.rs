//! The promises of the trait at a real PostgreSQL, and what several nodes and a failing database
//! alone can break.

mod copies;
mod failures;
mod incidents;
mod lists;
mod nodes;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let wanted = std::env::var("PROMISE").ok();
    let ready = cluster.database("template0");
    open_at(&cluster.address(&ready), 1).await.close().await;
    let mut broken = Vec::new();
    for promise in PROMISES {
        if wanted.as_ref().is_some_and(|wanted| !promise.name.contains(wanted.as_str())) {
            continue;
        }
        let began = std::time::Instant::now();
        let database = cluster.database(&ready);
        let store = open_at(&cluster.address(&database), 1).await;
        let checked = store.clone();
        if tokio::spawn(async move { (promise.check)(&*checked).await }).await.is_err() {
            broken.push(promise.name);
        }
        store.close().await;
        println!("{:5} ms {}", began.elapsed().as_millis(), promise.name);
    }
    assert!(broken.is_empty(), "broken: {broken:?}");
}
