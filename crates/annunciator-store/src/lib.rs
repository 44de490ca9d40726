//! The durable half of Annunciator: inbox, queue, ledger, settings, tokens, audit.
//!
//! In: validated events, plans, settlements, commands of operators.
//! Out: the same, after they are on the disk; claims; pages of the ledger.
//! Knows nothing of: channels, relays, HTTP.
//! Failure: every call answers [`StoreError`]; after a failed write or fsync the handle is given
//! up and opened anew, and what was not committed is told to its caller (quality G3).
//!
//! [`Store`] is the one interface; `contract` holds the promises as tests for every
//! implementation.

mod backups;
mod bundles;
mod error;
mod figures;
mod incidents;
mod ledger;
mod limits;
mod line;
mod nodes;
mod pictures;
pub mod postgres;
mod queue;
mod records;
mod roles;
mod saved_views;
mod silences;
mod soundness;
pub mod sqlite;
mod users;

#[cfg(any(test, feature = "contract"))]
pub mod contract;

use annunciator_core::{
    DeliveryId, Event, EventUid, Lane, Notification, NotificationId, Timestamp,
};
use async_trait::async_trait;

pub use annunciator_core::{Decision, DecisionKind};
pub use backups::{Backup, Backups, StoreFacts};
pub use bundles::{
    BUNDLED_MAX, BundleCommit, BundleOutcome, Bundles, DueBundle, PostponedRow, TOLD_LISTED_MAX,
    ToldInBundle, ToldInBundles,
};
pub use error::StoreError;
pub use figures::{BUCKET_MS, FIGURES_KEPT_MS, Figure, FigureAsk, FigureRow};
pub use incidents::{
    INCIDENT_STATUSES_MAX, IncidentFilter, IncidentGroupRow, IncidentRow, IncidentStatusRow,
    Incidents, NewIncident, StatusChange, StatusOutcome,
};
pub use ledger::{
    DeliveryCount, DeliveryFilter, DeliveryRow, EventFilter, EventRow, EventState, EventTypeRow,
    Page, Paged,
};
pub use limits::{
    AUDIENCE_MAX, Audience, LimitClockRecord, Limited, LimitedKey, LimitedType, Limits,
    PlannedLimit, SlotAnswer, SlotAsk, SlotEnd, SlotId, SummaryCommit, SummarySource,
    SummaryVerdict, Waiting,
};
pub use nodes::{
    BeatAnswer, Change, Connections, LaneTrouble, NodeBeat, NodeRow, NodeState, Nodes,
};
pub use queue::{
    Accept, Acceptance, Accepted, ClaimAsk, ClaimedDelivery, ClaimedOrder, Claims, Idempotency,
    LEASE_MS_MAX, LeftOut, Operated, PlanCommit, PlanVerdict, PlannedNotification, QueueCounts,
    Requeue, Settlement,
};
pub use records::{
    AUDIT_MAX, AuditEntry, AuditFilter, CertificateRecord, KEPT_MAX, KEY_MARK_PLACE, KeptText,
    NewAudit, REVISIONS_MAX, Retained, RetentionRule, SavedSettings, SettingsChange, SettingsSave,
    StoreHealth, TokenRecord,
};
pub use roles::{ROLES_MAX, RoleDeletion, RoleRecord, Roles};
pub use saved_views::{SavedView, SavedViews, VIEWS_PER_USER_MAX};
pub use silences::{SILENCES_ENDED_MAX, SILENCES_MAX, SilenceFilter, SilenceRecord, Silences};
pub use soundness::{Examination, Flaw, Migration, SealedKey, TableCount};
pub use users::{
    ADMINISTRATOR, Alive, Ending, OneTimeKey, SESSIONS_PER_USER_MAX, SessionRecord, USERS_MAX,
    UserChange, UserOutcome, UserRecord, Users,
};

