//! The ledger as JSON: events, notifications, deliveries, attempts.

use annunciator_core::{Severity, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ApplicationInput, DeviceInput, ParameterInput};

/// An event and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// The ledger's id, unique over all applications.
    pub uid: String,
    /// The source's id, unique per application.
    pub id: String,
    /// Event type code.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Event type display name.
    #[serde(default)]
    pub type_name: String,
    /// How bad it is.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// Who reported it.
    pub application: ApplicationInput,
    /// Where it happened.
    pub device: DeviceInput,
    /// Task name.
    #[serde(default)]
    pub task: String,
    /// Description, whole.
    #[serde(default)]
    pub description: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub registered_at: Timestamp,
    /// Named parameters.
    #[serde(default)]
    pub parameters: std::collections::BTreeMap<String, ParameterInput>,
    /// `accepted`, `planned` or `parked`.
    pub state: String,
    /// Why it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was decided for each channel, and why.
    #[serde(default)]
    pub decisions: Vec<DecisionView>,
}

/// What was decided for one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// The channel.
    pub channel: String,
    /// `notified`, `off`, `incomplete`, `silenced` or `limited`.
    pub decision: String,
    /// Why.
    pub reason: String,
    /// How many of its deliveries are in which state; empty unless `notified`.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub deliveries: std::collections::BTreeMap<String, u64>,
}

/// A page of events, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventList {
    /// The events.
    pub events: Vec<EventView>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How far back was looked, when the search took too long to fill the page: `next` goes on
    /// there. Absent when the page is full or everything was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub searched_until: Option<Timestamp>,
}

/// An event with its notifications and deliveries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventDetail {
    /// The event.
    pub event: EventView,
    /// Its notifications.
    pub notifications: Vec<NotificationView>,
    /// Its deliveries (the first 1,000).
    pub deliveries: Vec<DeliveryView>,
}

/// A known event type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventTypeView {
    /// Application name.
    pub application: String,
    /// Code.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Display name.
    pub type_name: String,
    /// Severity last seen.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// When its first event came.
    #[schema(value_type = String, format = DateTime)]
    pub first_seen_at: Timestamp,
    /// How long such events are kept, in days; 0 = not listed.
    pub storage_term_days: u32,
    /// Where the storage term comes from.
    pub storage_term_origin: crate::OriginView,
    /// Which channels notify about such an event of that severity, when it names no device but the
    /// one that was asked for.
    pub channels: Vec<EventTypeChannelView>,
    /// How many overrides there are for this type alone, of all owners.
    pub override_count: usize,
}

/// Whether a channel notifies about events of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventTypeChannelView {
    /// The channel.
    pub channel: String,
    /// Whether it does.
    pub on: bool,
    /// Why, or why not.
    pub reason: String,
    /// Who says so.
    pub origin: crate::OriginView,
}

/// The known event types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventTypeList {
    /// By application and code.
    pub event_types: Vec<EventTypeView>,
}

/// A notification: content as it was frozen at planning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationView {
    /// Id.
    pub id: String,
    /// The ledger's id of its event.
    pub event: String,
    /// The channel.
    pub channel: String,
    /// When it was planned.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Sender; empty when each recipient gets it from its own address.
    pub sender: String,
    /// Message-ID without angle brackets.
    pub message_id: String,
    /// Who gets it.
    pub recipients: Vec<RecipientView>,
    /// What an executable gets besides its standard input, which is the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandView>,
    /// What there is to say of it, such as what an SMS costs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remark: String,
}

/// What an executable gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandView {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: std::collections::BTreeMap<String, String>,
}

/// A recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecipientView {
    /// Address.
    pub address: String,
    /// `to`, `cc` or `bcc`.
    pub role: String,
}

/// A delivery: one notification for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// Id.
    pub id: String,
    /// The ledger's id of its event.
    pub event: String,
    /// Its notification.
    pub notification: String,
    /// The channel.
    pub channel: String,
    /// To whom.
    pub recipient: RecipientView,
    /// Subject.
    pub subject: String,
    /// How bad the event is.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// Code of its event type.
    pub event_type: String,
    /// Display name of its event type; empty when it has none.
    #[serde(default)]
    pub type_name: String,
    /// Application that reported it.
    pub application: String,
    /// Device where it happened; empty when it names none.
    #[serde(default)]
    pub device: String,
    /// The server of the last attempt; empty before the first.
    #[serde(default)]
    pub relay: String,
    /// Whose queue it is in.
    pub lane: String,
    /// `queued`, `in_flight`, `delivered`, `failed` or `cancelled`.
    pub state: String,
    /// An earlier attempt may have arrived although it was not confirmed.
    pub possibly_duplicated: bool,
    /// When it was planned.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it may be tried next, while queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// When it is given up, while queued or in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was delivered, failed or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Attempts begun.
    pub attempts: u32,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FailureView>,
    /// Why it waits, when its relay's lane is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
}

