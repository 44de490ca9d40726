//! What the server has to say itself, as events in its own inbox: they are planned, mailed and
//! kept like any other.
//!
//! In: an [`OwnEvent`]. Out: an accepted event; the same id again is the same event.
//! Failure: the store's error; whoever raises it says so and tries again later.

use std::collections::BTreeMap;
use std::sync::Arc;

use annunciator_core::{Application, Device, Event, ParameterValue, Severity};
use annunciator_store::{Accept, Store, StoreError};

use crate::dispatcher::OWN_APPLICATION;
use crate::ids::IdSource;
use crate::planner_task::PlannerInbox;

/// Something that an administrator must know.
pub struct OwnEvent {
    /// Id: the same thing told twice is one event.
    pub id: String,
    /// Event type, `annunciator.…`.
    pub event_type: &'static str,
    /// Its name for people.
    pub type_name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What happened, and what to do.
    pub description: String,
    /// Facts for templates and programs.
    pub parameters: BTreeMap<String, ParameterValue>,
}

/// The way of own events into the inbox. Cheap to clone.
#[derive(Clone)]
pub struct OwnEvents {
    store: Arc<dyn Store>,
    ids: IdSource,
    planner: PlannerInbox,
}

impl OwnEvents {
    /// Events into this store, planned from this inbox.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ids: IdSource, planner: PlannerInbox) -> Self {
        Self { store, ids, planner }
    }

    /// Raises an event.
    ///
    /// # Errors
    /// What the store answers; nothing was raised then.
    pub async fn raise(&self, own: OwnEvent) -> Result<(), StoreError> {
        let now = self.ids.now();
        let event = Event {
            uid: self.ids.event(now),
            id: own.id,
            event_type: own.event_type.to_owned(),
            type_name: own.type_name.to_owned(),
            severity: own.severity,
            application: Application {
                name: OWN_APPLICATION.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            device: Device::default(),
            task: String::new(),
            description: own.description,
            occurred_at: now,
            registered_at: now,
            parameters: own.parameters,
        };
        let accept = Accept { events: vec![event], idempotency: None, claimed: false, now };
        self.store.accept(accept).await?;
        self.planner.note_backlog();
        Ok(())
    }
}
