//! Roles: list, make or change, delete.

use std::sync::Arc;

use annunciator_api_types::{RoleInput, RoleList, RoleView};
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::{Answer, Caller};
use crate::admin::roles;
use crate::intake::json::Document;
use crate::shared::Shared;

impl Document for RoleInput {
    const REQUIRED: &'static [&'static str] = &["rights"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["rights"] } else { &[] }
    }
}

/// List the roles and all rights there are.
#[utoipa::path(
    get, path = "/api/v1/roles", tag = "users",
    responses((status = 200, description = "Built-in roles first", body = RoleList), Problems)
)]
pub(super) async fn list_roles(state: State<Arc<Shared>>) -> Answer<RoleList> {
    Ok(Json(roles::list(&state.0).await?))
}

/// Make a role, or give it other rights; at once for everybody who has it.
#[utoipa::path(
    put, path = "/api/v1/roles/{name}", tag = "users",
    params(("name" = String, Path, description = "Name of the role")), request_body = RoleInput,
    responses((status = 200, description = "The role", body = RoleView), Problems)
)]
pub(super) async fn put_role(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
    body: JsonBody<RoleInput>,
) -> Answer<RoleView> {
    Ok(Json(roles::put(&state.0, &name.0, &body.0, caller.identity()).await?))
}

/// Delete a role that nobody has.
#[utoipa::path(
    delete, path = "/api/v1/roles/{name}", tag = "users",
    params(("name" = String, Path, description = "Name of the role")),
    responses((status = 204, description = "Deleted"), Problems)
)]
pub(super) async fn delete_role(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
) -> Result<StatusCode, ApiError> {
    roles::delete(&state.0, &name.0, caller.identity()).await?;
    Ok(StatusCode::NO_CONTENT)
}
