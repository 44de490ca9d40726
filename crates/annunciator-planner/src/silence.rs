//! Silences: an operator's time-bounded mute by matchers (spec 6.4).
//!
//! In: an event, a channel, the silences there are, now. Out: the silence that mutes it, and its
//! reason for the ledger.
//! Knows nothing of: where silences are stored, who may make one.

use annunciator_core::{ChannelName, Event, SilenceId, Timestamp};

use crate::MatcherSet;

/// A time-bounded mute.
#[derive(Clone, PartialEq, Debug)]
pub struct Silence {
    /// Its id.
    pub id: SilenceId,
    /// Which events it mutes.
    pub matchers: MatcherSet,
    /// On which channels; all of them when empty.
    pub channels: Vec<ChannelName>,
    /// Who made it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// It mutes from here on.
    pub starts_at: Timestamp,
    /// It no longer mutes from here on.
    pub ends_at: Timestamp,
}

/// Where a silence stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SilenceState {
    /// It has not begun.
    Pending,
    /// It mutes.
    Active,
    /// It is over.
    Ended,
}

impl SilenceState {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }
}

impl Silence {
    /// Where it stands at a time.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if self.ends_at <= now {
            SilenceState::Ended
        } else if now < self.starts_at {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }

    /// Why something was muted, for the ledger.
    #[must_use]
    pub fn reason(&self) -> String {
        let Self { id, author, comment, ends_at, .. } = self;
        format!("silenced until {ends_at} by {author}: {comment} (silence {id})")
    }

    fn mutes(&self, event: &Event, channel: &ChannelName, now: Timestamp) -> bool {
        self.state(now) == SilenceState::Active
            && (self.channels.is_empty() || self.channels.contains(channel))
            && self.matchers.holds(event)
    }
}

/// The silence that mutes an event on a channel; of several the one that ends last, so that the
/// reason says until when nothing will be told.
#[must_use]
pub fn silenced_by<'a>(
    event: &Event,
    channel: &ChannelName,
    silences: &'a [Silence],
    now: Timestamp,
) -> Option<&'a Silence> {
    let mutes = |silence: &&Silence| silence.mutes(event, channel, now);
    silences.iter().filter(mutes).max_by_key(|silence| (silence.ends_at, silence.id))
}

#[cfg(test)]
mod tests;
