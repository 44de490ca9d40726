//! A store in a folder is brought to today's version, or looked over, without a server.
//!
//! Standard: `PRAGMA integrity_check`, <https://www.sqlite.org/pragma.html#pragma_integrity_check>.
//! Concurrency: the look reads one snapshot beside a server, whose log grows meanwhile.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};

use super::certificates::kept;
use super::fault::store_error;
use super::schema::{self, FILE_NAME, MIGRATIONS, Purpose};
use crate::soundness::{Agreement, version_flaw};
use crate::{
    Examination, Flaw, KEY_MARK_PLACE, Migration, Result, SealedKey, StoreError, TableCount,
};

/// Most complaints about the file that are told.
const COMPLAINTS_MAX: usize = 20;

const AGREEMENTS: &[Agreement] = &[
    Agreement {
        count: "SELECT count(*) FROM events e
                WHERE NOT EXISTS (SELECT 1 FROM inbox WHERE event = e.key)
                  AND NOT EXISTS (SELECT 1 FROM plans WHERE event = e.key)
                  AND NOT EXISTS (SELECT 1 FROM parked WHERE event = e.key)",
        what: "events neither wait for planning nor are planned or parked",
    },
    Agreement {
        count: "SELECT count(*) FROM inbox i JOIN plans p ON p.event = i.event",
        what: "events are planned and wait for planning all the same",
    },
    Agreement {
        count: "SELECT count(*) FROM (SELECT event FROM inbox UNION ALL SELECT event FROM plans
                  UNION ALL SELECT event FROM parked) w
                WHERE NOT EXISTS (SELECT 1 FROM events WHERE key = w.event)",
        what: "rows of inbox, plans and parked are of events that are not there",
    },
    Agreement {
        count: "SELECT count(*) FROM notifications n
                WHERE NOT EXISTS (SELECT 1 FROM events WHERE key = n.event)",
        what: "notifications are of events that are not there",
    },
    Agreement {
        count: "SELECT count(*) FROM deliveries d
                WHERE NOT EXISTS (SELECT 1 FROM notifications WHERE key = d.notification)
                   OR NOT EXISTS (SELECT 1 FROM lanes WHERE number = d.lane)",
        what: "deliveries have no notification or no lane",
    },
    Agreement {
        count: "SELECT count(*) FROM notifications n
                LEFT JOIN (SELECT notification, count(*) AS there FROM deliveries
                           GROUP BY notification) d ON d.notification = n.key
                WHERE coalesce(d.there, 0) < length(n.deliveries) / 8",
        what: "notifications miss deliveries",
    },
    Agreement {
        count: "SELECT count(*) FROM attempts a
                WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE key = a.delivery)",
        what: "attempts are of deliveries that are not there",
    },
];

/// Brings the store of a folder, which is made when it is not there, to today's version. Blocks.
///
/// # Errors
/// [`StoreError::Busy`] when a server uses the folder, [`StoreError::Corrupt`] when the file is
/// damaged or of a newer version, [`StoreError::Io`] and [`StoreError::Full`] from the disk.
pub fn migrate(folder: &Path) -> Result<Migration> {
    let _lock = schema::lock(folder)?;
    let file = folder.join(FILE_NAME);
    schema::keep_private(&file)?;
    let sqlite = |error: rusqlite::Error| store_error(&error);
    let mut connection = schema::connect(&file, Purpose::Write).map_err(sqlite)?;
    let from = version_of(&connection).map_err(sqlite)?;
    schema::migrate(&mut connection, MIGRATIONS)?;
    Ok(Migration { from, to: known() })
}

/// Looks over the store of a folder. Blocks.
///
/// # Errors
/// [`StoreError::BadRequest`] when there is none, [`StoreError::Io`] when it cannot be read.
pub fn examine(folder: &Path) -> Result<Examination> {
    let file = file_of(folder)?;
    let examined = schema::connect(&file, Purpose::Read).and_then(|connection| {
        connection.execute_batch("BEGIN")?;
        look(&connection)
    });
    match examined.map_err(|error| store_error(&error)) {
        Err(StoreError::Corrupt(words)) => Ok(Examination {
            engine: engine().to_owned(),
            flaws: vec![damage(&words)],
            ..Examination::default()
        }),
        other => other,
    }
}

/// The file of the store of a folder, which must be there.
pub(crate) fn file_of(folder: &Path) -> Result<PathBuf> {
    let file = folder.join(FILE_NAME);
    if file.is_file() {
        return Ok(file);
    }
    Err(StoreError::BadRequest(format!(
        "there is no store in the folder `{}`: the file {FILE_NAME} is missing",
        folder.display()
    )))
}

/// Version of the SQLite in this program.
#[must_use]
pub fn engine() -> &'static str {
    rusqlite::version()
}

fn known() -> u64 {
    u64::try_from(MIGRATIONS.len()).unwrap_or(u64::MAX)
}

fn version_of(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn damage(words: &str) -> Flaw {
    let advice = "stop the server, keep a copy of the folder, and restore the last backup";
    Flaw::new(format!("the file is damaged: {words}"), advice)
}

fn look(connection: &Connection) -> rusqlite::Result<Examination> {
    let schema_version = version_of(connection)?;
    let mut flaws: Vec<Flaw> = complaints(connection)?.iter().map(|words| damage(words)).collect();
    let mut found = Examination {
        engine: engine().to_owned(),
        schema_version,
        tables: counts(connection)?,
        ..Examination::default()
    };
    if let Some(flaw) = version_flaw(schema_version, known()) {
        // What this version asks of rows holds for its own tables alone.
        flaws.push(flaw);
    } else {
        for agreement in AGREEMENTS {
            let count = connection.query_row(agreement.count, [], |row| row.get(0))?;
            flaws.extend(agreement.flaw_of(count));
        }
        found.settings = newest_settings(connection)?;
        found.sealed_keys = sealed_keys(connection)?;
        found.key_mark = kept(connection, KEY_MARK_PLACE)?.map(|mark| mark.text);
    }
    found.flaws = flaws;
    Ok(found)
}

/// What SQLite has to say against the file.
fn complaints(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({COMPLAINTS_MAX})"))?;
    let lines: Vec<String> =
        check.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

fn counts(connection: &Connection) -> rusqlite::Result<Vec<TableCount>> {
    let find = "SELECT name FROM sqlite_schema
                WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let mut select = connection.prepare(find)?;
    let tables: Vec<String> =
        select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let count = |table: String| {
        let text = format!("SELECT count(*) FROM \"{table}\"");
        let rows = connection.query_row(&text, [], |row| row.get(0))?;
        Ok(TableCount { table, rows })
    };
    tables.into_iter().map(count).collect()
}

fn newest_settings(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let find = "SELECT document FROM settings WHERE layer = 'server'
                ORDER BY revision DESC LIMIT 1";
    connection.query_row(find, [], |row| row.get(0)).optional()
}

fn sealed_keys(connection: &Connection) -> rusqlite::Result<Vec<SealedKey>> {
    let find = "SELECT id, name, sealed_key FROM certificates
                WHERE sealed_key IS NOT NULL ORDER BY id";
    let mut select = connection.prepare(find)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(SealedKey { id: row.get(0)?, name: row.get(1)?, sealed: row.get(2)? })
    };
    select.query_map([], read)?.collect()
}
