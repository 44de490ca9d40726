//! What holds for one channel and one kind of event, ready to plan with.
//!
//! A profile is made once for each combination of layers, not per event.

use std::fmt;
use std::sync::Arc;

use annunciator_core::{
    ChannelName, Command, Decision, DecisionKind, Event, Lane, Picture, Recipient, Severity,
};
use annunciator_settings::{NotifyAbout, Origin};

use crate::{BundleLetter, BundleMail, IncidentLetter, LimitSource};

/// Whether a channel is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// No layer but the server's says so: by severity.
    About(NotifyAbout),
    /// The nearest layer that says so.
    Layer {
        /// Whether it is on.
        on: bool,
        /// Whose layer it is.
        origin: Origin,
    },
}

impl Switch {
    /// Whether events of a severity are notified, and why.
    #[must_use]
    pub fn decide(&self, severity: Severity) -> (bool, String) {
        match self {
            Self::Layer { on, origin } => {
                (*on, format!("turned {} ({origin})", if *on { "on" } else { "off" }))
            }
            Self::About(NotifyAbout::All) => (true, "notify_about includes all events".to_owned()),
            Self::About(NotifyAbout::Configured) => (
                false,
                "notify_about is `configured` and no event configuration turns it on".to_owned(),
            ),
            Self::About(about) if about.admits(severity) => {
                (true, format!("notify_about includes severity `{severity}`"))
            }
            Self::About(_) => {
                (false, format!("notify_about does not include severity `{severity}`"))
            }
        }
    }
}

/// The words of one notification and who gets them, before ids are given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Composed {
    /// One line; may be empty.
    pub subject: String,
    /// Plain text; the standard input of an executable.
    pub text: String,
    /// HTML beside the text.
    pub html: Option<String>,
    /// Sender, may be empty.
    pub sender: String,
    /// Who gets them, at least one.
    pub recipients: Vec<Recipient>,
    /// What an executable gets besides.
    pub command: Option<Command>,
    /// Pictures within the message.
    pub pictures: Vec<Picture>,
}

/// Renders an event for a channel. It cannot fail: templates were parsed at save (spec 5.3).
pub trait Compose: Send + Sync + fmt::Debug {
    /// The notifications of an event: one for all recipients that share their words. `link` is its
    /// address in the console, may be empty.
    fn compose(&self, event: &Event, link: &str) -> Vec<Composed>;

    /// Whether it writes to those whom subscriptions name, about incidents alone, and not to
    /// recipients of settings.
    fn is_for_subscribers(&self) -> bool {
        false
    }

    /// The mail about an incident to those who read alike.
    fn compose_incident(&self, _letter: &IncidentLetter<'_>) -> Composed {
        Composed::default()
    }

    /// The mails about several incidents to one reader: more than one when they have no room in
    /// it (spec 5.3), and each incident in one of them.
    fn compose_bundle(&self, _letter: &BundleLetter<'_>) -> Vec<BundleMail> {
        Vec::new()
    }

    /// Brings a summary of what was limited into the channel's form; `event` is our own about it.
    fn summaries(&self, _event: &Event, draft: Composed) -> Vec<Composed> {
        vec![draft]
    }
}

/// What holds for one channel, ready to plan events with.
#[derive(Debug, Clone)]
pub struct ChannelProfile {
    /// The channel.
    pub channel: ChannelName,
    /// The queue that its deliveries wait in.
    pub lane: Lane,
    /// Which events are notified.
    pub switch: Switch,
    /// Makes the words.
    pub composer: Arc<dyn Compose>,
    /// What is missing to send anything, such as a server; empty when nothing is.
    pub missing: String,
    /// The limit, when there is one.
    pub limit: Option<LimitSource>,
}

impl ChannelProfile {
    /// Whether an event is notified over this channel, and why.
    #[must_use]
    pub fn decide(&self, event: &Event) -> Decision {
        let (is_on, reason) = self.switch.decide(event.severity);
        let (kind, reason) = match is_on {
            false => (DecisionKind::Off, reason),
            true if !self.missing.is_empty() => (DecisionKind::Incomplete, self.missing.clone()),
            true => (DecisionKind::Notified, reason),
        };
        Decision { channel: self.channel.clone(), kind, reason }
    }
}
