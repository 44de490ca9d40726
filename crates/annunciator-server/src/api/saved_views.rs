//! Saved views of lists: list, save, delete.

use std::sync::Arc;

use annunciator_api_types::{SavedViewInput, SavedViewList, SavedViewView};
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::query::Params;
use super::{Answer, Caller, SignedInUser};
use crate::admin::saved_views;
use crate::intake::json::Document;
use crate::shared::Shared;

impl Document for SavedViewInput {
    const REQUIRED: &'static [&'static str] = &["query"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["query", "shared"] } else { &[] }
    }
}

/// Which views.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ViewParams {
    /// The page they belong to; all pages when it is absent.
    page: Option<String>,
}

/// List your own saved views, then those that others share.
#[utoipa::path(
    get, path = "/api/v1/views", tag = "session", params(ViewParams),
    responses((status = 200, description = "The views", body = SavedViewList), Problems)
)]
pub(super) async fn list_views(
    state: State<Arc<Shared>>,
    user: SignedInUser,
    params: Params<ViewParams>,
) -> Answer<SavedViewList> {
    let page = params.0.page.as_deref();
    Ok(Json(saved_views::list(&state.0, &user.user, page).await?))
}

/// Save a view over your own of that name.
///
/// Sharing it takes the right `manage_silences`.
#[utoipa::path(
    put, path = "/api/v1/views/{page}/{name}", tag = "session",
    params(
        ("page" = String, Path, description = "The page, such as ledger"),
        ("name" = String, Path, description = "Name of the view")
    ),
    request_body = SavedViewInput,
    responses((status = 200, description = "The view", body = SavedViewView), Problems)
)]
pub(super) async fn put_view(
    state: State<Arc<Shared>>,
    caller: Caller,
    user: SignedInUser,
    place: Path<(String, String)>,
    body: JsonBody<SavedViewInput>,
) -> Answer<SavedViewView> {
    let rights = state.0.roles.rights_of(&caller.identity().role);
    let (page, name) = &place.0;
    let saved = saved_views::put(&state.0, &user.user, rights, (page, name), body.0).await?;
    Ok(Json(saved))
}

/// Delete one of your own views.
#[utoipa::path(
    delete, path = "/api/v1/views/{page}/{name}", tag = "session",
    params(
        ("page" = String, Path, description = "The page, such as ledger"),
        ("name" = String, Path, description = "Name of the view")
    ),
    responses((status = 204, description = "Deleted"), Problems)
)]
pub(super) async fn delete_view(
    state: State<Arc<Shared>>,
    user: SignedInUser,
    place: Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    saved_views::delete(&state.0, &user.user, &place.0.0, &place.0.1).await?;
    Ok(StatusCode::NO_CONTENT)
}
