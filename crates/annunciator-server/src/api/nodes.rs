//! Nodes: list, drain, call the drain back.

use std::sync::Arc;

use annunciator_api_types::{NodeList, NodeView};
use annunciator_store::NodeRow;
use axum::Json;
use axum::extract::{Path, State};

use super::document::Problems;
use super::{Answer, Caller};
use crate::admin::nodes;
use crate::shared::Shared;

/// List the nodes that share the store, by name. A store in a file has one.
#[utoipa::path(
    get, path = "/api/v1/nodes", tag = "server",
    responses((status = 200, description = "The nodes", body = NodeList), Problems)
)]
pub(super) async fn list_nodes(state: State<Arc<Shared>>) -> Answer<NodeList> {
    let found = nodes::list(&state.0).await?;
    Ok(Json(NodeList { nodes: found.into_iter().map(view).collect() }))
}

/// Let a node drain: it takes nothing new, finishes what it has, and its process ends.
///
/// It hears of it within 5 s. From then on `/-/ready` answers 503 for 8 s and until its attempts
/// are done, at most 30 s; then the process ends with exit code 0. Started again, it serves.
#[utoipa::path(
    post, path = "/api/v1/nodes/{id}/drain", tag = "server",
    params(("id" = String, Path, description = "Id of the node")),
    responses((status = 200, description = "The node, asked to drain", body = NodeView), Problems)
)]
pub(super) async fn drain_node(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
) -> Answer<NodeView> {
    Ok(Json(view(nodes::drain(&state.0, &id.0, true, caller.author()).await?)))
}

/// Call a drain back that the node has not begun.
#[utoipa::path(
    delete, path = "/api/v1/nodes/{id}/drain", tag = "server",
    params(("id" = String, Path, description = "Id of the node")),
    responses((status = 200, description = "The node, not asked to drain", body = NodeView), Problems)
)]
pub(super) async fn undrain_node(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
) -> Answer<NodeView> {
    Ok(Json(view(nodes::drain(&state.0, &id.0, false, caller.author()).await?)))
}

fn view(node: NodeRow) -> NodeView {
    NodeView {
        id: node.id.to_string(),
        state: nodes::state(&node).to_owned(),
        name: node.said.name,
        version: node.said.version,
        address: node.said.address,
        started_at: node.said.started_at,
        seen_at: node.beat_at,
        silent_s: u64::try_from(node.silent_ms / 1_000).unwrap_or_default(),
        drain_asked: node.is_drain_asked,
        is_this: node.is_this,
        clock_ahead_ms: node.said.skew_ms,
        deliveries_in_flight: node.in_flight,
        events_unplanned: node.unplanned,
    }
}
