//! The form of a silence, and the way to and from the API's JSON.

use annunciator_api_types::{MatcherInput, SilenceView};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::form::Form;
use crate::moments;

/// Fields of an event that a matcher can be about; `parameters.` stands for a named parameter.
pub(crate) const FIELDS: &[&str] = &[
    "device",
    "group",
    "type",
    "severity",
    "application",
    "type_name",
    "domain",
    "ip",
    "connection_ip",
    "task",
    "description",
    "version",
    "parameters.",
];
/// Comparisons, the usual ones first.
pub(crate) const OPERATORS: &[&str] = &[
    "equals",
    "not_equals",
    "one_of",
    "none_of",
    "contains",
    "matches",
    "within",
    "begins_with",
    "ends_with",
    "greater_or_equal",
    "less_or_equal",
    "greater",
    "less",
    "exists",
    "absent",
];
/// Rows that are read of a posted form; the API takes 20.
const ROWS_MAX: usize = 30;
/// What is offered as a duration. Unit: seconds.
const DURATION_DEFAULT: &str = "7200";

/// One row of matchers as it stands in the form.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct MatcherRow {
    pub(crate) field: String,
    pub(crate) parameter: String,
    pub(crate) op: String,
    pub(crate) value: String,
    pub(crate) ignores_case: bool,
}

impl MatcherRow {
    /// A list stands in one text with commas.
    pub(crate) fn of(matcher: MatcherInput) -> Self {
        let (field, parameter) = match matcher.field.strip_prefix("parameters.") {
            Some(name) => ("parameters.".to_owned(), name.to_owned()),
            None => (matcher.field, String::new()),
        };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = match &matcher.value {
            Value::Null => String::new(),
            Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
            one => text(one),
        };
        Self { field, parameter, op: matcher.op, value, ignores_case: matcher.ignore_case }
    }

    /// The row as the API wants it.
    pub(crate) fn matcher(&self) -> Value {
        let field = if self.field == "parameters." {
            format!("parameters.{}", self.parameter.trim())
        } else {
            self.field.clone()
        };
        // Numbers are numbers only where they are compared with a parameter.
        let typed = |text: &str| {
            let number = (self.field == "parameters.").then(|| text.parse::<f64>().ok()).flatten();
            number.and_then(|_| serde_json::from_str(text).ok()).unwrap_or_else(|| json!(text))
        };
        let mut matcher = json!({ "field": field, "op": self.op });
        match self.op.as_str() {
            "exists" | "absent" => {}
            "one_of" | "none_of" => {
                let items = self.value.split(',').map(str::trim).filter(|item| !item.is_empty());
                matcher["value"] = items.map(typed).collect();
            }
            _ => matcher["value"] = typed(self.value.trim()),
        }
        if self.ignores_case {
            matcher["ignore_case"] = true.into();
        }
        matcher
    }
}

/// Rows are posted as `matcher.N.field` and so on.
pub(crate) fn matcher_rows(form: &Form) -> Vec<MatcherRow> {
    let row = |at: usize| {
        let text = |part: &str| form.text(&format!("matcher.{at}.{part}")).to_owned();
        form.has(&format!("matcher.{at}.field")).then(|| MatcherRow {
            field: text("field"),
            parameter: text("parameter"),
            op: text("op"),
            value: text("value"),
            ignores_case: form.is_on(&format!("matcher.{at}.ignore_case")),
        })
    };
    (0..ROWS_MAX).filter_map(row).collect()
}

/// The form.
#[derive(Debug, Clone)]
pub(super) struct SilenceForm {
    pub(super) rows: Vec<MatcherRow>,
    pub(super) channels: Vec<String>,
    pub(super) comment: String,
    /// A local time, or empty for now.
    pub(super) starts_at: String,
    /// Seconds, `until`, or empty for an unchanged end.
    pub(super) duration: String,
    pub(super) ends_at: String,
}

impl SilenceForm {
    /// What a page was about, as matchers.
    pub(super) fn of_query(query: &Form) -> Self {
        let known = FIELDS.iter().filter(|field| !query.text(field).is_empty());
        let mut rows: Vec<MatcherRow> = known
            .map(|field| MatcherRow {
                field: (*field).to_owned(),
                op: "equals".to_owned(),
                value: query.text(field).to_owned(),
                ..MatcherRow::default()
            })
            .collect();
        if rows.is_empty() {
            rows.push(MatcherRow {
                field: "device".into(),
                op: "equals".into(),
                ..MatcherRow::default()
            });
        }
        Self {
            rows,
            channels: vec![],
            comment: String::new(),
            starts_at: String::new(),
            duration: DURATION_DEFAULT.to_owned(),
            ends_at: String::new(),
        }
    }

