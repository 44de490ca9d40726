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
        let incidents: Vec<_> = events.into_iter().filter_map(Incident::of).collect();
        let Some(last) = incidents.last() else { return Ok(Self::default()) };
        let directory = Self::directory(store, last.event.registered_at).await?;
        Ok(Self { directory, ..Self::samples_for(store, incidents).await? })
    }

    /// Reads the samples of these events' incidents, and no users.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn samples(store: &dyn Store, events: &[Event]) -> Result<Self, StoreError> {
        Self::samples_for(store, events.iter().filter_map(Incident::of)).await
    }

    async fn samples_for<'a>(
        store: &dyn Store,
        incidents: impl IntoIterator<Item = Incident<'a>>,
    ) -> Result<Self, StoreError> {
        let has_samples = |incident: &Incident<'_>| incident.number("samples").is_some();
        let with_samples = incidents.into_iter().filter(has_samples);
        let wanted: Vec<_> = with_samples.filter_map(|one| incident_uid(&one)).collect();
        let samples = match wanted.is_empty() {
            true => HashMap::new(),
            false => store.incident_samples(wanted).await?.into_iter().collect(),
        };
        Ok(Self { samples, ..Self::default() })
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
