//! What a bundle says: its mails, and the events of our own about them.
//!
//! In: incidents for one address of one subscription that go over the same relay. Out: outcomes
//! for the store.

use annunciator_core::{
    Application, Content, Delivery, DeliveryState, Device, Event, EventUid, Notification,
    ParameterValue, Recipient, RecipientRole, Scope, Severity, Timestamp,
};
use annunciator_planner::{
    BundleLetter, BundleMail, BundledIncident, ChannelProfile, Composed, Incident, freeze,
    link_to_incident,
};
use annunciator_store::{BundleOutcome, PlannedNotification, PostponedRow};
use annunciator_template::{Language, Reader, TimeFormat, TimeZone};

use super::Sorted;
use crate::console_address;
use crate::dispatcher::OWN_APPLICATION;
use crate::incident_supply::{IncidentSupply, incident_uid};
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Type of our own event about a bundle.
pub(crate) const BUNDLE_TYPE: &str = "annunciator.incident_bundle";
const UNTOLD_TYPE: &str = "annunciator.incident_bundle_untold";

/// Room for ids of incidents in an event of ours; what has none is an ellipsis. Unit: characters.
const IDS_CHARS_MAX: usize = 8_000;

/// Where the mails of one address are written.
pub(super) struct Desk<'a> {
    pub(super) shared: &'a Shared,
    pub(super) snapshot: &'a Snapshot,
    pub(super) profile: &'a ChannelProfile,
    /// Of the first incident.
    pub(super) scope: &'a Scope,
    pub(super) row: &'a PostponedRow,
}

