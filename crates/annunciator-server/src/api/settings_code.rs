//! The whole settings document, saved revisions, and the way back.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::sync::Arc;

use annunciator_api_types::{RollbackRequest, SettingsPlan, SettingsRevisionDetail};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::body::{JsonBody, SETTINGS_BYTES_MAX};
use super::document::Problems;
use super::error::ApiError;
use super::query::{Conversion, Params};
use super::rights::Right;
use super::settings::{expected_revision, read_comment, with_revision};
use super::{Answer, Caller, RequestHeaders};
use crate::admin::AdminError;
use crate::admin::settings_code::{self as admin, Ask, Secrets};
use crate::shared::Shared;

/// How secrets are given.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportParams {
    /// `masked` (the default) gives `<secret>`, `sealed` a text that only a server with the same
    /// key file opens.
    secrets: Option<String>,
}

/// How a document is taken.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ApplyParams {
    /// Why, at most 500 characters; kept in the history.
    comment: Option<String>,
    /// `true` answers the plan and saves nothing.
    dry_run: Option<String>,
}

/// Read the whole settings document.
///
/// It holds everything that is set, by key; what is not in it holds its default. Its secrets are
/// `<secret>`, or sealed for a server with the same key file; that is noted in the audit log.
#[utoipa::path(
    get, path = "/api/v1/settings/document", tag = "settings", params(ExportParams),
    responses((status = 200, description = "The document; ETag is the revision", body = Object), Problems)
)]
pub(super) async fn export_document(
    state: State<Arc<Shared>>,
    caller: Caller,
    params: Params<ExportParams>,
) -> Result<Response, ApiError> {
    let mut conversion = Conversion::default();
    let words = ["masked", "sealed"];
    let word = conversion.word("secrets", params.0.secrets.as_ref(), &words);
    conversion.finish()?;
    let secrets = if word.as_deref() == Some("sealed") { Secrets::Sealed } else { Secrets::Masked };
    if secrets == Secrets::Sealed && !caller.has(&state.0, Right::ChangeSettings) {
        let words = "Sealed secrets are given to those who may change settings.";
        return Err(ApiError::forbidden(words));
    }
    let (revision, document) = admin::export(&state.0, secrets, caller.author()).await?;
    Ok(with_revision(revision, Json(document).into_response()))
}

/// Make the settings what a whole document says.
///
/// What the document leaves out is cleared; `<secret>` leaves a secret as it is, and a sealed one is
/// opened. The answer lists the changes. When there are none, no revision is saved. Nothing is
/// stored unless everything is valid.
#[utoipa::path(
    put, path = "/api/v1/settings/document", tag = "settings",
    params(
        ApplyParams,
        ("If-Match" = Option<String>, Header, description = "Revision in quotes; 412 when it is not the newest")
    ),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, description = "The changes", body = SettingsPlan), Problems)
)]
pub(super) async fn apply_document(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    params: Params<ApplyParams>,
    body: JsonBody<Map<String, Value>, SETTINGS_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let expected = expected_revision(headers.0.get(header::IF_MATCH))?;
    let mut conversion = Conversion::default();
    let dry_run = conversion.word("dry_run", params.0.dry_run.as_ref(), &["true", "false"]);
    let comment = read_comment(conversion, params.0.comment.as_ref())?;
    let ask = Ask {
        expected_revision: expected,
        is_dry_run: dry_run.as_deref() == Some("true"),
        author: caller.author(),
        comment: &comment,
    };
    let plan = admin::replace(&state.0, &body.0, &ask).await;
    let plan = plan.map_err(|error| told(error, expected))?;
    let revision = plan.revision;
    Ok(with_revision(revision, Json(plan).into_response()))
}

/// Show a saved revision and what it changed.
#[utoipa::path(
    get, path = "/api/v1/settings/revisions/{revision}", tag = "settings",
    params(("revision" = i64, Path, description = "The revision")),
    responses((status = 200, description = "The revision", body = SettingsRevisionDetail), Problems)
)]
pub(super) async fn show_revision(
    state: State<Arc<Shared>>,
    revision: Path<String>,
) -> Answer<SettingsRevisionDetail> {
    let unknown = || ApiError::not_found("A revision is a number: the history lists those kept.");
    let number = revision.0.parse().map_err(|_| unknown())?;
    Ok(Json(admin::revision(&state.0, number).await?))
}

/// Bring back an earlier revision as a new one.
///
/// Its secrets come back as they were. It passes the checks of every change.
#[utoipa::path(
    post, path = "/api/v1/settings/rollback", tag = "settings",
    params(
        ("If-Match" = Option<String>, Header, description = "Revision in quotes; 412 when it is not the newest")
    ),
    request_body = RollbackRequest,
    responses((status = 200, description = "The changes", body = SettingsPlan), Problems)
)]
pub(super) async fn roll_back(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    body: JsonBody<RollbackRequest>,
) -> Result<Response, ApiError> {
    let expected = expected_revision(headers.0.get(header::IF_MATCH))?;
    let plan = admin::roll_back(&state.0, &body.0, expected, caller.author()).await;
    let plan = plan.map_err(|error| told(error, expected))?;
    let revision = plan.revision;
    Ok(with_revision(revision, Json(plan).into_response()))
}

fn told(error: AdminError, expected: Option<i64>) -> ApiError {
    let error = ApiError::from(error);
    if expected.is_some() { error.conditional() } else { error }
}
