//! Jobs become commits: one thread runs all that has gathered in one transaction, then answers.
//!
//! Nothing is answered before its commit returned (quality G2). Never waits for more to gather:
//! while one group is on its way to the disk the next one gathers by itself.
//!
//! Failure (quality G3): when the disk fails, or a commit does, everybody in the group is told,
//! every connection is closed, and nothing is accepted before a new one has moved the whole log
//! into the database file: what the disk may have lost is then written again or known to be lost.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use super::checkpoint::{Checkpoints, LOG_PAGES_MAX, checkpoint};
use super::fault::{Trouble, store_error};
use super::group::{Job, Jobs, Kind};
use super::readers::Readers;
use super::room::Room;
use super::schema::{MIGRATIONS, Purpose, connect, migrate};
use super::session::Session;
use crate::{Result, StoreError};

const REOPEN_WAIT_MIN: Duration = Duration::from_millis(100);
const REOPEN_WAIT_MAX: Duration = Duration::from_secs(5);

thread_local! {
    /// Pages in the log after the last commit of this thread's connection.
    static LOG_PAGES: Cell<u64> = const { Cell::new(0) };
}

/// What the writer shares with callers and with the other threads.
pub(super) struct Shared {
    pub(super) file: PathBuf,
    pub(super) jobs: Jobs,
    pub(super) readers: Arc<Readers>,
    pub(super) checkpoints: Checkpoints,
    pub(super) room: Room,
    /// Deliveries in flight.
    pub(super) flights: AtomicU64,
    /// Held while a backup is made.
    pub(super) backup: Mutex<()>,
    /// Whether the one that is made shall end, and no other begin.
    pub(super) are_backups_stopped: AtomicBool,
    /// Why nothing can be written now; none when it can.
    pub(super) ailment: Mutex<Option<StoreError>>,
    #[cfg(test)]
    pub(super) faults: Faults,
    /// The only node.
    pub(super) node: super::nodes::OwnNode,
}

/// Where a test can make the disk fail.
#[derive(Clone, Copy)]
enum Fault {
    /// Nothing of the group is on the disk.
    BeforeCommit,
    /// The group is on the disk, and nobody knows.
    AfterCommit,
    /// The file cannot be opened.
    Open,
}

/// How many failures a test wants, in the order of [`Fault`], and how often the file was opened.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Faults {
    pub(super) wanted: [AtomicU64; 3],
    pub(super) opened: AtomicU64,
}

impl Shared {
    fn set_ailment(&self, ailment: Option<StoreError>) {
        *self.ailment.lock().expect("no panic while held") = ailment;
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "fails in tests only")]
    fn fail_on_demand(&self, _: Fault) -> rusqlite::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn fail_on_demand(&self, fault: Fault) -> rusqlite::Result<()> {
        let take = |left: u64| left.checked_sub(1);
        let wanted = &self.faults.wanted[fault as usize];
        match wanted.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(_) => Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
                Some("failure on demand".to_owned()),
            )),
            Err(_) => Ok(()),
        }
    }
}

/// Opens the file for writing; everything in the log is in the database file then.
pub(super) fn open(shared: &Shared) -> Result<Connection> {
    let sqlite = |error: rusqlite::Error| store_error(&error);
    shared.fail_on_demand(Fault::Open).map_err(sqlite)?;
    #[cfg(test)]
    shared.faults.opened.fetch_add(1, Ordering::SeqCst);
    let mut connection = connect(&shared.file, Purpose::Write).map_err(sqlite)?;
    migrate(&mut connection, MIGRATIONS)?;
    if !checkpoint(&connection, "TRUNCATE").map_err(sqlite)? {
        return Err(StoreError::Busy("somebody reads the database file".to_owned()));
    }
    connection.wal_hook(Some(|_, pages| {
        LOG_PAGES.set(u64::try_from(pages).unwrap_or(0));
        Ok(())
    }));
    Ok(connection)
}

/// The writer's thread: works until the jobs are closed and done.
pub(super) fn run(shared: &Shared, mut session: Session) {
    // However this thread ends, nobody may wait for it.
    let _end = End(shared);
    let mut group: Vec<Box<dyn Job>> = Vec::new();
    loop {
        shared.jobs.take(&mut group);
        if group.is_empty() {
            break;
        }
        let result = match shared.checkpoints.take_failure() {
            Some(error) => Err(error),
            None => commit_group(shared, &mut session, &mut group),
        };
        if let Err(error) = &result {
            tracing::warn!(%error, jobs = group.len(), "a commit failed");
        }
        for job in group.drain(..) {
            job.answer(result.as_ref().err().cloned());
        }
        let failure = match result {
            Err(error) => Some(error).filter(is_end_of_handle),
            Ok(()) => tend_log(shared, &session).err(),
        };
        if let Some(error) = failure {
            match renew(shared, error, session) {
                Some(renewed) => session = renewed,
                None => return,
            }
        }
    }
    shared.checkpoints.retire();
    shared.readers.close();
    if let Err(error) = checkpoint(&session.connection, "TRUNCATE") {
        tracing::warn!(%error, "the log could not be emptied; it will be at the next start");
    }
}