/// Result of every call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What the server asks of a store. Every write has reached the disk when its call returns.
#[async_trait]
pub trait Store:
    Limits
    + Silences
    + Users
    + Roles
    + SavedViews
    + Backups
    + Incidents
    + Bundles
    + Nodes
    + Send
    + Sync
    + 'static
{
    // ---- inbox -----------------------------------------------------------------------------

    /// Takes responsibility for a batch of events, all or none (spec 2.5).
    ///
    /// An id that the application gave before is a duplicate: answered, not stored again.
    /// Unknown event types are registered (spec 2.3).
    ///
    /// # Errors
    /// [`StoreError::Full`] when the disk reserve is reached, before anything is written.
    async fn accept(&self, accept: Accept) -> Result<Acceptance>;

    /// Claims events that wait for planning and belong to nobody, oldest first.
    async fn claim_events(&self, count_max: usize) -> Result<Vec<Event>>;

    /// Commits plans: event marked, notifications and deliveries inserted, in one transaction.
    ///
    /// A plan for an event that is planned already changes nothing. A notification whose limit is
    /// reached gets no deliveries and a decision instead. Answers which ones have no deliveries.
    async fn commit_plans(&self, plans: Vec<PlanCommit>) -> Result<LeftOut>;

    // ---- queue -----------------------------------------------------------------------------

    /// Claims due deliveries, fairly over lanes, oldest first within a lane, whole notifications.
    ///
    /// In flight deliveries whose lease has lapsed count as due.
    async fn claim_due(&self, ask: ClaimAsk) -> Result<Claims>;

    /// Which of these lanes have deliveries that are due or in flight, at whatever node: what could
    /// not be claimed there is somebody else's. None where there is only this node, which finds all
    /// that waits.
    async fn lanes_with_work(&self, _lanes: Vec<Lane>, _now: Timestamp) -> Result<Vec<Lane>> {
        Ok(Vec::new())
    }

    /// Claims queued deliveries whose lifetime has ended, whatever their lane.
    async fn claim_expired(&self, ask: ClaimAsk) -> Result<Vec<ClaimedOrder>>;

    /// Tells claims of this node that hold from older ones: none while the node cannot show that it
    /// lives, and another number after such a time, as others may have them then. Attempts begin
    /// only under the number of before their claim.
    fn claim_era(&self) -> Option<u64> {
        Some(0)
    }

    /// Records attempts and the states they lead to; answers those whose token was out of date.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<DeliveryId>>;

    /// Inserts a notification with its deliveries, for an operator's resend.
    async fn insert_notification(
        &self,
        planned: PlannedNotification,
        audit: NewAudit,
    ) -> Result<()>;

    /// Queues deliveries again by an operator's hand: queued ones become due, failed ones revive.
    async fn requeue(
        &self,
        requeue: Requeue,
        audit: NewAudit,
    ) -> Result<Vec<(DeliveryId, Operated)>>;

    /// Cancels queued deliveries by an operator's hand.
    async fn cancel(
        &self,
        deliveries: Vec<DeliveryId>,
        now: annunciator_core::Timestamp,
        audit: NewAudit,
    ) -> Result<Vec<(DeliveryId, Operated)>>;

    /// Counts for metrics and the dashboard.
    async fn queue_counts(&self) -> Result<QueueCounts>;

    // ---- ledger ----------------------------------------------------------------------------

    /// Events, newest first.
    async fn events(&self, filter: EventFilter, page: Page) -> Result<Paged<EventRow>>;
    /// One event by the ledger's id.
    async fn event(&self, uid: EventUid) -> Result<Option<EventRow>>;
    /// Events by the source's id: one per application that used it, at most 100.
    async fn events_by_source_id(
        &self,
        id: &str,
        application: Option<&str>,
    ) -> Result<Vec<EventRow>>;
    /// Known event types, by application and code, at most 10,000.
    async fn event_types(&self) -> Result<Vec<EventTypeRow>>;
    /// Notifications of an event, in the order they were planned.
    async fn notifications_of(&self, event: EventUid) -> Result<Vec<Notification>>;
    /// One notification.
    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>>;
    /// Deliveries, newest first.
    async fn deliveries(&self, filter: DeliveryFilter, page: Page) -> Result<Paged<DeliveryRow>>;
    /// Whether the list of events is longer than this.
    async fn events_exceed(&self, filter: EventFilter, count: usize) -> Result<bool>;
    /// Whether the list of deliveries is longer than this.
    async fn deliveries_exceed(&self, filter: DeliveryFilter, count: usize) -> Result<bool>;
    /// One delivery.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRow>>;
    /// Attempts of a delivery, first to last, at most 10,000.
    async fn attempts_of(&self, id: DeliveryId) -> Result<Vec<annunciator_core::Attempt>>;

    /// What happened in each period, by figure, word and time; periods without any are left out.
    async fn figures(&self, ask: FigureAsk) -> Result<Vec<FigureRow>>;

    // ---- settings, tokens, audit -----------------------------------------------------------

    /// The newest saved settings of a layer, such as `server`.
    async fn settings(&self, layer: &str) -> Result<Option<SavedSettings>>;
    /// The revisions of a layer, newest first.
    async fn settings_history(&self, layer: &str, page: Page) -> Result<Paged<SavedSettings>>;
    /// A revision of a layer and the one that was kept before it; empty when it is not there.
    async fn settings_revision(&self, layer: &str, revision: i64) -> Result<Vec<SavedSettings>>;
    /// Saves a new revision unless somebody else saved since `expected_revision`; beyond
    /// [`REVISIONS_MAX`] of a layer the oldest goes.
    async fn save_settings(&self, change: SettingsChange) -> Result<SettingsSave>;
    /// All API tokens (hashes, never the tokens).
    async fn tokens(&self) -> Result<Vec<TokenRecord>>;
    /// Stores a token.
    async fn insert_token(&self, token: TokenRecord, audit: NewAudit) -> Result<()>;
    /// Removes a token; false when there is none of that id.
    async fn delete_token(&self, id: &str, audit: NewAudit) -> Result<bool>;
    /// Notes when tokens were last used.
    async fn touch_tokens(&self, used: Vec<(String, annunciator_core::Timestamp)>) -> Result<()>;
    /// All certificate objects, oldest first, at most 10,000.
    async fn certificates(&self) -> Result<Vec<CertificateRecord>>;
    /// Stores a certificate object; one of the same id is replaced.
    async fn put_certificate(&self, record: CertificateRecord, audit: NewAudit) -> Result<()>;
    /// Removes a certificate object; false when there is none of that id.
    async fn delete_certificate(&self, id: &str, audit: NewAudit) -> Result<bool>;
    /// The text that is kept at a place.
    async fn kept(&self, place: &str) -> Result<Option<KeptText>>;
    /// Keeps a text at a place, over the one before; beyond [`KEPT_MAX`] the oldest goes.
    async fn keep(&self, place: &str, kept: KeptText) -> Result<()>;
    /// Keeps a text at a place where there is none; gives the one that is there then.
    async fn keep_first(&self, place: &str, kept: KeptText) -> Result<KeptText>;
    /// Writes a line of the audit log about something that changes nothing here.
    async fn note(&self, audit: NewAudit) -> Result<()>;
    /// The audit log, newest first; a search looks for a short while.
    async fn audit(&self, filter: AuditFilter, page: Page) -> Result<Paged<AuditEntry>>;

    // ---- upkeep ----------------------------------------------------------------------------

    /// Removes what the storage terms and the cap no longer keep, in small steps (spec 2.4),
    /// figures older than [`FIGURES_KEPT_MS`], and the oldest lines of the audit log.
    async fn retain(&self, rule: RetentionRule) -> Result<Retained>;
    /// Whether it can be written to, and how much room is left.
    async fn health(&self) -> StoreHealth;
    /// What other nodes change, and that work waits; none where there is only this node. A listener
    /// that was too slow has missed some: it must take all as changed.
    fn changes(&self) -> Option<tokio::sync::broadcast::Receiver<Change>> {
        None
    }
    /// Commits what is under way and closes the files.
    async fn close(&self);
}
