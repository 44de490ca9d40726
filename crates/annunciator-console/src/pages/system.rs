//! The server itself: its audit log, its store, its backups, the nodes beside it.

mod audit;
mod difference;
mod nodes;
mod overview;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::Console;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/audit", get(audit::audit))
        .route("/system", get(overview::system))
        .route("/system/nodes/{id}/drain", post(nodes::drain))
        .route("/system/nodes/{id}/undrain", post(nodes::undrain))
        .route("/system/backups", post(overview::back_up))
        .route("/system/backups/{name}/delete", post(overview::delete))
}
