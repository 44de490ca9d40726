//! Users: rows that are few, one administrator of whom always remains.
//!
//! Failure: a row that cannot be read is `Corrupt`.

use annunciator_core::Timestamp;
use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::fault::{Trouble, unreadable};
use super::records::insert_audit;
use super::user_sessions::insert_session;
use crate::{
    ADMINISTRATOR, Alive, NewAudit, OneTimeKey, USERS_MAX, UserChange, UserOutcome, UserRecord,
};

/// Columns of a user, for [`user_of`].
pub(super) const USER_COLUMNS: &str = "u.name, u.full_name, u.email, u.role, u.password, \
     u.is_blocked, u.language, u.time_zone, u.theme, u.created_at, u.created_by, \
     u.last_sign_in_at, u.key_sha256, u.key_expires_at, u.password_giver";
/// Number of columns in [`USER_COLUMNS`].
pub(super) const USER_COLUMN_COUNT: usize = 15;

/// Reads [`USER_COLUMNS`], which must come first.
pub(super) fn user_of(row: &Row<'_>) -> Result<UserRecord> {
    let key_sha256: Option<[u8; 32]> = row.get(12).map_err(|_| unreadable("user"))?;
    let key_expires_at: Option<i64> = row.get(13)?;
    let key = key_sha256
        .zip(key_expires_at)
        .map(|(sha256, at)| OneTimeKey { sha256, expires_at: Timestamp(at) });
    Ok(UserRecord {
        name: row.get(0)?,
        full_name: row.get(1)?,
        email: row.get(2)?,
        role: row.get(3)?,
        password: row.get(4)?,
        password_giver: row.get(14)?,
        is_blocked: row.get(5)?,
        language: row.get(6)?,
        time_zone: row.get(7)?,
        theme: row.get(8)?,
        created_at: Timestamp(row.get(9)?),
        created_by: row.get(10)?,
        last_sign_in_at: row.get::<_, Option<i64>>(11)?.map(Timestamp),
        key,
    })
}

/// All users with the number of their sessions.
pub(super) fn users(connection: &Connection, alive: Alive) -> Result<Vec<(UserRecord, usize)>> {
    let text = format!(
        "SELECT {USER_COLUMNS}, (SELECT count(*) FROM sessions AS s WHERE s.user_name = u.name
           AND s.last_used_at > ?1 AND s.created_at > ?2)
         FROM users AS u ORDER BY u.name LIMIT 10000"
    );
    let mut select = connection.prepare_cached(&text)?;
    let values = (alive.used_after.0, alive.created_after.0);
    let rows = select.query_map(values, |row| Ok((user_of(row)?, row.get(USER_COLUMN_COUNT)?)))?;
    rows.collect()
}

/// One user.
pub(super) fn user(connection: &Connection, name: &str) -> Result<Option<UserRecord>> {
    let text = format!("SELECT {USER_COLUMNS} FROM users AS u WHERE u.name = ?1");
    connection.prepare_cached(&text)?.query_row([name], user_of).optional()
}

/// The user of a one-time key.
pub(super) fn user_of_key(connection: &Connection, sha256: [u8; 32]) -> Result<Option<UserRecord>> {
    let text = format!("SELECT {USER_COLUMNS} FROM users AS u WHERE u.key_sha256 = ?1");
    connection.prepare_cached(&text)?.query_row([sha256], user_of).optional()
}

/// Stores a new user.
pub(super) fn insert(
    connection: &Connection,
    user: &UserRecord,
    is_first: bool,
    audit: &NewAudit,
) -> std::result::Result<UserOutcome, Trouble> {
    let (all, same, able): (usize, usize, usize) = connection
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE name = ?1),
               count(*) FILTER (WHERE role = ?2 AND is_blocked = 0 AND password IS NOT NULL)
             FROM users",
        )?
        .query_row((&user.name, ADMINISTRATOR), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    if same > 0 || (is_first && able > 0) {
        return Ok(UserOutcome::Exists);
    }
    if all >= USERS_MAX {
        return Ok(UserOutcome::Full);
    }
    connection
        .prepare_cached(
            "INSERT INTO users (name, full_name, email, role, password, is_blocked, language,
               time_zone, theme, created_at, created_by, last_sign_in_at, key_sha256,
               key_expires_at, password_giver)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute((
            &user.name,
            &user.full_name,
            &user.email,
            &user.role,
            &user.password,
            user.is_blocked,
            &user.language,
            &user.time_zone,
            &user.theme,
            user.created_at.0,
            &user.created_by,
            user.last_sign_in_at.map(|at| at.0),
            user.key.as_ref().map(|key| key.sha256),
            user.key.as_ref().map(|key| key.expires_at.0),
            &user.password_giver,
        ))?;
    insert_audit(connection, audit)?;
    Ok(UserOutcome::Done)
}

