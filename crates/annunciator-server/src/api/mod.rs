//! JSON in, a call to admin or intake, JSON out; one file per resource.
//!
//! In: requests whose connection is known. Out: answers, problems, the OpenAPI document.
//! Standard: RFC 9110 (HTTP), RFC 9457 (problems), OpenAPI 3.1; contracts: spec 13.
//! Knows nothing of: sockets, TLS, how things are stored or sent.
//!
//! Routes and document are one definition (`document.rs`); who may call what is one table
//! ([`rights::OPERATIONS`]).

pub mod error;
pub mod rights;

mod body;
mod csv;
mod export_rows;
mod query;
pub mod views;

mod audit;
mod certificates;
mod cookies;
mod deliveries;
mod events;
mod explain;
mod export;
mod health;
mod incidents;
mod mappings;
mod nodes;
mod notifications;
mod origin;
mod overrides;
mod policies;
mod roles;
mod saved_views;
mod sessions;
mod settings;
mod settings_code;
mod sign_in;
mod silences;
mod statistics;
mod status;
mod subscriptions;
mod system;
mod test_message;
mod tokens;
mod users;

mod document;

pub use body::SETTINGS_BYTES_MAX;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderValue};
use hyper::http::Extensions;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use crate::identity::{Credential, Identity};
use crate::shared::Shared;
use error::{ApiError, PROBLEM_JSON};
use rights::{Peer, Right};

pub use document::openapi_json;
pub use events::{is_submission, submit};

/// The API as a service; requests must carry their [`Peer`] as an extension.
pub fn router(shared: &Arc<Shared>) -> Router {
    let (router, _) = document::routes().split_for_parts();
    router
        .fallback(|| async { ApiError::not_found("There is nothing at this path.") })
        .layer(middleware::from_fn_with_state(Arc::clone(shared), guard))
        .with_state(Arc::clone(shared))
}

/// Lets in who may, and makes a problem of every refusal that is none yet.
async fn guard(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    match admit(&shared, request.method(), request.extensions(), request.headers()).await {
        Err(refusal) => return refusal.into_response(),
        Ok(None) => {}
        Ok(Some(identity)) => {
            request.extensions_mut().insert(Caller(identity));
        }
    }
    let response = next.run(request).await;
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if is_refusal && content_type.is_none_or(|value| value != PROBLEM_JSON) {
        return ApiError::of_status(status).into_response();
    }
    response
}

async fn admit(
    shared: &Shared,
    method: &Method,
    extensions: &Extensions,
    headers: &HeaderMap,
) -> Result<Option<Arc<Identity>>, ApiError> {
    let Some(path) = extensions.get::<MatchedPath>() else { return Ok(None) };
    let operation = rights::operation(method.as_str(), path.as_str())?;
    let peer = extensions.get::<Peer>().ok_or_else(ApiError::internal)?;
    rights::authorize(shared, peer, method, headers, operation.access).await
}

/// Who calls; the guard has let it in.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Identity>);

impl Caller {
    /// The name for the audit log.
    fn author(&self) -> &str {
        &self.0.name
    }

    /// Whether its role has a right.
    fn has(&self, shared: &Shared, right: Right) -> bool {
        shared.roles.rights_of(&self.0.role).have(right)
    }

    /// Refuses whose role lacks a right that the operation needs for this request.
    fn require(&self, shared: &Shared, right: Right) -> Result<(), ApiError> {
        if self.has(shared, right) { Ok(()) } else { Err(rights::lacks(&self.0, right)) }
    }

    /// Who it is.
    fn identity(&self) -> &Identity {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError::unauthenticated(false))
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::internal)
    }
}

/// A user who has signed in; the guard has let them in.
#[derive(Debug, Clone)]
struct SignedInUser {
    /// Name.
    user: String,
    /// The session of the request.
    sha256: [u8; 32],
}

impl<S: Sync> FromRequestParts<S> for SignedInUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Caller::from_request_parts(parts, state).await?.0.credential.clone() {
            Credential::Session { user, sha256 } => Ok(Self { user, sha256 }),
            Credential::Local | Credential::Token(_) => Err(ApiError::unauthenticated(false)),
        }
    }
}

/// A request's headers.
struct RequestHeaders(hyper::HeaderMap);

impl<S: Sync> FromRequestParts<S> for RequestHeaders {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.clone()))
    }
}

/// Media type of JSON values, one per line.
const NDJSON: &str = "application/x-ndjson";

/// Whether a request names this media type among those that it takes (RFC 9110 section 12.5.1).
fn accepts(headers: &hyper::HeaderMap, media_type: &str) -> bool {
    let fields = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = fields.flat_map(|field| field.split(','));
    ranges.any(|range| {
        let name = range.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case(media_type)
    })
}

/// Headers that every answer carries: nothing is guessed, nothing is kept by caches.
pub fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Files of the console say for themselves that they may be kept.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Answer to a handler: JSON or a problem.
type Answer<T> = Result<axum::Json<T>, ApiError>;

#[cfg(test)]
mod tests;