impl Desk<'_> {
    /// The mails, each with an event of our own about it.
    pub(super) fn compose(&self, events: &[Event], supply: &IncidentSupply) -> Vec<BundleOutcome> {
        let (shared, row) = (self.shared, self.row);
        let console = console_address::base(&self.snapshot.console.values, &shared.installation);
        let incidents: Vec<_> = events.iter().filter_map(Incident::of).collect();
        let link = |incident: &Incident<'_>| link_to_incident(&console, incident);
        let links: Vec<String> = incidents.iter().map(link).collect();
        let bundled = incidents.iter().zip(&links).map(|(incident, link)| BundledIncident {
            incident: *incident,
            link,
            samples: supply.samples_of(incident.event),
        });
        let letter = BundleLetter {
            subscription: &row.subscription,
            rules: &self.snapshot.incident_rules,
            recipients: vec![Recipient { address: row.address.clone(), role: RecipientRole::To }],
            incidents: bundled.collect(),
            reader: Reader {
                language: Language::with_code(&row.language).unwrap_or_default(),
                time_zone: TimeZone::named(&row.time_zone).unwrap_or(TimeZone::UTC),
                time_format: TimeFormat::Local,
            },
        };
        let mails = self.profile.composer.compose_bundle(&letter);
        let outcome = |BundleMail { told, composed }: BundleMail| {
            let told: Vec<_> = told.into_iter().map(|at| incidents[at]).collect();
            self.outcome_of(&told, composed)
        };
        mails.into_iter().map(outcome).collect()
    }

    fn outcome_of(&self, told: &[Incident<'_>], composed: Composed) -> BundleOutcome {
        let subscription = &self.row.subscription;
        let event = self.own_event(&OwnWords {
            event_type: BUNDLE_TYPE,
            type_name: "Incidents were told in a bundle",
            severity: Severity::Info,
            about: format!("{} incidents of subscription {subscription}", told.len()),
            incidents: told,
        });
        let now = event.registered_at;
        let id = self.shared.ids.notification(now);
        let frozen = freeze(composed, &event, id, self.shared.settings.hello_name());
        let notification = Notification {
            id,
            event: event.uid,
            channel: self.profile.channel.clone(),
            created_at: now,
            scope: self.scope_for(&event),
            // One bundle has nothing to do with the one before.
            content: Content { thread_id: String::new(), ..frozen },
        };
        BundleOutcome {
            planned: Some(self.bind(notification, now)),
            reason: format!("bundle of subscription `{subscription}`"),
            ..self.outcome(event, told)
        }
    }

    /// The scope by which the relay is found at each attempt: that of the bundle's own event, but
    /// that of the first incident where settings of its own give it another relay.
    fn scope_for(&self, event: &Event) -> Scope {
        let own = self.snapshot.holding(event);
        let mut profiles = own.profiles.iter();
        let is_same = profiles.any(|profile| std::ptr::eq(profile.as_ref(), self.profile));
        if is_same { own.scope } else { self.scope.clone() }
    }

    /// An event of our own that says what is not told any more, and why.
    pub(super) fn note_untold(&self, sorted: &Sorted, severity: Severity) -> BundleOutcome {
        let incidents: Vec<_> = sorted.untold.iter().filter_map(Incident::of).collect();
        let (row, count) = (self.row, incidents.len());
        let event = self.own_event(&OwnWords {
            event_type: UNTOLD_TYPE,
            type_name: "Incidents that waited were not told",
            severity,
            about: format!(
                "{count} incidents of subscription {} waited for {} and are not told: {}",
                row.subscription,
                row.address,
                sorted.why.replace('`', ""),
            ),
            incidents: &incidents,
        });
        BundleOutcome {
            reason: format!("what waited is not told: {}", sorted.why),
            ..self.outcome(event, &incidents)
        }
    }

    fn outcome(&self, event: Event, incidents: &[Incident<'_>]) -> BundleOutcome {
        let mut uids: Vec<EventUid> = incidents.iter().filter_map(incident_uid).collect();
        uids.sort_unstable();
        uids.dedup();
        BundleOutcome {
            event,
            planned: None,
            channel: self.profile.channel.clone(),
            reason: String::new(),
            incidents: uids,
            address: self.row.address.clone(),
        }
    }

    fn bind(&self, notification: Notification, now: Timestamp) -> PlannedNotification {
        let lifetime_ms = self.snapshot.delivery.lifetime_ms();
        let delivery = |recipient: &Recipient| Delivery {
            id: self.shared.ids.delivery(now),
            notification: notification.id,
            recipient: recipient.clone(),
            lane: self.profile.lane.clone(),
            state: DeliveryState::Queued { due_at: now },
            created_at: now,
            expires_at: now.plus_ms(lifetime_ms),
            attempts: 0,
            retries: 0,
            possibly_duplicated: false,
            last_failure: None,
        };
        let deliveries = notification.content.recipients.iter().map(delivery).collect();
        PlannedNotification { notification: notification.into(), deliveries, limit: None }
    }

    /// An event of our own; its description names the incidents, so that a search finds it.
    fn own_event(&self, words: &OwnWords<'_>) -> Event {
        let now = self.shared.clock.now();
        let uid = self.shared.ids.event(now);
        let ids = list_ids(words.incidents);
        let count = i64::try_from(words.incidents.len()).unwrap_or(i64::MAX);
        let subscription = ParameterValue::Text(self.row.subscription.clone());
        Event {
            uid,
            id: uid.to_string(),
            event_type: words.event_type.to_owned(),
            type_name: words.type_name.to_owned(),
            severity: words.severity,
            application: Application {
                name: OWN_APPLICATION.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            device: Device::default(),
            task: String::new(),
            description: format!("{}. Incidents: {ids}", words.about),
            occurred_at: now,
            registered_at: now,
            parameters: [
                ("subscription".to_owned(), subscription),
                ("incidents".to_owned(), ParameterValue::Integer(count)),
                ("incident_ids".to_owned(), ParameterValue::Text(ids)),
            ]
            .into(),
        }
    }
}

/// What an event of our own says.
struct OwnWords<'a> {
    event_type: &'static str,
    type_name: &'static str,
    severity: Severity,
    about: String,
    incidents: &'a [Incident<'a>],
}

/// The ids of incidents, each once, as many as have room.
fn list_ids(incidents: &[Incident<'_>]) -> String {
    let mut known = std::collections::HashSet::new();
    let (mut ids, mut chars) = (String::new(), 0);
    for incident in incidents.iter().filter(|incident| known.insert(incident.id)) {
        let separator = if ids.is_empty() { "" } else { ", " };
        chars += separator.len() + incident.id.chars().count();
        if chars > IDS_CHARS_MAX {
            ids.push_str(", …");
            break;
        }
        ids.extend([separator, incident.id]);
    }
    ids
}
