//! What happened, in numbers over time.

use annunciator_core::Timestamp;

/// Length of a bucket, the finest there is. Unit: milliseconds.
pub const BUCKET_MS: i64 = 300_000;
/// How long figures are kept. Unit: milliseconds.
pub const FIGURES_KEPT_MS: i64 = 90 * 24 * 3_600_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure {
    /// Events accepted, by severity.
    Accepted,
    /// Attempts, by channel; as all that follow.
    Attempts,
    /// Deliveries that were delivered.
    Delivered,
    /// Deliveries that failed for good.
    Failed,
    /// Attempts that failed and are repeated.
    Transient,
    /// Events that a channel did not tell because its limit was reached.
    Limited,
    /// Events that a channel did not tell because of a silence.
    Silenced,
}

impl Figure {
    /// All of them; the place is the number in the store.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Attempts,
        Self::Delivered,
        Self::Failed,
        Self::Transient,
        Self::Limited,
        Self::Silenced,
    ];

    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Attempts => "attempts",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Transient => "transient",
            Self::Limited => "limited",
            Self::Silenced => "silenced",
        }
    }
}

/// A count of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureRow {
    /// What was counted.
    pub figure: Figure,
    /// The severity, or the channel.
    pub word: String,
    /// When the period begins.
    pub at: Timestamp,
    /// How many.
    pub count: u64,
}

/// Which periods: from `since` until before `until`, both rounded down to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FigureAsk {
    /// Begin.
    pub since: Timestamp,
    /// End.
    pub until: Timestamp,
    /// Length of a period, a multiple of [`BUCKET_MS`]. Unit: milliseconds.
    pub step_ms: i64,
}
