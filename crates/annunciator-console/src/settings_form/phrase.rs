//! Settings, their values and what is wrong with them, in words of the reader's language.
//!
//! In: keys of `definitions.ftl`: `setting-GROUP-KEY`, or `setting-KEY` where groups share the
//! words; `.help` for the sentence below the field; `setting-KEY-WORD` for a word of a choice.
//! Failure: where there are no words, the English text of the definition stands.

use annunciator_api_types::FieldError;
use serde_json::Value;

use super::definition::{Kind, Setting};
use crate::language::Language;

/// Longest text of a value within a sentence. Unit: characters.
const SHOWN_CHARS_MAX: usize = 60;

fn keyed(text: &str) -> String {
    text.replace(['_', '.', ' '], "-")
}

/// The words of a setting: `suffix` is empty, `.help`, or `-WORD` of a choice.
pub(super) fn find(language: Language, setting: &Setting, suffix: &str) -> Option<String> {
    let (group, key) = (keyed(&setting.group), keyed(&setting.key));
    let own = language.find(&format!("setting-{group}-{key}{suffix}"));
    own.or_else(|| language.find(&format!("setting-{key}{suffix}")))
}

/// The name of a setting for people.
pub(crate) fn label(language: Language, setting: &Setting) -> String {
    find(language, setting, "").unwrap_or_else(|| {
        let words = setting.key.rsplit('.').next().unwrap_or_default().replace('_', " ");
        let mut letters = words.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    })
}

/// What it is, in a sentence or two.
pub(super) fn help(language: Language, setting: &Setting) -> String {
    find(language, setting, ".help").unwrap_or_else(|| plain(&setting.doc))
}

/// A word of a choice with its meaning; the second is empty where the first says it all.
pub(crate) fn choice_words(
    language: Language,
    setting: &Setting,
    word: &str,
    doc: &str,
) -> (String, String) {
    let suffix = format!("-{}", keyed(word));
    match find(language, setting, &suffix) {
        Some(label) => {
            (label, find(language, setting, &format!("{suffix}.help")).unwrap_or_default())
        }
        None => (word.to_owned(), plain(doc)),
    }
}

/// A text of the manual without its marks.
fn plain(doc: &str) -> String {
    doc.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a number counts, in words.
pub(super) fn measure(language: Language, measure: &str) -> String {
    if measure.is_empty() {
        return String::new();
    }
    let words = language.find(&format!("settings-measure-{}", keyed(measure)));
    words.unwrap_or_else(|| measure.to_owned())
}

/// A value in words, short enough for a sentence.
pub(crate) fn shown_value(language: Language, setting: &Setting, value: &Value) -> String {
    let say = |key: &str| language.say(key);
    match (&setting.kind, value) {
        (_, Value::Null) => say("settings-value-none"),
        (Kind::Secret { .. }, Value::String(text)) if !text.is_empty() => {
            say("settings-value-secret")
        }
        (Kind::Choice(choices), Value::String(word)) => {
            let doc = choices.iter().find(|(known, _)| known == word).map_or("", |(_, doc)| doc);
            choice_words(language, setting, word, doc).0
        }
        (Kind::Severities, Value::String(word)) => {
            say(if word == "all" { "settings-notify-all" } else { "settings-notify-configured" })
        }
        (Kind::Severities, Value::Array(words)) if words.is_empty() => say("settings-notify-none"),
        (Kind::Severities, Value::Array(words)) => {
            let word = |word: &Value| {
                let key = format!("severity-{}", word.as_str().unwrap_or_default());
                language.say(&key)
            };
            words.iter().map(word).collect::<Vec<_>>().join(", ")
        }
        // A port is a name, not an amount.
        (Kind::Integer { .. }, Value::Number(number)) if setting.key.ends_with("port") => {
            number.to_string()
        }
        (Kind::Integer { measure: unit, .. }, Value::Number(number)) => {
            let number = crate::moments::number(number.as_u64().unwrap_or_default(), language);
            format!("{number} {}", measure(language, unit)).trim().to_owned()
        }
        (Kind::Optional(_), Value::String(word)) if word == "none" => say("settings-value-none"),
        (_, Value::Object(map)) => {
            let field = |field: &Setting| {
                let key = field.key.rsplit('.').next().unwrap_or_default();
                let value = map.get(key).unwrap_or(&Value::Null);
                format!("{}: {}", label(language, field), shown_value(language, field, value))
            };
            setting.fields().iter().map(field).collect::<Vec<_>>().join(", ")
        }
        _ => plain_value(language, value),
    }
}

/// A value whose setting is not known, or is plain.
fn plain_value(language: Language, value: &Value) -> String {
    match value {
        Value::Bool(is_on) => language.say(if *is_on { "shell-yes" } else { "shell-no" }),
        Value::String(text) if text.is_empty() => language.say("settings-value-empty"),
        Value::String(text) => annunciator_core::one_line(text, SHOWN_CHARS_MAX),
        Value::Array(items) if items.is_empty() => language.say("settings-value-empty"),
        Value::Array(items) => {
            let words: Vec<_> = items.iter().map(|item| plain_value(language, item)).collect();
            annunciator_core::one_line(&words.join("; "), SHOWN_CHARS_MAX)
        }
        other => annunciator_core::one_line(&other.to_string(), SHOWN_CHARS_MAX),
    }
}

/// What is wrong with a field, in words: what the API says, with settings by the names that people
/// see; codes that always mean the same are told in words of our own, `settings-problem-CODE`
/// or, of one setting, `settings-problem-CODE-KEY`.
pub(crate) fn problem_words(
    language: Language,
    settings: &[Setting],
    problem: &FieldError,
) -> String {
    let code = format!("settings-problem-{}", keyed(&problem.code));
    let key = problem.pointer.rsplit('/').next().unwrap_or_default();
    let own = language.find(&format!("{code}-{}", keyed(key))).or_else(|| language.find(&code));
    if let Some(words) = own {
        return words;
    }
    let mut parts = problem.detail.split('`');
    let mut words = parts.next().unwrap_or_default().to_owned();
    // Every second part stood between backticks.
    for (at, part) in parts.enumerate() {
        let key = part.rsplit('.').next().unwrap_or_default();
        match settings.iter().find(|setting| setting.key == key) {
            Some(setting) if at % 2 == 0 => {
                words.push('“');
                words.push_str(&label(language, setting));
                words.push('”');
            }
            _ => words.push_str(part),
        }
    }
    as_sentence(&words)
}

/// The API's words begin small, as they do after the name of a field.
fn as_sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next();
    first.map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
