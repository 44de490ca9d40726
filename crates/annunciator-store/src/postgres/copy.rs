//! A store in a file becomes one in a database: every row, counted on both sides.
//!
//! In: a folder that no server uses; an address whose database is empty. Out: how many rows went
//! from where to where.
//! Failure: the copy, tables included, is one transaction; what does not end well leaves the
//! database empty. Nodes that start meanwhile wait for its end.

use std::path::Path;

use annunciator_core::Timestamp;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::accept::DATABASE_MS;
use super::bind::values;
use super::fault::{Outcome, Trouble, unreadable};
use super::nodes::DEAD_MS;
use super::pool::{Lent, Pool};
use super::rows::get;
use super::{PostgresAddress, copy_tables, partitions};
use crate::sqlite::schema::{self, Purpose};
use crate::sqlite::{SqliteStore, file_of};
use crate::{Result, Store as _, StoreError};

/// Reading the file may take its time, and so may counting.
const BEGINNING: &str = "BEGIN; SET LOCAL statement_timeout = 0;
     SET LOCAL idle_in_transaction_session_timeout = 0";
/// Rows that go in one statement.
const BATCH: usize = 1_000;

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The table.
    pub table: &'static str,
    /// Rows that went into it so far.
    pub rows: u64,
    /// Rows that there are to copy.
    pub all: u64,
}

/// What the octets of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Octets {
    /// An id.
    Id,
    /// As they are.
    Plain,
    /// Keys of notifications, whose ids they become.
    Notifications,
    /// Keys of deliveries, whose ids they become.
    Deliveries,
    /// Parts, each with its length in four octets before it.
    Parts,
}

/// A table and where its rows come from.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Gives columns by the names of the table.
    pub(super) select: &'static str,
    /// Columns that hold octets other than plain ones.
    pub(super) octets: &'static [(&'static str, Octets)],
}

/// Rows of a table on their way.
struct Batch {
    table: &'static Table,
    /// Names of the columns.
    columns: String,
    /// A JSON list of objects.
    rows: String,
    /// Rows that the table has in the file.
    all: u64,
}

/// What becomes of a copy that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyEnd {
    /// It stays.
    Keep,
    /// It is undone: it was a trial.
    Undo,
}

/// Copies the store of a folder into a database; tells after each batch how far it is.
///
/// # Errors
/// [`StoreError::Busy`] when a server uses the folder or a node the database,
/// [`StoreError::BadRequest`] when there is no store in the folder or one in the database,
/// [`StoreError::Corrupt`] when the counts differ; those of both stores.
pub async fn copy_to_database(
    folder: &Path,
    address: &PostgresAddress,
    end: CopyEnd,
    mut tell: impl FnMut(&Copied),
) -> Result<Vec<Copied>> {
    let file = file_of(folder)?;
    let pool = Pool::new(address.config("annunciator store copy"), address.tls()?, 1);
    // Before the file is touched: whether the database is there.
    let mut db = pool.begin_as(BEGINNING).await?;
    db.be_patient();
    // Opened once, the file has today's tables, and nothing in it is in flight.
    SqliteStore::open(folder)?.close().await;
    let lock = schema::lock(folder)?;
    let source = schema::connect(&file, Purpose::Read).map_err(|error| file_error(&error))?;
    let outcome = copy_all(source, &db, &mut tell).await;
    let copied = match (end, outcome) {
        (CopyEnd::Undo, Ok(copied)) => {
            let undone = db.batch("ROLLBACK").await;
            db.done(undone).map(|()| copied)
        }
        (_, outcome) => db.end(outcome).await,
    };
    pool.close();
    drop(lock);
    copied
}

fn file_error(error: &rusqlite::Error) -> StoreError {
    StoreError::Io(format!("the file of the store cannot be read: {error}"))
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(file_error(&error))
    }
}

async fn copy_all(
    source: Connection,
    db: &Lent,
    tell: &mut impl FnMut(&Copied),
) -> Outcome<Vec<Copied>> {
    super::schema::migrate(db).await?;
    refuse_used(db).await?;
    let now = partitions::database_time(db).await?;
    partitions::make_ahead(db, now).await?;
    let oldest: Option<i64> =
        source.query_row("SELECT min(registered_at) FROM events", [], |row| row.get(0))?;
    if let Some(oldest) = oldest {
        partitions::make_between(db, Timestamp(oldest), now).await?;
    }
    let (sender, mut batches) = mpsc::channel(2);
    // Ends by itself when nobody takes its batches any more.
    let reader = tokio::task::spawn_blocking(move || read_all(&source, &sender));
    let mut all: Vec<Copied> = Vec::new();
    while let Some(batch) = batches.recv().await {
        let count = insert(db, &batch).await?;
        if all.last().is_none_or(|last| last.table != batch.table.name) {
            all.push(Copied { table: batch.table.name, rows: 0, all: batch.all });
        }
        let copied = all.last_mut().expect("it was added");
        copied.rows += count;
        tell(copied);
    }
    reader.await.map_err(|_| unreadable("file"))??;
    check(db, &all).await?;
    Ok(all)
}

