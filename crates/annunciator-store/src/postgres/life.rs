//! Signs of life, given and seen, become claims that hold and nodes that have none any more.
//!
//! In: when this node gave signs, what it saw of the others'. Out: whether its claims hold, who is
//! silent.
//! Knows nothing of: databases, wall clocks. Nobody's clock is compared with another's: a node that
//! gave no sign for [`HOLD`] begins no attempt, and others end its claims when they saw no new sign
//! of it for [`LAPSE`], which is longer.
//! Standard: `CLOCK_BOOTTIME`, which goes on while the machine sleeps. It may stand still while a
//! hypervisor holds the machine: then the clock that the signs go by tells of the silence.
//! Failure: a database that was away is nobody's silence: who could not look begins to wait anew.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use uuid::Uuid;

/// How long the claims of a node hold after its newest sign of life.
const HOLD: Duration = Duration::from_secs(20);
/// A node whose newest sign of life is the same for so long has no claims any more.
const LAPSE: Duration = Duration::from_secs(30);
/// Looks that are further apart do not tell that a node was silent in between.
const LOOK_GAP_MAX: Duration = Duration::from_secs(10);

/// Time since the machine was started.
pub(super) fn running() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let whole = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or_default());
    whole + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}

/// This node's own signs.
pub(super) struct Life(Mutex<Era>);

struct Era {
    /// Counts the silences: claims from before one may be somebody else's now.
    number: u64,
    /// When the newest sign was begun.
    signed_at: Duration,
}

impl Life {
    /// Begins with a sign that was begun then.
    pub(super) fn from(signed_at: Duration) -> Self {
        Self(Mutex::new(Era { number: 0, signed_at }))
    }

    /// A sign that was begun then is given now, so long after the one before by the clock of those
    /// who see them; none when they have forgotten that one.
    pub(super) fn note(&self, began: Duration, now: Duration, gap: Option<Duration>) {
        let mut era = self.0.lock().expect("no panic while held");
        if now.saturating_sub(era.signed_at) > HOLD || gap.is_none_or(|gap| gap > HOLD) {
            era.number += 1;
        }
        era.signed_at = began;
    }

    /// The number of claims that hold, none while the node may be taken for dead.
    pub(super) fn era(&self, now: Duration) -> Option<u64> {
        let era = self.0.lock().expect("no panic while held");
        (now.saturating_sub(era.signed_at) <= HOLD).then_some(era.number)
    }
}

/// The signs of the other nodes, as this one saw them.
#[derive(Default)]
pub(super) struct Watch {
    looked_at: Option<Duration>,
    seen: HashMap<Uuid, (i64, Duration)>,
}

impl Watch {
    /// Looks at the newest sign of each; tells who has been silent for [`LAPSE`], since which sign.
    pub(super) fn look(&mut self, signs: &[(Uuid, i64)], now: Duration) -> Vec<(Uuid, i64)> {
        let looked_at = self.looked_at.replace(now);
        if looked_at.is_some_and(|at| now.saturating_sub(at) > LOOK_GAP_MAX) {
            self.seen.clear();
        }
        let before = std::mem::take(&mut self.seen);
        let mut silent = Vec::new();
        for &(node, sign) in signs {
            let since = match before.get(&node) {
                Some(&(same, since)) if same == sign => since,
                _ => now,
            };
            if now.saturating_sub(since) >= LAPSE {
                silent.push((node, sign));
            }
            self.seen.insert(node, (sign, since));
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn claims_hold_between_signs_and_not_over_a_silence() {
        let (start, usual) = (1_000 * SECOND, Some(3 * SECOND));
        let life = Life::from(start);
        assert_eq!(life.era(start + HOLD), Some(0));
        life.note(start + 3 * SECOND, start + 4 * SECOND, usual);
        assert_eq!(life.era(start + 3 * SECOND + HOLD), Some(0));
        assert_eq!(life.era(start + 4 * SECOND + HOLD), None, "nobody knows whether it lives");
        // A sign that took long may have come too late.
        life.note(start + 5 * SECOND, start + 4 * SECOND + HOLD, usual);
        assert_eq!(life.era(start + 5 * SECOND + HOLD), Some(1), "what was claimed before is not");
        // The machine stood still, and its clock with it.
        for (gap, expected) in
            [(usual, 1), (Some(HOLD), 1), (Some(HOLD + SECOND), 2), (usual, 2), (None, 3)]
        {
            life.note(start + 5 * SECOND, start + 6 * SECOND, gap);
            assert_eq!(life.era(start + 6 * SECOND), Some(expected), "{gap:?}");
        }
        assert!(HOLD < LAPSE, "a node begins no attempt any more when others do");
    }

    #[test]
    fn who_is_silent_is_told_and_who_could_not_look_waits_anew() {
        let (start, mut watch) = (1_000 * SECOND, Watch::default());
        let (dead, alive) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut look = |at_s: u32| {
            let signs = [(dead, 7), (alive, i64::from(at_s))];
            watch.look(&signs, start + at_s * SECOND)
        };
        for at_s in (0..30).step_by(3) {
            assert!(look(at_s).is_empty(), "after {at_s} s");
        }
        assert_eq!(look(30), [(dead, 7)]);
        // The database was away: the others could give no sign either.
        assert!(look(50).is_empty());
        for at_s in (50..80).step_by(10) {
            assert!(look(at_s).is_empty(), "after {at_s} s");
        }
        assert_eq!(look(80), [(dead, 7)]);
    }
}
