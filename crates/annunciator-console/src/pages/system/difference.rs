//! What an entry of the audit log says in JSON becomes lines: what, from what, to what.
//!
//! In: the detail of an entry, secrets left out by the API already. Out: [`Line`].

use annunciator_core::Timestamp;
use serde_json::{Map, Value};

/// Longest value that is shown; the whole is in its title. Unit: characters.
const VALUE_CHARS_MAX: usize = 200;
/// Most lines that are made of one entry.
const LINES_MAX: usize = 100;

/// One difference, or one fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What.
    pub(super) name: String,
    /// What it was; nothing for a fact that has no before.
    pub(super) from: Option<Shown>,
    /// What it is.
    pub(super) to: Shown,
}

/// A value as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// It is not set.
    Unset,
    /// A secret, which nobody sees, was set or changed.
    Secret,
    /// A time.
    At(Timestamp),
    /// Words of these keys, each after its prefix.
    Words(&'static str, Vec<String>),
    /// Its text, cut.
    Text(String),
    /// Its text, cut, and the whole.
    Long(String, String),
}

/// The lines of a detail.
pub(super) fn lines(detail: &Value) -> Vec<Line> {
    let Value::Object(fields) = detail else {
        let fact = (!detail.is_null()).then(|| fact("", detail));
        return fact.into_iter().collect();
    };
    let mut lines = Vec::new();
    if let (Some(before), Some(after)) = (fields.get("before"), fields.get("after")) {
        compare(before, after, &mut lines);
    }
    let is_step = is_step(fields);
    if is_step {
        let (from, to) = (Some(shown(&fields["from"])), shown(&fields["to"]));
        lines.push(Line { name: "status".to_owned(), from, to });
    }
    for (name, value) in fields {
        match value {
            _ if is_step && (name == "from" || name == "to") => {}
            _ if name == "before" && fields.contains_key("after") => {}
            _ if name == "after" && fields.contains_key("before") => {}
            Value::Object(pair) if is_change(pair) => lines.push(Line {
                name: name.clone(),
                from: Some(shown_of(name, &pair["from"])),
                to: shown_of(name, &pair["to"]),
            }),
            // The API says of a secret only that it was changed.
            Value::String(text) if text == "changed" && name.contains('.') => {
                lines.push(Line { name: name.clone(), from: None, to: Shown::Secret });
            }
            _ if name == "further changes" => lines.push(fact("further_changes", value)),
            Value::Null => {}
            // Left empty: nothing was said.
            Value::String(text) if text.is_empty() => {}
            Value::Array(values) if values.is_empty() => {}
            other => lines.push(fact(name, other)),
        }
    }
    lines.truncate(LINES_MAX);
    lines
}

/// Whether a detail is a step of an incident from one status to another.
fn is_step(fields: &Map<String, Value>) -> bool {
    ["id", "from", "to"].iter().all(|name| fields.get(*name).is_some_and(Value::is_string))
}

fn is_change(pair: &Map<String, Value>) -> bool {
    pair.len() == 2 && pair.contains_key("from") && pair.contains_key("to")
}

fn fact(name: &str, value: &Value) -> Line {
    Line { name: name.to_owned(), from: None, to: shown_of(name, value) }
}

/// Two states of one thing: what differs.
fn compare(before: &Value, after: &Value, lines: &mut Vec<Line>) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            // Lists without a name are those of a role.
            let name = if before.is_array() && after.is_array() { "rights" } else { "" };
            let (from, to) = (Some(shown_of(name, before)), shown_of(name, after));
            lines.push(Line { name: name.to_owned(), from, to });
        }
        return;
    };
    let added = new.keys().filter(|name| !old.contains_key(*name));
    for name in old.keys().chain(added) {
        let value = |of: &Map<String, Value>| of.get(name).cloned().unwrap_or_default();
        let (from, to) = (value(old), value(new));
        if from != to {
            lines.push(Line {
                name: name.clone(),
                from: Some(shown_of(name, &from)),
                to: shown_of(name, &to),
            });
        }
    }
}

