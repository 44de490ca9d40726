//! The audit log: who changed what.
//!
//! Knows nothing of: HTTP, JSON.

use annunciator_store::{AuditEntry, AuditFilter, Page, Paged};

use super::AdminError;
use crate::shared::Shared;

/// Rows that are counted at a time.
const COUNTED: usize = 1_000;

/// Entries, newest first.
///
/// # Errors
/// What the store answers.
pub async fn entries(
    shared: &Shared,
    filter: AuditFilter,
    page: Page,
) -> Result<Paged<AuditEntry>, AdminError> {
    shared.store.audit(filter, page).await.map_err(AdminError::Store)
}

/// Whether more entries than this match: they are numbered and never removed.
///
/// # Errors
/// What the store answers.
pub async fn exceeds(
    shared: &Shared,
    filter: AuditFilter,
    count: usize,
) -> Result<bool, AdminError> {
    let page = |after, count_max| Page { after, count_max };
    let newest = entries(shared, AuditFilter::default(), page(None, 1)).await?.rows.pop();
    let number = newest.map_or(0, |entry| entry.number);
    if usize::try_from(number).unwrap_or(usize::MAX) <= count {
        return Ok(false);
    }
    let (mut found, mut after) = (0, None);
    loop {
        let list = entries(shared, filter.clone(), page(after, COUNTED)).await?;
        found += list.rows.len();
        after = list.next;
        if found > count || after.is_none() {
            return Ok(found > count);
        }
    }
}
