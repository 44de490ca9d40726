//! Mappings of other detectors' documents: try one.

use std::sync::Arc;

use annunciator_api_types::{MappingPreview, MappingPreviewRequest};
use axum::Json;
use axum::extract::State;

use super::Answer;
use super::body::JsonBody;
use super::document::Problems;
use crate::admin::mappings;
use crate::intake::json::Document;
use crate::shared::Shared;

impl Document for MappingPreviewRequest {
    const REQUIRED: &'static [&'static str] = &["document"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["mapping", "name", "document"] } else { &[] }
    }
}

/// See what a mapping makes of a document of another detector. Nothing is stored.
///
/// The mapping need not be saved. What intake would refuse is in `errors`, and not an error of this
/// request.
#[utoipa::path(
    post, path = "/api/v1/incidents/mapping-preview", tag = "incidents",
    request_body = MappingPreviewRequest,
    responses((status = 200, description = "What would come", body = MappingPreview), Problems)
)]
pub(super) async fn preview_mapping(
    state: State<Arc<Shared>>,
    body: JsonBody<MappingPreviewRequest>,
) -> Answer<MappingPreview> {
    Ok(Json(mappings::preview(&state.0, &body.0)?))
}
