//! *Replay*: what changed settings would have done with the events of a past period, beside those
//! in force (spec 6.3).
//!
//! In: a period and settings. Out: [`ReplayView`]. Nothing is stored or sent.
//! Both sides take the planner's own walk (`planning.rs`), with the silences of then; limits are
//! counted by the same rule as in the store, and begin with the first event.

use std::collections::HashMap;
use std::sync::Arc;

use annunciator_api_types::{
    FieldError, ReplayChannelView, ReplayCountView, ReplayDifferenceView, ReplayRequest,
    ReplaySideView, ReplayView,
};
use annunciator_core::{
    Content, DecisionKind, Event, HeldTime, LimitKey, Marks, NotificationId, ParameterValue,
    Timestamp,
};
use annunciator_planner::{NotificationIds, Silence};
use annunciator_store::{EventFilter, Page};
use tokio::sync::Semaphore;

use super::{AdminError, settings, settings_code, silences};
use crate::incident_supply::IncidentSupply;
use crate::planning::{PlanningFrame, plan_event};
use crate::settings_document as document;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Most events of one replay.
const EVENTS_MAX: usize = 10_000;
/// Most that the events of one replay hold in memory; then older ones are left out. Unit: octets.
const EVENTS_BYTES_MAX: usize = 64 << 20;
/// Events that are read at a time: few, because each may be large.
const PAGE_ROWS: usize = 16;
/// Most differences that are shown.
const DIFFERENCES_MAX: usize = 1_000;

/// A replay holds its events in memory and keeps a processor busy: one at a time, so that the
/// server has the rest for events that come.
static TURN: Semaphore = Semaphore::const_new(1);

/// Plans past events under the settings in force and under changed ones.
///
/// # Errors
/// [`AdminError::Invalid`] for settings that could not be saved, or a period that is none;
/// [`AdminError::NotFound`] for an unknown revision; [`AdminError::Unavailable`] while another
/// replay runs.
pub async fn replay(shared: &Shared, request: ReplayRequest) -> Result<ReplayView, AdminError> {
    let (since, until) = period(&request, shared.clock.now())?;
    let turn = TURN.try_acquire().map_err(|_| {
        let words =
            "Another replay is running, and there is one at a time: ask again when it is done.";
        AdminError::Unavailable(words.to_owned())
    })?;
    let after = changed(shared, request).await?;
    let before = shared.settings.current();
    let (events, truncated) = events_of(shared, since, until).await?;
    let silences = silences::of_period(shared, since, until).await?;
    let domain = shared.settings.hello_name().to_owned();
    let supply = IncidentSupply::gather(shared.store.as_ref(), &events).await?;
    let planning = tokio::task::spawn_blocking(move || {
        // Held until the work is done, even when nobody waits for it any more.
        let _turn = turn;
        let mut view = compare_all(&events, [&before, &after], &silences, (&domain, &supply));
        view.truncated = truncated;
        view
    });
    planning.await.map_err(|error| {
        tracing::error!(%error, "a replay ended unexpectedly");
        AdminError::Unavailable("The events could not be planned again.".to_owned())
    })
}

/// Plans events under both settings.
fn compare_all(
    events: &[Event],
    [before, after]: [&Snapshot; 2],
    silences: &[Silence],
    (domain, supply): (&str, &IncidentSupply),
) -> ReplayView {
    let mut before = Side::new(before, silences, (domain, supply));
    let mut after = Side::new(after, silences, (domain, supply));
    let mut view = ReplayView {
        events: events.len(),
        truncated: false,
        changed: 0,
        channels: Vec::new(),
        differences: Vec::new(),
    };
    for event in events {
        compare(event, before.plan(event), after.plan(event), &mut view);
    }
    let names = before.snapshot.channels().iter().map(|channel| channel.name().to_string());
    let counts = names.zip(before.counts.into_iter().zip(after.counts));
    view.channels = counts
        .map(|(channel, (before, after))| ReplayChannelView { channel, before, after })
        .collect();
    view
}

