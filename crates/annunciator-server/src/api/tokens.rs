//! API tokens: list, make, delete.

use std::sync::Arc;

use annunciator_api_types::{NewToken, NewTokenRequest, TokenList};
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::{Answer, Caller};
use crate::admin::tokens;
use crate::shared::Shared;

/// List the tokens, without their secrets.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "tokens",
    responses((status = 200, description = "The tokens", body = TokenList), Problems)
)]
pub(super) async fn list_tokens(state: State<Arc<Shared>>) -> Answer<TokenList> {
    Ok(Json(TokenList { tokens: tokens::list(&state.0) }))
}

/// Make a token. Its text is shown this once.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "tokens", request_body = NewTokenRequest,
    responses((status = 201, description = "The token", body = NewToken), Problems)
)]
pub(super) async fn create_token(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<NewTokenRequest>,
) -> Result<(StatusCode, Json<NewToken>), ApiError> {
    let made = tokens::create(&state.0, &body.0, caller.identity()).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Delete a token. It is of no use from then on.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "Id of the token")),
    responses((status = 204, description = "Deleted"), Problems)
)]
pub(super) async fn delete_token(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
) -> Result<StatusCode, ApiError> {
    tokens::delete(&state.0, &id.0, caller.identity()).await?;
    Ok(StatusCode::NO_CONTENT)
}
