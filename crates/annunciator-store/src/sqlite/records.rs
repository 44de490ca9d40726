//! Commands of operators: deliveries queued again or cancelled, settings, tokens; each with its
//! line in the audit log, in the same transaction.

use annunciator_core::{DeliveryId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::fault::{Trouble, unreadable};
use super::key::{SPAN, key_of};
use super::rows::{state, state_word};
use super::session::Session;
use crate::queue::with_refused;
use crate::{
    AuditEntry, NewAudit, Operated, REVISIONS_MAX, Requeue, SavedSettings, SettingsChange,
    SettingsSave, TokenRecord,
};

/// Finds a delivery.
pub(super) fn find_delivery(connection: &Connection, id: DeliveryId) -> Result<Option<(i64, i64)>> {
    let first = key_of(id);
    connection
        .prepare_cached(
            "SELECT key, state FROM deliveries WHERE key BETWEEN ?1 AND ?2 AND id = ?3",
        )?
        .query_row((first, first + SPAN - 1, id.0.as_bytes()), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Queued deliveries become due, failed ones revive with a fresh schedule.
pub(super) fn requeue(
    session: &Session,
    ask: &Requeue,
    audit: &NewAudit,
) -> std::result::Result<Vec<(DeliveryId, Operated)>, Trouble> {
    let connection = &session.connection;
    let operated = operate(connection, &ask.deliveries, |key, found| {
        let text = match found {
            state::QUEUED => "UPDATE deliveries SET due_at = ?2, at = ?2 WHERE key = ?1",
            state::FAILED => {
                "UPDATE deliveries SET state = 0, due_at = ?2, at = ?2, expires_at = ?3, retries = 0
                 WHERE key = ?1"
            }
            _ => return Ok(false),
        };
        let mut update = connection.prepare_cached(text)?;
        if found == state::QUEUED {
            update.execute((key, ask.due_at.0))?;
        } else {
            update.execute((key, ask.due_at.0, ask.expires_at.0))?;
        }
        Ok(true)
    })?;
    insert_audit(connection, &with_refused(audit, &operated))?;
    Ok(operated)
}

/// Queued deliveries are given up.
pub(super) fn cancel(
    session: &Session,
    deliveries: &[DeliveryId],
    now: Timestamp,
    audit: &NewAudit,
) -> std::result::Result<Vec<(DeliveryId, Operated)>, Trouble> {
    let connection = &session.connection;
    let operated = operate(connection, deliveries, |key, found| {
        if found != state::QUEUED {
            return Ok(false);
        }
        connection
            .prepare_cached("UPDATE deliveries SET state = 4, at = ?2 WHERE key = ?1")?
            .execute((key, now.0))?;
        Ok(true)
    })?;
    insert_audit(connection, &with_refused(audit, &operated))?;
    Ok(operated)
}

fn operate(
    connection: &Connection,
    deliveries: &[DeliveryId],
    change: impl Fn(i64, i64) -> Result<bool>,
) -> Result<Vec<(DeliveryId, Operated)>> {
    let mut operated = Vec::with_capacity(deliveries.len());
    for id in deliveries {
        let answer = match find_delivery(connection, *id)? {
            None => Operated::NotFound,
            Some((key, found)) if change(key, found)? => Operated::Done,
            Some((_, found)) => Operated::WrongState(state_word(found)?),
        };
        operated.push((*id, answer));
    }
    Ok(operated)
}

/// Writes a line of the audit log.
pub(super) fn insert_audit(connection: &Connection, audit: &NewAudit) -> Result<()> {
    let NewAudit { at, author, action, target, detail } = audit;
    connection
        .prepare_cached(
            "INSERT INTO audit (at, author, action, target, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((at.0, author, action, target, detail))?;
    Ok(())
}

/// Saves a revision unless somebody else did in between.
pub(super) fn save_settings(
    connection: &Connection,
    change: &SettingsChange,
) -> std::result::Result<SettingsSave, Trouble> {
    let newest = "SELECT coalesce(max(revision), 0) FROM settings WHERE layer = ?1";
    let newest: i64 = connection.query_row(newest, [&change.layer], |row| row.get(0))?;
    if change.expected_revision.is_some_and(|expected| expected != newest) {
        return Ok(SettingsSave::Conflict(newest));
    }
    let revision = connection
        .prepare_cached(
            "INSERT INTO settings (layer, document, author, saved_at, comment)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .insert((
            &change.layer,
            &change.document,
            &change.audit.author,
            change.audit.at.0,
            &change.comment,
        ))?;
    forget_revisions(connection, &change.layer)?;
    insert_audit(connection, &change.audit)?;
    Ok(SettingsSave::Saved(revision))
}

/// Removes the oldest revisions of a layer beyond those that are kept.
fn forget_revisions(connection: &Connection, layer: &str) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM settings WHERE layer = ?1 AND revision <= (
               SELECT revision FROM settings WHERE layer = ?1
               ORDER BY revision DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute((layer, REVISIONS_MAX))?;
    Ok(())
}

/// Columns of a revision, for [`settings_of`].
pub(super) const SETTINGS_COLUMNS: &str = "revision, layer, document, author, saved_at, comment";

/// Reads [`SETTINGS_COLUMNS`].
pub(super) fn settings_of(row: &Row<'_>) -> Result<SavedSettings> {
    Ok(SavedSettings {
        revision: row.get(0)?,
        layer: row.get(1)?,
        document: row.get(2)?,
        author: row.get(3)?,
        saved_at: Timestamp(row.get(4)?),
        comment: row.get(5)?,
    })
}

/// Stores a token; one of the same id is replaced.
pub(super) fn insert_token(
    connection: &Connection,
    token: &TokenRecord,
    audit: &NewAudit,
) -> std::result::Result<(), Trouble> {
    connection.execute(
        "INSERT OR REPLACE INTO tokens (id, name, role, secret_sha256, created_at, created_by,
           expires_at, last_used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &token.id,
            &token.name,
            &token.role,
            token.secret_sha256,
            token.created_at.0,
            &token.created_by,
            token.expires_at.map(|at| at.0),
            token.last_used_at.map(|at| at.0),
        ),
    )?;
    insert_audit(connection, audit)?;
    Ok(())
}

/// Removes a token; false when there is none.
pub(super) fn delete_token(
    connection: &Connection,
    id: &str,
    audit: &NewAudit,
) -> std::result::Result<bool, Trouble> {
    let count = connection.execute("DELETE FROM tokens WHERE id = ?1", [id])?;
    if count > 0 {
        insert_audit(connection, audit)?;
    }
    Ok(count > 0)
}

/// Notes when tokens were used; never back in time.
pub(super) fn touch_tokens(
    connection: &Connection,
    used: &[(String, Timestamp)],
) -> std::result::Result<(), Trouble> {
    let mut update = connection.prepare_cached(
        "UPDATE tokens SET last_used_at = ?2
         WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)",
    )?;
    for (id, at) in used {
        update.execute((id, at.0))?;
    }
    Ok(())
}

/// All tokens, oldest first.
pub(super) fn tokens(connection: &Connection) -> Result<Vec<TokenRecord>> {
    let mut select = connection.prepare_cached(
        "SELECT id, name, role, secret_sha256, created_at, created_by, expires_at, last_used_at
         FROM tokens ORDER BY created_at, id LIMIT 10000",
    )?;
    let tokens = select.query_map([], |row| {
        Ok(TokenRecord {
            id: row.get(0)?,
            name: row.get(1)?,
            role: row.get(2)?,
            secret_sha256: row.get(3).map_err(|_| unreadable("token"))?,
            created_at: Timestamp(row.get(4)?),
            created_by: row.get(5)?,
            expires_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
            last_used_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        })
    })?;
    tokens.collect()
}

/// Reads number, at, author, action, target and detail.
pub(super) fn audit_of(row: &Row<'_>) -> Result<AuditEntry> {
    Ok(AuditEntry {
        number: row.get(0)?,
        entry: NewAudit {
            at: Timestamp(row.get(1)?),
            author: row.get(2)?,
            action: row.get(3)?,
            target: row.get(4)?,
            detail: row.get(5)?,
        },
    })
}