/// A copy is no merge, and nobody works in it yet.
async fn refuse_used(db: &Lent) -> Outcome<()> {
    let filled = "SELECT 1 WHERE EXISTS (SELECT FROM events) OR EXISTS (SELECT FROM settings)
           OR EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM tokens)
           OR EXISTS (SELECT FROM audit)";
    if db.row(filled, values![]).await?.is_some() {
        let words = "there is a store in the database already: copy into a new, empty one";
        return Err(StoreError::BadRequest(words.to_owned()).into());
    }
    let alive = format!("SELECT 1 FROM nodes WHERE beat_at > {DATABASE_MS} - $1 LIMIT 1");
    if db.row(&alive, values![DEAD_MS]).await?.is_some() {
        let words = "a node uses the database: stop all nodes first";
        return Err(StoreError::Busy(words.to_owned()).into());
    }
    Ok(())
}

/// Lets numbers go on, and counts what is there.
async fn check(db: &Lent, all: &[Copied]) -> Outcome<()> {
    for (table, column) in copy_tables::NUMBERED {
        let text = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{column}'),
               coalesce((SELECT max({column}) FROM {table}), 0) + 1, false)"
        );
        db.rows(&text, values![]).await?;
    }
    for Copied { table, rows, all } in all {
        let count = format!("SELECT count(*) FROM {table}");
        let count: i64 = get(&db.one(&count, values![]).await?, 0)?;
        if u64::try_from(count).ok() != Some(*rows) || rows != all {
            let words = format!("{table}: of {all} rows {rows} went, and {count} are there");
            return Err(StoreError::Corrupt(words).into());
        }
    }
    Ok(())
}

async fn insert(db: &Lent, batch: &Batch) -> Outcome<u64> {
    let (table, columns) = (batch.table.name, &batch.columns);
    let insert = format!(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE
         SELECT {columns} FROM json_populate_recordset(NULL::{table}, $1::text::json)"
    );
    db.run(&insert, values![batch.rows.as_str()]).await
}

/// Reads the tables in their order, batch by batch; blocks.
fn read_all(source: &Connection, sender: &mpsc::Sender<Batch>) -> Outcome<()> {
    for table in copy_tables::TABLES {
        let count = format!("SELECT count(*) FROM ({})", table.select);
        let all = source.query_row(&count, [], |row| row.get(0))?;
        let mut select = source.prepare(table.select)?;
        let names: Vec<String> = select.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = select.query([])?;
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            while batch.len() < BATCH
                && let Some(row) = rows.next()?
            {
                batch.push(Value::Object(object_of(source, table, &names, row)?));
            }
            let is_last = batch.len() < BATCH;
            let rows = Value::Array(batch).to_string();
            let batch = Batch { table, columns: names.join(", "), rows, all };
            if sender.blocking_send(batch).is_err() || is_last {
                break;
            }
        }
    }
    Ok(())
}

fn object_of(
    source: &Connection,
    table: &Table,
    names: &[String],
    row: &rusqlite::Row<'_>,
) -> Outcome<Map<String, Value>> {
    let mut object = Map::new();
    for (place, name) in names.iter().enumerate() {
        let value = match row.get_ref(place)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(text) => String::from_utf8_lossy(text).replace('\0', "\u{FFFD}").into(),
            ValueRef::Blob(octets) => {
                let kind = table.octets.iter().find(|(column, _)| column == name);
                octets_of(source, kind.map_or(Octets::Plain, |(_, kind)| *kind), octets)?
            }
        };
        object.insert(name.clone(), value);
    }
    Ok(object)
}

fn octets_of(source: &Connection, kind: Octets, octets: &[u8]) -> Outcome<Value> {
    let hex = |octets: &[u8]| -> String {
        let digits = octets.iter().map(|octet| format!("{octet:02x}"));
        std::iter::once("\\x".to_owned()).chain(digits).collect()
    };
    Ok(match kind {
        Octets::Plain => hex(octets).into(),
        // An id that is not set yet.
        Octets::Id if octets.is_empty() => Value::Null,
        Octets::Id => id_of(octets)?.into(),
        Octets::Notifications => {
            ids_of(source, "SELECT id FROM notifications WHERE key = ?1", octets)?
        }
        Octets::Deliveries => ids_of(source, "SELECT id FROM deliveries WHERE key = ?1", octets)?,
        Octets::Parts => {
            let (mut parts, mut rest) = (Vec::new(), octets);
            while let Some((length, behind)) = rest.split_first_chunk() {
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
                let cut = behind.split_at_checked(length);
                let (part, left) = cut.ok_or_else(|| unreadable("certificate"))?;
                parts.push(Value::from(hex(part)));
                rest = left;
            }
            parts.into()
        }
    })
}

fn id_of(octets: &[u8]) -> Outcome<String> {
    Uuid::from_slice(octets).map(|id| id.to_string()).map_err(|_| unreadable("id"))
}

fn ids_of(source: &Connection, find: &str, keys: &[u8]) -> Outcome<Value> {
    let mut select = source.prepare_cached(find)?;
    let (keys, _) = keys.as_chunks::<8>();
    let mut ids = Vec::with_capacity(keys.len());
    for key in keys {
        let id: Vec<u8> = select.query_row([i64::from_be_bytes(*key)], |row| row.get(0))?;
        ids.push(Value::from(id_of(&id)?));
    }
    Ok(ids.into())
}
