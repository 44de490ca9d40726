//! The nodes: rows with a sign of life by the clock of the database.
//!
//! The store itself gives a sign of life while it is open, so that the claims of its node hold
//! however busy the server is; what the server says of itself comes with its own beats, which are no
//! signs: each sign is held against the one before. With each sign it looks after the others: what a
//! silent node had in flight is queued again (life.rs).

use std::sync::Arc;
use std::time::Duration;

use annunciator_core::{Lane, Timestamp};
use async_trait::async_trait;
use tokio_postgres::Row;
use uuid::Uuid;

use super::accept::DATABASE_MS;
use super::bind::{text, values};
use super::fault::{Outcome, unreadable};
use super::life::{Watch, running};
use super::pool::{Lent, Pool};
use super::records::insert_audit;
use super::rows::{get, number, time};
use super::{Inner, PostgresStore, changes, partitions, troubles};
use crate::{
    BeatAnswer, Change, Connections, LaneTrouble, NewAudit, NodeBeat, NodeRow, NodeState, Nodes,
    Result, StoreError,
};

/// A node without a sign of life for so long is dead: others plan its events. Unit: milliseconds.
pub(super) const DEAD_MS: i64 = 15_000;
/// Wait between two signs of life.
const BEAT_WAIT: Duration = Duration::from_secs(3);
/// Looks at what the last run of this node has under way, and the wait between them.
const FORMER_LOOKS: u32 = 500;
const FORMER_WAIT: Duration = Duration::from_millis(20);
/// Most deliveries of silent nodes that are queued again at once.
const TAKEN_MAX: i64 = 10_000;
/// Signs of life before another try to make partitions.
const BEATS_PER_RETRY: u32 = 20;
/// Who was not heard of for so long is forgotten: whatever it had was taken over long ago.
const FORGOTTEN_MS: i64 = 7 * 24 * 3_600_000;
/// Signs of life between two looks at the partitions.
const BEATS_PER_LOOK: u32 = 600;
/// Who was not heard of for so long is not listed. Unit: milliseconds.
const LISTED_MS: i64 = 24 * 3_600_000;

#[async_trait]
impl Nodes for PostgresStore {
    async fn beat(&self, said: NodeBeat, _now: Timestamp) -> Result<BeatAnswer> {
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

    async fn tell_trouble(&self, trouble: LaneTrouble) -> Result<()> {
        let db = self.inner.writers.begin().await?;
        let outcome = troubles::tell(&db, self.inner.node, &trouble).await;
        db.end(outcome).await
    }

    async fn tell_recovery(&self, lane: Option<Lane>) -> Result<()> {
        let db = self.inner.writers.begin().await?;
        let outcome = troubles::take_back(&db, lane.as_ref()).await;
        db.end(outcome).await
    }

    async fn troubles(&self) -> Result<Vec<LaneTrouble>> {
        let db = self.inner.readers.lend().await?;
        let outcome = troubles::list(&db, self.inner.node).await;
        db.done(outcome)
    }

    fn connections(&self) -> Option<Connections> {
        let pools = self.inner.pools();
        Some(pools.iter().fold(Connections::default(), |sum, pool| pool.add_to(sum)))
    }
}

async fn beat(db: &Lent, node: Uuid, said: &NodeBeat) -> Outcome<BeatAnswer> {
    // Whether a node `o` takes part.
    let serves = format!(
        "o.state = 'serving' AND NOT o.drain_asked AND o.beat_at > {DATABASE_MS} - {DEAD_MS}"
    );
    let put = format!(
        "INSERT INTO nodes AS n (id, name, version, address, started_at, state, skew_ms, beat_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version,
           address = excluded.address, started_at = excluded.started_at,
           state = CASE WHEN n.drain_asked THEN 'draining' ELSE excluded.state END,
           skew_ms = excluded.skew_ms
         RETURNING {DATABASE_MS}, drain_asked,
           (SELECT count(*) FROM nodes o WHERE o.id <> $1 AND {serves}),
           (SELECT count(*) FROM nodes o WHERE o.id < $1 AND {serves})"
    );
    let NodeBeat { name, version, address, started_at, state, skew_ms } = said;
    let (name, version, address) = (text(name), text(version), text(address));
    let (at, state) = (started_at.0, state.as_str());
    let row = db.one(&put, values![node, name, version, address, at, state, *skew_ms]).await?;
    Ok(BeatAnswer {
        store_time: Some(time(&row, 0)?),
        is_drain_asked: get(&row, 1)?,
        serving: number::<u32>(&row, 2)?.saturating_add(1),
        place: number(&row, 3)?,
    })
}

async fn nodes(db: &Lent, this: Uuid) -> Outcome<Vec<NodeRow>> {
    let find = format!(
        "WITH flying AS (
           SELECT node, count(*) FROM queue WHERE lease_until IS NOT NULL GROUP BY node),
         planning AS (SELECT node, count(*) FROM inbox WHERE node IS NOT NULL GROUP BY node)
         SELECT id, name, version, address, started_at, state, beat_at,
           state <> 'stopped' AND beat_at > {DATABASE_MS} - $1, drain_asked, skew_ms,
           greatest({DATABASE_MS} - beat_at, 0), coalesce(f.count, 0), coalesce(p.count, 0)
         FROM nodes LEFT JOIN flying f ON f.node = id LEFT JOIN planning p ON p.node = id
         WHERE beat_at > {DATABASE_MS} - $2 OR id = $3
         ORDER BY name, id LIMIT 1000"
    );
    let read = |row: &Row| {
        let state = match get(row, 5)? {
            "serving" => NodeState::Serving,
            "draining" => NodeState::Draining,
            "stopped" => NodeState::Stopped,
            _ => return Err(unreadable("state of a node")),
        };
        let said = NodeBeat {
            name: get(row, 1)?,
            version: get(row, 2)?,
            address: get(row, 3)?,
            started_at: time(row, 4)?,
            state,
            skew_ms: get(row, 9)?,
        };
        let id: Uuid = get(row, 0)?;
        Ok(NodeRow {
            id,
            said,
            beat_at: time(row, 6)?,
            is_alive: get(row, 7)?,
            is_drain_asked: get(row, 8)?,
            is_this: id == this,
            silent_ms: get(row, 10)?,
            in_flight: number(row, 11)?,
            unplanned: number(row, 12)?,
        })
    };
    db.rows(&find, values![DEAD_MS, LISTED_MS, this]).await?.iter().map(read).collect()
}

