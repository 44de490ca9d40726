//! Claimed deliveries into attempts, attempts into settlements; one queue, one bound, one
//! suspension per lane.
//!
//! In: work handed over by the planner task, or claimed from the store. Out: settlements.
//! Knows nothing of: what a lane is, what a channel does.
//! Failure: a relay in trouble suspends its lane alone (quality G6); a panic in an attempt is a
//! transient failure of its deliveries; a store that refuses settlements is asked again.
//!
//! Concurrency: the *claimer* asks the store, *workers* (per lane, bounded by its transport) make
//! attempts, the *settler* commits what came of them; *put off* releases what waits for a limit
//! when the settings change. `wake` wakes the claimer; it is notified after every commit that
//! queues something, when a lane runs low, and by operators. Whatever is in memory when the
//! process dies is claimed in the store, and lapses at the next start.

mod claimer;
pub mod lanes;
mod limits;
mod record;
pub mod settings;
pub mod settle;
mod settler;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use annunciator_channels::Share;
use annunciator_core::{Clock, Delivery, DeliveryState, Failure, Lane, Timestamp};
use annunciator_store::{ClaimedOrder, LaneTrouble, Settlement, Store};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::ids::IdSource;
use crate::lifecycle::Tasks;
use crate::limit_clock::HeldClock;
use crate::metrics::{LaneLabels, Metrics};
use crate::planner_task::PlannerInbox;
use crate::snapshot::SettingsBook;

pub use record::OWN_APPLICATION;

use lanes::{LaneBook, Work};
use settler::Ended;

/// How long work may wait behind busy workers before another one is started.
const WATCH_WAIT: Duration = Duration::from_millis(100);

/// What the API shows of a lane.
#[derive(Debug, Clone)]
pub struct LaneStatus {
    /// The lane.
    pub lane: Lane,
    /// Whether it takes no work.
    pub suspended: bool,
    /// When its relay is tried next.
    pub probe_at: Option<Timestamp>,
    /// Since when it is suspended.
    pub since: Option<Timestamp>,
    /// What is the trouble.
    pub failure: Option<Failure>,
}

/// The dispatcher. Cheap to clone: clones are the same dispatcher.
#[derive(Clone)]
pub struct Dispatcher {
    inner: Arc<Inner>,
}

/// What claimer, workers and settler share.
struct Inner {
    lanes: LaneBook,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    held: Arc<dyn HeldClock>,
    ids: IdSource,
    settings: SettingsBook,
    metrics: Metrics,
    planner: PlannerInbox,
    wake: Notify,
    /// The settings changed: what was put off by a limit is looked at.
    limits_changed: Notify,
    /// How often that was.
    limit_changes: AtomicU64,
    /// Work was found in memory whose lifetime has ended: lifetimes are looked at now.
    has_expired: AtomicBool,
    settlements: mpsc::UnboundedSender<Ended>,
    tasks: Tasks,
    stop: CancellationToken,
}

/// What the dispatcher needs from its surroundings.
pub struct Surroundings {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The time that limits count by.
    pub held: Arc<dyn HeldClock>,
    /// Where ids come from.
    pub ids: IdSource,
    /// Settings in force.
    pub settings: SettingsBook,
    /// All metrics.
    pub metrics: Metrics,
    /// Told of events of our own.
    pub planner: PlannerInbox,
    /// Where tasks run.
    pub tasks: Tasks,
}

/// A dispatcher that does nothing yet: what the last process left is due at once, and must meet
/// the saved settings, not the compiled defaults.
#[must_use = "without it nothing is ever sent"]
pub struct Starter {
    inner: Arc<Inner>,
    settlements: mpsc::UnboundedReceiver<Ended>,
}

impl Starter {
    /// Starts its tasks; the settings in force are those that were saved.
    pub fn start(self) {
        let inner = self.inner;
        inner.tasks.spawn("settler", settler::run(inner.clone(), self.settlements));
        inner.tasks.spawn("claimer", claimer::run(inner.clone()));
        inner.tasks.spawn("put off", limits::run(inner.clone()));
    }
}

impl Dispatcher {
    /// A dispatcher at work.
    #[cfg(test)]
    #[must_use]
    pub fn start(surroundings: Surroundings) -> Self {
        let (dispatcher, starter) = Self::new(surroundings);
        starter.start();
        dispatcher
    }

