//! The lanes: what each holds in memory, how many workers it has, whether it is suspended.
//!
//! In: work that was claimed. Out: what may be tried now, and by whom.
//! Knows nothing of: stores, channels, what a lane is.
//!
//! Concurrency: one mutex guards all lanes; it is held for moments and never over an await.
//! A lane's memory and its suspension are this node's; after a restart every lane starts free and
//! the store is asked for what is due. What other nodes tell of relays in trouble is taken over,
//! unless the relay took something from this node just now.

mod suspension;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use annunciator_channels::Transport;
use annunciator_core::{Command, Failure, Lane, Notification, Timestamp};
use annunciator_store::{ClaimedOrder, SlotId};

use suspension::{KNOCK_WAIT_MS, PROVEN_MS, probe_wait_ms};
pub use suspension::{Suspension, Told};

/// Most deliveries of one lane that are held in memory (a notification is never cut).
pub const LANE_HELD_MAX: usize = 1_024;
/// The store is asked for more when a lane holds no more than this.
const LANE_HELD_LOW: usize = 256;
/// Most deliveries of one lane that one claim takes from the store.
pub const LANE_CLAIM_MAX: usize = LANE_HELD_MAX - LANE_HELD_LOW;
/// Most content that is held in memory over all lanes. Unit: octets.
///
/// It is a bound for those that hold much: a lane below [`LANE_BYTES_LOW`] goes on, so that a
/// relay which takes nothing cannot use up the room of the others (quality G6).
pub const HELD_BYTES_MAX: usize = 16 << 20;
/// What a lane may hold however much the others hold. Unit: octets.
pub const LANE_BYTES_LOW: usize = 256 << 10;

/// A claimed order in memory.
pub struct Work {
    /// The order.
    pub order: ClaimedOrder,
    /// What it weighs. Unit: octets.
    pub bytes: usize,
    /// Of which time of this node its claim is ([`annunciator_store::Store::claim_era`]).
    pub era: Option<u64>,
    /// Whether it was claimed to probe a suspended lane: only its failure counts as the probe's,
    /// not that of attempts which were under way before.
    pub probes: bool,
    /// The slot of its limit, while its attempt runs.
    pub slot: Option<SlotId>,
}

impl Work {
    /// Weighs an order that was claimed in this time of the node.
    #[must_use]
    pub fn new(order: ClaimedOrder, era: Option<u64>) -> Self {
        let bytes = weigh(&order.notification, order.deliveries.len());
        Self { order, bytes, era, probes: false, slot: None }
    }

    /// The part of the weight that ends with the delivery at a position: the content's goes with
    /// the first.
    #[must_use]
    pub fn bytes_of(&self, position: usize) -> usize {
        if position == 0 { self.bytes } else { 0 }
    }
}

/// What a notification with so many deliveries weighs in memory. Unit: octets.
#[must_use]
pub fn weigh(notification: &Notification, deliveries: usize) -> usize {
    let content = &notification.content;
    let html = content.html.as_ref().map_or(0, String::len);
    let command = content.command.as_ref().map_or(0, weigh_command);
    let pictures: usize = content.pictures.iter().map(|picture| picture.png.len()).sum();
    let words = content.subject.len() + content.text.len() + html + pictures;
    512 + words + command + 256 * deliveries
}

/// What an executable gets besides its standard input, which is the text.
fn weigh_command(command: &Command) -> usize {
    let text = |text: &String| size_of::<String>() + text.len();
    let arguments = command.arguments.iter().map(text);
    let environment = command.environment.iter().map(|(name, value)| text(name) + text(value));
    arguments.chain(environment).sum()
}

#[derive(Default)]
struct LaneState {
    ready: VecDeque<Work>,
    held: usize,
    bytes: usize,
    workers: usize,
    /// What the next hop bears, when it was seen to bear fewer than its settings allow.
    workers_limit: Option<usize>,
    /// The store may hold due deliveries of this lane: new ones must not overtake them.
    has_backlog: bool,
    /// Somebody looks after a while whether the workers are held up.
    is_watched: bool,
    /// Counts the marks of backlog, so that a claim that began before one does not clear it.
    backlog_marks: u64,
    suspension: Option<Suspension>,
    /// The number of the trouble under which nothing waited: that is no news any more.
    outdated: Option<i64>,
    /// When its relay answered last.
    proven_at: Option<Timestamp>,
    /// What the lane was last seen to fail with, to knock at its relay.
    transport: Option<Arc<dyn Transport>>,
}

impl LaneState {
    fn is_proven(&self, now: Timestamp) -> bool {
        self.proven_at.is_some_and(|at| now.ms_since(at) < PROVEN_MS)
    }