/// Whether nobody else may do everything and is as able to sign in as this one.
fn is_last_administrator(connection: &Connection, user: &UserRecord) -> Result<bool> {
    if user.role != ADMINISTRATOR || user.is_blocked {
        return Ok(false);
    }
    let others: usize = connection
        .prepare_cached(
            "SELECT count(*) FROM users WHERE role = ?1 AND is_blocked = 0 AND name <> ?2
               AND (password IS NOT NULL OR ?3)",
        )?
        .query_row((ADMINISTRATOR, &user.name, user.password.is_none()), |row| row.get(0))?;
    Ok(others == 0)
}

/// Changes a user.
pub(super) fn change(
    connection: &Connection,
    name: &str,
    change: &UserChange,
    audit: &NewAudit,
) -> std::result::Result<UserOutcome, Trouble> {
    let Some(old) = user(connection, name)? else { return Ok(UserOutcome::NotFound) };
    let is_proven = |hash: &String| !old.is_blocked && old.password.as_ref() == Some(hash);
    if !change.proven.as_ref().is_none_or(is_proven) {
        return Ok(UserOutcome::Outdated);
    }
    let loses_role = change.role.as_ref().is_some_and(|role| role != ADMINISTRATOR);
    if (loses_role || change.is_blocked == Some(true)) && is_last_administrator(connection, &old)? {
        return Ok(UserOutcome::LastAdministrator);
    }
    connection
        .prepare_cached(
            "UPDATE users SET full_name = coalesce(?2, full_name), email = coalesce(?3, email),
               role = coalesce(?4, role), is_blocked = coalesce(?5, is_blocked),
               language = coalesce(?6, language), time_zone = coalesce(?7, time_zone),
               theme = coalesce(?8, theme)
             WHERE name = ?1",
        )?
        .execute((
            name,
            &change.full_name,
            &change.email,
            &change.role,
            change.is_blocked,
            &change.language,
            &change.time_zone,
            &change.theme,
        ))?;
    if change.password.is_some() || change.drops_password {
        set_password(connection, name, change)?;
    }
    let has_other_role = change.role.as_ref().is_some_and(|role| *role != old.role);
    if change.password.is_some()
        || change.key.is_some()
        || has_other_role
        || change.is_blocked == Some(true)
    {
        set_key(connection, name, change.key.as_ref())?;
    }
    if change.ends_sessions {
        connection.prepare_cached("DELETE FROM sessions WHERE user_name = ?1")?.execute([name])?;
    }
    if let Some(session) = &change.session {
        insert_session(connection, session)?;
    }
    insert_audit(connection, audit)?;
    Ok(UserOutcome::Done)
}

fn set_password(connection: &Connection, name: &str, change: &UserChange) -> Result<()> {
    connection
        .prepare_cached("UPDATE users SET password = ?2, password_giver = ?3 WHERE name = ?1")?
        .execute((name, &change.password, &change.password_giver))?;
    Ok(())
}

fn set_key(connection: &Connection, name: &str, key: Option<&OneTimeKey>) -> Result<()> {
    connection
        .prepare_cached("UPDATE users SET key_sha256 = ?2, key_expires_at = ?3 WHERE name = ?1")?
        .execute((name, key.map(|key| key.sha256), key.map(|key| key.expires_at.0)))?;
    Ok(())
}

/// Removes a user with all that is theirs.
pub(super) fn delete(
    connection: &Connection,
    name: &str,
    audit: &NewAudit,
) -> std::result::Result<UserOutcome, Trouble> {
    let Some(old) = user(connection, name)? else { return Ok(UserOutcome::NotFound) };
    if is_last_administrator(connection, &old)? {
        return Ok(UserOutcome::LastAdministrator);
    }
    for text in [
        "DELETE FROM users WHERE name = ?1",
        "DELETE FROM sessions WHERE user_name = ?1",
        "DELETE FROM saved_views WHERE owner = ?1",
    ] {
        connection.prepare_cached(text)?.execute([name])?;
    }
    insert_audit(connection, audit)?;
    Ok(UserOutcome::Done)
}
