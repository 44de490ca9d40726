//! A consistent copy of the file, made beside the writer.
//!
//! In: the database file. Out: `backups/annunciator-<time>.sqlite3` beside it.
//! Standard: `VACUUM INTO`, <https://www.sqlite.org/lang_vacuum.html>: it reads one snapshot, and in
//! WAL mode no commit waits for a reader; the log grows meanwhile.
//! Failure: what was not finished has another name, and is removed at once, or by the next copy.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use annunciator_core::Timestamp;
use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::SqliteStore;
use super::fault::store_error;
use super::group::{Call, Kind};
use super::records::insert_audit;
use super::room::Room;
use super::schema::{Purpose, connect};
use super::session::Session;
use super::writer::Shared;
use crate::{Backup, Backups, NewAudit, Result, StoreError, StoreFacts};

const FOLDER: &str = "backups";
const BEGIN: &str = "annunciator-";
const END: &str = ".sqlite3";
const UNFINISHED: &str = "unfinished";
/// Steps of SQLite between two looks whether a copy shall end.
const STEPS_PER_LOOK: std::ffi::c_int = 1_000;
/// Most copies that are listed.
const LISTED_MAX: usize = 1_000;

#[async_trait]
impl Backups for SqliteStore {
    async fn facts(&self) -> Result<StoreFacts> {
        let mut log = self.shared.file.clone().into_os_string();
        log.push("-wal");
        let log_bytes = std::fs::metadata(log).map_or(0, |facts| facts.len());
        self.search(move |connection| facts(connection, log_bytes)).await
    }

    async fn create_backup(&self, audit: NewAudit) -> Result<Backup> {
        let shared = Arc::clone(&self.shared);
        let work = move || {
            let _only = shared
                .backup
                .try_lock()
                .map_err(|_| StoreError::Busy("another backup is being made".to_owned()))?;
            let stop = Arc::clone(&shared);
            let is_stopped = move || stop.are_backups_stopped.load(Ordering::Relaxed);
            let made = copy(&shared.file, &shared.room, audit.at, is_stopped)?;
            note(&shared, NewAudit { target: made.name.clone(), ..audit })?;
            made.keep()
        };
        blocking(work).await
    }

    fn stop_backups(&self) {
        self.shared.are_backups_stopped.store(true, Ordering::Relaxed);
    }

    async fn backups(&self) -> Result<Vec<Backup>> {
        let folder = folder_of(&self.shared.file);
        blocking(move || list(&folder)).await
    }

    async fn delete_backup(&self, name: &str, audit: NewAudit) -> Result<bool> {
        if created_at(name).is_none() {
            return Ok(false);
        }
        let shared = Arc::clone(&self.shared);
        let name = name.to_owned();
        let remove = move || {
            let file = folder_of(&shared.file).join(&name);
            if !file.exists() {
                return Ok(false);
            }
            note(&shared, NewAudit { target: name, ..audit })?;
            match std::fs::remove_file(&file) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(io("cannot remove", &file, &error)),
            }
        };
        blocking(remove).await
    }
}

/// Writes an audit line, from a thread that may wait.
fn note(shared: &Shared, audit: NewAudit) -> Result<()> {
    let (reply, answer) = oneshot::channel();
    let work = move |session: &mut Session| Ok(insert_audit(&session.connection, &audit)?);
    shared.jobs.push(Box::new(Call {
        kind: Kind::Command,
        weight: 1,
        work,
        outcome: None,
        reply,
    }))?;
    answer.blocking_recv().unwrap_or(Err(StoreError::Closed))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StoreError::Io(format!("a backup ended: {error}"))))
}

fn facts(connection: &Connection, log_bytes: u64) -> rusqlite::Result<StoreFacts> {
    let number = |text: &str| connection.query_row(text, [], |row| row.get(0));
    let oldest = "SELECT registered_at FROM events ORDER BY key LIMIT 1";
    let oldest = connection.query_row(oldest, [], |row| row.get(0));
    Ok(StoreFacts {
        kind: "sqlite".to_owned(),
        engine: rusqlite::version().to_owned(),
        schema_version: number("PRAGMA user_version")?,
        log_bytes,
        // SQLite counts pages, not rows: a million in some milliseconds.
        events: number("SELECT count(*) FROM events")?,
        deliveries: number("SELECT count(*) FROM deliveries")?,
        oldest_event_at: rusqlite::OptionalExtension::optional(oldest)?.map(Timestamp),
    })
}

