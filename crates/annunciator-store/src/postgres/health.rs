//! How the database is, as whoever probes the node is told.
//!
//! Concurrency: one question at a time, whose answer holds for [`FRESH`] when it is good: however many
//! probe, the connection of the signs of life is hardly waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bind::values;
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::number;
use super::{Inner, Pool};
use crate::{Result, StoreError, StoreHealth};

/// Longest wait for the database to say how it is.
const HEALTH_WAIT: Duration = Duration::from_secs(5);
/// How long a good answer holds.
const FRESH: Duration = Duration::from_millis(500);

/// What was answered last.
#[derive(Default)]
pub(super) struct Health(tokio::sync::Mutex<Last>);

#[derive(Default)]
struct Last {
    /// When the database answered, if it did.
    answered_at: Option<Instant>,
    size_bytes: u64,
}

impl Inner {
    /// How the store is.
    pub(super) async fn health(&self) -> StoreHealth {
        let mut last = self.health.0.lock().await;
        let mut reason = None;
        let is_fresh = last.answered_at.is_some_and(|at| at.elapsed() < FRESH);
        if !is_fresh || self.keeper.is_closed() {
            let late = || Err(StoreError::Io("the database does not answer".to_owned()));
            let size = tokio::time::timeout(HEALTH_WAIT, size_bytes(&self.keeper)).await;
            match size.unwrap_or_else(|_| late()) {
                Ok(size) => (last.size_bytes, last.answered_at) = (size, Some(Instant::now())),
                Err(error) => (reason, last.answered_at) = (Some(error), None),
            }
        }
        let reason = reason.or_else(|| self.writers.ailment());
        StoreHealth {
            writable: reason.is_none(),
            reason: reason.map(|error| error.to_string()).unwrap_or_default(),
            // The room is that of the database's machine, which is not asked.
            free_bytes: 0,
            reserve_bytes: 0,
            size_bytes: last.size_bytes,
        }
    }
}

/// Size of the database. Unit: octets.
async fn size_bytes(pool: &Arc<Pool>) -> Result<u64> {
    let db = pool.lend().await?;
    let outcome = asked_size(&db).await;
    db.done(outcome)
}

async fn asked_size(db: &Lent) -> Outcome<u64> {
    let size = "SELECT pg_database_size(current_database())";
    number(&db.one(size, values![]).await?, 0)
}