fn period(request: &ReplayRequest, now: Timestamp) -> Result<(Timestamp, Timestamp), AdminError> {
    let read = |text: &str, key: &str| {
        text.parse::<Timestamp>().map_err(|_| {
            let detail = "must be an RFC 3339 time such as 2026-11-22T05:30:00.000Z";
            AdminError::Invalid(vec![FieldError::new(format!("/{key}"), "format", detail)])
        })
    };
    let since = read(&request.since, "since")?;
    let until = request.until.as_deref().map_or(Ok(now), |text| read(text, "until"))?;
    if since >= until {
        let detail = "must be before the end of the period";
        return Err(AdminError::Invalid(vec![FieldError::new("/since", "range", detail)]));
    }
    Ok((since, until))
}

/// The settings to compare with, checked as if they were to be saved.
async fn changed(shared: &Shared, request: ReplayRequest) -> Result<Arc<Snapshot>, AdminError> {
    let current = shared.settings.current();
    let (channels, certificates) = (shared.settings.channels(), &current.certificates);
    let configuration = match (request.document, request.settings, request.revision) {
        (Some(whole), None, None) => settings_code::read_document(shared, &whole),
        (None, Some(patch), None) => document::lay_over(&current.configuration, &patch),
        (None, None, Some(revision)) => {
            // It was in force once, and is taken as it is.
            let saved = settings_code::configuration_of(shared, revision).await?;
            return Ok(Arc::new(Snapshot::compile(channels, certificates, saved, revision)));
        }
        _ => {
            let detail = "give one of `document`, `settings` and `revision`";
            Err(vec![FieldError::new("/document", "required", detail)])
        }
    };
    let next = configuration.map_err(AdminError::Invalid)?;
    settings::check(channels, certificates, next, current.revision).await.map(Arc::new)
}

/// The events of a period, oldest first; the newest when there are too many.
async fn events_of(
    shared: &Shared,
    since: Timestamp,
    until: Timestamp,
) -> Result<(Vec<Event>, bool), AdminError> {
    let filter = EventFilter { since: Some(since), until: Some(until), ..EventFilter::default() };
    let (mut events, mut octets) = (Vec::new(), 0);
    let mut page = Page { after: None, count_max: PAGE_ROWS };
    loop {
        let paged = shared.store.events(filter.clone(), page).await?;
        for row in paged.rows {
            octets += size_of_event(&row.event);
            if events.len() >= EVENTS_MAX || octets > EVENTS_BYTES_MAX {
                events.reverse();
                return Ok((events, true));
            }
            events.push(row.event);
        }
        let Some(next) = paged.next else {
            events.reverse();
            return Ok((events, false));
        };
        page = Page { after: Some(next), count_max: PAGE_ROWS };
    }
}

/// About what an event holds in memory. Unit: octets.
fn size_of_event(event: &Event) -> usize {
    let value = |value: &ParameterValue| match value {
        ParameterValue::Text(text) => text.len(),
        _ => 0,
    };
    let parameters = event.parameters.iter();
    let parameters: usize = parameters.map(|(name, one)| name.len() + value(one) + 64).sum();
    size_of::<Event>() + event.description.len() + event.task.len() + parameters
}

/// What one channel does with an event.
#[derive(Default)]
struct Done {
    channel: String,
    decision: &'static str,
    reason: String,
    contents: Vec<Content>,
}

impl Done {
    fn recipients(&self) -> Vec<String> {
        let all = self.contents.iter().flat_map(|content| &content.recipients);
        all.map(|recipient| recipient.address.clone()).collect()
    }

    /// The words of all notifications.
    fn words(&self) -> Vec<(&str, &str, Option<&str>)> {
        let contents = self.contents.iter();
        contents.map(|one| (&*one.subject, &*one.text, one.html.as_deref())).collect()
    }

