//! Rows of store and core become wire types.
//!
//! In: rows, and the lanes as the dispatcher sees them. Out: views of `annunciator-api-types`.
//! Knows nothing of: HTTP, where rows come from.

use std::collections::{BTreeMap, HashMap};

use annunciator_api_types::{
    ApplicationInput, AttemptView, AuditView, CommandView, DecisionView, DeliveryView, DeviceInput,
    EventView, FailureView, NotificationView, OperationResult, OperationView, ParameterInput,
    RecipientView, RouteView, RunView, StagesView, TlsView, TriedServerView,
};
use annunciator_core::{
    Attempt, DeliveryId, DeliveryState, Failure, FailureScope, Lane, Notification, ParameterValue,
    Recipient, RecipientRole, RouteFacts, RunFacts, TlsFacts,
};
use annunciator_store::{
    AuditEntry, DecisionKind, DeliveryRow, EventRow, EventState, NewAudit, Operated,
};

use crate::dispatcher::LaneStatus;

/// A device.
#[must_use]
pub fn device(device: &annunciator_core::Device) -> DeviceInput {
    DeviceInput {
        name: device.name.clone(),
        ip: device.ip.clone(),
        connection_ip: device.connection_ip.clone(),
        domain: device.domain.clone(),
        group: device.group.clone(),
    }
}

/// An event and what became of it.
#[must_use]
pub fn event(row: EventRow) -> EventView {
    let EventRow { event, state, decisions, mut deliveries } = row;
    let parameters = event.parameters.into_iter().map(|(name, value)| {
        let value = match value {
            ParameterValue::Bool(value) => ParameterInput::Bool(value),
            ParameterValue::Integer(value) => ParameterInput::Integer(value),
            ParameterValue::Number(value) => ParameterInput::Number(value),
            ParameterValue::Text(value) => ParameterInput::Text(value),
        };
        (name, value)
    });
    let decisions = decisions.into_iter().map(|decision| DecisionView {
        channel: decision.channel.as_str().to_owned(),
        decision: decision_word(decision.kind).to_owned(),
        reason: decision.reason,
        deliveries: match decision.kind {
            DecisionKind::Notified => {
                let of_channel = deliveries.extract_if(.., |one| one.channel == decision.channel);
                of_channel.map(|one| (one.state.to_owned(), one.count)).collect()
            }
            _ => BTreeMap::new(),
        },
    });
    EventView {
        uid: event.uid.to_string(),
        id: event.id,
        event_type: event.event_type,
        type_name: event.type_name,
        severity: event.severity,
        application: ApplicationInput {
            name: event.application.name,
            version: event.application.version,
        },
        device: device(&event.device),
        task: event.task,
        description: event.description,
        occurred_at: event.occurred_at,
        registered_at: event.registered_at,
        parameters: parameters.collect(),
        state: state.as_str().to_owned(),
        reason: match state {
            EventState::Parked { reason } => Some(reason),
            EventState::Accepted { .. } | EventState::Planned => None,
        },
        decisions: decisions.collect(),
    }
}

fn decision_word(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::Notified => "notified",
        DecisionKind::Off => "off",
        DecisionKind::Incomplete => "incomplete",
        DecisionKind::Silenced => "silenced",
        DecisionKind::Limited => "limited",
    }
}

/// A notification.
#[must_use]
pub fn notification(given: Notification) -> NotificationView {
    let content = given.content;
    NotificationView {
        id: given.id.to_string(),
        event: given.event.to_string(),
        channel: given.channel.as_str().to_owned(),
        created_at: given.created_at,
        subject: content.subject,
        text: content.text,
        html: content.html,
        sender: content.sender,
        message_id: content.message_id,
        recipients: content.recipients.into_iter().map(recipient).collect(),
        command: content.command.map(|command| CommandView {
            arguments: command.arguments,
            environment: command.environment.into_iter().collect(),
        }),
        remark: String::new(),
    }
}

fn recipient(given: Recipient) -> RecipientView {
    let role = match given.role {
        RecipientRole::To => "to",
        RecipientRole::Cc => "cc",
        RecipientRole::Bcc => "bcc",
    };
    RecipientView { address: given.address, role: role.to_owned() }
}

/// The lanes that are suspended, in words, by their names.
#[derive(Debug, Default)]
pub struct Suspensions(HashMap<Lane, String>);

impl Suspensions {
    /// Those among these lanes that are suspended.
    #[must_use]
    pub fn among(lanes: Vec<LaneStatus>) -> Self {
        let suspended = lanes.into_iter().filter(|lane| lane.suspended);
        Self(suspended.map(|lane| (lane.lane.clone(), waiting_words(&lane))).collect())
    }
}

fn waiting_words(lane: &LaneStatus) -> String {
    let mut words = "relay suspended".to_owned();
    if let Some(since) = lane.since {
        words.push_str(&format!(" since {since}"));
    }
    if let Some(failure) = &lane.failure {
        words.push_str(&format!(": {}", failure.diagnostic));
    }
    if let Some(probe_at) = lane.probe_at {
        words.push_str(&format!("; next try at {probe_at}"));
    }
    words
}

