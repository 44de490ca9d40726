//! Incidents that wait into bundles: one mail for each address and subscription (spec 9; ADR 0039).
//!
//! In: what the store holds as postponed and due. Out: a notification with an event of our own
//! that is accepted and planned in the same commit, in which the rows are taken off: a crash loses
//! none and repeats none. Whoever may or will not read it any more is not told; an event of our
//! own says why.
//! Failure: a store that refuses is asked again; while the Mail Notifier cannot send, all waits.
//!
//! Concurrency: one task. `bundle_wake` wakes it after a commit that postponed somebody; otherwise
//! it sleeps until the next is due.

use std::collections::HashMap;
use std::sync::Arc;

use annunciator_core::{
    Application, Content, Delivery, DeliveryState, Device, Event, Lane, Notification,
    ParameterValue, Recipient, RecipientRole, Scope, Severity, Timestamp,
};
use annunciator_planner::{
    BundleLetter, BundledIncident, ChannelProfile, Incident, Recheck, Waiting, freeze,
    link_to_incident, recheck, why_untold,
};
use annunciator_store::{
    BundleCommit, BundleOutcome, DueBundle, PlannedNotification, PostponedRow, StoreError,
};
use annunciator_template::{Language, Reader, TimeFormat, TimeZone};
use tokio_util::sync::CancellationToken;

use crate::console_address;
use crate::dispatcher::OWN_APPLICATION;
use crate::incident_supply::{IncidentSupply, incident_uid};
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Longest wait between two looks: the wall clock may be set meanwhile. Unit: milliseconds.
const LOOK_WAIT_MS_MAX: i64 = 15_000;
/// Wait after what is due could not be told. Unit: milliseconds.
const REFUSED_WAIT_MS: i64 = 5_000;
/// Most bundles of one look; the others come with the next.
const BUNDLES_MAX: usize = 100;
/// Most ids of incidents that an event of ours lists.
const IDS_MAX: usize = 20;

