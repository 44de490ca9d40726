//! Held time: the time that limits count by, which nobody sets (spec 7, ADR 0029).
//!
//! In: the kernel's running time since boot, the wall clock once at the first start of a boot.
//! Out: [`HeldTime`] that never goes back and never runs faster than real time while the machine
//! runs; and the news that the wall clock was set.
//! Standard: `CLOCK_BOOTTIME`, which goes on while the machine sleeps; asked of the kernel itself.
//! Failure: a store that does not keep the offset is asked again; held time goes on meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use annunciator_core::{Clock, HeldTime, Timestamp};
use annunciator_store::{LimitClockRecord, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::shared::Shared;

/// Wait between two looks at the wall clock.
const LOOK_WAIT: Duration = Duration::from_secs(5);
/// A wall clock that parted from held time by less was not set. Unit: milliseconds.
const SET_MS_MIN: i64 = 2_000;

/// Where held time comes from: the kernel in production, a hand-moved clock in tests.
pub trait HeldClock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> HeldTime;
    /// Held time less running time. Unit: milliseconds.
    fn offset_ms(&self) -> i64;
}

/// The same moment on the wall clock, if nobody sets it.
#[must_use]
pub fn to_wall(clock: &dyn Clock, held: &dyn HeldClock, at: HeldTime) -> Timestamp {
    clock.now().plus_ms(at.ms_since(held.now()))
}

/// Held time from the kernel's running time.
pub struct BootClock {
    offset_ms: i64,
    newest: AtomicI64,
}

impl HeldClock for BootClock {
    fn now(&self) -> HeldTime {
        let now = running_ms().saturating_add(self.offset_ms);
        HeldTime(self.newest.fetch_max(now, Ordering::AcqRel).max(now))
    }

    fn offset_ms(&self) -> i64 {
        self.offset_ms
    }
}

/// Milliseconds since the machine was started.
fn running_ms() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}

/// Names this boot; empty where the kernel does not tell.
fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// What held time begins with.
#[derive(Debug, PartialEq, Eq)]
struct Beginning {
    /// Held time less running time. Unit: milliseconds.
    offset_ms: i64,
    /// By how much the wall clock was set back since it was last looked at. Unit: milliseconds.
    set_back_ms: i64,
}

/// Goes on where held time stood in this boot; in another one it begins at the wall clock, but not
/// before anything that was counted.
fn begin(
    kept: Option<&LimitClockRecord>,
    newest: Option<HeldTime>,
    boot_id: &str,
    running_ms: i64,
    wall: Timestamp,
) -> Beginning {
    let same_boot = kept.filter(|kept| !boot_id.is_empty() && kept.boot_id == boot_id);
    let held_ms = same_boot.map_or(wall.0, |kept| running_ms.saturating_add(kept.offset_ms));
    let held_ms = newest.map_or(held_ms, |newest| held_ms.max(newest.0));
    let wall_ahead_ms = wall.0.saturating_sub(held_ms);
    let set_back_ms = kept.map_or(0, |kept| kept.wall_ahead_ms.saturating_sub(wall_ahead_ms));
    Beginning { offset_ms: held_ms.saturating_sub(running_ms), set_back_ms }
}

/// Starts held time over a store, ends the slots of attempts that died with their process, and
/// puts right what a wall clock set back while nobody looked would hold up.
///
/// # Errors
/// What the store answers.
pub async fn start(store: &dyn Store, clock: &dyn Clock) -> Result<Arc<BootClock>, StoreError> {
    let (kept, newest) = store.limit_clock().await?;
    let (boot_id, wall) = (boot_id(), clock.now());
    let Beginning { offset_ms, set_back_ms } =
        begin(kept.as_ref(), newest, &boot_id, running_ms(), wall);
    let held = Arc::new(BootClock { offset_ms, newest: AtomicI64::new(i64::MIN) });
    let now = held.now();
    let wall_ahead_ms = wall.0.saturating_sub(now.0);
    store.keep_limit_clock(LimitClockRecord { boot_id, offset_ms, wall_ahead_ms }).await?;
    if set_back_ms >= SET_MS_MIN {
        let count = store.move_due(wall, set_back_ms).await?;
        tracing::warn!(set_back_ms, count, "the wall clock was set back while the server was down");
    }
    store.free_lost_slots(held.now()).await?;
    Ok(held)
}

