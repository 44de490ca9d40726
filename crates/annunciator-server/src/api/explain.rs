//! Explain an event; replay past events under changed settings.

use std::sync::Arc;

use annunciator_api_types::{ExplainRequest, ExplainView, ReplayRequest, ReplayView};
use axum::Json;
use axum::extract::State;

use super::body::JsonBody;
use super::document::Problems;
use super::rights::Right;
use super::{Answer, Caller};
use crate::admin::{explain, replay};
use crate::shared::Shared;

/// Explain what is decided about an event.
///
/// Every layer that is about it, every decision with its reason, the effective settings with
/// their origins, and what would be sent to whom: for a stored event, or for one that could come.
/// Nothing is stored or sent. A stored event is for those who may read events.
#[utoipa::path(
    post, path = "/api/v1/explain", tag = "settings", request_body = ExplainRequest,
    responses((status = 200, description = "The explanation", body = ExplainView), Problems)
)]
pub(super) async fn explain_event(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<ExplainRequest>,
) -> Answer<ExplainView> {
    if body.0.event_id.is_some() {
        caller.require(&state.0, Right::ReadEvents)?;
    }
    Ok(Json(explain::explain(&state.0, body.0).await?))
}

/// Plan past events again, under the settings in force and under changed ones.
///
/// Answers the difference, for those who may read events. Nothing is stored or sent.
#[utoipa::path(
    post, path = "/api/v1/replay", tag = "settings", request_body = ReplayRequest,
    responses((status = 200, description = "What differs", body = ReplayView), Problems)
)]
pub(super) async fn replay_events(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<ReplayRequest>,
) -> Answer<ReplayView> {
    caller.require(&state.0, Right::ReadEvents)?;
    Ok(Json(replay::replay(&state.0, body.0).await?))
}
