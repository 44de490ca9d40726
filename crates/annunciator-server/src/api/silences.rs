//! Silences: list, show, preview, make, change, end.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::sync::Arc;

use annunciator_api_types::{
    SilenceList, SilencePreview, SilencePreviewRequest, SilenceRequest, SilenceSaved, SilenceView,
};
use annunciator_core::{SilenceId, Timestamp};
use annunciator_planner::MatcherSet;
use annunciator_store::SilenceRecord;
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::query::{Conversion, Params};
use super::rights::Right;
use super::{Answer, Caller, views};
use crate::admin::silences;
use crate::intake::json::Document;
use crate::shared::Shared;
use crate::silence_book::silence_of;

/// Which silences are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SilenceParams {
    /// `true`: those that have ended; `false`: the others; both when absent.
    ended: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Most rows, 1 to 1,000; 100 when absent.
    limit: Option<String>,
}

impl Document for SilenceRequest {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() {
            &["matchers", "channels", "comment", "starts_at", "ends_at", "duration_s"]
        } else {
            &[]
        }
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        match path {
            ["channels", ..] => Some("must be a list of names of channels"),
            ["duration_s"] => Some("must be a whole number of seconds, 1 or more"),
            ["comment"] => Some("must be text"),
            _ => None,
        }
    }
}

impl Document for SilencePreviewRequest {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["matchers"] } else { &[] }
    }
}

/// List the silences, newest first.
///
/// Those that have ended stay listed for 90 days.
#[utoipa::path(
    get, path = "/api/v1/silences", tag = "silences", params(SilenceParams),
    responses((status = 200, description = "A page", body = SilenceList), Problems)
)]
pub(super) async fn list_silences(
    state: State<Arc<Shared>>,
    params: Params<SilenceParams>,
) -> Answer<SilenceList> {
    let mut conversion = Conversion::default();
    let ended = conversion.word("ended", params.0.ended.as_ref(), &["true", "false"]);
    let page = conversion.page(params.0.after.as_ref(), params.0.limit.as_ref());
    conversion.finish()?;
    let found = silences::list(&state.0, ended.map(|word| word == "true"), page).await?;
    let now = state.0.clock.now();
    let views = found.rows.into_iter().map(|record| view(record, now));
    Ok(Json(SilenceList { silences: views.collect(), next: found.next }))
}

/// Make a silence: events that match are stored and not notified until it ends.
#[utoipa::path(
    post, path = "/api/v1/silences", tag = "silences", request_body = SilenceRequest,
    responses((status = 201, description = "The silence, in force", body = SilenceSaved), Problems)
)]
pub(super) async fn create_silence(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<SilenceRequest>,
) -> Result<(StatusCode, Json<SilenceSaved>), ApiError> {
    let record = silences::create(&state.0, &body.0, caller.author()).await?;
    Ok((StatusCode::CREATED, Json(saved(record, state.0.clock.now()))))
}

/// Look at one silence.
#[utoipa::path(
    get, path = "/api/v1/silences/{id}", tag = "silences",
    params(("id" = String, Path, description = "Id of the silence")),
    responses((status = 200, description = "The silence", body = SilenceView), Problems)
)]
pub(super) async fn show_silence(
    state: State<Arc<Shared>>,
    id: Path<String>,
) -> Answer<SilenceView> {
    let record = silences::show(&state.0, read_id(&id.0)?).await?;
    Ok(Json(view(record, state.0.clock.now())))
}

/// Change a silence that has not ended. What is absent stays as it is.
#[utoipa::path(
    patch, path = "/api/v1/silences/{id}", tag = "silences", request_body = SilenceRequest,
    params(("id" = String, Path, description = "Id of the silence")),
    responses((status = 200, description = "The silence, in force", body = SilenceSaved), Problems)
)]
pub(super) async fn change_silence(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
    body: JsonBody<SilenceRequest>,
) -> Answer<SilenceSaved> {
    let id = read_id(&id.0)?;
    let record = silences::change(&state.0, id, &body.0, caller.author()).await?;
    Ok(Json(saved(record, state.0.clock.now())))
}

/// End a silence now. What it muted stays muted; the next event is notified.
#[utoipa::path(
    post, path = "/api/v1/silences/{id}/end", tag = "silences",
    params(("id" = String, Path, description = "Id of the silence")),
    responses((status = 200, description = "The silence, ended", body = SilenceView), Problems)
)]
pub(super) async fn end_silence(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
) -> Answer<SilenceView> {
    let record = silences::end(&state.0, read_id(&id.0)?, caller.author()).await?;
    Ok(Json(view(record, state.0.clock.now())))
}

/// See which of the last 1,000 events matchers would mute. Nothing is saved.
///
/// Who may not read events gets their number alone.
#[utoipa::path(
    post, path = "/api/v1/silences/preview", tag = "silences",
    request_body = SilencePreviewRequest,
    responses((status = 200, description = "What matches", body = SilencePreview), Problems)
)]
pub(super) async fn preview_silence(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<SilencePreviewRequest>,
) -> Answer<SilencePreview> {
    let mut found = silences::preview(&state.0, &body.0).await?;
    if !caller.has(&state.0, Right::ReadEvents) {
        found.events.clear();
    }
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Ok(Json(SilencePreview {
        summary: found.matchers.to_string(),
        looked_at: count(found.looked_at),
        matching: count(found.matching),
        warnings: silences::find_warnings(&found.matchers),
        events: found.events.into_iter().map(views::event).collect(),
    }))
}

fn read_id(text: &str) -> Result<SilenceId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found("There is no silence of this id."))
}

fn matchers_of(record: &SilenceRecord) -> Option<MatcherSet> {
    silence_of(record.clone()).map(|silence| silence.matchers)
}

fn saved(record: SilenceRecord, now: Timestamp) -> SilenceSaved {
    let warnings = matchers_of(&record).map(|matchers| silences::find_warnings(&matchers));
    SilenceSaved { silence: view(record, now), warnings: warnings.unwrap_or_default() }
}

fn view(record: SilenceRecord, now: Timestamp) -> SilenceView {
    let silence = silence_of(record.clone());
    let matchers: Value = serde_json::from_str(&record.matchers).unwrap_or_default();
    let (state, summary) = match &silence {
        Some(silence) => (silence.state(now).as_str(), silence.matchers.to_string()),
        None => ("ended", "matchers that this version cannot read".to_owned()),
    };
    SilenceView {
        id: record.id.to_string(),
        state: state.to_owned(),
        summary,
        matchers,
        channels: record.channels.iter().map(|channel| channel.as_str().to_owned()).collect(),
        author: record.author,
        comment: record.comment,
        created_at: record.created_at,
        starts_at: record.starts_at,
        ends_at: record.ends_at,
        ended_by: record.ended_by,
    }
}
