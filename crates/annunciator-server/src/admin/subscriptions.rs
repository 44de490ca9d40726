//! What can be asked about subscriptions: list, show, save, delete, pause, who would be told.
//!
//! In: settings of a subscription, incidents; who asks. Out: subscriptions with who is left out.
//! Knows nothing of: HTTP.
//! Failure: a change is checked with the whole settings, saved and put in force; or nothing
//! happens.
//! Standard: spec 9.2; ADR 0037.

use annunciator_api_types::{
    AddresseeView, AudienceRequest, AudienceView, FieldError, LeftOutView, PauseRequest,
    PausedView, SubscriptionList, SubscriptionSaved, SubscriptionView,
};
use annunciator_core::{Event, Timestamp};
use annunciator_planner::{
    Directory, Incident, IncidentRules, LeftOut, Subscription, find_audience, find_left_out,
    silenced_by,
};
use annunciator_settings::SettingValue as _;
use annunciator_store::NewAudit;
use serde_json::{Map, Value, json};

use super::settings::change;
use super::{AdminError, incident_drafts, incidents};
use crate::configuration::Configuration;
use crate::identity::{Credential, Identity};
use crate::incident_supply::IncidentSupply;
use crate::intake::incidents::{IncidentBatch, Registration, validate};
use crate::settings_document as document;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Who asks, and what they may see.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// Whether they may see all subscriptions, and not only their own.
    pub sees_all: bool,
    /// Whether they may change settings.
    pub may_change: bool,
}

impl Asker<'_> {
    /// The user who asks; none for tokens and the socket.
    fn user(&self) -> Option<&str> {
        match &self.identity.credential {
            Credential::Session { user, .. } => Some(user),
            Credential::Local | Credential::Token(_) => None,
        }
    }

    fn is_own(&self, subscription: &Subscription) -> bool {
        self.user().is_some_and(|user| names(subscription, user))
    }

    fn is(&self, user: &str) -> bool {
        self.user().is_some_and(|own| own.eq_ignore_ascii_case(user))
    }

    fn sees(&self, subscription: &Subscription) -> bool {
        self.sees_all || self.is_own(subscription)
    }
}

fn names(subscription: &Subscription, user: &str) -> bool {
    subscription.users.iter().any(|name| name.eq_ignore_ascii_case(user))
}

fn is_named(subscription: &Subscription, name: &str) -> bool {
    subscription.name.to_lowercase() == name.to_lowercase()
}

/// Users and pauses.
struct Known {
    directory: Directory,
    paused: Vec<(String, String, Timestamp)>,
}

impl Known {
    async fn read(shared: &Shared) -> Result<Self, AdminError> {
        Ok(Self {
            directory: IncidentSupply::directory(shared.store.as_ref(), shared.clock.now()).await?,
            paused: shared.store.paused_subscriptions().await?,
        })
    }

    fn view(&self, subscription: &Subscription, asker: Asker<'_>) -> SubscriptionView {
        let mut settings = match subscription.to_json() {
            Value::Object(settings) => settings,
            _ => Map::new(),
        };
        let is_seen = |user: &str| asker.sees_all || asker.is(user);
        if !asker.sees_all {
            // Who else subscribes is nobody else's business.
            let own: Vec<&str> = subscription.users.iter().filter(|user| asker.is(user)).collect();
            settings.insert("users".to_owned(), own.into());
            settings.insert("addresses".to_owned(), Value::Array(Vec::new()));
        }
        let of_this = |(name, ..): &&(String, String, Timestamp)| is_named(subscription, name);
        let paused = self.paused.iter().filter(of_this);
        let paused = paused.filter(|(_, user, _)| names(subscription, user) && is_seen(user));
        let paused =
            paused.map(|(_, user, since)| PausedView { user: user.clone(), since: *since });
        let mut left_out = find_left_out(subscription, &self.directory);
        left_out.retain(|one| is_seen(&one.who));
        SubscriptionView {
            name: subscription.name.clone(),
            enabled: subscription.enabled,
            settings,
            is_own: asker.is_own(subscription),
            paused: paused.collect(),
            left_out: left_out.into_iter().map(left_out_view).collect(),
        }
    }
}

fn left_out_view(left_out: LeftOut) -> LeftOutView {
    let LeftOut { subscription, who, reason } = left_out;
    LeftOutView { subscription, who, reason: reason.to_owned() }
}

