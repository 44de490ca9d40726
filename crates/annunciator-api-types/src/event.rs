//! Events as sources write them (spec 13), before validation.
//!
//! Out: every field as it came; what is missing is empty, so that all errors can be told at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An event as a source hands it in. Only `type`, `severity` and `application.name` are required.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventInput {
    /// The source's id, at most 256 characters; the same id again (per application) is the same
    /// event. Made here when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Event type code, 1 to 256 characters.
    #[serde(rename = "type")]
    #[schema(required = true, example = "disk.full")]
    pub event_type: String,
    /// Event type display name, at most 100 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub type_name: String,
    /// `info`, `warning`, `failure` or `critical`.
    #[schema(required = true, example = "critical")]
    pub severity: String,
    /// Who reports it.
    #[schema(required = true)]
    pub application: ApplicationInput,
    /// Where it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceInput>,
    /// Task name, at most 100 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// Description, at most 65,536 characters; templates show the first 1,000.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When it happened, RFC 3339; the time of registration when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub occurred_at: Option<String>,
    /// Named parameters, at most 256: text, number or truth value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, ParameterInput>,
}

/// The product that reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApplicationInput {
    /// Name, 1 to 256 characters.
    #[schema(required = true, example = "Storage Guard")]
    pub name: String,
    /// Version, at most 256 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// Where it happened; every field may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceInput {
    /// Name, at most 256 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// IP address of the device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// IP address it connects from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub connection_ip: String,
    /// Domain, at most 256 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Path of the device group, such as `Plant A/Line 2`, at most 1,024 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
}

/// The value of an event parameter: text, number or truth value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ParameterInput {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// Text, at most 16,384 characters.
    Text(String),
}

/// Answer to accepted events: they are on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedEvents {
    /// One entry per event, in the order of the request.
    pub events: Vec<AcceptedEvent>,
}

/// One accepted event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedEvent {
    /// The source's id, or the one made here.
    pub id: String,
    /// Whether the event was known already, so that nothing more will happen.
    pub duplicate: bool,
}
