//! A consistent copy of the file, made beside the writer.
//!
//! In: the database file. Out: `backups/annunciator-<time>.sqlite3` beside it.
//! Standard: `VACUUM INTO`, <https://www.sqlite.org/lang_vacuum.html>: it reads one snapshot, and in
//! WAL mode no commit waits for a reader; the log grows meanwhile.
//! Failure: what was not finished has another name, and is removed by the next copy.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annunciator_core::Timestamp;
use async_trait::async_trait;
use rusqlite::Connection;

use super::SqliteStore;
use super::fault::store_error;
use super::room::Room;
use super::schema::{Purpose, connect};
use crate::{Backup, Backups, Result, StoreError, StoreFacts};

const FOLDER: &str = "backups";
const BEGIN: &str = "annunciator-";
const END: &str = ".sqlite3";
const UNFINISHED: &str = "unfinished";
/// Most copies that are listed.
const LISTED_MAX: usize = 1_000;

#[async_trait]
impl Backups for SqliteStore {
    async fn facts(&self) -> Result<StoreFacts> {
        let mut log = self.shared.file.clone().into_os_string();
        log.push("-wal");
        let log_bytes = std::fs::metadata(log).map_or(0, |facts| facts.len());
        self.read(move |connection| facts(connection, log_bytes)).await
    }

    async fn create_backup(&self, now: Timestamp) -> Result<Backup> {
        let shared = Arc::clone(&self.shared);
        let work = move || {
            let _only = shared
                .backup
                .try_lock()
                .map_err(|_| StoreError::Busy("another backup is being made".to_owned()))?;
            copy(&shared.file, &shared.room, now)
        };
        blocking(work).await
    }

    async fn backups(&self) -> Result<Vec<Backup>> {
        let folder = folder_of(&self.shared.file);
        blocking(move || list(&folder)).await
    }

    async fn delete_backup(&self, name: &str) -> Result<bool> {
        if created_at(name).is_none() {
            return Ok(false);
        }
        let file = folder_of(&self.shared.file).join(name);
        let remove = move || match std::fs::remove_file(&file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io("cannot remove", &file, &error)),
        };
        blocking(remove).await
    }
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

fn copy(file: &Path, room: &Room, now: Timestamp) -> Result<Backup> {
    let folder = folder_of(file);
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
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|error| io("cannot make", &folder, &error))?;
    let name = name_of(now);
    let (path, unfinished) = (folder.join(&name), folder.join(UNFINISHED));
    if path.exists() {
        return Err(StoreError::Busy("a backup of this moment is there".to_owned()));
    }
    // SQLite takes an empty file: so it belongs to its owner alone from its first octet.
    let empty =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    empty.map_err(|error| io("cannot write", &unfinished, &error))?;
    let copied = connect(file, Purpose::Checkpoint).and_then(|connection| {
        let target = unfinished.to_string_lossy().into_owned();
        connection.execute("VACUUM INTO ?1", [target])
    });
    let finish = || -> std::io::Result<u64> {
        let written = File::open(&unfinished)?;
        written.sync_all()?;
        std::fs::rename(&unfinished, &path)?;
        File::open(&folder)?.sync_all()?;
        Ok(written.metadata()?.len())
    };
    let finished = copied
        .map_err(|error| store_error(&error))
        .and_then(|_| finish().map_err(|error| io("cannot write", &path, &error)));
    match finished {
        Ok(size_bytes) => Ok(Backup { name, size_bytes, created_at: now }),
        Err(error) => {
            // What is left is written over by the next backup.
            let _ = std::fs::remove_file(&unfinished);
            Err(error)
        }
    }
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
}
