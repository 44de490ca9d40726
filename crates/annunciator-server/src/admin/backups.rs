//! What an administrator can ask about copies of the store: make, list, delete.
//!
//! Knows nothing of: HTTP, JSON; how copies are made.

use annunciator_store::{Backup, NewAudit, StoreError};

use super::AdminError;
use crate::shared::Shared;

/// Makes a copy; events are taken and mail goes out meanwhile.
///
/// # Errors
/// Another one is being made; the disk has no room; the server stops; copies are made elsewhere.
pub async fn create(shared: &Shared, author: &str) -> Result<Backup, AdminError> {
    let made = shared.store.create_backup(line(shared, author, "backup.create", "")).await;
    made.map_err(|error| match error {
        StoreError::Busy(reason) => AdminError::Conflict(format!("{reason}: ask again later.")),
        StoreError::Closed => {
            let words = "The server stops, so no backup was made: ask again when it is back.";
            AdminError::Unavailable(words.to_owned())
        }
        other => elsewhere(other),
    })
}

/// Where a store has tools of its own for copies, it says which.
fn elsewhere(error: StoreError) -> AdminError {
    match error {
        StoreError::BadRequest(guidance) => AdminError::Elsewhere(guidance),
        other => AdminError::Store(other),
    }
}

/// The copies, the newest first.
///
/// # Errors
/// What the store answers; copies are made elsewhere.
pub async fn list(shared: &Shared) -> Result<Vec<Backup>, AdminError> {
    shared.store.backups().await.map_err(elsewhere)
}

/// Deletes a copy.
///
/// # Errors
/// None of that name; copies are made elsewhere.
pub async fn delete(shared: &Shared, name: &str, author: &str) -> Result<(), AdminError> {
    let audit = line(shared, author, "backup.delete", name);
    if !shared.store.delete_backup(name, audit).await.map_err(elsewhere)? {
        return Err(AdminError::NotFound("There is no backup of this name.".to_owned()));
    }
    Ok(())
}

fn line(shared: &Shared, author: &str, action: &str, target: &str) -> NewAudit {
    NewAudit {
        at: shared.clock.now(),
        author: author.to_owned(),
        action: action.to_owned(),
        target: target.to_owned(),
        detail: "{}".to_owned(),
    }
}
