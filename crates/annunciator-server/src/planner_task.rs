//! The planner task: accepted events into committed plans.
//!
//! Claim a batch → `annunciator_planner::plan` → commit. Events come in memory, claimed by the
//! commit that accepted them; what found no room waits in the store and is claimed from there.
//!
//! Failure: an event whose planning panics is tried three times and then parked with its reason
//! (quality G6); a store that refuses a commit is asked again, and the events keep waiting.
//!
//! Concurrency: one task. `backlog` says that the store holds unplanned events; `wake` is
//! notified after each commit that made it so.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use annunciator_core::{Delivery, DeliveryState, Event, NotificationId, Timestamp, one_line};
use annunciator_planner::{ChannelProfile, NotificationIds, PlannedContent, Silence};
use annunciator_store::{
    ClaimedDelivery, ClaimedOrder, LeftOut, PlanCommit, PlanVerdict, PlannedLimit,
    PlannedNotification, PostponedRow, StoreError,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::console_address;
use crate::dispatcher::lanes::weigh;
use crate::ids::IdSource;
use crate::incident_supply::IncidentSupply;
use crate::metrics::{ChannelLabels, ResultLabels};
use crate::planning::{Planner, PlanningFrame, plan_event};
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Most events that wait in memory for planning.
const WAITING_MAX: usize = 2_048;
/// Most events that one commit plans.
const BATCH_MAX: usize = 256;
/// Longest planning before what is planned is committed and others get their turn.
const PIECE_TIME_MAX: Duration = Duration::from_millis(20);
/// Failures after which an event is parked (quality G6).
const TRIES_MAX: u32 = 3;
/// The safety net below the wake-ups.
const POLL: Duration = Duration::from_secs(30);
/// The same where other nodes may die and leave events: nobody wakes anybody then.
const SHARED_POLL: Duration = Duration::from_secs(3);
/// Wait after the store refused, or after a failed event is tried again.
const REFUSED_WAIT: Duration = Duration::from_millis(500);

/// The way to the planner. Cheap to clone.
#[derive(Clone)]
pub struct PlannerInbox {
    inner: Arc<Inbox>,
}

struct Inbox {
    sender: mpsc::UnboundedSender<Vec<Event>>,
    receiver: std::sync::Mutex<Option<mpsc::UnboundedReceiver<Vec<Event>>>>,
    room: Arc<Semaphore>,
    has_backlog: AtomicBool,
    wake: Notify,
}

/// Room for some events in the planner's memory.
pub struct PlannerPermit {
    inbox: Arc<Inbox>,
    room: OwnedSemaphorePermit,
}

impl Default for PlannerInbox {
    fn default() -> Self {
        // Unbounded, but every event in it holds a permit of `room`.
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            inner: Arc::new(Inbox {
                sender,
                receiver: std::sync::Mutex::new(Some(receiver)),
                room: Arc::new(Semaphore::new(WAITING_MAX)),
                has_backlog: AtomicBool::new(true),
                wake: Notify::new(),
            }),
        }
    }
}

impl PlannerInbox {
    /// Room for `count` events, or none when the planner is behind: then they are accepted
    /// without a claim, and [`Self::note_backlog`] is called after the commit.
    #[must_use]
    pub fn reserve(&self, count: usize) -> Option<PlannerPermit> {
        // Fresh events must not overtake those that wait in the store.
        if self.inner.has_backlog.load(Ordering::Acquire) {
            return None;
        }
        let count = u32::try_from(count).ok()?;
        let room = self.inner.room.clone().try_acquire_many_owned(count).ok()?;
        Some(PlannerPermit { inbox: self.inner.clone(), room })
    }

    /// The store holds unplanned events.
    pub fn note_backlog(&self) {
        self.inner.has_backlog.store(true, Ordering::Release);
        self.inner.wake.notify_one();
    }
}

impl PlannerPermit {
    /// Hands over events that were accepted as claimed. Their room is given back when they are
    /// taken for planning, that of duplicates now.
    pub fn hand_over(mut self, events: Vec<Event>) {
        let Some(room) = self.room.split(events.len()) else { return };
        if events.is_empty() {
            return;
        }
        room.forget();
        // The receiver lives as long as the server.
        let _ = self.inbox.sender.send(events);
    }
}

/// Runs until the stop.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    run_with(shared, stop, annunciator_planner::plan).await;
}

