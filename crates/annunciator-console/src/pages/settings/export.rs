//! The whole settings document as a file.

use axum::response::{IntoResponse as _, Response};
use hyper::header;
use serde_json::Value;

use crate::page::Visitor;
use crate::refusal::Stop;

/// The document as JSON; secrets are masked in it.
pub(super) async fn download(visitor: Visitor) -> Result<Response, Stop> {
    let document: Value = visitor.get("/api/v1/settings/document").await?;
    let text = format!("{document:#}\n");
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"annunciator-settings.json\""),
    ];
    Ok((headers, text).into_response())
}
