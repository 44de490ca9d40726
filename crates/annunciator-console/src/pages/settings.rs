//! Notification delivery: forms of all server-wide settings, their history and export.
//!
//! In: what the API says of settings and how they stand; posted forms. Out: tabs, and changes that
//! name the revision they were made from, so that nobody undoes what somebody else saved.

mod arrangement;
pub(super) mod certificates;
mod conditions;
mod conflict;
mod export;
mod history;
mod presets;
mod save;
mod tab;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;

use crate::Console;
use crate::page::{Visitor, lead_to};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/settings", get(first))
        .route("/settings/history", get(history::list))
        .route("/settings/history/{revision}", get(history::detail).post(history::bring_back))
        .route("/settings/export", get(export::download))
        .route("/settings/{tab}", get(tab::show_tab).post(save::save_tab))
}

async fn first(visitor: Visitor) -> Response {
    lead_to(&visitor.guest, "/settings/email")
}
