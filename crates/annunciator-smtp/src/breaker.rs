//! Skips a server that keeps failing.
//!
//! Closed → open after [`FAILURES_MAX`] failures in a row, for [`OPEN_MIN`]; when the time is
//! over one more failure opens it again for twice as long, up to [`OPEN_MAX`]; a success closes it.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open a breaker.
pub(crate) const FAILURES_MAX: u32 = 3;
/// How long it is open the first time.
pub(crate) const OPEN_MIN: Duration = Duration::from_secs(30);
/// How long it is open at most.
pub(crate) const OPEN_MAX: Duration = Duration::from_secs(300);

/// Whether a server is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BreakerState {
    /// It is used.
    Closed,
    /// It is skipped until then, as long as another server is not.
    Open {
        /// When it is tried again.
        until: Instant,
    },
}

/// The memory of one server's failures.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    pub(crate) fn record_failure(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_MAX {
            let doublings = (self.failures - FAILURES_MAX).min(8);
            self.open_until = Some(now + (OPEN_MIN * (1 << doublings)).min(OPEN_MAX));
        }
    }

    pub(crate) fn record_success(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match self.open_until {
            Some(until) if until > now => BreakerState::Open { until },
            _ => BreakerState::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_open_it_for_longer_and_longer_and_a_success_closes_it() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for expected_s in [0, 0, 30, 60, 120, 240, 300, 300] {
            breaker.record_failure(now);
            let expected = match expected_s {
                0 => BreakerState::Closed,
                s => BreakerState::Open { until: now + Duration::from_secs(s) },
            };
            assert_eq!(breaker.state(now), expected);
        }
        assert_eq!(breaker.state(now + OPEN_MAX), BreakerState::Closed);
        breaker.record_success();
        assert_eq!((breaker.state(now), breaker.failures()), (BreakerState::Closed, 0));
    }
}
