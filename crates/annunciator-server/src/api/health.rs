//! For supervisors and monitoring: alive, ready, metrics; and the OpenAPI document.

use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::extract::State;
use hyper::header::{self, HeaderValue};
use serde_json::{Value, json};

use super::document::{Problems, openapi_json};
use super::error::ApiError;
use crate::admin::status::{self, Readiness};
use crate::shared::Shared;

/// Media type of metrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A text with its media type.
type Text = ([(header::HeaderName, HeaderValue); 1], String);

/// Whether the process answers.
#[utoipa::path(
    get, path = "/-/healthy", tag = "server", security(()),
    responses((status = 200, description = "It does", body = Object), Problems)
)]
pub(super) async fn show_healthy() -> Json<Value> {
    Json(json!({ "healthy": true }))
}

/// Whether events are accepted.
#[utoipa::path(
    get, path = "/-/ready", tag = "server", security(()),
    responses((status = 200, description = "They are", body = Object), Problems)
)]
pub(super) async fn show_ready(state: State<Arc<Shared>>) -> Result<Json<Value>, ApiError> {
    match status::readiness(&state.0).await {
        Readiness::Ready => Ok(Json(json!({ "ready": true }))),
        Readiness::Starting => Err(ApiError::unavailable("The server is starting or stopping.")),
        // The reason may name paths; it is in `/api/v1/status` and in the log.
        Readiness::StoreBlocked(_) => Err(ApiError::unavailable("The store takes no writes.")),
    }
}

/// Metrics for Prometheus, as OpenMetrics text. Open on loopback, with a token from elsewhere.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text"),
        Problems
    )
)]
pub(super) async fn show_metrics(state: State<Arc<Shared>>) -> Text {
    if status::update_gauges(&state.0).await.is_err() {
        // The counters are still true, and a scrape that fails would hide them.
        tracing::warn!("The gauges of the store are not up to date: it does not answer");
    }
    let content_type = HeaderValue::from_static(OPEN_METRICS);
    ([(header::CONTENT_TYPE, content_type)], state.0.metrics.encode())
}

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "server", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object), Problems)
)]
pub(super) async fn show_openapi() -> Text {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let content_type = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, content_type)], DOCUMENT.get_or_init(openapi_json).clone())
}
