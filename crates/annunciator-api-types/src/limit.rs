//! Limits as the API shows them.

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A limit that was reached and whose summary is not out yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitView {
    /// What is counted: channel, layer and, where each event type is counted for itself,
    /// application and event type.
    pub name: String,
    /// The limit in words, such as `10 in 60 s`.
    pub limit: String,
    /// Who set it, in words.
    pub origin: String,
    /// How many notifications were limited since the last summary.
    pub limited: u64,
    /// When the first of them was.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When the summary goes out, at the earliest.
    #[schema(value_type = String, format = DateTime)]
    pub summary_at: Timestamp,
}
