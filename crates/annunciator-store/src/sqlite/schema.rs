//! A folder becomes an open connection with today's tables.
//!
//! In: the path of the database file. Out: connections set up alike.
//! Failure: a file of a newer version, or one that is no database, is `Corrupt`.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::store_error;
use crate::{Result, StoreError};

/// The steps from an empty file to today's tables; the version of a file is the number of steps
/// that were taken (`PRAGMA user_version`).
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_start.sql"),
    include_str!("../../migrations/0002_certificates.sql"),
    include_str!("../../migrations/0003_scope_and_command.sql"),
    include_str!("../../migrations/0004_silences.sql"),
    include_str!("../../migrations/0005_limits.sql"),
    include_str!("../../migrations/0006_storage_term.sql"),
    include_str!("../../migrations/0007_lines.sql"),
    include_str!("../../migrations/0008_users.sql"),
    include_str!("../../migrations/0009_figures.sql"),
    include_str!("../../migrations/0010_password_giver.sql"),
    include_str!("../../migrations/0011_incidents.sql"),
    include_str!("../../migrations/0012_pictures.sql"),
    include_str!("../../migrations/0013_incident_bundles.sql"),
    include_str!("../../migrations/0014_told_by.sql"),
    include_str!("../../migrations/0015_told_in_bundles.sql"),
];

/// Name of the database file in its folder.
pub(crate) const FILE_NAME: &str = "annunciator.sqlite3";

/// Unit: octets. Measured with `examples/cycle.rs`: with 8 KiB an event that comes alone costs a
/// sixth more CPU, and groups of 16 or 100 cost the same.
pub(super) const PAGE_SIZE: u64 = 4096;

/// How long a connection waits for another one's lock. Ours meet only while the log is emptied.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Statements kept prepared per connection.
const STATEMENTS_MAX: usize = 96;
/// Page cache of the writer and of each reader. Unit: KiB.
const WRITER_CACHE_KIB: i64 = 8192;
const READER_CACHE_KIB: i64 = 2048;
/// A log that grew larger is cut to this size when it starts anew. Unit: octets.
const LOG_SIZE_MAX: i64 = 32 << 20;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reads and writes.
    Write,
    /// Reads only.
    Read,
    /// Moves the log into the database file.
    Checkpoint,
}

/// Opens a connection to a file.
pub(crate) fn connect(file: &Path, purpose: Purpose) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if purpose == Purpose::Write {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Without this, giving up a handle after a failed fsync would write through it once more.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let cache_kib = if purpose == Purpose::Write { WRITER_CACHE_KIB } else { READER_CACHE_KIB };
    if purpose == Purpose::Write {
        connection.pragma_update(None, "page_size", i64::try_from(PAGE_SIZE).expect("small"))?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    }
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA mmap_size = 0;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {LOG_SIZE_MAX};
         PRAGMA cache_size = -{cache_kib};"
    ))?;
    if purpose == Purpose::Read {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(connection)
}

/// Brings a file to today's version.
pub(super) fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<()> {
    let sqlite = |error: rusqlite::Error| store_error(&error);
    let version: usize =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite)?;
    if version > steps.len() {
        return Err(StoreError::Corrupt(format!(
            "the database has version {version} and this program knows {} at most: \
             start a newer program, or restore a copy from before the upgrade",
            steps.len()
        )));
    }
    for (index, step) in steps.iter().enumerate().skip(version) {
        let transaction = connection.transaction().map_err(sqlite)?;
        transaction.execute_batch(step).map_err(sqlite)?;
        transaction.pragma_update(None, "user_version", index + 1).map_err(sqlite)?;
        transaction.commit().map_err(sqlite)?;
    }
    Ok(())
}

/// Makes the database a file of its owner alone, and the files beside it.
///
/// Must come before the first connection: closing a file gives up the locks of SQLite on it.
/// SQLite gives the log and its index the mode of the database
/// (<https://www.sqlite.org/tempfiles.html>); what an older version or a copy left is corrected.
pub(super) fn keep_private(file: &Path) -> Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let io = |what: &str, path: &Path, error: &std::io::Error| {
        StoreError::Io(format!("{what} `{}`: {error}", path.display()))
    };
    let made = OpenOptions::new().create(true).append(true).mode(0o600).open(file);
    drop(made.map_err(|error| io("cannot open", file, &error))?);
    for suffix in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        let path = Path::new(&path);
        let Ok(facts) = std::fs::metadata(path) else { continue };
        let mode = facts.permissions().mode() & 0o777;
        if mode & 0o077 == 0 {
            continue;
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o700))
            .map_err(|error| io("cannot take from others", path, &error))?;
        let mode = format!("{mode:o}");
        tracing::warn!(file = %path.display(), %mode, "others could read the store; corrected");
    }
    Ok(())
}

/// Takes the folder for this process, until the file is dropped.
pub(crate) fn lock(dir: &Path) -> Result<File> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let io = |what: &str, error: std::io::Error| {
        StoreError::Io(format!("{what} `{}`: {error}", dir.display()))
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| io("cannot make the folder", error))?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(dir.join("lock"))
        .map_err(|error| io("cannot open the lock file in", error))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Busy(format!(
            "another process uses the folder `{}`: stop it first",
            dir.display()
        ))),
        Err(error) => Err(io("cannot lock", error.into())),
    }
}
