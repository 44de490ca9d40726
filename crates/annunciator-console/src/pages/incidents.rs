//! Incidents of detectors: list, groups of similar ones, one with its statuses and its course;
//! mappings of other detectors' documents.
//!
//! In: what the API says of incidents; a new status. Out: pages; what a change of status tells.
//! Knows nothing of: who is told; the API says it.
//! Standard: spec 9.1, 9.3.

mod course;
mod detail;
mod mapping_form;
mod mapping_trial;
mod mappings;

use std::sync::Arc;

use annunciator_api_types::{IncidentGroupList, IncidentList, IncidentStatusView};
use annunciator_core::Timestamp;
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use super::listing::{List, Listing};
use super::saved_views::SavedViews;
use super::{listing, tone};
use crate::Console;
use crate::api::with_query;
use crate::language::Language;
use crate::page::{Page, Visitor, show};
use crate::refusal::Stop;

/// The list.
pub(super) static LIST: List = List {
    name: "incidents",
    path: "/incidents",
    api: "/api/v1/incidents",
    filters: &["q", "severity", "status", "kind", "detector", "model", "asset", "top_tag", "group"],
};
/// Filters that are not always in sight.
const MORE: &[&str] = &["detector", "model", "asset", "top_tag", "group"];
/// Kinds of detectors that are offered; others are typed.
pub(crate) const KINDS: [&str; 4] = ["forecaster", "limit", "rule", "stream"];

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/incidents", get(list))
        .route("/incidents/tail", get(tail))
        .route("/incidents/groups", get(groups))
        .route("/incidents/mappings", get(mappings::list))
        .route("/incidents/mappings/new", get(mappings::new).post(mappings::create))
        .route("/incidents/mappings/try", post(mappings::attempt))
        .route("/incidents/mappings/named/{name}", get(mappings::edit).post(mappings::change))
        .route("/incidents/mappings/named/{name}/delete", post(mappings::delete))
        .route("/incidents/{uid}", get(detail::open).post(detail::change_status))
}

/// The name of a status in the reader's language.
pub(crate) fn status_name<'a>(page: &Page, status: &'a IncidentStatusView) -> &'a str {
    match page.language {
        Language::Russian if !status.name_ru.is_empty() => &status.name_ru,
        _ => &status.name,
    }
}

/// Whether a status is one of those there are: an incident may still have one that is gone.
pub(crate) fn is_known(statuses: &[IncidentStatusView], code: &str) -> bool {
    statuses.iter().any(|one| one.code == code)
}

/// Whether a text means a status by its code or a name.
pub(crate) fn is_meant(statuses: &[IncidentStatusView], text: &str) -> bool {
    let text = text.to_lowercase();
    let is_it = |one: &IncidentStatusView| {
        [&one.code, &one.name, &one.name_ru].iter().any(|word| word.to_lowercase() == text)
    };
    statuses.iter().any(is_it)
}

/// What a group is called: as its detector calls it; one that was found here has but an id.
pub(crate) fn group_name(page: &Page, group: &str, start: &Timestamp) -> String {
    let is_id = group.len() == 36 && group.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if is_id {
        page.t1("incidents-group-found", "time", page.short_time(start))
    } else {
        group.to_owned()
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
    views: SavedViews,
    found: IncidentList,
}

#[derive(Template)]
#[template(path = "incidents/list.html", block = "results")]
struct IncidentsPart {
    page: Page,
    listing: Listing,
    views: SavedViews,
    found: IncidentList,
}

#[derive(Template)]
#[template(path = "incidents/rows.html")]
struct IncidentRows {
    page: Page,
    found: IncidentList,
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let page = visitor.page("incidents-title", "incidents");
    let listing = Listing::of(&LIST, &page);
    let found: IncidentList = visitor.get(&listing.api(page.now)).await?;
    let views = SavedViews::of(&visitor, LIST.name).await;
    if !visitor.guest.is_partial {
        return Ok(show(&IncidentsPage { page, listing, views, found }));
    }
    let here = listing.here();
    Ok(listing::with_address(show(&IncidentsPart { page, listing, views, found }), &here))
}

/// The newest rows, for a list that is live.
async fn tail(visitor: Visitor) -> Result<Response, Stop> {
    let page = visitor.page("incidents-title", "incidents");
    let listing = Listing::of(&LIST, &page);
    let found: IncidentList = visitor.get(&listing.api(page.now)).await?;
    Ok(show(&IncidentRows { page, found }))
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
