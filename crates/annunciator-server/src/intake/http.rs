//! A posted body becomes a batch of events: one object, an array, or NDJSON.
//!
//! In: headers and body of `POST /api/v1/events`. Out: [`Batch`], the idempotency key.
//! Standard: RFC 8259 (JSON); NDJSON: one object per line.
//! Knows nothing of: connections, authentication, what the fields must hold.

use annunciator_api_types::{EventInput, FieldError};
use annunciator_store::Idempotency;

use super::json::{EventInputs, Unreadable, has_list_deeper_than, parse};
use super::{Batch, EVENTS_MAX, Refusal};

/// Where events are posted.
pub const PATH: &str = "/api/v1/events";
/// Longest idempotency key. Unit: octets.
const KEY_BYTES_MAX: usize = 255;

/// What the request says about its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `Content-Type`.
    pub content_type: Option<&'a [u8]>,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'a [u8]>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<&'a [u8]>,
}

/// Reads the events of a body.
///
/// # Errors
/// 400 and 422 in words: where the text breaks, or which field has a wrong name or type.
pub fn read(headers: Headers<'_>, body: &[u8]) -> Result<Batch, Refusal> {
    let is_ndjson = is_ndjson_type(headers)?;
    let text = body.trim_ascii();
    let offset_lines = body.iter().take_while(|b| b.is_ascii_whitespace());
    let lines_before = offset_lines.filter(|byte| **byte == b'\n').count();
    match text.first() {
        None => Err(Refusal::Malformed("The body is empty: it must hold an event.".to_owned())),
        Some(b'{') if is_ndjson || has_objects_in_lines(text) => read_lines(text, lines_before),
        Some(b'[') if !is_ndjson => read_list(text, body),
        _ => {
            let input = read_one(text).map_err(|error| refuse(whole_body(body, error), None, 0))?;
            Ok(Batch { inputs: vec![input], is_list: false })
        }
    }
}

/// The idempotency key with the hash of the body, when there is a key.
///
/// # Errors
/// A key that is empty, too long, or not visible ASCII.
pub fn idempotency(
    headers: Headers<'_>,
    owner: &str,
    body: &[u8],
) -> Result<Option<Idempotency>, Refusal> {
    let Some(key) = headers.idempotency_key else { return Ok(None) };
    let is_key =
        (1..=KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(|b| b.is_ascii_graphic());
    let key = std::str::from_utf8(key).ok().filter(|_| is_key).ok_or_else(|| {
        Refusal::Malformed(format!(
            "The header Idempotency-Key must be 1 to {KEY_BYTES_MAX} visible ASCII characters."
        ))
    })?;
    Ok(Some(Idempotency {
        owner: owner.to_owned(),
        key: key.to_owned(),
        body_sha256: openssl::sha::sha256(body),
    }))
}

/// Whether the media type says NDJSON; refuses what is neither it nor JSON.
fn is_ndjson_type(headers: Headers<'_>) -> Result<bool, Refusal> {
    if let Some(encoding) = headers.content_encoding
        && !encoding.trim_ascii().eq_ignore_ascii_case(b"identity")
    {
        let words = "The body must not be compressed: leave Content-Encoding out.";
        return Err(Refusal::UnsupportedMediaType(words.to_owned()));
    }
    let Some(content_type) = headers.content_type else { return Ok(false) };
    let mut parts = content_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let essence = parts.next().unwrap_or_default();
    let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
    let is_ndjson = is("application/x-ndjson") || is("application/ndjson");
    let is_utf8 = parts.all(|part| {
        let charset = part.get(..8).filter(|name| name.eq_ignore_ascii_case(b"charset="));
        let value = part.get(8..).unwrap_or_default();
        charset.is_none()
            || [&b"utf-8"[..], b"\"utf-8\"", b"utf8"].iter().any(|c| value.eq_ignore_ascii_case(c))
    });
    if (is_ndjson || is("application/json")) && is_utf8 {
        return Ok(is_ndjson);
    }
    Err(Refusal::UnsupportedMediaType(
        "The Content-Type must be application/json or application/x-ndjson, in UTF-8.".to_owned(),
    ))
}

/// Whether a text that begins with a brace holds an object in each of several lines.
fn has_objects_in_lines(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first_ends = lines.next().is_some_and(|first| first.ends_with(b"}"));
    first_ends && lines.find(|line| !line.is_empty()).is_some_and(|next| next.starts_with(b"{"))
}

/// A single event: an object. No field of it is a list.
fn read_one(text: &[u8]) -> Result<EventInput, Unreadable> {
    let input = parse::<EventInput>(text)?;
    if text.contains(&b'[') && has_list_deeper_than(0, text) {
        return Err(Unreadable::Shape(misplaced_list(text, 0)));
    }
    Ok(input)
}

fn read_list(text: &[u8], body: &[u8]) -> Result<Batch, Refusal> {
    let list: EventInputs<EVENTS_MAX> =
        parse(text).map_err(|error| refuse(whole_body(body, error), None, 0))?;
    if list.count > EVENTS_MAX {
        return Err(Refusal::TooMany(list.count));
    }
    let has_more_lists = text[1..].contains(&b'[');
    if has_more_lists && has_list_deeper_than(1, text) {
        return Err(refuse(Unreadable::Shape(misplaced_list(text, 1)), None, 0));
    }
    Ok(Batch { inputs: list.inputs, is_list: true })
}

fn read_lines(text: &[u8], lines_before: usize) -> Result<Batch, Refusal> {
    let mut inputs = Vec::new();
    let mut count = 0;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if count < EVENTS_MAX {
            let input = read_one(line)
                .map_err(|error| refuse(error, Some(count), lines_before + number))?;
            inputs.push(input);
        }
        count += 1;
    }
    if count > EVENTS_MAX {
        return Err(Refusal::TooMany(count));
    }
    Ok(Batch { inputs, is_list: true })
}