async fn drain_node(db: &Lent, id: Uuid, drain: bool, audit: &NewAudit) -> Outcome<bool> {
    let set = "UPDATE nodes SET drain_asked = $2
         WHERE id = $1 AND drain_asked <> $2 AND ($2 OR state <> 'draining')";
    if db.run(set, values![id, drain]).await? == 0 {
        return Ok(false);
    }
    insert_audit(db, audit).await?;
    Ok(true)
}

/// What the connections of a node call themselves, before its name.
pub(super) fn application_of(node: Uuid) -> String {
    format!("annunciator {node}")
}

/// Ends what the last run of this node still has under way in the database: a commit that came to
/// its end after the start would claim what nobody has.
pub(super) async fn end_former(pool: &Arc<Pool>, node: Uuid) -> Result<()> {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name LIKE $1 AND datname = current_database() AND state <> 'idle'
           AND pid <> pg_backend_pid()";
    let name = format!("{}%", application_of(node));
    for _ in 0..FORMER_LOOKS {
        let db = pool.lend().await?;
        let ended = db.rows(end, values![name.as_str()]).await;
        if db.done(ended)?.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(FORMER_WAIT).await;
    }
    tracing::warn!("the last run of this node still has something under way in the database");
    Ok(())
}

/// This node is here: what it was asked before its start is done with.
pub(super) async fn arrive(db: &Lent, node: Uuid, name: &str, now: Timestamp) -> Outcome<()> {
    let put = format!(
        "INSERT INTO nodes (id, name, version, address, started_at, state, skew_ms, beat_at)
         VALUES ($1, $2, '', '', $3, 'serving', 0, {DATABASE_MS})
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, started_at = excluded.started_at,
           state = 'serving', drain_asked = false, beat_at = excluded.beat_at"
    );
    db.run(&put, values![node, text(name), now.0]).await?;
    let forget = format!("DELETE FROM nodes WHERE beat_at < {DATABASE_MS} - $1");
    db.run(&forget, values![FORGOTTEN_MS]).await.map(drop)
}

/// The node ends: others need not wait for its claims of events to lapse.
pub(super) async fn leave(db: &Lent, node: Uuid) -> Outcome<()> {
    let leave = format!(
        "WITH free AS (UPDATE inbox SET node = NULL, lease_until = NULL WHERE node = $1)
         UPDATE nodes SET beat_at = {DATABASE_MS}, state = 'stopped' WHERE id = $1"
    );
    db.run(&leave, values![node]).await?;
    for work in [Change::Work, Change::Events] {
        changes::wake_others(db, work, node).await?;
    }
    Ok(())
}

