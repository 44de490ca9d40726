//! Incidents of detectors: list, groups of similar ones, one with its statuses and its course.
//!
//! In: what the API says of incidents; a new status. Out: pages; what a change of status tells.
//! Knows nothing of: who is told; the API says it.
//! Standard: spec 9.1, 9.3.

mod course;
mod detail;

use std::sync::Arc;

use annunciator_api_types::{IncidentGroupList, IncidentList, IncidentStatusView};
use annunciator_core::Timestamp;
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::listing::{List, Listing};
use super::{listing, tone};
use crate::Console;
use crate::api::with_query;
use crate::language::Language;
use crate::page::{Page, Visitor, show};
use crate::refusal::Stop;

/// The list.
static LIST: List = List {
    name: "incidents",
    path: "/incidents",
    api: "/api/v1/incidents",
    filters: &["severity", "status", "kind", "detector", "model", "asset", "top_tag", "group"],
};
/// Filters that are not always in sight.
const MORE: &[&str] = &["detector", "model", "asset", "top_tag", "group"];
/// Kinds of detectors that are offered; others are typed.
pub(crate) const KINDS: [&str; 4] = ["forecaster", "limit", "rule", "stream"];

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/incidents", get(list))
        .route("/incidents/groups", get(groups))
        .route("/incidents/{uid}", get(detail::open).post(detail::change_status))
}

/// The name of a status in the reader's language.
pub(crate) fn status_name<'a>(page: &Page, status: &'a IncidentStatusView) -> &'a str {
    match page.language {
        Language::Russian if !status.name_ru.is_empty() => &status.name_ru,
        _ => &status.name,
    }
}

/// A status that is not told is calm: nobody waits for it.
pub(crate) fn status_tone(status: &IncidentStatusView) -> &'static str {
    if status.notify { "accent" } else { "" }
}

#[derive(Template)]
#[template(path = "incidents/list.html")]
struct IncidentsPage {
    page: Page,
    listing: Listing,
    found: IncidentList,
}

#[derive(Template)]
#[template(path = "incidents/list.html", block = "results")]
struct IncidentsPart {
    page: Page,
    listing: Listing,
    found: IncidentList,
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let page = visitor.page("incidents-title", "incidents");
    let listing = Listing::of(&LIST, &page);
    let found: IncidentList = visitor.get(&listing.api(page.now)).await?;
    if !visitor.guest.is_partial {
        return Ok(show(&IncidentsPage { page, listing, found }));
    }
    let here = listing.here();
    Ok(listing::with_address(show(&IncidentsPart { page, listing, found }), &here))
}

#[derive(Template)]
#[template(path = "incidents/groups.html")]
struct GroupsPage {
    page: Page,
    found: IncidentGroupList,
    is_first: bool,
}

async fn groups(visitor: Visitor) -> Result<Response, Stop> {
    let page = visitor.page("incidents-title", "incidents");
    let after = visitor.guest.query().text("after").to_owned();
    let path = with_query("/api/v1/incident-groups", &[("limit", "50"), ("after", &after)]);
    let found: IncidentGroupList = visitor.get(&path).await?;
    Ok(show(&GroupsPage { page, found, is_first: after.is_empty() }))
}

/// Nothing was searched in part: every page of incidents is whole.
pub(crate) fn searched_whole() -> Option<&'static Timestamp> {
    None
}
