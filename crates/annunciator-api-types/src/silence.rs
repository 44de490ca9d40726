//! Silences as JSON (spec 6.4).

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{EventView, FieldError};

/// One condition on one field of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatcherInput {
    /// `application`, `version`, `type`, `type_name`, `severity`, `device`, `group`, `domain`,
    /// `ip`, `connection_ip`, `task`, `description` or `parameters.NAME`.
    pub field: String,
    /// `equals`, `not_equals`, `one_of`, `none_of`, `contains`, `begins_with`, `ends_with`,
    /// `matches` (`*` and `?`), `less`, `less_or_equal`, `greater`, `greater_or_equal`, `exists`,
    /// `absent` or `within` (a device group and those below it).
    pub op: String,
    /// With what: a text, a number, true or false; a list for `one_of` and `none_of`; nothing for
    /// `exists` and `absent`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
    /// Whether texts compare without case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_case: bool,
}

/// Asks for a silence, or for a change of one: what is absent then stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SilenceRequest {
    /// Which events are muted: those for which all of these hold; 1 to 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<MatcherInput>>)]
    pub matchers: Option<Value>,
    /// On which channels; on all when absent or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Why, 1 to 500 characters; the ledger shows it with each muted event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When it begins; at once when absent or past.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<Timestamp>,
    /// When it ends: at most 366 days after it begins. This or `duration_s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends_at: Option<Timestamp>,
    /// How long it lasts, from its begin or, when it has begun, from now. Unit: seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u64>,
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SilenceView {
    /// Id.
    pub id: String,
    /// `pending`, `active` or `ended`.
    pub state: String,
    /// Which events are muted, in words.
    pub summary: String,
    /// Which events are muted.
    #[schema(value_type = Vec<MatcherInput>)]
    pub matchers: Value,
    /// On which channels; all of them when empty.
    pub channels: Vec<String>,
    /// Who made it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Who ended it before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// A silence was saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SilenceSaved {
    /// The silence.
    pub silence: SilenceView,
    /// What works but deserves a look: it can never mute anything, or it mutes everything.
    #[serde(default)]
    pub warnings: Vec<FieldError>,
}

/// A page of silences, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SilenceList {
    /// The silences.
    pub silences: Vec<SilenceView>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Asks what matchers would mute.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SilencePreviewRequest {
    /// The matchers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<MatcherInput>>)]
    pub matchers: Option<Value>,
}

/// What matchers would mute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SilencePreview {
    /// The matchers in words.
    pub summary: String,
    /// How many of the newest events were looked at, 1,000 at most.
    pub looked_at: u64,
    /// How many of them match.
    pub matching: u64,
    /// The newest of those that match, 10 at most.
    pub events: Vec<EventView>,
    /// What deserves a look.
    #[serde(default)]
    pub warnings: Vec<FieldError>,
}