async fn run_with(shared: Arc<Shared>, stop: CancellationToken, planner: Planner) {
    let inbox = shared.planner.inner.clone();
    let receiver = inbox.receiver.lock().expect("no panic while it is held").take();
    let mut receiver = receiver.expect("the planner task is started once");
    let poll = if shared.store.changes().is_some() { SHARED_POLL } else { POLL };
    let mut gathered: Vec<Vec<Event>> = Vec::new();
    let mut poll = tokio::time::interval(poll);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if inbox.has_backlog.load(Ordering::Acquire) {
            plan_backlog(&shared, &inbox, planner).await;
        }
        tokio::select! {
            biased;
            // Before what is handed over in memory, of which there may be no end.
            _ = poll.tick() => inbox.has_backlog.store(true, Ordering::Release),
            count = receiver.recv_many(&mut gathered, BATCH_MAX) => {
                if count == 0 {
                    return;
                }
            }
            () = inbox.wake.notified() => {}
            () = stop.cancelled() => return,
        }
        let events: Vec<Event> = gathered.drain(..).flatten().collect();
        inbox.room.add_permits(events.len());
        for batch in chunks(events) {
            plan_batch(&shared, batch, planner).await;
        }
    }
}

fn chunks(mut events: Vec<Event>) -> Vec<Vec<Event>> {
    let mut batches = Vec::new();
    while events.len() > BATCH_MAX {
        let rest = events.split_off(BATCH_MAX);
        batches.push(std::mem::replace(&mut events, rest));
    }
    if !events.is_empty() {
        batches.push(events);
    }
    batches
}

/// Plans what waits in the store, until nothing does.
async fn plan_backlog(shared: &Arc<Shared>, inbox: &Inbox, planner: Planner) {
    loop {
        // Cleared before the look, so that what is noted from here on is looked for again.
        inbox.has_backlog.store(false, Ordering::Release);
        match shared.store.claim_events(BATCH_MAX).await {
            Ok(events) if events.is_empty() => return,
            Ok(events) => {
                // A batch that is not full emptied the inbox: what comes from now on may be
                // handed over in memory again.
                if events.len() == BATCH_MAX {
                    inbox.has_backlog.store(true, Ordering::Release);
                }
                plan_batch(shared, events, planner).await;
            }
            Err(error) => {
                inbox.has_backlog.store(true, Ordering::Release);
                tracing::warn!(%error, "cannot claim events; asking again");
                tokio::time::sleep(REFUSED_WAIT).await;
                inbox.wake.notify_one();
                return;
            }
        }
    }
}

/// A notification on its way: what is committed, and what the dispatcher takes over afterwards.
struct Bound {
    lane: annunciator_core::Lane,
    planned: PlannedNotification,
    bytes: usize,
    /// Of which time of this node the claim of its deliveries is.
    era: Option<u64>,
    is_handed_over: bool,
}

/// Plans a batch in pieces: what costs much holds up neither the server nor what came before it.
async fn plan_batch(shared: &Arc<Shared>, events: Vec<Event>, planner: Planner) {
    let supply = supply(shared, &events).await;
    let mut rest = events.as_slice();
    while !rest.is_empty() {
        let count = plan_piece(shared, &supply, rest, planner).await;
        rest = &rest[count..];
        tokio::task::yield_now().await;
    }
}

/// Plans and commits the first of these events, as many as are planned within [`PIECE_TIME_MAX`];
/// answers how many.
async fn plan_piece(
    shared: &Arc<Shared>,
    supply: &IncidentSupply,
    events: &[Event],
    planner: Planner,
) -> usize {
    let begun = Instant::now();
    let snapshot = shared.settings.current();
    let silences = shared.silences.current();
    let now = shared.clock.now();
    let mut commits = Vec::with_capacity(events.len());
    let mut bound = Vec::new();
    let (mut has_failed, mut has_postponed) = (false, false);
    for event in events {
        let verdict = match plan_one(shared, (&snapshot, &silences, supply), event, now, planner) {
            Ok((notifications, decisions, term_days, postponed)) => {
                has_postponed |= !postponed.is_empty();
                let planned = notifications.iter().map(|b| b.planned.clone()).collect();
                bound.extend(notifications);
                PlanVerdict::Planned { notifications: planned, decisions, term_days, postponed }
            }
            Err(reason) => {
                has_failed = true;
                tracing::error!(event.id = %event.uid, reason, "an event cannot be planned");
                PlanVerdict::Failed { reason, tries_max: TRIES_MAX }
            }
        };
        commits.push(PlanCommit { event: event.uid, verdict });
        if begun.elapsed() > PIECE_TIME_MAX {
            break;
        }
    }
    let count_planned = commits.len();
    let left_out = commit(shared, &commits).await;
    let limited: HashSet<NotificationId> = left_out.limited.into_iter().collect();
    let overtaken: HashSet<NotificationId> = left_out.overtaken.into_iter().collect();
    count(shared, &commits, &overtaken);
    let mut counted = HashSet::new();
    for item in bound {
        let notification = &item.planned.notification;
        if limited.contains(&notification.id) {
            // What one event makes is one, as in the ledger and in the summary.
            if counted.insert((notification.event, notification.channel.clone())) {
                count_limited(shared, &item);
            }
        } else if overtaken.contains(&notification.id) {
            give_up(shared, &item);
        } else {
            finish(shared, item);
        }
    }
    if !limited.is_empty() {
        shared.limit_wake.notify_one();
    }
    if has_postponed {
        shared.bundle_wake.notify_one();
    }
    if has_failed {
        let inbox = shared.planner.clone();
        shared.tasks.spawn("planner repeat", async move {
            tokio::time::sleep(REFUSED_WAIT).await;
            inbox.note_backlog();
        });
    }
    count_planned
}

