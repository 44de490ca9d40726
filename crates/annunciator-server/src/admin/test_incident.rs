//! A made-up incident and its only subscriber, for the Mail Notifier's test message.
//!
//! In: addresses and a language. Out: what the planner is given in place of what is stored.

use annunciator_api_types::{
    DetectorInput, DeviceInput, FieldError, IncidentInput, ParameterInput, SampleInput, TopTagInput,
};
use annunciator_channels::check_address;
use annunciator_core::{Event, EventUid, Sample, Timestamp};
use annunciator_planner::{
    Directory, IncidentFrame, IncidentRules, IncidentSettings, Subscription,
};
use annunciator_settings::{Rules, SettingValue as _};
use serde_json::json;

use super::AdminError;
use crate::intake::incidents::{IncidentBatch, Registration, validate};
use crate::snapshot::{Snapshot, field_errors};

/// How long the made-up course is, and how far apart its samples are. Unit: milliseconds.
const COURSE_MS: i64 = 3_600_000;
const STEP_MS: i64 = 30_000;

/// What the planner is given.
pub(super) struct TestIncident {
    pub(super) event: Event,
    rules: IncidentRules,
    directory: Directory,
    samples: Vec<Sample>,
}

impl TestIncident {
    pub(super) fn frame(&self) -> IncidentFrame<'_> {
        IncidentFrame {
            rules: Some(&self.rules),
            directory: Some(&self.directory),
            samples: &self.samples,
        }
    }
}

/// Makes an incident that is told to these addresses.
///
/// # Errors
/// No address, or what is none; a language that there is not.
pub(super) fn sample(
    snapshot: &Snapshot,
    (to, language): (&str, &str),
    uid: EventUid,
    now: Timestamp,
) -> Result<TestIncident, AdminError> {
    let language = if language.is_empty() { "en" } else { language };
    let row = json!({"name": "test", "addresses": to, "language": language});
    let mut errors = Vec::new();
    let subscription = Subscription::parse(&row, &Rules::DEFAULT).map_err(|problems| {
        AdminError::Invalid(field_errors("", problems).into_iter().map(renamed).collect())
    })?;
    if subscription.addresses.is_empty() {
        let detail = "give an address: the Mail Notifier has no recipients of its own";
        errors.push(FieldError::new("/to", "required", detail));
    }
    for address in subscription.addresses.iter() {
        if let Err(detail) = check_address(address) {
            errors.push(FieldError::new("/to", "format", format!("`{address}`: {detail}")));
        }
    }
    if !errors.is_empty() {
        return Err(AdminError::Invalid(errors));
    }
    let mut settings =
        IncidentSettings { subscriptions: vec![subscription], ..snapshot.incidents.values.clone() };
    // A test is told, whatever status incidents begin with.
    settings.statuses.iter_mut().for_each(|status| status.notify = true);
    let rules = IncidentRules::new(&settings);
    let registration = Registration { now, author: "test", rules: &rules };
    let batch = IncidentBatch { inputs: vec![input(now, language == "ru")], is_list: false };
    let mut taken = validate(batch, registration, || uid).map_err(AdminError::Invalid)?;
    let (event, incident) = taken.pop().expect("one in, one out");
    Ok(TestIncident { event, rules, directory: Directory::default(), samples: incident.samples })
}

/// The names of the request for those of a subscription.
fn renamed(mut error: FieldError) -> FieldError {
    error.pointer = match error.pointer.trim_start_matches('/') {
        pointer if pointer.starts_with("addresses") => "/to".to_owned(),
        pointer => format!("/{pointer}"),
    };
    error
}

fn input(now: Timestamp, is_russian: bool) -> IncidentInput {
    let words = |english: &str, russian: &str| {
        if is_russian { russian.to_owned() } else { english.to_owned() }
    };
    let start = now.plus_ms(-COURSE_MS / 4);
    let count = i32::try_from(COURSE_MS / STEP_MS).unwrap_or_default();
    let sample = |at: i32| {
        let time = now.plus_ms(-COURSE_MS + i64::from(at) * STEP_MS);
        let deviation = if time < start { 0.0 } else { f64::from(at - count * 3 / 4) * 0.4 };
        let value = 540.0 + (f64::from(at) * 0.21).sin() * 1.5 + deviation;
        SampleInput { at: time.to_string(), value }
    };
    IncidentInput {
        id: "test".to_owned(),
        detector: DetectorInput { kind: "forecaster".to_owned(), ..DetectorInput::default() },
        model: words("Test message", "Тестовое сообщение"),
        severity: "warning".to_owned(),
        asset: Some(DeviceInput {
            name: words("Boiler 3", "Котёл 3"), ..DeviceInput::default()
        }),
        top_tag: Some(TopTagInput {
            name: "TI-101".to_owned(),
            description: words("Steam temperature", "Температура пара"),
            value: Some(ParameterInput::Number(551.5)),
            units: "°C".to_owned(),
        }),
        mse: Some(0.25),
        threshold: Some(0.125),
        start: Some(start.to_string()),
        description: words(
            "This is a test message: there is no incident.",
            "Это тестовое сообщение: инцидента нет.",
        ),
        samples: (0..count).map(sample).collect(),
        ..IncidentInput::default()
    }
}
