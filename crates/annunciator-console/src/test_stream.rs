//! A test message becomes HTML, each stage when it has happened.
//!
//! In: the test's request as JSON. Out: pieces of HTML for a list, each ended by an empty comment,
//! as the API tells the stages; or all of them at once for a page without script.
//! Failure: what the API refuses is told as the last piece.

use std::convert::Infallible;

use annunciator_api_types::{FieldError, StageView, TestMessageLine, TestMessageResult};
use askama::Template;
use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::api::Refusal;
use crate::page::{Page, Visitor};
use crate::refusal::{Errors, Stop};

/// The operation.
const PATH: &str = "/api/v1/test-message";
/// The end of a piece.
const END: &str = "<!---->";
/// Longest line of the API. Unit: octets.
const LINE_BYTES_MAX: usize = 4 << 20;
/// Says to whoever stands between, our own compression too, that pieces are not to be collected.
pub(crate) const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

#[derive(Template)]
#[template(path = "test_stages.html", block = "stage")]
struct StagePiece<'a> {
    page: &'a Page,
    stage: &'a StageView,
}

#[derive(Template)]
#[template(path = "test_stages.html", block = "result")]
struct ResultPiece<'a> {
    page: &'a Page,
    result: &'a TestMessageResult,
}

#[derive(Template)]
#[template(path = "test_stages.html", block = "refused")]
struct RefusedPiece<'a> {
    page: &'a Page,
    summary: &'a str,
    errors: &'a [Wrong],
}

impl ResultPiece<'_> {
    /// Whether some recipients got it and others did not.
    fn is_partly(&self) -> bool {
        let is_good = |outcome: &str| matches!(outcome, "delivered" | "would_be_accepted");
        !self.result.ok && self.result.recipients.iter().any(|one| is_good(&one.outcome))
    }
}

/// What is wrong with a field of the form that a test was made from.
pub(crate) struct Wrong {
    /// Id of the field; empty where the page has none.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) label: String,
    /// What is wrong.
    pub(crate) words: String,
}

/// Errors of the API in words of the page.
pub(crate) type Told<'a> = &'a (dyn Fn(&[FieldError]) -> Vec<Wrong> + Send + Sync);

/// Errors by their pointers.
fn plainly(errors: &[FieldError]) -> Vec<Wrong> {
    let wrong = |error: &FieldError| Wrong {
        id: String::new(),
        label: error.pointer.trim_start_matches('/').replace('/', "."),
        words: error.detail.clone(),
    };
    errors.iter().map(wrong).collect()
}

/// All that came of a test, for a page that shows it whole.
pub(crate) struct Course(pub(crate) String);

/// Sends a test message and answers with its stages as they come. The test ends when the browser
/// goes away.
pub(crate) async fn stream(visitor: &Visitor, request: &Value) -> Result<Response, Stop> {
    stream_about(visitor, request, &plainly).await
}

/// The same, where the page tells what is wrong with its fields.
pub(crate) async fn stream_about(
    visitor: &Visitor,
    request: &Value,
    told_as: Told<'_>,
) -> Result<Response, Stop> {
    let guest = &visitor.guest;
    let page = visitor.page("test-stages", "");
    let body = request.to_string().into_bytes();
    let accept = Some("application/x-ndjson");
    let api = &guest.console.api;
    let body = match api.stream(&guest.credentials, Method::POST, PATH, accept, Some(body)).await {
        Ok(body) => pieces(page, body),
        Err(refusal) => Body::from(told(&page, &Errors::of(guest, refusal)?, told_as)),
    };
    let mut response = Response::new(body);
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response.headers_mut().insert(UNBUFFERED, HeaderValue::from_static("no"));
    *response.status_mut() = StatusCode::OK;
    Ok(response)
}

/// Sends a test message and waits for its end.
pub(crate) async fn run(visitor: &Visitor, request: &Value) -> Result<Course, Stop> {
    run_about(visitor, request, &plainly).await
}

/// The same, where the page tells what is wrong with its fields.
pub(crate) async fn run_about(
    visitor: &Visitor,
    request: &Value,
    told_as: Told<'_>,
) -> Result<Course, Stop> {
    let page = visitor.page("test-stages", "");
    let sent = visitor.try_send(Method::POST, PATH, request).await;
    let result: Result<TestMessageResult, Refusal> = sent.and_then(|reply| reply.json(PATH));
    match result {
        Ok(result) => {
            let mut html: String = result
                .stages
                .iter()
                .map(|stage| rendered(&StagePiece { page: &page, stage }))
                .collect();
            html.push_str(&rendered(&ResultPiece { page: &page, result: &result }));
            Ok(Course(html))
        }
        Err(refusal) => Ok(Course(told(&page, &Errors::of(&visitor.guest, refusal)?, told_as))),
    }
}

fn told(page: &Page, errors: &Errors, told_as: Told<'_>) -> String {
    let wrong = told_as(&errors.fields);
    rendered(&RefusedPiece { page, summary: &errors.summary, errors: &wrong })
}

fn rendered(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "A piece of a page was not rendered");
        String::new()
    })
}

/// Lines of the API that have not been told yet.
struct Reading {
    page: Page,
    /// None at its end.
    lines: Option<BodyDataStream>,
    waiting: Vec<u8>,
}

fn pieces(page: Page, body: Body) -> Body {
    let reading = Reading { page, lines: Some(body.into_data_stream()), waiting: Vec::new() };
    Body::from_stream(stream::unfold(reading, |mut reading| async move {
        let html = reading.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(html)), reading))
    }))
}

impl Reading {
    /// The pieces that the next octets complete. A blank where they complete none: writing it tells
    /// whether the browser is still there.
    async fn next(&mut self) -> Option<String> {
        let lines = self.lines.as_mut()?;
        match lines.next().await {
            Some(Ok(octets)) if self.waiting.len() + octets.len() <= LINE_BYTES_MAX => {
                self.waiting.extend_from_slice(&octets);
                let html = self.complete();
                Some(if html.is_empty() { " ".to_owned() } else { html })
            }
            Some(_) => {
                self.lines = None;
                let summary = self.page.t("refusal-broken");
                Some(told(&self.page, &Errors { summary, fields: vec![] }, &plainly))
            }
            None => {
                self.lines = None;
                None
            }
        }
    }

    fn complete(&mut self) -> String {
        let mut html = String::new();
        while let Some(end) = self.waiting.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = self.waiting.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(TestMessageLine::Stage(stage)) => {
                    html.push_str(&rendered(&StagePiece { page: &self.page, stage: &stage }));
                }
                Ok(TestMessageLine::Result(result)) => {
                    html.push_str(&rendered(&ResultPiece { page: &self.page, result: &result }));
                }
                Err(error) => {
                    tracing::error!(%error, "A line of a test message was not understood");
                    continue;
                }
            }
            html.push_str(END);
        }
        html
    }
}
