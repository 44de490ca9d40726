//! Policies and device groups: list, make, change, delete.

use std::sync::Arc;

use annunciator_api_types::{
    DeviceGroupInput, DeviceGroupList, OverridesSaved, PolicyInput, PolicyList, PolicyView,
};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::query::Params;
use super::settings::{Change, ChangeParams, with_revision};
use super::{Caller, RequestHeaders};
use crate::admin::policies as admin;
use crate::shared::Shared;

/// List the policies, without their events.
#[utoipa::path(
    get, path = "/api/v1/policies", tag = "overrides",
    responses((status = 200, description = "The policies; ETag is the revision", body = PolicyList), Problems)
)]
pub(super) async fn list_policies(state: State<Arc<Shared>>) -> Response {
    let list = admin::list(&state.0);
    with_revision(list.revision, Json(list).into_response())
}

/// Show a policy, without its events: those are in `/api/v1/overrides?policy=`.
#[utoipa::path(
    get, path = "/api/v1/policies/{name}", tag = "overrides",
    params(("name" = String, Path, description = "Name of the policy")),
    responses((status = 200, description = "The policy; ETag is the revision", body = PolicyView), Problems)
)]
pub(super) async fn show_policy(
    state: State<Arc<Shared>>,
    name: Path<String>,
) -> Result<Response, ApiError> {
    let (revision, view) = admin::show(&state.0, &name.0)?;
    Ok(with_revision(revision, Json(view).into_response()))
}

/// Make a policy, or give an existing one these attributes, another name among them.
///
/// Its events stay as they are unless some are given.
#[utoipa::path(
    put, path = "/api/v1/policies/{name}", tag = "overrides",
    params(
        ("name" = String, Path, description = "Name of the policy"),
        ChangeParams,
        ("If-Match" = Option<String>, Header, description = "Revision in quotes; 412 when it is not the newest")
    ),
    request_body = PolicyInput,
    responses((status = 200, description = "Saved", body = OverridesSaved), Problems)
)]
pub(super) async fn put_policy(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    params: Params<ChangeParams>,
    name: Path<String>,
    body: JsonBody<PolicyInput>,
) -> Result<Response, ApiError> {
    let change = Change::read(&headers, &params.0)?;
    let saved = admin::put(&state.0, &name.0, body.0, change.signature(&caller)).await;
    change.answer(saved)
}

/// Delete a policy with its events.
#[utoipa::path(
    delete, path = "/api/v1/policies/{name}", tag = "overrides",
    params(
        ("name" = String, Path, description = "Name of the policy"),
        ChangeParams,
        ("If-Match" = Option<String>, Header, description = "Revision in quotes; 412 when it is not the newest")
    ),
    responses((status = 200, description = "Deleted", body = OverridesSaved), Problems)
)]
pub(super) async fn delete_policy(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    params: Params<ChangeParams>,
    name: Path<String>,
) -> Result<Response, ApiError> {
    let change = Change::read(&headers, &params.0)?;
    let deleted = admin::delete(&state.0, &name.0, change.signature(&caller)).await;
    change.answer(deleted)
}

/// List the tree of device groups, with the policies of each.
#[utoipa::path(
    get, path = "/api/v1/device-groups", tag = "overrides",
    responses((status = 200, description = "The groups; ETag is the revision", body = DeviceGroupList), Problems)
)]
pub(super) async fn list_groups(state: State<Arc<Shared>>) -> Response {
    let list = admin::list_groups(&state.0);
    with_revision(list.revision, Json(list).into_response())
}

/// Add a device group; those above it are known with it.
#[utoipa::path(
    post, path = "/api/v1/device-groups", tag = "overrides",
    params(
        ChangeParams,
        ("If-Match" = Option<String>, Header, description = "Revision in quotes; 412 when it is not the newest")
    ),
    request_body = DeviceGroupInput,
    responses((status = 200, description = "Saved", body = OverridesSaved), Problems)
)]
pub(super) async fn add_group(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    params: Params<ChangeParams>,
    body: JsonBody<DeviceGroupInput>,
) -> Result<Response, ApiError> {
    let change = Change::read(&headers, &params.0)?;
    let saved = admin::add_group(&state.0, body.0, change.signature(&caller)).await;
    change.answer(saved)
}

/// Delete a device group and those below it, when no policy is for any of them.
#[utoipa::path(
    delete, path = "/api/v1/device-groups/{path}", tag = "overrides",
    params(
        ("path" = String, Path, description = "Path of the group, `/` in it written `%2F`"),
        ChangeParams,
        ("If-Match" = Option<String>, Header, description = "Revision in quotes; 412 when it is not the newest")
    ),
    responses((status = 200, description = "Deleted", body = OverridesSaved), Problems)
)]
pub(super) async fn delete_group(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    params: Params<ChangeParams>,
    path: Path<String>,
) -> Result<Response, ApiError> {
    let change = Change::read(&headers, &params.0)?;
    let deleted = admin::delete_group(&state.0, &path.0, change.signature(&caller)).await;
    change.answer(deleted)
}
