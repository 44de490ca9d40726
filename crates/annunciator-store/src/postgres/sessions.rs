//! Sessions of users: begun, found by the hash of their cookie, used, ended; on every node.

use annunciator_core::Timestamp;
use async_trait::async_trait;
use tokio_postgres::Row;

use super::bind::{count, text, values};
use super::changes::note_change;
use super::fault::Outcome;
use super::pool::Lent;
use super::records::insert_audit;
use super::rows::{get, sha256_of, time};
use super::schema::lock;
use super::users::{USER_COLUMN_COUNT, USER_COLUMNS, user, user_of};
use super::{PostgresStore, users};
use crate::{
    Alive, Change, Ending, NewAudit, Result, SESSIONS_PER_USER_MAX, SessionRecord, UserChange,
    UserOutcome, UserRecord, Users,
};

const COLUMNS: &str =
    "s.sha256, s.id, s.user_name, s.created_at, s.last_used_at, s.address, s.user_agent";

fn session_of(row: &Row, first: usize) -> Outcome<SessionRecord> {
    Ok(SessionRecord {
        sha256: sha256_of(row, first)?,
        id: get(row, first + 1)?,
        user: get(row, first + 2)?,
        created_at: time(row, first + 3)?,
        last_used_at: time(row, first + 4)?,
        address: get(row, first + 5)?,
        user_agent: get(row, first + 6)?,
    })
}

async fn session(db: &Lent, sha256: [u8; 32]) -> Outcome<Option<(SessionRecord, UserRecord)>> {
    let text = format!(
        "SELECT {USER_COLUMNS}, {COLUMNS} FROM sessions s
         JOIN users u ON lower(u.name) = lower(s.user_name) WHERE s.sha256 = $1"
    );
    let row = db.row(&text, values![sha256.as_slice()]).await?;
    let read = |row| Ok((session_of(row, USER_COLUMN_COUNT)?, user_of(row)?));
    row.as_ref().map(read).transpose()
}

async fn sessions_of(db: &Lent, user: &str) -> Outcome<Vec<SessionRecord>> {
    let find = format!(
        "SELECT {COLUMNS} FROM sessions s WHERE lower(s.user_name) = lower($1)
         ORDER BY s.last_used_at DESC, s.created_at DESC, s.id COLLATE \"C\""
    );
    let rows = db.rows(&find, values![text(user)]).await?;
    rows.iter().map(|row| session_of(row, 0)).collect()
}

/// Stores a session; beyond the bound the one that was used longest ago goes.
pub(super) async fn insert_session(db: &Lent, session: &SessionRecord) -> Outcome<()> {
    let insert = "INSERT INTO sessions
           (sha256, id, user_name, created_at, last_used_at, address, user_agent)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (hash, id, user) = (session.sha256.as_slice(), text(&session.id), text(&session.user));
    let (created_at, used_at) = (session.created_at.0, session.last_used_at.0);
    let (address, agent) = (text(&session.address), text(&session.user_agent));
    db.run(insert, values![hash, id, user, created_at, used_at, address, agent]).await?;
    let excess = "DELETE FROM sessions WHERE sha256 IN (
           SELECT sha256 FROM sessions WHERE lower(user_name) = lower($1) AND sha256 <> $2
           ORDER BY last_used_at DESC, created_at DESC OFFSET $3)";
    db.run(excess, values![user, hash, count(SESSIONS_PER_USER_MAX - 1)]).await.map(drop)
}

/// Begins a session, when what its user has proven still holds.
async fn start(
    db: &Lent,
    session: &SessionRecord,
    password: &str,
    instead_of: Option<[u8; 32]>,
    audit: &NewAudit,
) -> Outcome<bool> {
    let is_proven =
        |user: &UserRecord| !user.is_blocked && user.password.as_deref() == Some(password);
    if !user(db, &session.user).await?.as_ref().is_some_and(is_proven) {
        return Ok(false);
    }
    if let Some(sha256) = instead_of {
        db.run("DELETE FROM sessions WHERE sha256 = $1", values![sha256.as_slice()]).await?;
    }
    sign_in(db, session).await?;
    insert_audit(db, audit).await?;
    Ok(true)
}

async fn sign_in(db: &Lent, session: &SessionRecord) -> Outcome<()> {
    insert_session(db, session).await?;
    let note = "UPDATE users SET last_sign_in_at = $2 WHERE lower(name) = lower($1)";
    db.run(note, values![text(&session.user), session.created_at.0]).await.map(drop)
}

/// Uses up a one-time key.
async fn use_key(
    db: &Lent,
    key_sha256: [u8; 32],
    password: &str,
    session: &SessionRecord,
    audit: &NewAudit,
) -> Outcome<bool> {
    let set = "UPDATE users SET password = $3, password_giver = NULL, key_sha256 = NULL,
           key_expires_at = NULL
         WHERE lower(name) = lower($1) AND key_sha256 = $2 AND key_expires_at > $4
           AND NOT is_blocked";
    let (name, key, now) = (text(&session.user), key_sha256.as_slice(), audit.at.0);
    if db.run(set, values![name, key, password, now]).await? == 0 {
        return Ok(false);
    }
    let end = "DELETE FROM sessions WHERE lower(user_name) = lower($1)";
    db.run(end, values![name]).await?;
    sign_in(db, session).await?;
    note_change(db, audit, Change::Users).await?;
    Ok(true)
}

