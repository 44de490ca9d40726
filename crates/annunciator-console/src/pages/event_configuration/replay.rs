//! What changed settings would have done with past events.
//!
//! In: a saved revision, or a change of the server-wide settings as JSON, and a period.
//! Out: what would have gone out more or less, to whom, in which words. Nothing is stored or sent.

use annunciator_api_types::{
    FieldError, ReplayDifferenceView, ReplayRequest, ReplaySideView, ReplayView, SettingsHistory,
};
use askama::Template;
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value};

use super::SECTION;
use crate::form::Form;
use crate::page::{Page, Visitor, show, show_as};
use crate::refusal::{Errors, Stop};

const PATH: &str = "/api/v1/replay";
/// Most differences on the page.
const ROWS_MAX: usize = 100;
/// Periods that are offered. Unit: hours.
const PERIODS: [&str; 5] = ["1", "24", "168", "720", "2160"];

#[derive(Template)]
#[template(path = "event_configuration/replay.html")]
struct ReplayPage {
    page: Page,
    form: Form,
    periods: [&'static str; 5],
    history: SettingsHistory,
    view: Option<ReplayView>,
    /// How many differences there are beyond those that are shown.
    more: usize,
    errors: Errors,
}

impl ReplayPage {
    async fn new(
        visitor: &Visitor,
        form: Form,
        mut view: Option<ReplayView>,
        errors: Errors,
    ) -> Result<Self, Stop> {
        let history = visitor.get("/api/v1/settings/history?limit=50").await?;
        let mut more = 0;
        if let Some(view) = &mut view {
            more = view.differences.len().saturating_sub(ROWS_MAX);
            view.differences.truncate(ROWS_MAX);
        }
        let page = visitor.page("event-configuration-replay", SECTION);
        Ok(Self { page, form, periods: PERIODS, history, view, more, errors })
    }

    /// What was decided, and what would be.
    fn sides<'d>(&self, one: &'d ReplayDifferenceView) -> [&'d ReplaySideView; 2] {
        [&one.before, &one.after]
    }

    /// What is wrong with the patch, at its place or inside it.
    fn patch_error(&self) -> String {
        self.errors.at("/settings")
    }
}

/// The form.
pub(super) async fn form(visitor: Visitor) -> Result<Response, Stop> {
    let form = Form(vec![("hours".to_owned(), "24".to_owned())]);
    Ok(show(&ReplayPage::new(&visitor, form, None, Errors::default()).await?))
}

/// Plans the events of the period anew.
pub(super) async fn run(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let page = visitor.page("event-configuration-replay", SECTION);
    let hours = form.text("hours").parse::<i64>().unwrap_or(24).clamp(1, 24 * 366);
    let mut request = ReplayRequest {
        since: page.now.plus_ms(-hours * 3_600_000).to_string(),
        ..ReplayRequest::default()
    };
    match form.text("what") {
        "settings" => match patch(form.text("settings")) {
            Ok(patch) => request.settings = Some(patch),
            Err(detail) => {
                let error = FieldError::new("/settings", "format", detail);
                let summary = page.t("event-configuration-replay-unreadable");
                let errors = Errors { summary, fields: vec![error] };
                let page = ReplayPage::new(&visitor, form, None, errors).await?;
                return Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page));
            }
        },
        _ => request.revision = form.text("revision").parse().ok(),
    }
    match visitor.try_send(Method::POST, PATH, &request).await {
        Ok(reply) => {
            let view = reply.json(PATH).map_err(|refusal| visitor.stop(refusal))?;
            Ok(show(&ReplayPage::new(&visitor, form, Some(view), Errors::default()).await?))
        }
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let page = ReplayPage::new(&visitor, form, None, errors).await?;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

/// A merge patch as it was typed.
fn patch(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
