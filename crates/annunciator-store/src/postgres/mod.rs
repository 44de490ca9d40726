//! The store in a PostgreSQL database that several nodes share.
//!
//! In: the address of a database, and who this node is. Out: [`PostgresStore`], an implementation of
//! [`crate::Store`].
//! Tasks: a few writers commit what has gathered (group.rs); the node gives signs of life (nodes.rs),
//! looks for what others changed (changes.rs), and tells them of work.
//! Standard: PostgreSQL 13 or later; statements are sent with their types, so that a pooler may give
//! each transaction another connection; those of the writers have names where it does not
//! (prepared.rs). Isolation is READ COMMITTED: rows that decide are locked.
//! Failure: what the database refuses or cannot be asked is told at once; connections are made anew
//! by the next call. `synchronous_commit` is the database's own and stays on.

mod accept;
mod address;
mod admission;
mod bind;
mod bundles;
mod changes;
mod claims;
mod copy;
mod copy_tables;
mod deliveries;
mod doubts;
mod events;
mod facts;
mod fault;
mod figures;
mod group;
mod health;
mod identity;
mod incidents;
mod jobs;
mod life;
mod limits;
mod nodes;
mod operator;
mod partitions;
mod plans;
mod pool;
mod prepared;
mod records;
mod retention;
mod roles;
mod rows;
mod schema;
mod search;
mod sessions;
mod settlement;
mod silences;
mod slots;
mod soundness;
mod store;
mod troubles;
mod users;
mod weeks;
mod work;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use annunciator_core::Timestamp;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;
use uuid::Uuid;

pub use self::address::PostgresAddress;
pub use self::copy::{Copied, CopyEnd, copy_to_database};
use self::fault::{Outcome, Trouble};
pub use self::identity::NodeIdentity;
use self::pool::{Lent, Pool};
pub use self::soundness::{examine, migrate};
use self::work::{KnownTypes, Work};
use crate::{Change, Result};

/// Tasks that commit what has gathered.
const WRITERS: usize = 2;
/// Connections beside theirs that write: claims, limits, commands.
const WRITING_MAX: usize = 8;
/// Connections that read.
const READING_MAX: usize = 8;
/// Most connections of a node: signs of life and news have one each.
const CONNECTIONS_MAX: usize = WRITERS + WRITING_MAX + READING_MAX + 2;
/// Changes that a slow listener may miss before it is told that it missed some.
const CHANGES_KEPT: usize = 64;
/// Longest wait for what is under way when the store is closed.
const CLOSE_WAIT: Duration = Duration::from_secs(20);

/// A store in a database.
pub struct PostgresStore {
    inner: Arc<Inner>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Keeps other processes from being this node.
    _identity: NodeIdentity,
}

/// What the tasks share.
struct Inner {
    address: PostgresAddress,
    application: String,
    node: Uuid,
    /// Writer number of what is not gathered.
    writer: i32,
    jobs: jobs::Jobs,
    /// Those of the writer tasks, which wait for nobody else.
    gatherers: Arc<Pool>,
    writers: Arc<Pool>,
    readers: Arc<Pool>,
    /// Signs of life wait for nobody.
    keeper: Arc<Pool>,
    types: KnownTypes,
    life: life::Life,
    doubts: doubts::Doubts,
    /// The lane that was served last: the next claim begins after it.
    lane_last: tokio::sync::Mutex<String>,
    sweep: tokio::sync::Mutex<retention::Sweep>,
    changes: broadcast::Sender<Change>,
    has_work: Notify,
    has_events: Notify,
    stopped: Notify,
    /// The collation that knows letters without case.
    fold: &'static str,
    health: health::Health,
}

impl PostgresStore {
    /// Opens the store of a database, whose tables are made or brought to today's version.
    ///
    /// What this node had in flight when its last run ended is queued again and marked as possibly
    /// duplicated; events it had claimed for planning wait again. Those of other nodes stay theirs.
    ///
    /// # Errors
    /// [`crate::StoreError::Io`] when the database cannot be reached, [`crate::StoreError::Corrupt`]
    /// when it is of a newer version, [`crate::StoreError::BadRequest`] when it cannot be used.
    pub async fn open(address: &PostgresAddress, node: NodeIdentity) -> Result<Arc<Self>> {
        let application = format!("{} {}", nodes::application_of(node.id), node.name);
        let pool = |count_max| -> Result<Arc<Pool>> {
            Ok(Pool::new(address.config(&application), address.tls()?, count_max))
        };
        let (writers, readers) = (pool(WRITING_MAX)?, pool(READING_MAX)?);
        let gatherers = writers.preparing(WRITERS);
        let keeper = pool(1)?;
        nodes::end_former(&writers, node.id).await?;
        let mut db = writers.begin().await?;
        // A step of the schema, and who waits for it, may take long.
        db.be_patient();
        // The sign of life that it gives by its arrival is of then or later.
        let began = life::running();
        let outcome = prepare(&db, &node).await;
        let fold = db.end(outcome).await?;
        if let Err(error) = partitions::make_soon(&writers).await {
            tracing::warn!(%error, "the tables of the coming weeks are not made yet; trying again");
        }
        let low = node.id.as_u64_pair().1 ^ u64::from(std::process::id());
        let writer = i32::try_from(low & 0x3FFF_FFF0).expect("30 bits");
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        let inner = Arc::new(Inner {
            address: address.clone(),
            application,
            node: node.id,
            writer: writer + 1,
            jobs: jobs::Jobs::default(),
            gatherers,
            writers,
            readers,
            keeper,
            types: KnownTypes::default(),
            life: life::Life::from(began),
            doubts: doubts::Doubts::default(),
            lane_last: tokio::sync::Mutex::default(),
            sweep: tokio::sync::Mutex::default(),
            changes,
            has_work: Notify::new(),
            has_events: Notify::new(),
            stopped: Notify::new(),
            fold,
            health: health::Health::default(),
        });
        let mut tasks = Vec::new();
        for number in 0..WRITERS {
            let number = writer + 2 + i32::try_from(number).expect("a few");
            tasks.push(tokio::spawn(group::write(inner.clone(), number)));
        }
        tasks.push(tokio::spawn(nodes::live(inner.clone())));
        tasks.push(tokio::spawn(changes::watch(inner.clone())));
        tasks.push(tokio::spawn(changes::tell_of(inner.clone(), Change::Work)));
        tasks.push(tokio::spawn(changes::tell_of(inner.clone(), Change::Events)));
        Ok(Arc::new(Self { inner, tasks: Mutex::new(tasks), _identity: node }))
    }

