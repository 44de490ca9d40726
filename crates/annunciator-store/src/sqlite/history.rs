//! Revisions of settings and the audit log, newest first.

use annunciator_core::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::events::{count_of, cursor_of, cut, to_cursor};
use super::fault::store_error;
use super::records::{SETTINGS_COLUMNS, audit_of, settings_of};
use super::search::{Budget, Conditions, Needle, Search};
use crate::{AuditEntry, AuditFilter, Page, Paged, Result, SavedSettings};

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
pub(super) fn audit(
    connection: &Connection,
    filter: &AuditFilter,
    page: &Page,
) -> Result<Paged<AuditEntry>> {
    let after = cursor_of(page)?;
    let mut conditions = Conditions::default();
    conditions.add_some("instr(lower(author), lower(?)) > 0", filter.author.clone());
    conditions.add_some("action = ?", filter.action.clone());
    let needle = Needle::of(filter.text.as_deref());
    let texts = if needle.is_some() { ", author, action, target, detail" } else { "" };
    let text = format!(
        "SELECT number, at, {}{texts} FROM audit WHERE number < ? ORDER BY number DESC",
        conditions.as_column()
    );
    let search = Search {
        text: &text,
        values: conditions.values_with([after]),
        needle,
        ends_before: filter.since.unwrap_or(Timestamp(i64::MIN)),
        count_max: count_of(page),
    };
    let listed = search.run(connection, Budget::PAGE).and_then(|found| {
        let text = "SELECT number, at, author, action, target, detail FROM audit WHERE number = ?1";
        let mut select = connection.prepare_cached(text)?;
        let rows = found.keys.iter().map(|key| select.query_row([key], audit_of));
        let rows = rows.collect::<rusqlite::Result<_>>()?;
        let next = found.next.map(to_cursor);
        Ok(Paged { rows, next, searched_until: found.searched_until })
    });
    listed.map_err(|error| store_error(&error))
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
