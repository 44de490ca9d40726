//! Tokens, audit, test message, state of the server.

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ExpiryView, FailureView, LimitView, RouteView, TlsView};

/// A built-in role (spec 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Events, ledger, retry, cancel, resend, silences.
    Operator,
    /// Reading events, ledger and status.
    Viewer,
    /// Handing in events, nothing else.
    Ingest,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Administrator, Self::Operator, Self::Viewer, Self::Ingest];

    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
            Self::Ingest => "ingest",
        }
    }

    /// The built-in role of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// Asks for a new API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTokenRequest {
    /// Name, 1 to 100 characters.
    pub name: String,
    /// What it may do: a built-in role or one of yours.
    pub role: String,
    /// When it ends; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// A new API token; the only time that it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// Send it as `Authorization: Bearer …`.
    pub token: String,
    /// The token without its secret.
    pub record: TokenView,
}

/// An API token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// What it may do: a built-in role or one of yours.
    pub role: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// All API tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The tokens.
    pub tokens: Vec<TokenView>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Counts from 1.
    pub number: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who.
    pub author: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub target: String,
    /// The difference, without secrets.
    pub detail: serde_json::Value,
}

/// A page of the audit log, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditList {
    /// The entries.
    pub entries: Vec<AuditView>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How far back was looked, when the search took too long to fill the page: `next` goes on
    /// there. Absent when the page is full or everything was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub searched_until: Option<Timestamp>,
}

/// Asks for a test message (spec 8).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestMessageRequest {
    /// The channel to test: `email`, `sms`, `executable` or `mail_notifier`; `email` when it is
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Settings of the e-mail group as they stand in the form, laid over the saved ones; the keys
    /// are those of `PATCH /api/v1/settings` under `email`. Nothing is saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<serde_json::Map<String, serde_json::Value>>,
    /// Settings of the SMS group, likewise, under `sms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms: Option<serde_json::Map<String, serde_json::Value>>,
    /// Settings of the executable group, likewise, under `executable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<serde_json::Map<String, serde_json::Value>>,
    /// Settings of the Mail Notifier, likewise, under `mail_notifier`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail_notifier: Option<serde_json::Map<String, serde_json::Value>>,
    /// Addresses that get the test message of the Mail Notifier, separated by `;` or `,`; it has no
    /// recipients of its own. Who may not change settings names their own address, or one that
    /// settings or subscriptions name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Language of the test message of the Mail Notifier: `en` or `ru`; `en` when it is absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Settings of name resolution as they stand in the form, likewise, under `names`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<serde_json::Map<String, serde_json::Value>>,
    /// Stop before DATA: nothing is sent.
    pub dry_run: bool,
    /// Answer the SMTP dialogue too, secrets removed.
    pub trace: bool,
}

/// What a test message went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestMessageResult {
    /// Whether every recipient was accepted (in a dry run: would have been).
    pub ok: bool,
    /// One sentence for people.
    pub summary: String,
    /// The stages, in order.
    pub stages: Vec<StageView>,
    /// One entry per recipient.
    pub recipients: Vec<TestRecipientResult>,
    /// The server that was used.
    #[serde(default)]
    pub server: String,
    /// Its address.
    #[serde(default)]
    pub address: String,
    /// How it was found, when that says more than the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteView>,
    /// TLS, when the session had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsView>,
    /// The relay's reply to the final dot.
    #[serde(default)]
    pub reply: String,
    /// The relay's queue id.
    #[serde(default)]
    pub queue_id: String,
    /// The SMTP dialogue, secrets removed, when it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dialogue: Vec<String>,
    /// The run, when it was one of an executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<crate::RunView>,
}

/// A line of a test message that is told while it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestMessageLine {
    /// A stage, when it ends.
    Stage(StageView),
    /// The result, with all stages; the last line.
    Result(Box<TestMessageResult>),
}

/// One stage of a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// `settings`, `resolve`, `connect`, `greeting`, `hello`, `tls`, `auth`, `mail_from`,
    /// `rcpt_to`, `data`, `data_end`, `prepare` or `run`.
    pub stage: String,
    /// The server it was tried with.
    pub server: String,
    /// Whether it went well.
    pub ok: bool,
    /// What was seen, one fact per line.
    pub detail: String,
    /// What to do when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// How long it took. Unit: microseconds.
    pub duration_us: u64,
}

/// What became of one recipient of a test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestRecipientResult {
    /// Address.
    pub address: String,
    /// `delivered`, `would_be_accepted`, `transient_failure`, `permanent_failure` or `uncertain`.
    pub outcome: String,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
}

/// State of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    /// Version of the program.
    pub version: String,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// State of store and process.
    pub health: HealthView,
    /// Events accepted and not planned.
    pub events_unplanned: u64,
    /// Events parked because planning failed.
    pub events_parked: u64,
    /// Deliveries in flight.
    pub deliveries_in_flight: u64,
    /// When the oldest queued delivery was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_queued_at: Option<Timestamp>,
    /// Who waits to be told of incidents later: each address counted for each incident.
    #[serde(default)]
    pub incidents_postponed: u64,
    /// When the first of those was due, if its time has passed; absent when nothing is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub incidents_overdue_since: Option<Timestamp>,
    /// The lanes: one queue per relay.
    pub lanes: Vec<LaneView>,
    /// The relays' servers.
    pub relays: Vec<RelayServerView>,
    /// Certificates and secrets that end within 30 days, or are over.
    #[serde(default)]
    pub ending: Vec<ExpiryView>,
    /// Limits that were reached and whose summary is not out yet, at most 100.
    #[serde(default)]
    pub limits: Vec<LimitView>,
}

/// The queue of one relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaneView {
    /// Name.
    pub lane: String,
    /// Deliveries queued.
    pub queued: u64,
    /// Whether it is suspended because its relay is in trouble.
    pub suspended: bool,
    /// When the relay is tried next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub probe_at: Option<Timestamp>,
    /// Since when it is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suspended_since: Option<Timestamp>,
    /// What is the trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<FailureView>,
}

/// One server of a relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelayServerView {
    /// The server.
    pub server: String,
    /// Whether it is skipped for a while (circuit breaker).
    pub skipped: bool,
    /// Failures in a row.
    pub failures_in_a_row: u32,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FailureView>,
    /// Connections open.
    pub connections: u32,
    /// Most connections that are opened now: fewer than the settings allow while the relay refuses
    /// more.
    #[serde(default)]
    pub connections_limit: u32,
}

/// Whether the server can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// Whether events are accepted.
    pub ready: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Free room on the store's disk. Unit: octets.
    pub disk_free_bytes: u64,
    /// Below this much free room no event is accepted. Unit: octets.
    pub disk_reserve_bytes: u64,
    /// Size of the store. Unit: octets.
    pub store_bytes: u64,
}
