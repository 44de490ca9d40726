//! When the end of a certificate is told: 30, 7 and 1 days before, and when it is over (quality
//! G13).
//!
//! In: the end and the time now. Out: the stage. Pure: who tells it, and to whom, is decided
//! elsewhere.

use annunciator_core::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// How near an end is; later stages are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExpiryStage {
    /// Within 30 days.
    Month,
    /// Within 7 days.
    Week,
    /// Within a day.
    Day,
    /// It is over.
    Over,
}

impl ExpiryStage {
    /// All stages, the farthest first.
    pub const ALL: [Self; 4] = [Self::Month, Self::Week, Self::Day, Self::Over];

    /// The stage that an end has reached now; none when it is far.
    #[must_use]
    pub fn of(end: Timestamp, now: Timestamp) -> Option<Self> {
        let reached = |stage: &&Self| end.ms_since(now) <= i64::from(stage.days()) * DAY_MS;
        Self::ALL.iter().rev().find(reached).copied()
    }

    /// Days before the end at which it begins.
    #[must_use]
    pub fn days(self) -> u32 {
        match self {
            Self::Month => 30,
            Self::Week => 7,
            Self::Day => 1,
            Self::Over => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_30_7_and_1_days_before_and_when_it_is_over() {
        let end = Timestamp(1_795_325_400_000);
        for (left_ms, expected) in [
            (31 * DAY_MS, None),
            (30 * DAY_MS + 1, None),
            (30 * DAY_MS, Some(ExpiryStage::Month)),
            (7 * DAY_MS + 1, Some(ExpiryStage::Month)),
            (7 * DAY_MS, Some(ExpiryStage::Week)),
            (DAY_MS + 1, Some(ExpiryStage::Week)),
            (DAY_MS, Some(ExpiryStage::Day)),
            (1, Some(ExpiryStage::Day)),
            (0, Some(ExpiryStage::Over)),
            (-1, Some(ExpiryStage::Over)),
            (i64::MIN / 2, Some(ExpiryStage::Over)),
        ] {
            assert_eq!(ExpiryStage::of(end, end.plus_ms(-left_ms)), expected, "{left_ms}");
        }
        assert!(ExpiryStage::ALL.is_sorted());
    }
}
