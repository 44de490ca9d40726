//! A database becomes today's tables, whoever of the nodes comes first.
//!
//! Concurrency: a lock of the database is held within the transaction of a step; who waited for it
//! finds the step taken.
//! Failure: a database of a newer version is `Corrupt`, as a file of one is: this program is too old.

use super::bind::values;
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::get;
use crate::StoreError;

/// The steps from an empty database to today's tables. Each only adds, so that nodes of the version
/// before go on while others are renewed; one that could not is a step that the version after takes.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/postgres/0001_start.sql")];

/// Names of locks of the database that nodes hold against each other; any number of our own.
pub(super) mod lock {
    /// Steps of the schema, and partitions.
    pub(in crate::postgres) const SCHEMA: i64 = 0x616e_6e75_0001;
    /// Upkeep: one node at a time.
    pub(in crate::postgres) const UPKEEP: i64 = 0x616e_6e75_0002;
    /// Users, roles and tokens: what must hold over several rows.
    pub(in crate::postgres) const USERS: i64 = 0x616e_6e75_0003;
    /// Revisions of settings.
    pub(in crate::postgres) const SETTINGS: i64 = 0x616e_6e75_0004;
    /// How many silences there are.
    pub(in crate::postgres) const SILENCES: i64 = 0x616e_6e75_0005;
    /// How many texts are kept.
    pub(in crate::postgres) const KEPT: i64 = 0x616e_6e75_0007;
    /// Which incidents are alike.
    pub(in crate::postgres) const INCIDENTS: i64 = 0x616e_6e75_0006;
}

/// Waits for a lock, which ends with the transaction.
pub(super) async fn hold(db: &Lent, name: i64) -> Outcome<()> {
    db.rows("SELECT pg_advisory_xact_lock($1)", values![name]).await.map(drop)
}

/// Takes a lock when nobody has it.
pub(super) async fn try_hold(db: &Lent, name: i64) -> Outcome<bool> {
    get(&db.one("SELECT pg_try_advisory_xact_lock($1)", values![name]).await?, 0)
}

/// Brings the database to today's version, within a transaction; answers which one it had.
pub(super) async fn migrate(db: &Lent) -> Outcome<u64> {
    db.batch("SET LOCAL lock_timeout = 0").await?;
    hold(db, lock::SCHEMA).await?;
    let encoding: String =
        get(&db.one("SELECT current_setting('server_encoding')", &[]).await?, 0)?;
    if encoding != "UTF8" {
        return Err(StoreError::BadRequest(format!(
            "the database has the encoding {encoding}: make one with UTF8"
        ))
        .into());
    }
    // That it exists already is nothing to notice.
    db.batch(
        "SET LOCAL client_min_messages = warning;
         CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)",
    )
    .await?;
    let found = db.row("SELECT version FROM schema_version", &[]).await?;
    let version = found.as_ref().map_or(Ok(0), |row| get::<i32>(row, 0))?;
    if found.is_none() {
        db.batch("INSERT INTO schema_version (version) VALUES (0)").await?;
    }
    check(version)?;
    let done = usize::try_from(version).unwrap_or(0);
    for (index, step) in MIGRATIONS.iter().enumerate().skip(done) {
        db.batch(step).await?;
        let version = i32::try_from(index + 1).expect("a few");
        db.run("UPDATE schema_version SET version = $1", values![version]).await?;
    }
    Ok(u64::try_from(done).unwrap_or(u64::MAX))
}

/// The version of this program's tables.
pub(super) fn known() -> u64 {
    u64::try_from(MIGRATIONS.len()).unwrap_or(u64::MAX)
}

fn check(version: i32) -> Outcome<()> {
    let known = MIGRATIONS.len();
    if usize::try_from(version).is_ok_and(|version| version <= known) {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!(
        "the database has version {version} and this program knows {known} at most: start a newer \
         program, or restore a copy from before the upgrade"
    ))
    .into())
}

/// The version of the tables.
pub(super) async fn version(db: &Lent) -> Outcome<u64> {
    let row = db.one("SELECT version::bigint FROM schema_version", &[]).await?;
    super::rows::number(&row, 0)
}