fn folder_of(file: &Path) -> PathBuf {
    file.with_file_name(FOLDER)
}

fn io(what: &str, path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Io(format!("{what} `{}`: {error}", path.display()))
}

/// A copy that nobody has seen yet; goes when it is dropped.
struct Unfinished {
    name: String,
    made_at: Timestamp,
    folder: PathBuf,
}

impl Unfinished {
    fn path(&self) -> PathBuf {
        self.folder.join(UNFINISHED)
    }

    /// Gives it its name.
    fn keep(self) -> Result<Backup> {
        let path = self.folder.join(&self.name);
        let keep = || -> std::io::Result<u64> {
            std::fs::rename(self.path(), &path)?;
            File::open(&self.folder)?.sync_all()?;
            Ok(std::fs::metadata(&path)?.len())
        };
        let size_bytes = keep().map_err(|error| io("cannot write", &path, &error))?;
        Ok(Backup { name: self.name.clone(), size_bytes, created_at: self.made_at })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What cannot be removed is written over by the next backup.
        let _ = std::fs::remove_file(self.path());
    }
}

/// Copies, on the disk; ends early when it is told to stop.
fn copy(
    file: &Path,
    room: &Room,
    now: Timestamp,
    mut is_stopped: impl FnMut() -> bool + Send + 'static,
) -> Result<Unfinished> {
    if is_stopped() {
        return Err(StoreError::Closed);
    }
    let folder = folder_of(file);
    check_room(file, room)?;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| io("cannot make", &folder, &error))?;
    let name = name_of(now);
    if folder.join(&name).exists() {
        return Err(StoreError::Busy("a backup of this moment is there".to_owned()));
    }
    let unfinished = Unfinished { name, made_at: now, folder };
    let path = unfinished.path();
    // SQLite takes an empty file: so it belongs to its owner alone from its first octet.
    let empty = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    empty.map_err(|error| io("cannot write", &path, &error))?;
    let copied = connect(file, Purpose::Checkpoint).and_then(|connection| {
        connection.progress_handler(STEPS_PER_LOOK, Some(is_stopped))?;
        connection.execute("VACUUM INTO ?1", [path.to_string_lossy().into_owned()])
    });
    copied.map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => StoreError::Closed,
        _ => store_error(&error),
    })?;
    let flushed = File::open(&path).and_then(|written| written.sync_all());
    flushed.map_err(|error| io("cannot write", &path, &error))?;
    Ok(unfinished)
}

fn check_room(file: &Path, room: &Room) -> Result<()> {
    let size = std::fs::metadata(file).map_err(|error| io("cannot read", file, &error))?.len();
    let space = room.space()?;
    let reserve = Room::reserve_of(space);
    // The log may grow by what is written meanwhile: that is what the reserve is for.
    if space.free < size.saturating_add(reserve) {
        let free = space.free;
        return Err(StoreError::Full(format!(
            "a backup takes {size} octets, {free} are free and {reserve} are kept: make room"
        )));
    }
    Ok(())
}

/// `annunciator-20261122T053000000Z.sqlite3`, to the millisecond.
fn name_of(now: Timestamp) -> String {
    let stamp = now.to_string().replace(['-', ':', '.'], "");
    format!("{BEGIN}{stamp}{END}")
}

/// The time in a name; none when it is no name of ours.
fn created_at(name: &str) -> Option<Timestamp> {
    let stamp = name.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let (date, time) = stamp.strip_suffix('Z')?.split_once('T')?;
    let are_digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if date.len() != 8 || time.len() != 9 || !are_digits(date) || !are_digits(time) {
        return None;
    }
    let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
    let (hour, minute, second) = (&time[..2], &time[2..4], &time[4..6]);
    let ms = &time[6..];
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}.{ms}Z").parse().ok()
}

