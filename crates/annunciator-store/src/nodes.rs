//! The nodes that share a store: who they are, whether they live, which of them shall drain.
//!
//! A store of one process has one node, which it knows itself.

use annunciator_core::Timestamp;
use async_trait::async_trait;
use uuid::Uuid;

use crate::{NewAudit, Result};

/// What a node keeps in memory and others may change; also that work waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Settings were saved.
    Settings,
    /// API tokens came or went.
    Tokens,
    /// Roles came, changed or went.
    Roles,
    /// Users, their sessions or their pauses changed.
    Users,
    /// Silences came or ended.
    Silences,
    /// Certificate objects came, changed or went.
    Certificates,
    /// Deliveries wait that nobody has.
    Work,
    /// Events wait for planning that nobody has.
    Events,
}

impl Change {
    /// All that are kept in memory; work is not.
    pub const ALL: [Self; 6] = [
        Self::Settings,
        Self::Tokens,
        Self::Roles,
        Self::Users,
        Self::Silences,
        Self::Certificates,
    ];

    /// Its word in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Tokens => "tokens",
            Self::Roles => "roles",
            Self::Users => "users",
            Self::Silences => "silences",
            Self::Certificates => "certificates",
            Self::Work => "work",
            Self::Events => "events",
        }
    }
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It takes part.
    Serving,
    /// It finishes what it has and takes nothing new.
    Draining,
    /// It ended in order.
    Stopped,
}

impl NodeState {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeBeat {
    /// Its name for people.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Where it listens.
    pub address: String,
    /// When it started, by its own clock.
    pub started_at: Timestamp,
    /// What it does.
    pub state: NodeState,
    /// How far its clock is ahead of the store's, as far as that is certain. Unit: milliseconds.
    pub skew_ms: i64,
}

/// What a node is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeatAnswer {
    /// The time of the store; a store in a process of its own has a clock of its own, by which a
    /// clock that is wrong is seen. None where the store has no other clock than the node.
    pub store_time: Option<Timestamp>,
    /// Whether an operator wants the node to drain.
    pub is_drain_asked: bool,
}

/// A node in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// Its id, the same over restarts.
    pub id: Uuid,
    /// What it said last.
    pub said: NodeBeat,
    /// When, by the clock of the store.
    pub beat_at: Timestamp,
    /// How long ago that was, by the same clock. Unit: milliseconds.
    pub silent_ms: i64,
    /// Whether that was not long ago.
    pub is_alive: bool,
    /// Whether an operator wants it to drain.
    pub is_drain_asked: bool,
    /// Whether it is the one that was asked.
    pub is_this: bool,
    /// Deliveries that it has in flight.
    pub in_flight: u64,
    /// Events that it has taken and not planned yet.
    pub unplanned: u64,
}

/// The connections of a store to its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connections {
    /// In use now.
    pub in_use: u64,
    /// Most that may be in use.
    pub most: u64,
    /// Made since the start.
    pub made: u64,
    /// Attempts to make one that failed since the start.
    pub failed: u64,
}

/// What the server asks of a store about nodes.
#[async_trait]
pub trait Nodes: Send + Sync + 'static {
    /// This node lives, and says so at this time of its own clock. From the answer that tells it to
    /// drain on it counts as draining.
    async fn beat(&self, said: NodeBeat, now: Timestamp) -> Result<BeatAnswer>;

    /// The nodes by name, at most 1,000; those that have not been heard of for a day are left out.
    async fn nodes(&self) -> Result<Vec<NodeRow>>;

    /// Asks a node to drain, or no longer; false when there is none of that id, when it is so
    /// already, and when it drains and is to do so no longer.
    async fn drain_node(&self, id: Uuid, drain: bool, audit: NewAudit) -> Result<bool>;

    /// Its connections; none where it is no database of its own.
    fn connections(&self) -> Option<Connections> {
        None
    }
}
