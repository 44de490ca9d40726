//! The log is moved into the database file beside the writer, so that commits do not wait for it.
//!
//! The writer asks when the log has grown; this thread moves most of it; then the writer moves the
//! little that came meanwhile between two groups, and the log starts anew at its beginning. So
//! the log stays near [`LOG_PAGES_MAX`] pages, and its blocks are written over instead of added.
//!
//! Failure: an error of the disk here is the writer's too: it gives up every handle.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};

use rusqlite::{Connection, Result};

use super::fault::store_error;
use super::schema::{Purpose, connect};
use crate::StoreError;

/// The log is moved when it has this many pages: 8 MiB.
pub(super) const LOG_PAGES_MAX: u64 = 2048;

/// What writer and checkpoint thread tell each other.
#[derive(Default)]
pub(super) struct Checkpoints {
    asked: Mutex<Asked>,
    wake: Condvar,
    connection: Mutex<Option<Connection>>,
    is_rest_due: AtomicBool,
}

#[derive(Default)]
struct Asked {
    is_due: bool,
    is_closed: bool,
    failure: Option<StoreError>,
}

impl Checkpoints {
    /// Asks for the log to be moved.
    pub(super) fn ask(&self) {
        let mut asked = self.lock();
        if !asked.is_due {
            asked.is_due = true;
            self.wake.notify_one();
        }
    }

    /// Whether the writer should move the rest now; once.
    pub(super) fn take_rest(&self) -> bool {
        self.is_rest_due.swap(false, Ordering::Acquire)
    }

    /// What failed since it was asked last.
    pub(super) fn take_failure(&self) -> Option<StoreError> {
        self.lock().failure.take()
    }

    /// Gives up the connection, after the move under way.
    pub(super) fn retire(&self) {
        *self.connection.lock().expect("no panic while held") = None;
        self.is_rest_due.store(false, Ordering::Release);
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// The thread: waits to be asked, until it is closed.
    pub(super) fn run(&self, file: &Path) {
        loop {
            {
                let mut asked = self.lock();
                while !asked.is_due && !asked.is_closed {
                    asked = self.wake.wait(asked).expect("no panic while held");
                }
                if asked.is_closed {
                    break;
                }
            }
            let moved = self.move_log(file);
            let mut asked = self.lock();
            asked.is_due = false;
            match moved.map_err(|error| store_error(&error)) {
                Ok(()) => self.is_rest_due.store(true, Ordering::Release),
                Err(error @ (StoreError::Busy(_) | StoreError::Full(_))) => {
                    tracing::warn!(%error, "the log could not be moved into the database; it waits");
                }
                Err(error) => asked.failure = Some(error),
            }
        }
        self.retire();
    }

    fn move_log(&self, file: &Path) -> Result<()> {
        let mut slot = self.connection.lock().expect("no panic while held");
        let connection = match slot.take() {
            Some(connection) => slot.insert(connection),
            None => slot.insert(connect(file, Purpose::Checkpoint)?),
        };
        checkpoint(connection, "PASSIVE").map(|_| ())
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().expect("no panic while held")
    }
}

/// Moves the log; true when nothing of it is left to move.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> Result<bool> {
    let text = format!("PRAGMA wal_checkpoint({mode})");
    connection.query_row(&text, [], |row| {
        let (is_busy, pages, moved): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(!is_busy && pages == moved)
    })
}
