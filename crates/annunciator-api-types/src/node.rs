//! The nodes that share a store, as JSON.

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeView {
    /// Its id, the same over restarts.
    pub id: String,
    /// Name of its host.
    pub name: String,
    /// Version of its program.
    pub version: String,
    /// Where it listens.
    pub address: String,
    /// `serving`; `draining`: it finishes what it has, and ends; `stopped`: it ended in order;
    /// `unreachable`: it gave no sign of life for 15 s.
    pub state: String,
    /// When it was started, by its own clock.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Its last sign of life, by the clock of the store.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
    /// How long ago that was. Unit: seconds.
    pub silent_s: u64,
    /// Whether it was asked to drain.
    pub drain_asked: bool,
    /// Whether it is the one that answers.
    pub is_this: bool,
    /// How far its clock is ahead of the store's, as far as that is certain. Unit: milliseconds.
    pub clock_ahead_ms: i64,
    /// Deliveries that it has in flight.
    pub deliveries_in_flight: u64,
    /// Events that it has taken and not planned yet.
    pub events_unplanned: u64,
}

/// The nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeList {
    /// By name, at most 1,000; those that were not heard of for a day are left out.
    pub nodes: Vec<NodeView>,
}
