//! Event configuration: what holds for event types, overrides of it, policies and device groups,
//! and why an event is told to whom.
//!
//! Out: a list and an editor for each owner of overrides, and the *why* page.
//! Knows nothing of: which layer wins; the API says what holds and where it comes from.

mod change;
mod devices;
mod editor;
mod explain;
mod groups;
mod owner;
mod policies;
mod replay;
mod sections;
mod standing;
mod tree;
mod types;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use hyper::Method;
use hyper::header;
use serde::Serialize;

use crate::Console;
use crate::api::{Refusal, Reply};
use crate::page::Visitor;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/event-configuration", get(types::list))
        .route("/event-configuration/override", get(editor::edit).post(editor::save))
        .route("/event-configuration/override/clear", post(editor::clear))
        .route("/event-configuration/policy", get(policies::edit).post(policies::save))
        .route("/event-configuration/policy/delete", post(policies::delete))
        .route("/event-configuration/groups", get(groups::list).post(groups::add))
        .route("/event-configuration/groups/delete", post(groups::delete))
        .route("/event-configuration/devices", get(devices::list))
        .route("/event-configuration/devices/delete", post(devices::delete))
        .route("/event-configuration/explain", get(explain::show_why))
        .route("/event-configuration/replay", get(replay::form).post(replay::run))
}

/// The entry of the menu that is marked.
const SECTION: &str = "event-configuration";

/// Changes something, unless somebody else has changed the settings since that revision.
async fn send_at<B: Serialize + Sync>(
    visitor: &Visitor,
    revision: &str,
    (method, path): (Method, &str),
    body: &B,
) -> Result<Reply, Refusal> {
    let mut credentials = visitor.guest.credentials.clone();
    if !revision.is_empty() {
        credentials = credentials.with(header::IF_MATCH, &format!("\"{revision}\""));
    }
    visitor.guest.console.api.send(&credentials, method, path, body).await
}
