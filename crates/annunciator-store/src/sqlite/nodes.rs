//! The one node of a store in a file: known in memory, as nobody else is there.

use std::sync::Mutex;

use annunciator_core::Timestamp;
use async_trait::async_trait;
use uuid::Uuid;

use super::SqliteStore;
use crate::{BeatAnswer, NewAudit, NodeBeat, NodeRow, NodeState, Nodes, Result, Store as _};

/// What the node said last and when, and whether it shall drain.
#[derive(Default)]
pub(super) struct OwnNode(Mutex<(Option<(NodeBeat, Timestamp)>, bool)>);

/// The id of the only node.
const ID: Uuid = Uuid::nil();

#[async_trait]
impl Nodes for SqliteStore {
    async fn beat(&self, mut said: NodeBeat, now: Timestamp) -> Result<BeatAnswer> {
        let mut own = self.shared.node.0.lock().expect("no panic while held");
        if own.1 {
            said.state = NodeState::Draining;
        }
        own.0 = Some((said, now));
        Ok(BeatAnswer { store_time: None, is_drain_asked: own.1 })
    }

    async fn nodes(&self) -> Result<Vec<NodeRow>> {
        let own = self.shared.node.0.lock().expect("no panic while held").clone();
        let counts = self.queue_counts().await?;
        let row = |(said, beat_at): (NodeBeat, Timestamp)| NodeRow {
            id: ID,
            said,
            beat_at,
            silent_ms: 0,
            is_alive: true,
            is_drain_asked: own.1,
            is_this: true,
            in_flight: counts.in_flight,
            unplanned: counts.events_unplanned,
        };
        Ok(own.0.map(row).into_iter().collect())
    }

    async fn drain_node(&self, id: Uuid, drain: bool, audit: NewAudit) -> Result<bool> {
        let is_there = {
            let own = self.shared.node.0.lock().expect("no panic while held");
            let is_draining = own.0.as_ref().map(|(said, _)| said.state == NodeState::Draining);
            id == ID && own.1 != drain && is_draining.is_some_and(|it| drain || !it)
        };
        if is_there {
            self.note(audit).await?;
            self.shared.node.0.lock().expect("no panic while held").1 = drain;
        }
        Ok(is_there)
    }
}
