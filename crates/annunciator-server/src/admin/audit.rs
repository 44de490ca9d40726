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

/// Whether there are more entries than this: they are numbered and never removed.
///
/// # Errors
/// What the store answers.
pub async fn exceeds(shared: &Shared, count: usize) -> Result<bool, AdminError> {
    let newest = entries(shared, Page { after: None, count_max: 1 }).await?.rows.pop();
    let number = newest.map_or(0, |entry| entry.number);
    Ok(usize::try_from(number).unwrap_or(usize::MAX) > count)
}
