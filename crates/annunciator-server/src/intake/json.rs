//! JSON text becomes a typed document, or one error that says where and what.
//!
//! In: a request's body. Out: the document; else line and column, or a pointer with a code.
//! Standard: RFC 8259 (JSON), RFC 6901 (pointers).
//! Knows nothing of: HTTP, what the values must be beyond their types.
//!
//! The good case parses once. Only after an error the text is read a second time, tracking the
//! path, so that good requests pay nothing for good messages.

use annunciator_api_types::{
    CertificateUpload, DeviceGroupInput, EffectiveRequest, EventInput, ExplainRequest, FieldError,
    KeyDownloadRequest, NewTokenRequest, OperationTargets, OverrideChange, PolicyInput,
    PreviewRequest, ReplayRequest, RollbackRequest, TestMessageRequest,
};
use annunciator_core::one_line;
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde_path_to_error::Segment;

/// Deepest nesting that is taken.
pub const DEPTH_MAX: usize = 64;
/// Longest detail of an error. Unit: characters.
const DETAIL_CHARS_MAX: usize = 300;
/// Names less alike than this are no help.
const SIMILARITY_MIN: f64 = 0.75;

/// Why a text is not the document asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no JSON; says where.
    Malformed(Place),
    /// It is JSON of another shape.
    Shape(FieldError),
}

/// Where a text stops being JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// 1 for the first.
    pub line: usize,
    /// 1 for the first; 0 for an empty line.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// A type that is read from a request's body.
pub trait Document: DeserializeOwned {
    /// Fields that have no default.
    const REQUIRED: &'static [&'static str] = &[];
    /// Names of the fields of the object under these keys; empty when any name will do.
    fn fields(path: &[&str]) -> &'static [&'static str];
    /// What the value under these keys must be, when the parser cannot say it well.
    fn expectation(_path: &[&str]) -> Option<&'static str> {
        None
    }
}

/// Reads a document.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse<T: Document>(text: &[u8]) -> Result<T, Unreadable> {
    let error = match serde_json::from_slice(text) {
        Ok(document) => return Ok(document),
        Err(error) => error,
    };
    if is_too_deep(text) {
        let detail = format!("must not nest deeper than {DEPTH_MAX} levels");
        return Err(Unreadable::Shape(FieldError::new("", "too_deep", detail)));
    }
    if !error.is_data() {
        let reason = reason_of(&error);
        let (line, column) = (error.line(), error.column());
        return Err(Unreadable::Malformed(Place { line, column, reason }));
    }
    Err(Unreadable::Shape(explain::<T>(text, &error)))
}

/// Like [`parse`], for documents that hold values of any shape: the depth is checked first.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse_open<T: Document>(text: &[u8]) -> Result<T, Unreadable> {
    if is_too_deep(text) {
        let detail = format!("must not nest deeper than {DEPTH_MAX} levels");
        return Err(Unreadable::Shape(FieldError::new("", "too_deep", detail)));
    }
    parse(text)
}

/// The second reading: finds the place of an error of shape.
fn explain<T: Document>(text: &[u8], first: &serde_json::Error) -> FieldError {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return FieldError::new("", "type", reason_of(first));
    };
    let keys: Vec<&str> = error
        .path()
        .iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(key.as_str()),
            _ => None,
        })
        .collect();
    let pointer = pointer_of(error.path());
    if let Some((name, parents)) = keys.split_last() {
        let known = T::fields(parents);
        if !known.is_empty() && !known.contains(name) {
            return FieldError::new(pointer, "unknown_field", unknown_name(name, known));
        }
    }
    if keys.is_empty()
        && let Some(missing) = missing_field::<T>(text)
    {
        return FieldError::new(format!("/{missing}"), "required", "must be given");
    }
    let detail =
        T::expectation(&keys).map_or_else(|| reason_of(error.inner()), |must| must.to_owned());
    FieldError::new(pointer, "type", detail)
}

