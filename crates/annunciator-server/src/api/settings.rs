//! Settings: read, change, their definitions and history, preview of templates.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::sync::Arc;

use annunciator_api_types::{
    OverridesSaved, PresetList, PreviewRequest, PreviewResult, SettingsHistory, SettingsSaved,
    SettingsView, TemplateList,
};
use annunciator_template::Language;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::query::{Conversion, Params};
use super::rights::Right;
use super::{Answer, Caller, RequestHeaders};
use crate::admin::overrides::Signature;
use crate::admin::{AdminError, presets, preview, settings as admin, templates};
use crate::shared::Shared;

/// Longest comment on a change. Unit: characters.
const COMMENT_CHARS_MAX: usize = 500;

/// Why settings are changed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangeParams {
    /// Why, at most 500 characters; kept in the history.
    comment: Option<String>,
}

/// What every change of settings carries beside its content.
pub(super) struct Change {
    expected_revision: Option<i64>,
    comment: String,
}

impl Change {
    /// Reads header and parameter.
    ///
    /// # Errors
    /// `If-Match` is no revision, or the comment is too long.
    pub(super) fn read(headers: &RequestHeaders, params: &ChangeParams) -> Result<Self, ApiError> {
        let expected_revision = expected_revision(headers.0.get(header::IF_MATCH))?;
        let comment = read_comment(Conversion::default(), params.comment.as_ref())?;
        Ok(Self { expected_revision, comment })
    }

    /// What is saved with the change.
    pub(super) fn signature<'a>(&'a self, caller: &'a Caller) -> Signature<'a> {
        Signature {
            expected_revision: self.expected_revision,
            author: caller.author(),
            comment: &self.comment,
        }
    }

    /// The answer, with the new revision as its `ETag`.
    pub(super) fn answer<T: Saved>(
        &self,
        saved: Result<T, AdminError>,
    ) -> Result<Response, ApiError> {
        let saved = saved.map_err(|error| {
            let error = ApiError::from(error);
            if self.expected_revision.is_some() { error.conditional() } else { error }
        })?;
        let revision = saved.revision();
        Ok(with_revision(revision, Json(saved).into_response()))
    }
}

/// The answer to a change that was saved.
pub(super) trait Saved: serde::Serialize {
    /// The new revision.
    fn revision(&self) -> i64;
}

impl Saved for SettingsSaved {
    fn revision(&self) -> i64 {
        self.revision
    }
}

impl Saved for OverridesSaved {
    fn revision(&self) -> i64 {
        self.revision
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// The `next` of the page before.
    pub(super) after: Option<String>,
    /// Most rows, 1 to 1,000; 100 when absent.
    pub(super) limit: Option<String>,
}

/// Read the server-wide settings: effective values and where they come from.
#[utoipa::path(
    get, path = "/api/v1/settings", tag = "settings",
    responses((status = 200, description = "The settings; ETag is the revision", body = SettingsView), Problems)
)]
pub(super) async fn show_settings(state: State<Arc<Shared>>) -> Response {
    let view = admin::show(&state.0).await;
    let revision = view.revision;
    with_revision(revision, Json(view).into_response())
}

/// Change the server-wide settings.
///
/// The document holds groups with the settings to change; `null` takes a value back to what it
/// inherits; `<secret>` leaves a secret as it is. Nothing is stored unless everything is valid.
#[utoipa::path(
    patch, path = "/api/v1/settings", tag = "settings",
    params(
        ChangeParams,
        ("If-Match" = Option<String>, Header, description = "Revision in quotes; 412 when it is not the newest")
    ),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, description = "Saved", body = SettingsSaved), Problems)
)]
pub(super) async fn change_settings(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    params: Params<ChangeParams>,
    body: JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let change = Change::read(&headers, &params.0)?;
    let Signature { expected_revision, author, comment } = change.signature(&caller);
    let saved = admin::patch(&state.0, body.0, expected_revision, author, comment).await;
    change.answer(saved)
}

/// What settings there are: type, bounds, default and description of each.
#[utoipa::path(
    get, path = "/api/v1/settings/definitions", tag = "settings",
    responses((status = 200, description = "The definitions", body = Object), Problems)
)]
pub(super) async fn show_definitions() -> Json<Value> {
    Json(admin::definitions())
}

/// List ready settings for families of relays.
///
/// A preset becomes a change: its values with their `<name>` places filled, `null` for what it
/// clears, and the answers to its questions, in the group `email`.
#[utoipa::path(
    get, path = "/api/v1/settings/presets", tag = "settings",
    responses((status = 200, description = "All presets", body = PresetList), Problems)
)]
pub(super) async fn list_presets() -> Json<PresetList> {
    Json(presets::list())
}

