//! Limits that owe a summary into summaries, each as soon as its place frees up (spec 7).
//!
//! In: what the store holds as limited. Out: one notification per limit, with an event of our own
//! that is accepted and planned in the same commit; it is not planned again, so nothing loops
//! (quality G20).
//! Failure: a store that refuses is asked again; what is owed is in the store, across restarts.
//!
//! Concurrency: one task. `limit_wake` wakes it after a commit that limited something; otherwise
//! it sleeps until the next place frees up.

use std::sync::Arc;
use std::time::Duration;

use annunciator_core::{
    Application, Delivery, DeliveryState, Device, Event, HeldTime, Lane, Notification,
    ParameterValue, Severity, Timestamp,
};
use annunciator_planner::{Composed, SummaryFacts, SummaryType, freeze, render_summary};
use annunciator_store::{
    Audience, Limited, LimitedKey, PlannedNotification, StoreError, SummaryCommit, SummarySource,
    SummaryVerdict,
};
use tokio_util::sync::CancellationToken;

use crate::dispatcher::OWN_APPLICATION;
use crate::limit_clock::to_wall;
use crate::shared::Shared;

/// Shortest wait between two looks.
const LOOK_WAIT: Duration = Duration::from_secs(1);
/// Longest wait: the wall clock may be set meanwhile. Unit: milliseconds.
const LOOK_WAIT_MS_MAX: i64 = 15_000;
/// Most summaries of one look; the others come with the next.
const SUMMARIES_MAX: usize = 100;
/// Tries to tell what goes on changing.
const TRIES_MAX: usize = 3;
/// Limits of which nothing happened for so long are forgotten: the longest period and a day.
/// Unit: milliseconds.
const FORGET_MS: i64 = 31 * 24 * 3_600_000;