/// A page of deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// The deliveries.
    pub deliveries: Vec<DeliveryView>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How far back was looked, when the search took too long to fill the page: `next` goes on
    /// there. Absent when the page is full or everything was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub searched_until: Option<Timestamp>,
}

/// A delivery with its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryDetail {
    /// The delivery.
    pub delivery: DeliveryView,
    /// Its attempts, first to last.
    pub attempts: Vec<AttemptView>,
    /// What was done to it by hand, first to last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationView>,
}

/// What somebody did to a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationView {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who.
    pub author: String,
    /// `retry`, `cancel` or `resend`.
    pub operation: String,
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// How far it came: `resolve`, `connect`, `greeting`, `hello`, `tls`, `auth`, `mail_from`,
    /// `rcpt_to`, `data`, `data_end`, `run` or `prepare`.
    pub stage: String,
    /// `delivery` (its own retry schedule goes on) or `relay` (the relay's lane waits).
    pub scope: String,
    /// Reply code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Enhanced status code (RFC 3463).
    pub status: String,
    /// The server's own words, or what went wrong.
    pub diagnostic: String,
}

/// One try to make a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
    /// `delivered`, `transient_failure`, `permanent_failure` or `uncertain`.
    pub outcome: String,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// The server as configured.
    pub server: String,
    /// The address that was used.
    pub address: String,
    /// How the server was found, when that says more than the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteView>,
    /// TLS, when the session had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsView>,
    /// The relay's reply to the final dot.
    pub reply: String,
    /// The relay's queue id.
    pub queue_id: String,
    /// Whether the connection had been used before.
    pub reused_connection: bool,
    /// Where the time went.
    pub timings: StagesView,
    /// Servers tried before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried_before: Vec<TriedServerView>,
    /// The dialogue, when it was recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dialogue: Vec<String>,
    /// The run, when it was one of an executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunView>,
}

/// The run of an executable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// How it ended, such as `exited with status 0`.
    pub status: String,
    /// The beginning of its standard output, at most 64 KiB.
    #[serde(default)]
    pub stdout: String,
    /// The beginning of its standard error, at most 64 KiB.
    #[serde(default)]
    pub stderr: String,
    /// All that it wrote to standard output. Unit: octets.
    pub stdout_bytes: u64,
    /// All that it wrote to standard error. Unit: octets.
    pub stderr_bytes: u64,
    /// Processes of the run that outlived the program and were ended.
    pub processes_ended: u32,
    /// Whether the kernel kept it to its sandbox: `enforced`, `partial` or `not_available`.
    pub sandbox: String,
}

/// How a server was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct RouteView {
    /// The domain whose mail exchanger it is; absent when it was named directly.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Preference of that mail exchanger; lower is tried first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<u16>,
    /// DNSSEC of all that led to the address: `secure`, `insecure` or `unchecked`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dnssec: String,
    /// DANE: `ok`, `unusable`, `not_applicable`, `insecure` or `tempfail`; absent when it was not
    /// looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dane: Option<String>,
    /// MTA-STS: mode of the domain's policy, and what it said of this server; absent when it was
    /// not looked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mta_sts: String,
}

/// A server that failed before another was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriedServerView {
    /// The server.
    pub server: String,
    /// Why it failed.
    pub failure: FailureView,
}

/// Time spent. Unit: microseconds; absent when the stage was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct StagesView {
    /// Name resolution and TCP connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// Greeting, EHLO, STARTTLS, AUTH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake_us: Option<u64>,
    /// MAIL to the reply to the final dot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_us: Option<u64>,
}

/// What was seen of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct TlsView {
    /// Protocol.
    pub protocol: String,
    /// Cipher suite.
    pub cipher: String,
    /// Subject of the server's certificate.
    pub subject: String,
    /// Issuer of the server's certificate.
    pub issuer: String,
    /// Its serial number, lower-case hex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub serial: String,
    /// Begin of its validity.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub not_before: String,
    /// End of its validity.
    pub not_after: String,
    /// Its key, such as `RSA 2048`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// SHA-256 of the certificate.
    pub fingerprint_sha256: String,
    /// Whether it was checked and good.
    pub verified: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub verify_error: String,
    /// Whether an earlier session was resumed: the certificate is the one of then.
    #[serde(default)]
    pub resumed: bool,
    /// The chain as it was presented, one line for each certificate; only in a test message and
    /// with a trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
}

/// Deliveries that an operator's command is meant for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationTargets {
    /// Ids, 1 to 1,000.
    pub deliveries: Vec<String>,
}

/// What became of an operator's command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationResults {
    /// One entry per delivery.
    pub results: Vec<OperationResult>,
}

/// What became of an operator's command for one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationResult {
    /// The delivery.
    pub delivery: String,
    /// Whether it was done.
    pub done: bool,
    /// Why not, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A resent delivery is a new one, with a Message-ID of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResendResult {
    /// Id of the new delivery.
    pub delivery: String,
}
