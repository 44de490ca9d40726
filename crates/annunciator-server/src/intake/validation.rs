//! Events as they came become events of ours, or all their errors with pointers.
//!
//! In: [`Batch`]. Out: [`Event`]s in the same order, or field errors of all of them.
//! Standard: spec 2.1 and 13 (limits and forms), RFC 3339 (times), RFC 6901 (pointers).
//! Knows nothing of: stores, HTTP.

use std::net::IpAddr;

use annunciator_api_types::{
    ApplicationInput, DeviceInput, EventInput, FieldError, ParameterInput,
};
use annunciator_core::{Application, Device, Event, EventUid, ParameterValue, Severity, Timestamp};
use annunciator_planner::{INCIDENT_TYPE_PREFIX, STATUS_TYPE_PREFIX};

use super::Batch;
use super::json::push_key;

/// Most errors that are told at once.
pub(super) const ERRORS_MAX: usize = 100;

/// Validates a batch that is registered at `now`; `next_uid` gives each event its id.
///
/// # Errors
/// Everything that is wrong, at most [`ERRORS_MAX`] entries.
pub(super) fn validate(
    batch: Batch,
    now: Timestamp,
    mut next_uid: impl FnMut() -> EventUid,
) -> Result<Vec<Event>, Vec<FieldError>> {
    let mut findings = Findings { errors: Vec::new(), position: None };
    let mut events = Vec::with_capacity(batch.inputs.len());
    if batch.inputs.is_empty() {
        findings.add("", "required", "must hold at least one event");
    }
    for (position, input) in batch.inputs.into_iter().enumerate() {
        findings.position = batch.is_list.then_some(position);
        events.push(event(input, next_uid(), now, &mut findings));
    }
    if findings.errors.is_empty() { Ok(events) } else { Err(findings.errors) }
}

/// Finds events whose type is kept for incidents: from outside they would be told as incidents that
/// nobody has checked, or as changes of status that nobody has made.
pub(super) fn find_reserved_types(batch: &Batch) -> Vec<FieldError> {
    const REMEDIES: [(&str, &str); 2] = [
        (STATUS_TYPE_PREFIX, "change a status by POST /api/v1/incidents/ID/status"),
        (INCIDENT_TYPE_PREFIX, "hand in incidents by POST /api/v1/incidents"),
    ];
    let mut findings = Findings { errors: Vec::new(), position: None };
    for (position, input) in batch.inputs.iter().enumerate() {
        findings.position = batch.is_list.then_some(position);
        let mut reserved = REMEDIES.iter();
        if let Some((prefix, remedy)) =
            reserved.find(|(prefix, _)| input.event_type.starts_with(prefix))
        {
            let detail = format!("must not begin with `{prefix}`, which is reserved: {remedy}");
            findings.add("/type", "reserved", detail);
        }
    }
    findings.errors
}

/// What was found wrong so far.
pub(super) struct Findings {
    pub(super) errors: Vec<FieldError>,
    /// Of the event in its list.
    pub(super) position: Option<usize>,
}

impl Findings {
    pub(super) fn add(&mut self, pointer: &str, code: &str, detail: impl Into<String>) {
        if self.errors.len() >= ERRORS_MAX {
            return;
        }
        let pointer = match self.position {
            Some(position) => format!("/{position}{pointer}"),
            None => pointer.to_owned(),
        };
        self.errors.push(FieldError::new(pointer, code, detail));
    }

    pub(super) fn length(&mut self, pointer: &str, text: &str, chars_max: usize) {
        // A text of few octets cannot have many characters: most are never counted.
        if text.len() > chars_max {
            let count = text.chars().count();
            if count > chars_max {
                let detail = format!("must have at most {chars_max} characters; it has {count}");
                self.add(pointer, "too_long", detail);
            }
        }
    }

    /// A text of one line: no control characters.
    pub(super) fn line(&mut self, pointer: &str, text: &str, chars_max: usize) {
        self.length(pointer, text, chars_max);
        let is_plain = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if !is_plain && text.chars().any(char::is_control) {
            self.add(pointer, "control_character", "must not hold control characters");
        }
    }

    pub(super) fn required_line(&mut self, pointer: &str, text: &str, chars_max: usize) {
        if text.trim().is_empty() {
            self.add(pointer, "required", "must be given and not be empty");
        } else {
            self.line(pointer, text, chars_max);
        }
    }

    /// A text of any lines.
    pub(super) fn prose(&mut self, pointer: &str, text: &str, chars_max: usize) {
        self.length(pointer, text, chars_max);
        if text.as_bytes().contains(&0) {
            self.add(pointer, "control_character", "must not hold the character NUL");
        }
    }

    pub(super) fn address(&mut self, pointer: &str, text: &str) {
        if !text.is_empty() && text.parse::<IpAddr>().is_err() {
            let detail = "must be an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1";
            self.add(pointer, "format", detail);
        }
    }
}

