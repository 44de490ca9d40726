//! The dashboard: is everything well, and what went on of late.
//!
//! In: status, statistics, the newest failures. Out: a page of parts; the browser asks every five
//! seconds which of them have changed, and is sent those.

mod flow;
mod period;
mod standing;
mod verdict;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use annunciator_api_types::{DeliveryList, StatusView};
use askama::Template;
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::flow::{Flow, Statistics as StatisticsView};
use self::period::Period;
use self::standing::{Standing, Tile};
use self::verdict::Verdict;
use crate::Console;
use crate::api::{Refusal, with_query};
use crate::form::Form;
use crate::menu;
use crate::page::{Page, Visitor, lead_to, show};
use crate::refusal::Stop;

/// Failed deliveries that are shown.
const FAILURES: &str = "/api/v1/deliveries?state=failed&limit=5";

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/", get(dashboard)).route("/dashboard/changes", get(changes))
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Dashboard {
    page: Page,
    view: View,
    parts: Vec<Part>,
}

#[derive(Template)]
#[template(path = "dashboard/changes.html")]
struct Changes {
    parts: Vec<Part>,
}

#[derive(Template)]
#[template(path = "dashboard/verdict.html")]
struct VerdictPart<'a> {
    verdict: Verdict,
    page: &'a Page,
}

#[derive(Template)]
#[template(path = "dashboard/tiles.html")]
struct TilesPart {
    tiles: Vec<Tile>,
}

#[derive(Template)]
#[template(path = "dashboard/flow.html")]
struct FlowPart<'a> {
    /// Nothing where the visitor may not see it.
    flow: Option<Flow>,
    page: &'a Page,
    view: View,
}

#[derive(Template)]
#[template(path = "dashboard/standing.html")]
struct StandingPart<'a> {
    standing: Standing,
    page: &'a Page,
}

/// What the page was asked to show.
#[derive(Debug, Clone, Copy)]
struct View {
    period: Period,
    /// Whether the numbers of the chart stand below it.
    has_table: bool,
}

impl View {
    fn of(query: &Form) -> Self {
        Self { period: Period::of_word(query.text("period")), has_table: query.is_on("table") }
    }

    /// Where the changes of this view are asked for.
    fn changes(&self) -> String {
        self.path("/dashboard/changes")
    }

    /// The page with another period.
    fn of_period(&self, period: &Period) -> String {
        Self { period: *period, ..*self }.path("/")
    }

    /// The page with its table where it has none, without it where it has.
    fn toggled(&self) -> String {
        Self { has_table: !self.has_table, ..*self }.path("/")
    }

    fn path(&self, path: &str) -> String {
        let table = if self.has_table { "on" } else { "" };
        with_query(path, &[("period", self.period.word()), ("table", table)])
    }
}

/// A part of the page, with the mark by which the browser says that it shows it.
struct Part {
    name: &'static str,
    html: String,
    mark: String,
}

impl Part {
    fn of(name: &'static str, template: &impl Template) -> Result<Self, Stop> {
        let html = template.render().map_err(|error| {
            tracing::error!(%error, "A part of the dashboard was not rendered");
            Stop::from(StatusCode::INTERNAL_SERVER_ERROR.into_response())
        })?;
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        let mark = format!("{name}-{:016x}", hasher.finish());
        Ok(Self { name, html, mark })
    }
}

/// What an endpoint answers; nothing where it refuses, so that the rest can be shown.
async fn told<T: DeserializeOwned>(visitor: &Visitor, path: &str) -> Result<Option<T>, Stop> {
    match visitor.try_get(path).await {
        Ok(answer) => Ok(Some(answer)),
        Err(refusal @ Refusal::NotSignedIn) => Err(visitor.stop(refusal)),
        Err(Refusal::Problem(..)) => Ok(None),
        Err(Refusal::Broken(reason)) => {
            tracing::error!(%reason, "The dashboard did not understand the API");
            Ok(None)
        }
    }
}

/// The same, not asked at all without the right.
async fn told_to<T: DeserializeOwned>(
    right: &str,
    visitor: &Visitor,
    path: &str,
) -> Result<Option<T>, Stop> {
    if visitor.may(right) { told(visitor, path).await } else { Ok(None) }
}

async fn dashboard(visitor: Visitor) -> Result<Response, Stop> {
    let sees = ["read_status", "read_ledger"];
    let first = menu::first_path(|right| visitor.may(right));
    if first != "/" && !sees.iter().any(|right| visitor.may(right)) {
        return Ok(lead_to(&visitor.guest, first));
    }
    let page = visitor.page("nav-dashboard", "dashboard");
    let view = View::of(&visitor.guest.query());
    let parts = parts(&visitor, &page, view).await?;
    Ok(show(&Dashboard { page, view, parts }))
}

/// The parts that are not as the browser shows them.
async fn changes(visitor: Visitor) -> Result<Response, Stop> {
    let (page, query) = (visitor.page("nav-dashboard", "dashboard"), visitor.guest.query());
    let shown = query.all("mark");
    let mut parts = parts(&visitor, &page, View::of(&query)).await?;
    parts.retain(|part| !shown.contains(&part.mark.as_str()));
    if parts.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(show(&Changes { parts }))
}

/// All parts, in the order of the page.
async fn parts(visitor: &Visitor, page: &Page, view: View) -> Result<Vec<Part>, Stop> {
    let period = view.period;
    let since = period.starts(page.now, &page.zone).first().copied().unwrap_or(page.now);
    let (since_text, step) = (since.to_string(), period.step_s().to_string());
    let pairs = [("since", since_text.as_str()), ("step_s", step.as_str())];
    let statistics: Option<StatisticsView> =
        told_to("read_status", visitor, &with_query("/api/v1/statistics", &pairs)).await?;
    let status: Option<StatusView> = told_to("read_status", visitor, "/api/v1/status").await?;
    let settings: Option<Value> = told_to("read_settings", visitor, "/api/v1/settings").await?;
    let failures: Option<DeliveryList> = told_to("read_ledger", visitor, FAILURES).await?;

    let verdict = match &status {
        Some(status) => {
            let failed = statistics.as_ref().map_or(0, |found| found.total("failed"));
            let words = page.t(&format!("dashboard-in-{}", period.word()));
            Verdict::of(page, status, settings.as_ref(), (failed, &words))
        }
        None => Verdict::unknown(page),
    };
    let tiles = standing::tiles(page, period, since, status.as_ref(), statistics.as_ref());
    let flow = statistics.map(|statistics| Flow::of(&statistics, period, page));
    let standing = Standing::of(page, status, failures.map(|list| list.deliveries));
    Ok(vec![
        Part::of("verdict", &VerdictPart { verdict, page })?,
        Part::of("tiles", &TilesPart { tiles })?,
        Part::of("flow", &FlowPart { flow, page, view })?,
        Part::of("standing", &StandingPart { standing, page })?,
    ])
}