    fn view(self, words_differ: bool) -> ReplaySideView {
        let recipients = self.recipients();
        let mut subjects: Vec<String> = self.contents.into_iter().map(|one| one.subject).collect();
        subjects.dedup();
        let decision = self.decision.to_owned();
        ReplaySideView { decision, reason: self.reason, recipients, subjects, words_differ }
    }
}

/// One of the two settings that are compared.
struct Side<'a> {
    snapshot: &'a Snapshot,
    silences: &'a [Silence],
    domain: &'a str,
    supply: &'a IncidentSupply,
    limits: HashMap<LimitKey, Marks>,
    counts: Vec<ReplayCountView>,
}

impl<'a> Side<'a> {
    fn new(
        snapshot: &'a Snapshot,
        silences: &'a [Silence],
        (domain, supply): (&'a str, &'a IncidentSupply),
    ) -> Self {
        let counts = vec![ReplayCountView::default(); snapshot.channels().len()];
        Self { snapshot, silences, domain, supply, limits: HashMap::new(), counts }
    }

    /// Plans an event at the time it was registered.
    fn plan(&mut self, event: &Event) -> Vec<Done> {
        let now = event.registered_at;
        let frame = PlanningFrame {
            snapshot: self.snapshot,
            silences: self.silences,
            domain: self.domain,
            supply: self.supply,
            // Links are the same on both sides, whatever they are.
            console: "",
            ids: &NoIds,
            planner: annunciator_planner::plan,
        };
        let (holding, plan) = plan_event(frame, event, now);
        let mut done: Vec<Done> = holding.profiles.iter().map(|_| Done::default()).collect();
        for (done, profile) in done.iter_mut().zip(&holding.profiles) {
            let mut decisions = plan.decisions.iter().filter(|one| one.channel == profile.channel);
            let Some(decision) = decisions.next() else { continue };
            done.channel = decision.channel.as_str().to_owned();
            (done.decision, done.reason) = (decision.kind.as_str(), decision.reason.clone());
        }
        for planned in plan.notifications {
            let (done, counts) = (&mut done[planned.profile], &mut self.counts[planned.profile]);
            if let Some(limit) = planned.limit {
                let marks = self.limits.entry(limit.key).or_default();
                if !marks.admit(limit.rule, HeldTime(now.0)) {
                    counts.limited += 1;
                    if done.contents.is_empty() {
                        done.decision = DecisionKind::Limited.as_str();
                        done.reason = format!("limit of {} ({})", limit.rule, limit.origin);
                    }
                    continue;
                }
            }
            counts.notifications += 1;
            counts.deliveries += planned.notification.content.recipients.len();
            done.contents.push(planned.notification.content);
        }
        for (done, counts) in done.iter().zip(&mut self.counts) {
            counts.silenced += usize::from(done.decision == DecisionKind::Silenced.as_str());
        }
        done
    }
}

fn compare(event: &Event, before: Vec<Done>, after: Vec<Done>, view: &mut ReplayView) {
    let mut is_changed = false;
    for (before, after) in before.into_iter().zip(after) {
        let words_differ = before.words() != after.words();
        let is_same = before.decision == after.decision
            && before.recipients() == after.recipients()
            && !words_differ;
        if is_same {
            continue;
        }
        is_changed = true;
        if view.differences.len() >= DIFFERENCES_MAX {
            continue;
        }
        view.differences.push(ReplayDifferenceView {
            event: event.uid.to_string(),
            application: event.application.name.clone(),
            event_type: event.event_type.clone(),
            severity: event.severity.as_str().to_owned(),
            registered_at: event.registered_at,
            channel: before.channel.clone(),
            before: before.view(words_differ),
            after: after.view(words_differ),
        });
    }
    view.changed += usize::from(is_changed);
}

/// What is replayed is never stored, and needs no id.
struct NoIds;

impl NotificationIds for NoIds {
    fn notification_id(&self) -> NotificationId {
        NotificationId::from_parts(0, [0; 10])
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
