//! An event and the settings that hold for it into what must be sent.
//!
//! In: an event, the compiled profile of each channel, the circumstances, ids.
//! Out: a [`Plan`]: notifications with recipients, and one decision per channel with its reason.
//! Knows nothing of: stores, relays, where settings are saved.
//! Failure: none; templates were parsed at save, and rendering cannot fail (spec 5.3).
//!
//! The order is: resolve (is the channel on for this event) → silences → render. Limits are
//! counted where the plan is committed.

mod matcher;
mod profile;
mod render;
mod settings;
mod silence;

use annunciator_core::{
    Decision, DecisionKind, Event, Notification, NotificationId, NotificationLimit, Recipient,
    Scope, Timestamp,
};

pub use matcher::{Field, Matcher, MatcherSet, Number, Scalar, Test};
pub use profile::{ChannelProfile, Words};
pub use render::{RenderedWords, render_preview};
pub use settings::{NotifyLayer, NotifySettings};
pub use silence::{Silence, SilenceState, silenced_by};

/// What must be sent for one event.
#[derive(Debug, Default)]
pub struct Plan {
    /// One per channel that notifies.
    pub notifications: Vec<PlannedContent>,
    /// One per channel that was considered, in the order of the profiles.
    pub decisions: Vec<Decision>,
}

/// A notification and who gets it.
#[derive(Debug)]
pub struct PlannedContent {
    /// The content.
    pub notification: Notification,
    /// Position of its profile in the list that was given.
    pub profile: usize,
    /// What it counts against; the commit of the plan decides whether it is admitted.
    pub limit: Option<NotificationLimit>,
}

impl PlannedContent {
    /// Who gets it, each once.
    #[must_use]
    pub fn recipients(&self) -> &[Recipient] {
        &self.notification.content.recipients
    }
}

/// What holds while events are planned, whatever the event.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The right-hand side of Message-IDs.
    pub domain: &'a str,
    /// Now.
    pub now: Timestamp,
    /// The silences there are; those of another time count for nothing.
    pub silences: &'a [Silence],
}

/// Makes ids for notifications; randomness comes from outside.
pub trait NotificationIds {
    /// A new id.
    fn notification_id(&self) -> NotificationId;
}

/// Decides for each channel whether the event is notified, and renders the words.
///
/// `profiles` are those that hold for this event, one per channel.
pub fn plan(
    event: &Event,
    profiles: &[&ChannelProfile],
    circumstances: Circumstances<'_>,
    ids: &dyn NotificationIds,
) -> Plan {
    let Circumstances { domain, now, silences } = circumstances;
    let mut plan = Plan::default();
    for (position, profile) in profiles.iter().enumerate() {
        let mut decision = profile.decide(event);
        if decision.kind == DecisionKind::Notified
            && let Some(silence) = silenced_by(event, &profile.channel, silences, now)
        {
            decision.kind = DecisionKind::Silenced;
            decision.reason = silence.reason();
        }
        if decision.kind == DecisionKind::Notified {
            let id = ids.notification_id();
            let content = render::render_content(profile, event, id, domain);
            let notification = Notification {
                id,
                event: event.uid,
                channel: profile.channel.clone(),
                created_at: now,
                scope: Scope::of(event),
                content,
            };
            plan.notifications.push(PlannedContent {
                notification,
                profile: position,
                limit: None,
            });
        }
        plan.decisions.push(decision);
    }
    plan
}

#[cfg(test)]
mod tests;
