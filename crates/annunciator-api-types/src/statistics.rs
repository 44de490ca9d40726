//! What happened over time, as JSON.

use std::collections::BTreeMap;

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Figures of a time, in steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatisticsView {
    /// Length of a step. Unit: seconds.
    pub step_s: u32,
    /// Begin of the first step.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// End of the last step.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// One series for each figure and severity or channel.
    pub series: Vec<SeriesView>,
    /// The sum of each figure over all its series.
    pub totals: BTreeMap<String, u64>,
}

/// One figure over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeriesView {
    /// `accepted` (events), `attempts`, `delivered`, `failed` (deliveries), `transient` (attempts
    /// that are repeated), `limited` or `silenced` (events that a channel did not tell).
    pub name: String,
    /// The channel; absent for `accepted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The severity, for `accepted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Begin of a step and the count in it, oldest first; steps without any are left out.
    #[schema(value_type = Vec<Vec<Value>>)]
    pub values: Vec<(Timestamp, u64)>,
}
