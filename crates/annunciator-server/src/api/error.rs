//! Errors of ours become problem details: status, kind, words, wrong fields.
//!
//! In: refusals of intake, errors of admin and store, errors of the request itself.
//! Out: [`ApiError`], which answers as `application/problem+json`.
//! Standard: RFC 9457 (problem details), RFC 9110 section 15 (status codes).
//! Failure: what an outsider may not see (paths, inner words of a fault) is logged, not answered.

use annunciator_api_types::{FieldError, Problem};
use annunciator_store::StoreError;
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, StatusCode};

use crate::admin::AdminError;
use crate::intake::json::Unreadable;
use crate::intake::{EVENTS_MAX, Refusal};

/// Media type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// When to come back while something is starting or busy. Unit: seconds.
const RETRY_AFTER_S: u16 = 1;
/// When to come back when somebody must make room. Unit: seconds.
const RETRY_AFTER_FULL_S: u16 = 30;
/// How clients prove who they are.
const CHALLENGE: &str = "Bearer realm=\"annunciator\"";

/// A refused request: the problem and the headers that go with it.
#[derive(Debug, Clone)]
pub struct ApiError {
    problem: Box<Problem>,
    headers: Box<HeaderMap>,
}

impl ApiError {
    /// A problem of this kind (the part behind `urn:annunciator:`).
    #[must_use]
    pub fn new(status: StatusCode, kind: &str, title: &str) -> Self {
        let problem = Problem {
            kind: format!("urn:annunciator:{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: None,
            errors: Vec::new(),
        };
        Self { problem: Box::new(problem), headers: Box::default() }
    }

    /// Says what this case is and what to do about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.problem.detail = Some(detail.into());
        self
    }

    fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.problem.errors = errors;
        self
    }

    fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The problem.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Fields of a request are wrong.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request is not valid")
            .errors(errors)
    }

    /// The request cannot be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read").detail(detail)
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing").detail(detail)
    }

    /// The path is known and the method is not.
    #[must_use]
    pub fn method_not_allowed(allowed: &str) -> Self {
        let allow = HeaderValue::from_str(allowed).unwrap_or(HeaderValue::from_static("GET"));
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The method is not known here",
        )
        .detail(format!("Use {allowed}."))
        .header(header::ALLOW, allow)
    }

    /// No token, or none in force.
    #[must_use]
    pub fn unauthenticated(had_token: bool) -> Self {
        let (challenge, detail) = if had_token {
            (
                "Bearer realm=\"annunciator\", error=\"invalid_token\"",
                "The token is not known, or its time has ended.",
            )
        } else {
            (CHALLENGE, "Sign in, or send a token: `Authorization: Bearer …`.")
        };
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Who asks is not known")
            .detail(detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// A session's cookie that is of no use any more.
    #[must_use]
    pub fn session_ended() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Who asks is not known")
            .detail("The session has ended: sign in again.")
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))
    }

    /// A browser was led here by another site.
    #[must_use]
    pub fn cross_site(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "cross-site", "The request comes from elsewhere")
            .detail(detail)
    }

    /// The role lacks the right.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This is not allowed").detail(detail)
    }

    /// The body is longer than what is taken here. The connection ends: the rest is not read.
    #[must_use]
    pub fn too_large(bytes_max: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large")
            .detail(format!("At most {bytes_max} octets are taken here."))
            .header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// The body came too slowly.
    #[must_use]
    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The body came too slowly")
            .header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// The body ended early or was not framed as announced.
    #[must_use]
    pub fn cut_off() -> Self {
        Self::malformed("The body ended early or is not framed as announced.")
            .header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// Something is starting, busy or stopping: worth repeating.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now")
            .detail(detail)
            .header(header::RETRY_AFTER, RETRY_AFTER_S.into())
    }

    /// A media type that is not taken.
    #[must_use]
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The media type is not taken",
        )
        .detail(detail)
    }

    /// A fault of ours; its words are in the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed")
            .detail("The server's log says why.")
    }

    /// A problem for a status that some layer answered without one.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found("There is nothing at this path."),
            StatusCode::BAD_REQUEST => Self::malformed("The path or a header cannot be read."),
            status if status.is_server_error() => Self::internal(),
            status => Self::new(status, "refused", status.canonical_reason().unwrap_or("Refused")),
        }
    }

    /// Turns a conflict into a failed precondition, for requests with `If-Match`.
    #[must_use]
    pub fn conditional(mut self) -> Self {
        if self.problem.status == StatusCode::CONFLICT.as_u16() {
            self.problem.status = StatusCode::PRECONDITION_FAILED.as_u16();
            self.problem.kind = "urn:annunciator:precondition-failed".to_owned();
        }
        self
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => {
                tracing::warn!(%error, "A request was refused");
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "store-full", "The disk is full")
                    .detail("Nothing was stored. Somebody must make room.")
                    .header(header::RETRY_AFTER, RETRY_AFTER_FULL_S.into())
            }
            StoreError::Busy(_) => {
                tracing::warn!(%error, "A request was refused");
                Self::unavailable("Too much is asked of the store at once: ask again.")
            }
            StoreError::Io(_) | StoreError::Closed => {
                tracing::warn!(%error, "A request was refused");
                Self::unavailable("The store does not answer now.")
            }
            // Callers hand one thing through: the cursor of a list.
            StoreError::BadRequest(detail) => Self::malformed(detail),
            StoreError::Corrupt(_) => {
                tracing::error!(%error, "A request failed");
                Self::internal()
            }
        }
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Invalid(errors) => Self::invalid(errors),
            AdminError::NotFound(detail) => Self::not_found(detail),
            AdminError::Conflict(detail) => {
                Self::new(StatusCode::CONFLICT, "conflict", "Something else came first")
                    .detail(detail)
            }
            AdminError::Elsewhere(detail) => {
                Self::new(StatusCode::CONFLICT, "elsewhere", "This is done elsewhere")
                    .detail(detail)
            }
            AdminError::Forbidden(detail) => Self::forbidden(detail),
            AdminError::Unauthenticated(detail) => {
                let challenge = HeaderValue::from_static(CHALLENGE);
                Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Signing in failed")
                    .detail(detail)
                    .header(header::WWW_AUTHENTICATE, challenge)
            }
            AdminError::Throttled { wait_s } => {
                let unit = if wait_s == 1 { "second" } else { "seconds" };
                Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "Too many wrong tries")
                    .detail(format!("Try again in {wait_s} {unit}."))
                    .header(header::RETRY_AFTER, wait_s.into())
            }
            AdminError::Unavailable(detail) => Self::unavailable(detail),
            AdminError::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::of_refusal(refusal, "event")
    }
}

impl ApiError {
    /// Why incidents were not taken.
    #[must_use]
    pub fn of_incidents(refusal: Refusal) -> Self {
        Self::of_refusal(refusal, "incident")
    }

    fn of_refusal(refusal: Refusal, what: &str) -> Self {
        match refusal {
            Refusal::NotReady => Self::unavailable("The server is starting or stopping."),
            Refusal::Malformed(detail) => Self::malformed(detail),
            Refusal::UnsupportedMediaType(detail) => Self::unsupported_media_type(detail),
            Refusal::TooMany(count) => {
                let title = format!("There are too many {what}s");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too-many", &title).detail(format!(
                    "At most {EVENTS_MAX} {what}s are taken at once; there are {count}."
                ))
            }
            Refusal::Invalid(errors) => {
                let mut answer = Self::invalid(errors);
                answer.problem.title = format!("The {what} is not valid");
                answer
            }
            Refusal::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The Idempotency-Key was used for another body",
            )
            .detail("Nothing was stored. Use a new key for a new body."),
            Refusal::Store(error) => error.into(),
            Refusal::Interrupted => {
                let words = format!("Whether the {what} was stored is not known: send it again.");
                Self::unavailable(words)
            }
        }
    }
}

impl From<Unreadable> for ApiError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Malformed(place) => Self::malformed(format!(
                "The body is not JSON: {} at line {}, column {}.",
                place.reason, place.line, place.column
            )),
            Unreadable::Shape(error) => Self::invalid(vec![error]),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        *response.headers_mut() = *self.headers;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}
