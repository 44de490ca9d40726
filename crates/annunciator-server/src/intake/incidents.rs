//! Posted incidents become events and what stands beside them (spec 9.1).
//!
//! In: the body of `POST /api/v1/incidents`: one incident or a list. Out: an event and an incident
//! for each, in order, or all their errors with pointers.
//! Knows nothing of: stores, HTTP, who is told.
//! Standard: ADR 0037.

use std::collections::BTreeMap;

use annunciator_api_types::{
    DetectorInput, FieldError, IncidentInput, IncidentStatusRequest, ParameterInput, SampleInput,
    TopTagInput,
};
use annunciator_core::{
    Application, Device, Event, EventUid, ParameterValue, Sample, Severity, Timestamp,
};
use annunciator_planner::{
    INCIDENT_TYPE_PREFIX, IncidentRules, KIND_CHARS_MAX, TAG_DESCRIPTION_CHARS_MAX,
    UNITS_CHARS_MAX, is_detector_kind, is_web_link,
};
use annunciator_store::NewIncident;

use super::json::{Document, Unreadable, has_list_deeper_than, parse};
use super::validation::{self, Findings};
use super::{EVENTS_MAX, Refusal};

pub(super) mod repeats;

/// Where incidents are posted.
pub const PATH: &str = "/api/v1/incidents";
/// Longest link. Unit: characters.
const LINK_CHARS_MAX: usize = 2_048;

/// Incidents of one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IncidentBatch {
    /// The incidents as they came.
    pub inputs: Vec<IncidentInput>,
    /// Whether they came as a list, so that pointers begin with the position.
    pub is_list: bool,
}

/// Who hands in, when, and under which rules.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    /// When.
    pub now: Timestamp,
    /// Who, for the history of statuses.
    pub author: &'a str,
    /// The statuses there are.
    pub rules: &'a IncidentRules,
}

/// A list of incidents.
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
struct IncidentInputs(Vec<IncidentInput>);

impl Document for IncidentInput {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        match path {
            [] => &[
                "id",
                "detector",
                "model",
                "severity",
                "asset",
                "top_tag",
                "mse",
                "threshold",
                "start",
                "end",
                "status",
                "history",
                "group",
                "description",
                "samples",
            ],
            ["detector"] => &["kind", "name", "version"],
            ["asset"] => &["name", "ip", "connection_ip", "domain", "group"],
            ["top_tag"] => &["name", "description", "value", "units"],
            ["samples"] => &["at", "value"],
            _ => &[],
        }
    }

    fn expectation(path: &[&str]) -> Option<&'static str> {
        match path {
            ["top_tag", "value"] => Some("must be text, a number, true or false"),
            ["mse" | "threshold"] | ["samples", "value"] => Some("must be a number"),
            ["samples"] => Some("must be a list of objects with `at` and `value`"),
            _ => None,
        }
    }
}

impl Document for IncidentInputs {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        IncidentInput::fields(path)
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        IncidentInput::expectation(path)
    }
}

impl Document for IncidentStatusRequest {
    const REQUIRED: &'static [&'static str] = &["status"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["status", "comment", "from"] } else { &[] }
    }
}

/// Reads the incidents of a body.
///
/// # Errors
/// 400 and 422 in words: where the text breaks, or which field has a wrong name or type.
pub fn read(body: &[u8]) -> Result<IncidentBatch, Refusal> {
    let text = body.trim_ascii();
    let is_list = text.first() == Some(&b'[');
    let depth_max = 1 + usize::from(is_list);
    if has_list_deeper_than(depth_max, text) {
        let error = FieldError::new("", "type", "only `samples` is a list");
        return Err(Refusal::Invalid(vec![error]));
    }
    let inputs = match is_list {
        _ if text.is_empty() => {
            let words = "The body is empty: it must hold an incident.";
            return Err(Refusal::Malformed(words.to_owned()));
        }
        true => parse::<IncidentInputs>(text).map(|list| list.0),
        false => parse::<IncidentInput>(text).map(|one| vec![one]),
    };
    let inputs = inputs.map_err(refuse)?;
    if inputs.len() > EVENTS_MAX {
        return Err(Refusal::TooMany(inputs.len()));
    }
    Ok(IncidentBatch { inputs, is_list })
}