async fn end(db: &Lent, user: &str, which: &Ending, audit: &NewAudit) -> Outcome<usize> {
    let id = match which {
        Ending::All => None,
        Ending::Id(id) => Some(text(id)),
    };
    let end = "DELETE FROM sessions WHERE lower(user_name) = lower($1)
           AND ($2::text IS NULL OR id = $2)";
    let count = db.run(end, values![text(user), id]).await?;
    if count > 0 {
        note_change(db, audit, Change::Users).await?;
    }
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

async fn touch(db: &Lent, used: &[([u8; 32], Timestamp)]) -> Outcome<()> {
    let hashes: Vec<&[u8]> = used.iter().map(|(sha256, _)| sha256.as_slice()).collect();
    let times: Vec<i64> = used.iter().map(|(_, at)| at.0).collect();
    let touch = "UPDATE sessions s SET last_used_at = g.at
         FROM (SELECT sha256, max(at) AS at FROM unnest($1::bytea[], $2::bigint[]) AS g(sha256, at)
               GROUP BY sha256 ORDER BY sha256) g
         WHERE s.sha256 = g.sha256 AND s.last_used_at < g.at";
    db.run(touch, values![hashes, times]).await.map(drop)
}

#[async_trait]
impl Users for PostgresStore {
    async fn users(&self, alive: Alive) -> Result<Vec<(UserRecord, usize)>> {
        let db = self.inner.readers.lend().await?;
        let outcome = users::users(&db, alive).await;
        db.done(outcome)
    }

    async fn user(&self, name: &str) -> Result<Option<UserRecord>> {
        let db = self.inner.readers.lend().await?;
        let outcome = user(&db, name).await;
        db.done(outcome)
    }

    async fn insert_user(
        &self,
        user: UserRecord,
        is_first: bool,
        audit: NewAudit,
    ) -> Result<UserOutcome> {
        let db = self.inner.writers.begin_holding(lock::USERS).await?;
        let outcome = users::insert(&db, &user, is_first, &audit).await;
        db.end(outcome).await
    }

    async fn change_user(
        &self,
        name: &str,
        change: UserChange,
        audit: NewAudit,
    ) -> Result<UserOutcome> {
        let db = self.inner.writers.begin_holding(lock::USERS).await?;
        let outcome = users::change(&db, name, &change, &audit).await;
        db.end(outcome).await
    }

    async fn delete_user(&self, name: &str, audit: NewAudit) -> Result<UserOutcome> {
        let db = self.inner.writers.begin_holding(lock::USERS).await?;
        let outcome = users::delete(&db, name, &audit).await;
        db.end(outcome).await
    }

    async fn start_session(
        &self,
        session: SessionRecord,
        password: &str,
        instead_of: Option<[u8; 32]>,
        audit: NewAudit,
    ) -> Result<bool> {
        let db = self.inner.writers.begin_holding(lock::USERS).await?;
        let outcome = start(&db, &session, password, instead_of, &audit).await;
        db.end(outcome).await
    }

    async fn use_key(
        &self,
        key_sha256: [u8; 32],
        password: &str,
        session: SessionRecord,
        audit: NewAudit,
    ) -> Result<bool> {
        let db = self.inner.writers.begin_holding(lock::USERS).await?;
        let outcome = use_key(&db, key_sha256, password, &session, &audit).await;
        db.end(outcome).await
    }

    async fn user_of_key(&self, key_sha256: [u8; 32]) -> Result<Option<UserRecord>> {
        let db = self.inner.readers.lend().await?;
        let outcome = users::user_of_key(&db, key_sha256).await;
        db.done(outcome)
    }

    async fn session(&self, sha256: [u8; 32]) -> Result<Option<(SessionRecord, UserRecord)>> {
        let db = self.inner.readers.lend().await?;
        let outcome = session(&db, sha256).await;
        db.done(outcome)
    }

    async fn sessions_of(&self, user: &str) -> Result<Vec<SessionRecord>> {
        let db = self.inner.readers.lend().await?;
        let outcome = sessions_of(&db, user).await;
        db.done(outcome)
    }

    async fn end_sessions(&self, user: &str, which: Ending, audit: NewAudit) -> Result<usize> {
        let db = self.inner.writers.begin().await?;
        let outcome = end(&db, user, &which, &audit).await;
        db.end(outcome).await
    }

    async fn touch_sessions(&self, used: Vec<([u8; 32], Timestamp)>) -> Result<()> {
        let db = self.inner.writers.lend().await?;
        let outcome = touch(&db, &used).await;
        db.done(outcome)
    }

    async fn forget_sessions(&self, alive: Alive) -> Result<usize> {
        let db = self.inner.writers.lend().await?;
        let forget = "DELETE FROM sessions WHERE last_used_at <= $1 OR created_at <= $2";
        let values = values![alive.used_after.0, alive.created_after.0];
        let outcome = db.run(forget, values).await;
        db.done(outcome.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
    }
}
