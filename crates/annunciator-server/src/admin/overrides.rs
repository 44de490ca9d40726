//! Event configuration, policies and application settings: list, and change for many events at
//! once (spec 6.2).
//!
//! In: whose overrides, of which events, and a merge patch that is laid over each.
//! Out: the configuration with all of them changed, or with none; problems with pointers into the
//! request.
//! Knows nothing of: HTTP, which layer wins.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use annunciator_api_types::{
    ApplicationSettingsList, ApplicationSettingsView, EntryView, FieldError, OverrideChange,
    OverrideList, OverridesSaved, OwnerView, PolicyView, SettingsSaved,
};
use annunciator_channels::ChannelLayers;
use annunciator_planner::{Entry, Owned, Owner, Policy, Selector};
use serde_json::{Map, Value};

use super::override_edit::{Order, Places};
use super::{AdminError, settings};
use crate::configuration::Configuration;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Which overrides are asked for; absent = all.
#[derive(Debug, Default)]
pub struct OverrideFilter {
    /// `event_configuration`, `policy` or `application_settings`.
    pub kind: Option<String>,
    /// Of this application.
    pub application: Option<String>,
    /// Of this policy.
    pub policy: Option<String>,
    /// Of application settings on this device.
    pub device: Option<String>,
}

/// The kinds of owners.
pub const OWNER_KINDS: [&str; 3] = ["event_configuration", "policy", "application_settings"];

/// What is saved with a change.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// Only when this is the newest revision.
    pub expected_revision: Option<i64>,
    /// Who changes.
    pub author: &'a str,
    /// Why.
    pub comment: &'a str,
}

impl OverrideFilter {
    fn admits(&self, owner: &Owner) -> bool {
        let (mut policy, mut device) = (None, None);
        match owner {
            Owner::EventConfiguration { .. } => {}
            Owner::Policy(one) => policy = Some(&one.name),
            Owner::Application { device: on, .. } => device = Some(on),
        }
        let is = |wanted: &Option<String>, found: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| found == Some(wanted))
        };
        self.kind.as_deref().is_none_or(|kind| kind == kind_of(owner))
            && self.application.as_deref().is_none_or(|one| one == owner.application())
            && is(&self.policy, policy)
            && is(&self.device, device)
    }
}

fn kind_of(owner: &Owner) -> &'static str {
    match owner {
        Owner::EventConfiguration { .. } => OWNER_KINDS[0],
        Owner::Policy(_) => OWNER_KINDS[1],
        Owner::Application { .. } => OWNER_KINDS[2],
    }
}

/// The overrides, secrets masked.
#[must_use]
pub fn list(shared: &Shared, filter: &OverrideFilter) -> OverrideList {
    let snapshot = shared.settings.current();
    let mut owners: Vec<OwnerView> = Vec::new();
    let mut number = 0;
    for owned in &snapshot.configuration.overrides.owned {
        let first = number;
        number += u32::try_from(owned.entries.len()).unwrap_or(0);
        if !filter.admits(&owned.owner) {
            continue;
        }
        let events = (first..).zip(&owned.entries);
        let events = events.map(|(number, entry)| entry_view(&snapshot, number, entry));
        let id = owned.owner.id();
        match owners.iter_mut().rfind(|view| view.id == id) {
            Some(view) => view.events.extend(events),
            None => owners.push(OwnerView { events: events.collect(), ..owner_view(owned) }),
        }
    }
    OverrideList { revision: snapshot.revision, owners }
}

fn owner_view(owned: &Owned<ChannelLayers>) -> OwnerView {
    let owner = &owned.owner;
    let (mut policy, mut device) = (None, None);
    match owner {
        Owner::EventConfiguration { .. } => {}
        Owner::Policy(one) => policy = Some(policy_view(one, owned.entries.len())),
        Owner::Application { device: on, .. } => device = Some(on.clone()),
    }
    OwnerView {
        id: owner.id(),
        kind: kind_of(owner).to_owned(),
        application: owner.application().to_owned(),
        policy,
        device,
        events: Vec::new(),
    }
}

pub(super) fn policy_view(policy: &Policy, event_count: usize) -> PolicyView {
    PolicyView {
        name: policy.name.clone(),
        application: policy.application.clone(),
        group: policy.group.clone(),
        enabled: policy.enabled,
        inherit: policy.inherit,
        force_children: policy.force_children,
        event_count,
    }
}

fn entry_view(snapshot: &Snapshot, number: u32, entry: &Entry<ChannelLayers>) -> EntryView {
    let (mut event_type, mut severity) = (None, None);
    match &entry.selector {
        Selector::Type(code) => event_type = Some(code.clone()),
        Selector::Severity(one) => severity = Some(one.as_str().to_owned()),
        Selector::All => {}
    }
    let groups = entry.content.groups().into_iter().filter(|(_, group)| !group.is_empty());
    let settings = groups.map(|(name, group)| (name.to_owned(), Value::Object(group.shown())));
    EntryView {
        id: snapshot.layer_id(number).to_owned(),
        event_type,
        severity,
        conditions: entry.condition.as_ref().map(|condition| condition.to_json()),
        words: entry.words(),
        locked: entry.locked.iter().cloned().collect(),
        storage_term_days: entry.storage_term_days,
        settings: Map::from_iter(settings),
    }
}

