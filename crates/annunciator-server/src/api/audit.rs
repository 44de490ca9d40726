//! The audit log.

use std::sync::Arc;

use annunciator_api_types::AuditList;
use annunciator_store::AuditFilter;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::document::Problems;
use super::query::{Conversion, ParamGroups};
use super::settings::PageParams;
use super::{Answer, views};
use crate::admin::audit;
use crate::shared::Shared;

/// Which entries are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditParams {
    /// Text somewhere in author, action, target or difference, without case.
    q: Option<String>,
    /// Somewhere in the author's name, without case.
    author: Option<String>,
    /// What was done, whole, such as `settings.save`.
    action: Option<String>,
}

impl AuditParams {
    /// What the store is asked.
    pub(super) fn filter(self) -> AuditFilter {
        let some_text = |text: Option<String>| text.filter(|text| !text.is_empty());
        AuditFilter {
            author: some_text(self.author),
            action: some_text(self.action),
            text: some_text(self.q),
            since: None,
        }
    }
}

/// List the audit log, newest first.
///
/// A search looks back for a short while; `searched_until` then says how far, and `next` goes on.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "server", params(AuditParams, PageParams),
    responses((status = 200, description = "A page", body = AuditList), Problems)
)]
pub(super) async fn list_audit(
    state: State<Arc<Shared>>,
    params: ParamGroups<AuditParams, PageParams>,
) -> Answer<AuditList> {
    let mut conversion = Conversion::default();
    let page = conversion.page(params.1.after.as_ref(), params.1.limit.as_ref());
    conversion.finish()?;
    let found = audit::entries(&state.0, params.0.filter(), page).await?;
    Ok(Json(AuditList {
        entries: found.rows.into_iter().map(views::audit).collect(),
        next: found.next,
        searched_until: found.searched_until,
    }))
}
