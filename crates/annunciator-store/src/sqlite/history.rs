//! Revisions of settings and the audit log, newest first.

use rusqlite::{Connection, OptionalExtension, Row};

use super::events::{count_of, cursor_of, cut};
use super::fault::store_error;
use super::records::{SETTINGS_COLUMNS, audit_of, settings_of};
use crate::{AuditEntry, Page, Paged, Result, SavedSettings};

/// The newest revision of a layer.
pub(super) fn newest_settings(
    connection: &Connection,
    layer: &str,
) -> rusqlite::Result<Option<SavedSettings>> {
    let text = format!(
        "SELECT {SETTINGS_COLUMNS} FROM settings WHERE layer = ?1 ORDER BY revision DESC LIMIT 1"
    );
    connection.prepare_cached(&text)?.query_row([layer], settings_of).optional()
}

/// A revision of a layer and the one before it.
pub(super) fn settings_revision(
    connection: &Connection,
    layer: &str,
    revision: i64,
) -> rusqlite::Result<Vec<SavedSettings>> {
    let text = format!(
        "SELECT {SETTINGS_COLUMNS} FROM settings WHERE layer = ?1 AND revision <= ?2
         ORDER BY revision DESC LIMIT 2"
    );
    let mut select = connection.prepare_cached(&text)?;
    let rows = select.query_map((layer, revision), settings_of)?;
    let found: Vec<SavedSettings> = rows.collect::<rusqlite::Result<_>>()?;
    let is_there = found.first().is_some_and(|newest| newest.revision == revision);
    Ok(if is_there { found } else { Vec::new() })
}

/// The revisions of a layer.
pub(super) fn settings(
    connection: &Connection,
    layer: &str,
    page: &Page,
) -> Result<Paged<SavedSettings>> {
    let text = format!(
        "SELECT {SETTINGS_COLUMNS} FROM settings WHERE layer = ?1 AND revision < ?2
         ORDER BY revision DESC LIMIT ?3"
    );
    let values = (layer, cursor_of(page)?, count_of(page) + 1);
    list(connection, &text, values, page, |row| {
        let saved = settings_of(row)?;
        Ok((saved.revision, saved))
    })
}

/// The audit log.
pub(super) fn audit(connection: &Connection, page: &Page) -> Result<Paged<AuditEntry>> {
    let text = "SELECT number, at, author, action, target, detail FROM audit WHERE number < ?1
                ORDER BY number DESC LIMIT ?2";
    list(connection, text, (cursor_of(page)?, count_of(page) + 1), page, |row| {
        let entry = audit_of(row)?;
        Ok((entry.number, entry))
    })
}

/// One page of rows that are read with their cursor.
pub(super) fn list<T>(
    connection: &Connection,
    text: &str,
    values: impl rusqlite::Params,
    page: &Page,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<(i64, T)>,
) -> Result<Paged<T>> {
    let rows = || -> rusqlite::Result<Vec<(i64, T)>> {
        connection.prepare_cached(text)?.query_map(values, read)?.collect()
    };
    let mut rows = rows().map_err(|error| store_error(&error))?;
    let next = cut(&mut rows, count_of(page));
    Ok(Paged { rows: rows.into_iter().map(|(_, row)| row).collect(), next, searched_until: None })
}
