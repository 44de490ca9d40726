//! Who is told of incidents later, in bundles; and whose subscriptions are paused.
//!
//! Knows nothing of: what a bundle says, when one is due.

use annunciator_core::{ChannelName, Event, EventUid, Timestamp};
use async_trait::async_trait;

use crate::{NewAudit, PlannedNotification, Result};

/// Most incidents of one bundle; the others come with the next.
pub const BUNDLED_MAX: usize = 200;

/// Somebody who is told of an incident later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostponedRow {
    /// When.
    pub due_at: Timestamp,
    /// Name of the subscription.
    pub subscription: String,
    /// Who is told.
    pub address: String,
    /// Code of the language that is read there.
    pub language: String,
    /// Name of the time zone.
    pub time_zone: String,
    /// The event that tells the incident.
    pub event: EventUid,
}

/// What is due for one address of one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueBundle {
    /// The numbers of the rows, oldest first.
    pub numbers: Vec<i64>,
    /// The rows, at most [`BUNDLED_MAX`].
    pub rows: Vec<PostponedRow>,
}

/// A bundle whose rows are taken off.
#[derive(Debug, Clone)]
pub struct BundleCommit {
    /// The rows.
    pub numbers: Vec<i64>,
    /// What becomes of them, for the ledger; nothing when there is nothing left to say.
    pub outcomes: Vec<BundleOutcome>,
    /// Those that another subscription tells later.
    pub postponed: Vec<PostponedRow>,
}

/// What became of a bundle.
#[derive(Debug, Clone)]
pub struct BundleOutcome {
    /// An event of our own about it, accepted and planned in the same commit.
    pub event: Event,
    /// The mail; none when nobody is told.
    pub planned: Option<PlannedNotification>,
    /// Over which channel.
    pub channel: ChannelName,
    /// Why, for the ledger.
    pub reason: String,
}

/// What the server asks of a store about bundles and pauses.
#[async_trait]
pub trait Bundles: Send + Sync + 'static {
    /// What is due, by subscription and address, at most so many bundles.
    async fn due_bundles(&self, now: Timestamp, count_max: usize) -> Result<Vec<DueBundle>>;

    /// When the next is due.
    async fn next_bundle_at(&self) -> Result<Option<Timestamp>>;

    /// Takes the rows off, queues their mail and notes what waits anew, in one commit; false when
    /// somebody took one of them meanwhile: then nothing happens.
    async fn commit_bundle(&self, bundle: BundleCommit) -> Result<bool>;

    /// Subscriptions that users have paused: names of both, and since when.
    async fn paused_subscriptions(&self) -> Result<Vec<(String, String, Timestamp)>>;

    /// Pauses a user's subscription, or goes on with it; false when it is so already.
    async fn pause_subscription(
        &self,
        subscription: &str,
        user: &str,
        paused: bool,
        audit: NewAudit,
    ) -> Result<bool>;
}
