//! JSON values into typed values and back: the types that a setting may have.
//!
//! Failure: all problems of a value are reported, each with its place inside it.

use std::fmt;

use serde_json::{Map, Value};

use crate::definition::{Choice, Definition, Kind};
use crate::problem::{PROBLEMS_MAX, Problem};
use crate::rules::{Format, Rules};

/// The word for an optional value that is set to nothing; `null` means "not set in this layer".
const NONE_WORD: &str = "none";

/// A type that a setting may have.
pub trait SettingValue: Clone + PartialEq + fmt::Debug + Sized {
    /// What values it takes under these rules.
    fn kind(rules: &Rules) -> Kind;

    /// Reads and checks a JSON value.
    ///
    /// # Errors
    /// Everything that is wrong with it, pointers relative to the value.
    fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>>;

    /// The JSON form; a secret is masked.
    fn to_json(&self) -> Value;

    /// The secret in clear, when it is one.
    fn secret(&self) -> Option<&str> {
        None
    }
}

impl SettingValue for bool {
    fn kind(_: &Rules) -> Kind {
        Kind::Bool
    }

    fn parse(value: &Value, _: &Rules) -> Result<Self, Vec<Problem>> {
        value.as_bool().ok_or_else(|| vec![Problem::wrong_type("true or false", value)])
    }

    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! integer_value {
    ($($integer:ty),*) => {$(
        impl SettingValue for $integer {
            fn kind(rules: &Rules) -> Kind {
                let max = rules.max.min(u64::from(<$integer>::MAX));
                Kind::Integer { min: rules.min, max, measure: rules.measure }
            }

            fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>> {
                let max = rules.max.min(u64::from(<$integer>::MAX));
                let number = parse_integer(value, rules, max)?;
                Ok(Self::try_from(number).expect("it is in range"))
            }

            fn to_json(&self) -> Value {
                Value::from(*self)
            }
        }
    )*};
}
integer_value!(u16, u32, u64);

fn parse_integer(value: &Value, rules: &Rules, max: u64) -> Result<u64, Vec<Problem>> {
    let min = rules.min;
    let Value::Number(number) = value else {
        return Err(vec![Problem::wrong_type("a whole number", value)]);
    };
    match number.as_u64() {
        Some(number) if (min..=max).contains(&number) => Ok(number),
        None if number.as_f64().is_some_and(|number| number.fract() != 0.0) => {
            Err(vec![Problem::new("type", format!("must be a whole number, not {number}"))])
        }
        _ => {
            let remedy = if rules.remedy.is_empty() { "" } else { ": " };
            let remedy = format!("{remedy}{}", rules.remedy);
            let detail = format!("must be from {min} to {max}, not {number}{remedy}");
            Err(vec![Problem::new("range", detail)])
        }
    }
}

impl SettingValue for String {
    fn kind(rules: &Rules) -> Kind {
        Kind::Text { chars_max: rules.chars_max, format: rules.format }
    }

    fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>> {
        let text = value.as_str().ok_or_else(|| vec![Problem::wrong_type("text", value)])?;
        check_text(text, rules).map_err(|problem| vec![problem])?;
        Ok(text.to_owned())
    }

    fn to_json(&self) -> Value {
        Value::from(self.as_str())
    }
}

/// Checks a text against the rules of its setting. An empty text is always in order: it is how
/// an administrator says "none".
pub(crate) fn check_text(text: &str, rules: &Rules) -> Result<(), Problem> {
    let chars = text.chars().count();
    if chars > rules.chars_max {
        let max = rules.chars_max;
        let detail = format!("must have at most {max} characters, not {chars}: shorten it");
        return Err(Problem::new("too_long", detail));
    }
    if text.is_empty() {
        return Ok(());
    }
    let is_refused = |c: char| match rules.format {
        Format::Plain => c.is_control(),
        Format::Lines | Format::Template => c == '\0',
        Format::Mailbox => matches!(c, '\0' | '\r' | '\n'),
        Format::HostName => {
            !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | '%'))
        }
    };
    if let Some(refused) = text.chars().find(|c| is_refused(*c)) {
        let what = rules.format.as_str();
        let refused = refused.escape_debug();
        let detail = format!("`{refused}` cannot stand in a {what}: remove it");
        return Err(Problem::new("format", detail));
    }
    let check = rules.check.map_or(Ok(()), |check| check(text));
    check.map_err(|detail| Problem::new("format", detail))
}