fn list(folder: &Path) -> Result<Vec<Backup>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io("cannot read", folder, &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| io("cannot read", folder, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // One that is removed meanwhile is not listed.
        if let (Some(created_at), Ok(facts)) = (created_at(&name), entry.metadata()) {
            found.push(Backup { name, size_bytes: facts.len(), created_at });
        }
    }
    found.sort_by_key(|backup| std::cmp::Reverse(backup.created_at));
    found.truncate(LISTED_MAX);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples::{audit, audited, first_page};
    use crate::{AuditFilter, Store as _};

    #[test]
    fn only_our_names_are_backups() {
        for (name, expected) in [
            ("annunciator-20261122T053000007Z.sqlite3", Some("2026-11-22T05:30:00.007Z")),
            ("annunciator-20261322T053000000Z.sqlite3", None),
            ("annunciator-../../lock.sqlite3", None),
            ("annunciator-.sqlite3", None),
            ("annunciator.sqlite3", None),
            ("../annunciator.sqlite3", None),
            ("", None),
        ] {
            assert_eq!(created_at(name).map(|at| at.to_string()).as_deref(), expected, "{name}");
        }
        let at: Timestamp = "2026-11-22T05:30:07.123Z".parse().unwrap();
        assert_eq!(created_at(&name_of(at)), Some(at));
    }

    #[test]
    fn a_copy_that_is_told_to_stop_ends_within_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).unwrap();
        let rows = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
                    INSERT INTO audit (at, author, action, target, detail)
                    SELECT n, 'anna', 'a', 't', '{}' FROM n";
        connect(&store.shared.file, Purpose::Write).unwrap().execute_batch(rows).unwrap();
        let copy_until = |looks: usize| {
            let seen = Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let count = Arc::clone(&seen);
            let is_stopped = move || count.fetch_add(1, Ordering::SeqCst) >= looks;
            let made = copy(&store.shared.file, &store.shared.room, Timestamp(0), is_stopped);
            (made.map(drop), seen.load(Ordering::SeqCst))
        };
        let (made, looks) = copy_until(usize::MAX);
        made.unwrap();
        assert!(looks > 2, "SQLite asks while it copies: {looks}");
        for stop_at in [0, 1, looks - 1] {
            let (made, _) = copy_until(stop_at);
            assert!(matches!(made, Err(StoreError::Closed)), "at {stop_at}: {made:?}");
            let left = std::fs::read_dir(dir.path().join(FOLDER)).unwrap().count();
            assert_eq!(left, 0, "at {stop_at}");
        }
    }

    #[tokio::test]
    async fn a_copy_is_kept_with_its_audit_line_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).unwrap();
        store.shared.faults.wanted[0].store(1, Ordering::SeqCst);
        let refused = store.create_backup(audit("backup.create")).await;
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(std::fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), 0);
        let made = store.create_backup(audit("backup.create")).await.unwrap();
        assert_eq!(store.backups().await.unwrap(), std::slice::from_ref(&made));
        let page = store.audit(AuditFilter::default(), first_page()).await.unwrap();
        let lines: Vec<_> =
            page.rows.iter().map(|row| (&row.entry.action, &row.entry.target)).collect();
        assert_eq!(lines, [(&"backup.create".to_owned(), &made.name)]);

        store.shared.faults.wanted[0].store(1, Ordering::SeqCst);
        assert!(store.delete_backup(&made.name, audit("backup.delete")).await.is_err());
        assert_eq!(
            store.backups().await.unwrap(),
            std::slice::from_ref(&made),
            "nothing without a line"
        );
        assert!(store.delete_backup(&made.name, audit("backup.delete")).await.unwrap());
        assert!(!store.delete_backup(&made.name, audit("backup.delete")).await.unwrap());
        assert_eq!(audited(&*store).await, ["backup.delete", "backup.create"]);

        store.stop_backups();
        let refused = store.create_backup(audit("backup.create")).await;
        assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
    }
}
