//! Silences: rows that are few.

use annunciator_core::{ChannelName, SilenceId, Timestamp};
use async_trait::async_trait;
use tokio_postgres::Row;

use super::PostgresStore;
use super::accept::DATABASE_MS;
use super::bind::{count, text, values};
use super::changes::note_change;
use super::fault::Outcome;
use super::pool::Lent;
use super::records::paged;
use super::rows::{from_json, get, time, to_json};
use super::schema::lock;
use super::search::{count_of, number_cursor_of};
use crate::{
    Change, NewAudit, Page, Paged, Result, SILENCES_ENDED_MAX, SILENCES_MAX, SilenceFilter,
    SilenceRecord, Silences,
};

const COLUMNS: &str =
    "number, id, matchers, channels, author, comment, created_at, starts_at, ends_at, ended_by";

#[async_trait]
impl Silences for PostgresStore {
    async fn silences(&self, filter: SilenceFilter, page: Page) -> Result<Paged<SilenceRecord>> {
        let db = self.inner.readers.lend().await?;
        let outcome = silences(&db, &filter, &page).await;
        db.done(outcome)
    }

    async fn silence(&self, id: SilenceId) -> Result<Option<SilenceRecord>> {
        let db = self.inner.readers.lend().await?;
        let outcome = silence(&db, id).await;
        db.done(outcome)
    }

    async fn put_silence(&self, record: SilenceRecord, audit: NewAudit) -> Result<bool> {
        let db = self.inner.writers.begin_holding(lock::SILENCES).await?;
        let outcome = put(&db, &record, &audit).await;
        db.end(outcome).await
    }

    async fn end_silence(&self, id: SilenceId, audit: NewAudit) -> Result<Option<SilenceRecord>> {
        let db = self.inner.writers.begin().await?;
        let outcome = end(&db, id, &audit).await;
        db.end(outcome).await
    }

    async fn forget_silences(&self, ended_before: Timestamp, now: Timestamp) -> Result<u64> {
        let db = self.inner.writers.begin().await?;
        let outcome = forget(&db, ended_before, now).await;
        db.end(outcome).await
    }
}

async fn silences(db: &Lent, filter: &SilenceFilter, page: &Page) -> Outcome<Paged<SilenceRecord>> {
    // Without a filter both bounds let everything through.
    let (after, until) = match filter.ended {
        None => (i64::MIN, i64::MAX),
        Some((true, now)) => (i64::MIN, now.0),
        Some((false, now)) => (now.0.saturating_add(1), i64::MAX),
    };
    let text = format!(
        "SELECT {COLUMNS} FROM silences WHERE number < $1 AND ends_at BETWEEN $2 AND $3
         ORDER BY number DESC LIMIT $4"
    );
    let most = count(count_of(page) + 1);
    let rows = db.rows(&text, values![number_cursor_of(page)?, after, until, most]).await?;
    let read = |row| Ok((get(row, 0)?, silence_of(row)?));
    paged(rows.iter().map(read).collect::<Outcome<_>>()?, page)
}

async fn silence(db: &Lent, id: SilenceId) -> Outcome<Option<SilenceRecord>> {
    let text = format!("SELECT {COLUMNS} FROM silences WHERE id = $1");
    db.row(&text, values![id.0]).await?.as_ref().map(silence_of).transpose()
}

fn silence_of(row: &Row) -> Outcome<SilenceRecord> {
    let channels: Vec<ChannelName> = from_json(get(row, 3)?, "silence")?;
    Ok(SilenceRecord {
        id: SilenceId(get(row, 1)?),
        matchers: get(row, 2)?,
        channels,
        author: get(row, 4)?,
        comment: get(row, 5)?,
        created_at: time(row, 6)?,
        starts_at: time(row, 7)?,
        ends_at: time(row, 8)?,
        ended_by: get(row, 9)?,
    })
}

async fn put(db: &Lent, record: &SilenceRecord, audit: &NewAudit) -> Outcome<bool> {
    let others = "SELECT count(*) FROM silences WHERE ends_at > $1 AND id <> $2";
    let others: i64 = get(&db.one(others, values![audit.at.0, record.id.0]).await?, 0)?;
    if others >= count(SILENCES_MAX) {
        return Ok(false);
    }
    let put =
        "INSERT INTO silences (id, matchers, channels, author, comment, created_at, starts_at,
           ends_at, ended_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (id) DO UPDATE SET matchers = $2, channels = $3, author = $4,
           comment = $5, created_at = $6, starts_at = $7, ends_at = $8, ended_by = $9";
    let (matchers, channels) = (text(&record.matchers), to_json(&record.channels));
    let (author, comment) = (text(&record.author), text(&record.comment));
    let [created_at, starts_at, ends_at] =
        [record.created_at, record.starts_at, record.ends_at].map(|at| at.0);
    let (id, ended_by) = (record.id.0, record.ended_by.clone());
    let values =
        values![id, matchers, channels, author, comment, created_at, starts_at, ends_at, ended_by];
    db.run(put, values).await?;
    note_change(db, audit, Change::Silences).await?;
    Ok(true)
}

async fn end(db: &Lent, id: SilenceId, audit: &NewAudit) -> Outcome<Option<SilenceRecord>> {
    // One that has not begun never does.
    let end = "UPDATE silences SET ends_at = $2, starts_at = least(starts_at, $2), ended_by = $3
         WHERE id = $1 AND ends_at > $2";
    if db.run(end, values![id.0, audit.at.0, text(&audit.author)]).await? == 0 {
        return Ok(None);
    }
    note_change(db, audit, Change::Silences).await?;
    silence(db, id).await
}

/// One is over when the clock of the database says so, too: that of the node may be ahead.
async fn forget(db: &Lent, ended_before: Timestamp, now: Timestamp) -> Outcome<u64> {
    let old = format!("DELETE FROM silences WHERE ends_at < least($1, {DATABASE_MS})");
    let old = db.run(&old, values![ended_before.0]).await?;
    let excess = format!(
        "DELETE FROM silences WHERE number IN (
           SELECT number FROM silences WHERE ends_at <= least($1, {DATABASE_MS})
           ORDER BY ends_at DESC, number DESC OFFSET $2)"
    );
    Ok(old + db.run(&excess, values![now.0, count(SILENCES_ENDED_MAX)]).await?)
}