/// Runs until the stop.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        let now = shared.clock.now();
        let at = match look(&shared).await {
            Ok(Some(next_at)) => next_at,
            Ok(None) => now.plus_ms(LOOK_WAIT_MS_MAX),
            Err(error) => {
                tracing::warn!(%error, "cannot look for incidents to bundle; looking again");
                now.plus_ms(REFUSED_WAIT_MS)
            }
        };
        let at = at.min(now.plus_ms(LOOK_WAIT_MS_MAX));
        tokio::select! {
            () = shared.clock.sleep_until(at) => {}
            () = shared.bundle_wake.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Tells what is due; answers when to look again.
async fn look(shared: &Shared) -> Result<Option<Timestamp>, StoreError> {
    let now = shared.clock.now();
    let due = shared.store.due_bundles(now, BUNDLES_MAX).await?;
    let mut is_held_up = false;
    for bundle in due {
        is_held_up |= !tell(shared, bundle).await?;
    }
    if is_held_up {
        return Ok(Some(now.plus_ms(LOOK_WAIT_MS_MAX)));
    }
    let next_at = shared.store.next_bundle_at().await?;
    Ok(next_at.map(|at| at.max(now.plus_ms(1))))
}

/// What becomes of the incidents of a bundle.
#[derive(Default)]
struct Sorted {
    told: Vec<Event>,
    later: Vec<PostponedRow>,
    untold: Vec<Event>,
    /// Why those are not told.
    why: String,
}

/// Tells one bundle; false when it has to wait.
async fn tell(shared: &Shared, bundle: DueBundle) -> Result<bool, StoreError> {
    let snapshot = shared.settings.current();
    let mut events = Vec::with_capacity(bundle.rows.len());
    for row in &bundle.rows {
        // One that was removed meanwhile has nothing to say any more.
        events.extend(shared.store.event(row.event).await?.map(|row| row.event));
    }
    let supply = IncidentSupply::gather(shared.store.as_ref(), &events).await?;
    let Some(first) = events.first() else {
        let (outcomes, postponed) = (Vec::new(), Vec::new());
        let commit = BundleCommit { numbers: bundle.numbers, outcomes, postponed };
        shared.store.commit_bundle(commit).await?;
        return Ok(true);
    };
    let holding = snapshot.holding(first);
    let found = holding.profiles.iter().find(|profile| profile.composer.is_for_subscribers());
    let Some(profile) = found else { return Ok(false) };
    if !profile.missing.is_empty() {
        return Ok(false);
    }
    let row = bundle.rows[0].clone();
    let mut sorted = sort(&snapshot, &supply, events, &row, shared.clock.now());
    sorted.told = as_they_are_now(shared, sorted.told).await?;
    let mut outcomes = Vec::new();
    if !sorted.told.is_empty() {
        let told = (sorted.told.as_slice(), &supply);
        outcomes.push(compose(shared, &snapshot, (profile, &holding.scope), told, &row));
    }
    if !sorted.untold.is_empty() {
        outcomes.push(note_untold(shared, profile, &sorted, &row));
    }
    let (lane, told, untold) = (profile.lane.clone(), sorted.told.len(), sorted.untold.len());
    let commit = BundleCommit { numbers: bundle.numbers, outcomes, postponed: sorted.later };
    let is_done = shared.store.commit_bundle(commit).await?;
    if is_done && untold > 0 {
        tracing::info!(count = untold, "incidents that waited are not told any more");
    }
    if is_done && told > 0 {
        tracing::info!(count = told, "a bundle tells incidents");
        shared.dispatcher.note_queued(&lane);
    }
    Ok(true)
}

/// Looks once more at who may and will read it, now that its time has come.
fn sort(
    snapshot: &Snapshot,
    supply: &IncidentSupply,
    events: Vec<Event>,
    row: &PostponedRow,
    now: Timestamp,
) -> Sorted {
    let (rules, directory) = (&snapshot.incident_rules, &supply.directory);
    let waiting = Waiting { subscription: &row.subscription, address: &row.address };
    let Some(why) = why_untold(rules, directory, waiting) else {
        return Sorted { told: events, ..Sorted::default() };
    };
    let mut sorted = Sorted { why, ..Sorted::default() };
    for event in events {
        let becomes = Incident::of(&event)
            .map_or(Recheck::Untold, |one| recheck(rules, directory, &one, waiting, now));
        match becomes {
            Recheck::Told => sorted.told.push(event),
            Recheck::Untold => sorted.untold.push(event),
            Recheck::Later(later) => sorted.later.push(PostponedRow {
                due_at: later.due_at,
                subscription: later.subscription,
                language: later.addressee.language.code().to_owned(),
                time_zone: later.addressee.time_zone.name().to_owned(),
                address: later.addressee.address,
                event: event.uid,
            }),
        }
    }
    sorted
}

/// Each incident once, as the last of its events tells it, with its present status.
async fn as_they_are_now(shared: &Shared, events: Vec<Event>) -> Result<Vec<Event>, StoreError> {
    let key_of = |event: &Event| incident_uid(&Incident::of(event)?);
    let mut last = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        last.extend(key_of(event).map(|key| (key, at)));
    }
    let mut present = Vec::with_capacity(last.len());
    for (at, mut event) in events.into_iter().enumerate() {
        if let Some(key) = key_of(&event) {
            if last[&key] != at {
                continue;
            }
            if let Some(row) = shared.store.incident(key).await? {
                let status = ParameterValue::Text(row.status);
                event.parameters.insert("status".to_owned(), status);
            }
        }
        present.push(event);
    }
    Ok(present)
}

