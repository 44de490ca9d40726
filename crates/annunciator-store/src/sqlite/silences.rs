//! Silences: rows that are few.
//!
//! Failure: a row that cannot be read is `Corrupt`.

use annunciator_core::{ChannelName, SilenceId, Timestamp};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::SqliteStore;
use super::events::{count_of, cursor_of};
use super::fault::{Trouble, unreadable};
use super::group::Kind;
use super::history::list;
use super::records::insert_audit;
use super::session::Session;
use crate::{
    NewAudit, Page, Paged, Result, SILENCES_ENDED_MAX, SILENCES_MAX, SilenceFilter, SilenceRecord,
    Silences,
};

const COLUMNS: &str =
    "number, id, matchers, channels, author, comment, created_at, starts_at, ends_at, ended_by";

#[async_trait]
impl Silences for SqliteStore {
    async fn silences(&self, filter: SilenceFilter, page: Page) -> Result<Paged<SilenceRecord>> {
        let ask = move |connection: &Connection| silences(connection, &filter, &page);
        self.shared.readers.ask(ask).await
    }

    async fn silence(&self, id: SilenceId) -> Result<Option<SilenceRecord>> {
        self.read(move |connection| silence(connection, id)).await
    }

    async fn put_silence(&self, record: SilenceRecord, audit: NewAudit) -> Result<bool> {
        let work = move |session: &mut Session| put(&session.connection, &record, &audit);
        self.write(Kind::Command, 1, work).await
    }

    async fn end_silence(&self, id: SilenceId, audit: NewAudit) -> Result<Option<SilenceRecord>> {
        let work = move |session: &mut Session| end(&session.connection, id, &audit);
        self.write(Kind::Command, 1, work).await
    }

    async fn forget_silences(&self, ended_before: Timestamp, now: Timestamp) -> Result<u64> {
        let work = move |session: &mut Session| Ok(forget(&session.connection, ended_before, now)?);
        self.write(Kind::Flow, 1, work).await
    }
}

fn silences(
    connection: &Connection,
    filter: &SilenceFilter,
    page: &Page,
) -> Result<Paged<SilenceRecord>> {
    // Without a filter both bounds let everything through.
    let (after, until) = match filter.ended {
        None => (i64::MIN, i64::MAX),
        Some((true, now)) => (i64::MIN, now.0),
        Some((false, now)) => (now.0.saturating_add(1), i64::MAX),
    };
    let text = format!(
        "SELECT {COLUMNS} FROM silences WHERE number < ?1 AND ends_at BETWEEN ?2 AND ?3
         ORDER BY number DESC LIMIT ?4"
    );
    let values = (cursor_of(page)?, after, until, count_of(page) + 1);
    list(connection, &text, values, page, |row| Ok((row.get(0)?, silence_of(row)?)))
}

fn silence(connection: &Connection, id: SilenceId) -> rusqlite::Result<Option<SilenceRecord>> {
    let text = format!("SELECT {COLUMNS} FROM silences WHERE id = ?1");
    connection.prepare_cached(&text)?.query_row([id.0.as_bytes()], silence_of).optional()
}

fn silence_of(row: &Row<'_>) -> rusqlite::Result<SilenceRecord> {
    let channels: String = row.get(3)?;
    let channels: Vec<ChannelName> =
        serde_json::from_str(&channels).map_err(|_| unreadable("silence"))?;
    Ok(SilenceRecord {
        id: SilenceId(Uuid::from_bytes(row.get(1).map_err(|_| unreadable("silence"))?)),
        matchers: row.get(2)?,
        channels,
        author: row.get(4)?,
        comment: row.get(5)?,
        created_at: Timestamp(row.get(6)?),
        starts_at: Timestamp(row.get(7)?),
        ends_at: Timestamp(row.get(8)?),
        ended_by: row.get(9)?,
    })
}

fn put(
    connection: &Connection,
    record: &SilenceRecord,
    audit: &NewAudit,
) -> std::result::Result<bool, Trouble> {
    let others: usize = connection
        .prepare_cached("SELECT count(*) FROM silences WHERE ends_at > ?1 AND id <> ?2")?
        .query_row((audit.at.0, record.id.0.as_bytes()), |row| row.get(0))?;
    if others >= SILENCES_MAX {
        return Ok(false);
    }
    let channels = serde_json::to_string(&record.channels).expect("names are texts");
    connection
        .prepare_cached(
            "INSERT INTO silences (id, matchers, channels, author, comment, created_at, starts_at,
               ends_at, ended_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET matchers = ?2, channels = ?3, author = ?4,
               comment = ?5, created_at = ?6, starts_at = ?7, ends_at = ?8, ended_by = ?9",
        )?
        .execute((
            record.id.0.as_bytes(),
            &record.matchers,
            channels,
            &record.author,
            &record.comment,
            record.created_at.0,
            record.starts_at.0,
            record.ends_at.0,
            &record.ended_by,
        ))?;
    insert_audit(connection, audit)?;
    Ok(true)
}

fn end(
    connection: &Connection,
    id: SilenceId,
    audit: &NewAudit,
) -> std::result::Result<Option<SilenceRecord>, Trouble> {
    // One that has not begun never does.
    let count = connection
        .prepare_cached(
            "UPDATE silences SET ends_at = ?2, starts_at = min(starts_at, ?2), ended_by = ?3
             WHERE id = ?1 AND ends_at > ?2",
        )?
        .execute((id.0.as_bytes(), audit.at.0, &audit.author))?;
    if count == 0 {
        return Ok(None);
    }
    insert_audit(connection, audit)?;
    Ok(silence(connection, id)?)
}

fn forget(
    connection: &Connection,
    ended_before: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<u64> {
    let old = connection
        .prepare_cached("DELETE FROM silences WHERE ends_at < ?1")?
        .execute([ended_before.0])?;
    let excess = connection
        .prepare_cached(
            "DELETE FROM silences WHERE number IN (
               SELECT number FROM silences WHERE ends_at <= ?1
               ORDER BY ends_at DESC, number DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute((now.0, SILENCES_ENDED_MAX))?;
    Ok(u64::try_from(old + excess).unwrap_or(u64::MAX))
}
