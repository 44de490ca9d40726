//! What is told of attempts beside the ledger: a Postfix-like log line, metrics, events of our own.

use annunciator_core::{
    Application, Attempt, AttemptFacts, Delivery, DeliveryState, Device, Event, Notification,
    Outcome, ParameterValue, Severity, mask_address,
};

use crate::ids::IdSource;
use crate::incident_bundles::BUNDLE_TYPE;
use crate::metrics::{DaneLabels, Metrics, OutcomeLabels};

/// Name of the application that our own events are reported under.
pub const OWN_APPLICATION: &str = "Annunciator";

/// Most events of our own from one look at lifetimes: a dead relay must not flood the inbox.
pub(super) const RAISED_PER_TURN_MAX: usize = 10;

/// One line per attempt, as mail administrators know it.
pub(super) fn log_attempt(attempt: &Attempt, next: &Delivery, notification: &Notification) {
    let failure = attempt.outcome.failure();
    let status = match (&attempt.outcome, &next.state) {
        (Outcome::Delivered, _) => "sent",
        (_, DeliveryState::Failed { .. }) => "bounced",
        _ => "deferred",
    };
    let (dsn, said) = match failure {
        Some(failure) => (failure.status.to_string(), failure.diagnostic.as_str()),
        None => ("2.0.0".to_owned(), attempt.facts.reply.as_str()),
    };
    let delay_ms = attempt.ended_at.ms_since(notification.created_at);
    tracing::info!(
        delivery.id = %attempt.delivery,
        event.id = %notification.event,
        channel = %notification.channel,
        to = %mask_address(&next.recipient.address),
        relay = %relay_text(attempt),
        delay_ms,
        attempt = attempt.number,
        dsn = %dsn,
        status,
        said,
        "delivery"
    );
}

fn relay_text(attempt: &Attempt) -> String {
    let facts = &attempt.facts;
    match (facts.server.is_empty(), facts.address.is_empty()) {
        (true, _) => "none".to_owned(),
        (false, true) => facts.server.clone(),
        (false, false) => format!("{}[{}]", facts.server, facts.address),
    }
}

/// The line of a delivery that was given up.
pub(super) fn log_expired(delivery: &Delivery, notification: &Notification) {
    let said = delivery.last_failure.as_ref().map_or("", |failure| failure.diagnostic.as_str());
    tracing::warn!(
        delivery.id = %delivery.id,
        event.id = %notification.event,
        channel = %notification.channel,
        to = %mask_address(&delivery.recipient.address),
        attempt = delivery.attempts,
        dsn = "4.4.7",
        status = "expired",
        said,
        "delivery"
    );
}

/// Counts an attempt.
pub(super) fn count_attempt(metrics: &Metrics, attempt: &Attempt, notification: &Notification) {
    let labels = OutcomeLabels {
        channel: notification.channel.as_str().to_owned(),
        outcome: attempt.outcome.as_str(),
    };
    metrics.attempts.get_or_create(&labels).inc();
    count_dane(metrics, &attempt.facts);
    if attempt.outcome == Outcome::Delivered {
        let delay_ms = attempt.ended_at.ms_since(notification.created_at);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of days fit")]
        metrics.delivery_latency_s.0.observe(delay_ms as f64 / 1_000.0);
    }
}

fn count_dane(metrics: &Metrics, facts: &AttemptFacts) {
    if let Some(dane) = facts.route.as_ref().and_then(|route| route.dane) {
        metrics.dane_outcomes.get_or_create(&DaneLabels { outcome: dane.as_str() }).inc();
    }
}

/// The event that tells that deliveries were given up (spec 4.7); none about our own events, so
/// that failing mail about failing mail ends (quality G20).
pub(super) fn expiry_event(
    ids: &IdSource,
    delivery: &Delivery,
    notification: &Notification,
    count: usize,
) -> Option<Event> {
    let scope = &notification.scope;
    // A bundle is about incidents, and nobody is told of its loss over its own channel.
    if scope.application == OWN_APPLICATION && scope.event_type != BUNDLE_TYPE {
        return None;
    }
    let now = ids.now();
    let uid = ids.event(now);
    let reason = delivery.last_failure.as_ref().map_or("", |failure| failure.diagnostic.as_str());
    let recipient = &delivery.recipient.address;
    let text = |value: &str| ParameterValue::Text(value.to_owned());
    Some(Event {
        uid,
        id: uid.to_string(),
        event_type: "annunciator.delivery_expired".to_owned(),
        type_name: "Notification could not be delivered".to_owned(),
        severity: Severity::Failure,
        application: Application {
            name: OWN_APPLICATION.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        device: Device::default(),
        task: String::new(),
        description: format!(
            "The notification `{}` for {recipient} was given up: {reason}",
            notification.content.subject
        ),
        occurred_at: now,
        registered_at: now,
        parameters: [
            ("recipient".to_owned(), text(recipient)),
            ("delivery".to_owned(), text(&delivery.id.to_string())),
            ("event".to_owned(), text(&notification.event.to_string())),
            (
                "given_up_together".to_owned(),
                ParameterValue::Integer(i64::try_from(count).unwrap_or(i64::MAX)),
            ),
        ]
        .into(),
    })
}

#[cfg(test)]
mod tests {
    use annunciator_core::{DaneOutcome, RouteFacts};

    use super::*;

    #[test]
    fn each_outcome_of_dane_is_counted_under_its_word() {
        let metrics = Metrics::default();
        let outcomes = [
            Some(DaneOutcome::Ok),
            Some(DaneOutcome::Unusable),
            Some(DaneOutcome::NotApplicable),
            Some(DaneOutcome::Insecure),
            Some(DaneOutcome::Tempfail),
            None,
        ];
        for dane in outcomes {
            let route = Some(RouteFacts { dane, ..RouteFacts::default() });
            count_dane(&metrics, &AttemptFacts { route, ..AttemptFacts::default() });
        }
        count_dane(&metrics, &AttemptFacts::default());
        let text = metrics.encode();
        for word in ["ok", "unusable", "not_applicable", "insecure", "tempfail"] {
            let line = format!("annunciator_dane_outcomes_total{{outcome=\"{word}\"}} 1\n");
            assert!(text.contains(&line), "{word}: {text}");
        }
    }
}
