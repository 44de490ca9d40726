//! How many deliveries wait and are on their way, beside the tabs of the list.
//!
//! Asked for after the page, so that nobody waits for a count; what is finished is not counted.

use std::sync::Arc;

use annunciator_api_types::StatusView;
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::LIST;
use crate::Console;
use crate::page::{Page, Visitor, show};
use crate::pages::listing::Listing;
use crate::refusal::Stop;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/ledger/counts", get(counts))
}

#[derive(Template)]
#[template(path = "ledger/tabs.html")]
struct Tabs {
    page: Page,
    listing: Listing,
    queued: Option<u64>,
    in_flight: Option<u64>,
}

async fn counts(visitor: Visitor) -> Result<Response, Stop> {
    let page = visitor.page("nav-ledger", "ledger");
    let listing = Listing::of(&LIST, &page);
    let status: StatusView = visitor.get("/api/v1/status").await?;
    let queued = status.lanes.iter().map(|lane| lane.queued).sum();
    let in_flight = Some(status.deliveries_in_flight);
    Ok(show(&Tabs { page, listing, queued: Some(queued), in_flight }))
}