/// Places are counted from the start of the body, not of the trimmed text.
fn whole_body(body: &[u8], error: Unreadable) -> Unreadable {
    let Unreadable::Malformed(mut place) = error else { return error };
    let blank = body.len() - body.trim_ascii_start().len();
    let last_break = body[..blank].iter().rposition(|byte| *byte == b'\n');
    if place.line == 1 {
        place.column += blank - last_break.map_or(0, |at| at + 1);
    }
    place.line += body[..blank].iter().filter(|byte| **byte == b'\n').count();
    Unreadable::Malformed(place)
}

fn refuse(error: Unreadable, position: Option<usize>, lines_before: usize) -> Refusal {
    match error {
        Unreadable::Malformed(place) => Refusal::Malformed(format!(
            "The body is not JSON: {} at line {}, column {}.",
            place.reason,
            place.line + lines_before,
            place.column
        )),
        Unreadable::Shape(mut error) => {
            if let Some(position) = position {
                error.pointer.insert_str(0, &format!("/{position}"));
            }
            Refusal::Invalid(vec![error])
        }
    }
}

/// Finds the list that stands where no list may be, lists around `depth` of them being right.
fn misplaced_list(text: &[u8], depth: usize) -> FieldError {
    let value: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    let mut pointer = String::new();
    find_list(&value, depth, &mut pointer);
    FieldError::new(pointer, "type", "must not be a list")
}

fn find_list(value: &serde_json::Value, depth: usize, pointer: &mut String) -> bool {
    let length = pointer.len();
    let mut look = |key: &str, child: &serde_json::Value, depth: usize| {
        super::json::push_key(pointer, key);
        let is_found = find_list(child, depth, pointer);
        if !is_found {
            pointer.truncate(length);
        }
        is_found
    };
    match value {
        serde_json::Value::Array(_) if depth == 0 => true,
        serde_json::Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.any(|(position, item)| look(&position.to_string(), item, depth - 1))
        }
        serde_json::Value::Object(members) => {
            members.iter().any(|(key, child)| look(key, child, 0))
        }
        _ => false,
    }
}
