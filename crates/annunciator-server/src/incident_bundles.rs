//! Incidents that wait into bundles: one mail for each address and subscription (spec 9; ADR 0039).
//!
//! In: what the store holds as postponed and due. Out: a notification with an event of our own
//! that is accepted and planned in the same commit, in which the rows are taken off: a crash loses
//! none and repeats none.
//! Failure: a store that refuses is asked again; while the Mail Notifier cannot send, all waits.
//!
//! Concurrency: one task. `bundle_wake` wakes it after a commit that postponed somebody; otherwise
//! it sleeps until the next is due.

use std::sync::Arc;

use annunciator_core::{
    Application, Content, Delivery, DeliveryState, Device, Event, Lane, Notification,
    ParameterValue, Recipient, RecipientRole, Severity, Timestamp,
};
use annunciator_planner::{BundleLetter, ChannelProfile, Incident, freeze, link_to_incident};
use annunciator_store::{BundleCommit, DueBundle, PlannedNotification, StoreError, ToldBundle};
use annunciator_template::{Language, Reader, TimeFormat, TimeZone};
use tokio_util::sync::CancellationToken;

use crate::console_address;
use crate::dispatcher::OWN_APPLICATION;
use crate::incident_supply::IncidentSupply;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Longest wait between two looks: the wall clock may be set meanwhile. Unit: milliseconds.
const LOOK_WAIT_MS_MAX: i64 = 15_000;
/// Wait after what is due could not be told. Unit: milliseconds.
const REFUSED_WAIT_MS: i64 = 5_000;
/// Most bundles of one look; the others come with the next.
const BUNDLES_MAX: usize = 100;

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
        return drop_rows(shared, bundle).await;
    };
    let holding = snapshot.holding(first);
    let found = holding.profiles.iter().find(|profile| profile.composer.is_for_subscribers());
    let Some(profile) = found else { return Ok(false) };
    if !profile.missing.is_empty() {
        return Ok(false);
    }
    let address = bundle.rows[0].address.clone();
    if supply.directory.is_blocked_address(&address) {
        return drop_rows(shared, bundle).await;
    }
    let commit = compose(shared, &snapshot, (profile, &holding.scope), &events, bundle);
    let (lane, count) = (profile.lane.clone(), events.len());
    let is_done = shared.store.commit_bundle(commit).await?;
    if is_done {
        tracing::info!(count, "a bundle tells incidents");
        shared.dispatcher.note_queued(&lane);
    }
    Ok(true)
}

async fn drop_rows(shared: &Shared, bundle: DueBundle) -> Result<bool, StoreError> {
    let commit = BundleCommit { numbers: bundle.numbers, told: None };
    shared.store.commit_bundle(commit).await?;
    Ok(true)
}

fn compose(
    shared: &Shared,
    snapshot: &Snapshot,
    (profile, scope): (&ChannelProfile, &annunciator_core::Scope),
    events: &[Event],
    bundle: DueBundle,
) -> BundleCommit {
    let now = shared.clock.now();
    let row = &bundle.rows[0];
    let console = console_address::base(&snapshot.console.values, &shared.installation);
    let incidents: Vec<_> = events.iter().filter_map(Incident::of).collect();
    let link = |incident: &Incident<'_>| link_to_incident(&console, incident);
    let links: Vec<String> = incidents.iter().map(link).collect();
    let incidents = incidents.into_iter().zip(links.iter().map(String::as_str)).collect();
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
        incidents,
        reader,
    };
    let event = own_event(shared, now, &row.subscription, events.len());
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
    let told = ToldBundle {
        channel: profile.channel.clone(),
        reason: format!("bundle of subscription `{}`", row.subscription),
        planned,
        event,
    };
    BundleCommit { numbers: bundle.numbers, told: Some(told) }
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

fn own_event(shared: &Shared, now: Timestamp, subscription: &str, count: usize) -> Event {
    let uid = shared.ids.event(now);
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Event {
        uid,
        id: uid.to_string(),
        event_type: "annunciator.incident_bundle".to_owned(),
        type_name: "Incidents were told in a bundle".to_owned(),
        severity: Severity::Info,
        application: Application {
            name: OWN_APPLICATION.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        device: Device::default(),
        task: String::new(),
        description: format!("{count} incidents of subscription {subscription}"),
        occurred_at: now,
        registered_at: now,
        parameters: [
            ("subscription".to_owned(), ParameterValue::Text(subscription.to_owned())),
            ("incidents".to_owned(), ParameterValue::Integer(count)),
        ]
        .into(),
    }
}
