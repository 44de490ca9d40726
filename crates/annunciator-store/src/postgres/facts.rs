//! What the store says of itself. Copies are made with the tools of PostgreSQL.

use async_trait::async_trait;

use super::bind::values;
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::{get, number};
use super::{PostgresStore, events, schema};
use crate::{Backup, Backups, NewAudit, Result, StoreError, StoreFacts};

/// What to do instead.
const GUIDANCE: &str = "This store is a PostgreSQL database: make copies with pg_dump, or with the \
     backups of your database, as the page \"Backup and restore\" of the guide says.";

#[async_trait]
impl Backups for PostgresStore {
    async fn facts(&self) -> Result<StoreFacts> {
        let db = self.inner.readers.lend().await?;
        let outcome = facts(&db).await;
        db.done(outcome)
    }

    async fn create_backup(&self, _audit: NewAudit) -> Result<Backup> {
        Err(StoreError::BadRequest(GUIDANCE.to_owned()))
    }

    fn stop_backups(&self) {}

    async fn backups(&self) -> Result<Vec<Backup>> {
        Err(StoreError::BadRequest(GUIDANCE.to_owned()))
    }

    async fn delete_backup(&self, _name: &str, _audit: NewAudit) -> Result<bool> {
        Err(StoreError::BadRequest(GUIDANCE.to_owned()))
    }
}

async fn facts(db: &Lent) -> Outcome<StoreFacts> {
    let find = "SELECT current_setting('server_version'), (SELECT count(*) FROM events),
           (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM queue)";
    let row = db.one(find, values![]).await?;
    let engine: String = get(&row, 0)?;
    Ok(StoreFacts {
        kind: "postgres".to_owned(),
        engine,
        schema_version: schema::version(db).await?,
        // The log is the database's own.
        log_bytes: 0,
        events: number(&row, 1)?,
        deliveries: number(&row, 2)?,
        oldest_event_at: events::oldest_at(db).await?,
    })
}
