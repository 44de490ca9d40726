//! Names of an event's fields, and what stands in them.
//!
//! In: a name such as `device` or `parameters.free_percent`; an event. Out: the field's text form.

use std::borrow::Cow;
use std::fmt;

use annunciator_core::{Event, ParameterValue, ellipsize};
use annunciator_settings::{Kind, Problem, Rules, SettingValue, nearest_name};
use serde_json::Value;

/// What stands before the name of a parameter.
const PARAMETER_PREFIX: &str = "parameters.";

/// A field of an event.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// Name of the application.
    Application,
    /// Version of the application.
    Version,
    /// Event type code.
    Type,
    /// Event type display name.
    TypeName,
    /// Severity.
    Severity,
    /// Name of the device.
    Device,
    /// Path of the device group.
    Group,
    /// Domain of the device.
    Domain,
    /// Address of the device.
    Ip,
    /// Address that the device connected from.
    ConnectionIp,
    /// Name of the task.
    Task,
    /// Description.
    Description,
    /// The parameter of this name.
    Parameter(String),
}

impl Field {
    /// All but parameters, with their names.
    const NAMED: [(&'static str, Self); 12] = [
        ("application", Self::Application),
        ("version", Self::Version),
        ("type", Self::Type),
        ("type_name", Self::TypeName),
        ("severity", Self::Severity),
        ("device", Self::Device),
        ("group", Self::Group),
        ("domain", Self::Domain),
        ("ip", Self::Ip),
        ("connection_ip", Self::ConnectionIp),
        ("task", Self::Task),
        ("description", Self::Description),
    ];

    /// Its name in JSON.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        if let Self::Parameter(name) = self {
            return format!("{PARAMETER_PREFIX}{name}").into();
        }
        let found = Self::NAMED.into_iter().find(|(_, field)| field == self);
        found.map(|(name, _)| name).expect("every field but parameters is in the list").into()
    }

    /// The field of that name.
    fn of_name(text: &str) -> Result<Self, Problem> {
        if let Some(name) = text.strip_prefix(PARAMETER_PREFIX) {
            let chars = name.chars().count();
            if (1..=Event::PARAMETER_NAME_CHARS_MAX).contains(&chars) {
                return Ok(Self::Parameter(name.to_owned()));
            }
            let max = Event::PARAMETER_NAME_CHARS_MAX;
            let detail = format!("the name of a parameter has 1 to {max} characters, not {chars}");
            return Err(Problem::new("format", detail));
        }
        if let Some((_, field)) = Self::NAMED.into_iter().find(|(name, _)| *name == text) {
            return Ok(field);
        }
        let shown = ellipsize(text, 100);
        let names = Self::NAMED.map(|(name, _)| name);
        let hint = match nearest_name(text, names) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => {
                format!("it is one of {}, or `{PARAMETER_PREFIX}NAME`", names.join(", "))
            }
        };
        Err(Problem::new("one_of", format!("`{shown}` is no field of an event: {hint}")))
    }

    /// Whether every event has it.
    pub(super) fn is_always_given(&self) -> bool {
        matches!(self, Self::Application | Self::Type | Self::Severity)
    }

    /// Whether it may be given and yet be empty.
    pub(super) fn may_be_empty(&self) -> bool {
        matches!(self, Self::Parameter(_))
    }

    /// The text form of what stands in it; none when it is absent.
    pub(super) fn text_of<'e>(&self, event: &'e Event) -> Option<Cow<'e, str>> {
        let text = match self {
            Self::Application => &event.application.name,
            Self::Version => &event.application.version,
            Self::Type => &event.event_type,
            Self::TypeName => &event.type_name,
            Self::Severity => event.severity.as_str(),
            Self::Device => &event.device.name,
            Self::Group => &event.device.group,
            Self::Domain => &event.device.domain,
            Self::Ip => &event.device.ip,
            Self::ConnectionIp => &event.device.connection_ip,
            Self::Task => &event.task,
            Self::Description => &event.description,
            Self::Parameter(name) => {
                return Some(match event.parameters.get(name)? {
                    ParameterValue::Text(text) => Cow::Borrowed(text),
                    value => Cow::Owned(value.to_string()),
                });
            }
        };
        (!text.is_empty()).then_some(Cow::Borrowed(text))
    }
}

impl fmt::Display for Field {
    /// As people read it: the name of a parameter stands alone where it is a plain word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
                if Self::NAMED.iter().any(|(known, _)| known == name) {
                    write!(f, "{PARAMETER_PREFIX}{name}")
                } else if name.chars().all(is_plain) {
                    f.write_str(name)
                } else {
                    write!(f, "{name:?}")
                }
            }
            _ => f.write_str(&self.name()),
        }
    }
}

impl SettingValue for Field {
    fn kind(rules: &Rules) -> Kind {
        String::kind(rules)
    }

    fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>> {
        let text = String::parse(value, rules)?;
        Self::of_name(&text).map_err(|problem| vec![problem])
    }

    fn to_json(&self) -> Value {
        Value::from(self.name())
    }
}
