//! Views become the cells of a table, with a heading each.

use annunciator_api_types::{AuditView, DeliveryView, EventView, IncidentView, ParameterInput};
use annunciator_core::Timestamp;

/// Headings, and the cells of a row in their order.
pub(super) type Table<T> = (&'static [&'static str], fn(&T) -> Vec<String>);

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// Deliveries.
pub(super) const DELIVERY: Table<DeliveryView> = (
    &[
        "id",
        "event",
        "notification",
        "created_at",
        "finished_at",
        "due_at",
        "severity",
        "event_type",
        "type_name",
        "application",
        "device",
        "channel",
        "recipient",
        "role",
        "subject",
        "state",
        "attempts",
        "possibly_duplicated",
        "relay",
        "lane",
        "failure_stage",
        "failure_code",
        "failure_status",
        "failure",
    ],
    |row| {
        let failure = row.last_failure.as_ref();
        let of_failure = |text: &dyn Fn(&annunciator_api_types::FailureView) -> String| {
            failure.map(text).unwrap_or_default()
        };
        vec![
            row.id.clone(),
            row.event.clone(),
            row.notification.clone(),
            time(Some(row.created_at)),
            time(row.finished_at),
            time(row.due_at),
            row.severity.as_str().to_owned(),
            row.event_type.clone(),
            row.type_name.clone(),
            row.application.clone(),
            row.device.clone(),
            row.channel.clone(),
            row.recipient.address.clone(),
            row.recipient.role.clone(),
            row.subject.clone(),
            row.state.clone(),
            row.attempts.to_string(),
            row.possibly_duplicated.to_string(),
            row.relay.clone(),
            row.lane.clone(),
            of_failure(&|failure| failure.stage.clone()),
            of_failure(&|failure| failure.code.map(|code| code.to_string()).unwrap_or_default()),
            of_failure(&|failure| failure.status.clone()),
            of_failure(&|failure| failure.diagnostic.clone()),
        ]
    },
);

/// Events.
pub(super) const EVENT: Table<EventView> = (
    &[
        "uid",
        "id",
        "registered_at",
        "occurred_at",
        "severity",
        "type",
        "type_name",
        "application",
        "version",
        "device",
        "ip",
        "connection_ip",
        "domain",
        "group",
        "task",
        "description",
        "state",
        "reason",
        "decisions",
        "parameters",
    ],
    |row| {
        let decided = row.decisions.iter();
        let decided =
            decided.map(|one| format!("{}: {} ({})", one.channel, one.decision, one.reason));
        vec![
            row.uid.clone(),
            row.id.clone(),
            time(Some(row.registered_at)),
            time(Some(row.occurred_at)),
            row.severity.as_str().to_owned(),
            row.event_type.clone(),
            row.type_name.clone(),
            row.application.name.clone(),
            row.application.version.clone(),
            row.device.name.clone(),
            row.device.ip.clone(),
            row.device.connection_ip.clone(),
            row.device.domain.clone(),
            row.device.group.clone(),
            row.task.clone(),
            row.description.clone(),
            row.state.clone(),
            row.reason.clone().unwrap_or_default(),
            decided.collect::<Vec<_>>().join("; "),
            if row.parameters.is_empty() {
                String::new()
            } else {
                super::export::json_of(&row.parameters)
            },
        ]
    },
);

/// Incidents.
pub(super) const INCIDENT: Table<IncidentView> = (
    &[
        "uid",
        "id",
        "registered_at",
        "start",
        "end",
        "severity",
        "status",
        "status_changed_at",
        "told",
        "detector_kind",
        "detector",
        "model",
        "asset",
        "asset_group",
        "top_tag",
        "top_tag_description",
        "value",
        "units",
        "mse",
        "threshold",
        "group",
        "history",
        "description",
    ],
    |row| {
        let number = |value: Option<f64>| value.map(|one| one.to_string()).unwrap_or_default();
        let tag = row.top_tag.clone().unwrap_or_default();
        vec![
            row.uid.clone(),
            row.id.clone(),
            time(Some(row.registered_at)),
            time(Some(row.start)),
            time(row.end),
            row.severity.clone(),
            row.status.name.clone(),
            time(Some(row.status_changed_at)),
            row.told.to_string(),
            row.detector.kind.clone(),
            row.detector.name.clone(),
            row.model.clone(),
            row.asset.name.clone(),
            row.asset.group.clone(),
            tag.name,
            tag.description,
            tag.value.as_ref().map(text_of).unwrap_or_default(),
            tag.units,
            number(row.mse),
            number(row.threshold),
            row.group.clone(),
            row.history.clone(),
            row.description.clone(),
        ]
    },
);

fn text_of(value: &ParameterInput) -> String {
    match value {
        ParameterInput::Bool(value) => value.to_string(),
        ParameterInput::Integer(value) => value.to_string(),
        ParameterInput::Number(value) => value.to_string(),
        ParameterInput::Text(text) => text.clone(),
    }
}

/// The audit log.
pub(super) const AUDIT: Table<AuditView> =
    (&["number", "at", "author", "action", "target", "detail"], |row| {
        vec![
            row.number.to_string(),
            time(Some(row.at)),
            row.author.clone(),
            row.action.clone(),
            row.target.clone(),
            row.detail.to_string(),
        ]
    });