/// Changes the overrides of one owner for all given events, or none.
///
/// # Errors
/// [`AdminError::Invalid`] with everything that is wrong; as [`settings::change`].
pub async fn change(
    shared: &Shared,
    request: OverrideChange,
    signature: Signature<'_>,
) -> Result<OverridesSaved, AdminError> {
    let current = shared.settings.current();
    let order = Order::read(request, &current.configuration).map_err(AdminError::Invalid)?;
    if order.clears() && clears_nothing(&order, &current.configuration) {
        let detail = "nothing is overridden there; `annunciator override list` names what is, \
                      with the conditions of each";
        let warnings = vec![FieldError::new("/targets", "nothing_cleared", detail)];
        return Ok(OverridesSaved { revision: current.revision, warnings });
    }
    let unknown = find_unknown_types(shared, &order).await?;
    let places = Mutex::new(Places::default());
    let translate = |errors: Vec<FieldError>| {
        places.lock().unwrap_or_else(PoisonError::into_inner).translate(errors)
    };
    let make = |configuration: &_| {
        let (next, edited) = order.apply(configuration);
        *places.lock().unwrap_or_else(PoisonError::into_inner) = edited;
        next
    };
    let saved = save(shared, signature, &make, &translate).await?;
    let mut warnings = unknown;
    warnings.extend(translate(saved.warnings));
    Ok(OverridesSaved { revision: saved.revision, warnings })
}

/// Saves a change; the pointers of its problems are translated into the request.
pub(super) async fn save(
    shared: &Shared,
    signature: Signature<'_>,
    make: settings::Make<'_>,
    translate: &(dyn Fn(Vec<FieldError>) -> Vec<FieldError> + Sync),
) -> Result<SettingsSaved, AdminError> {
    let Signature { expected_revision, author, comment } = signature;
    let saved = settings::change(shared, expected_revision, author, comment, make).await;
    saved.map_err(|error| match error {
        AdminError::Invalid(errors) => AdminError::Invalid(translate(errors)),
        other => other,
    })
}

/// Whether a change leaves everything as it is.
fn clears_nothing(order: &Order, current: &Configuration) -> bool {
    order.apply(current).0.is_ok_and(|next| next == *current)
}

/// Types and applications that have never reported an event: they may come, or be misspelt.
async fn find_unknown_types(shared: &Shared, order: &Order) -> Result<Vec<FieldError>, AdminError> {
    let known = shared.store.event_types().await?;
    let applications: HashSet<&str> = known.iter().map(|row| row.application.as_str()).collect();
    let application = order.application();
    if !applications.is_empty() && !applications.contains(application) && !order.clears() {
        let remedy = remedy(application, &applications);
        let detail = format!("no event of an application `{application}` has come yet; {remedy}");
        return Ok(vec![FieldError::new("/application", "unknown_application", detail)]);
    }
    let of_application = known.iter().filter(|row| row.application == order.application());
    let codes: HashSet<&str> = of_application.map(|row| row.event_type.as_str()).collect();
    if codes.is_empty() || order.clears() {
        return Ok(Vec::new());
    }
    let unknown = order.types().filter(|(_, code)| !codes.contains(code));
    let warning = |(at, code): (usize, &str)| {
        let remedy = remedy(code, &codes);
        let detail =
            format!("{} has reported no event of type `{code}` yet; {remedy}", order.application());
        FieldError::new(format!("/targets/{at}/type"), "unknown_event_type", detail)
    };
    Ok(unknown.map(warning).take(UNKNOWN_TYPES_MAX).collect())
}

/// The name that may be meant.
fn remedy(name: &str, known: &HashSet<&str>) -> String {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(known, name), known));
    let near = near.min().filter(|(distance, _)| *distance <= 3);
    near.map_or_else(
        || "it holds as soon as one comes".to_owned(),
        |(_, near)| format!("did you mean `{near}`?"),
    )
}

/// Most unknown types that one answer names.
const UNKNOWN_TYPES_MAX: usize = 100;

/// The applications with settings of their own on a device.
#[must_use]
pub fn application_settings(shared: &Shared) -> ApplicationSettingsList {
    let snapshot = shared.settings.current();
    let view = |owned: &Owned<ChannelLayers>| match &owned.owner {
        Owner::Application { application, device } => Some(ApplicationSettingsView {
            application: application.clone(),
            device: device.clone(),
            event_count: owned.entries.len(),
        }),
        _ => None,
    };
    let rows = snapshot.configuration.overrides.owned.iter().filter_map(view);
    ApplicationSettingsList { revision: snapshot.revision, application_settings: rows.collect() }
}

/// Deletes the settings of an application on a device.
///
/// # Errors
/// [`AdminError::NotFound`]; as [`settings::change`].
pub async fn delete_application_settings(
    shared: &Shared,
    application: &str,
    device: &str,
    signature: Signature<'_>,
) -> Result<OverridesSaved, AdminError> {
    let owner =
        Owner::Application { application: application.to_owned(), device: device.to_owned() };
    delete_owner(shared, &|one| *one == owner, signature).await?.ok_or_else(|| {
        AdminError::NotFound("There are no settings of this application on this device.".to_owned())
    })
}

/// Deletes an owner with its overrides; nothing when there is none.
pub(super) async fn delete_owner(
    shared: &Shared,
    is_meant: &(dyn Fn(&Owner) -> bool + Sync),
    signature: Signature<'_>,
) -> Result<Option<OverridesSaved>, AdminError> {
    let current = shared.settings.current();
    if !current.configuration.overrides.owned.iter().any(|owned| is_meant(&owned.owner)) {
        return Ok(None);
    }
    let make = |configuration: &Configuration| {
        let mut next = configuration.clone();
        next.overrides.owned.retain(|owned| !is_meant(&owned.owner));
        Ok(next)
    };
    let saved = save(shared, signature, &make, &|errors| errors).await?;
    Ok(Some(OverridesSaved { revision: saved.revision, warnings: saved.warnings }))
}
