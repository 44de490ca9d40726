//! Questions become answers on a few reading connections, beside the writer.
//!
//! Concurrency: at most [`SHORT_MAX`] short questions and [`SEARCHES_MAX`] searches at a time, on
//! threads of the runtime; who comes later waits for a permit of its kind, so that however many
//! search, nobody waits longer to be known. More than [`WAITING_MAX`] waiting searches are refused.
//! A permit is held until the question has ended, even when nobody waits for its answer any more.
//! After a failed write all connections are given up together with the writer's, because SQLite may
//! share descriptors among the connections of a process.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fault::store_error;
use super::schema::{Purpose, connect};
use crate::{Result, StoreError};

/// Most questions that look up a few rows, at a time.
const SHORT_MAX: usize = 2;
/// Most questions that may look through a whole table, at a time.
const SEARCHES_MAX: usize = 2;
/// Most of those that wait: with the budget of a page, for about a second.
const WAITING_MAX: usize = 30;
/// Longest wait for readers under way when the handle is given up.
const RETIRE_WAIT: Duration = Duration::from_secs(5);

/// The reading connections.
pub(super) struct Readers {
    file: PathBuf,
    short: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    /// Searches under way and waiting.
    seats: Arc<Semaphore>,
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
        let permits = |count| Arc::new(Semaphore::new(count));
        Arc::new(Self {
            file,
            short: permits(SHORT_MAX),
            searches: permits(SEARCHES_MAX),
            seats: permits(SEARCHES_MAX + WAITING_MAX),
            pool,
            returned,
        })
    }

    /// Asks a question that looks up a few rows.
    pub(super) async fn ask<T, F>(self: &Arc<Self>, question: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let permit = permit_of(&self.short).await?;
        self.ask_with(permit, question).await
    }

    /// Asks a question that may look through a whole table.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too many of them wait.
    pub(super) async fn search<T, F>(self: &Arc<Self>, question: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let seat = Arc::clone(&self.seats).try_acquire_owned();
        let seat =
            seat.map_err(|_| StoreError::Busy("too many searches are under way".to_owned()))?;
        let permit = permit_of(&self.searches).await?;
        self.ask_with((seat, permit), question).await
    }

    /// Searches under way and waiting.
    #[cfg(test)]
    pub(super) fn search_count(&self) -> usize {
        SEARCHES_MAX + WAITING_MAX - self.seats.available_permits()
    }

    async fn ask_with<T, F>(self: &Arc<Self>, permits: impl Send + 'static, ask: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let readers = Arc::clone(self);
        let work = move || {
            let answer = readers.ask_now(ask);
            drop(permits);
            answer
        };
        let answer = tokio::task::spawn_blocking(work).await;
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

async fn permit_of(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    Arc::clone(permits).acquire_owned().await.map_err(|_| StoreError::Closed)
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
