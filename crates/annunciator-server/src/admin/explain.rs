//! *Explain*: every layer and every decision about an event, as the planner itself makes them
//! (spec 6.3).
//!
//! In: a stored event, or one that could come. Out: [`ExplainView`]. Nothing is stored or sent.
//! It is the planner's own walk (`planning.rs`); the limit is asked of the store's counter.

use annunciator_api_types::{
    ExplainRequest, ExplainView, ExplainedChannelView, ExplainedLimitView,
    ExplainedNotificationView, FieldError,
};
use annunciator_core::{Decision, DecisionKind, NotificationId, NotificationLimit};
use annunciator_planner::{NotificationIds, PlannedContent};
use annunciator_store::{EventRow, EventState};

use super::{AdminError, effective, ledger};
use crate::api::views;
use crate::console_address;
use crate::incident_supply::IncidentSupply;
use crate::intake;
use crate::planning::{PlanningFrame, plan_event};
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Explains an event.
///
/// # Errors
/// [`AdminError::Invalid`] for what no event could be, [`AdminError::NotFound`] for an unknown id.
pub async fn explain(shared: &Shared, request: ExplainRequest) -> Result<ExplainView, AdminError> {
    let (row, stored) = event_of(shared, request).await?;
    explain_row(shared, row, stored).await
}

async fn explain_row(
    shared: &Shared,
    row: EventRow,
    stored: bool,
) -> Result<ExplainView, AdminError> {
    let snapshot = shared.settings.current();
    let silences = shared.silences.current();
    let console = console_address::base(&snapshot.console.values, &shared.installation);
    let supply = IncidentSupply::gather(shared.store.as_ref(), [&row.event]).await?;
    let frame = PlanningFrame {
        supply: &supply,
        snapshot: &snapshot,
        silences: &silences,
        domain: shared.settings.hello_name(),
        console: &console,
        ids: &NoIds,
        planner: annunciator_planner::plan,
    };
    let event = row.event.clone();
    let (holding, plan) = plan_event(frame, &event, shared.clock.now());
    let mut channels = Vec::with_capacity(holding.profiles.len());
    for (at, profile) in holding.profiles.iter().enumerate() {
        // A channel that the event is nothing to has decided nothing.
        let mut decisions = plan.decisions.iter().filter(|one| one.channel == profile.channel);
        let Some(decision) = decisions.next().cloned() else { continue };
        let contents: Vec<&PlannedContent> =
            plan.notifications.iter().filter(|planned| planned.profile == at).collect();
        let limit = contents.first().and_then(|planned| planned.limit.as_ref());
        let (decision, limit) = limited(shared, decision, limit).await?;
        channels.push(ExplainedChannelView {
            channel: decision.channel.as_str().to_owned(),
            decision: decision.kind.as_str().to_owned(),
            reason: decision.reason,
            lane: profile.lane.as_str().to_owned(),
            limit,
            notifications: contents.iter().map(|one| notification(&snapshot, at, one)).collect(),
            settings: effective::settings_of(&snapshot, &holding, at),
        });
    }
    let known = effective::find_type(shared, &event.application.name, &event.event_type).await?;
    let own_days = known.and_then(|known| known.storage_term_days);
    Ok(ExplainView {
        revision: snapshot.revision,
        stored,
        layers: effective::consulted(&snapshot, &event, &holding),
        storage_term: effective::storage_term(&snapshot, &holding.layers, event.severity, own_days),
        event: views::event(row),
        channels,
    })
}

async fn event_of(
    shared: &Shared,
    request: ExplainRequest,
) -> Result<(EventRow, bool), AdminError> {
    let missing = |detail: &str| {
        let error = FieldError::new("/event_id", "required", detail);
        AdminError::Invalid(vec![error])
    };
    match (request.event_id, request.event) {
        (Some(id), None) => {
            let story = ledger::event(shared, &id, request.application.as_deref()).await?;
            Ok((story.event, true))
        }
        (None, Some(input)) => {
            let now = shared.clock.now();
            let event = intake::check_event(input, shared.ids.event(now), now);
            let below = |mut error: FieldError| {
                error.pointer.insert_str(0, "/event");
                error
            };
            let event = event
                .map_err(|errors| AdminError::Invalid(errors.into_iter().map(below).collect()))?;
            let state = EventState::Accepted { tries: 0 };
            Ok((EventRow { event, state, decisions: Vec::new(), deliveries: Vec::new() }, false))
        }
        (None, None) => Err(missing("give `event_id` or `event`")),
        (Some(_), Some(_)) => Err(missing("give one of `event_id` and `event`, not both")),
    }
}

/// What the limit would make of a decision now.
async fn limited(
    shared: &Shared,
    mut decision: Decision,
    limit: Option<&NotificationLimit>,
) -> Result<(Decision, Option<ExplainedLimitView>), AdminError> {
    let Some(limit) = limit else { return Ok((decision, None)) };
    let counter = shared.store.counter(&limit.key, limit.rule).await?;
    let (now, wall) = (shared.held.now(), shared.clock.now());
    let admits = counter.admits(limit.rule, now);
    if !admits && decision.kind == DecisionKind::Notified {
        decision.kind = DecisionKind::Limited;
        decision.reason = format!("limit of {} ({}) reached", limit.rule, limit.origin);
    }
    let frees_at = counter.frees_at(limit.rule).filter(|at| !admits && *at > now);
    let view = ExplainedLimitView {
        key: limit.key.as_str().to_owned(),
        count: limit.rule.count,
        period_s: limit.rule.period_ms / 1_000,
        origin: limit.origin.clone(),
        admits,
        frees_at: frees_at.map(|at| wall.plus_ms(at.ms_since(now))),
    };
    Ok((decision, Some(view)))
}

fn notification(
    snapshot: &Snapshot,
    channel: usize,
    planned: &PlannedContent,
) -> ExplainedNotificationView {
    let remark = snapshot.channels()[channel].remark(&planned.notification.content);
    let view = views::notification(planned.notification.clone());
    ExplainedNotificationView {
        subject: view.subject,
        text: view.text,
        html: view.html,
        sender: view.sender,
        recipients: view.recipients,
        command: view.command,
        remark,
    }
}

/// What is explained is never stored, and needs no id.
struct NoIds;

impl NotificationIds for NoIds {
    fn notification_id(&self) -> NotificationId {
        NotificationId::from_parts(0, [0; 10])
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
