//! The system's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use annunciator_core::{Clock, SleepFuture, Timestamp};

/// Longest single sleep: after it the wall clock is looked at again, so that a clock that was set
/// is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(15);

/// The wall clock of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, at: Timestamp) -> SleepFuture<'_> {
        Box::pin(async move {
            let left =
                |now| u64::try_from(at.ms_since(now)).map_or(Duration::ZERO, Duration::from_millis);
            // A clock that is set back must not make the sleep longer than it was meant.
            let latest = tokio::time::Instant::now() + left(self.now());
            loop {
                let left = left(self.now());
                if left.is_zero() || tokio::time::Instant::now() >= latest {
                    return;
                }
                let nap = tokio::time::Instant::now() + left.min(SLEEP_MAX);
                tokio::time::sleep_until(nap.min(latest)).await;
            }
        })
    }
}