    pub(super) fn of_silence(silence: &SilenceView, zone: &TimeZone) -> Self {
        let matchers: Vec<MatcherInput> =
            serde_json::from_value(silence.matchers.clone()).unwrap_or_default();
        Self {
            rows: matchers.into_iter().map(MatcherRow::of).collect(),
            channels: silence.channels.clone(),
            comment: silence.comment.clone(),
            starts_at: String::new(),
            duration: String::new(),
            ends_at: moments::local_input(silence.ends_at, zone),
        }
    }

    pub(super) fn of_posted(form: &Form) -> Self {
        Self {
            rows: matcher_rows(form),
            channels: form.all("channels").into_iter().map(str::to_owned).collect(),
            comment: form.trimmed("comment").to_owned(),
            starts_at: form.trimmed("starts_at").to_owned(),
            duration: form.trimmed("duration").to_owned(),
            ends_at: form.trimmed("ends_at").to_owned(),
        }
    }

    /// Whether a channel is ticked.
    pub(super) fn has_channel(&self, channel: &str) -> bool {
        self.channels.iter().any(|one| one == channel)
    }

    /// Rows that say something already.
    pub(super) fn without_blanks(mut self) -> Self {
        self.rows.retain(|row| {
            matches!(row.op.as_str(), "exists" | "absent") || !row.value.trim().is_empty()
        });
        self
    }

    /// The rows as the API wants them.
    pub(super) fn matchers(&self) -> Vec<Value> {
        self.rows.iter().map(MatcherRow::matcher).collect()
    }

    /// The request; a new silence needs all, a change leaves out what stays.
    ///
    /// A time that is none goes as it is: the API says what is wrong with it.
    pub(super) fn request(&self, is_new: bool, zone: &TimeZone) -> Value {
        let time = |text: &str| match moments::of_local_input(text, zone) {
            Some(at) => at.to_string(),
            None => text.to_owned(),
        };
        let mut request = json!({
            "matchers": self.matchers(),
            "channels": self.channels,
            "comment": self.comment,
        });
        if !self.starts_at.is_empty() {
            request["starts_at"] = time(&self.starts_at).into();
        }
        match self.duration.parse::<u64>() {
            Ok(seconds) => request["duration_s"] = seconds.into(),
            Err(_) if self.duration == "until" || is_new => {
                request["ends_at"] = time(&self.ends_at).into();
            }
            Err(_) => {}
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(text: &str) -> SilenceForm {
        SilenceForm::of_posted(&Form::parse(text.as_bytes()))
    }

    #[test]
    fn rows_become_matchers_and_come_back() {
        let check = |text: &str, expected: Value| {
            let matchers = posted(text).matchers();
            assert_eq!(Value::from(matchers.clone()), expected, "{text}");
            let inputs: Vec<MatcherInput> = serde_json::from_value(expected).unwrap();
            let again: Vec<Value> =
                inputs.into_iter().map(|input| MatcherRow::of(input).matcher()).collect();
            assert_eq!(again, matchers);
        };
        check(
            "matcher.0.field=device&matcher.0.op=equals&matcher.0.value=17",
            json!([{"field": "device", "op": "equals", "value": "17"}]),
        );
        check(
            "matcher.2.field=severity&matcher.2.op=one_of&matcher.2.value=failure,+critical",
            json!([{"field": "severity", "op": "one_of", "value": ["failure", "critical"]}]),
        );
        check(
            "matcher.0.field=parameters.&matcher.0.parameter=free&matcher.0.op=less&matcher.0.value=5",
            json!([{"field": "parameters.free", "op": "less", "value": 5}]),
        );
        check(
            "matcher.0.field=task&matcher.0.op=exists&matcher.0.value=x&matcher.0.ignore_case=on",
            json!([{"field": "task", "op": "exists", "ignore_case": true}]),
        );
    }

    #[test]
    fn a_change_leaves_the_end_as_it_is_unless_it_says_otherwise() {
        let end = |text: &str, is_new| {
            let request = posted(text).request(is_new, &moments::zone("Europe/Moscow"));
            (request["duration_s"].clone(), request["ends_at"].clone())
        };
        assert_eq!(end("duration=3600", true), (json!(3600), Value::Null));
        assert_eq!(end("duration=&ends_at=2026-12-01T03:00", false), (Value::Null, Value::Null));
        let until = end("duration=until&ends_at=2026-12-01T03:00", false);
        assert_eq!(until, (Value::Null, json!("2026-12-01T00:00:00.000Z")));
    }
}
