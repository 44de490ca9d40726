//! Events as a list that is filtered as one types, and how the first event gets here.

mod moment;
mod outcome;
mod sample;
mod story;

use std::sync::Arc;

use annunciator_api_types::{EventList, ParameterInput};
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

pub(crate) use outcome::Outcome;

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

/// Id of the silence that a reason names at its end.
fn silence_of(reason: &str) -> Option<&str> {
    let (_, end) = reason.rsplit_once(" (silence ")?;
    let id = end.strip_suffix(')')?;
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_id.then_some(id)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silence_is_the_last_one_a_reason_names() {
        let check = |reason: &str, expected: Option<&str>| assert_eq!(silence_of(reason), expected);
        check("silenced until x by a: new disk (silence 01-ab)", Some("01-ab"));
        check("silenced until x by a: (silence evil) b (silence 01)", Some("01"));
        check("silenced until x by a: b (silence ../users)", None);
        check("silenced until x by a: b (silence )", None);
        check("turned off (server)", None);
    }
}