/// Gives signs of life, makes partitions ahead, and looks after what nobody has, until the end.
pub(super) async fn live(inner: Arc<Inner>) {
    let (mut beats, mut weeks_at) = (0_u32, 0);
    let (mut watch, mut is_missed) = (Watch::default(), false);
    while !inner.writers.is_closed() {
        let lived = inner.live_once(&mut watch).await;
        if inner.writers.fullness().is_some() && has_room(&inner).await {
            inner.writers.note_room();
        }
        match lived {
            Ok(()) => is_missed = false,
            Err(error) if is_missed => tracing::debug!(%error, "no sign of life could be given"),
            Err(error) => {
                is_missed = true;
                tracing::warn!(%error, "no sign of life could be given; trying again");
            }
        }
        if beats >= weeks_at {
            let wait = if inner.make_weeks().await { BEATS_PER_LOOK } else { BEATS_PER_RETRY };
            weeks_at = beats.saturating_add(wait);
        }
        beats = beats.saturating_add(1);
        tokio::select! {
            () = tokio::time::sleep(BEAT_WAIT) => {}
            () = inner.stopped.notified() => return,
        }
    }
}

impl Inner {
    /// Makes the tables of the coming weeks, in a transaction of its own that waits for nobody: who
    /// reads for long, as a copy does, must not cost a sign of life.
    async fn make_weeks(&self) -> bool {
        let made = partitions::make_soon(&self.keeper).await;
        if let Err(error) = &made {
            tracing::warn!(%error, "the tables of the coming weeks are not made yet; trying again");
        }
        made.is_ok()
    }

    async fn live_once(&self, watch: &mut Watch) -> Result<()> {
        let began = running();
        let db = self.keeper.begin().await?;
        let outcome = sign(&db, self.node).await;
        let (gap, signs) = db.end(outcome).await?;
        let now = running();
        self.life.note(began, now, gap);
        let silent = watch.look(&signs, now);
        if silent.is_empty() && self.doubts.is_empty() {
            return Ok(());
        }
        let db = self.keeper.begin().await?;
        let outcome = async {
            self.doubts.give_up(&db).await?;
            // At last, as it holds up a node that comes back, and waits for nobody.
            queue_silent(&db, &silent).await
        };
        let outcome = outcome.await;
        let count = db.end(outcome).await?;
        let is_in_doubt = !self.doubts.is_empty();
        self.doubts.note_look();
        if count > 0 {
            tracing::info!(count, "deliveries of nodes that are silent are queued again");
        }
        if is_in_doubt || count > 0 {
            self.tell(Change::Work);
        }
        Ok(())
    }
}

/// Queues again what silent nodes had in flight: it may have arrived. One that gave another sign
/// than the one that was seen is back, and what it has now is its own; while its row is held, it gives
/// none, and begins no attempt.
pub(super) async fn queue_silent(db: &Lent, silent: &[(Uuid, i64)]) -> Outcome<u64> {
    if silent.is_empty() {
        return Ok(0);
    }
    let (ids, signs): (Vec<Uuid>, Vec<i64>) = silent.iter().copied().unzip();
    let put_back = "WITH silent AS MATERIALIZED (
           SELECT n.id FROM nodes n JOIN unnest($1::uuid[], $2::bigint[]) AS g(id, sign)
             ON g.id = n.id AND g.sign = n.beat_at
           FOR SHARE OF n SKIP LOCKED)
         UPDATE queue SET lease_until = NULL, node = NULL, possibly_duplicated = true
         WHERE id IN (SELECT q.id FROM queue q JOIN silent s ON s.id = q.node
                      WHERE q.lease_until IS NOT NULL
                      ORDER BY q.id LIMIT $3 FOR UPDATE OF q SKIP LOCKED)";
    db.run(put_back, values![ids, signs, TAKEN_MAX]).await
}

/// Gives a sign of life; answers how long the one before was ago by the clock of the database, and
/// the newest ones of the others.
async fn sign(db: &Lent, node: Uuid) -> Outcome<(Option<Duration>, Vec<(Uuid, i64)>)> {
    let sign = format!(
        "WITH last AS (SELECT id, beat_at FROM nodes WHERE id = $1 FOR UPDATE)
         UPDATE nodes n SET beat_at = {DATABASE_MS} FROM last WHERE n.id = last.id
         RETURNING n.beat_at - last.beat_at"
    );
    let signed = db.row(&sign, values![node]).await?;
    let gap = signed.as_ref().map(|row| get::<i64>(row, 0)).transpose()?;
    // A clock that was set back tells nothing.
    let gap = gap.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or_default()));
    // Who ended in order has nothing in flight.
    let others = format!(
        "SELECT id, beat_at FROM nodes
         WHERE id <> $1 AND state <> 'stopped' AND beat_at > {DATABASE_MS} - $2
         ORDER BY beat_at DESC LIMIT 1000"
    );
    let rows = db.rows(&others, values![node, FORGOTTEN_MS]).await?;
    let signs = rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect::<Outcome<_>>()?;
    Ok((gap, signs))
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
