//! The audit log: who changed what.
//!
//! Knows nothing of: HTTP, JSON.

use annunciator_store::{AuditEntry, Page, Paged};

use super::AdminError;
use crate::shared::Shared;

/// Entries, newest first.
///
/// # Errors
/// What the store answers.
pub async fn entries(shared: &Shared, page: Page) -> Result<Paged<AuditEntry>, AdminError> {
    shared.store.audit(page).await.map_err(AdminError::Store)
}
