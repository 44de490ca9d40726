//! Events: what a source hands in, after validation (spec 2.1 to 2.3).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{EventUid, Timestamp};

/// How bad it is (spec 2.2); ordered, the worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Number 1.
    Info,
    /// Number 2.
    Warning,
    /// Number 3, shown as "Functional failure".
    Failure,
    /// Number 4.
    Critical,
}

impl Severity {
    /// All of them, mildest first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Failure, Self::Critical];

    /// The word of the API and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Failure => "failure",
            Self::Critical => "critical",
        }
    }

    /// The number, 1 (info) to 4 (critical).
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The English word that readers see.
    #[must_use]
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Info => "Info",
            Self::Warning => "Warning",
            Self::Failure => "Functional failure",
            Self::Critical => "Critical",
        }
    }

    /// Storage term in days when the event type sets none (spec 2.4).
    #[must_use]
    pub fn storage_term_days(self) -> u32 {
        match self {
            Self::Critical | Self::Failure => 180,
            Self::Warning => 90,
            Self::Info => 30,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or(())
    }
}

/// The product that reports.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Application {
    /// Name, 1 to [`Event::NAME_CHARS_MAX`] characters.
    pub name: String,
    /// Version, may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// Where it happened; every field may be empty.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Name, at most [`Event::DEVICE_CHARS_MAX`] characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Address of the device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// Address it was seen to connect from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub connection_ip: String,
    /// Windows or DNS domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Path of the device group, such as `Plant A/Line 2`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
}

/// The value of a named event parameter.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other finite number.
    Number(f64),
    /// Text, at most [`Event::PARAMETER_CHARS_MAX`] characters.
    Text(String),
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// One event, validated. Limits of its fields: spec 2.1.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The ledger's id, made here.
    pub uid: EventUid,
    /// The source's id, unique per application; the `uid` as text when the source gave none.
    pub id: String,
    /// Event type code, known per application.
    pub event_type: String,
    /// Event type display name; empty when the source gave none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub type_name: String,
    /// How bad it is.
    pub severity: Severity,
    /// Who reports it.
    pub application: Application,
    /// Where it happened.
    #[serde(default)]
    pub device: Device,
    /// Task name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// Description, kept whole; templates shorten it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When it happened ("rise time"); the registration time when the source gave none.
    pub occurred_at: Timestamp,
    /// When it was accepted here.
    pub registered_at: Timestamp,
    /// Named parameters, at most [`Event::PARAMETERS_MAX`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, ParameterValue>,
}

impl Event {
    /// Longest source id, type code, application name, version, domain. Unit: characters.
    pub const NAME_CHARS_MAX: usize = 256;
    /// Longest event type display name and task name (spec 2.1). Unit: characters.
    pub const TITLE_CHARS_MAX: usize = 100;
    /// Longest device name (spec 2.1). Unit: characters.
    pub const DEVICE_CHARS_MAX: usize = 256;
    /// Longest device group path. Unit: characters.
    pub const GROUP_CHARS_MAX: usize = 1024;
    /// Longest description that is kept. Unit: characters.
    pub const DESCRIPTION_CHARS_MAX: usize = 65_536;
    /// What templates show of a description (spec 2.1). Unit: characters.
    pub const DESCRIPTION_SHOWN_CHARS_MAX: usize = 1000;
    /// Most parameters of one event (spec 2.1).
    pub const PARAMETERS_MAX: usize = 256;
    /// Longest parameter name. Unit: characters.
    pub const PARAMETER_NAME_CHARS_MAX: usize = 100;
    /// Longest parameter text. Unit: characters.
    pub const PARAMETER_CHARS_MAX: usize = 16_384;

    /// What readers call this kind of event: its display name, or the code when there is none.
    #[must_use]
    pub fn display_name(&self) -> &str {
        if self.type_name.is_empty() { &self.event_type } else { &self.type_name }
    }

    /// The event type, as it is known per application.
    #[must_use]
    pub fn type_key(&self) -> EventTypeKey {
        EventTypeKey {
            application: self.application.name.clone(),
            event_type: self.event_type.clone(),
        }
    }
}

/// Names an event type: types are known per application (spec 2.3).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EventTypeKey {
    /// Application name.
    pub application: String,
    /// Event type code.
    pub event_type: String,
}
