//! What a store says of itself, and consistent copies of it.

use annunciator_core::Timestamp;
use async_trait::async_trait;

use crate::Result;

/// What a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFacts {
    /// Kind, such as `sqlite`.
    pub kind: String,
    /// Version of its engine.
    pub engine: String,
    /// Version of its tables.
    pub schema_version: u64,
    /// Size of the log of what was committed last. Unit: octets.
    pub log_bytes: u64,
    /// Events.
    pub events: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// When the oldest event was registered.
    pub oldest_event_at: Option<Timestamp>,
}

/// A copy of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Name of its file.
    pub name: String,
    /// Size. Unit: octets.
    pub size_bytes: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What the server asks of a store about itself.
#[async_trait]
pub trait Backups: Send + Sync + 'static {
    /// What it is and holds now.
    async fn facts(&self) -> Result<StoreFacts>;

    /// Makes a consistent copy beside the store, for its owner alone; writers do not wait for it.
    ///
    /// # Errors
    /// [`crate::StoreError::Busy`] while another one is made, [`crate::StoreError::Full`] when it
    /// would use the reserve of the disk.
    async fn create_backup(&self, now: Timestamp) -> Result<Backup>;

    /// The copies, the newest first, at most 1,000.
    async fn backups(&self) -> Result<Vec<Backup>>;

    /// Removes a copy; false when there is none of that name.
    async fn delete_backup(&self, name: &str) -> Result<bool>;
}
