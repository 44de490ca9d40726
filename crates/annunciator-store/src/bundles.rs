//! Who is told of incidents later, in bundles; and whose subscriptions are paused.
//!
//! Knows nothing of: what a bundle says, when one is due.

use annunciator_core::{ChannelName, Event, EventUid, Timestamp};
use async_trait::async_trait;

use crate::{NewAudit, PlannedNotification, Result};

/// Most incidents of one bundle; the others come with the next.
pub const BUNDLED_MAX: usize = 200;

/// Most bundles that [`ToldInBundles`] lists.
pub const TOLD_LISTED_MAX: usize = 20;

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
    /// The incidents that it is about, each once, by the events that registered them.
    pub incidents: Vec<EventUid>,
    /// Who is told of them, or is not.
    pub address: String,
}

/// A bundle that an incident was in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldInBundle {
    /// Our own event about it.
    pub bundle: EventUid,
    /// When it was made.
    pub at: Timestamp,
    /// Whether it told the incident; else its event says why not.
    pub is_told: bool,
}

/// What bundles did with an incident, as far as their events are still kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldInBundles {
    /// How many addresses were told.
    pub addresses: u64,
    /// The last bundles, newest first, at most [`TOLD_LISTED_MAX`].
    pub bundles: Vec<ToldInBundle>,
}

/// What the server asks of a store about bundles and pauses.
#[async_trait]
pub trait Bundles: Send + Sync + 'static {
    /// What is due of the rows with higher numbers than `after`, by subscription and address, in
    /// the order of the first number of each, at most so many bundles.
    async fn due_bundles(
        &self,
        now: Timestamp,
        after: i64,
        count_max: usize,
    ) -> Result<Vec<DueBundle>>;

    /// When the first of those is due that are due later than `after`.
    async fn next_bundle_at(&self, after: Timestamp) -> Result<Option<Timestamp>>;

    /// Takes the rows off, queues their mail, notes which incidents each outcome is about and what
    /// waits anew, in one commit; false when somebody took one of them meanwhile: then nothing
    /// happens.
    async fn commit_bundle(&self, bundle: BundleCommit) -> Result<bool>;

    /// What bundles did with an incident. It is forgotten with the incident, and with the event of
    /// each bundle.
    async fn told_in_bundles(&self, incident: EventUid) -> Result<ToldInBundles>;

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
