//! What planning needs to know of incidents besides their events: users and samples.
//!
//! In: events that are to be planned. Out: the directory of users and the samples of incidents,
//! read once for a batch; nothing is read when no event is an incident.
//! Failure: the store's error; planning goes on without, when it must go on.

use std::collections::HashMap;

use annunciator_core::{Event, EventUid, Sample, Timestamp};
use annunciator_planner::{Directory, DirectoryUser, Incident};
use annunciator_store::{Store, StoreError, UserRecord};
use annunciator_template::{Language, TimeZone};

use crate::session_book::alive;

/// What planning needs to know of incidents.
#[derive(Debug, Default)]
pub struct IncidentSupply {
    /// Users.
    pub directory: Directory,
    samples: HashMap<EventUid, Vec<Sample>>,
}

impl IncidentSupply {
    /// Reads what is needed for these events.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn gather<'a>(
        store: &dyn Store,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Result<Self, StoreError> {
        let incidents = events.into_iter().filter_map(Incident::of);
        let (mut any, mut wanted) = (None, Vec::new());
        for incident in incidents {
            any = Some(incident.event.registered_at);
            if incident.number("samples").is_some() {
                wanted.extend(incident_uid(&incident));
            }
        }
        let Some(now) = any else { return Ok(Self::default()) };
        let directory = Self::directory(store, now).await?;
        let samples = match wanted.is_empty() {
            true => HashMap::new(),
            false => store.incident_samples(wanted).await?.into_iter().collect(),
        };
        Ok(Self { directory, samples })
    }

    /// Reads all users and what they have paused.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn directory(store: &dyn Store, now: Timestamp) -> Result<Directory, StoreError> {
        let users = store.users(alive(now)).await?;
        let paused = store.paused_subscriptions().await?;
        let paused = paused.into_iter().map(|(subscription, user, _)| (subscription, user));
        Ok(Directory::new(users.into_iter().map(|(user, _)| to_user(user)), paused))
    }

    /// The samples of an event's incident.
    #[must_use]
    pub fn samples_of(&self, event: &Event) -> &[Sample] {
        if self.samples.is_empty() {
            return &[];
        }
        let uid = Incident::of(event).and_then(|incident| incident_uid(&incident));
        uid.and_then(|uid| self.samples.get(&uid)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The event that registered an incident.
#[must_use]
pub fn incident_uid(incident: &Incident<'_>) -> Option<EventUid> {
    incident.text("incident_uid").parse().ok()
}

fn to_user(user: UserRecord) -> DirectoryUser {
    DirectoryUser {
        name: user.name,
        address: user.email,
        language: Language::with_code(&user.language),
        time_zone: some(&user.time_zone).and_then(|name| TimeZone::named(name).ok()),
        is_blocked: user.is_blocked,
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