/// The mail, with an event of our own about it.
fn compose(
    shared: &Shared,
    snapshot: &Snapshot,
    (profile, scope): (&ChannelProfile, &Scope),
    (events, supply): (&[Event], &IncidentSupply),
    row: &PostponedRow,
) -> BundleOutcome {
    let now = shared.clock.now();
    let console = console_address::base(&snapshot.console.values, &shared.installation);
    let incidents: Vec<_> = events.iter().filter_map(Incident::of).collect();
    let link = |incident: &Incident<'_>| link_to_incident(&console, incident);
    let links: Vec<String> = incidents.iter().map(link).collect();
    let incidents = incidents.into_iter().zip(&links).map(|(incident, link)| {
        let samples = supply.samples_of(incident.event);
        BundledIncident { incident, link, samples }
    });
    let reader = Reader {
        language: Language::with_code(&row.language).unwrap_or_default(),
        time_zone: TimeZone::named(&row.time_zone).unwrap_or(TimeZone::UTC),
        time_format: TimeFormat::Local,
    };
    let recipient = Recipient { address: row.address.clone(), role: RecipientRole::To };
    let letter = BundleLetter {
        subscription: &row.subscription,
        rules: &snapshot.incident_rules,
        recipients: vec![recipient],
        incidents: incidents.collect(),
        reader,
    };
    let words = ("annunciator.incident_bundle", "Incidents were told in a bundle");
    let description = format!("{} incidents of subscription {}", events.len(), row.subscription);
    let event = own_event(shared, now, words, description, (row, events.len()));
    let id = shared.ids.notification(now);
    let notification = Notification {
        id,
        event: event.uid,
        channel: profile.channel.clone(),
        created_at: now,
        scope: scope.clone(),
        content: Content {
            // One bundle has nothing to do with the one before.
            thread_id: String::new(),
            ..freeze(
                profile.composer.compose_bundle(&letter),
                &event,
                id,
                shared.settings.hello_name(),
            )
        },
    };
    let planned = bind(shared, notification, &profile.lane, snapshot.delivery.lifetime_ms(), now);
    BundleOutcome {
        channel: profile.channel.clone(),
        reason: format!("bundle of subscription `{}`", row.subscription),
        planned: Some(planned),
        event,
    }
}

/// An event of our own that says what is not told any more, and why.
fn note_untold(
    shared: &Shared,
    profile: &ChannelProfile,
    sorted: &Sorted,
    row: &PostponedRow,
) -> BundleOutcome {
    let count = sorted.untold.len();
    let ids = sorted.untold.iter().take(IDS_MAX);
    let mut ids: Vec<&str> = ids.filter_map(|one| Some(Incident::of(one)?.id)).collect();
    if count > IDS_MAX {
        ids.push("…");
    }
    let words = ("annunciator.incident_bundle_untold", "Incidents that waited were not told");
    let description = format!(
        "{count} incidents of subscription {} waited for {} and are not told: {}. Incidents: {}",
        row.subscription,
        row.address,
        sorted.why.replace('`', ""),
        ids.join(", "),
    );
    BundleOutcome {
        event: own_event(shared, shared.clock.now(), words, description, (row, count)),
        planned: None,
        channel: profile.channel.clone(),
        reason: format!("what waited is not told: {}", sorted.why),
    }
}

fn bind(
    shared: &Shared,
    notification: Notification,
    lane: &Lane,
    lifetime_ms: i64,
    now: Timestamp,
) -> PlannedNotification {
    let delivery = |recipient: &Recipient| Delivery {
        id: shared.ids.delivery(now),
        notification: notification.id,
        recipient: recipient.clone(),
        lane: lane.clone(),
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

fn own_event(
    shared: &Shared,
    now: Timestamp,
    (event_type, type_name): (&str, &str),
    description: String,
    (row, count): (&PostponedRow, usize),
) -> Event {
    let uid = shared.ids.event(now);
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Event {
        uid,
        id: uid.to_string(),
        event_type: event_type.to_owned(),
        type_name: type_name.to_owned(),
        severity: Severity::Info,
        application: Application {
            name: OWN_APPLICATION.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        device: Device::default(),
        task: String::new(),
        description,
        occurred_at: now,
        registered_at: now,
        parameters: [
            ("subscription".to_owned(), ParameterValue::Text(row.subscription.clone())),
            ("incidents".to_owned(), ParameterValue::Integer(count)),
        ]
        .into(),
    }
}
