//! Signing in: the first administrator, a password, a one-time key, a new password.
//!
//! Answers carry the cookies of the session and of the device.

use std::sync::Arc;

use annunciator_api_types::{
    KeySignInRequest, PasswordChange, SessionView, SetupRequest, SetupView, SignInRequest,
};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::USER_AGENT;
use hyper::http::request::Parts;
use zeroize::Zeroizing;

use super::body::JsonBody;
use super::cookies::{self, Carriage};
use super::document::Problems;
use super::error::ApiError;
use super::rights::Peer;
use super::{Answer, SignedInUser};
use crate::admin::sessions;
use crate::admin::sign_in::{self, SignedIn, Visitor};
use crate::intake::json::Document;
use crate::shared::Shared;

macro_rules! texts_only {
    ($($request:ident: $required:expr, $fields:expr;)*) => {$(
        impl Document for $request {
            const REQUIRED: &'static [&'static str] = &$required;
            fn fields(path: &[&str]) -> &'static [&'static str] {
                if path.is_empty() { &$fields } else { &[] }
            }
            fn expectation(path: &[&str]) -> Option<&'static str> {
                // Never the parser's own words, which repeat the value.
                (!path.is_empty()).then_some("must be text")
            }
        }
    )*};
}

texts_only! {
    SetupRequest: ["key", "user", "password"], ["key", "user", "password", "full_name", "email"];
    SignInRequest: ["user", "password"], ["user", "password"];
    KeySignInRequest: ["key", "password"], ["key", "password"];
    PasswordChange: ["current", "new"], ["current", "new"];
}

/// A visitor, with what the browser sends.
pub(super) struct Visit {
    visitor: Visitor,
    carriage: Carriage,
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let peer = Peer::from_request_parts(parts, state).await?;
        let headers = &parts.headers;
        let carriage = Carriage::of(headers, &peer);
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let visitor = Visitor {
            address: peer.address(),
            user_agent: user_agent.unwrap_or_default().to_owned(),
            device: cookies::device(headers, carriage),
            session: cookies::session(headers, carriage),
        };
        Ok(Self { visitor, carriage })
    }
}

impl Visit {
    fn answer(&self, shared: &Shared, status: StatusCode, signed_in: &SignedIn) -> Response {
        let view = sessions::view(shared, &signed_in.user, Some(&signed_in.session));
        (status, self.keep(signed_in), Json(view)).into_response()
    }

    fn keep(&self, signed_in: &SignedIn) -> impl axum::response::IntoResponseParts + use<> {
        cookies::keep(&signed_in.cookie, signed_in.device.as_deref(), self.carriage)
    }
}

/// Ask whether the first administrator is still to be made.
#[utoipa::path(
    get, path = "/api/v1/setup", tag = "session", security(()),
    responses((status = 200, description = "Whether it is", body = SetupView), Problems)
)]
pub(super) async fn show_setup(state: State<Arc<Shared>>) -> Answer<SetupView> {
    Ok(Json(sign_in::show_setup(&state.0).await?))
}

/// Make the first administrator and sign in.
///
/// The key stands in the log of the server's start, while no administrator can sign in.
#[utoipa::path(
    post, path = "/api/v1/setup", tag = "session", security(()), request_body = SetupRequest,
    responses((status = 201, description = "Made and signed in", body = SessionView), Problems)
)]
pub(super) async fn set_up(
    state: State<Arc<Shared>>,
    visit: Visit,
    body: JsonBody<SetupRequest>,
) -> Result<Response, ApiError> {
    let signed_in = sign_in::set_up(&state.0, body.0, &visit.visitor).await?;
    Ok(visit.answer(&state.0, StatusCode::CREATED, &signed_in))
}

/// Sign in.
///
/// After wrong passwords the next try has to wait: 429 says how long.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", security(()), request_body = SignInRequest,
    responses((status = 200, description = "Signed in", body = SessionView), Problems)
)]
pub(super) async fn sign_in(
    state: State<Arc<Shared>>,
    visit: Visit,
    body: JsonBody<SignInRequest>,
) -> Result<Response, ApiError> {
    let signed_in = sign_in::sign_in(&state.0, body.0, &visit.visitor).await?;
    Ok(visit.answer(&state.0, StatusCode::OK, &signed_in))
}

/// Set a password with a one-time key, and sign in. Other sessions end.
#[utoipa::path(
    post, path = "/api/v1/session/key", tag = "session", security(()),
    request_body = KeySignInRequest,
    responses((status = 200, description = "Signed in", body = SessionView), Problems)
)]
pub(super) async fn use_key(
    state: State<Arc<Shared>>,
    visit: Visit,
    body: JsonBody<KeySignInRequest>,
) -> Result<Response, ApiError> {
    let KeySignInRequest { key, password } = body.0;
    let (key, password) = (Zeroizing::new(key), Zeroizing::new(password));
    let signed_in = sign_in::use_key(&state.0, &key, &password, &visit.visitor).await?;
    Ok(visit.answer(&state.0, StatusCode::OK, &signed_in))
}

/// Change one's own password. All other sessions end; this one goes on with a new cookie.
#[utoipa::path(
    post, path = "/api/v1/session/password", tag = "session", request_body = PasswordChange,
    responses((status = 204, description = "Changed"), Problems)
)]
pub(super) async fn change_password(
    state: State<Arc<Shared>>,
    visit: Visit,
    user: SignedInUser,
    body: JsonBody<PasswordChange>,
) -> Result<Response, ApiError> {
    let PasswordChange { current, new } = body.0;
    let (current, new) = (Zeroizing::new(current), Zeroizing::new(new));
    let changed =
        sign_in::change_password(&state.0, &user.user, &current, &new, &visit.visitor).await?;
    Ok((StatusCode::NO_CONTENT, visit.keep(&changed), ()).into_response())
}
