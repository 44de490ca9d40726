//! What an incident has beside its event: the course of its top tag (spec 9).

use crate::Timestamp;

/// A value of a tag at a time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// When it was measured.
    pub at: Timestamp,
    /// The value, finite.
    pub value: f64,
}

impl Sample {
    /// Most samples of one incident.
    pub const COUNT_MAX: usize = 2_000;
}
