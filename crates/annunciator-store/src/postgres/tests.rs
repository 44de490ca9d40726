//! The promises of the trait at a real PostgreSQL, and what several nodes and a failing database
//! alone can break.

mod copies;
mod doubts;
mod failures;
mod incidents;
mod lanes;
mod lists;
mod nodes;
mod prepared;
mod slots;
mod soundness;
mod untold;
mod weeks;

use std::sync::Arc;

use annunciator_testkit::pgbouncer::PgBouncer;
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

/// Sets the clock of a database ahead, for connections that are made from now on: what checks call
/// the future is past there.
fn set_clock_ahead(cluster: &PostgresCluster, database: &str) {
    let clock = format!(
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
         AS 'SELECT pg_catalog.clock_timestamp() + interval ''600 days''';
         ALTER DATABASE {database} SET search_path = public, pg_catalog"
    );
    let _ = cluster.ask(database, &clock);
}

impl PostgresStore {
    /// How many events there are.
    async fn facts_count(&self) -> u64 {
        crate::Backups::facts(self).await.unwrap().events
    }
}

/// Promises that are checked at the same time: each waits for the disk most of its time.
const AT_ONCE: usize = 6;
/// Connections of PgBouncer to each database: fewer than a store opens.
const POOLED: usize = 3;

/// A server for thousands of commits one after the other; what a power cut leaves is not asked here.
fn hasty_cluster() -> Option<PostgresCluster> {
    PostgresCluster::start(&["fsync=off", "max_connections=400"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept() {
    let Some(cluster) = hasty_cluster() else { return };
    check_contract(&cluster, |database| cluster.address(database)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept_behind_a_pooler() {
    let Some(cluster) = hasty_cluster() else { return };
    let Some(pooler) = PgBouncer::start(&cluster, POOLED) else { return };
    check_contract(&cluster, |database| pooler.address(database)).await;
}

/// `PROMISE=words` checks only promises whose name has these words.
async fn check_contract(cluster: &PostgresCluster, address_of: impl Fn(&str) -> String) {
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
            let name = cluster.database(&ready);
            set_clock_ahead(cluster, &name);
            let address = address_of(&name);
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
