//! Limits: at most N notifications in any period of length T (spec 7, ADR 0008, ADR 0029).
//!
//! In: the marks of what was admitted, a rule, now. Out: whether one more is admitted, and when
//! the summary of what was limited is due.
//! Knows nothing of: stores, clocks, where limits are set.
//! Planning, explain and replay ask the same [`Counter`], so that they cannot disagree.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// At most so many notifications in any period of that length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct LimitRule {
    /// Most notifications in a period, at least 1.
    pub count: u32,
    /// Length of the period, at least 1,000. Unit: milliseconds.
    pub period_ms: i64,
}

impl fmt::Display for LimitRule {
    /// `10 in 60 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} s", self.count, self.period_ms / 1_000)
    }
}

/// Names one counter: the channel, the layer that sets the limit, and the event type where it is
/// counted per event type.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LimitKey(pub Arc<str>);

impl LimitKey {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a notification counts against.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotificationLimit {
    /// The counter.
    pub key: LimitKey,
    /// The limit that holds.
    pub rule: LimitRule,
    /// Who set it, in words, such as `from policy Plant A`.
    pub origin: String,
}

/// Time as limits count it: milliseconds that never go back, whatever is done to the wall clock.
///
/// It begins near the milliseconds since 1970, and is compared with itself alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct HeldTime(pub i64);

impl HeldTime {
    /// This time moved by a number of milliseconds, either way.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to here; negative when `earlier` is later.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What is known of a limit when somebody asks for a place: the marks that decide, by age.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counter {
    /// The mark that is `count` marks back, counted from the newest as 1.
    pub nth: Option<HeldTime>,
    /// The mark that is `count - 1` marks back; none when `count` is 1.
    pub before_nth: Option<HeldTime>,
    /// Whether the newest mark is that of a summary.
    pub newest_is_summary: bool,
    /// Whether something was limited that no summary has told yet.
    pub owes_summary: bool,
}

impl Counter {
    /// Whether a notification about an event is admitted.
    ///
    /// While a summary is owed, the place that frees up next is kept for it, unless the newest
    /// mark is a summary: then it is an event's turn. So both go on under a constant flood, even
    /// where one place is all there is.
    #[must_use]
    pub fn admits(&self, rule: LimitRule, now: HeldTime) -> bool {
        let is_over = |at: Option<HeldTime>| at.is_none_or(|at| now.ms_since(at) >= rule.period_ms);
        if self.owes_summary && !self.newest_is_summary {
            return rule.count > 1 && is_over(self.before_nth);
        }
        is_over(self.nth)
    }

    /// When a place is free again; none when one is free at any time.
    #[must_use]
    pub fn frees_at(&self, rule: LimitRule) -> Option<HeldTime> {
        self.nth.map(|at| at.plus_ms(rule.period_ms))
    }

    /// When the summary may go out; none when none is owed.
    ///
    /// It is the moment a place frees up; where the last place went to a summary, an event has a
    /// period's time to take this one.
    #[must_use]
    pub fn summary_due_at(&self, rule: LimitRule) -> Option<HeldTime> {
        let frees_at = self.frees_at(rule).unwrap_or(HeldTime(i64::MIN));
        let patience_ms = if self.newest_is_summary { rule.period_ms } else { 0 };
        self.owes_summary.then(|| frees_at.plus_ms(patience_ms))
    }
}

/// The marks of one limit in memory, for a replay.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    times: VecDeque<HeldTime>,
    newest_is_summary: bool,
    owes_summary: bool,
}

impl Marks {
    /// What is known for a rule.
    #[must_use]
    pub fn counter(&self, rule: LimitRule) -> Counter {
        let count = usize::try_from(rule.count).unwrap_or(usize::MAX);
        let back = |n: usize| {
            let at = self.times.len().checked_sub(n).filter(|_| n > 0)?;
            self.times.get(at).copied()
        };
        Counter {
            nth: back(count),
            before_nth: back(count.saturating_sub(1)),
            newest_is_summary: self.newest_is_summary,
            owes_summary: self.owes_summary,
        }
    }

    /// Asks for an event's place and takes it; false when the notification is limited.
    pub fn admit(&mut self, rule: LimitRule, now: HeldTime) -> bool {
        if self.counter(rule).summary_due_at(rule).is_some_and(|at| at <= now) {
            self.push(rule, now, true);
            self.owes_summary = false;
        }
        let is_admitted = self.counter(rule).admits(rule, now);
        if is_admitted {
            self.push(rule, now, false);
        } else {
            self.owes_summary = true;
        }
        is_admitted
    }

    fn push(&mut self, rule: LimitRule, now: HeldTime, is_summary: bool) {
        self.times.push_back(self.times.back().map_or(now, |newest| now.max(*newest)));
        self.newest_is_summary = is_summary;
        let count = usize::try_from(rule.count).unwrap_or(usize::MAX);
        while self.times.len() > count {
            self.times.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(count: u32) -> LimitRule {
        LimitRule { count, period_ms: 1_000 }
    }

    #[test]
    fn the_period_slides() {
        let check = |count, asked: &[i64], expected: &[bool]| {
            let mut marks = Marks::default();
            let got: Vec<bool> =
                asked.iter().map(|at| marks.admit(rule(count), HeldTime(*at))).collect();
            assert_eq!(got, expected, "{count} in 1 s, asked at {asked:?}");
        };
        check(1, &[0, 1_000, 2_000], &[true, true, true]);
        check(2, &[0, 900, 1_000, 1_900], &[true, true, true, true]);
        // At 999 one is limited; the place of 1,000 goes to the summary, the next to an event.
        check(2, &[0, 900, 999, 1_000, 1_900], &[true, true, false, false, true]);
        check(1, &[0, 999, 1_000, 1_999, 2_000], &[true, false, false, false, true]);
        // A clock that goes back opens nothing.
        check(1, &[5_000, 4_000], &[true, false]);
        check(2, &[5_000, 4_000, 5_999, 6_000], &[true, true, false, true]);
    }

    #[test]
    fn under_a_flood_events_and_summaries_take_turns_and_no_period_has_more() {
        for count in 1..=5_u32 {
            let mut marks = Marks::default();
            let mut admitted = Vec::new();
            for at in (0..20_000).step_by(10) {
                let before = marks.times.back().copied();
                let is_admitted = marks.admit(rule(count), HeldTime(at));
                let took_place = before != marks.times.back().copied();
                if took_place || is_admitted {
                    admitted.push((at, is_admitted));
                }
            }
            let events = admitted.iter().filter(|(_, is_event)| *is_event).count();
            assert!(events >= 9, "{count}: {events} events in 20 s");
            let summaries = admitted.len() - events;
            assert!(summaries >= 9, "{count}: {summaries} summaries in 20 s");
            for (at, _) in &admitted {
                let within = |(other, _): &&(i64, bool)| (*at..at + 1_000).contains(other);
                let seen = admitted.iter().filter(within).count();
                assert!(seen <= count as usize, "{seen} of {count} from {at}");
            }
        }
    }
}
