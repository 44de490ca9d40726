//! What planning decided for a channel, and why; the ledger shows it.

use serde::{Deserialize, Serialize};

use crate::ChannelName;

/// What was decided for one channel, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The channel.
    pub channel: ChannelName,
    /// What.
    pub kind: DecisionKind,
    /// Why, a sentence.
    pub reason: String,
}

/// Kinds of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// A notification was made.
    Notified,
    /// The channel is not on for this event.
    Off,
    /// The channel is on and lacks something, such as recipients.
    Incomplete,
    /// A silence matched.
    Silenced,
    /// The limit was reached.
    Limited,
}

impl DecisionKind {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notified => "notified",
            Self::Off => "off",
            Self::Incomplete => "incomplete",
            Self::Silenced => "silenced",
            Self::Limited => "limited",
        }
    }
}