/// What incidents need; asked for until the store answers, as the events are claimed by us.
async fn supply(shared: &Shared, events: &[Event]) -> IncidentSupply {
    let mut was_refused = false;
    loop {
        let error = match IncidentSupply::gather(shared.store.as_ref(), events).await {
            Ok(supply) => return supply,
            Err(StoreError::Closed) => return IncidentSupply::default(),
            Err(error) => error,
        };
        if !was_refused {
            tracing::warn!(%error, "cannot read users for incidents; asking again");
        }
        was_refused = true;
        tokio::time::sleep(REFUSED_WAIT).await;
    }
}

/// Commits until the store takes it: the events are claimed by us, and nobody else plans them. A plan
/// that it refuses for what it says parks its event, alone. Answers what must not be delivered.
async fn commit(shared: &Shared, commits: &[PlanCommit]) -> LeftOut {
    let mut was_refused = false;
    loop {
        let error: StoreError = match shared.store.commit_plans(commits.to_vec()).await {
            Ok(left_out) => return left_out,
            Err(error @ StoreError::BadRequest(_)) => match commits {
                [alone] if matches!(alone.verdict, PlanVerdict::Planned { .. }) => {
                    return park(shared, alone, &error).await;
                }
                [] | [_] => error,
                several => {
                    let mut all = LeftOut::default();
                    for one in several {
                        all.add(Box::pin(commit(shared, std::slice::from_ref(one))).await);
                    }
                    return all;
                }
            },
            Err(error) => error,
        };
        if !was_refused {
            tracing::error!(%error, "the store does not take plans; asking again");
        }
        was_refused = true;
        tokio::time::sleep(REFUSED_WAIT).await;
    }
}

async fn park(shared: &Shared, plan: &PlanCommit, error: &StoreError) -> LeftOut {
    tracing::error!(event = %plan.event, %error, "the store refuses the plan of an event: it is parked");
    let reason = error.to_string();
    let verdict = PlanVerdict::Failed { reason, tries_max: 1 };
    let parked = PlanCommit { event: plan.event, verdict };
    let mut left_out = Box::pin(commit(shared, &[parked])).await;
    if let PlanVerdict::Planned { notifications, .. } = &plan.verdict {
        left_out.overtaken.extend(notifications.iter().map(|planned| planned.notification.id));
    }
    left_out
}

/// What must be sent, what was decided, how long the event is kept if a layer says so, and who is
/// told later.
type Planned = (Vec<Bound>, Vec<annunciator_core::Decision>, Option<u32>, Vec<PostponedRow>);

