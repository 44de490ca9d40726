//! What was posted for a setting becomes its JSON value.
//!
//! In: the form; for a field `email.port` the value of that name, for a checkbox or an object
//! also `seen=email.port`, since an empty box posts nothing. Out: the value, or nothing where the
//! form did not hold the field: it is unchanged then.
//! Failure: what is not of its kind becomes a text as it was typed; the API says what is wrong.

use serde_json::{Map, Value};

use super::control::text_of;
use super::definition::{Kind, Setting};
use crate::form::Form;

/// Reads the value of a setting. A number that was emptied is null; a secret that was not typed
/// is absent, and one that is to be cleared is null.
pub(crate) fn read(setting: &Setting, form: &Form) -> Option<Value> {
    let name = setting.name();
    match &setting.kind {
        Kind::Bool => was_seen(form, &name).then(|| Value::Bool(form.is_on(&name))),
        Kind::Secret { .. } => read_secret(form, &name),
        Kind::Severities => read_severities(form, &name),
        Kind::Optional(_) => read_optional(setting, form, &name),
        Kind::Object(_) => was_seen(form, &name).then(|| read_object(setting, form)),
        _ if !form.has(&name) => None,
        Kind::Integer { .. } => Some(read_number(form.text(&name))),
        Kind::List { of, is_separable } => {
            Some(read_list(of, *is_separable, &unix_lines(form.text(&name))))
        }
        Kind::Text { format, .. } => {
            let text = unix_lines(form.text(&name));
            let is_kept = format == "template" || format == "text";
            Some(if is_kept { text } else { text.trim().to_owned() }.into())
        }
        Kind::Choice(_) => Some(form.trimmed(&name).into()),
        Kind::Other => {
            let text = form.trimmed(&name);
            Some(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
        }
    }
}

/// The pairs that a form would hold for this value: what [`read`] reads as it.
pub(crate) fn pairs(setting: &Setting, value: &Value) -> Vec<(String, String)> {
    let name = setting.name();
    let on = |is_on: bool| is_on.then(|| (name.clone(), "on".to_owned()));
    let seen = ("seen".to_owned(), name.clone());
    match (&setting.kind, value) {
        (Kind::Bool, value) => std::iter::once(seen).chain(on(*value == true)).collect(),
        (Kind::Severities, Value::Array(words)) => {
            let severity = |word: &Value| {
                (format!("{name}.severity"), word.as_str().unwrap_or_default().to_owned())
            };
            let mode = (name.clone(), "some".to_owned());
            std::iter::once(mode).chain(words.iter().map(severity)).collect()
        }
        (Kind::Optional(_) | Kind::Object(_), value) => {
            let fields = setting.fields();
            let inner = fields.iter().filter_map(|field| {
                let key = field.key.rsplit('.').next().unwrap_or_default();
                Some(pairs(field, value.get(key)?))
            });
            std::iter::once(seen).chain(on(value.is_object())).chain(inner.flatten()).collect()
        }
        (_, value) => vec![(name, text_of(setting, value))],
    }
}

/// Whether a value is nothing: an empty text or list, or `none`.
pub(crate) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || text == "none",
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Forms post lines with CRLF (URL Living Standard, HTML 4.10.21.8).
pub(super) fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn was_seen(form: &Form, name: &str) -> bool {
    form.all("seen").contains(&name)
}

fn read_secret(form: &Form, name: &str) -> Option<Value> {
    let typed = form.text(name);
    if !typed.is_empty() {
        return Some(typed.into());
    }
    form.is_on(&format!("clear.{name}")).then_some(Value::Null)
}

fn read_severities(form: &Form, name: &str) -> Option<Value> {
    match form.text(name) {
        "" => None,
        // Mildest first, as the API has them, in whatever order they stand on the page.
        "some" => {
            let ticked = form.all(&format!("{name}.severity"));
            let words = annunciator_core::Severity::ALL.map(annunciator_core::Severity::as_str);
            Some(words.into_iter().filter(|word| ticked.contains(word)).collect())
        }
        word => Some(word.into()),
    }
}

fn read_optional(setting: &Setting, form: &Form, name: &str) -> Option<Value> {
    let is_there = was_seen(form, name);
    is_there.then(|| if form.is_on(name) { read_object(setting, form) } else { "none".into() })
}

fn read_object(setting: &Setting, form: &Form) -> Value {
    let fields = setting.fields();
    let read = |field: &Setting| {
        let key = field.key.rsplit('.').next().unwrap_or_default().to_owned();
        Some((key, read(field, form)?))
    };
    Value::Object(fields.iter().filter_map(read).collect::<Map<_, _>>())
}

fn read_number(text: &str) -> Value {
    // People group digits as they are shown: by spaces, narrow ones too, or commas.
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && *c != ',').collect();
    match bare.parse::<u64>() {
        _ if bare.is_empty() => Value::Null,
        Ok(number) => number.into(),
        Err(_) => text.trim().into(),
    }
}

fn read_list(of: &Kind, is_separable: bool, text: &str) -> Value {
    match of {
        Kind::Integer { .. } => {
            let items = text.split(|c: char| c.is_whitespace() || matches!(c, ';' | ','));
            items.filter(|item| !item.is_empty()).map(read_number).collect()
        }
        _ if is_separable => split(text).into_iter().collect(),
        // One item is one line, whatever stands in it.
        _ => text.split('\n').filter(|line| !line.is_empty()).collect(),
    }
}

/// The items between line ends, `;` and `,`, as the API splits one text: not inside the quoted
/// local part of an address.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let items = text.split(move |c: char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            '\n' => {
                is_quoted = false;
                return true;
            }
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            ';' | ',' => return !is_quoted,
            _ => {}
        }
        false
    });
    items.map(str::trim).filter(|item| !item.is_empty()).collect()
}
