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
            loop {
                let left = at.ms_since(self.now());
                let Ok(left) = u64::try_from(left) else { return };
                if left == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left).min(SLEEP_MAX)).await;
            }
        })
    }
}
