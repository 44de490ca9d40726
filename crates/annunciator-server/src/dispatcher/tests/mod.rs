//! The dispatcher at work: the real store in a temporary folder, a clock that is moved by hand,
//! and a channel that answers by a script.
//!
//! Nothing here waits for time to pass: [`Stand::rest`] ends when claimer, workers and settler
//! have nothing left to do before the clock moves.

mod isolation;
mod lifetime;
mod limits;
mod memory;
mod outage;
mod script;
mod shared;

use std::future::Future;

use annunciator_core::{Attempt, Delivery, Event};
use annunciator_store::contract::samples;
use annunciator_store::sqlite::SqliteStore;
use annunciator_store::{
    DeliveryFilter, DeliveryRow, EventFilter, EventRow, Page, PlannedNotification,
};
use annunciator_testkit::clock::ManualClock;
use tempfile::TempDir;

use super::*;
use script::{Call, ScriptedChannel};

/// Longest wait of a test for anything; it is met only by a failure.
const LIMIT: Duration = Duration::from_secs(60);
/// When the tests begin.
const START: Timestamp = samples::START;

/// A dispatcher over a store and a script.
struct Stand {
    clock: ManualClock,
    store: Arc<dyn Store>,
    channel: Arc<ScriptedChannel>,
    dispatcher: Option<Dispatcher>,
    /// Lifetime of what is queued next. Unit: milliseconds.
    lifetime_ms: i64,
    _folder: Option<TempDir>,
}

impl Stand {
    /// An empty store at the time of the first sample; the dispatcher is not started yet.
    fn new(channel: ScriptedChannel) -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        let store = SqliteStore::open(folder.path()).expect("a store is opened");
        Self { _folder: Some(folder), ..Self::over(store, channel) }
    }

    /// The same over a store that others may share.
    fn over(store: Arc<dyn Store>, channel: ScriptedChannel) -> Self {
        let clock = ManualClock::new(START.plus_ms(60_000));
        Self {
            clock,
            store,
            channel: Arc::new(channel),
            dispatcher: None,
            lifetime_ms: samples::LIFETIME_MS,
            _folder: None,
        }
    }

    /// Starts the dispatcher.
    fn start(&mut self) {
        self.start_with(|_| {});
    }

    /// Starts the dispatcher and does something before any of its tasks runs.
    fn start_with(&mut self, prepare: impl FnOnce(&Self)) {
        let channels: Arc<[Arc<dyn annunciator_channels::Channel>]> =
            Arc::new([self.channel.clone() as Arc<dyn annunciator_channels::Channel>]);
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        self.dispatcher = Some(Dispatcher::start(Surroundings {
            store: self.store.clone(),
            ids: IdSource::new(clock.clone()),
            held: Arc::new(crate::limit_clock::Following(clock.clone())),
            clock,
            settings: SettingsBook::with_channels(channels, "test.example"),
            metrics: Metrics::default(),
            planner: PlannerInbox::default(),
            tasks: Tasks::default(),
        }));
        // The tests run on one thread: nothing has run yet.
        prepare(self);
    }

    fn inner(&self) -> &Inner {
        &self.dispatcher.as_ref().expect("it was started").inner
    }

    /// One event with a notification to one recipient, for each number.
    async fn queue(&self, lane: &str, numbers: std::ops::Range<u32>) {
        let event = samples::event(numbers.start);
        self.queue_of(event, lane, numbers, 200).await;
    }

    /// The same about a given event, with texts of so many octets.
    async fn queue_of(
        &self,
        event: Event,
        lane: &str,
        numbers: std::ops::Range<u32>,
        text_bytes: usize,
    ) {
        samples::accept(self.store.as_ref(), vec![event.clone()]).await;
        let plan = |number| {
            let due_at = samples::time_of(number);
            let state = samples::queued(due_at);
            let mut planned = samples::planned(&event, number, lane, 1, &state);
            let notification = Arc::make_mut(&mut planned.notification);
            notification.content.subject = format!("{lane} {number}");
            notification.content.text = "x".repeat(text_bytes);
            for delivery in &mut planned.deliveries {
                delivery.expires_at = self.clock.now().plus_ms(self.lifetime_ms);
            }
            planned
        };
        let planned: Vec<PlannedNotification> = numbers.map(plan).collect();
        samples::commit(self.store.as_ref(), &event, planned).await;
    }

    /// Ends when a condition holds.
    async fn until<F: Future<Output = bool>>(&self, what: &str, mut condition: impl FnMut() -> F) {
        let wait = async {
            while !condition().await {
                // Other threads have to come to an end too: the store's writer, and its readers.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(tokio::time::timeout(LIMIT, wait).await.is_ok(), "waited in vain: {what}");
    }

    /// Ends when nothing happens before the clock moves.
    async fn rest(&self) {
        self.until("the dispatcher comes to rest", || async {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            let wakes_at = self.clock.next_wake();
            let is_quiet =
                || wakes_at.is_some_and(|wakes_at| self.inner().lanes.is_at_rest(wakes_at));
            if !is_quiet() {
                return false;
            }
            let counts = self.store.queue_counts().await.expect("it can be counted");
            // The claimer may have been woken meanwhile: then it is asked for again.
            counts.in_flight == 0 && self.clock.next_wake() == wakes_at && is_quiet()
        })
        .await;
    }

    /// Moves the clock to the next time at which something is due, and rests.
    async fn step(&self) {
        assert!(self.clock.advance_to_next_sleeper(), "the claimer always has a next time");
        self.rest().await;
    }

    /// Steps as long as a time has not passed, and then to its end.
    async fn step_for(&self, ms: i64) {
        let end = self.clock.now().plus_ms(ms);
        self.rest().await;
        while self.clock.next_wake().is_some_and(|at| at <= end) {
            self.step().await;
        }
        self.clock.set(end);
        self.rest().await;
    }

    /// All deliveries, oldest first.
    async fn deliveries(&self) -> Vec<Delivery> {
        let mut rows: Vec<DeliveryRow> = Vec::new();
        let mut after = None;
        loop {
            let page = Page { after, count_max: 1_000 };
            let found = self.store.deliveries(DeliveryFilter::default(), page).await;
            let found = found.expect("the ledger can be read");
            rows.extend(found.rows);
            after = found.next;
            if after.is_none() {
                break;
            }
        }
        rows.reverse();
        rows.into_iter().map(|row| row.delivery).collect()
    }

    async fn attempts(&self, delivery: &Delivery) -> Vec<Attempt> {
        self.store.attempts_of(delivery.id).await.expect("the ledger can be read")
    }

    /// Events of our own, as the ledger has them.
    async fn own_events(&self) -> Vec<EventRow> {
        let filter = EventFilter {
            event_type: Some("annunciator.delivery_expired".to_owned()),
            ..EventFilter::default()
        };
        let page = Page { after: None, count_max: 1_000 };
        self.store.events(filter, page).await.expect("the ledger can be read").rows
    }

    fn suspended(&self) -> Vec<Lane> {
        let lanes = self.dispatcher.as_ref().expect("it was started").lanes();
        lanes.into_iter().filter(|status| status.suspended).map(|status| status.lane).collect()
    }
}

/// The states of deliveries with how many there are of each.
fn states(deliveries: &[Delivery]) -> Vec<(&'static str, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for delivery in deliveries {
        *counts.entry(delivery.state.as_str()).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// The subjects that were tried, in order.
fn subjects(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.subject.as_str()).collect()
}
