//! Silences as they are stored (spec 6.4).
//!
//! Knows nothing of: what a matcher says, which silence mutes what.

use annunciator_core::{ChannelName, SilenceId, Timestamp};
use async_trait::async_trait;

use crate::{NewAudit, Page, Paged, Result};

/// Most silences that have not ended.
pub const SILENCES_MAX: usize = 1_000;
/// Most silences that have ended and are still listed.
pub const SILENCES_ENDED_MAX: usize = 10_000;

/// A silence as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceRecord {
    /// Its id.
    pub id: SilenceId,
    /// JSON text of its matchers.
    pub matchers: String,
    /// On which channels it mutes; all of them when empty.
    pub channels: Vec<ChannelName>,
    /// Who made it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// It mutes from here on.
    pub starts_at: Timestamp,
    /// It no longer mutes from here on.
    pub ends_at: Timestamp,
    /// Who ended it before its time.
    pub ended_by: Option<String>,
}

/// Which silences; every field that is set must match.
#[derive(Debug, Clone, Default)]
pub struct SilenceFilter {
    /// Those that have ended at that time (true), or those that have not (false).
    pub ended: Option<(bool, Timestamp)>,
}

/// What the server asks of a store about silences. Every write has reached the disk when its call
/// returns.
#[async_trait]
pub trait Silences: Send + Sync + 'static {
    /// Silences, the newest first.
    async fn silences(&self, filter: SilenceFilter, page: Page) -> Result<Paged<SilenceRecord>>;

    /// One silence.
    async fn silence(&self, id: SilenceId) -> Result<Option<SilenceRecord>>;

    /// Stores a silence; one of the same id is replaced.
    ///
    /// False, and nothing is stored, when [`SILENCES_MAX`] others have not ended at the time of
    /// the audit line.
    async fn put_silence(&self, record: SilenceRecord, audit: NewAudit) -> Result<bool>;

    /// Ends a silence at the time of the audit line, by its author.
    ///
    /// None when there is none of that id that has not ended by then.
    async fn end_silence(&self, id: SilenceId, audit: NewAudit) -> Result<Option<SilenceRecord>>;

    /// Removes silences that ended before a time, and the oldest beyond [`SILENCES_ENDED_MAX`] of
    /// those that have ended by `now`; answers how many.
    async fn forget_silences(&self, ended_before: Timestamp, now: Timestamp) -> Result<u64>;
}
