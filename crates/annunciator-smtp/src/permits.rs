//! How many connections a relay bears: what the settings allow, or fewer when it says so.
//!
//! In: who wants to use a connection, refusals of connections. Out: [`Permit`]s.
//!
//! A *permit* is the right to use a connection. A relay that refuses a connection while others
//! are open halves the limit; a minute without another refusal raises it by one (spec 4.6).
//! Concurrency: a semaphore hands permits out in the order of asking. Permits that are out when
//! the limit falls are a debt that is paid as they come back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// How long nothing must have been refused before one connection more is tried.
pub(crate) const RAISE_WAIT: Duration = Duration::from_secs(60);
/// Refusals within this time are one: those who are refused have asked at the same time.
const LOWER_WAIT: Duration = Duration::from_secs(1);

/// The connections of one relay.
#[derive(Debug)]
pub(crate) struct Permits {
    semaphore: Semaphore,
    max: usize,
    state: Mutex<State>,
    in_use: AtomicUsize,
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct State {
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
    /// At most so many, at least 1.
    pub(crate) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        let state = State { limit: max, debt: 0, changed_at: None, lowered_at: None };
        Self {
            semaphore: Semaphore::new(max),
            max,
            state: Mutex::new(state),
            in_use: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit; none when there is none before the deadline.
    pub(crate) async fn acquire(&self, deadline: Instant) -> Option<Permit<'_>> {
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
        let fewer = state.limit - limit;
        state.limit = limit;
        state.debt += fewer - self.semaphore.forget_permits(fewer);
    }

    /// A refusal had another reason than the number of connections: all are allowed again.
    pub(crate) fn restore(&self) {
        let mut state = self.state();
        self.semaphore.add_permits(self.max - state.limit - state.debt);
        *state = State { limit: self.max, debt: 0, changed_at: None, lowered_at: None };
    }

    /// Raises a lowered limit by one when nothing was refused for a minute.
    pub(crate) fn raise(&self, now: Instant) {
        let mut state = self.state();
        let has_rested = state.changed_at.is_some_and(|at| now.duration_since(at) >= RAISE_WAIT);
        if state.limit >= self.max || !has_rested {
            return;
        }
        state.limit += 1;
        state.changed_at = Some(now);
        if state.debt > 0 {
            state.debt -= 1;
        } else {
            self.semaphore.add_permits(1);
        }
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
        let permits = Permits::new(5);
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
        let permits = Permits::new(3);
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
        let permits = Permits::new(3);
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
        let permits = Permits::new(4);
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
    async fn who_waits_is_seen() {
        let permits = Permits::new(1);
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
