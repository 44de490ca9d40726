//! A clock that stands still until the test moves it.
//!
//! Concurrency: one lock around the time and the sleepers. Moving the clock takes the sleepers that
//! are due out of the table and wakes them; a sleeper that is dropped takes itself out.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use annunciator_core::{Clock, SleepFuture, Timestamp};
use tokio::sync::watch;

/// Most sleepers at once; more means a test that leaks them.
const SLEEPERS_MAX: usize = 1_000_000;

/// A hand-moved clock; clones show the same time.
#[derive(Clone)]
pub struct ManualClock {
    face: Arc<Face>,
}

struct Face {
    state: Mutex<State>,
    /// The number of sleepers, for those who wait for one.
    count: watch::Sender<usize>,
}

struct State {
    now: Timestamp,
    next_id: u64,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
}

impl Face {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        let state = State { now: start, next_id: 0, sleepers: BTreeMap::new() };
        let face = Face { state: Mutex::new(state), count: watch::channel(0).0 };
        Self { face: Arc::new(face) }
    }

    /// The time shown.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.face.state().now
    }

    /// Moves the clock by milliseconds (back when negative) and wakes the sleepers that are due.
    pub fn advance(&self, ms: i64) {
        let to = self.now().plus_ms(ms);
        self.set(to);
    }

    /// Sets the clock, either way, and wakes the sleepers that are due.
    pub fn set(&self, to: Timestamp) {
        let due = {
            let mut state = self.face.state();
            state.now = to;
            let later = state.sleepers.split_off(&(to.plus_ms(1), 0));
            let due = std::mem::replace(&mut state.sleepers, later);
            // Told under the lock, so that the counts arrive in the order of their causes.
            self.face.count.send_replace(state.sleepers.len());
            due
        };
        for waker in due.into_values() {
            waker.wake();
        }
    }

    /// Moves the clock to the nearest sleeper's time; false when nobody sleeps.
    pub fn advance_to_next_sleeper(&self) -> bool {
        let Some(at) = self.next_wake() else { return false };
        self.set(at);
        true
    }

    /// When the nearest sleeper wants to wake.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.face.state().sleepers.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many sleep now: futures that were polled and whose time has not come.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.face.state().sleepers.len()
    }

    /// Ends when somebody sleeps.
    pub async fn wait_for_sleeper(&self) {
        self.wait_for_sleepers(1).await;
    }

    /// Ends when at least `n` sleep.
    pub async fn wait_for_sleepers(&self, n: usize) {
        let mut count = self.face.count.subscribe();
        count.wait_for(|count| *count >= n).await.expect("the clock lives as long as this borrow");
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    fn sleep_until(&self, at: Timestamp) -> SleepFuture<'_> {
        Box::pin(Sleep { face: &self.face, at, id: None })
    }
}

struct Sleep<'a> {
    face: &'a Face,
    at: Timestamp,
    /// Set once in the table; if the entry is gone then, the clock has woken this sleeper.
    id: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let face = self.face;
        let mut state = face.state();
        match self.id {
            None if state.now >= self.at => return Poll::Ready(()),
            None => {
                assert!(state.sleepers.len() < SLEEPERS_MAX, "more than {SLEEPERS_MAX} sleepers");
                let id = state.next_id;
                state.next_id += 1;
                state.sleepers.insert((self.at, id), context.waker().clone());
                self.id = Some(id);
                face.count.send_replace(state.sleepers.len());
            }
            Some(id) => match state.sleepers.get_mut(&(self.at, id)) {
                Some(waker) => waker.clone_from(context.waker()),
                None => return Poll::Ready(()),
            },
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut state = self.face.state();
        if state.sleepers.remove(&(self.at, id)).is_some() {
            self.face.count.send_replace(state.sleepers.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);

    #[tokio::test]
    async fn sleepers_wake_when_their_time_is_reached_and_not_before() {
        let clock = ManualClock::new(START);
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        for ms in [20, 10, 30] {
            let (clock, sender) = (clock.clone(), sender.clone());
            tokio::spawn(async move {
                clock.sleep_until(START.plus_ms(ms)).await;
                sender.send(ms).unwrap();
            });
        }
        clock.wait_for_sleepers(3).await;
        assert_eq!(clock.next_wake(), Some(START.plus_ms(10)));
        clock.advance(9);
        assert_eq!(clock.sleepers(), 3);
        clock.advance(1);
        assert_eq!(receiver.recv().await, Some(10));
        assert_eq!(clock.sleepers(), 2);
        assert!(clock.advance_to_next_sleeper());
        assert_eq!(clock.now(), START.plus_ms(20));
        assert_eq!(receiver.recv().await, Some(20));
        clock.advance(1_000);
        assert_eq!(receiver.recv().await, Some(30));
        assert!(receiver.try_recv().is_err());
        assert!(!clock.advance_to_next_sleeper());
    }

    #[tokio::test]
    async fn a_time_that_has_passed_is_not_waited_for() {
        let clock = ManualClock::new(START);
        clock.sleep_until(START).await;
        clock.sleep_until(START.plus_ms(-1)).await;
        assert_eq!(clock.sleepers(), 0);
    }

    #[tokio::test]
    async fn a_dropped_sleeper_is_not_counted() {
        let clock = ManualClock::new(START);
        let task = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(START.plus_ms(5)).await }
        });
        clock.wait_for_sleeper().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(clock.sleepers(), 0);
    }

    #[tokio::test]
    async fn a_woken_sleeper_stays_awake_when_the_clock_is_set_back() {
        let clock = ManualClock::new(START);
        let task = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(START.plus_ms(5)).await }
        });
        clock.wait_for_sleeper().await;
        // The task runs only at the next await, so it finds the clock back at the start.
        clock.advance(5);
        clock.advance(-5);
        task.await.unwrap();
        assert_eq!(clock.now(), START);
    }
}
