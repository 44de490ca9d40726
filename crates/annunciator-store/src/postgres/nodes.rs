//! The nodes: rows with a sign of life by the clock of the database.
//!
//! The store itself gives a sign of life while it is open, so that the claims of its node hold
//! however busy the server is; what the server says of itself comes with its own beats.

use std::sync::Arc;
use std::time::Duration;

use annunciator_core::Timestamp;
use async_trait::async_trait;
use tokio_postgres::Row;
use uuid::Uuid;

use super::accept::DATABASE_MS;
use super::bind::{text, values};
use super::fault::{Outcome, unreadable};
use super::pool::Lent;
use super::records::insert_audit;
use super::rows::{get, time};
use super::{Inner, PostgresStore, partitions};
use crate::{BeatAnswer, NewAudit, NodeBeat, NodeRow, NodeState, Nodes, Result, StoreError};

/// A node without a sign of life for so long is dead: others plan its events. Unit: milliseconds.
pub(super) const DEAD_MS: i64 = 15_000;
/// Wait between two signs of life.
const BEAT_WAIT: Duration = Duration::from_secs(3);
/// Signs of life between two looks at the partitions.
const BEATS_PER_LOOK: u32 = 600;
/// Who was not heard of for so long is not listed. Unit: milliseconds.
const LISTED_MS: i64 = 24 * 3_600_000;

#[async_trait]
impl Nodes for PostgresStore {
    async fn beat(&self, said: NodeBeat) -> Result<BeatAnswer> {
        let db = self.inner.writers.lend().await?;
        let outcome = beat(&db, self.inner.node, &said).await;
        db.done(outcome)
    }

    async fn nodes(&self) -> Result<Vec<NodeRow>> {
        let db = self.inner.readers.lend().await?;
        let outcome = nodes(&db, self.inner.node).await;
        db.done(outcome)
    }

    async fn drain_node(&self, id: Uuid, drain: bool, audit: NewAudit) -> Result<bool> {
        let db = self.inner.writers.begin().await?;
        let outcome = drain_node(&db, id, drain, &audit).await;
        db.end(outcome).await
    }
}

async fn beat(db: &Lent, node: Uuid, said: &NodeBeat) -> Outcome<BeatAnswer> {
    let put = format!(
        "INSERT INTO nodes (id, name, version, address, started_at, state, beat_at)
         VALUES ($1, $2, $3, $4, $5, $6, {DATABASE_MS})
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version,
           address = excluded.address, started_at = excluded.started_at, state = excluded.state,
           beat_at = excluded.beat_at
         RETURNING beat_at, drain_asked"
    );
    let NodeBeat { name, version, address, started_at, state } = said;
    let (name, version, address) = (text(name), text(version), text(address));
    let (at, state) = (started_at.0, state.as_str());
    let row = db.one(&put, values![node, name, version, address, at, state]).await?;
    Ok(BeatAnswer { store_time: Some(time(&row, 0)?), is_drain_asked: get(&row, 1)? })
}

async fn nodes(db: &Lent, this: Uuid) -> Outcome<Vec<NodeRow>> {
    let find = format!(
        "SELECT id, name, version, address, started_at, state, beat_at,
           beat_at > {DATABASE_MS} - $1, drain_asked
         FROM nodes WHERE beat_at > {DATABASE_MS} - $2 OR id = $3
         ORDER BY name, id LIMIT 1000"
    );
    let read = |row: &Row| {
        let state = match get(row, 5)? {
            "serving" => NodeState::Serving,
            "draining" => NodeState::Draining,
            _ => return Err(unreadable("state of a node")),
        };
        let said = NodeBeat {
            name: get(row, 1)?,
            version: get(row, 2)?,
            address: get(row, 3)?,
            started_at: time(row, 4)?,
            state,
        };
        let id: Uuid = get(row, 0)?;
        Ok(NodeRow {
            id,
            said,
            beat_at: time(row, 6)?,
            is_alive: get(row, 7)?,
            is_drain_asked: get(row, 8)?,
            is_this: id == this,
        })
    };
    db.rows(&find, values![DEAD_MS, LISTED_MS, this]).await?.iter().map(read).collect()
}

async fn drain_node(db: &Lent, id: Uuid, drain: bool, audit: &NewAudit) -> Outcome<bool> {
    let set = "UPDATE nodes SET drain_asked = $2 WHERE id = $1 AND drain_asked <> $2";
    if db.run(set, values![id, drain]).await? == 0 {
        return Ok(false);
    }
    insert_audit(db, audit).await?;
    Ok(true)
}

/// This node is here: what it was asked before its start is done with.
pub(super) async fn arrive(db: &Lent, node: Uuid, name: &str, now: Timestamp) -> Outcome<()> {
    let put = format!(
        "INSERT INTO nodes (id, name, version, address, started_at, state, beat_at)
         VALUES ($1, $2, '', '', $3, 'serving', {DATABASE_MS})
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, started_at = excluded.started_at,
           state = 'serving', drain_asked = false, beat_at = excluded.beat_at"
    );
    db.run(&put, values![node, text(name), now.0]).await.map(drop)
}

/// The node ends: others need not wait for its claims to lapse.
pub(super) async fn leave(db: &Lent, node: Uuid) -> Outcome<()> {
    let leave = "UPDATE nodes SET beat_at = least(beat_at, $2), state = 'draining' WHERE id = $1";
    let now = partitions::database_time(db).await?;
    db.run(leave, values![node, now.0 - DEAD_MS]).await.map(drop)
}

/// Gives signs of life, and makes partitions ahead, until the end.
pub(super) async fn live(inner: Arc<Inner>) {
    let mut beats = 0_u32;
    while !inner.writers.is_closed() {
        let lived = async {
            let db = inner.keeper.begin().await?;
            let outcome = sign(&db, inner.node, beats.is_multiple_of(BEATS_PER_LOOK)).await;
            db.end(outcome).await
        };
        let lived = lived.await;
        if inner.writers.fullness().is_some() && has_room(&inner).await {
            inner.writers.note_room();
        }
        match lived {
            Ok(()) => beats = beats.wrapping_add(1),
            Err(error) => tracing::debug!(%error, "no sign of life could be given"),
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT_WAIT) => {}
            () = inner.stopped.notified() => return,
        }
    }
}

async fn sign(db: &Lent, node: Uuid, looks_ahead: bool) -> Outcome<()> {
    let sign = format!("UPDATE nodes SET beat_at = {DATABASE_MS} WHERE id = $1");
    db.run(&sign, values![node]).await?;
    if looks_ahead {
        let now = partitions::database_time(db).await?;
        partitions::make_ahead(db, now).await?;
    }
    Ok(())
}

/// Whether there is room again; asked only after something was refused for want of it.
async fn has_room(inner: &Inner) -> bool {
    // A table that is gone with the transaction; of this size nothing fits into old gaps.
    let try_out = "SET LOCAL temp_tablespaces = '';
        CREATE TEMPORARY TABLE annunciator_room ON COMMIT DROP AS
        SELECT repeat('x', 1000) AS x FROM generate_series(1, 2000)";
    let Ok(db) = inner.keeper.begin().await else { return false };
    let outcome = db.batch(try_out).await;
    !matches!(db.end(outcome).await, Err(StoreError::Full(_) | StoreError::Io(_)))
}
