//! Views of lists that users save, as they are stored.
//!
//! Knows nothing of: what a query says.

use async_trait::async_trait;

use crate::{NewAudit, Result};

/// Most views of a user.
pub const VIEWS_PER_USER_MAX: usize = 100;

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// Whose it is.
    pub owner: String,
    /// The page it belongs to.
    pub page: String,
    /// Its name.
    pub name: String,
    /// What it shows.
    pub query: String,
    /// Whether others see it.
    pub is_shared: bool,
}

/// What the server asks of a store about saved views.
#[async_trait]
pub trait SavedViews: Send + Sync + 'static {
    /// A user's views of a page, and those that others share; by name, at most 1,000.
    async fn saved_views(&self, owner: &str, page: Option<&str>) -> Result<Vec<SavedView>>;

    /// Stores a view; the owner's of the same page and name is replaced. False when the owner has
    /// [`VIEWS_PER_USER_MAX`] others.
    async fn put_view(&self, view: SavedView, audit: NewAudit) -> Result<bool>;

    /// Removes a view; false when the owner has none of that name on that page.
    async fn delete_view(
        &self,
        owner: &str,
        page: &str,
        name: &str,
        audit: NewAudit,
    ) -> Result<bool>;
}
