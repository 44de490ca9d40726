//! A question of a page becomes a call of the API inside the process, as the visitor who asked.
//!
//! In: method, path, JSON; who calls, by the headers of his request. Out: what the API answered,
//! typed, or its refusal. Knows nothing of: pages.
//! Failure: whatever the API refuses comes back as the [`Problem`] that it answered.

use annunciator_api_types::{Problem, RollbackRequest, SettingsPlan};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{self, HeaderName};
use hyper::http::{Extensions, request::Parts};
use hyper::{HeaderMap, Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

/// Longest answer that is read whole. Unit: octets.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// What of a visitor's request says who asks, from which page, and how it came.
const PASSED_ON: [HeaderName; 7] = [
    header::COOKIE,
    header::AUTHORIZATION,
    header::ORIGIN,
    header::HOST,
    header::USER_AGENT,
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("x-forwarded-proto"),
];

/// The API.
pub(crate) struct Api(Router);

impl Api {
    pub(crate) fn new(router: Router) -> Self {
        Self(router)
    }

    /// Calls as this visitor; the answer as it comes, which may be a stream.
    pub(crate) async fn open(
        &self,
        visitor: &Credentials,
        method: Method,
        path: &str,
        accept: Option<&'static str>,
        body: Option<Vec<u8>>,
    ) -> Response {
        let mut request = Request::new(body.map_or_else(Body::empty, Body::from));
        *request.method_mut() = method;
        let Ok(uri) = path.parse() else {
            return plain(StatusCode::NOT_FOUND);
        };
        *request.uri_mut() = uri;
        *request.headers_mut() = visitor.headers.clone();
        *request.extensions_mut() = visitor.extensions.clone();
        let json = header::HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Some(accept) = accept {
            request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static(accept));
        }
        match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    async fn call(
        &self,
        visitor: &Credentials,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Reply, Refusal> {
        let answer = self.open(visitor, method, path, None, body).await;
        let (head, body) = answer.into_parts();
        let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = read.map_err(|error| Refusal::Broken(format!("{path}: {error}")))?.to_bytes();
        if head.status.is_success() {
            return Ok(Reply { headers: head.headers, body });
        }
        Err(refusal_of(path, head.status, &head.headers, &body))
    }

    /// Calls as this visitor; the body of a good answer as it comes.
    pub(crate) async fn stream(
        &self,
        visitor: &Credentials,
        method: Method,
        path: &str,
        accept: Option<&'static str>,
        body: Option<Vec<u8>>,
    ) -> Result<Body, Refusal> {
        let answer = self.open(visitor, method, path, accept, body).await;
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            return Ok(body);
        }
        let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = read.map_err(|error| Refusal::Broken(format!("{path}: {error}")))?.to_bytes();
        Err(refusal_of(path, head.status, &head.headers, &body))
    }

    /// Reads.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        visitor: &Credentials,
        path: &str,
    ) -> Result<T, Refusal> {
        self.call(visitor, Method::GET, path, None).await?.json(path)
    }

    /// Asks something that is posted because it is long, and that changes nothing.
    ///
    /// It is the page itself that asks, also where a bookmark or another site led to the page: so
    /// this takes none but these questions.
    pub(crate) async fn ask<B: Serialize + Sync>(
        &self,
        visitor: &Credentials,
        question: Question,
        body: &B,
    ) -> Result<Reply, Refusal> {
        self.send(&visitor.of_page(), Method::POST, question.path(), body).await
    }

    /// Asks what bringing a revision of the settings back would change; like [`Self::ask`], it can be
    /// nothing but a question, since it is never asked for more than the plan.
    pub(crate) async fn ask_rollback_plan(
        &self,
        visitor: &Credentials,
        revision: i64,
    ) -> Result<SettingsPlan, Refusal> {
        let path = "/api/v1/settings/rollback";
        let plan = RollbackRequest { revision, comment: String::new(), dry_run: true };
        self.send(&visitor.of_page(), Method::POST, path, &plan).await?.json(path)
    }

    /// Changes something with a JSON document; `()` bodies are sent as none.
    pub(crate) async fn send<B: Serialize + Sync>(
        &self,
        visitor: &Credentials,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Reply, Refusal> {
        let json = serde_json::to_vec(body)
            .map_err(|error| Refusal::Broken(format!("{path}: {error}")))?;
        let body = (json != b"null").then_some(json);
        self.call(visitor, method, path, body).await
    }
}

/// What can be asked with a document, and changes nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question {
    /// What holds for an event.
    Effective,
    /// Why somebody is told of an event or not.
    Explain,
    /// What templates make of an event.
    Preview,
}

