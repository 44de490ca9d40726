//! Notification delivery: forms of all server-wide settings, their history and export.
//!
//! In: what the API says of settings and how they stand; posted forms. Out: tabs, and changes that
//! name the revision they were made from, so that nobody undoes what somebody else saved.

mod arrangement;
mod certificate_files;
pub(super) mod certificates;
mod conditions;
mod conflict;
mod export;
mod field_tools;
mod history;
mod limit;
mod presets;
mod preview;
mod ready;
mod save;
mod tab;
mod test_message;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use crate::Console;
use crate::page::{Visitor, lead_to};
pub(super) use save::at_revision;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/settings", get(first))
        .route("/settings/history", get(history::list))
        .route("/settings/history/{revision}", get(history::detail).post(history::bring_back))
        .route("/settings/export", get(export::download))
        .route("/settings/ready", get(ready::open))
        .route("/settings/ready/{name}/sample", get(ready::sample))
        .route("/settings/{tab}/certificate", post(certificate_files::upload))
        .route("/settings/{tab}/certificate/clear/{part}", post(certificate_files::clear))
        .route("/settings/{tab}/unset", post(save::unset))
        .route("/settings/{tab}/test", post(test_message::send))
        .route("/settings/{tab}/preview", post(preview::show_typed))
        .route("/settings/{tab}/preview/html", post(preview::show_html))
        .route("/settings/{tab}/limit", post(limit::tell))
        .route("/settings/{tab}/limit/dialog", post(limit::open))
        .route("/settings/{tab}/limit/set", post(limit::set))
        .route("/settings/{tab}", get(tab::show_tab).post(save::save_tab))
}

async fn first(visitor: Visitor) -> Response {
    lead_to(&visitor.guest, "/settings/email")
}