/// Looks whether the wall clock was set, until the stop: what waits for a time ahead of a clock
/// that went back goes on to wait as long as it would have.
pub async fn watch(shared: Arc<Shared>, stop: CancellationToken) {
    let ahead_ms = || shared.clock.now().0.saturating_sub(shared.held.now().0);
    let mut ahead_before_ms = ahead_ms();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_WAIT) => {}
            () = stop.cancelled() => return,
        }
        let wall_ahead_ms = ahead_ms();
        let set_ms = wall_ahead_ms.saturating_sub(ahead_before_ms);
        if set_ms.abs() < SET_MS_MIN {
            continue;
        }
        let offset_ms = shared.held.offset_ms();
        let record = LimitClockRecord { boot_id: boot_id(), offset_ms, wall_ahead_ms };
        match follow(&shared, record, set_ms).await {
            Ok(()) => ahead_before_ms = wall_ahead_ms,
            Err(error) => tracing::warn!(%error, "the wall clock was set; looking again"),
        }
    }
}

async fn follow(shared: &Shared, record: LimitClockRecord, set_ms: i64) -> Result<(), StoreError> {
    let count = if set_ms < 0 {
        shared.store.move_due(shared.clock.now(), set_ms.saturating_neg()).await?
    } else {
        0
    };
    tracing::warn!(set_ms, count, "the wall clock was set; limits do not follow it");
    shared.store.keep_limit_clock(record).await?;
    // Waits of lanes were reckoned by the old time.
    shared.dispatcher.retry_asked();
    Ok(())
}

/// Held time that follows a clock, for tests that move it by hand.
#[cfg(test)]
pub(crate) struct Following(pub(crate) Arc<dyn Clock>);

#[cfg(test)]
impl HeldClock for Following {
    fn now(&self) -> HeldTime {
        HeldTime(self.0.now().0)
    }

    fn offset_ms(&self) -> i64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_DAYS_MS: i64 = 172_800_000;

    #[test]
    fn held_time_goes_on_whatever_was_done_to_the_wall_clock() {
        let kept = |boot_id: &str| LimitClockRecord {
            boot_id: boot_id.to_owned(),
            offset_ms: 1_000_000,
            wall_ahead_ms: 7,
        };
        let check = |kept: Option<LimitClockRecord>, newest: Option<i64>, wall, expected| {
            let newest = newest.map(HeldTime);
            let got = begin(kept.as_ref(), newest, "b", 500, Timestamp(wall));
            assert_eq!((got.offset_ms + 500, got.set_back_ms), expected, "{kept:?} {newest:?}");
        };
        // The first start ever.
        check(None, None, 1_000_507, (1_000_507, 0));
        // The same boot: the wall clock counts for nothing.
        check(Some(kept("b")), None, 1_000_507, (1_000_500, 0));
        check(Some(kept("b")), None, 1_000_507 + TWO_DAYS_MS, (1_000_500, -TWO_DAYS_MS));
        check(Some(kept("b")), None, 1_000_507 - TWO_DAYS_MS, (1_000_500, TWO_DAYS_MS));
        // Never before what was counted.
        check(Some(kept("b")), Some(2_000_000), 1_000_507, (2_000_000, 999_500));
        // Another boot: the wall clock, but not before what was counted.
        check(Some(kept("a")), Some(900_000), 1_000_507, (1_000_507, 7));
        check(
            Some(kept("a")),
            Some(1_000_507),
            1_000_507 - TWO_DAYS_MS,
            (1_000_507, TWO_DAYS_MS + 7),
        );
    }

    #[tokio::test]
    async fn held_time_never_goes_back_and_outlives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = annunciator_store::sqlite::SqliteStore::open(folder.path()).unwrap();
        let wall = annunciator_testkit::clock::ManualClock::new(Timestamp(1_795_325_400_000));
        let first = start(store.as_ref(), &wall).await.unwrap();
        let before = first.now();
        assert!((0..60_000).contains(&before.ms_since(HeldTime(1_795_325_400_000))));
        for by in [TWO_DAYS_MS, -2 * TWO_DAYS_MS] {
            wall.advance(by);
            let again = start(store.as_ref(), &wall).await.unwrap();
            assert_eq!(again.offset_ms(), first.offset_ms());
            assert!(again.now() >= before);
        }
    }
}