/// What a body that cannot be read is answered.
pub(super) fn refuse(error: Unreadable) -> Refusal {
    match error {
        Unreadable::Malformed(place) => Refusal::Malformed(format!(
            "The body is not JSON: {} at line {}, column {}.",
            place.reason, place.line, place.column
        )),
        Unreadable::Shape(error) => Refusal::Invalid(vec![error]),
    }
}

/// Checks incidents; `next_uid` gives each event its id.
///
/// # Errors
/// Everything that is wrong.
pub fn validate(
    batch: IncidentBatch,
    registration: Registration<'_>,
    mut next_uid: impl FnMut() -> EventUid,
) -> Result<Vec<(Event, NewIncident)>, Vec<FieldError>> {
    let mut findings = Findings { errors: Vec::new(), position: None };
    if batch.inputs.is_empty() {
        findings.add("", "required", "must hold at least one incident");
    }
    let mut taken = Vec::with_capacity(batch.inputs.len());
    for (position, input) in batch.inputs.into_iter().enumerate() {
        findings.position = batch.is_list.then_some(position);
        taken.push(incident(input, registration, next_uid(), &mut findings));
    }
    if findings.errors.is_empty() { Ok(taken) } else { Err(findings.errors) }
}

/// The event and the incident; of no use when something was found.
fn incident(
    input: IncidentInput,
    registration: Registration<'_>,
    uid: EventUid,
    findings: &mut Findings,
) -> (Event, NewIncident) {
    let Registration { now, author, rules } = registration;
    check_lines(&input, findings);
    let severity = match input.severity.as_str() {
        "" => Severity::Warning,
        word => validation::severity(word, findings),
    };
    let asset = asset(&input, findings);
    let start = moment("/start", input.start.as_ref(), findings);
    let end = moment("/end", input.end.as_ref(), findings);
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        findings.add("/end", "range", "must not be before `start`");
    }
    let status = status(&input.status, rules, findings);
    let samples = samples(&input.samples, findings);
    let starts_at = start.unwrap_or(now);
    let id = if input.id.is_empty() { uid.to_string() } else { input.id.clone() };
    let parameters = parameters(&input, &id, uid, (starts_at, end), &status, samples.len());
    let DetectorInput { kind, name, version } = input.detector;
    let name = if name.is_empty() { kind.clone() } else { name };
    let new = NewIncident {
        told: rules.is_told(&status),
        grouping_ms: rules.grouping_ms,
        model: input.model,
        top_tag: input.top_tag.map(|tag| tag.name).unwrap_or_default(),
        group: input.group,
        author: author.to_owned(),
        kind: kind.clone(),
        starts_at,
        status,
        samples,
    };
    let event = Event {
        uid,
        id,
        event_type: format!("{INCIDENT_TYPE_PREFIX}{kind}"),
        type_name: format!("Incident ({kind})"),
        severity,
        application: Application { name, version },
        device: asset,
        task: String::new(),
        description: input.description,
        occurred_at: starts_at,
        registered_at: now,
        parameters,
    };
    (event, new)
}

fn check_lines(input: &IncidentInput, findings: &mut Findings) {
    let IncidentInput { id, detector, model, group, description, history, .. } = input;
    findings.line("/id", id, Event::NAME_CHARS_MAX);
    findings.required_line("/detector/kind", &detector.kind, KIND_CHARS_MAX);
    if !is_detector_kind(&detector.kind) {
        let detail = "must be of small letters, digits, `_` and `-`";
        findings.add("/detector/kind", "format", detail);
    }
    findings.line("/detector/name", &detector.name, Event::NAME_CHARS_MAX);
    findings.line("/detector/version", &detector.version, Event::NAME_CHARS_MAX);
    findings.line("/model", model, Event::NAME_CHARS_MAX);
    findings.line("/group", group, Event::NAME_CHARS_MAX);
    findings.prose("/description", description, Event::DESCRIPTION_CHARS_MAX);
    findings.line("/history", history, LINK_CHARS_MAX);
    // It becomes a link in a mail: nothing that a reader's program would execute.
    if !history.is_empty() && !is_web_link(history) {
        findings.add("/history", "format", "must begin with https:// or http://");
    }
    if let Some(TopTagInput { name, description, value, units }) = &input.top_tag {
        findings.required_line("/top_tag/name", name, Event::NAME_CHARS_MAX);
        findings.line("/top_tag/description", description, TAG_DESCRIPTION_CHARS_MAX);
        findings.line("/top_tag/units", units, UNITS_CHARS_MAX);
        if let Some(ParameterInput::Text(text)) = value {
            findings.line("/top_tag/value", text, TAG_DESCRIPTION_CHARS_MAX);
        }
    }
}