/// The event; of no use when something was found.
fn event(input: EventInput, uid: EventUid, now: Timestamp, findings: &mut Findings) -> Event {
    findings.line("/id", &input.id, Event::NAME_CHARS_MAX);
    findings.required_line("/type", &input.event_type, Event::NAME_CHARS_MAX);
    findings.line("/type_name", &input.type_name, Event::TITLE_CHARS_MAX);
    let severity = severity(&input.severity, findings);
    let application = application(input.application, findings);
    let device = input.device.map_or_else(Device::default, |given| device(given, findings));
    findings.line("/task", &input.task, Event::TITLE_CHARS_MAX);
    findings.prose("/description", &input.description, Event::DESCRIPTION_CHARS_MAX);
    let occurred_at = match input.occurred_at {
        None => now,
        Some(text) => time("/occurred_at", &text, findings).unwrap_or(now),
    };
    if input.parameters.len() > Event::PARAMETERS_MAX {
        let detail = format!(
            "must be at most {}; there are {}",
            Event::PARAMETERS_MAX,
            input.parameters.len()
        );
        findings.add("/parameters", "too_many", detail);
    }
    let parameters = input.parameters.into_iter().map(|(name, value)| {
        let value = parameter(&name, value, findings);
        (name, value)
    });
    let parameters = parameters.collect();
    let id = if input.id.is_empty() { uid.to_string() } else { input.id };
    Event {
        uid,
        id,
        event_type: input.event_type,
        type_name: input.type_name,
        severity,
        application,
        device,
        task: input.task,
        description: input.description,
        occurred_at,
        registered_at: now,
        parameters,
    }
}

pub(super) fn severity(word: &str, findings: &mut Findings) -> Severity {
    const ONE_OF: &str = "must be info, warning, failure or critical";
    word.parse().unwrap_or_else(|()| {
        let code = if word.is_empty() { "required" } else { "one_of" };
        findings.add("/severity", code, ONE_OF);
        Severity::Info
    })
}

fn application(given: ApplicationInput, findings: &mut Findings) -> Application {
    findings.required_line("/application/name", &given.name, Event::NAME_CHARS_MAX);
    findings.line("/application/version", &given.version, Event::NAME_CHARS_MAX);
    Application { name: given.name, version: given.version }
}

pub(super) fn device(given: DeviceInput, findings: &mut Findings) -> Device {
    findings.line("/device/name", &given.name, Event::DEVICE_CHARS_MAX);
    findings.address("/device/ip", &given.ip);
    findings.address("/device/connection_ip", &given.connection_ip);
    findings.line("/device/domain", &given.domain, Event::NAME_CHARS_MAX);
    findings.line("/device/group", &given.group, Event::GROUP_CHARS_MAX);
    Device {
        name: given.name,
        ip: given.ip,
        connection_ip: given.connection_ip,
        domain: given.domain,
        group: given.group,
    }
}

pub(super) fn time(pointer: &str, text: &str, findings: &mut Findings) -> Option<Timestamp> {
    let parsed = if has_form_of_rfc_3339(text) { parse_time(text) } else { None };
    match parsed {
        Some(at) if at >= Timestamp(0) => Some(at),
        Some(_) => {
            findings.add(pointer, "range", "must be in the years 1970 to 9999");
            None
        }
        None => {
            let detail = "must be an RFC 3339 time such as 2026-11-22T05:30:00.000Z";
            findings.add(pointer, "format", detail);
            None
        }
    }
}

/// The calendar library takes more forms than RFC 3339 has; this takes those and no others.
/// The last hours of the year 9999, which people write for "never", are the latest time there is.
fn parse_time(text: &str) -> Option<Timestamp> {
    let parsed = text.parse::<Timestamp>().ok();
    parsed.or_else(|| {
        let in_last_days = text.strip_prefix("9999").filter(|rest| rest.starts_with("-12-3"))?;
        // Another year tells whether day, hour and offset are such.
        format!("2000{in_last_days}").parse::<Timestamp>().ok().map(|_| Timestamp::MAX)
    })
}

fn has_form_of_rfc_3339(text: &str) -> bool {
    const TIME_BYTES_MAX: usize = 40;
    const DATE: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let bytes = text.as_bytes();
    if bytes.len() > TIME_BYTES_MAX || bytes.len() <= DATE.len() {
        return false;
    }
    let (date, rest) = bytes.split_at(DATE.len());
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        _ => byte == form,
    };
    let rest = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        _ => rest,
    };
    let is_offset = match rest {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    };
    is_offset && date.iter().zip(DATE).all(fits)
}

fn parameter(name: &str, value: ParameterInput, findings: &mut Findings) -> ParameterValue {
    let chars_max = Event::PARAMETER_NAME_CHARS_MAX;
    let is_name = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    let add = |code: &str, detail: String, findings: &mut Findings| {
        let mut pointer = "/parameters".to_owned();
        push_key(&mut pointer, name);
        findings.add(&pointer, code, detail);
    };
    if !is_name {
        let detail = "must be named with letters, digits, `_`, `.` and `-`".to_owned();
        add("format", detail, findings);
    } else if name.len() > chars_max && name.chars().count() > chars_max {
        add("too_long", format!("must have a name of at most {chars_max} characters"), findings);
    }
    match value {
        ParameterInput::Bool(value) => ParameterValue::Bool(value),
        ParameterInput::Integer(value) => ParameterValue::Integer(value),
        ParameterInput::Number(value) => {
            if !value.is_finite() {
                add("range", "must be a finite number".to_owned(), findings);
            }
            ParameterValue::Number(value)
        }
        ParameterInput::Text(text) => {
            let count =
                if text.len() > Event::PARAMETER_CHARS_MAX { text.chars().count() } else { 0 };
            if count > Event::PARAMETER_CHARS_MAX {
                let most = Event::PARAMETER_CHARS_MAX;
                add(
                    "too_long",
                    format!("must have at most {most} characters; it has {count}"),
                    findings,
                );
            }
            if text.as_bytes().contains(&0) {
                add("control_character", "must not hold the character NUL".to_owned(), findings);
            }
            ParameterValue::Text(text)
        }
    }
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
