//! Pages of the area `ledger`.

use std::sync::Arc;

use axum::Router;

use crate::Console;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
}
