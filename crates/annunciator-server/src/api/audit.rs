//! The audit log.

use std::sync::Arc;

use annunciator_api_types::AuditList;
use axum::Json;
use axum::extract::State;

use super::document::Problems;
use super::query::{Conversion, Params};
use super::settings::PageParams;
use super::{Answer, views};
use crate::admin::audit;
use crate::shared::Shared;

/// List the audit log, newest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "server", params(PageParams),
    responses((status = 200, description = "A page", body = AuditList), Problems)
)]
pub(super) async fn list_audit(
    state: State<Arc<Shared>>,
    params: Params<PageParams>,
) -> Answer<AuditList> {
    let mut conversion = Conversion::default();
    let page = conversion.page(params.0.after.as_ref(), params.0.limit.as_ref());
    conversion.finish()?;
    let found = audit::entries(&state.0, page).await?;
    Ok(Json(AuditList {
        entries: found.rows.into_iter().map(views::audit).collect(),
        next: found.next,
    }))
}