    /// A dispatcher, and what starts it.
    pub fn new(surroundings: Surroundings) -> (Self, Starter) {
        // Unbounded, but what can be sent is bounded by what the lanes hold: the settler gives
        // their room back only after its commit.
        let (settlements, receiver) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner {
            lanes: LaneBook::default(),
            store: surroundings.store,
            clock: surroundings.clock,
            held: surroundings.held,
            ids: surroundings.ids,
            settings: surroundings.settings,
            metrics: surroundings.metrics,
            planner: surroundings.planner,
            wake: Notify::new(),
            limits_changed: Notify::new(),
            limit_changes: AtomicU64::new(0),
            has_expired: AtomicBool::new(false),
            settlements,
            tasks: surroundings.tasks,
            stop: CancellationToken::new(),
        });
        let starter = Starter { inner: inner.clone(), settlements: receiver };
        (Self { inner }, starter)
    }

    /// Reserves room for fresh deliveries, so that they are claimed in the commit that plans
    /// them; false when they must wait in the store.
    #[must_use]
    pub fn reserve(&self, lane: &Lane, deliveries: usize, bytes: usize) -> bool {
        self.inner.lanes.reserve(lane, deliveries, bytes)
    }

    /// Takes over an order whose room was reserved and whose claim, of this time of the node, is
    /// committed.
    pub fn hand_over(&self, lane: &Lane, order: ClaimedOrder, bytes: usize, era: Option<u64>) {
        self.inner.start_work(lane, Work { order, bytes, era, probes: false, slot: None });
    }

    /// Gives back room that was reserved for deliveries that nobody here may try.
    pub fn give_up(&self, lane: &Lane, deliveries: usize, bytes: usize) {
        if self.inner.lanes.release(lane, deliveries, bytes) {
            self.wake();
        }
    }

    /// Deliveries of the lane were queued in the store.
    pub fn note_queued(&self, lane: &Lane) {
        self.inner.lanes.note_backlog(lane);
        self.wake();
    }

    /// An operator asks for deliveries at once: suspended lanes are probed, so that a relay that
    /// was repaired is not waited for.
    pub fn retry_asked(&self) {
        self.inner.lanes.probe_all_now(self.inner.clock.now());
        self.wake();
    }

    /// Deliveries in memory, and what they weigh.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        self.inner.lanes.held()
    }

    /// Something may be due in the store.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Settings have changed: what failed before may work now, and what was put off by a limit
    /// asks again.
    pub fn settings_changed(&self) {
        for (lane, _) in self.inner.lanes.suspensions() {
            self.inner.metrics.lane_suspended.get_or_create(&labels(&lane)).set(0);
        }
        self.inner.lanes.resume_all();
        self.inner.tell_recovery(None);
        self.inner.limit_changes.fetch_add(1, Ordering::AcqRel);
        self.inner.limits_changed.notify_one();
        self.wake();
    }

    /// What the nodes tell of relays in trouble now.
    pub fn take_over(&self, troubles: &[LaneTrouble]) {
        let inner = &self.inner;
        let told = inner.lanes.take_over(troubles, inner.clock.now());
        for lane in &told.suspended {
            inner.metrics.lane_suspended.get_or_create(&labels(lane)).set(1);
            tracing::info!(%lane, "relay in trouble, as another node tells: its lane waits");
        }
        for work in &told.given_back {
            inner.give_back(work);
        }
        for lane in &told.resumed {
            inner.metrics.lane_suspended.get_or_create(&labels(lane)).set(0);
            tracing::info!(%lane, "relay answers another node again: its lane goes on");
        }
        if !told.suspended.is_empty() || !told.resumed.is_empty() {
            self.wake();
        }
    }

    /// So many nodes send over the same relays, and this is the one at that place.
    pub fn set_share(&self, share: Share) {
        for channel in self.inner.settings.channels().iter() {
            channel.set_share(share);
        }
    }

    /// The lanes that this node has seen.
    #[must_use]
    pub fn lanes(&self) -> Vec<LaneStatus> {
        let status = |(lane, suspension): (Lane, Option<lanes::Suspension>)| LaneStatus {
            lane,
            suspended: suspension.is_some(),
            probe_at: suspension.as_ref().map(|s| s.probe_at),
            since: suspension.as_ref().map(|s| s.since),
            failure: suspension.map(|s| s.failure),
        };
        self.inner.lanes.suspensions().into_iter().map(status).collect()
    }

    /// State of the servers that the channels talk to.
    #[must_use]
    pub fn relay_servers(&self) -> Vec<annunciator_channels::ServerStatus> {
        self.inner.settings.channels().iter().flat_map(|channel| channel.servers()).collect()
    }

    /// Stops claiming, waits for attempts under way, at most `limit`, and commits what came of
    /// them. What waits in memory goes back to the store.
    pub async fn drain(&self, limit: Duration) {
        let inner = &self.inner;
        let give_back_rest = || {
            for (_, work) in inner.lanes.drain() {
                inner.give_back(&work);
            }
        };
        give_back_rest();
        let idle = async {
            while inner.lanes.workers() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(limit, idle).await.is_err() {
            let workers = inner.lanes.workers();
            tracing::warn!(workers, "attempts are still under way; they will be repeated");
        }
        // A claim or a plan may have been under way when the drain began.
        give_back_rest();
        inner.stop.cancel();
        for channel in inner.settings.channels().iter() {
            let _ = tokio::time::timeout(Duration::from_secs(2), channel.close_idle()).await;
        }
    }
}

