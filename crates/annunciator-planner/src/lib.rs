//! An event and the settings that hold for it into what must be sent.
//!
//! In: an event, the compiled profile of each channel, the circumstances, ids.
//! Out: a [`Plan`]: notifications with recipients, and one decision per channel with its reason.
//! Knows nothing of: stores, relays, where settings are saved.
//! Failure: none; templates were parsed at save, and rendering cannot fail (spec 5.3).
//!
//! The order is: which layers apply (`layers.rs`) → is the channel on for this event → silences →
//! render. Limits are counted where the plan is committed.

mod incidents;
mod layers;
mod limit;
mod matcher;
mod overrides;
mod profile;
mod render;
mod rules;
mod silence;

use annunciator_core::{
    Decision, DecisionKind, Event, Notification, NotificationId, NotificationLimit, Recipient,
    Sample, Scope, Timestamp,
};

use incidents::Telling;
pub use incidents::{
    Addressee, Audience, BundleLetter, BundleMail, BundledIncident, Directory, DirectoryUser,
    INCIDENT_TYPE_PREFIX, Incident, IncidentLayer, IncidentLetter, IncidentMapping, IncidentRules,
    IncidentSettings, IncidentStatus, KIND_CHARS_MAX, LeftOut, MappedField, MappedTimes,
    MappedValue, Postponed, ReaderLanguage, Recheck, Rhythm, STATUS_TYPE_PREFIX, SeverityMin,
    Subscriber, Subscription, TAG_DESCRIPTION_CHARS_MAX, Told, UNITS_CHARS_MAX, Waiting,
    find_audience, find_left_out, is_detector_kind, is_web_link, reader_of, recheck, why_untold,
};
pub use layers::{Evidence, LayerIndex, LayerNumber, Standing};
pub use limit::{
    Limit, LimitPer, LimitSource, SUMMARY_TYPES_MAX, SummaryFacts, SummaryType, render_summary,
};
pub use matcher::{Field, Matcher, MatcherSet, Number, Scalar, Test};
pub use overrides::{Entry, GROUP_SEPARATOR, Overrides, Owned, Owner, Policy, Selector};
pub use profile::{ChannelProfile, Compose, Composed, Switch};
pub use render::{RenderedWords, Words, freeze};
pub use rules::{Place, find_override_problems, find_override_warnings};
pub use silence::{Silence, SilenceState, silenced_by};

/// What must be sent for one event.
#[derive(Debug, Default)]
pub struct Plan {
    /// One per channel that notifies.
    pub notifications: Vec<PlannedContent>,
    /// One per channel that was considered, in the order of the profiles.
    pub decisions: Vec<Decision>,
    /// Who is told of an incident later, with the position of the profile.
    pub postponed: Vec<(usize, Postponed)>,
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

/// What holds while an event is planned.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The event's scope, with the conditions that chose its layers.
    pub scope: &'a Scope,
    /// The right-hand side of Message-IDs.
    pub domain: &'a str,
    /// Address of the console, without a slash at its end; empty when there is none to link to.
    pub console: &'a str,
    /// Now.
    pub now: Timestamp,
    /// The silences there are; those of another time count for nothing.
    pub silences: &'a [Silence],
    /// What is needed for incidents; nothing where there are none.
    pub incidents: IncidentFrame<'a>,
}

/// What is needed to plan incidents.
#[derive(Clone, Copy, Debug, Default)]
pub struct IncidentFrame<'a> {
    /// Statuses and subscriptions.
    pub rules: Option<&'a IncidentRules>,
    /// Users.
    pub directory: Option<&'a Directory>,
    /// The course of the top tag.
    pub samples: &'a [Sample],
}

impl IncidentFrame<'_> {
    /// Why nothing is sent about an event that is an incident.
    fn why_silent(&self, event: &Event) -> Option<String> {
        self.rules?.why_silent(&Incident::of(event)?)
    }
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
    let Circumstances { scope, domain, console, now, silences, incidents: incidents_frame } =
        circumstances;
    let silent = incidents_frame.why_silent(event);
    let link = link_to(console, event);
    let mut plan = Plan::default();
    for (position, profile) in profiles.iter().enumerate() {
        let told = if profile.composer.is_for_subscribers() {
            // Events that are no incidents are nothing to it.
            let Some(incident) = Incident::of(event) else { continue };
            let link = link_to_incident(console, &incident);
            incidents::tell(profile, incidents_frame, incident, silent.as_deref(), (&link, now))
        } else {
            tell_recipients(profile, event, silent.as_deref(), &link)
        };
        let Telling { mut decision, mut composed, postponed } = told;
        // Who waits until a channel can send would be told by it, too.
        let is_told = decision.kind == DecisionKind::Notified || !postponed.is_empty();
        if is_told && let Some(silence) = silenced_by(event, &profile.channel, silences, now) {
            decision.kind = DecisionKind::Silenced;
            decision.reason = silence.reason();
            composed.clear();
        } else {
            plan.postponed.extend(postponed.into_iter().map(|one| (position, one)));
        }
        for composed in composed {
            let id = ids.notification_id();
            let content = render::freeze(composed, event, id, domain);
            let notification = Notification {
                id,
                event: event.uid,
                channel: profile.channel.clone(),
                created_at: now,
                scope: scope.clone(),
                content,
            };
            plan.notifications.push(PlannedContent {
                notification,
                profile: position,
                limit: profile.limit.as_ref().map(|limit| limit.for_event(event)),
            });
        }
        plan.decisions.push(decision);
    }
    plan
}

/// What is told of an event to the recipients that the settings name.
fn tell_recipients(
    profile: &ChannelProfile,
    event: &Event,
    silent: Option<&str>,
    link: &str,
) -> Telling {
    let mut decision = profile.decide(event);
    if decision.kind == DecisionKind::Notified
        && let Some(reason) = silent
    {
        decision.kind = DecisionKind::Off;
        reason.clone_into(&mut decision.reason);
    }
    let composed = match decision.kind {
        DecisionKind::Notified => profile.composer.compose(event, link),
        _ => Vec::new(),
    };
    Telling { decision, composed, postponed: Vec::new() }
}

/// Address of an event in the console; empty without a console.
#[must_use]
pub fn link_to(console: &str, event: &Event) -> String {
    if console.is_empty() { String::new() } else { format!("{console}/events/{}", event.uid) }
}

/// Address of an incident in the console; empty without a console.
#[must_use]
pub fn link_to_incident(console: &str, incident: &Incident<'_>) -> String {
    // What tells of a change names the event that registered the incident.
    match incident.text("incident_uid") {
        _ if console.is_empty() => String::new(),
        "" => link_to(console, incident.event),
        uid => format!("{console}/incidents/{uid}"),
    }
}

#[cfg(test)]
mod tests;
