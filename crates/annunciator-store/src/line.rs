//! The line of those who wait for a limit, the same in every store: when each may begin.

use annunciator_core::{EventUid, HeldTime, LimitRule, Timestamp};

use crate::Waiting;

/// How much longer than a period the steps of the line are, so that those who wait mostly find the
/// slots free: attempts take time. Unit: parts of the period, and milliseconds.
const STEP_MARGIN_PART: i64 = 50;
const STEP_MARGIN_MS: i64 = 25;

/// How long a step of a line is. Unit: milliseconds.
pub(crate) fn step_ms(rule: LimitRule) -> i64 {
    rule.period_ms + rule.period_ms / STEP_MARGIN_PART + STEP_MARGIN_MS
}

/// A line of those who wait: so many for each step.
pub(crate) struct Line {
    /// When the last of them may begin.
    pub(crate) at: HeldTime,
    /// How many begin then.
    pub(crate) used: u32,
    last: Option<(EventUid, Timestamp)>,
}

impl Line {
    /// A line whose first may begin at a time.
    pub(crate) fn from(at: HeldTime) -> Self {
        Self::used_by(0, at)
    }

    /// A line at whose end, at a time, so many begin already.
    pub(crate) fn used_by(used: u32, at: HeldTime) -> Self {
        Self { at, used, last: None }
    }

    /// When the next one may begin; what one plan made of one event has one place.
    pub(crate) fn next(&mut self, rule: LimitRule, one: &Waiting) -> HeldTime {
        let plan = (one.event, one.planned_at);
        if self.last.replace(plan) == Some(plan) {
            return self.at;
        }
        if self.used >= rule.count {
            self.at = self.at.plus_ms(step_ms(rule));
            self.used = 0;
        }
        self.used += 1;
        self.at
    }
}
