//! Times as other detectors write them become RFC 3339.
//!
//! In: how the mapping says that they are written, a value of the document. Out: a text that is
//! looked at as every time of an incident; or a code and what it must be.

use annunciator_core::Timestamp;
use annunciator_planner::MappedTimes;
use annunciator_template::TimeZone;
use serde_json::Value;

/// The first number that counts milliseconds where it could count seconds: 1973, or the year 5138.
const MILLISECONDS_MIN: f64 = 1e11;
/// Shorter numbers that are text are no times; a year is not one.
const DIGITS_MIN: usize = 9;

/// Reads a time.
///
/// # Errors
/// Code and words of what it must be.
pub(super) fn read(
    times: MappedTimes,
    zone: Option<&TimeZone>,
    value: &Value,
) -> Result<String, (&'static str, &'static str)> {
    const NUMBER: &str = "must be a number, as `times` of the mapping says";
    const LOCAL: &str = "must be a date and time such as 22.11.2026 08:30 or 2026-11-22 08:30:00";
    let local = |text: &str| zone.and_then(|zone| zone.read_local(text));
    match (times, value) {
        (MappedTimes::Rfc3339, Value::String(text)) => Ok(text.clone()),
        (MappedTimes::Rfc3339, _) => {
            Err(("type", "must be an RFC 3339 time; for numbers set `times` of the mapping"))
        }
        (MappedTimes::EpochS, _) => seconds(number(value).ok_or(("type", NUMBER))?),
        (MappedTimes::EpochMs, _) => milliseconds(number(value).ok_or(("type", NUMBER))?),
        (MappedTimes::Local, Value::String(text)) => match local(text) {
            Some(at) => Ok(at.to_string()),
            None => Err(("format", LOCAL)),
        },
        (MappedTimes::Local, _) => Err(("type", LOCAL)),
        (MappedTimes::Auto, Value::String(text)) => match (local(text), number(value)) {
            (Some(at), _) => Ok(at.to_string()),
            (None, Some(number)) if text.trim().len() >= DIGITS_MIN => either(number),
            _ => Ok(text.clone()),
        },
        (MappedTimes::Auto, _) => {
            either(number(value).ok_or(("type", "must be a time: text or a number"))?)
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn either(number: f64) -> Result<String, (&'static str, &'static str)> {
    if number.abs() < MILLISECONDS_MIN { seconds(number) } else { milliseconds(number) }
}

fn seconds(number: f64) -> Result<String, (&'static str, &'static str)> {
    milliseconds((number * 1_000.0).round())
}

fn milliseconds(number: f64) -> Result<String, (&'static str, &'static str)> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of 8,000 years fit 53 bits")]
    let is_time = (0.0..=Timestamp::MAX.0 as f64).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "it is within the range of times")]
    match is_time {
        true => Ok(Timestamp(number as i64).to_string()),
        false => Err(("range", "must be in the years 1970 to 9999")),
    }
}
