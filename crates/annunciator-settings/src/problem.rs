//! What is wrong with a value, where it stands, and what to do.
//!
//! Standard: RFC 6901 (JSON Pointer); the fields are those of spec 13.

use std::fmt;

use serde::Serialize;

/// Most problems that one answer names; a hostile document must not make a long answer.
pub const PROBLEMS_MAX: usize = 100;

/// One thing that is wrong with a JSON document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// Where, as a JSON pointer such as `/email/port`; empty for the whole document.
    pub pointer: String,
    /// What kind of problem, for programs: `type`, `range`, `one_of`, `unknown_field`, `format`,
    /// `too_long`, `too_many`, `required`, `retype`, `incomplete_unit`.
    pub code: &'static str,
    /// What is wrong and what to do, for people.
    pub detail: String,
}

impl Problem {
    /// A problem of the value that is being looked at.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: String::new(), code, detail: detail.into() }
    }

    /// The same problem seen from the document that holds the value under `key`.
    #[must_use]
    pub fn under(mut self, key: &str) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        self.pointer = format!("/{key}{}", self.pointer);
        self
    }

    /// A value of the wrong JSON type.
    pub(crate) fn wrong_type(wanted: &str, found: &serde_json::Value) -> Self {
        let found = match found {
            serde_json::Value::Null => "null",
            serde_json::Value::Bool(_) => "true or false",
            serde_json::Value::Number(_) => "a number",
            serde_json::Value::String(_) => "text",
            serde_json::Value::Array(_) => "a list",
            serde_json::Value::Object(_) => "an object",
        };
        Self::new("type", format!("must be {wanted}, not {found}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.detail)
        } else {
            write!(f, "{}: {}", self.pointer, self.detail)
        }
    }
}
