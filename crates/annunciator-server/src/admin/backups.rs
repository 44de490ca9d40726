//! What an administrator can ask about copies of the store: make, list, delete.
//!
//! Knows nothing of: HTTP, JSON; how copies are made.

use annunciator_store::{Backup, NewAudit, StoreError};

use super::AdminError;
use crate::shared::Shared;

/// Makes a copy; events are taken and mail goes out meanwhile.
///
/// # Errors
/// Another one is being made; the disk has no room.
pub async fn create(shared: &Shared, author: &str) -> Result<Backup, AdminError> {
    let made = shared.store.create_backup(shared.clock.now()).await;
    let made = made.map_err(|error| match error {
        StoreError::Busy(reason) => AdminError::Conflict(format!("{reason}: ask again later.")),
        other => AdminError::Store(other),
    })?;
    note(shared, author, "backup.create", &made.name).await?;
    Ok(made)
}

/// The copies, the newest first.
///
/// # Errors
/// What the store answers.
pub async fn list(shared: &Shared) -> Result<Vec<Backup>, AdminError> {
    shared.store.backups().await.map_err(AdminError::Store)
}

/// Deletes a copy.
///
/// # Errors
/// None of that name.
pub async fn delete(shared: &Shared, name: &str, author: &str) -> Result<(), AdminError> {
    if !shared.store.delete_backup(name).await? {
        return Err(AdminError::NotFound("There is no backup of this name.".to_owned()));
    }
    note(shared, author, "backup.delete", name).await
}

async fn note(shared: &Shared, author: &str, action: &str, name: &str) -> Result<(), AdminError> {
    let audit = NewAudit {
        at: shared.clock.now(),
        author: author.to_owned(),
        action: action.to_owned(),
        target: name.to_owned(),
        detail: "{}".to_owned(),
    };
    shared.store.note(audit).await.map_err(AdminError::Store)
}