    /// Ends the tasks: what has gathered is still committed.
    async fn end(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().expect("no panic while held"));
        if tasks.is_empty() {
            return;
        }
        self.inner.jobs.close();
        let all = async {
            for (place, task) in tasks.into_iter().enumerate() {
                if place == WRITERS {
                    self.inner.leave().await;
                }
                if place >= WRITERS {
                    task.abort();
                }
                // One that panicked has said so.
                let _ = task.await;
            }
        };
        if tokio::time::timeout(CLOSE_WAIT, all).await.is_err() {
            tracing::warn!("the database did not take in time what was under way");
        }
        for pool in self.inner.pools() {
            pool.close();
        }
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // Without a close: what has gathered goes with the process, and nobody was told that it is
        // stored.
        for task in self.tasks.lock().expect("no panic while held").drain(..) {
            task.abort();
        }
    }
}

/// Makes the tables, and gives up what this node's last run had.
async fn prepare(db: &Lent, node: &NodeIdentity) -> Outcome<&'static str> {
    schema::migrate(db).await?;
    let now: Timestamp = partitions::database_time(db).await?;
    nodes::arrive(db, node.id, &node.name, now).await?;
    let count = claims::queue_lost(db, node.id).await?;
    if count > 0 {
        tracing::info!(count, "deliveries were in flight at the last end and are queued again");
    }
    let find = "SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'";
    let has_fold = db.row(find, &[]).await?.is_some();
    Ok(if has_fold { "und-x-icu" } else { "default" })
}

impl Inner {
    fn pools(&self) -> [&Pool; 4] {
        [&self.gatherers, &self.writers, &self.readers, &self.keeper]
    }

    /// What a transaction of its own does beside its main business.
    fn work(&self) -> Work {
        Work::new(self.node, self.writer)
    }

    /// Ends such a transaction.
    async fn end<T>(&self, db: Lent, work: Work, outcome: Outcome<T>) -> Result<T> {
        let outcome = self.commit(&db, &work, outcome).await;
        let ended = db.end_committed(outcome).await.map_err(Trouble::into_error);
        if ended.is_ok() {
            self.note_committed(work);
        }
        ended
    }

    /// Commits what went well.
    async fn commit<T>(&self, db: &Lent, work: &Work, outcome: Outcome<T>) -> Outcome<T> {
        let value = outcome?;
        db.commit_with(work.store(db, &self.types)).await?;
        Ok(value)
    }

    /// Ends a transaction that claimed something; without an answer nobody knows whether it did.
    async fn end_claim<T>(
        &self,
        db: Lent,
        outcome: Outcome<T>,
        doubt: impl Fn(&T) -> doubts::Doubt,
    ) -> Result<T> {
        let claimed = outcome.as_ref().map(doubt).unwrap_or_default();
        let ended = db.end(outcome).await;
        if ended.is_err() {
            self.doubts.add(claimed);
        }
        ended
    }

    /// A transaction is committed: what it saw is remembered, and others are told of work.
    fn note_committed(&self, work: Work) {
        if work.leaves_work {
            self.has_work.notify_one();
        }
        if work.leaves_events {
            self.has_events.notify_one();
        }
        work.keep(&self.types);
    }

    /// Tells whoever listens.
    fn tell(&self, change: Change) {
        // Nobody may be listening.
        let _ = self.changes.send(change);
    }

    async fn leave(&self) {
        if let Ok(db) = self.keeper.begin().await {
            let left = async {
                claims::queue_lost(&db, self.node).await?;
                nodes::leave(&db, self.node).await
            };
            let left = left.await;
            // Else its claims lapse by themselves.
            let _ = db.end(left).await;
        }
    }
}
