//! Why an event is told to whom, and what a changed configuration would have done, as JSON.

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    CommandView, ConsultedLayerView, EffectiveSettingView, EventInput, EventView, RecipientView,
    StorageTermView,
};

/// Which event to explain: a stored one, or one that could come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExplainRequest {
    /// The ledger's id of a stored event, or the source's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The application, where several have an event of that id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// A hypothetical event, as it would be handed in. Nothing is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventInput>,
}

/// Every decision about an event with its reason, as it would be planned now (spec 6.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExplainView {
    /// Revision of the settings that hold.
    pub revision: i64,
    /// The event; with what was decided when it was planned, when it is a stored one.
    pub event: EventView,
    /// Whether it is a stored event.
    pub stored: bool,
    /// Layers that are about it, nearest first, and whether each applies.
    pub layers: Vec<ConsultedLayerView>,
    /// How long it is kept.
    pub storage_term: StorageTermView,
    /// What is decided for each channel.
    pub channels: Vec<ExplainedChannelView>,
}

/// What is decided for one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedChannelView {
    /// The channel.
    pub channel: String,
    /// `notified`, `off`, `incomplete`, `silenced` or `limited`.
    pub decision: String,
    /// Why.
    pub reason: String,
    /// The lane that its deliveries would wait in.
    pub lane: String,
    /// The limit that it counts against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<ExplainedLimitView>,
    /// What would be sent, and to whom.
    pub notifications: Vec<ExplainedNotificationView>,
    /// Every setting with its origin.
    pub settings: Vec<EffectiveSettingView>,
}

/// How a limit stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedLimitView {
    /// Name of the counter.
    pub key: String,
    /// Most notifications in a period.
    pub count: u32,
    /// Length of the period. Unit: seconds.
    pub period_s: i64,
    /// Who set it.
    pub origin: String,
    /// Whether one more is admitted now.
    pub admits: bool,
    /// When one is again, if none is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub frees_at: Option<Timestamp>,
}

/// What would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedNotificationView {
    /// Subject.
    pub subject: String,
    /// Plain text; the standard input of an executable.
    pub text: String,
    /// HTML beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Sender; empty when each recipient gets it from its own address.
    pub sender: String,
    /// Who gets it.
    pub recipients: Vec<RecipientView>,
    /// What an executable gets besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandView>,
    /// What there is to say of it, such as what an SMS costs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remark: String,
}

/// Which past events to plan again, under which settings. Nothing is stored or sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplayRequest {
    /// Events registered then or later, RFC 3339.
    pub since: String,
    /// Events registered before; now when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// A whole settings document in place of the one in force; one of the three must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub document: Option<Map<String, Value>>,
    /// A merge patch of the server-wide settings, as for `PATCH /api/v1/settings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
    /// A saved revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// What changed settings would have done with past events, beside those in force.
///
/// Both sides are planned anew with the silences of then; limits begin to count with the first
/// event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayView {
    /// Events that were planned.
    pub events: usize,
    /// Whether there were more than 10,000: then these are the newest.
    pub truncated: bool,
    /// Events for which anything differs.
    pub changed: usize,
    /// What each channel does under the settings in force and under the changed ones.
    pub channels: Vec<ReplayChannelView>,
    /// The first 1,000 differences, oldest event first.
    pub differences: Vec<ReplayDifferenceView>,
}

/// Notifications of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayChannelView {
    /// The channel.
    pub channel: String,
    /// Under the settings in force.
    pub before: ReplayCountView,
    /// Under the changed settings.
    pub after: ReplayCountView,
}

/// How many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayCountView {
    /// Notifications.
    pub notifications: usize,
    /// Recipients of them, over all events.
    pub deliveries: usize,
    /// Notifications that the limit held back.
    pub limited: usize,
    /// Events that a silence muted.
    pub silenced: usize,
}

/// An event for which a channel would have done something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayDifferenceView {
    /// The ledger's id of the event.
    pub event: String,
    /// Its application.
    pub application: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its severity.
    pub severity: String,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub registered_at: Timestamp,
    /// The channel.
    pub channel: String,
    /// Under the settings in force.
    pub before: ReplaySideView,
    /// Under the changed settings.
    pub after: ReplaySideView,
}

/// What is decided, and what would be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplaySideView {
    /// `notified`, `off`, `incomplete`, `silenced` or `limited`.
    pub decision: String,
    /// Why.
    pub reason: String,
    /// Who gets it.
    pub recipients: Vec<String>,
    /// Subjects of the notifications, each once.
    pub subjects: Vec<String>,
    /// Whether the words differ from the other side's.
    pub words_differ: bool,
}