/// The subscriptions that somebody may see.
///
/// # Errors
/// What the store answers.
pub async fn list(shared: &Shared, asker: Asker<'_>) -> Result<SubscriptionList, AdminError> {
    let snapshot = shared.settings.current();
    let known = Known::read(shared).await?;
    let all = snapshot.incidents.values.subscriptions.iter();
    let seen = all.filter(|subscription| asker.sees(subscription));
    Ok(SubscriptionList {
        revision: snapshot.revision,
        subscriptions: seen.map(|one| known.view(one, asker)).collect(),
        cannot_send: cannot_send(&snapshot),
    })
}

/// What the Mail Notifier lacks, by the server-wide settings.
fn cannot_send(snapshot: &Snapshot) -> String {
    let scope = annunciator_core::Scope {
        application: String::new(),
        event_type: String::new(),
        severity: annunciator_core::Severity::Info,
        device: String::new(),
        group: String::new(),
        conditions: Vec::new(),
    };
    let holding = snapshot.holding_under(scope, Vec::new());
    let mut profiles = holding.profiles.iter();
    let found = profiles.find(|profile| profile.composer.is_for_subscribers());
    found.map(|profile| profile.missing.clone()).unwrap_or_default()
}

/// One subscription.
///
/// # Errors
/// None of that name that the caller may see.
pub async fn show(
    shared: &Shared,
    name: &str,
    asker: Asker<'_>,
) -> Result<SubscriptionView, AdminError> {
    let snapshot = shared.settings.current();
    let mut all = snapshot.incidents.values.subscriptions.iter();
    let found = all.find(|one| is_named(one, name)).filter(|one| asker.sees(one));
    let found = found.ok_or_else(not_found)?;
    Ok(Known::read(shared).await?.view(found, asker))
}

fn not_found() -> AdminError {
    AdminError::NotFound("There is no subscription of this name.".to_owned())
}

