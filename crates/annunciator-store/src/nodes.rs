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
    /// Events or deliveries wait that nobody has.
    Work,
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
}

impl NodeState {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Draining => "draining",
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
    /// Whether that was not long ago.
    pub is_alive: bool,
    /// Whether an operator wants it to drain.
    pub is_drain_asked: bool,
    /// Whether it is the one that was asked.
    pub is_this: bool,
}

/// What the server asks of a store about nodes.
#[async_trait]
pub trait Nodes: Send + Sync + 'static {
    /// This node lives, and says so.
    async fn beat(&self, said: NodeBeat) -> Result<BeatAnswer>;

    /// The nodes by name, at most 1,000; those that have not been heard of for a day are left out.
    async fn nodes(&self) -> Result<Vec<NodeRow>>;

    /// Asks a node to drain, or no longer; false when there is none of that id or it is so already.
    async fn drain_node(&self, id: Uuid, drain: bool, audit: NewAudit) -> Result<bool>;
}
