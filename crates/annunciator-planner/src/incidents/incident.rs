//! An event that is an incident, seen as one (spec 9.1).
//!
//! In: an event. Out: its parameters by their meaning.
//! The event is the one place where an incident's facts are frozen; what changes afterwards is
//! told by an event of its own, which carries them again.

use annunciator_core::{Event, ParameterValue, Severity, Timestamp};

/// Begins the type of an event that registers an incident; the detector's kind follows.
pub const INCIDENT_TYPE_PREFIX: &str = "incident.";
/// Begins the type of an event that tells a change of status; the detector's kind follows.
pub const STATUS_TYPE_PREFIX: &str = "incident_status.";

/// What an event says of its incident, and to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// It was registered.
    Registered,
    /// It was registered and not told; now its status lets it be told for the first time.
    Late,
    /// It was told before; now its status has changed.
    FollowUp,
    /// Its status has changed, and nobody is to know.
    Silent,
}

impl Told {
    const ALL: [Self; 4] = [Self::Registered, Self::Late, Self::FollowUp, Self::Silent];
    /// Name of the parameter that says it.
    pub const PARAMETER: &str = "told";

    /// The word of the parameter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Late => "late",
            Self::FollowUp => "follow_up",
            Self::Silent => "silent",
        }
    }
}

/// An incident, as its event tells it.
#[derive(Clone, Copy, Debug)]
pub struct Incident<'a> {
    /// The event.
    pub event: &'a Event,
    /// The detector's id of the incident.
    pub id: &'a str,
    /// Kind of the detector, such as `forecaster`.
    pub kind: &'a str,
    /// What the event tells.
    pub told: Told,
    /// How bad the incident is.
    pub severity: Severity,
}

impl<'a> Incident<'a> {
    /// The incident of an event; none when it is an event like any other.
    #[must_use]
    pub fn of(event: &'a Event) -> Option<Self> {
        let is_change = event.event_type.starts_with(STATUS_TYPE_PREFIX);
        if !is_change && !event.event_type.starts_with(INCIDENT_TYPE_PREFIX) {
            return None;
        }
        let word = text(event, Told::PARAMETER);
        let told = match is_change {
            true => Told::ALL.into_iter().find(|told| told.as_str() == word)?,
            false => Told::Registered,
        };
        Some(Self {
            event,
            id: some(text(event, "incident_id"))?,
            kind: some(text(event, "detector_kind"))?,
            told,
            severity: text(event, "incident_severity").parse().unwrap_or(event.severity),
        })
    }

    /// A parameter that is text; empty when there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &'a str {
        text(self.event, name)
    }

    /// A parameter that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "it is shown to people")]
        match self.event.parameters.get(name)? {
            ParameterValue::Integer(value) => Some(*value as f64),
            ParameterValue::Number(value) => Some(*value),
            ParameterValue::Bool(_) | ParameterValue::Text(_) => None,
        }
    }

    /// A parameter that is a time.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name).parse().ok()
    }

    /// Code of the status.
    #[must_use]
    pub fn status(&self) -> &'a str {
        self.text("status")
    }

    /// Name of the model.
    #[must_use]
    pub fn model(&self) -> &'a str {
        self.text("model")
    }

    /// When it was registered, which a change of status repeats.
    #[must_use]
    pub fn registered_at(&self) -> Timestamp {
        self.time("registered").unwrap_or(self.event.registered_at)
    }
}

fn text<'a>(event: &'a Event, name: &str) -> &'a str {
    match event.parameters.get(name) {
        Some(ParameterValue::Text(text)) => text,
        _ => "",
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
