//! One's own session, preferences and sessions.

use std::sync::Arc;

use annunciator_api_types::{PreferencesPatch, SessionList, SessionView};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;

use super::body::JsonBody;
use super::cookies::{self, Carriage};
use super::document::Problems;
use super::error::ApiError;
use super::rights::Peer;
use super::{Answer, Caller, RequestHeaders, SignedInUser};
use crate::admin::sessions;
use crate::intake::json::Document;
use crate::shared::Shared;

impl Document for PreferencesPatch {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() {
            &["language", "time_zone", "theme", "full_name", "email"]
        } else {
            &[]
        }
    }
}

/// Look at who you are, and what you may do.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session",
    responses((status = 200, description = "Who asks", body = SessionView), Problems)
)]
pub(super) async fn show_session(state: State<Arc<Shared>>, caller: Caller) -> Answer<SessionView> {
    Ok(Json(sessions::show(&state.0, caller.identity()).await?))
}

/// Change your own preferences.
#[utoipa::path(
    patch, path = "/api/v1/session", tag = "session", request_body = PreferencesPatch,
    responses((status = 200, description = "Who asks", body = SessionView), Problems)
)]
pub(super) async fn change_preferences(
    state: State<Arc<Shared>>,
    caller: Caller,
    user: SignedInUser,
    body: JsonBody<PreferencesPatch>,
) -> Answer<SessionView> {
    sessions::set_preferences(&state.0, &user.user, body.0).await?;
    Ok(Json(sessions::show(&state.0, caller.identity()).await?))
}

/// Sign out.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "Signed out"), Problems)
)]
pub(super) async fn sign_out(
    state: State<Arc<Shared>>,
    peer: Peer,
    headers: RequestHeaders,
    user: SignedInUser,
) -> Result<Response, ApiError> {
    sessions::sign_out(&state.0, &user.user, user.sha256).await?;
    Ok(signed_out(&headers, &peer))
}

fn signed_out(headers: &RequestHeaders, peer: &Peer) -> Response {
    let carriage = Carriage::of(&headers.0, peer);
    (StatusCode::NO_CONTENT, cookies::forget(carriage), ()).into_response()
}

/// List your own sessions, the one used last first.
#[utoipa::path(
    get, path = "/api/v1/sessions", tag = "session",
    responses((status = 200, description = "The sessions", body = SessionList), Problems)
)]
pub(super) async fn list_sessions(
    state: State<Arc<Shared>>,
    user: SignedInUser,
) -> Answer<SessionList> {
    Ok(Json(sessions::list(&state.0, &user.user, user.sha256).await?))
}

/// Sign out everywhere, here too.
#[utoipa::path(
    delete, path = "/api/v1/sessions", tag = "session",
    responses((status = 204, description = "Signed out"), Problems)
)]
pub(super) async fn end_sessions(
    state: State<Arc<Shared>>,
    peer: Peer,
    headers: RequestHeaders,
    user: SignedInUser,
) -> Result<Response, ApiError> {
    sessions::end_all(&state.0, &user.user).await?;
    Ok(signed_out(&headers, &peer))
}

/// End one of your own sessions.
#[utoipa::path(
    delete, path = "/api/v1/sessions/{id}", tag = "session",
    params(("id" = String, Path, description = "Id of the session")),
    responses((status = 204, description = "Ended"), Problems)
)]
pub(super) async fn end_session(
    state: State<Arc<Shared>>,
    user: SignedInUser,
    id: Path<String>,
) -> Result<StatusCode, ApiError> {
    sessions::end_one(&state.0, &user.user, &id.0).await?;
    Ok(StatusCode::NO_CONTENT)
}