/// The value of a field; rights, roles and channels have words of their own.
fn shown_of(name: &str, value: &Value) -> Shown {
    let prefix = match name {
        "rights" => "people-right",
        "role" => "role",
        "channel" | "channels" => "channel",
        _ => return shown(value),
    };
    match value {
        Value::String(word) if !word.is_empty() => Shown::Words(prefix, vec![word.clone()]),
        Value::Array(words) if !words.is_empty() && words.iter().all(Value::is_string) => {
            let words = words.iter().filter_map(Value::as_str).map(str::to_owned);
            Shown::Words(prefix, words.collect())
        }
        other => shown(other),
    }
}

fn shown(value: &Value) -> Shown {
    match value {
        Value::Null => Shown::Unset,
        Value::Bool(is_so) => {
            Shown::Words("shell", vec![if *is_so { "yes" } else { "no" }.to_owned()])
        }
        Value::String(text) if text == "<secret>" => Shown::Secret,
        Value::String(text) if is_time(text) => {
            text.parse().map_or_else(|_| cut(text.clone()), Shown::At)
        }
        other => cut(words(other)),
    }
}

/// Whether a text has the form in which the API writes times.
fn is_time(text: &str) -> bool {
    text.len() == "2026-11-30T05:21:07.000Z".len() && text.ends_with('Z') && text.contains('T')
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "[]".to_owned(),
        Value::Array(values) if values.iter().all(|one| !one.is_object() && !one.is_array()) => {
            values.iter().map(words).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn cut(text: String) -> Shown {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        None => Shown::Text(text),
        Some((end, _)) => Shown::Long(format!("{}…", &text[..end]), text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Shown {
        Shown::Text(text.to_owned())
    }

    fn line(name: &str, from: Option<Shown>, to: Shown) -> Line {
        Line { name: name.to_owned(), from, to }
    }

    #[test]
    fn a_detail_becomes_what_changed() {
        let check = |detail: Value, expected: &[Line]| {
            assert_eq!(lines(&detail), expected, "{detail}");
        };
        check(
            json!({"email.port": {"from": 25, "to": 587}, "email.sender": {"from": null, "to": ""}}),
            &[
                line("email.port", Some(text("25")), text("587")),
                line("email.sender", Some(Shown::Unset), text("\"\"")),
            ],
        );
        check(json!({"email.password": "changed"}), &[line("email.password", None, Shown::Secret)]);
        let both = vec!["email".to_owned(), "sms".to_owned()];
        check(
            json!({"before": {"comment": "a", "channels": []},
                   "after": {"comment": "a", "channels": ["email", "sms"]}}),
            &[line("channels", Some(text("[]")), Shown::Words("channel", both))],
        );
        check(
            json!({"name": "ci", "expires_at": null, "email": "", "role": "viewer"}),
            &[
                line("name", None, text("ci")),
                line("role", None, Shown::Words("role", vec!["viewer".to_owned()])),
            ],
        );
        check(
            json!({"id": "i-1", "from": "under_review", "to": "ignore", "comment": ""}),
            &[
                line("status", Some(text("under_review")), text("ignore")),
                line("id", None, text("i-1")),
            ],
        );
        let yes = Shown::Words("shell", vec!["yes".to_owned()]);
        check(json!({ "paused": true }), &[line("paused", None, yes)]);
        check(json!({"further changes": 7}), &[line("further_changes", None, text("7"))]);
        let at = "2026-11-30T05:21:07.000Z";
        check(json!({ "ends_at": at }), &[line("ends_at", None, Shown::At(at.parse().unwrap()))]);
        check(json!({"before": 3}), &[line("before", None, text("3"))]);
        check(json!(null), &[]);
        check(json!("words"), &[line("", None, text("words"))]);
        check(
            json!({"a": {"from": [{"b": 1}], "to": {"c": 2}}}),
            &[line("a", Some(text("[{\"b\":1}]")), text("{\"c\":2}"))],
        );
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let long = "ä".repeat(VALUE_CHARS_MAX + 1);
        let Shown::Long(cut, whole) = shown(&json!(long)) else { panic!("it is long") };
        assert_eq!(cut.chars().count(), VALUE_CHARS_MAX + 1);
        assert!(cut.ends_with('…'));
        assert_eq!(whole, long);
        let many: Map<String, Value> =
            (0..500).map(|number| (format!("n{number}"), number.into())).collect();
        assert_eq!(lines(&Value::Object(many)).len(), LINES_MAX);
    }
}