fn asset(input: &IncidentInput, findings: &mut Findings) -> Device {
    let before = findings.errors.len();
    let given = input.asset.clone();
    let asset = given.map_or_else(Device::default, |given| validation::device(given, findings));
    for error in &mut findings.errors[before..] {
        error.pointer = error.pointer.replace("/device/", "/asset/");
    }
    asset
}

fn moment(pointer: &str, text: Option<&String>, findings: &mut Findings) -> Option<Timestamp> {
    text.and_then(|text| validation::time(pointer, text, findings))
}

/// The code of the status that is meant.
fn status(given: &str, rules: &IncidentRules, findings: &mut Findings) -> String {
    if given.trim().is_empty() {
        return rules.initial_status().to_owned();
    }
    rules.meant_status(given).map(|status| status.code.clone()).unwrap_or_else(|| {
        findings.add("/status", "one_of", must_be_status(rules));
        String::new()
    })
}

/// What a status must be, in words.
#[must_use]
pub fn must_be_status(rules: &IncidentRules) -> String {
    let codes: Vec<_> = rules.statuses().iter().map(|status| status.code.as_str()).collect();
    format!("must be one of {}", codes.join(", "))
}

fn samples(given: &[SampleInput], findings: &mut Findings) -> Vec<Sample> {
    if given.len() > Sample::COUNT_MAX {
        let (most, count) = (Sample::COUNT_MAX, given.len());
        let detail = format!("must be at most {most}; there are {count}");
        findings.add("/samples", "too_many", detail);
        return Vec::new();
    }
    let mut samples = Vec::with_capacity(given.len());
    for (at, SampleInput { at: time, value }) in given.iter().enumerate() {
        if let Some(at) = validation::time(&format!("/samples/{at}/at"), time, findings) {
            samples.push(Sample { at, value: *value });
        }
    }
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// What the event says of the incident (ADR 0037).
fn parameters(
    input: &IncidentInput,
    id: &str,
    uid: EventUid,
    (start, end): (Timestamp, Option<Timestamp>),
    status: &str,
    sample_count: usize,
) -> BTreeMap<String, ParameterValue> {
    let mut parameters = BTreeMap::new();
    let mut put = |name: &str, value: Option<ParameterValue>| {
        parameters.extend(value.map(|value| (name.to_owned(), value)));
    };
    let text = |text: &str| (!text.is_empty()).then(|| ParameterValue::Text(text.to_owned()));
    let detector = &input.detector;
    put("incident_id", text(id));
    put("incident_uid", text(&uid.to_string()));
    put("detector_kind", text(&detector.kind));
    put("detector", text(if detector.name.is_empty() { &detector.kind } else { &detector.name }));
    put("model", text(&input.model));
    if let Some(tag) = &input.top_tag {
        put("top_tag", text(&tag.name));
        put("top_tag_description", text(&tag.description));
        put("top_tag_units", text(&tag.units));
        put("top_tag_value", tag.value.as_ref().map(to_value));
    }
    put("mse", input.mse.map(ParameterValue::Number));
    put("threshold", input.threshold.map(ParameterValue::Number));
    put("start", text(&start.to_string()));
    put("end", end.and_then(|end| text(&end.to_string())));
    put("status", text(status));
    put("history", text(&input.history));
    put("group", text(&input.group));
    let count = i64::try_from(sample_count).unwrap_or(i64::MAX);
    put("samples", (count > 0).then_some(ParameterValue::Integer(count)));
    parameters
}

fn to_value(input: &ParameterInput) -> ParameterValue {
    match input {
        ParameterInput::Bool(value) => ParameterValue::Bool(*value),
        ParameterInput::Integer(value) => ParameterValue::Integer(*value),
        ParameterInput::Number(value) => ParameterValue::Number(*value),
        ParameterInput::Text(text) => ParameterValue::Text(text.clone()),
    }
}

#[cfg(test)]
#[path = "incidents_tests.rs"]
mod tests;
