//! How many connections a relay bears: what the settings allow, or fewer when it says so.
//!
//! In: who wants to use a connection, refusals of connections. Out: [`Permit`]s.
//!
//! A *permit* is the right to use a connection. A relay that refuses a connection while others
//! are open halves the limit; a minute without another refusal raises it by one (spec 4.6).
//! When several processes share the relay, each keeps to its part, which may change at any time.
//! Concurrency: a semaphore hands permits out in the order of asking. Permits that are out when
//! the limit falls are a debt that is paid as they come back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::share::ShareCell;

/// How long nothing must have been refused before one connection more is tried.
pub(crate) const RAISE_WAIT: Duration = Duration::from_secs(60);
/// Refusals within this time are one: those who are refused have asked at the same time.
const LOWER_WAIT: Duration = Duration::from_secs(1);

/// The connections of one relay.
#[derive(Debug)]
pub(crate) struct Permits {
    semaphore: Semaphore,
    /// Over all processes.
    max: usize,
    share: ShareCell,
    state: Mutex<State>,
    in_use: AtomicUsize,
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct State {
    /// The part of this process, when it was last looked at.
    part: usize,
    limit: usize,
    /// Permits above the limit that are still in use.
    debt: usize,
    changed_at: Option<Instant>,
    lowered_at: Option<Instant>,
}

/// The right to use a connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit<'p> {
    permits: &'p Permits,
    permit: Option<SemaphorePermit<'p>>,
}

/// Counts as waiting while it lives.
struct Waiting<'p>(&'p AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Permits {
    /// At most this part of so many, at least 1.
    pub(crate) fn new(max: usize, share: ShareCell) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        let part = share.of(max);
        let state = State { part, limit: part, debt: 0, changed_at: None, lowered_at: None };
        Self {
            semaphore: Semaphore::new(part),
            max,
            share,
            state: Mutex::new(state),
            in_use: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    /// The state, fit to the part that this process has now.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let part = self.share.of(self.max);
        if part != state.part {
            // What was lowered stays so.
            let is_whole = state.limit == state.part;
            let limit = if is_whole { part } else { state.limit.min(part) };
            self.set_limit(&mut state, limit);
            state.part = part;
        }
        state
    }

    fn set_limit(&self, state: &mut State, limit: usize) {
        let (fewer, more) = (state.limit.saturating_sub(limit), limit.saturating_sub(state.limit));
        state.limit = limit;
        state.debt += fewer - self.semaphore.forget_permits(fewer);
        let paid = more.min(state.debt);
        state.debt -= paid;
        self.semaphore.add_permits(more - paid);
    }

    /// Lets those who wait have what a part has that grew.
    pub(crate) fn fit(&self) {
        drop(self.state());
    }