fn plan_one(
    shared: &Shared,
    (snapshot, silences, supply): (&Snapshot, &[Silence], &IncidentSupply),
    event: &Event,
    now: Timestamp,
    planner: Planner,
) -> Result<Planned, String> {
    let ids = Ids { source: &shared.ids, now };
    let domain = shared.settings.hello_name();
    let console = console_address::base(&snapshot.console.values, &shared.installation);
    let console = console.as_str();
    let frame = PlanningFrame { snapshot, silences, domain, console, supply, ids: &ids, planner };
    let (holding, plan) = catch_unwind(AssertUnwindSafe(|| plan_event(frame, event, now)))
        .map_err(|panic| panic_text(panic.as_ref()))?;
    let lifetime_ms = snapshot.delivery.lifetime_ms();
    let bind = |content: PlannedContent| {
        let profile: &ChannelProfile = &holding.profiles[content.profile];
        bind(shared, profile, (event, content), now, lifetime_ms)
    };
    let term_days = snapshot.storage_term(&holding.layers).map(|(days, _)| days);
    let postponed = plan.postponed.into_iter().map(|(_, one)| PostponedRow {
        due_at: one.due_at,
        subscription: one.subscription,
        language: one.addressee.language.code().to_owned(),
        time_zone: one.addressee.time_zone.name().to_owned(),
        address: one.addressee.address,
        event: event.uid,
    });
    let postponed = postponed.collect();
    let notifications = plan.notifications.into_iter().map(bind).collect();
    Ok((notifications, plan.decisions, term_days, postponed))
}

/// Gives each recipient a delivery; they are claimed at once when the lane has room.
fn bind(
    shared: &Shared,
    profile: &ChannelProfile,
    (event, content): (&Event, PlannedContent),
    now: Timestamp,
    lifetime_ms: i64,
) -> Bound {
    let limit = content.limit.map(|limit| PlannedLimit {
        limit,
        type_name: event.type_name.clone(),
        now: shared.held.now(),
    });
    let notification = Arc::new(content.notification);
    let lane = profile.lane.clone();
    let count = notification.content.recipients.len();
    let bytes = weigh(&notification, count);
    // What counts against a limit is admitted by the commit, and asks for a slot afterwards.
    let is_handed_over = limit.is_none() && shared.dispatcher.reserve(&lane, count, bytes);
    let lease_until = now.plus_ms(shared.settings.current().claim_ms());
    let state = if is_handed_over {
        DeliveryState::InFlight { lease_until }
    } else {
        DeliveryState::Queued { due_at: now }
    };
    let delivery = |recipient: &annunciator_core::Recipient| Delivery {
        id: shared.ids.delivery(now),
        notification: notification.id,
        recipient: recipient.clone(),
        lane: lane.clone(),
        state: state.clone(),
        created_at: now,
        expires_at: now.plus_ms(lifetime_ms),
        attempts: 0,
        retries: 0,
        possibly_duplicated: false,
        last_failure: None,
    };
    let deliveries = notification.content.recipients.iter().map(delivery).collect();
    let planned = PlannedNotification { notification, deliveries, limit };
    Bound { lane, planned, bytes, era: shared.store.claim_era(), is_handed_over }
}

fn finish(shared: &Shared, bound: Bound) {
    if !bound.is_handed_over {
        shared.dispatcher.note_queued(&bound.lane);
        return;
    }
    let claimed = |delivery| ClaimedDelivery { delivery, token: 1 };
    let order = ClaimedOrder {
        notification: bound.planned.notification,
        deliveries: bound.planned.deliveries.into_iter().map(claimed).collect(),
    };
    shared.dispatcher.hand_over(&bound.lane, order, bound.bytes, bound.era);
}

/// Another node's plan came first: what it made is delivered, this is not.
fn give_up(shared: &Shared, bound: &Bound) {
    if bound.is_handed_over {
        shared.dispatcher.give_up(&bound.lane, bound.planned.deliveries.len(), bound.bytes);
    }
}

fn count_limited(shared: &Shared, bound: &Bound) {
    let channel = bound.planned.notification.channel.as_str().to_owned();
    shared.metrics.limited.get_or_create(&ChannelLabels { channel }).inc();
}

/// Counts what came of plans; one that came second is not told of as planned.
fn count(shared: &Shared, commits: &[PlanCommit], overtaken: &HashSet<NotificationId>) {
    for commit in commits {
        let result = match &commit.verdict {
            PlanVerdict::Failed { .. } => "failed",
            PlanVerdict::Planned { notifications, .. }
                if notifications.iter().any(|one| overtaken.contains(&one.notification.id)) =>
            {
                "overtaken"
            }
            PlanVerdict::Planned { .. } => "planned",
        };
        shared.metrics.plans.get_or_create(&ResultLabels { result }).inc();
    }
}

struct Ids<'a> {
    source: &'a IdSource,
    now: Timestamp,
}

impl NotificationIds for Ids<'_> {
    fn notification_id(&self) -> NotificationId {
        self.source.notification(self.now)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown cause");
    one_line(&format!("planning panicked: {text}"), 500)
}

#[cfg(test)]
pub(crate) mod tests;