impl Inner {
    /// Queues work for the lane's workers and starts one when it is worth it.
    fn start_work(self: &Arc<Self>, lane: &Lane, work: Work) {
        let notification = &work.order.notification;
        let snapshot = self.settings.current();
        let workers_max = snapshot
            .transport(&notification.channel, &notification.scope)
            .map_or(1, |transport| transport.concurrency_max());
        if self.lanes.push(lane, work, workers_max) {
            self.tasks.spawn("worker", worker::run(self.clone(), lane.clone()));
        } else if self.lanes.begin_watch(lane, workers_max) {
            let (inner, lane) = (self.clone(), lane.clone());
            self.tasks.spawn("watch", async move { inner.watch(&lane, workers_max).await });
        }
    }

    /// Starts further workers while work waits although a server holds up those that run: one
    /// stalled transaction must not stop the others (quality G6).
    async fn watch(self: Arc<Self>, lane: &Lane, workers_max: usize) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(WATCH_WAIT) => {}
                () = self.stop.cancelled() => return,
            }
            let (adds, goes_on) = self.lanes.add_worker(lane, workers_max);
            if adds {
                self.tasks.spawn("worker", worker::run(self.clone(), lane.clone()));
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Ends claims without an attempt: the deliveries keep their place in the queue.
    fn give_back(&self, work: &Work) {
        let now = self.clock.now();
        self.end_claims(work, None, |delivery| settle::give_back(delivery, now));
    }

    /// Ends claims without an attempt; `limit_changes` is of those that were put off by a limit.
    fn end_claims(
        &self,
        work: &Work,
        limit_changes: Option<u64>,
        state: impl Fn(&Delivery) -> DeliveryState,
    ) {
        for (position, claimed) in work.order.deliveries.iter().enumerate() {
            let mut delivery = claimed.delivery.clone();
            delivery.state = state(&delivery);
            let slot = self.slot_end(work, false).filter(|_| position == 0);
            let token = claimed.token;
            let settlement = Settlement { delivery, token, attempt: None, raise: None, slot };
            let held_bytes = Some(work.bytes_of(position));
            self.end(Ended { settlement, held_bytes, limit_changes });
        }
    }

    /// Ends a claim. `held_bytes` is the room it takes in its lane, none when it takes none.
    fn settle(&self, settlement: Settlement, held_bytes: Option<usize>) {
        self.end(Ended { settlement, held_bytes, limit_changes: None });
    }

    fn end(&self, ended: Ended) {
        // The settler ends after all workers; a closed channel means that the process ends and
        // the claim lapses.
        let _ = self.settlements.send(ended);
    }

    /// The relay of a lane is in trouble: what waits in memory goes back to the store.
    fn suspend(&self, lane: &Lane, failure: &Failure, now: Timestamp, is_probe: bool) {
        let (waiting, was_free) = self.lanes.suspend(lane, failure, now, is_probe);
        if was_free {
            self.metrics.lane_suspended.get_or_create(&labels(lane)).set(1);
            tracing::warn!(%lane, stage = %failure.stage, reason = %failure.diagnostic,
                "relay in trouble, its lane waits");
        }
        for work in &waiting {
            self.give_back(work);
        }
        if was_free || is_probe {
            self.tell_trouble(lane, failure, now);
        }
        self.wake.notify_one();
    }

    /// Nothing waits for the relay of a suspended lane. Nobody is told: it was not tried.
    fn free(&self, lane: &Lane) {
        if self.lanes.free(lane) {
            self.metrics.lane_suspended.get_or_create(&labels(lane)).set(0);
            tracing::info!(%lane, "nothing waits for a relay in trouble, its lane goes on");
        }
    }

    /// The relay of a lane answered.
    fn resume(&self, lane: &Lane) {
        if self.lanes.resume(lane, self.clock.now()) {
            self.tell_recovery(Some(lane.clone()));
            self.metrics.lane_suspended.get_or_create(&labels(lane)).set(0);
            tracing::info!(%lane, "relay answers again, its lane goes on");
            self.wake.notify_one();
        }
    }
}

impl Inner {
    /// Tells other nodes, if there are any. Who is not told finds out for itself.
    fn tell_trouble(&self, lane: &Lane, failure: &Failure, since: Timestamp) {
        if self.store.changes().is_none() {
            return;
        }
        let (lane, failure) = (lane.clone(), failure.clone());
        let (store, trouble) =
            (self.store.clone(), LaneTrouble { lane, since, failure, number: 0, is_own: true });
        self.tasks.spawn("tell trouble", async move {
            if let Err(error) = store.tell_trouble(trouble).await {
                tracing::debug!(%error, "the other nodes are not told of a relay in trouble");
            }
        });
    }

    fn tell_recovery(&self, lane: Option<Lane>) {
        if self.store.changes().is_none() {
            return;
        }
        let store = self.store.clone();
        self.tasks.spawn("tell recovery", async move {
            if let Err(error) = store.tell_recovery(lane).await {
                tracing::debug!(%error, "the other nodes are not told that a relay answers");
            }
        });
    }
}

fn labels(lane: &Lane) -> LaneLabels {
    LaneLabels { lane: lane.as_str().to_owned() }
}

#[cfg(test)]
mod tests;
