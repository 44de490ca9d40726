//! Filters that are kept under a name become chips of a list, one's own and those shared by others.

use std::sync::Arc;

use annunciator_api_types::{SavedViewInput, SavedViewList, SavedViewView};
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::post;
use hyper::Method;

use super::listing::{List, Listing};
use super::{events, incidents, ledger};
use crate::Console;
use crate::api::escape;
use crate::form::Form;
use crate::page::{Visitor, lead_to};
use crate::refusal::Stop;

/// Lists that have saved views.
static LISTS: [&List; 3] = [&events::LIST, &ledger::LIST, &incidents::LIST];

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/saved-views/{list}", post(save))
        .route("/saved-views/{list}/delete", post(delete))
}

/// The views of a list.
#[derive(Debug, Default)]
pub(crate) struct SavedViews {
    /// One's own and shared ones.
    views: Vec<SavedViewView>,
    /// Who asks.
    user: String,
}

impl SavedViews {
    /// Those that this visitor sees; none when they cannot be had: a list shows without them.
    pub(super) async fn of(visitor: &Visitor, list: &str) -> Self {
        let user = visitor.session.user.clone().unwrap_or_default();
        if user.is_empty() {
            return Self::default();
        }
        let found: Result<SavedViewList, _> =
            visitor.try_get(&format!("/api/v1/views?page={list}")).await;
        Self { user, views: found.map(|list| list.views).unwrap_or_default() }
    }

    /// Whether the visitor can save views: only users have them.
    pub(crate) fn can_save(&self) -> bool {
        !self.user.is_empty()
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[SavedViewView] {
        &self.views
    }

    /// Whether a view is the visitor's own.
    pub(crate) fn is_own(&self, view: &SavedViewView) -> bool {
        view.owner == self.user
    }

    /// The view that shows what the list shows.
    pub(crate) fn current(&self, listing: &Listing) -> Option<&SavedViewView> {
        let query = listing.query();
        self.views.iter().find(|view| view.query == query && listing.is_filtered())
    }
}

/// The first page of a list with this filter, if there is such a list.
fn list_of(visitor: &Visitor, list: &str, query: &str) -> Option<Listing> {
    let list = LISTS.into_iter().find(|known| known.name == list)?;
    Some(Listing::read(list, query, &visitor.guest.page("shell-all").zone))
}

async fn save(visitor: Visitor, list: Path<String>, form: Form) -> Result<Response, Stop> {
    let listing = list_of(&visitor, &list, form.text("query"))
        .ok_or_else(|| Stop::not_found(&visitor.guest))?;
    let view = format!("/api/v1/views/{}/{}", list.0, escape(form.trimmed("name")));
    let body = SavedViewInput { query: listing.query(), shared: form.is_on("shared") };
    visitor.send(Method::PUT, &view, &body).await?;
    Ok(lead_to(&visitor.guest, &listing.first()))
}

async fn delete(visitor: Visitor, list: Path<String>, form: Form) -> Result<Response, Stop> {
    let listing = list_of(&visitor, &list, "").ok_or_else(|| Stop::not_found(&visitor.guest))?;
    let view = format!("/api/v1/views/{}/{}", list.0, escape(form.text("name")));
    visitor.send(Method::DELETE, &view, &()).await?;
    Ok(lead_to(&visitor.guest, &listing.first()))
}