fn missing_field<T: Document>(text: &[u8]) -> Option<&'static str> {
    let given: std::collections::HashMap<String, IgnoredAny> = serde_json::from_slice(text).ok()?;
    T::REQUIRED.iter().copied().find(|name| !given.contains_key(*name))
}

/// Says that a name is not known, and which one is near.
#[must_use]
pub fn unknown_name(name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let name = one_line(name, 100);
    match nearest {
        Some((_, nearest)) => format!("`{name}` is not known; did you mean `{nearest}`?"),
        None => format!("`{name}` is not known; known are {}", known.join(", ")),
    }
}

/// The parser's words without the place, which is told apart.
fn reason_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    one_line(reason, DETAIL_CHARS_MAX)
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } => push_key(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// Appends a key to a JSON pointer, escaped and cut.
pub fn push_key(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&one_line(key, 100).replace('~', "~0").replace('/', "~1"));
}

/// Whether brackets nest deeper than [`DEPTH_MAX`], strings left out.
fn is_too_deep(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    for byte in outside_strings(text) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

/// Whether lists nest deeper than `depth_max`, strings left out. Structs would take a list for
/// their fields in order; nobody means that.
#[must_use]
pub fn has_list_deeper_than(depth_max: usize, text: &[u8]) -> bool {
    let mut depth = 0_usize;
    outside_strings(text).any(|byte| {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > depth_max
    })
}

/// The octets that are not within strings.
pub(super) fn outside_strings(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let (mut in_string, mut is_escaped) = (false, false);
    text.iter().copied().filter(move |&byte| {
        if !in_string {
            in_string = byte == b'"';
            return true;
        }
        if is_escaped {
            is_escaped = false;
        } else if byte == b'\\' {
            is_escaped = true;
        } else if byte == b'"' {
            in_string = false;
        }
        false
    })
}

impl Document for EventInput {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        match path {
            [] => &[
                "id",
                "type",
                "type_name",
                "severity",
                "application",
                "device",
                "task",
                "description",
                "occurred_at",
                "parameters",
            ],
            ["application"] => &["name", "version"],
            ["device"] => &["name", "ip", "connection_ip", "domain", "group"],
            _ => &[],
        }
    }

    fn expectation(path: &[&str]) -> Option<&'static str> {
        match path {
            ["parameters", _] => Some("must be text, a number, true or false"),
            _ => None,
        }
    }
}

/// A list of events; those beyond the bound are counted and not kept.
#[derive(Debug)]
pub struct EventInputs<const COUNT_MAX: usize> {
    /// The first of them.
    pub inputs: Vec<EventInput>,
    /// How many there are.
    pub count: usize,
}

impl<'de, const COUNT_MAX: usize> serde::Deserialize<'de> for EventInputs<COUNT_MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Inputs<const COUNT_MAX: usize>;
        impl<'de, const COUNT_MAX: usize> Visitor<'de> for Inputs<COUNT_MAX> {
            type Value = EventInputs<COUNT_MAX>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of events")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut inputs = Vec::new();
                while inputs.len() < COUNT_MAX {
                    match list.next_element()? {
                        Some(input) => inputs.push(input),
                        None => return Ok(EventInputs { count: inputs.len(), inputs }),
                    }
                }
                let mut count = inputs.len();
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(EventInputs { inputs, count })
            }
        }
        deserializer.deserialize_seq(Inputs)
    }
}

impl<const COUNT_MAX: usize> Document for EventInputs<COUNT_MAX> {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        EventInput::fields(path)
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        EventInput::expectation(path)
    }
}

impl Document for OperationTargets {
    const REQUIRED: &'static [&'static str] = &["deliveries"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["deliveries"] } else { &[] }
    }
}

impl Document for NewTokenRequest {
    const REQUIRED: &'static [&'static str] = &["name", "role"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["name", "role", "expires_at"] } else { &[] }
    }
}

