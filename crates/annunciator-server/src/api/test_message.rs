//! Send a test message with settings as they stand in a form, saved or not (spec 8).
//!
//! Out: the whole result as JSON, or its stages as lines while they happen.
//!
//! Concurrency: the test is driven by whoever reads the lines: when the client is gone, the body is
//! dropped and the test with it. A client that is gone is noticed by writing: while a stage takes
//! long a space is written now and then, which JSON allows before a value.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use annunciator_api_types::{StageView, TestMessageLine, TestMessageRequest, TestMessageResult};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use hyper::header::{self, HeaderValue};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::rights::Right;
use super::{Caller, NDJSON, RequestHeaders, accepts};
use crate::admin::send_test::{self, Prepared};
use crate::admin::test_addressees;
use crate::shared::Shared;

/// Longest silence while a stage is under way.
const PULSE: Duration = Duration::from_secs(1);

/// Send a test message.
///
/// Answers 200 with the stages whether or not it went out. With `Accept: application/x-ndjson` each
/// stage is a line `{"stage":{…}}` as it happens, and the last line is `{"result":{…}}`; the test
/// ends when the client goes away.
///
/// Who may send a test message and not change settings tests the saved ones, and mails nobody but
/// themselves and those whom settings or subscriptions name (422 at `/to`). At most four tests run
/// at a time: 503 says when to ask again. Each one has a line in the audit log.
#[utoipa::path(
    post, path = "/api/v1/test-message", tag = "settings", request_body = TestMessageRequest,
    responses(
        (status = 200, description = "What it went through", content(
            (TestMessageResult = "application/json"),
            (TestMessageLine = "application/x-ndjson"),
        )),
        Problems,
    )
)]
pub(super) async fn send_test_message(
    state: State<Arc<Shared>>,
    caller: Caller,
    headers: RequestHeaders,
    body: JsonBody<TestMessageRequest>,
) -> Result<Response, ApiError> {
    if !caller.has(&state.0, Right::ChangeSettings) {
        if send_test::brings_settings(&body.0) {
            let role = &caller.identity().role;
            return Err(ApiError::forbidden(format!(
                "The role {role} may not change settings, so it can test the saved ones alone: \
                 leave `email`, `sms`, `executable`, `mail_notifier` and `names` out."
            )));
        }
        test_addressees::check(&state.0, &body.0.to, caller.identity()).await?;
    }
    let test = send_test::prepare(&state.0, body.0, caller.author()).await?;
    if !accepts(&headers.0, NDJSON) {
        return Ok(Json(test.run(Box::new(|_| {})).await).into_response());
    }
    let mut response = Response::new(Body::from_stream(lines(test)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    Ok(response)
}

/// A test under way.
struct Course {
    /// None when it has ended.
    work: Option<Pin<Box<dyn Future<Output = TestMessageResult> + Send>>>,
    stages: mpsc::UnboundedReceiver<StageView>,
    result: Option<TestMessageResult>,
    pulse: Interval,
}

fn lines(test: Prepared) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    // Stages are few: their number is bounded by servers and recipients.
    let (sender, stages) = mpsc::unbounded_channel();
    let listener = Box::new(move |stage: &StageView| {
        // Nobody reads when the body was dropped, and then the test is, too.
        let _ = sender.send(stage.clone());
    });
    let mut pulse = interval_at(Instant::now() + PULSE, PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let work = Some(Box::pin(test.run(listener)) as Pin<Box<_>>);
    let mut course = Course { work, stages, result: None, pulse };
    stream::poll_fn(move |cx| course.poll_octets(cx).map(|octets| octets.map(Ok)))
}

impl Course {
    fn poll_octets(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(work) = &mut self.work
            && let Poll::Ready(result) = work.as_mut().poll(cx)
        {
            self.work = None;
            self.result = Some(result);
        }
        if let Poll::Ready(Some(stage)) = self.stages.poll_recv(cx) {
            self.pulse.reset();
            return Poll::Ready(Some(line(&TestMessageLine::Stage(stage))));
        }
        if self.work.is_none() {
            let result = self.result.take();
            return Poll::Ready(result.map(|it| line(&TestMessageLine::Result(Box::new(it)))));
        }
        self.pulse.poll_tick(cx).map(|_| Some(Bytes::from_static(b" ")))
    }
}

fn line(of: &TestMessageLine) -> Bytes {
    let mut octets = serde_json::to_vec(of).expect("texts and numbers become JSON");
    octets.push(b'\n');
    octets.into()
}
