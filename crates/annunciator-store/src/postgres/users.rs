//! Users: rows that are few, one administrator of whom always remains, whichever node is asked.

use tokio_postgres::Row;

use super::bind::{count, some_text, text, values};
use super::changes::note_change;
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::{get, number, sha256_of, some_time, time};
use super::sessions::insert_session;
use crate::{
    ADMINISTRATOR, Alive, Change, NewAudit, OneTimeKey, USERS_MAX, UserChange, UserOutcome,
    UserRecord,
};

/// Columns of a user, for [`user_of`].
pub(super) const USER_COLUMNS: &str = "u.name, u.full_name, u.email, u.role, u.password, \
     u.is_blocked, u.language, u.time_zone, u.theme, u.created_at, u.created_by, \
     u.last_sign_in_at, u.key_sha256, u.key_expires_at, u.password_giver";
/// Number of columns in [`USER_COLUMNS`].
pub(super) const USER_COLUMN_COUNT: usize = 15;

/// Reads [`USER_COLUMNS`], which must come first.
pub(super) fn user_of(row: &Row) -> Outcome<UserRecord> {
    let key = match (get::<Option<&[u8]>>(row, 12)?, some_time(row, 13)?) {
        (Some(_), Some(expires_at)) => Some(OneTimeKey { sha256: sha256_of(row, 12)?, expires_at }),
        _ => None,
    };
    Ok(UserRecord {
        name: get(row, 0)?,
        full_name: get(row, 1)?,
        email: get(row, 2)?,
        role: get(row, 3)?,
        password: get(row, 4)?,
        password_giver: get(row, 14)?,
        is_blocked: get(row, 5)?,
        language: get(row, 6)?,
        time_zone: get(row, 7)?,
        theme: get(row, 8)?,
        created_at: time(row, 9)?,
        created_by: get(row, 10)?,
        last_sign_in_at: some_time(row, 11)?,
        key,
    })
}

/// All users with the number of their sessions.
pub(super) async fn users(db: &Lent, alive: Alive) -> Outcome<Vec<(UserRecord, usize)>> {
    let text = format!(
        "SELECT {USER_COLUMNS}, (SELECT count(*) FROM sessions s
           WHERE lower(s.user_name) = lower(u.name) AND s.last_used_at > $1 AND s.created_at > $2)
         FROM users u ORDER BY lower(u.name) LIMIT 10000"
    );
    let rows = db.rows(&text, values![alive.used_after.0, alive.created_after.0]).await?;
    rows.iter().map(|row| Ok((user_of(row)?, number(row, USER_COLUMN_COUNT)?))).collect()
}

/// One user.
pub(super) async fn user(db: &Lent, name: &str) -> Outcome<Option<UserRecord>> {
    let find = format!("SELECT {USER_COLUMNS} FROM users u WHERE lower(u.name) = lower($1)");
    db.row(&find, values![text(name)]).await?.as_ref().map(user_of).transpose()
}

/// The user of a one-time key.
pub(super) async fn user_of_key(db: &Lent, sha256: [u8; 32]) -> Outcome<Option<UserRecord>> {
    let text = format!("SELECT {USER_COLUMNS} FROM users u WHERE u.key_sha256 = $1");
    db.row(&text, values![sha256.as_slice()]).await?.as_ref().map(user_of).transpose()
}

/// Stores a new user.
pub(super) async fn insert(
    db: &Lent,
    user: &UserRecord,
    is_first: bool,
    audit: &NewAudit,
) -> Outcome<UserOutcome> {
    let find = "SELECT count(*), count(*) FILTER (WHERE lower(name) = lower($1)),
           count(*) FILTER (WHERE role = $2 AND NOT is_blocked AND password IS NOT NULL)
         FROM users";
    let row = db.one(find, values![text(&user.name), ADMINISTRATOR]).await?;
    let (all, same, able): (i64, i64, i64) = (get(&row, 0)?, get(&row, 1)?, get(&row, 2)?);
    if same > 0 || (is_first && able > 0) {
        return Ok(UserOutcome::Exists);
    }
    if all >= count(USERS_MAX) {
        return Ok(UserOutcome::Full);
    }
    let insert = "INSERT INTO users (name, full_name, email, role, password, is_blocked, language,
           time_zone, theme, created_at, created_by, last_sign_in_at, key_sha256, key_expires_at,
           password_giver)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let key = user.key.as_ref();
    let (hash, expires_at) = (key.map(|key| key.sha256.to_vec()), key.map(|key| key.expires_at.0));
    db.run(
        insert,
        values![
            text(&user.name),
            text(&user.full_name),
            text(&user.email),
            text(&user.role),
            some_text(user.password.as_deref()),
            user.is_blocked,
            text(&user.language),
            text(&user.time_zone),
            text(&user.theme),
            user.created_at.0,
            text(&user.created_by),
            user.last_sign_in_at.map(|at| at.0),
            hash,
            expires_at,
            some_text(user.password_giver.as_deref()),
        ],
    )
    .await?;
    note_change(db, audit, Change::Users).await?;
    Ok(UserOutcome::Done)
}

