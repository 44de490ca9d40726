//! Statuses and subscriptions, compiled: which of them an incident meets.
//!
//! In: settings that were checked. Out: rules that cost a few comparisons for each subscription.
//! Knows nothing of: users and their addresses.

use std::collections::{HashMap, HashSet};

use annunciator_settings::TextList;
use annunciator_template::{Language, TimeZone};

use super::incident::{Incident, Told};
use super::settings::{IncidentSettings, IncidentStatus, Subscription};
use super::timing::Timing;
use crate::matcher::{cased, is_within, matches};

/// A subscription, compiled.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// As it was configured.
    pub subscription: Subscription,
    /// Its time zone.
    pub time_zone: TimeZone,
    pub(super) timing: Timing,
    detectors: HashSet<String>,
    models: Patterns,
    assets: Patterns,
}

/// Texts that are met exactly, and patterns; nothing at all is met by everything.
#[derive(Clone, Debug, Default)]
struct Patterns {
    exact: HashSet<String>,
    patterns: Vec<String>,
}

impl Patterns {
    fn of(list: &TextList) -> Self {
        let lower = list.iter().map(lower);
        let (patterns, exact): (Vec<_>, Vec<_>) = lower.partition(|text| text.contains(['*', '?']));
        Self { exact: exact.into_iter().collect(), patterns }
    }

    /// `seen` is in small letters.
    fn hold(&self, seen: &str) -> bool {
        (self.exact.is_empty() && self.patterns.is_empty())
            || self.exact.contains(seen)
            || self.patterns.iter().any(|pattern| matches(pattern, seen))
    }
}

fn lower(text: &str) -> String {
    cased(text, true).into_owned()
}

/// What is compared of an incident, made once for all subscriptions.
struct Seen {
    kind: String,
    model: String,
    asset: String,
}

impl Subscriber {
    fn new(subscription: &Subscription, zones: &mut HashMap<String, TimeZone>) -> Self {
        let name = &subscription.time_zone;
        let zone = zones.entry(name.clone()).or_insert_with(|| {
            // Checked at save; a later database may have lost it.
            TimeZone::named(name).unwrap_or(TimeZone::UTC)
        });
        Self {
            time_zone: zone.clone(),
            timing: Timing::of(subscription),
            detectors: subscription.detectors.iter().map(lower).collect(),
            models: Patterns::of(&subscription.models),
            assets: Patterns::of(&subscription.assets),
            subscription: subscription.clone(),
        }
    }

    fn is_met_by(&self, incident: &Incident<'_>, seen: &Seen) -> bool {
        let Subscription { enabled, severity, groups, follow_ups, .. } = &self.subscription;
        let group = &incident.event.device.group;
        *enabled
            && (*follow_ups || incident.told != Told::FollowUp)
            && incident.severity >= severity.severity()
            && (self.detectors.is_empty() || self.detectors.contains(&seen.kind))
            && self.models.hold(&seen.model)
            && self.assets.hold(&seen.asset)
            && (groups.is_empty() || groups.iter().any(|one| is_within(group, one)))
    }
}

/// Statuses and subscriptions, compiled.
#[derive(Clone, Debug, Default)]
pub struct IncidentRules {
    statuses: Vec<IncidentStatus>,
    initial_status: String,
    subscribers: Vec<Subscriber>,
    /// Whether an incident that was not told is told when its status lets it be.
    pub notify_on_status_change: bool,
    /// Incidents of one model and top tag that begin within this time are a group; 0 = none.
    /// Unit: milliseconds.
    pub grouping_ms: i64,
}

impl IncidentRules {
    /// Compiles settings.
    #[must_use]
    pub fn new(settings: &IncidentSettings) -> Self {
        let mut zones = HashMap::new();
        let subscriptions = settings.subscriptions.iter();
        Self {
            statuses: settings.statuses.clone(),
            initial_status: settings.initial_status.clone(),
            subscribers: subscriptions.map(|one| Subscriber::new(one, &mut zones)).collect(),
            notify_on_status_change: settings.notify_on_status_change,
            grouping_ms: i64::from(settings.grouping_minutes) * 60_000,
        }
    }

    /// The subscriptions, in the order they were configured.
    #[must_use]
    pub fn subscribers(&self) -> &[Subscriber] {
        &self.subscribers
    }

    /// The statuses, in the order they were configured.
    #[must_use]
    pub fn statuses(&self) -> &[IncidentStatus] {
        &self.statuses
    }

    /// Code of the status of an incident that comes without one.
    #[must_use]
    pub fn initial_status(&self) -> &str {
        &self.initial_status
    }

    /// The status of that code.
    #[must_use]
    pub fn status(&self, code: &str) -> Option<&IncidentStatus> {
        self.statuses.iter().find(|status| status.code == code)
    }

    /// The status that somebody means by a code or a name.
    #[must_use]
    pub fn meant_status(&self, text: &str) -> Option<&IncidentStatus> {
        self.status(text).or_else(|| self.statuses.iter().find(|status| status.is_meant(text)))
    }

    /// Whether an incident of that status is told; of one that is not known any more it is.
    #[must_use]
    pub fn is_told(&self, code: &str) -> bool {
        self.status(code).is_none_or(|status| status.notify)
    }

    /// The name of a status in a language; its code when it is not known any more.
    #[must_use]
    pub fn status_name<'a>(&'a self, code: &'a str, language: Language) -> &'a str {
        self.status(code).map_or(code, |status| status.name_in(language))
    }

    /// Why nothing at all is sent about an incident; nothing when something may be.
    #[must_use]
    pub fn why_silent(&self, incident: &Incident<'_>) -> Option<String> {
        let name = self.status_name(incident.status(), Language::English);
        match incident.told {
            Told::Registered if !self.is_told(incident.status()) => {
                Some(format!("incidents with the status `{name}` are not told"))
            }
            Told::Silent => Some(format!("the change to the status `{name}` is not told")),
            _ => None,
        }
    }

    /// The subscriptions that an incident meets, by their positions.
    #[must_use]
    pub fn find_subscribers(&self, incident: &Incident<'_>) -> Vec<usize> {
        let seen = Seen {
            kind: lower(incident.kind),
            model: lower(incident.model()),
            asset: lower(&incident.event.device.name),
        };
        let is_met = |(_, subscriber): &(usize, &Subscriber)| subscriber.is_met_by(incident, &seen);
        self.subscribers.iter().enumerate().filter(is_met).map(|(at, _)| at).collect()
    }
}