    /// Waits for a permit; none when there is none before the deadline.
    pub(crate) async fn acquire(&self, deadline: Instant) -> Option<Permit<'_>> {
        self.fit();
        let permit = match self.semaphore.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                let _waiting = Waiting(&self.waiting);
                timeout_at(deadline, self.semaphore.acquire()).await.ok()?.ok()?
            }
        };
        self.in_use.fetch_add(1, Ordering::Relaxed);
        Some(Permit { permits: self, permit: Some(permit) })
    }

    /// Whether somebody waits for a permit.
    pub(crate) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// How many are in use.
    pub(crate) fn in_use(&self) -> usize {
        self.in_use.load(Ordering::Relaxed)
    }

    /// How many there are now.
    pub(crate) fn limit(&self) -> usize {
        self.state().limit
    }

    /// A connection was refused while others were open: halves the limit.
    pub(crate) fn lower(&self, now: Instant) {
        let mut state = self.state();
        if state.lowered_at.is_some_and(|at| now.duration_since(at) < LOWER_WAIT) {
            return;
        }
        (state.changed_at, state.lowered_at) = (Some(now), Some(now));
        let limit = (state.limit / 2).max(1);
        self.set_limit(&mut state, limit);
    }

    /// A refusal had another reason than the number of connections: all are allowed again.
    pub(crate) fn restore(&self) {
        let mut state = self.state();
        let part = state.part;
        self.set_limit(&mut state, part);
        (state.changed_at, state.lowered_at) = (None, None);
    }

    /// Raises a lowered limit by one when nothing was refused for a minute.
    pub(crate) fn raise(&self, now: Instant) {
        let mut state = self.state();
        let has_rested = state.changed_at.is_some_and(|at| now.duration_since(at) >= RAISE_WAIT);
        if state.limit >= state.part || !has_rested {
            return;
        }
        let limit = state.limit + 1;
        self.set_limit(&mut state, limit);
        state.changed_at = Some(now);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.permits.in_use.fetch_sub(1, Ordering::Relaxed);
        let mut state = self.permits.state();
        if state.debt > 0
            && let Some(permit) = self.permit.take()
        {
            state.debt -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::Share;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(1)
    }

    async fn take(permits: &Permits, count: usize) -> Vec<Permit<'_>> {
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(permits.acquire(soon()).await.expect("a permit"));
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_halves_the_limit_also_of_what_is_in_use() {
        let permits = Permits::new(5, ShareCell::default());
        let mut taken = take(&permits, 4).await;
        permits.lower(Instant::now());
        assert_eq!(permits.limit(), 2);
        // The one that nobody had and two of those in use are gone.
        assert!(permits.acquire(soon()).await.is_none());
        taken.truncate(2);
        assert!(permits.acquire(soon()).await.is_none());
        taken.truncate(1);
        assert!(permits.acquire(soon()).await.is_some());
        assert_eq!(permits.in_use(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn at_least_one_is_left_and_refusals_at_once_count_once() {
        let permits = Permits::new(3, ShareCell::default());
        for expected in [1, 1] {
            permits.lower(Instant::now());
            permits.lower(Instant::now());
            assert_eq!(permits.limit(), expected);
            tokio::time::sleep(LOWER_WAIT).await;
        }
        let _one = take(&permits, 1).await;
        assert!(permits.acquire(soon()).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn each_quiet_minute_raises_it_by_one_up_to_what_is_allowed() {
        let permits = Permits::new(3, ShareCell::default());
        let taken = take(&permits, 3).await;
        permits.lower(Instant::now());
        for (before, after) in [(1, 2), (2, 3), (3, 3)] {
            tokio::time::sleep(RAISE_WAIT - Duration::from_millis(1)).await;
            permits.raise(Instant::now());
            assert_eq!(permits.limit(), before);
            tokio::time::sleep(Duration::from_millis(1)).await;
            permits.raise(Instant::now());
            assert_eq!(permits.limit(), after);
        }
        drop(taken);
        take(&permits, 3).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_with_another_reason_gives_all_permits_back() {
        let permits = Permits::new(4, ShareCell::default());
        let taken = take(&permits, 3).await;
        permits.lower(Instant::now());
        permits.restore();
        assert_eq!(permits.limit(), 4);
        let last = take(&permits, 1).await;
        assert!(permits.acquire(soon()).await.is_none());
        drop((taken, last));
        let _all = take(&permits, 4).await;
        assert!(permits.acquire(soon()).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn all_lanes_together_keep_to_the_part_of_this_process() {
        let share = ShareCell::default();
        let permits = Permits::new(5, share.clone());
        let mut taken = take(&permits, 4).await;
        share.set(Share::new(1, 2));
        assert_eq!(permits.limit(), 2);
        taken.truncate(2);
        assert!(permits.acquire(soon()).await.is_none(), "two are in use");
        taken.truncate(1);
        taken.extend(take(&permits, 1).await);
        // A refusal lowers the part; another part is no reason to raise it.
        permits.lower(Instant::now());
        share.set(Share::new(0, 2));
        assert_eq!(permits.limit(), 1);
        permits.restore();
        assert_eq!(permits.limit(), 3);
        taken.extend(take(&permits, 1).await);
        let grown = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            share.set(Share::WHOLE);
            permits.fit();
        };
        let hour = Instant::now() + Duration::from_secs(3_600);
        let (permit, ()) = tokio::join!(permits.acquire(hour), grown);
        assert!(permit.is_some() && permits.limit() == 5);
        taken.extend(take(&permits, 1).await);
        assert!(permits.acquire(soon()).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_seen() {
        let permits = Permits::new(1, ShareCell::default());
        let one = take(&permits, 1).await;
        assert!(!permits.are_wanted());
        let wait = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let wanted = permits.are_wanted();
            drop(one);
            wanted
        };
        let hour = Instant::now() + Duration::from_secs(3_600);
        let (permit, wanted) = tokio::join!(permits.acquire(hour), wait);
        assert!(permit.is_some() && wanted && !permits.are_wanted());
    }
}
