//! What goes into an attempt and what comes out (ADR 0016).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use annunciator_core::{AttemptFacts, Failure, Notification, Outcome, Recipient};
use annunciator_smtp::StageReport;
use tokio::time::Instant;

/// One attempt to make: a notification for some of its recipients.
#[derive(Debug, Clone)]
pub struct Order {
    /// The caller's number for it; comes back with the report.
    pub tag: u64,
    /// The content.
    pub notification: Arc<Notification>,
    /// Who is tried now, at least one.
    pub recipients: Vec<Recipient>,
    /// Server of an earlier uncertain attempt: it is tried first (spec 4.1).
    pub prefer_server: Option<String>,
    /// When the attempt must end.
    pub deadline: Instant,
    /// Go through everything but hand nothing over.
    pub dry_run: bool,
    /// Keep the dialogue.
    pub trace: bool,
    /// Use no connection that is open already.
    pub fresh_connection: bool,
}

/// How an attempt went.
#[derive(Debug, Clone)]
pub struct AttemptReport {
    /// One per recipient of the order, in its order.
    pub outcomes: Vec<Outcome>,
    /// What was seen, one per outcome; recipients of one transaction share it.
    pub facts: Vec<Arc<AttemptFacts>>,
}

impl AttemptReport {
    /// A report of recipients that shared all that was seen.
    #[must_use]
    pub fn shared(outcomes: Vec<Outcome>, facts: AttemptFacts) -> Self {
        let facts = Arc::new(facts);
        Self { facts: outcomes.iter().map(|_| Arc::clone(&facts)).collect(), outcomes }
    }
}

/// Hands on more orders for the same transport, and takes the reports.
pub trait OrderFeed: Send + Sync {
    /// Another order for the same transport, or none. Does not wait.
    fn next(&self) -> Option<Order>;
    /// Takes the report of an order; called once for each, as soon as it is known.
    fn report(&self, tag: u64, report: AttemptReport);
    /// Takes a stage of an order that asked for a trace or a fresh connection.
    fn stage(&self, _tag: u64, _stage: &StageReport) {}
}

/// What an asynchronous call of a channel returns.
pub type TransportFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A channel with its settings: ready to send.
pub trait Transport: Send + Sync {
    /// Attempts that may run at the same time.
    fn concurrency_max(&self) -> usize;

    /// Attempts that may run at the same time now: fewer than [`Self::concurrency_max`] while the
    /// next hop refuses more.
    fn concurrency_now(&self) -> usize {
        self.concurrency_max()
    }

    /// What the settings lack to send anything, in words; empty when nothing is.
    fn missing(&self) -> &str;

    /// Makes an attempt for `first` and, while its connection stays good, for what `feed` hands
    /// on.
    fn attempt<'a>(&'a self, first: Order, feed: &'a dyn OrderFeed) -> TransportFuture<'a>;

    /// Looks, without an attempt, whether a next hop that did not answer does so again.
    fn knock(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
}

/// State of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStatus {
    /// The server, with its port.
    pub server: String,
    /// Whether it is skipped for a while.
    pub skipped: bool,
    /// Failures in a row.
    pub failures_in_a_row: u32,
    /// Why it failed last.
    pub last_failure: Option<Failure>,
    /// Connections open.
    pub connections: u32,
    /// Most connections that are opened now: fewer than the settings allow while it refuses more.
    pub connections_limit: u32,
}
