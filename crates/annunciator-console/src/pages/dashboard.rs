//! The dashboard.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use crate::Console;
use crate::page::{Page, Visitor, show};
use crate::refusal::Stop;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/", get(dashboard))
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Dashboard {
    page: Page,
}

async fn dashboard(visitor: Visitor) -> Result<Response, Stop> {
    Ok(show(&Dashboard { page: visitor.page("nav-dashboard", "dashboard") }))
}
