//! What can go wrong in a store: who must act is told by the variant.

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error, Clone)]
pub enum StoreError {
    /// Another process holds the files, or too much is waiting: worth repeating.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// The disk, or what may be used of it, is full: somebody must make room.
    #[error("the disk of the store is full: {0}")]
    Full(String),
    /// The files are damaged, or of a newer version: somebody must restore or upgrade.
    #[error("the store is damaged or not readable by this version: {0}")]
    Corrupt(String),
    /// Reading or writing failed; the handle was given up and will be opened anew.
    #[error("the store failed: {0}")]
    Io(String),
    /// What was asked makes no sense, such as a cursor that was not given out here.
    #[error("the store was asked wrongly: {0}")]
    BadRequest(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the same call may succeed later without anybody's help.
    #[must_use]
    pub fn is_worth_repeating(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Io(_))
    }
}
