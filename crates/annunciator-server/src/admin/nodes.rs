//! What an administrator can ask about nodes: list them, let one drain, call that back.
//!
//! Knows nothing of: HTTP, JSON; how a node drains (see `crate::nodes`).

use annunciator_store::{NewAudit, NodeRow, NodeState};
use serde_json::json;

use super::AdminError;
use crate::shared::Shared;

/// The nodes, by name.
///
/// # Errors
/// What the store answers.
pub async fn list(shared: &Shared) -> Result<Vec<NodeRow>, AdminError> {
    shared.store.nodes().await.map_err(AdminError::Store)
}

/// The word for what a node does.
#[must_use]
pub fn state(node: &NodeRow) -> &'static str {
    match node.said.state {
        NodeState::Stopped => NodeState::Stopped.as_str(),
        _ if !node.is_alive => "unreachable",
        state => state.as_str(),
    }
}

/// Asks a node to finish what it has and to end, or no longer; asked twice it is so once.
///
/// # Errors
/// None of that id; one that does not run; one that drains already and shall do so no longer.
pub async fn drain(
    shared: &Shared,
    id: &str,
    is_wanted: bool,
    author: &str,
) -> Result<NodeRow, AdminError> {
    let node = find(shared, id).await?;
    if node.is_drain_asked == is_wanted {
        return Ok(node);
    }
    if is_wanted && !node.is_alive {
        return Err(AdminError::Conflict(format!("The node {} does not run.", node.said.name)));
    }
    let action = if is_wanted { "node.drain" } else { "node.undrain" };
    let audit = NewAudit {
        at: shared.clock.now(),
        author: author.to_owned(),
        action: action.to_owned(),
        target: node.said.name.clone(),
        detail: json!({ "id": id }).to_string(),
    };
    let is_done = shared.store.drain_node(node.id, is_wanted, audit).await?;
    let node = find(shared, id).await?;
    // Somebody else may have asked for the same meanwhile.
    if is_done || node.is_drain_asked == is_wanted {
        return Ok(node);
    }
    let name = node.said.name;
    Err(AdminError::Conflict(format!("The node {name} drains already: start it again.")))
}

async fn find(shared: &Shared, id: &str) -> Result<NodeRow, AdminError> {
    let found = list(shared).await?.into_iter().find(|node| node.id.to_string() == id);
    found.ok_or_else(|| AdminError::NotFound("There is no node of this id.".to_owned()))
}