impl Document for CertificateUpload {
    const REQUIRED: &'static [&'static str] = &["kind", "files"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        match path {
            [] => &["name", "kind", "files", "password"],
            ["files", _] => &["name", "content_base64"],
            _ => &[],
        }
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        // Never the parser's own words, which repeat the value.
        match path {
            ["files", ..] => Some("must be a list of objects with name and content_base64"),
            ["password", ..] => Some("must be text"),
            _ => None,
        }
    }
}

impl Document for KeyDownloadRequest {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["credential", "export_password"] } else { &[] }
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        (!path.is_empty()).then_some("must be text")
    }
}

impl Document for PreviewRequest {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        match path {
            [] => &[
                "channel",
                "subject",
                "message",
                "html_message",
                "language",
                "time_zone",
                "time_format",
                "settings",
                "event",
                "application",
                "hypothetical",
            ],
            ["hypothetical", rest @ ..] => EventInput::fields(rest),
            _ => &[],
        }
    }

    fn expectation(path: &[&str]) -> Option<&'static str> {
        match path {
            ["hypothetical", rest @ ..] => EventInput::expectation(rest),
            _ => None,
        }
    }
}

impl Document for RollbackRequest {
    const REQUIRED: &'static [&'static str] = &["revision"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["revision", "comment", "dry_run"] } else { &[] }
    }
}

impl Document for TestMessageRequest {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        const FIELDS: &[&str] = &[
            "channel",
            "email",
            "sms",
            "executable",
            "mail_notifier",
            "to",
            "language",
            "names",
            "dry_run",
            "trace",
        ];
        if path.is_empty() { FIELDS } else { &[] }
    }
}

impl Document for OverrideChange {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        match path {
            [] => &[
                "owner",
                "application",
                "targets",
                "change",
                "conditions",
                "use_administration_server_settings",
            ],
            ["owner"] => &["event_configuration", "policy", "application_settings"],
            ["owner", "application_settings"] => &["device"],
            ["targets"] => &["type", "severity", "conditions"],
            _ => &[],
        }
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        // Never the parser's own words, which repeat the value.
        match path {
            ["change", ..] => Some("must be an object with channels, storage_term_days and locked"),
            ["targets"] => Some("must be a list of objects with type or severity, and conditions"),
            _ => None,
        }
    }
}

impl Document for PolicyInput {
    const REQUIRED: &'static [&'static str] = &["application"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        match path {
            [] => {
                &["name", "application", "group", "enabled", "inherit", "force_children", "events"]
            }
            _ => &[],
        }
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        (path == ["events"]).then_some("must be a list of objects, as in the settings document")
    }
}

impl Document for DeviceGroupInput {
    const REQUIRED: &'static [&'static str] = &["path"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["path"] } else { &[] }
    }
}

impl Document for EffectiveRequest {
    const REQUIRED: &'static [&'static str] = &["application", "type"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        match path {
            [] => &["application", "type", "severity", "device", "group", "parameters", "beneath"],
            ["beneath"] => &["owner", "target"],
            ["beneath", "target"] => &["type", "severity", "conditions"],
            ["beneath", below @ ..] => <OverrideChange as Document>::fields(below),
            _ => &[],
        }
    }
    fn expectation(path: &[&str]) -> Option<&'static str> {
        EventInput::expectation(path)
    }
}

impl Document for ExplainRequest {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        match path {
            [] => &["event_id", "application", "event"],
            ["event", below @ ..] => <EventInput as Document>::fields(below),
            _ => &[],
        }
    }
}

impl Document for ReplayRequest {
    const REQUIRED: &'static [&'static str] = &["since"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        const FIELDS: &[&str] = &["since", "until", "document", "settings", "revision"];
        if path.is_empty() { FIELDS } else { &[] }
    }
}

impl Document for serde_json::Map<String, serde_json::Value> {
    fn fields(_path: &[&str]) -> &'static [&'static str] {
        &[]
    }
}
