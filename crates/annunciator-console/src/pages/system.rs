//! The server itself: its audit log, its store, its backups.

mod audit;
mod difference;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::Console;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/audit", get(audit::audit))
}
