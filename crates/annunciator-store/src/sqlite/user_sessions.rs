//! Sessions of users: begun, found by the hash of their cookie, used, ended.
//!
//! Failure: a row that cannot be read is `Corrupt`.

use annunciator_core::Timestamp;
use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::fault::{Trouble, unreadable};
use super::records::insert_audit;
use super::users::{USER_COLUMN_COUNT, USER_COLUMNS, user, user_of};
use crate::{Alive, Ending, NewAudit, SESSIONS_PER_USER_MAX, SessionRecord, UserRecord};

const COLUMNS: &str = "sha256, id, user_name, created_at, last_used_at, address, user_agent";

fn session_of(row: &Row<'_>, first: usize) -> Result<SessionRecord> {
    Ok(SessionRecord {
        sha256: row.get(first).map_err(|_| unreadable("session"))?,
        id: row.get(first + 1)?,
        user: row.get(first + 2)?,
        created_at: Timestamp(row.get(first + 3)?),
        last_used_at: Timestamp(row.get(first + 4)?),
        address: row.get(first + 5)?,
        user_agent: row.get(first + 6)?,
    })
}

/// A session and its user.
pub(super) fn session(
    connection: &Connection,
    sha256: [u8; 32],
) -> Result<Option<(SessionRecord, UserRecord)>> {
    let text = format!(
        "SELECT {USER_COLUMNS}, s.sha256, s.id, s.user_name, s.created_at, s.last_used_at,
           s.address, s.user_agent
         FROM sessions AS s JOIN users AS u ON u.name = s.user_name WHERE s.sha256 = ?1"
    );
    connection
        .prepare_cached(&text)?
        .query_row([sha256], |row| Ok((session_of(row, USER_COLUMN_COUNT)?, user_of(row)?)))
        .optional()
}

/// The sessions of a user.
pub(super) fn sessions_of(connection: &Connection, user: &str) -> Result<Vec<SessionRecord>> {
    let text = format!(
        "SELECT {COLUMNS} FROM sessions WHERE user_name = ?1
         ORDER BY last_used_at DESC, created_at DESC, id"
    );
    let mut select = connection.prepare_cached(&text)?;
    let rows = select.query_map([user], |row| session_of(row, 0))?;
    rows.collect()
}

/// Stores a session; beyond the bound the one that was used longest ago goes.
pub(super) fn insert_session(connection: &Connection, session: &SessionRecord) -> Result<()> {
    let text = format!("INSERT INTO sessions ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    connection.prepare_cached(&text)?.execute((
        session.sha256,
        &session.id,
        &session.user,
        session.created_at.0,
        session.last_used_at.0,
        &session.address,
        &session.user_agent,
    ))?;
    connection
        .prepare_cached(
            "DELETE FROM sessions WHERE sha256 IN (
               SELECT sha256 FROM sessions WHERE user_name = ?1 AND sha256 <> ?2
               ORDER BY last_used_at DESC, created_at DESC LIMIT -1 OFFSET ?3)",
        )?
        .execute((&session.user, session.sha256, SESSIONS_PER_USER_MAX - 1))?;
    Ok(())
}

/// Begins a session, when what its user has proven still holds.
pub(super) fn start(
    connection: &Connection,
    session: &SessionRecord,
    password: &str,
    instead_of: Option<[u8; 32]>,
    audit: &NewAudit,
) -> std::result::Result<bool, Trouble> {
    let is_proven =
        |user: &UserRecord| !user.is_blocked && user.password.as_deref() == Some(password);
    if !user(connection, &session.user)?.as_ref().is_some_and(is_proven) {
        return Ok(false);
    }
    if let Some(sha256) = instead_of {
        connection.prepare_cached("DELETE FROM sessions WHERE sha256 = ?1")?.execute([sha256])?;
    }
    sign_in(connection, session, audit)?;
    Ok(true)
}

fn sign_in(connection: &Connection, session: &SessionRecord, audit: &NewAudit) -> Result<()> {
    insert_session(connection, session)?;
    connection
        .prepare_cached("UPDATE users SET last_sign_in_at = ?2 WHERE name = ?1")?
        .execute((&session.user, session.created_at.0))?;
    insert_audit(connection, audit)
}

/// Uses up a one-time key.
pub(super) fn use_key(
    connection: &Connection,
    key_sha256: [u8; 32],
    password: &str,
    session: &SessionRecord,
    audit: &NewAudit,
) -> std::result::Result<bool, Trouble> {
    let count = connection
        .prepare_cached(
            "UPDATE users SET password = ?3, password_giver = NULL, key_sha256 = NULL,
               key_expires_at = NULL
             WHERE name = ?1 AND key_sha256 = ?2 AND key_expires_at > ?4 AND is_blocked = 0",
        )?
        .execute((&session.user, key_sha256, password, audit.at.0))?;
    if count == 0 {
        return Ok(false);
    }
    connection
        .prepare_cached("DELETE FROM sessions WHERE user_name = ?1")?
        .execute([&session.user])?;
    sign_in(connection, session, audit)?;
    Ok(true)
}

/// Ends sessions of a user.
pub(super) fn end(
    connection: &Connection,
    user: &str,
    which: &Ending,
    audit: &NewAudit,
) -> std::result::Result<usize, Trouble> {
    let count = match which {
        Ending::All => connection
            .prepare_cached("DELETE FROM sessions WHERE user_name = ?1")?
            .execute([user])?,
        Ending::Id(id) => connection
            .prepare_cached("DELETE FROM sessions WHERE user_name = ?1 AND id = ?2")?
            .execute((user, id))?,
    };
    if count > 0 {
        insert_audit(connection, audit)?;
    }
    Ok(count)
}

/// Notes when sessions were used.
pub(super) fn touch(
    connection: &Connection,
    used: &[([u8; 32], Timestamp)],
) -> std::result::Result<(), Trouble> {
    let mut update = connection.prepare_cached(
        "UPDATE sessions SET last_used_at = ?2 WHERE sha256 = ?1 AND last_used_at < ?2",
    )?;
    for (sha256, at) in used {
        update.execute((sha256, at.0))?;
    }
    Ok(())
}

/// Removes sessions whose time has ended.
pub(super) fn forget(connection: &Connection, alive: Alive) -> std::result::Result<usize, Trouble> {
    let count = connection
        .prepare_cached("DELETE FROM sessions WHERE last_used_at <= ?1 OR created_at <= ?2")?
        .execute((alive.used_after.0, alive.created_after.0))?;
    Ok(count)
}
