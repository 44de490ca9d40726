//! Lists of addresses and hosts, as JSON lists or as one text with separators (spec 3.1).

use serde_json::Value;

use crate::definition::Kind;
use crate::problem::Problem;
use crate::rules::Rules;
use crate::value::{SettingValue, check_count, check_text, collect};

/// Texts in the order given, trimmed, without empty ones and without repetitions.
///
/// In JSON a list of texts, or one text with `;` or `,` between the items.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TextList(Vec<String>);

impl TextList {
    /// The items.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// The items, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<S: AsRef<str>> FromIterator<S> for TextList {
    fn from_iter<I: IntoIterator<Item = S>>(items: I) -> Self {
        let mut list = Self::default();
        for item in items {
            let item = item.as_ref().trim();
            if !item.is_empty() && !list.iter().any(|known| known == item) {
                list.0.push(item.to_owned());
            }
        }
        list
    }
}

impl SettingValue for TextList {
    fn kind(rules: &Rules) -> Kind {
        Kind::List {
            of: Box::new(String::kind(rules)),
            items_max: rules.items_max,
            is_separable: true,
        }
    }

    fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let items: Vec<&str> = match value {
            Value::String(text) => split(text),
            Value::Array(items) => {
                let mut texts = Vec::with_capacity(items.len().min(rules.items_max));
                for (at, item) in items.iter().enumerate() {
                    match item.as_str() {
                        Some(text) => texts.push(text),
                        None => {
                            let wrong = Problem::wrong_type("text", item);
                            collect(&mut problems, &at.to_string(), vec![wrong]);
                        }
                    }
                }
                texts
            }
            _ => return Err(vec![Problem::wrong_type("a list of texts", value)]),
        };
        check_count(items.len(), rules)?;
        if !problems.is_empty() {
            return Err(problems);
        }
        for (at, item) in items.iter().enumerate() {
            if let Err(problem) = check_text(item.trim(), rules) {
                match value {
                    Value::Array(_) => collect(&mut problems, &at.to_string(), vec![problem]),
                    // One text has no places that a pointer could name.
                    _ => {
                        let shown = annunciator_core::one_line(item, 100);
                        let detail = format!("`{shown}`: {}", problem.detail);
                        problems.push(Problem::new(problem.code, detail));
                    }
                }
            }
        }
        if problems.is_empty() { Ok(items.into_iter().collect()) } else { Err(problems) }
    }

    fn to_json(&self) -> Value {
        self.iter().collect()
    }
}

/// Splits at `;` and `,`, but not inside the quoted local part of an address.
fn split(text: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let items = text.split(move |c: char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            ';' | ',' => return !is_quoted,
            _ => {}
        }
        false
    });
    items.map(str::trim).filter(|item| !item.is_empty()).collect()
}