/// Runs until the stop.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        let next_at = match look(&shared).await {
            Ok(next_at) => next_at,
            Err(error) => {
                tracing::warn!(%error, "cannot look for summaries of limits; looking again");
                None
            }
        };
        let now = shared.clock.now();
        let at = next_at.map(|at| to_wall(shared.clock.as_ref(), shared.held.as_ref(), at));
        let latest = now.plus_ms(LOOK_WAIT_MS_MAX);
        let at = at.map_or(latest, |at| at.plus_ms(1).min(latest));
        tokio::select! {
            () = shared.clock.sleep_until(at) => continue,
            () = shared.limit_wake.notified() => {}
            () = stop.cancelled() => return,
        }
        // Many commits that limited something are one look.
        tokio::select! {
            () = tokio::time::sleep(LOOK_WAIT) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Tells what may be told now; answers when the next place frees up.
async fn look(shared: &Shared) -> Result<Option<HeldTime>, StoreError> {
    let keys = shared.store.limited_keys().await?;
    let now = shared.held.now();
    if keys.is_empty() {
        shared.store.forget_limits(now.plus_ms(-FORGET_MS)).await?;
        return Ok(None);
    }
    let due_at = |key: &LimitedKey| {
        key.counter.summary_due_at(key.source.rule).expect("it owes a summary").max(now)
    };
    let mut next_at: Option<HeldTime> = None;
    let mut told = 0;
    for key in &keys {
        let mut at = due_at(key);
        if at <= now && told < SUMMARIES_MAX {
            told += 1;
            match tell(shared, key).await? {
                SummaryVerdict::Committed => continue,
                SummaryVerdict::NotYet(later) => at = later,
                SummaryVerdict::Changed => {}
            }
        }
        // What is due and was not told waits for the next look, not for a moment that has passed.
        let at = at.max(now.plus_ms(1_000 * i64::from(at <= now)));
        next_at = Some(next_at.map_or(at, |next| next.min(at)));
    }
    Ok(next_at)
}

async fn tell(shared: &Shared, key: &LimitedKey) -> Result<SummaryVerdict, StoreError> {
    for _ in 0..TRIES_MAX {
        let Some(limited) = shared.store.limited(&key.key).await? else {
            return Ok(SummaryVerdict::Committed);
        };
        let summary = compose(shared, limited);
        let lanes = lanes_of(&summary);
        let (event, count) = (summary.event.uid, key.count);
        match shared.store.commit_summary(summary).await? {
            SummaryVerdict::Changed => {}
            SummaryVerdict::Committed => {
                tracing::info!(event.id = %event, limit = key.key.as_str(), count,
                    "a summary tells what was limited");
                for lane in &lanes {
                    shared.dispatcher.note_queued(lane);
                }
                return Ok(SummaryVerdict::Committed);
            }
            later @ SummaryVerdict::NotYet(_) => return Ok(later),
        }
    }
    Ok(SummaryVerdict::Changed)
}

/// The lanes that carry a summary.
fn lanes_of(summary: &SummaryCommit) -> Vec<Lane> {
    let deliveries = summary.planned.iter().flat_map(|planned| &planned.deliveries);
    let mut lanes: Vec<Lane> = deliveries.map(|delivery| delivery.lane.clone()).collect();
    lanes.dedup();
    lanes
}

/// The words, the event and the deliveries of a summary: for each relay a message of its own, so
/// that one which refuses the recipients of another loses nothing.
fn compose(shared: &Shared, owed: Limited) -> SummaryCommit {
    let Limited { limited, types, audiences } = owed;
    let source = &limited.source;
    let named: Vec<SummaryType<'_>> = types
        .iter()
        .map(|each| SummaryType {
            name: if each.type_name.is_empty() { &each.event_type } else { &each.type_name },
            application: &each.application,
            count: each.count,
        })
        .collect();
    let words = render_summary(&SummaryFacts {
        rule: source.rule,
        origin: &source.origin,
        types: &named,
        first_at: limited.first_at,
        last_at: limited.last_at,
    });
    let now = shared.clock.now();
    let event = own_event(shared, now, &limited, &words.1);
    let planned = audiences.into_iter().flat_map(|audience| {
        let Audience { source, recipients } = audience;
        let ((subject, text), sender) = (words.clone(), source.sender.clone());
        let draft = Composed { subject, text, sender, recipients, ..Composed::default() };
        let composed = match shared.settings.current().profile(&source.channel, &source.scope) {
            Some(profile) => profile.composer.summaries(&event, draft),
            None => vec![draft],
        };
        let bind = |composed| bind(shared, &source, composed, &event, now);
        composed.into_iter().map(bind).collect::<Vec<_>>()
    });
    SummaryCommit {
        planned: planned.collect(),
        told: types,
        reason: format!("summary of the limit of {} ({})", source.rule, source.origin),
        now: shared.held.now(),
        key: limited.key,
        event,
    }
}

/// One notification of a summary with its deliveries.
fn bind(
    shared: &Shared,
    source: &SummarySource,
    composed: Composed,
    event: &Event,
    now: Timestamp,
) -> PlannedNotification {
    let id = shared.ids.notification(now);
    let notification = Notification {
        id,
        event: event.uid,
        channel: source.channel.clone(),
        created_at: now,
        // That of what was limited, so that transport and limit are those of its layer.
        scope: source.scope.clone(),
        content: freeze(composed, event, id, shared.settings.hello_name()),
    };
    let delivery = |recipient: &annunciator_core::Recipient| Delivery {
        id: shared.ids.delivery(now),
        notification: id,
        recipient: recipient.clone(),
        lane: source.lane.clone(),
        state: DeliveryState::Queued { due_at: now },
        created_at: now,
        expires_at: now.plus_ms(source.lifetime_ms),
        attempts: 0,
        retries: 0,
        possibly_duplicated: false,
        last_failure: None,
    };
    let deliveries = notification.content.recipients.iter().map(delivery).collect();
    PlannedNotification { notification: notification.into(), deliveries, limit: None }
}

fn own_event(shared: &Shared, now: Timestamp, limited: &LimitedKey, text: &str) -> Event {
    let uid = shared.ids.event(now);
    let rule = limited.source.rule;
    let number = |value: u64| ParameterValue::Integer(i64::try_from(value).unwrap_or(i64::MAX));
    let words = |value: &str| ParameterValue::Text(value.to_owned());
    Event {
        uid,
        id: uid.to_string(),
        event_type: "annunciator.limited".to_owned(),
        type_name: "Notifications were limited".to_owned(),
        severity: Severity::Info,
        application: Application {
            name: OWN_APPLICATION.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        device: Device::default(),
        task: String::new(),
        description: text.to_owned(),
        occurred_at: now,
        registered_at: now,
        parameters: [
            ("channel".to_owned(), words(limited.source.channel.as_str())),
            ("limit".to_owned(), words(limited.key.as_str())),
            ("limit_count".to_owned(), number(u64::from(rule.count))),
            ("limit_period_s".to_owned(), number((rule.period_ms / 1_000).unsigned_abs())),
            ("limited".to_owned(), number(limited.count)),
            ("first_at".to_owned(), words(&limited.first_at.to_string())),
            ("last_at".to_owned(), words(&limited.last_at.to_string())),
        ]
        .into(),
    }
}
