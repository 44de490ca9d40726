//! What came of a decision to notify, as the word, the tone and the numbers of a badge.
//!
//! In: how many deliveries are in which state. Out: [`Outcome`]. The worst speaks: what failed is
//! red, what waits is amber, and only what all got is green.

use std::collections::BTreeMap;

use annunciator_api_types::{DecisionView, EventView};

use crate::page::Page;
use crate::pages::tone;

/// What a badge says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Its tone.
    pub(crate) tone: &'static str,
    /// Key of its words.
    key: String,
    /// How many of how many, where that is said.
    numbers: Option<(u64, u64)>,
}

impl Outcome {
    /// Of a decision: where nobody was to be notified, the decision itself.
    pub(crate) fn of(decision: &DecisionView) -> Self {
        if decision.decision != "notified" {
            let key = format!("decision-short-{}", decision.decision);
            return Self { tone: tone::decision(&decision.decision), key, numbers: None };
        }
        Self::of_deliveries(&decision.deliveries)
    }

    fn of_deliveries(states: &BTreeMap<String, u64>) -> Self {
        let count = |state: &str| states.get(state).copied().unwrap_or_default();
        let total: u64 = states.values().sum();
        let word =
            |word: &str, tone| Self { tone, key: format!("events-outcome-{word}"), numbers: None };
        let present: Vec<&str> = states.keys().map(String::as_str).collect();
        if let [state] = present.as_slice() {
            return word(&state.replace('_', "-"), tone::state(state));
        }
        let waits = count("queued") + count("in_flight");
        let tone = match (count("failed"), waits) {
            (1.., _) => "bad",
            (0, 1..) => "warn",
            (0, 0) => "",
        };
        let some = |what: &str, number: u64| Self {
            tone,
            key: format!("events-outcome-some-{what}"),
            numbers: Some((number, total)),
        };
        match (count("delivered"), count("failed")) {
            // Its notification has no delivery that anything is known of.
            (0, 0) if total == 0 => word("notified", ""),
            (0, 0) => word("queued", "warn"),
            (0, failed) => some("failed", failed),
            (delivered, _) => some("delivered", delivered),
        }
    }

    /// In words.
    pub(crate) fn words(&self, page: &Page) -> String {
        match self.numbers {
            Some((number, total)) => page.t2(&self.key, "count", number, "total", total),
            None => page.t(&self.key),
        }
    }
}

/// Decisions about channels that are not off.
pub(super) fn decided(event: &EventView) -> Vec<&DecisionView> {
    event.decisions.iter().filter(|one| one.decision != "off").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_the_deliveries_speaks() {
        let check = |states: &[(&str, u64)], tone: &str, key: &str, numbers| {
            let states = states.iter().map(|(state, count)| ((*state).to_owned(), *count));
            let found = Outcome::of_deliveries(&states.collect());
            let key = format!("events-outcome-{key}");
            assert_eq!((found.tone, found.key, found.numbers), (tone, key, numbers));
        };
        check(&[], "", "notified", None);
        check(&[("delivered", 2)], "good", "delivered", None);
        check(&[("failed", 1)], "bad", "failed", None);
        check(&[("queued", 3)], "warn", "queued", None);
        check(&[("in_flight", 1)], "accent", "in-flight", None);
        check(&[("cancelled", 1)], "", "cancelled", None);
        check(&[("queued", 1), ("in_flight", 1)], "warn", "queued", None);
        check(&[("delivered", 2), ("failed", 1)], "bad", "some-delivered", Some((2, 3)));
        check(&[("delivered", 1), ("queued", 1)], "warn", "some-delivered", Some((1, 2)));
        check(&[("delivered", 1), ("cancelled", 1)], "", "some-delivered", Some((1, 2)));
        check(&[("failed", 1), ("queued", 4)], "bad", "some-failed", Some((1, 5)));
    }
}
