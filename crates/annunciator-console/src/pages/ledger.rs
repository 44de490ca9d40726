//! Deliveries as a list: filtered as one types, retried, cancelled and sent again by the handful.

mod attempt;
mod counts;
mod delivery;
mod notification;
mod operation;

pub(super) use attempt::{advice, speaker};
pub(super) use delivery::again;
pub(super) use notification::framed;

use std::sync::Arc;

use annunciator_api_types::{DeliveryList, DeliveryView, FailureView};
use annunciator_core::Timestamp;
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;

use super::listing::{List, Listing};
use super::saved_views::SavedViews;
use super::{listing, tone};
use crate::Console;
use crate::form::Form;
use crate::page::{Page, Visitor, show};
use crate::refusal::Stop;
use operation::Done;

/// The list.
pub(super) static LIST: List = List {
    name: "ledger",
    path: "/ledger",
    api: "/api/v1/deliveries",
    filters: &[
        "q",
        "state",
        "severity",
        "channel",
        "recipient",
        "application",
        "event_type",
        "device",
        "lane",
        "event",
        "notification",
    ],
};
/// Filters that are not always in sight.
const MORE: &[&str] = &["recipient", "application", "event_type", "device", "lane"];
/// Filters that other pages lead to, and that have no field.
const LED: &[&str] = &["event", "notification"];
/// States of a delivery, in the order of the tabs.
const STATES: [&str; 5] = ["queued", "in_flight", "delivered", "failed", "cancelled"];
/// Longest failure in a list. Unit: characters.
const FAILURE_CHARS_MAX: usize = 120;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/ledger", get(list).post(operate))
        .route("/ledger/tail", get(tail))
        .merge(counts::routes())
        .merge(delivery::routes())
        .merge(notification::routes())
}

#[derive(Template)]
#[template(path = "ledger.html")]
struct LedgerPage {
    page: Page,
    listing: Listing,
    views: SavedViews,
    found: DeliveryList,
    done: Option<Done>,
}

#[derive(Template)]
#[template(path = "ledger.html", block = "results")]
struct LedgerPart {
    page: Page,
    listing: Listing,
    views: SavedViews,
    found: DeliveryList,
    done: Option<Done>,
}

#[derive(Template)]
#[template(path = "ledger/rows.html")]
struct LedgerRows {
    page: Page,
    found: DeliveryList,
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    answer(&visitor, None).await
}

/// Does to the ticked rows what was asked, and shows the list with what came of it.
async fn operate(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let ids = form.all("delivery");
    let mut done = operation::operate(&visitor, form.text("operation"), &ids).await?;
    done.look_at_relay(&visitor, &ids).await;
    answer(&visitor, Some(done)).await
}

async fn answer(visitor: &Visitor, done: Option<Done>) -> Result<Response, Stop> {
    let page = visitor.page("nav-ledger", "ledger");
    let listing = Listing::of(&LIST, &page);
    let found: DeliveryList = visitor.get(&listing.api(page.now)).await?;
    let views = SavedViews::of(visitor, "ledger").await;
    if !visitor.guest.is_partial {
        return Ok(show(&LedgerPage { page, listing, views, found, done }));
    }
    let here = listing.here();
    let part = LedgerPart { page, listing, views, found, done };
    Ok(listing::with_address(show(&part), &here))
}

/// The newest rows, for a list that is live.
async fn tail(visitor: Visitor) -> Result<Response, Stop> {
    let page = visitor.page("nav-ledger", "ledger");
    let listing = Listing::of(&LIST, &page);
    let found: DeliveryList = visitor.get(&listing.api(page.now)).await?;
    Ok(show(&LedgerRows { page, found }))
}

/// When the relay that a delivery waits for is tried next, as the API's words end.
pub(super) fn next_try(waiting: &str) -> Option<Timestamp> {
    waiting.rsplit_once("; next try at ").and_then(|(_, at)| at.parse().ok())
}

/// When a delivery may be tried next: one that waits for its relay, together with it.
pub(super) fn next_at(delivery: &DeliveryView) -> Option<Timestamp> {
    delivery.waiting_for.as_deref().and_then(next_try).or(delivery.due_at)
}

/// How long it took from planning to its end.
pub(super) fn took(page: &Page, planned: &Timestamp, finished: &Timestamp) -> String {
    let ms = u64::try_from(finished.ms_since(*planned)).unwrap_or_default();
    page.duration_us(&(ms * 1_000))
}

/// Reply code and status, where the server's own words do not begin with the code.
pub(super) fn codes(failure: &FailureView) -> Vec<String> {
    let code = failure.code.map(|code| code.to_string());
    if code.as_ref().is_some_and(|code| failure.diagnostic.starts_with(code.as_str())) {
        return Vec::new();
    }
    code.into_iter().chain(Some(failure.status.clone()).filter(|it| !it.is_empty())).collect()
}

/// A failure in short words: reply code, or the status, and how it begins.
fn short(failure: &FailureView) -> String {
    let code = failure.code.map_or_else(String::new, |code| format!("{code} "));
    let mut words: String = failure.diagnostic.chars().take(FAILURE_CHARS_MAX).collect();
    if words.len() < failure.diagnostic.len() {
        words.push('…');
    }
    // Servers repeat their code in their words.
    if words.starts_with(code.trim_end()) { words } else { format!("{code}{words}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_shortly_and_its_code_once() {
        let check = |code: Option<u16>, diagnostic: &str, expected: &str| {
            let failure = FailureView {
                stage: "rcpt_to".to_owned(),
                scope: "delivery".to_owned(),
                code,
                status: "5.1.1".to_owned(),
                diagnostic: diagnostic.to_owned(),
            };
            assert_eq!(short(&failure), expected);
        };
        check(Some(550), "550 5.1.1 no such user", "550 5.1.1 no such user");
        check(Some(550), "no such user", "550 no such user");
        check(None, "connection refused", "connection refused");
        check(None, &"é".repeat(121), &format!("{}…", "é".repeat(120)));
    }
}