impl<T: SettingValue> SettingValue for Vec<T> {
    fn kind(rules: &Rules) -> Kind {
        Kind::List { of: Box::new(T::kind(rules)), items_max: rules.items_max, is_separable: false }
    }

    fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>> {
        let items = value.as_array().ok_or_else(|| vec![Problem::wrong_type("a list", value)])?;
        check_count(items.len(), rules)?;
        let (mut list, mut problems) = (Self::with_capacity(items.len()), Vec::new());
        for (at, item) in items.iter().enumerate() {
            match T::parse(item, rules) {
                Ok(item) => list.push(item),
                Err(found) => collect(&mut problems, &at.to_string(), found),
            }
        }
        if problems.is_empty() { Ok(list) } else { Err(problems) }
    }

    fn to_json(&self) -> Value {
        self.iter().map(SettingValue::to_json).collect()
    }
}

pub(crate) fn check_count(count: usize, rules: &Rules) -> Result<(), Vec<Problem>> {
    let max = rules.items_max;
    if count <= max {
        return Ok(());
    }
    let detail = format!("must have at most {max} items, not {count}: remove some");
    Err(vec![Problem::new("too_many", detail)])
}

/// Adds the problems of a part to those of the whole.
pub(crate) fn collect(problems: &mut Vec<Problem>, key: &str, found: Vec<Problem>) {
    let room = PROBLEMS_MAX.saturating_sub(problems.len());
    problems.extend(found.into_iter().take(room).map(|problem| problem.under(key)));
}

impl<T: SettingValue> SettingValue for Option<T> {
    fn kind(rules: &Rules) -> Kind {
        Kind::Optional(Box::new(T::kind(rules)))
    }

    fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>> {
        if value == NONE_WORD { Ok(None) } else { T::parse(value, rules).map(Some) }
    }

    fn to_json(&self) -> Value {
        self.as_ref().map_or_else(|| Value::from(NONE_WORD), SettingValue::to_json)
    }
}

/// Finds the position of a word among the choices.
///
/// # Errors
/// It is no text, or none of them.
pub fn parse_choice(value: &Value, choices: &[Choice]) -> Result<usize, Vec<Problem>> {
    let word = value.as_str().ok_or_else(|| vec![Problem::wrong_type("text", value)])?;
    choices.iter().position(|choice| choice.value == word).ok_or_else(|| {
        let words = || choices.iter().map(|choice| choice.value);
        let hint = nearest_name(word, words());
        let hint = hint.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default();
        vec![Problem::new("one_of", format!("must be {}{hint}", either(words())))]
    })
}

/// `a`, `b` or `c`.
pub(crate) fn either<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => words.concat(),
    }
}

/// Looks at the keys of an object: none may be unknown.
///
/// # Errors
/// It is no object.
pub fn parse_object<'v>(
    value: &'v Value,
    definitions: &[Definition],
    problems: &mut Vec<Problem>,
) -> Result<&'v Map<String, Value>, Vec<Problem>> {
    let map = value.as_object().ok_or_else(|| vec![Problem::wrong_type("an object", value)])?;
    for key in map.keys() {
        if !definitions.iter().any(|definition| definition.key == key) {
            let shown = annunciator_core::ellipsize(key, 100);
            collect(problems, &shown, vec![unknown_field(&shown, definitions)]);
        }
    }
    Ok(map)
}

pub(crate) fn unknown_field(key: &str, definitions: &[Definition]) -> Problem {
    let remedy = match nearest_name(key, definitions.iter().map(|definition| definition.key)) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "remove it".to_owned(),
    };
    Problem::new("unknown_field", format!("`{key}` is not known here: {remedy}"))
}

/// The known name that is most like the one that was written; none when none is like it.
#[must_use]
pub fn nearest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Names less alike than this are no help.
    const SIMILARITY_MIN: f64 = 0.75;
    /// Nobody means a name that is longer. Unit: octets.
    const NAME_BYTES_MAX: usize = 400;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&name, known), known))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, nearest)| nearest)
}

/// Reads one field of an object; nothing when it is wrong or missing, and then says so.
#[must_use]
pub fn read_field<T: SettingValue>(
    map: &Map<String, Value>,
    definition: &Definition,
    default: Option<T>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let result = match map.get(definition.key) {
        Some(value) if !value.is_null() => T::parse(value, &definition.rules),
        _ => default.ok_or_else(|| vec![Problem::new("required", "must be given")]),
    };
    match result {
        Ok(value) => Some(value),
        Err(found) => {
            collect(problems, definition.key, found);
            None
        }
    }
}