/// A delivery.
#[must_use]
pub fn delivery(row: DeliveryRow, suspensions: &Suspensions) -> DeliveryView {
    let DeliveryRow { delivery, event, channel, .. } = row;
    let mut view = DeliveryView {
        id: delivery.id.to_string(),
        event: event.to_string(),
        notification: delivery.notification.to_string(),
        channel: channel.as_str().to_owned(),
        recipient: recipient(delivery.recipient),
        subject: row.subject,
        severity: row.severity,
        event_type: row.event_type,
        type_name: row.type_name,
        application: row.application,
        device: row.device,
        relay: row.relay,
        state: delivery.state.as_str().to_owned(),
        possibly_duplicated: delivery.possibly_duplicated,
        created_at: delivery.created_at,
        due_at: None,
        expires_at: None,
        finished_at: None,
        attempts: delivery.attempts,
        last_failure: delivery.last_failure.as_ref().map(failure),
        waiting_for: None,
        lane: delivery.lane.as_str().to_owned(),
    };
    match delivery.state {
        DeliveryState::Queued { due_at } => {
            view.due_at = Some(due_at);
            view.expires_at = Some(delivery.expires_at);
            view.waiting_for = suspensions.0.get(&delivery.lane).cloned();
        }
        DeliveryState::InFlight { .. } => view.expires_at = Some(delivery.expires_at),
        DeliveryState::Delivered { at }
        | DeliveryState::Failed { at }
        | DeliveryState::Cancelled { at } => view.finished_at = Some(at),
    }
    view
}

/// Why something did not succeed.
#[must_use]
pub fn failure(given: &Failure) -> FailureView {
    FailureView {
        stage: given.stage.as_str().to_owned(),
        scope: match given.scope {
            FailureScope::Delivery => "delivery",
            FailureScope::Relay => "relay",
        }
        .to_owned(),
        code: given.code.map(annunciator_core::ReplyCode::number),
        status: given.status.to_string(),
        diagnostic: given.diagnostic.clone(),
    }
}

/// How a server was found.
#[must_use]
pub fn route(given: &RouteFacts) -> RouteView {
    RouteView {
        domain: given.domain.clone(),
        preference: given.preference,
        dnssec: given.dnssec.clone(),
        dane: given.dane.map(|outcome| outcome.as_str().to_owned()),
        mta_sts: given.mta_sts.clone(),
    }
}

/// What was seen of TLS.
#[must_use]
pub fn tls(given: &TlsFacts) -> TlsView {
    TlsView {
        protocol: given.protocol.clone(),
        cipher: given.cipher.clone(),
        subject: given.subject.clone(),
        issuer: given.issuer.clone(),
        serial: given.serial.clone(),
        not_before: given.not_before.clone(),
        not_after: given.not_after.clone(),
        key: given.key.clone(),
        fingerprint_sha256: given.fingerprint_sha256.clone(),
        verified: given.verified,
        verify_error: given.verify_error.clone(),
        resumed: given.resumed,
        chain: given.chain.clone(),
    }
}

/// One try.
#[must_use]
pub fn attempt(given: &Attempt) -> AttemptView {
    let facts = &given.facts;
    let tried_before = facts
        .tried_before
        .iter()
        .map(|(server, cause)| TriedServerView { server: server.clone(), failure: failure(cause) });
    AttemptView {
        number: given.number,
        started_at: given.started_at,
        ended_at: given.ended_at,
        outcome: given.outcome.as_str().to_owned(),
        failure: given.outcome.failure().map(failure),
        server: facts.server.clone(),
        address: facts.address.clone(),
        route: facts.route.as_ref().map(route),
        tls: facts.tls.as_ref().map(tls),
        reply: facts.reply.clone(),
        queue_id: facts.queue_id.clone(),
        reused_connection: facts.reused,
        timings: StagesView {
            connect_us: facts.stages.connect_us,
            handshake_us: facts.stages.handshake_us,
            transaction_us: facts.stages.transaction_us,
        },
        tried_before: tried_before.collect(),
        dialogue: facts.dialogue.clone(),
        run: facts.run.as_ref().map(run),
    }
}

/// The run of an executable.
#[must_use]
pub fn run(facts: &RunFacts) -> RunView {
    RunView {
        status: facts.status.clone(),
        stdout: facts.stdout.clone(),
        stderr: facts.stderr.clone(),
        stdout_bytes: facts.stdout_bytes,
        stderr_bytes: facts.stderr_bytes,
        processes_ended: facts.processes_ended,
        sandbox: facts.sandbox.clone(),
    }
}

/// What became of an operator's command for one delivery.
#[must_use]
pub fn operated(delivery: DeliveryId, done: &Operated) -> OperationResult {
    let reason = match done {
        Operated::Done => None,
        Operated::NotFound => Some("There is no such delivery.".to_owned()),
        Operated::WrongState(state) => Some(format!("It is {state}.")),
    };
    OperationResult { delivery: delivery.to_string(), done: reason.is_none(), reason }
}

/// What somebody did to a delivery.
#[must_use]
pub fn operation(entry: AuditEntry) -> OperationView {
    let NewAudit { at, author, action, .. } = entry.entry;
    let word = action.strip_prefix("delivery.").unwrap_or(&action).to_owned();
    OperationView { at, author, operation: word }
}

/// An entry of the audit log.
#[must_use]
pub fn audit(entry: AuditEntry) -> AuditView {
    let AuditEntry { number, entry } = entry;
    AuditView {
        number,
        at: entry.at,
        author: entry.author,
        action: entry.action,
        target: entry.target,
        detail: serde_json::from_str(&entry.detail).unwrap_or(entry.detail.into()),
    }
}
