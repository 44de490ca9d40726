//! The one node of a store in a file: known in memory, as nobody else is there.

use std::sync::Mutex;

use async_trait::async_trait;
use uuid::Uuid;

use super::SqliteStore;
use crate::{BeatAnswer, NewAudit, NodeBeat, NodeRow, Nodes, Result, Store as _};

/// What the node said last, and whether it shall drain.
#[derive(Default)]
pub(super) struct OwnNode(Mutex<(Option<NodeBeat>, bool)>);

/// The id of the only node.
const ID: Uuid = Uuid::nil();

#[async_trait]
impl Nodes for SqliteStore {
    async fn beat(&self, said: NodeBeat) -> Result<BeatAnswer> {
        let mut own = self.shared.node.0.lock().expect("no panic while held");
        own.0 = Some(said);
        Ok(BeatAnswer { store_time: None, is_drain_asked: own.1 })
    }

    async fn nodes(&self) -> Result<Vec<NodeRow>> {
        let own = self.shared.node.0.lock().expect("no panic while held").clone();
        let row = |said: NodeBeat| NodeRow {
            id: ID,
            beat_at: said.started_at,
            said,
            is_alive: true,
            is_drain_asked: own.1,
            is_this: true,
        };
        Ok(own.0.map(row).into_iter().collect())
    }

    async fn drain_node(&self, id: Uuid, drain: bool, audit: NewAudit) -> Result<bool> {
        let is_there = {
            let own = self.shared.node.0.lock().expect("no panic while held");
            id == ID && own.0.is_some() && own.1 != drain
        };
        if is_there {
            self.note(audit).await?;
            self.shared.node.0.lock().expect("no panic while held").1 = drain;
        }
        Ok(is_there)
    }
}