/// Saves a subscription: a new one, or in place of the one of this name, which may get another.
///
/// # Errors
/// Everything that is wrong with it; as [`change`].
pub async fn put(
    shared: &Shared,
    name: &str,
    mut settings: Map<String, Value>,
    (expected_revision, asker): (Option<i64>, Asker<'_>),
) -> Result<SubscriptionSaved, AdminError> {
    settings.entry("name").or_insert_with(|| name.into());
    let new_name = settings["name"].as_str().unwrap_or(name).to_owned();
    let current = shared.settings.current();
    let place_of = |rows: &[Subscription]| rows.iter().position(|one| is_named(one, name));
    let place = place_of(&current.incidents.values.subscriptions);
    let at = place.unwrap_or(current.incidents.values.subscriptions.len());
    let make = |current: &Configuration| {
        let mut rows = rows_of(current);
        let row = Value::Object(settings.clone());
        match rows.iter().position(|one| name_of(one).to_lowercase() == name.to_lowercase()) {
            Some(at) => rows[at] = row,
            None => rows.push(row),
        }
        with_rows(current, &rows)
    };
    let shorten = |mut errors: Vec<FieldError>| {
        let above = format!("/incidents/subscriptions/{at}");
        for error in &mut errors {
            if let Some(rest) = error.pointer.strip_prefix(&above) {
                error.pointer = rest.to_owned();
            }
        }
        errors
    };
    let author = &asker.identity.name;
    let saved = change(shared, expected_revision, author, "", &make).await;
    let saved = saved.map_err(|error| match error {
        AdminError::Invalid(errors) => AdminError::Invalid(shorten(errors)),
        other => other,
    })?;
    if place.is_some() && new_name.to_lowercase() != name.to_lowercase() {
        move_pauses(shared, name, Some(&new_name), author).await?;
    }
    Ok(SubscriptionSaved {
        revision: saved.revision,
        subscription: show(shared, &new_name, asker).await?,
        warnings: shorten(saved.warnings),
    })
}

/// Deletes a subscription.
///
/// # Errors
/// None of that name; as [`change`].
pub async fn delete(
    shared: &Shared,
    name: &str,
    (expected_revision, author): (Option<i64>, &str),
) -> Result<i64, AdminError> {
    let is_meant = |row: &Value| name_of(row).to_lowercase() == name.to_lowercase();
    if !rows_of(&shared.settings.current().configuration).iter().any(is_meant) {
        return Err(not_found());
    }
    let make = |current: &Configuration| {
        let mut rows = rows_of(current);
        rows.retain(|row| !is_meant(row));
        with_rows(current, &rows)
    };
    let revision = change(shared, expected_revision, author, "", &make).await?.revision;
    move_pauses(shared, name, None, author).await?;
    Ok(revision)
}

/// Pauses go with their subscription: to its new name, or with it.
async fn move_pauses(
    shared: &Shared,
    from: &str,
    to: Option<&str>,
    author: &str,
) -> Result<(), AdminError> {
    let from = from.to_lowercase();
    let paused = shared.store.paused_subscriptions().await?;
    for (_, user, _) in paused.into_iter().filter(|(name, ..)| name.to_lowercase() == from) {
        if let Some(to) = to {
            note_pause(shared, to, (&user, true), author).await?;
        }
        note_pause(shared, &from, (&user, false), author).await?;
    }
    Ok(())
}

/// Ends what a user has paused: somebody else may have the name one day.
///
/// # Errors
/// What the store answers.
pub async fn forget_pauses(shared: &Shared, user: &str, author: &str) -> Result<(), AdminError> {
    let paused = shared.store.paused_subscriptions().await?;
    for (name, who, _) in paused.into_iter().filter(|(_, who, _)| who.eq_ignore_ascii_case(user)) {
        note_pause(shared, &name, (&who, false), author).await?;
    }
    Ok(())
}

async fn note_pause(
    shared: &Shared,
    name: &str,
    (user, paused): (&str, bool),
    author: &str,
) -> Result<(), AdminError> {
    let audit = NewAudit {
        at: shared.clock.now(),
        author: author.to_owned(),
        action: "subscription.pause".to_owned(),
        target: name.to_owned(),
        detail: json!({"user": user, "paused": paused}).to_string(),
    };
    // The store folds the case of ASCII only; names are alike in any script.
    shared.store.pause_subscription(&name.to_lowercase(), user, paused, audit).await?;
    Ok(())
}

fn rows_of(configuration: &Configuration) -> Vec<Value> {
    let subscriptions = configuration.server.incidents.subscriptions.iter().flatten();
    subscriptions.map(annunciator_settings::SettingValue::to_json).collect()
}

fn name_of(row: &Value) -> &str {
    row["name"].as_str().unwrap_or_default()
}

fn with_rows(current: &Configuration, rows: &[Value]) -> Result<Configuration, Vec<FieldError>> {
    let patch = Map::from_iter([("incidents".to_owned(), json!({ "subscriptions": rows }))]);
    document::merge(current, &patch)
}

/// Pauses a subscription for one of its users, or goes on with it.
///
/// # Errors
/// None of that name that the caller may see; not their own, and they may not change settings.
pub async fn pause(
    shared: &Shared,
    name: &str,
    request: &PauseRequest,
    asker: Asker<'_>,
) -> Result<SubscriptionView, AdminError> {
    let shown = show(shared, name, asker).await?;
    let snapshot = shared.settings.current();
    let mut all = snapshot.incidents.values.subscriptions.iter();
    let subscription = all.find(|one| is_named(one, name)).ok_or_else(not_found)?;
    let user = match (request.user.as_str(), asker.user()) {
        ("", Some(user)) => user,
        ("", None) => {
            let detail = "say whose subscription: you are no user";
            return Err(AdminError::Invalid(vec![FieldError::new("/user", "required", detail)]));
        }
        (other, own) if asker.may_change || own.is_some_and(|o| o.eq_ignore_ascii_case(other)) => {
            other
        }
        _ => {
            let words = "You may pause your own subscriptions, and not those of others.";
            return Err(AdminError::Forbidden(words.to_owned()));
        }
    };
    if !names(subscription, user) {
        let detail = "is not one of the users of this subscription";
        return Err(AdminError::Invalid(vec![FieldError::new("/user", "conflict", detail)]));
    }
    note_pause(shared, &shown.name, (user, request.paused), &asker.identity.name).await?;
    show(shared, name, asker).await
}

/// Who would be told of an incident now.
///
/// # Errors
/// None of that id; what no incident could be; a draft of somebody who may not change settings, or
/// that a save would refuse.
pub async fn preview(
    shared: &Shared,
    request: AudienceRequest,
    asker: Asker<'_>,
) -> Result<AudienceView, AdminError> {
    let now = shared.clock.now();
    let snapshot = shared.settings.current();
    let tried = match &request.draft {
        // A draft could name any user, and the answer tells addresses.
        Some(_) if !asker.may_change => {
            let words = "Trying a subscription takes the right to change settings.";
            return Err(AdminError::Forbidden(words.to_owned()));
        }
        Some(draft) => Some(with_draft(&snapshot, draft, request.draft_of.as_deref())?),
        None => None,
    };
    let rules = tried.as_ref().unwrap_or(&snapshot.incident_rules);
    let event = event_of(shared, request, rules, now).await?;
    let directory = IncidentSupply::directory(shared.store.as_ref(), now).await?;
    let incident = Incident::of(&event).ok_or_else(not_found)?;
    let audience = find_audience(rules, &directory, &incident, now);
    let name = |at: usize| rules.subscribers()[at].subscription.name.clone();
    let holding = snapshot.holding(&event);
    let mut profiles = holding.profiles.iter();
    let profile = profiles.find(|profile| profile.composer.is_for_subscribers());
    let missing = profile.map(|profile| profile.missing.clone()).unwrap_or_default();
    let own = asker.user().and_then(|user| directory.user(user));
    let own = own.map(|user| user.address.as_str()).unwrap_or_default();
    let is_seen = |address: &str| asker.sees_all || address.eq_ignore_ascii_case(own);
    let is_subscription_seen = |at: usize| asker.sees(&rules.subscribers()[at].subscription);
    let all = audience.addressees.len();
    let mut seen = audience.addressees;
    seen.retain(|one| is_seen(&one.address));
    let others = u64::try_from(all - seen.len()).unwrap_or(u64::MAX);
    let mut left_out = audience.left_out;
    left_out.retain(|one| asker.sees_all || asker.is(&one.who));
    let silence = profile.and_then(|profile| {
        let silences = shared.silences.current();
        let silence = silenced_by(&event, &profile.channel, &silences, now)?;
        Some(silence.reason())
    });
    let silent = rules.why_silent(&incident).or(silence).unwrap_or(missing);
    let addressees = seen.into_iter().map(|one| AddresseeView {
        subscription: name(one.subscriber),
        language: one.language.code().to_owned(),
        time_zone: one.time_zone.name().to_owned(),
        address: one.address,
        due_at: one.due_at,
    });
    Ok(AudienceView {
        silent,
        subscriptions: audience
            .matched
            .iter()
            .filter(|at| is_subscription_seen(**at))
            .map(|at| name(*at))
            .collect(),
        addressees: addressees.collect(),
        others,
        left_out: left_out.into_iter().map(left_out_view).collect(),
    })
}

/// The rules as if a draft were saved.
fn with_draft(
    snapshot: &Snapshot,
    draft: &Map<String, Value>,
    of: Option<&str>,
) -> Result<IncidentRules, AdminError> {
    let below = |mut error: FieldError| {
        error.pointer.insert_str(0, "/draft");
        error
    };
    let read = incident_drafts::subscription(draft);
    let draft =
        read.map_err(|errors| AdminError::Invalid(errors.into_iter().map(below).collect()))?;
    let mut settings = snapshot.incidents.values.clone();
    let of = of.unwrap_or(&draft.name);
    match settings.subscriptions.iter().position(|one| is_named(one, of)) {
        Some(at) => settings.subscriptions[at] = draft,
        None => settings.subscriptions.push(draft),
    }
    Ok(IncidentRules::new(&settings))
}

async fn event_of(
    shared: &Shared,
    request: AudienceRequest,
    rules: &IncidentRules,
    now: Timestamp,
) -> Result<Event, AdminError> {
    match (request.incident_id, request.incident) {
        (Some(id), None) => {
            let row = incidents::find(shared, &id, request.detector.as_deref()).await?;
            let mut event = row.event;
            // As it is now.
            let status = annunciator_core::ParameterValue::Text(row.status);
            event.parameters.insert("status".to_owned(), status);
            Ok(event)
        }
        (None, Some(input)) => {
            let registration = Registration { now, author: "preview", rules };
            let batch = IncidentBatch { inputs: vec![input], is_list: false };
            let taken = validate(batch, registration, || shared.ids.event(now));
            let below = |mut error: FieldError| {
                error.pointer.insert_str(0, "/incident");
                error
            };
            let taken = taken.map_err(|errors| errors.into_iter().map(below).collect());
            let mut taken = taken.map_err(AdminError::Invalid)?;
            Ok(taken.pop().expect("one in, one out").0)
        }
        _ => {
            let detail = "give `incident_id` or `incident`, one of them";
            Err(AdminError::Invalid(vec![FieldError::new("/incident_id", "required", detail)]))
        }
    }
}