/// List the saved revisions, newest first.
#[utoipa::path(
    get, path = "/api/v1/settings/history", tag = "settings", params(PageParams),
    responses((status = 200, description = "A page", body = SettingsHistory), Problems)
)]
pub(super) async fn list_history(
    state: State<Arc<Shared>>,
    params: Params<PageParams>,
) -> Answer<SettingsHistory> {
    let mut conversion = Conversion::default();
    let page = conversion.page(params.0.after.as_ref(), params.0.limit.as_ref());
    conversion.finish()?;
    Ok(Json(admin::history(&state.0, page).await?))
}

/// Which ready templates are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TemplateParams {
    /// `en` or `ru`; both when absent.
    language: Option<String>,
    /// Pieces of a subject to join, separated by commas, such as `severity,event,computer`.
    subject: Option<String>,
}

/// List ready templates, each with what it looks like.
///
/// A template becomes a change of settings: its text in `subject`, `message` or `html_message` of
/// a channel. The names of pieces in `subject` give one subject that is joined from them.
#[utoipa::path(
    get, path = "/api/v1/settings/templates", tag = "settings", params(TemplateParams),
    responses((status = 200, description = "The templates", body = TemplateList), Problems)
)]
pub(super) async fn list_templates(params: Params<TemplateParams>) -> Answer<TemplateList> {
    let mut conversion = Conversion::default();
    let codes = Language::ALL.map(Language::code);
    let language = conversion.word("language", params.0.language.as_ref(), &codes);
    conversion.finish()?;
    let language = language.as_deref().and_then(Language::with_code);
    let subject = params.0.subject.filter(|names| !names.is_empty());
    let subject: Option<Vec<&str>> =
        subject.as_deref().map(|names| names.split(',').map(str::trim).collect());
    Ok(Json(templates::list(language, subject.as_deref())?))
}

/// Render templates without saving or sending anything.
///
/// What is not given is taken from the saved server-wide settings; the event is a stored one, a
/// hypothetical one, or a sample.
#[utoipa::path(
    post, path = "/api/v1/settings/preview", tag = "settings", request_body = PreviewRequest,
    responses((status = 200, description = "Rendered", body = PreviewResult), Problems)
)]
pub(super) async fn preview_templates(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<PreviewRequest>,
) -> Answer<PreviewResult> {
    if body.0.event.is_some() {
        caller.require(&state.0, Right::ReadEvents)?;
    }
    Ok(Json(preview::preview(&state.0, body.0).await?))
}

/// The comment of a change; ends the conversion.
pub(super) fn read_comment(
    mut conversion: Conversion,
    comment: Option<&String>,
) -> Result<String, ApiError> {
    let must = format!("must be at most {COMMENT_CHARS_MAX} characters without control characters");
    let comment = conversion.value("comment", comment, &must, |text| {
        let fits = text.chars().count() <= COMMENT_CHARS_MAX && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned())
    });
    conversion.finish()?;
    Ok(comment.unwrap_or_default())
}

/// Says the revision in the header that conditional requests are made of.
pub(super) fn with_revision(revision: i64, mut response: Response) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The revision of an `If-Match` header; `*` asks for none in particular.
pub(super) fn expected_revision(header: Option<&HeaderValue>) -> Result<Option<i64>, ApiError> {
    let Some(value) = header else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let revision = quoted.and_then(|digits| digits.parse().ok()).filter(|number| *number >= 0);
    match revision {
        Some(revision) => Ok(Some(revision)),
        None => Err(ApiError::malformed("If-Match must be a revision in quotes, such as \"7\".")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_is_a_revision_in_quotes() {
        let check = |text: Option<&'static str>, expected: Result<Option<i64>, u16>| {
            let header = text.map(HeaderValue::from_static);
            let found = expected_revision(header.as_ref());
            assert_eq!(found.map_err(|error| error.problem().status), expected, "{text:?}");
        };
        check(None, Ok(None));
        check(Some("*"), Ok(None));
        check(Some("\"7\""), Ok(Some(7)));
        check(Some("\"0\""), Ok(Some(0)));
        check(Some("7"), Err(400));
        check(Some("\"-1\""), Err(400));
        check(Some("\"x\""), Err(400));
        check(Some("W/\"7\""), Err(400));
        check(Some(""), Err(400));
    }
}
