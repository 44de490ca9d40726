//! Users: list, make, show, change, delete; passwords, one-time keys, sign-out.

use std::sync::Arc;

use annunciator_api_types::{
    NewUserRequest, PasswordSet, UserList, UserPatch, UserSaved, UserView,
};
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use zeroize::Zeroizing;

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::{Answer, Caller};
use crate::admin::users;
use crate::intake::json::Document;
use crate::shared::Shared;

impl Document for NewUserRequest {
    const REQUIRED: &'static [&'static str] = &["name", "role"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() {
            &["name", "role", "password", "full_name", "email", "language", "time_zone"]
        } else {
            &[]
        }
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        // Never the parser's own words, which repeat the value.
        (!path.is_empty()).then_some("must be text")
    }
}

impl Document for UserPatch {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() {
            &["role", "blocked", "full_name", "email", "language", "time_zone", "theme"]
        } else {
            &[]
        }
    }
}

impl Document for PasswordSet {
    const REQUIRED: &'static [&'static str] = &["password"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["password"] } else { &[] }
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        (!path.is_empty()).then_some("must be text")
    }
}

/// List the users.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users",
    responses((status = 200, description = "By name", body = UserList), Problems)
)]
pub(super) async fn list_users(state: State<Arc<Shared>>) -> Answer<UserList> {
    Ok(Json(UserList { users: users::list(&state.0).await? }))
}

/// Make a user.
///
/// Without a password a one-time key is answered, with which the user sets one within 24 hours.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", request_body = NewUserRequest,
    responses((status = 201, description = "The user", body = UserSaved), Problems)
)]
pub(super) async fn create_user(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<NewUserRequest>,
) -> Result<(StatusCode, Json<UserSaved>), ApiError> {
    let saved = users::create(&state.0, body.0, caller.identity()).await?;
    Ok((StatusCode::CREATED, Json(saved)))
}

/// Look at a user.
#[utoipa::path(
    get, path = "/api/v1/users/{name}", tag = "users",
    params(("name" = String, Path, description = "Name of the user")),
    responses((status = 200, description = "The user", body = UserView), Problems)
)]
pub(super) async fn show_user(state: State<Arc<Shared>>, name: Path<String>) -> Answer<UserView> {
    Ok(Json(users::show(&state.0, &name.0).await?))
}

/// Change a user. Blocking, and a role that may do less, end all sessions of the user.
///
/// Another role and a block end the one-time key. A role that may do more ends a password, with all
/// sessions, that was given by somebody who may less than that role: `has_password` says so.
#[utoipa::path(
    patch, path = "/api/v1/users/{name}", tag = "users",
    params(("name" = String, Path, description = "Name of the user")), request_body = UserPatch,
    responses((status = 200, description = "The user", body = UserView), Problems)
)]
pub(super) async fn change_user(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
    body: JsonBody<UserPatch>,
) -> Answer<UserView> {
    Ok(Json(users::change(&state.0, &name.0, body.0, caller.identity()).await?))
}

/// Delete a user with sessions and saved views.
#[utoipa::path(
    delete, path = "/api/v1/users/{name}", tag = "users",
    params(("name" = String, Path, description = "Name of the user")),
    responses((status = 204, description = "Deleted"), Problems)
)]
pub(super) async fn delete_user(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
) -> Result<StatusCode, ApiError> {
    users::delete(&state.0, &name.0, caller.identity()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a user a one-time key to set a new password with, within 24 hours.
///
/// It takes the place of the one before, and ends nothing until it is used.
#[utoipa::path(
    post, path = "/api/v1/users/{name}/key", tag = "users",
    params(("name" = String, Path, description = "Name of the user")),
    responses((status = 200, description = "The user and the key", body = UserSaved), Problems)
)]
pub(super) async fn give_key(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
) -> Answer<UserSaved> {
    Ok(Json(users::give_key(&state.0, &name.0, caller.identity()).await?))
}

/// Set a user's password. All sessions of the user end.
#[utoipa::path(
    post, path = "/api/v1/users/{name}/password", tag = "users",
    params(("name" = String, Path, description = "Name of the user")), request_body = PasswordSet,
    responses((status = 204, description = "Set"), Problems)
)]
pub(super) async fn set_password(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
    body: JsonBody<PasswordSet>,
) -> Result<StatusCode, ApiError> {
    let password = Zeroizing::new(body.0.password);
    users::set_password(&state.0, &name.0, &password, caller.identity()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End all sessions of a user.
#[utoipa::path(
    post, path = "/api/v1/users/{name}/sign-out", tag = "users",
    params(("name" = String, Path, description = "Name of the user")),
    responses((status = 204, description = "Signed out"), Problems)
)]
pub(super) async fn sign_out_user(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
) -> Result<StatusCode, ApiError> {
    users::sign_out(&state.0, &name.0, caller.identity()).await?;
    Ok(StatusCode::NO_CONTENT)
}
