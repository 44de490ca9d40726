//! Limits: at most N notifications in any period of length T (spec 7, ADR 0008).

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
