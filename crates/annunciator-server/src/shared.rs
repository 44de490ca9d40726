//! What the parts of the server hold in common: store, clock, ids, settings, tokens, dispatcher.

use std::sync::Arc;

use annunciator_core::{Clock, Timestamp};
use annunciator_store::Store;

use crate::certificates::CertificateShelf;
use crate::dispatcher::Dispatcher;
use crate::ids::IdSource;
use crate::installation::Installation;
use crate::lifecycle::Tasks;
use crate::limit_clock::HeldClock;
use crate::metrics::Metrics;
use crate::own_events::OwnEvents;
use crate::passwords::Passwords;
use crate::planner_task::PlannerInbox;
use crate::roles::RoleBook;
use crate::secrets::Sealer;
use crate::session_book::SessionBook;
use crate::setup_key::SetupKey;
use crate::silence_book::SilenceBook;
use crate::snapshot::SettingsBook;
use crate::throttle::Throttle;
use crate::tokens::TokenBook;

/// Shared by intake, planner task, dispatcher, admin and API.
pub struct Shared {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The time that limits count by.
    pub held: Arc<dyn HeldClock>,
    /// Wakes the task that tells summaries: something was limited.
    pub limit_wake: Arc<tokio::sync::Notify>,
    /// Wakes the task that bundles incidents: somebody is told later.
    pub bundle_wake: Arc<tokio::sync::Notify>,
    /// Where ids come from.
    pub ids: IdSource,
    /// Settings as they are in force.
    pub settings: SettingsBook,
    /// Certificate objects.
    pub certificates: CertificateShelf,
    /// The silences in force.
    pub silences: SilenceBook,
    /// API tokens.
    pub tokens: TokenBook,
    /// Roles.
    pub roles: RoleBook,
    /// Sessions of users.
    pub sessions: SessionBook,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Wrong tries of passwords, keys and proofs.
    pub throttle: Throttle,
    /// The key that makes the first administrator.
    pub setup: SetupKey,
    /// An operator asks this node to drain.
    pub drain: tokio_util::sync::CancellationToken,
    /// The way of own events into the inbox.
    pub own_events: OwnEvents,
    /// The way to the planner.
    pub planner: PlannerInbox,
    /// The dispatcher: lanes and work.
    pub dispatcher: Dispatcher,
    /// Where tasks run.
    pub tasks: Tasks,
    /// Seals secrets.
    pub sealer: Arc<Sealer>,
    /// All metrics.
    pub metrics: Metrics,
    /// Where it stands.
    pub installation: Installation,
    /// When the server was started.
    pub started_at: Timestamp,
    /// Whether it takes events: the store is open, and the bootstrap, if one is awaited, is done.
    pub ready: std::sync::atomic::AtomicBool,
}
