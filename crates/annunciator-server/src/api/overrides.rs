//! Event configuration, policies' events and application settings: read, change many at once; what
//! holds for an event.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::sync::Arc;

use annunciator_api_types::{
    ApplicationSettingsList, EffectiveRequest, EffectiveView, OverrideChange, OverrideList,
    OverridesSaved,
};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::query::{Conversion, Params};
use super::settings::{Change, ChangeParams, with_revision};
use super::{Answer, Caller, RequestHeaders};
use crate::admin::effective;
use crate::admin::overrides::{self as admin, OWNER_KINDS, OverrideFilter};
use crate::shared::Shared;

/// Which overrides are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OverrideParams {
    /// `event_configuration`, `policy` or `application_settings`.
    owner: Option<String>,
    /// Application name.
    application: Option<String>,
    /// Name of a policy.
    policy: Option<String>,
    /// Name of a device with application settings.
    device: Option<String>,
}

/// List what overrides the server-wide settings.
#[utoipa::path(
    get, path = "/api/v1/overrides", tag = "overrides", params(OverrideParams),
    responses((status = 200, description = "The overrides; ETag is the revision", body = OverrideList), Problems)
)]
pub(super) async fn list_overrides(
    state: State<Arc<Shared>>,
    params: Params<OverrideParams>,
) -> Result<Response, ApiError> {
    let given = params.0;
    let mut conversion = Conversion::default();
    let filter = OverrideFilter {
        kind: conversion.word("owner", given.owner.as_ref(), &OWNER_KINDS),
        application: given.application,
        policy: given.policy,
        device: given.device,
    };
    conversion.finish()?;
    let list = admin::list(&state.0, &filter);
    Ok(with_revision(list.revision, Json(list).into_response()))
}

/// Change the overrides of one owner for many events at once, or clear them.
///
/// The change is laid over the override of each target; nothing is stored unless it is valid for
/// all of them. Pointers of problems are into the request where that can be.
#[utoipa::path(
    patch, path = "/api/v1/overrides", tag = "overrides",
    params(
        ChangeParams,
        ("If-Match" = Option<String>, Header, description = "Revision in quotes; 412 when it is not the newest")
    ),
    request_body = OverrideChange,
    responses((status = 200, description = "Saved", body = OverridesSaved), Problems)
)]
pub(super) async fn change_overrides(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    params: Params<ChangeParams>,
    body: JsonBody<OverrideChange>,
) -> Result<Response, ApiError> {
    let change = Change::read(&headers, &params.0)?;
    let saved = admin::change(&state.0, body.0, change.signature(&caller)).await;
    change.answer(saved)
}

/// List the applications with settings of their own on a device.
#[utoipa::path(
    get, path = "/api/v1/application-settings", tag = "overrides",
    responses((status = 200, description = "ETag is the revision", body = ApplicationSettingsList), Problems)
)]
pub(super) async fn list_application_settings(state: State<Arc<Shared>>) -> Response {
    let list = admin::application_settings(&state.0);
    with_revision(list.revision, Json(list).into_response())
}

/// Delete the settings of an application on a device.
#[utoipa::path(
    delete, path = "/api/v1/application-settings/{application}/{device}", tag = "overrides",
    params(
        ("application" = String, Path, description = "Name of the application"),
        ("device" = String, Path, description = "Name of the device"),
        ChangeParams,
        ("If-Match" = Option<String>, Header, description = "Revision in quotes; 412 when it is not the newest")
    ),
    responses((status = 200, description = "Deleted", body = OverridesSaved), Problems)
)]
pub(super) async fn delete_application_settings(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    params: Params<ChangeParams>,
    path: Path<(String, String)>,
) -> Result<Response, ApiError> {
    let change = Change::read(&headers, &params.0)?;
    let (application, device) = &path.0;
    let signature = change.signature(&caller);
    let deleted =
        admin::delete_application_settings(&state.0, application, device, signature).await;
    change.answer(deleted)
}

/// What holds for such an event: every setting with its origin, every layer that was consulted.
#[utoipa::path(
    post, path = "/api/v1/effective", tag = "overrides", request_body = EffectiveRequest,
    responses((status = 200, description = "What holds", body = EffectiveView), Problems)
)]
pub(super) async fn show_effective(
    state: State<Arc<Shared>>,
    body: JsonBody<EffectiveRequest>,
) -> Answer<EffectiveView> {
    Ok(Json(effective::show(&state.0, body.0).await?))
}