impl Question {
    fn path(self) -> &'static str {
        match self {
            Self::Effective => "/api/v1/effective",
            Self::Explain => "/api/v1/explain",
            Self::Preview => "/api/v1/settings/preview",
        }
    }
}

/// The problem in an answer that is a refusal.
fn refusal_of(path: &str, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Refusal {
    let after =
        headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    match (status, serde_json::from_slice::<Problem>(body)) {
        (StatusCode::UNAUTHORIZED, Ok(_)) => Refusal::NotSignedIn,
        (_, Ok(problem)) => Refusal::Problem(problem, after),
        (status, Err(_)) => Refusal::Broken(format!("{path}: answered {status} without a problem")),
    }
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// What the listener says of a request, such as who sent it; nothing that the route of a page has
/// added, whose parameters the API would take for its own.
#[derive(Clone)]
pub(crate) struct Outside(Extensions);

/// Keeps what is known of a request before a page's route is looked for.
pub(crate) fn remember_outside(request: &mut Request<Body>) {
    let outside = Outside(request.extensions().clone());
    request.extensions_mut().insert(outside);
}

/// What a visitor's request says of him, passed on with every call.
#[derive(Clone)]
pub(crate) struct Credentials {
    headers: HeaderMap,
    extensions: Extensions,
}

impl Credentials {
    pub(crate) fn of(parts: &Parts) -> Self {
        let mut headers = HeaderMap::new();
        for name in PASSED_ON {
            for value in parts.headers.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        let outside = parts.extensions.get::<Outside>().expect("every page is behind the router");
        Self { headers, extensions: outside.0.clone() }
    }

    /// A header that is passed on.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The same visitor's, for what a page of ours asks by itself.
    fn of_page(&self) -> Self {
        self.with(HeaderName::from_static("sec-fetch-site"), "same-origin")
    }

    /// For the headers that only one operation asks for, such as `If-Match`.
    pub(crate) fn with(&self, name: HeaderName, value: &str) -> Self {
        let mut with = self.clone();
        if let Ok(value) = value.parse() {
            with.headers.insert(name, value);
        }
        with
    }
}

/// What the API answered.
pub(crate) struct Reply {
    /// Its headers; cookies are passed on to the browser.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body as this type.
    pub(crate) fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::Broken(format!("{path}: {error}")))
    }
}

/// Why a call was not done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody is signed in, or no longer.
    NotSignedIn,
    /// The API's own words; seconds to wait, when it says so.
    Problem(Problem, Option<u64>),
    /// The answer was not understood: a fault of ours.
    Broken(String),
}

/// A text as one segment of a path, or one value of a query.
pub(crate) fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            escaped.push(char::from(octet));
        } else {
            write!(escaped, "%{octet:02X}").expect("a String takes everything");
        }
    }
    escaped
}

/// A path with its query: pairs without a value are left out.
pub(crate) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        query.push_str(&escape(value));
    }
    format!("{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_segment() {
        assert_eq!(escape("a/b?c&d=ä"), "a%2Fb%3Fc%26d%3D%C3%A4");
        assert_eq!(escape("pc-17.a_b~"), "pc-17.a_b~");
    }

    #[test]
    fn a_query_holds_what_has_a_value() {
        assert_eq!(with_query("/x", &[("a", ""), ("b", "1 2"), ("c", "3")]), "/x?b=1%202&c=3");
        assert_eq!(with_query("/x", &[("a", "")]), "/x");
    }
}
