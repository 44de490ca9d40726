//! What happened over time: counts of the store become series.
//!
//! Knows nothing of: HTTP, JSON.

use std::collections::BTreeMap;

use annunciator_core::Timestamp;
use annunciator_store::{BUCKET_MS, Figure, FigureAsk, FigureRow};

use super::AdminError;
use crate::shared::Shared;

/// Most steps of a series.
pub const STEPS_MAX: i64 = 2_500;
/// The steps there are. Unit: seconds.
pub const STEPS_S: [u32; 3] = [300, 3_600, 86_400];

/// Figures of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// Begin of the first step.
    pub since: Timestamp,
    /// End of the last step.
    pub until: Timestamp,
    /// By figure and word (severity or channel): begin of a step and its count, oldest first.
    pub series: BTreeMap<(Figure, String), Vec<(Timestamp, u64)>>,
}

/// Figures from `since` until the end of the step that `until` is in.
///
/// # Errors
/// What the store answers.
pub async fn statistics(
    shared: &Shared,
    since: Timestamp,
    until: Timestamp,
    step_s: u32,
) -> Result<Statistics, AdminError> {
    let step_ms = i64::from(step_s) * 1_000;
    debug_assert_eq!(step_ms % BUCKET_MS, 0, "steps are made of buckets");
    let floor = |at: Timestamp| Timestamp(at.0.div_euclid(step_ms) * step_ms);
    let (since, until) = (floor(since), floor(until.plus_ms(step_ms - 1)));
    let ask = FigureAsk { since, until, step_ms };
    let rows = shared.store.figures(ask).await.map_err(AdminError::Store)?;
    let mut series: BTreeMap<(Figure, String), Vec<(Timestamp, u64)>> = BTreeMap::new();
    for FigureRow { figure, word, at, count } in rows {
        series.entry((figure, word)).or_default().push((at, count));
    }
    Ok(Statistics { since, until, series })
}