fn is_end_of_handle(error: &StoreError) -> bool {
    matches!(error, StoreError::Io(_) | StoreError::Corrupt(_))
}

/// Runs and commits a group. On success the jobs hold their answers.
///
/// When the disk is full, what takes in more is refused and the rest goes on without it.
fn commit_group(
    shared: &Shared,
    session: &mut Session,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<()> {
    let Err(error) = try_group(shared, session, group) else {
        shared.flights.store(flight_count(session), Ordering::SeqCst);
        return Ok(());
    };
    undo(session)?;
    shared.flights.store(flight_count(session), Ordering::SeqCst);
    if !matches!(error, StoreError::Full(_)) {
        return Err(error);
    }
    let (intake, rest): (Vec<_>, Vec<_>) =
        group.drain(..).partition(|job| job.kind() == Kind::Intake);
    *group = rest;
    let is_worth_repeating = !intake.is_empty() && !group.is_empty();
    for job in intake {
        job.answer(Some(error.clone()));
    }
    if !is_worth_repeating {
        return Err(error);
    }
    let second = try_group(shared, session, group);
    if second.is_err() {
        undo(session)?;
    }
    shared.flights.store(flight_count(session), Ordering::SeqCst);
    second
}

fn flight_count(session: &Session) -> u64 {
    u64::try_from(session.memory.flight_count()).unwrap_or(0)
}

fn try_group(shared: &Shared, session: &mut Session, group: &mut [Box<dyn Job>]) -> Result<()> {
    let sqlite = |error: rusqlite::Error| store_error(&error);
    execute(&session.connection, "BEGIN IMMEDIATE").map_err(sqlite)?;
    for job in group {
        run_job(session, job.as_mut()).map_err(Trouble::into_error)?;
    }
    session.store_memory().map_err(sqlite)?;
    shared.fail_on_demand(Fault::BeforeCommit).map_err(sqlite)?;
    // Told before readers can see that they no longer wait: whoever counts misses none.
    shared.flights.fetch_max(flight_count(session), Ordering::SeqCst);
    execute(&session.connection, "COMMIT").map_err(sqlite)?;
    shared.fail_on_demand(Fault::AfterCommit).map_err(sqlite)?;
    session.keep();
    Ok(())
}

fn undo(session: &mut Session) -> Result<()> {
    if !session.connection.is_autocommit() {
        execute(&session.connection, "ROLLBACK").map_err(|error| store_error(&error))?;
    }
    session.undo().map_err(|error| store_error(&error))
}

/// Keeps the log short.
fn tend_log(shared: &Shared, session: &Session) -> Result<()> {
    let pages = LOG_PAGES.get();
    shared.room.set_log_pages(pages);
    if pages < LOG_PAGES_MAX {
        return Ok(());
    }
    if !shared.checkpoints.take_rest() {
        shared.checkpoints.ask();
        return Ok(());
    }
    match checkpoint(&session.connection, "PASSIVE").map_err(|error| store_error(&error)) {
        Ok(is_complete) => {
            if is_complete {
                LOG_PAGES.set(0);
                shared.room.set_log_pages(0);
            }
            Ok(())
        }
        Err(error) if is_end_of_handle(&error) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "the log could not be moved into the database; it waits");
            Ok(())
        }
    }
}

/// Gives up every handle and opens new ones; none when the store was closed meanwhile.
fn renew(shared: &Shared, mut error: StoreError, session: Session) -> Option<Session> {
    tracing::error!(%error, "the database is closed and opened anew");
    shared.set_ailment(Some(error.clone()));
    let Session { connection, mut memory, .. } = session;
    drop(connection);
    shared.checkpoints.retire();
    shared.readers.retire();
    LOG_PAGES.set(0);
    let mut wait = REOPEN_WAIT_MIN;
    loop {
        match open(shared) {
            Ok(connection) => {
                let mut session = Session::over(connection, memory);
                match session.undo() {
                    Ok(()) => {
                        shared.set_ailment(None);
                        tracing::info!("the database is open again");
                        return Some(session);
                    }
                    Err(again) => error = store_error(&again),
                }
                memory = session.memory;
            }
            Err(again) => error = again,
        }
        shared.set_ailment(Some(error.clone()));
        if shared.jobs.refuse_for(wait, &error) {
            return None;
        }
        wait = (wait * 2).min(REOPEN_WAIT_MAX);
    }
}

fn run_job(session: &mut Session, job: &mut dyn Job) -> std::result::Result<(), Trouble> {
    if job.kind() != Kind::Command {
        return job.run(session);
    }
    execute(&session.connection, "SAVEPOINT command")?;
    match job.run(session) {
        Ok(()) => execute(&session.connection, "RELEASE command")?,
        Err(Trouble::Refused(_)) => {
            execute(&session.connection, "ROLLBACK TO command")?;
            execute(&session.connection, "RELEASE command")?;
            session.memory.forget_names();
        }
        Err(trouble) => return Err(trouble),
    }
    Ok(())
}

fn execute(connection: &Connection, text: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(text)?.execute([])?;
    Ok(())
}

/// Closes the store when the thread ends, however it ends.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.jobs.abandon();
        self.0.readers.close();
        self.0.set_ailment(Some(StoreError::Closed));
    }
}
