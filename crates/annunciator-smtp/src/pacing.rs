//! Keeps a relay to its messages per minute, over all connections.
//!
//! In: who wants to begin a transaction. Out: a [`Slot`], at once or when there is one.
//!
//! Exact: a slot counts from the moment its transaction begins, for 60 s, and is held from the
//! moment it is given; so at no time have more than the limit begun within 60 s. A slot that is
//! dropped unused is free again. When several processes share the relay, each keeps to its part.
//! Concurrency: the lock is held for moments; who waits stands in a line (`turn`) and is woken
//! when a slot is given back, or by the clock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::share::ShareCell;

/// The time in which transactions are counted.
const PERIOD: Duration = Duration::from_secs(60);

/// The transactions of the last minute.
#[derive(Debug)]
pub(crate) struct Pace {
    per_period_max: usize,
    share: ShareCell,
    state: Mutex<State>,
    turn: tokio::sync::Mutex<()>,
    given_back: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Slots that were given and not used.
    held: usize,
    /// When transactions began, the oldest first; at most as many as the limit.
    begun: VecDeque<Instant>,
}

/// The right to begin one transaction.
#[derive(Debug)]
pub(crate) struct Slot {
    pace: Arc<Pace>,
    is_used: bool,
}

impl Pace {
    /// For so many messages a minute; 0 = no limit, then there is nothing to keep to.
    pub(crate) fn new(messages_per_minute_max: u32, share: ShareCell) -> Option<Arc<Self>> {
        let per_period_max = usize::try_from(messages_per_minute_max).unwrap_or(usize::MAX);
        (per_period_max > 0).then(|| {
            Arc::new(Self {
                per_period_max,
                share,
                state: Mutex::default(),
                turn: tokio::sync::Mutex::default(),
                given_back: Notify::new(),
            })
        })
    }

    /// What this process may begin within the period now.
    fn max(&self) -> usize {
        self.share.of(self.per_period_max)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot, or when it is worth asking again.
    pub(crate) fn try_take(self: &Arc<Self>, now: Instant) -> Result<Slot, Instant> {
        let mut state = self.state();
        while state.begun.front().is_some_and(|begun| now.duration_since(*begun) >= PERIOD) {
            state.begun.pop_front();
        }
        if state.held + state.begun.len() < self.max() {
            state.held += 1;
            return Ok(Slot { pace: Arc::clone(self), is_used: false });
        }
        Err(state.begun.front().map_or(now + PERIOD, |begun| *begun + PERIOD))
    }

    /// Waits for a slot; none when there is none before the deadline.
    pub(crate) async fn take(self: &Arc<Self>, deadline: Instant) -> Option<Slot> {
        let Ok(_turn) = timeout_at(deadline, self.turn.lock()).await else { return None };
        loop {
            let given_back = self.given_back.notified();
            let now = Instant::now();
            let until = match self.try_take(now) {
                Ok(slot) => return Some(slot),
                Err(_) if now >= deadline => return None,
                Err(until) => until.min(deadline),
            };
            // Which of the two it was shows at the next look.
            let _ = timeout_at(until, given_back).await;
        }
    }

    /// Counts a transaction that begins without having waited.
    pub(crate) fn count(&self, now: Instant) {
        self.state().begin(now, self.per_period_max);
    }
}

impl State {
    fn begin(&mut self, now: Instant, max: usize) {
        if self.begun.len() >= max {
            self.begun.pop_front();
        }
        self.begun.push_back(now);
    }
}

impl Slot {
    /// The transaction begins.
    pub(crate) fn begin(mut self, now: Instant) {
        self.is_used = true;
        let mut state = self.pace.state();
        state.held = state.held.saturating_sub(1);
        state.begin(now, self.pace.per_period_max);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.is_used {
            let mut state = self.pace.state();
            state.held = state.held.saturating_sub(1);
            self.pace.given_back.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_needs_no_slots() {
        assert!(Pace::new(0, ShareCell::default()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_counts_for_a_minute_from_the_beginning_of_its_transaction() {
        let pace = Pace::new(2, ShareCell::default()).unwrap();
        let start = Instant::now();
        let (first, second) = (pace.try_take(start).unwrap(), pace.try_take(start).unwrap());
        // Held slots count although nothing has begun.
        assert!(pace.try_take(start).is_err());
        first.begin(start + Duration::from_secs(5));
        drop(second);
        pace.try_take(start).unwrap().begin(start + Duration::from_secs(6));
        let early = pace.try_take(start + Duration::from_millis(64_999)).unwrap_err();
        assert_eq!(early, start + Duration::from_secs(65));
        let third = pace.try_take(start + Duration::from_secs(65)).unwrap();
        assert!(pace.try_take(start + Duration::from_secs(65)).is_err());
        third.begin(start + Duration::from_secs(65));
        assert!(pace.try_take(start + Duration::from_secs(66)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_a_slot_when_a_minute_is_over_or_one_is_given_back() {
        let pace = Pace::new(1, ShareCell::default()).unwrap();
        let start = Instant::now();
        let hour = start + Duration::from_secs(3_600);
        pace.take(hour).await.unwrap().begin(start);
        assert!(pace.take(start + Duration::from_secs(59)).await.is_none());
        assert_eq!(start.elapsed(), Duration::from_secs(59));
        let held = pace.take(hour).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(60));
        let give_back = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(held);
        };
        let (slot, ()) = tokio::join!(pace.take(hour), give_back);
        assert!(slot.is_some());
        assert_eq!(start.elapsed(), Duration::from_secs(61));
    }

    #[test]
    fn what_did_not_wait_counts_for_the_others() {
        let pace = Pace::new(1, ShareCell::default()).unwrap();
        let now = Instant::now();
        pace.count(now);
        pace.count(now + Duration::from_secs(1));
        assert_eq!(pace.try_take(now).unwrap_err(), now + Duration::from_secs(61));
    }
}
