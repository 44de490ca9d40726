//! Questions become answers on a few reading connections, beside the writer.
//!
//! Concurrency: at most [`READERS_MAX`] at a time, on threads of the runtime; who comes later
//! waits for a permit. After a failed write all connections are given up together with the
//! writer's, because SQLite may share descriptors among the connections of a process.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::fault::store_error;
use super::schema::{Purpose, connect};
use crate::{Result, StoreError};

const READERS_MAX: usize = 2;
/// Longest wait for readers under way when the handle is given up.
const RETIRE_WAIT: Duration = Duration::from_secs(5);

/// The reading connections.
pub(super) struct Readers {
    file: PathBuf,
    permits: Semaphore,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    in_use: usize,
    generation: u64,
    is_closed: bool,
}

impl Readers {
    pub(super) fn new(file: PathBuf) -> Arc<Self> {
        let (pool, returned) = (Mutex::default(), Condvar::new());
        Arc::new(Self { file, permits: Semaphore::new(READERS_MAX), pool, returned })
    }

    /// Asks a question.
    pub(super) async fn ask<T, F>(self: &Arc<Self>, question: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let _permit = self.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(self);
        let answer = tokio::task::spawn_blocking(move || readers.ask_now(question)).await;
        answer.unwrap_or_else(|error| Err(StoreError::Io(format!("a reader ended: {error}"))))
    }

    fn ask_now<T>(&self, question: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let loan = self.borrow()?;
        let answer = question(loan.connection());
        if matches!(answer, Err(StoreError::Io(_))) {
            loan.give_up();
        }
        answer
    }

    fn borrow(&self) -> Result<Loan<'_>> {
        let mut pool = self.lock();
        if pool.is_closed {
            return Err(StoreError::Closed);
        }
        pool.in_use += 1;
        let generation = pool.generation;
        let idle = pool.idle.pop();
        drop(pool);
        let mut loan = Loan { readers: self, generation, connection: idle };
        if loan.connection.is_none() {
            let opened = connect(&self.file, Purpose::Read);
            loan.connection = Some(opened.map_err(|error| store_error(&error))?);
        }
        Ok(loan)
    }

    /// Closes every connection; those in use when they come back. Waits for them, not for ever.
    pub(super) fn retire(&self) {
        let mut pool = self.lock();
        pool.generation += 1;
        pool.idle.clear();
        let waited = self.returned.wait_timeout_while(pool, RETIRE_WAIT, |pool| pool.in_use > 0);
        drop(waited);
    }

    /// The same, for good.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.retire();
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().expect("no panic while held")
    }
}

/// A connection in use; goes back to the pool when it is dropped, by a panic too.
struct Loan<'a> {
    readers: &'a Readers,
    generation: u64,
    connection: Option<Connection>,
}

impl Loan<'_> {
    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("given when the loan was made")
    }

    fn give_up(mut self) {
        self.connection = None;
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        pool.in_use -= 1;
        let is_current = pool.generation == self.generation && !pool.is_closed;
        match self.connection.take() {
            Some(connection) if is_current => pool.idle.push(connection),
            // Closed before `retire` may go on.
            old => drop(old),
        }
        self.readers.returned.notify_all();
    }
}
