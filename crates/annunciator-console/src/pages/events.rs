//! Events as a list that is filtered as one types, and how the first event gets here.

mod moment;
mod sample;
mod story;

use std::sync::Arc;

use annunciator_api_types::{DecisionView, EventList, EventView, ParameterInput};
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::listing::{List, Listing};
use super::people::handout::curl_line;
use super::saved_views::SavedViews;
use super::{listing, tone};
use crate::Console;
use crate::page::{Page, Visitor, show};
use crate::refusal::Stop;

/// The list.
pub(super) static LIST: List = List {
    name: "events",
    path: "/events",
    api: "/api/v1/events",
    filters: &[
        "q",
        "severity",
        "application",
        "event_type",
        "device",
        "group",
        "decision",
        "state",
    ],
};
/// Those that are not always in sight.
const MORE: &[&str] =
    &["application", "event_type", "device", "group", "decision", "state", "since", "until"];
/// Most characters of a description in a list.
const DESCRIPTION_CHARS_MAX: usize = 240;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/events", get(list))
        .route("/events/tail", get(tail))
        .route("/events/sample", post(sample::submit))
        .merge(story::routes())
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    page: Page,
    listing: Listing,
    views: SavedViews,
    found: EventList,
    command: String,
}

#[derive(Template)]
#[template(path = "events.html", block = "results")]
struct EventsPart {
    page: Page,
    listing: Listing,
    views: SavedViews,
    found: EventList,
    command: String,
}

#[derive(Template)]
#[template(path = "events/rows.html")]
struct EventRows {
    page: Page,
    found: EventList,
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let page = visitor.page("nav-events", "events");
    let listing = Listing::of(&LIST, &page);
    let found: EventList = visitor.get(&listing.api(page.now)).await?;
    let views = SavedViews::of(&visitor, "events").await;
    let command = match found.events.is_empty() {
        true => curl_line(&visitor.guest, &page.t("events-empty-token")).await,
        false => String::new(),
    };
    if !visitor.guest.is_partial {
        return Ok(show(&EventsPage { page, listing, views, found, command }));
    }
    let here = listing.here();
    let part = EventsPart { page, listing, views, found, command };
    Ok(listing::with_address(show(&part), &here))
}

/// The newest rows, for a list that is live.
async fn tail(visitor: Visitor) -> Result<Response, Stop> {
    let page = visitor.page("nav-events", "events");
    let listing = Listing::of(&LIST, &page);
    let found: EventList = visitor.get(&listing.api(page.now)).await?;
    Ok(show(&EventRows { page, found }))
}

/// The beginning of a text in one line.
fn beginning(text: &str) -> String {
    let mut line: String = text.chars().take(DESCRIPTION_CHARS_MAX).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}

/// Decisions that leave a channel out without anybody's doing.
fn off(event: &EventView) -> Vec<&DecisionView> {
    event.decisions.iter().filter(|one| one.decision == "off").collect()
}

/// The value of a parameter as its source wrote it.
pub(crate) fn parameter(value: &ParameterInput) -> String {
    match value {
        ParameterInput::Bool(value) => value.to_string(),
        ParameterInput::Integer(value) => value.to_string(),
        ParameterInput::Number(value) => value.to_string(),
        ParameterInput::Text(value) => value.clone(),
    }
}
