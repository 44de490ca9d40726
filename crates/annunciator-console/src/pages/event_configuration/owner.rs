//! Whose overrides a page is about: out of its address, and back into one.

use annunciator_api_types::{
    DeviceOwnerInput, EventList, EventTypeList, OwnerInput, OwnerView, PolicyView,
};

use crate::api::{escape, with_query};
use crate::form::Form;
use crate::page::{Page, Visitor};
use crate::refusal::Stop;

/// Who owns overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// The Administration Server, of all applications.
    Server,
    /// A policy.
    Policy(PolicyView),
    /// An application on one device, and the group that its events name.
    Device { application: String, device: String, group: String },
}

impl Owner {
    /// The owner that a form or a query names: `policy=`, or `device=` and `application=`.
    ///
    /// # Errors
    /// The API refuses, or there is no such policy.
    pub(super) async fn read(visitor: &Visitor, form: &Form) -> Result<Self, Stop> {
        let (policy, device) = (form.text("policy"), form.trimmed("device"));
        if !policy.is_empty() {
            let view = visitor.get(&format!("/api/v1/policies/{}", escape(policy))).await?;
            return Ok(Self::Policy(view));
        }
        if device.is_empty() {
            return Ok(Self::Server);
        }
        let application = form.trimmed("application").to_owned();
        let group = match form.has("group") {
            true => form.trimmed("group").to_owned(),
            false => last_group(visitor, &application, device).await,
        };
        Ok(Self::Device { application, device: device.to_owned(), group })
    }

    /// The pairs of an address that name it.
    pub(super) fn pairs(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Server => Vec::new(),
            Self::Policy(policy) => vec![("policy", &policy.name)],
            Self::Device { application, device, group } => {
                vec![("application", application), ("device", device), ("group", group)]
            }
        }
    }

    /// The page with its event types.
    pub(super) fn path(&self) -> String {
        with_query("/event-configuration", &self.pairs())
    }

    /// The same with something that was done.
    pub(super) fn path_with(&self, notice: &str) -> String {
        let mut pairs = self.pairs();
        pairs.push(("notice", notice));
        with_query("/event-configuration", &pairs)
    }

    /// As requests name it.
    pub(super) fn input(&self) -> OwnerInput {
        match self {
            Self::Server => OwnerInput { event_configuration: true, ..OwnerInput::default() },
            Self::Policy(policy) => {
                OwnerInput { policy: Some(policy.name.clone()), ..OwnerInput::default() }
            }
            Self::Device { device, .. } => OwnerInput {
                application_settings: Some(DeviceOwnerInput { device: device.clone() }),
                ..OwnerInput::default()
            },
        }
    }

    /// The one application that it is about; nothing for the server's, which is about all.
    pub(super) fn application(&self) -> Option<&str> {
        match self {
            Self::Server => None,
            Self::Policy(policy) => Some(&policy.application),
            Self::Device { application, .. } => Some(application),
        }
    }

    /// Device and group of an event that it is about.
    pub(super) fn place(&self) -> (&str, &str) {
        match self {
            Self::Server => ("", ""),
            Self::Policy(policy) => ("", &policy.group),
            Self::Device { device, group, .. } => (device, group),
        }
    }

    /// Whether such overrides are its own.
    pub(super) fn owns(&self, view: &OwnerView) -> bool {
        match self {
            Self::Server => view.kind == "event_configuration",
            Self::Policy(policy) => {
                view.policy.as_ref().is_some_and(|found| found.name == policy.name)
            }
            Self::Device { application, device, .. } => {
                view.application == *application && view.device.as_ref() == Some(device)
            }
        }
    }

    /// Whether it can lock what it sets.
    pub(super) fn can_lock(&self) -> bool {
        matches!(self, Self::Policy(_))
    }

    /// Its name for people.
    pub(super) fn words(&self, page: &Page) -> String {
        match self {
            Self::Server => page.t("event-configuration-server"),
            Self::Policy(policy) => {
                page.t1("event-configuration-policy-named", "name", &policy.name)
            }
            Self::Device { application, device, .. } => page.t2(
                "event-configuration-device-named",
                "application",
                application,
                "device",
                device,
            ),
        }
    }

    /// The known event types, with what holds for them where the owner is.
    ///
    /// # Errors
    /// The API refuses.
    pub(super) async fn types(&self, visitor: &Visitor) -> Result<EventTypeList, Stop> {
        let (device, group) = self.place();
        let path = with_query("/api/v1/event-types", &[("device", device), ("group", group)]);
        let mut list: EventTypeList = visitor.get(&path).await?;
        if let Some(application) = self.application() {
            list.event_types.retain(|row| row.application == application);
        }
        Ok(list)
    }
}

/// The group that the device named last.
async fn last_group(visitor: &Visitor, application: &str, device: &str) -> String {
    let pairs = [("application", application), ("device", device), ("limit", "1")];
    let path = with_query("/api/v1/events", &pairs);
    let found: Option<EventList> = visitor.try_get(&path).await.ok();
    let event = found.and_then(|list| list.events.into_iter().next());
    event.map(|event| event.device.group).unwrap_or_default()
}
