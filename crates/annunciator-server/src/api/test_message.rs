//! Send a test message with settings as they stand in a form, saved or not (spec 8).

use std::sync::Arc;

use annunciator_api_types::{TestMessageRequest, TestMessageResult};
use axum::Json;
use axum::extract::State;

use super::Answer;
use super::body::JsonBody;
use super::document::Problems;
use crate::admin::send_test;
use crate::shared::Shared;

/// Send a test message.
///
/// Answers 200 with the stages whether or not it went out.
#[utoipa::path(
    post, path = "/api/v1/test-message", tag = "settings", request_body = TestMessageRequest,
    responses((status = 200, description = "What it went through", body = TestMessageResult), Problems)
)]
pub(super) async fn send_test_message(
    state: State<Arc<Shared>>,
    body: JsonBody<TestMessageRequest>,
) -> Answer<TestMessageResult> {
    Ok(Json(send_test::run(&state.0, body.0).await?))
}