/// Whether nobody else may do everything and is as able to sign in as this one.
async fn is_last_administrator(db: &Lent, user: &UserRecord) -> Outcome<bool> {
    if user.role != ADMINISTRATOR || user.is_blocked {
        return Ok(false);
    }
    let others = "SELECT count(*) FROM users WHERE role = $1 AND NOT is_blocked
           AND lower(name) <> lower($2) AND (password IS NOT NULL OR $3)";
    let is_unable = user.password.is_none();
    let row = db.one(others, values![ADMINISTRATOR, text(&user.name), is_unable]).await?;
    Ok(get::<i64>(&row, 0)? == 0)
}

/// Changes a user.
pub(super) async fn change(
    db: &Lent,
    name: &str,
    change: &UserChange,
    audit: &NewAudit,
) -> Outcome<UserOutcome> {
    let Some(old) = user(db, name).await? else { return Ok(UserOutcome::NotFound) };
    let is_proven = |hash: &String| !old.is_blocked && old.password.as_ref() == Some(hash);
    if !change.proven.as_ref().is_none_or(is_proven) {
        return Ok(UserOutcome::Outdated);
    }
    let loses_role = change.role.as_ref().is_some_and(|role| role != ADMINISTRATOR);
    if (loses_role || change.is_blocked == Some(true)) && is_last_administrator(db, &old).await? {
        return Ok(UserOutcome::LastAdministrator);
    }
    let update = "UPDATE users SET full_name = coalesce($2, full_name),
           email = coalesce($3, email), role = coalesce($4, role),
           is_blocked = coalesce($5, is_blocked), language = coalesce($6, language),
           time_zone = coalesce($7, time_zone), theme = coalesce($8, theme)
         WHERE lower(name) = lower($1)";
    let words = [&change.full_name, &change.email, &change.role];
    let [full_name, email, role] = words.map(|word| some_text(word.as_deref()));
    let words = [&change.language, &change.time_zone, &change.theme];
    let [language, time_zone, theme] = words.map(|word| some_text(word.as_deref()));
    let (key, blocked) = (text(name), change.is_blocked);
    let values = values![key, full_name, email, role, blocked, language, time_zone, theme];
    db.run(update, values).await?;
    if change.password.is_some() || change.drops_password {
        let set = "UPDATE users SET password = $2, password_giver = $3
             WHERE lower(name) = lower($1)";
        let (password, giver) = (change.password.clone(), change.password_giver.clone());
        db.run(set, values![text(name), password, giver]).await?;
    }
    let has_other_role = change.role.as_ref().is_some_and(|role| *role != old.role);
    if change.password.is_some()
        || change.key.is_some()
        || has_other_role
        || change.is_blocked == Some(true)
    {
        set_key(db, name, change.key.as_ref()).await?;
    }
    if change.ends_sessions {
        let end = "DELETE FROM sessions WHERE lower(user_name) = lower($1)";
        db.run(end, values![text(name)]).await?;
    }
    if let Some(session) = &change.session {
        insert_session(db, session).await?;
    }
    note_change(db, audit, Change::Users).await?;
    Ok(UserOutcome::Done)
}

async fn set_key(db: &Lent, name: &str, key: Option<&OneTimeKey>) -> Outcome<()> {
    let set = "UPDATE users SET key_sha256 = $2, key_expires_at = $3
         WHERE lower(name) = lower($1)";
    let (hash, at) = (key.map(|key| key.sha256.to_vec()), key.map(|key| key.expires_at.0));
    db.run(set, values![text(name), hash, at]).await.map(drop)
}

/// Removes a user with all that is theirs.
pub(super) async fn delete(db: &Lent, name: &str, audit: &NewAudit) -> Outcome<UserOutcome> {
    let Some(old) = user(db, name).await? else { return Ok(UserOutcome::NotFound) };
    if is_last_administrator(db, &old).await? {
        return Ok(UserOutcome::LastAdministrator);
    }
    for delete in [
        "DELETE FROM users WHERE lower(name) = lower($1)",
        "DELETE FROM sessions WHERE lower(user_name) = lower($1)",
        "DELETE FROM saved_views WHERE lower(owner) = lower($1)",
    ] {
        db.run(delete, values![text(name)]).await?;
    }
    note_change(db, audit, Change::Users).await?;
    Ok(UserOutcome::Done)
}