    /// Whether one more worker may start.
    fn has_seat(&self, workers_max: usize) -> bool {
        self.workers < self.workers_limit.map_or(workers_max, |limit| limit.min(workers_max))
    }

    fn mark_backlog(&mut self) {
        self.has_backlog = true;
        self.backlog_marks += 1;
    }
}

#[derive(Default)]
struct Lanes {
    lanes: HashMap<Lane, LaneState>,
    bytes: usize,
    is_draining: bool,
}

/// All lanes.
#[derive(Default)]
pub struct LaneBook {
    lanes: Mutex<Lanes>,
}

/// What the claimer may ask the store for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClaimPlan {
    /// Lanes that take nothing now.
    pub excluded: Vec<Lane>,
    /// Lanes that are probed: one order each.
    pub probing: Vec<Lane>,
    /// Lanes whose relay is knocked at, to learn whether it answers again.
    pub knocking: Vec<Lane>,
    /// When the next probe or knock is due.
    pub next_probe_at: Option<Timestamp>,
    /// The lanes that take work, each with its count of backlog marks.
    asked: Vec<(Lane, u64)>,
}

impl LaneBook {
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().expect("no panic while it is held")
    }

    /// Reserves room for fresh work that nobody may overtake; false when it must go to the store.
    pub fn reserve(&self, lane: &Lane, deliveries: usize, bytes: usize) -> bool {
        let mut lanes = self.lock();
        let is_heavy = lanes.bytes + bytes > HELD_BYTES_MAX;
        let is_draining = lanes.is_draining;
        let state = lanes.lanes.entry(lane.clone()).or_default();
        let is_light = state.held == 0 || state.bytes + bytes <= LANE_BYTES_LOW;
        let has_room = state.held == 0 || state.held + deliveries <= LANE_HELD_MAX;
        let is_full = is_draining || (is_heavy && !is_light) || !has_room;
        if is_full || state.suspension.is_some() || state.has_backlog {
            return false;
        }
        state.held += deliveries;
        state.bytes += bytes;
        lanes.bytes += bytes;
        true
    }

    /// Counts work that was claimed from the store.
    pub fn hold(&self, lane: &Lane, work: &Work) {
        let mut lanes = self.lock();
        lanes.bytes += work.bytes;
        let state = lanes.lanes.entry(lane.clone()).or_default();
        state.bytes += work.bytes;
        state.held += work.order.deliveries.len();
    }

    /// Gives back room; true when the store should be asked for more.
    pub fn release(&self, lane: &Lane, deliveries: usize, bytes: usize) -> bool {
        let mut lanes = self.lock();
        lanes.bytes = lanes.bytes.saturating_sub(bytes);
        let Some(state) = lanes.lanes.get_mut(lane) else { return false };
        state.held = state.held.saturating_sub(deliveries);
        state.bytes = state.bytes.saturating_sub(bytes);
        state.has_backlog && state.held <= LANE_HELD_LOW && state.suspension.is_none()
    }

    /// Queues work that holds its room; true when the caller must start a worker for the lane.
    ///
    /// A worker is added while more waits than works: then a slow relay is asked over as many
    /// connections as its settings allow, and a fast one empties the queue with few.
    pub fn push(&self, lane: &Lane, work: Work, workers_max: usize) -> bool {
        let mut lanes = self.lock();
        let state = lanes.lanes.entry(lane.clone()).or_default();
        state.ready.push_back(work);
        let may_start = state.has_seat(workers_max) && state.ready.len() > state.workers;
        state.workers += usize::from(may_start);
        may_start
    }

    /// The next work for a worker that goes on; unlike [`Self::pop_or_end`] it leaves the worker
    /// counted.
    pub fn pop(&self, lane: &Lane) -> Option<Work> {
        let mut lanes = self.lock();
        if lanes.is_draining {
            return None;
        }
        lanes.lanes.get_mut(lane)?.ready.pop_front()
    }

    /// The next work for a worker, or the end of the worker.
    pub fn pop_or_end(&self, lane: &Lane) -> Option<Work> {
        let mut lanes = self.lock();
        let is_draining = lanes.is_draining;
        let state = lanes.lanes.get_mut(lane)?;
        // A next hop that refuses connections gets fewer workers; one is always left.
        let is_surplus = state.workers_limit.is_some_and(|limit| state.workers > limit.max(1));
        let work = if is_draining || is_surplus { None } else { state.ready.pop_front() };
        if work.is_none() {
            state.workers = state.workers.saturating_sub(1);
        }
        work
    }

    /// Remembers how many workers the lane's next hop bears now.
    pub fn set_workers_limit(&self, lane: &Lane, limit: usize) {
        if let Some(state) = self.lock().lanes.get_mut(lane) {
            state.workers_limit = Some(limit.max(1));
        }
    }

    /// Whether somebody must look after a while at what waits: work waits, and all workers may be
    /// held up by a stalled server. True once until [`Self::add_worker`] says that it is over.
    pub fn begin_watch(&self, lane: &Lane, workers_max: usize) -> bool {
        let mut lanes = self.lock();
        let Some(state) = lanes.lanes.get_mut(lane) else { return false };
        let must = !state.is_watched && !state.ready.is_empty() && state.has_seat(workers_max);
        state.is_watched |= must;
        must
    }

    /// A worker more for work that has waited, and whether to go on watching.
    pub fn add_worker(&self, lane: &Lane, workers_max: usize) -> (bool, bool) {
        let mut lanes = self.lock();
        let is_draining = lanes.is_draining;
        let Some(state) = lanes.lanes.get_mut(lane) else { return (false, false) };
        let adds = !is_draining && !state.ready.is_empty() && state.has_seat(workers_max);
        state.workers += usize::from(adds);
        state.is_watched = adds;
        (adds, adds)
    }

    /// Takes out work that waits and is of one kind, oldest first.
    pub fn take_ready(
        &self,
        lane: &Lane,
        count_max: usize,
        is_wanted: impl Fn(&Work) -> bool,
    ) -> Vec<Work> {
        let mut lanes = self.lock();
        let Some(state) = lanes.lanes.get_mut(lane) else { return Vec::new() };
        let (mut taken, mut left) = (Vec::new(), VecDeque::with_capacity(state.ready.len()));
        for work in state.ready.drain(..) {
            if taken.len() < count_max && is_wanted(&work) {
                taken.push(work);
            } else {
                left.push_back(work);
            }
        }
        state.ready = left;
        taken
    }

    /// Puts work back that a worker cannot take along.
    pub fn push_front(&self, lane: &Lane, work: Work) {
        self.lock().lanes.entry(lane.clone()).or_default().ready.push_front(work);
    }

    /// The store may hold due deliveries of the lane.
    pub fn note_backlog(&self, lane: &Lane) {
        self.lock().lanes.entry(lane.clone()).or_default().mark_backlog();
    }

    /// What the store said: of the lanes it was asked for, only these have more.
    pub fn set_backlog(&self, plan: &ClaimPlan, with_more: &[Lane]) {
        let mut lanes = self.lock();
        for (lane, marks) in &plan.asked {
            if let Some(state) = lanes.lanes.get_mut(lane)
                && state.backlog_marks == *marks
            {
                state.has_backlog = false;
            }
        }
        for lane in with_more {
            lanes.lanes.entry(lane.clone()).or_default().has_backlog = true;
        }
    }

    /// The relay is in trouble: the lane waits. Answers the work that must be given back, and
    /// whether the lane was free before.
    pub fn suspend(
        &self,
        lane: &Lane,
        failure: &Failure,
        now: Timestamp,
        is_probe: bool,
    ) -> (Vec<Work>, bool) {
        let mut lanes = self.lock();
        let state = lanes.lanes.entry(lane.clone()).or_default();
        let was_free = state.suspension.is_none();
        match &state.suspension {
            // Several workers meet the same trouble at once: only a probe's failure counts on.
            Some(old) if old.is_probing && is_probe => {
                let next = Suspension::begin(failure, now, old.probes + 1, old.since);
                state.suspension = Some(Suspension { told: old.told, ..next });
            }
            Some(_) => {}
            None => state.suspension = Some(Suspension::begin(failure, now, 0, now)),
        }
        state.mark_backlog();
        (state.ready.drain(..).collect(), was_free)
    }

    /// The relay answered: the lane is free. True when it was suspended.
    pub fn resume(&self, lane: &Lane, now: Timestamp) -> bool {
        let mut lanes = self.lock();
        let Some(state) = lanes.lanes.get_mut(lane) else { return false };
        state.proven_at = Some(now);
        let was_suspended = state.suspension.take().is_some();
        if was_suspended {
            state.mark_backlog();
        }
        was_suspended
    }

    /// The relay answers a knock: it is probed at once.
    pub fn probe_now(&self, lane: &Lane, now: Timestamp) {
        let mut lanes = self.lock();
        if let Some(suspension) = lanes.lanes.get_mut(lane).and_then(|s| s.suspension.as_mut()) {
            suspension.probe_at = suspension.probe_at.min(now);
            suspension.knock_at = None;
        }
    }

    /// An operator wants to know: every suspended lane is probed at once.
    pub fn probe_all_now(&self, now: Timestamp) {
        for suspension in self.lock().lanes.values_mut().filter_map(|s| s.suspension.as_mut()) {
            suspension.probe_at = suspension.probe_at.min(now);
        }
    }

    /// All suspensions end now: the settings have changed.
    pub fn resume_all(&self) {
        for state in self.lock().lanes.values_mut() {
            if state.suspension.take().is_some() {
                state.mark_backlog();
            }
        }
    }

    /// Which lanes take work now; those due for a probe are marked as probing.
    pub fn plan_claims(&self, now: Timestamp) -> ClaimPlan {
        let mut lanes = self.lock();
        let is_heavy = lanes.bytes >= HELD_BYTES_MAX;
        let mut plan = ClaimPlan::default();
        for (lane, state) in &mut lanes.lanes {
            let Some(suspension) = &mut state.suspension else {
                let is_heavy = is_heavy && state.bytes > LANE_BYTES_LOW;
                if is_heavy || state.held > LANE_HELD_LOW {
                    plan.excluded.push(lane.clone());
                } else {
                    plan.asked.push((lane.clone(), state.backlog_marks));
                }
                continue;
            };
            plan.excluded.push(lane.clone());
            if suspension.is_probing {
                continue;
            }
            if suspension.probe_at <= now {
                suspension.is_probing = true;
                plan.probing.push(lane.clone());
                continue;
            }
            if suspension.knock_at.is_some_and(|at| at <= now) {
                suspension.knock_at = Some(now.plus_ms(KNOCK_WAIT_MS));
                plan.knocking.push(lane.clone());
            }
            let at = suspension.next_at();
            plan.next_probe_at = Some(plan.next_probe_at.map_or(at, |next| next.min(at)));
        }
        plan
    }

    /// Remembers what the lane sends with.
    pub fn set_transport(&self, lane: &Lane, transport: &Arc<dyn Transport>) {
        self.lock().lanes.entry(lane.clone()).or_default().transport = Some(transport.clone());
    }

    /// What the lane sends with.
    pub fn transport(&self, lane: &Lane) -> Option<Arc<dyn Transport>> {
        self.lock().lanes.get(lane)?.transport.clone()
    }

    /// A probe that is under way could not be made: the next one comes after the same wait.
    pub fn end_probe(&self, lane: &Lane, now: Timestamp) {
        let mut lanes = self.lock();
        if let Some(suspension) = lanes.lanes.get_mut(lane).and_then(|s| s.suspension.as_mut())
            && suspension.is_probing
        {
            suspension.is_probing = false;
            suspension.probe_at = now.plus_ms(probe_wait_ms(suspension.probes));
        }
    }

    /// Every lane this node has seen.
    pub fn names(&self) -> Vec<Lane> {
        self.lock().lanes.keys().cloned().collect()
    }

    /// Suspensions, by lane.
    pub fn suspensions(&self) -> Vec<(Lane, Option<Suspension>)> {
        let lanes = self.lock();
        lanes.lanes.iter().map(|(lane, state)| (lane.clone(), state.suspension.clone())).collect()
    }

    /// No more work is given out; answers what is waiting in memory.
    pub fn drain(&self) -> Vec<(Lane, Work)> {
        let mut lanes = self.lock();
        lanes.is_draining = true;
        let mut left = Vec::new();
        for (lane, state) in &mut lanes.lanes {
            left.extend(state.ready.drain(..).map(|work| (lane.clone(), work)));
        }
        left
    }

    /// Whether no more work is given out.
    pub fn is_draining(&self) -> bool {
        self.lock().is_draining
    }

    /// Workers that run, over all lanes.
    pub fn workers(&self) -> usize {
        self.lock().lanes.values().map(|state| state.workers).sum()
    }

    /// Whether nothing happens before `wake_at`, when the claimer looks again.
    #[cfg(test)]
    pub fn is_at_rest(&self, wake_at: Timestamp) -> bool {
        self.lock().lanes.values().all(|state| match &state.suspension {
            _ if state.held > 0 || state.workers > 0 => false,
            None => !state.has_backlog,
            Some(suspension) => !suspension.is_probing && suspension.next_at() >= wake_at,
        })
    }

    /// Deliveries in memory, and what they weigh, over all lanes.
    #[cfg(test)]
    pub fn held(&self) -> (usize, usize) {
        let lanes = self.lock();
        (lanes.lanes.values().map(|state| state.held).sum(), lanes.bytes)
    }
}

#[cfg(test)]
mod tests;
