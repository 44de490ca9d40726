//! Passwords and tokens: values that are never shown.
//!
//! Standard: spec 10.3; quality G21.

use std::fmt;

use serde_json::Value;
use zeroize::Zeroize as _;

use crate::definition::Kind;
use crate::problem::Problem;
use crate::rules::{Format, Rules};
use crate::value::{SettingValue, check_text};

/// What is shown in place of a secret; posted back it means "unchanged".
pub const SECRET_MASK: &str = "<secret>";

/// How a secret begins that was sealed for a document; only a whole document may hold such.
pub const SEALED_PREFIX: &str = "<sealed:";

/// A text that is never shown: it prints as `Secret(..)`, is masked in JSON, and its memory is
/// overwritten at the end.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Takes a text as a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text in clear; for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SettingValue for Secret {
    fn kind(rules: &Rules) -> Kind {
        Kind::Secret { chars_max: rules.chars_max }
    }

    fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>> {
        let text = value.as_str().ok_or_else(|| vec![Problem::wrong_type("text", value)])?;
        if text == SECRET_MASK {
            // Layers take the mask out before; here it would become a password.
            let detail = "nothing is stored here that could stay: type the secret";
            return Err(vec![Problem::new("required", detail)]);
        }
        if text.starts_with(SEALED_PREFIX) {
            let detail = "a sealed secret is taken as part of a whole document only \
                          (`annunciator settings apply`): type the secret here";
            return Err(vec![Problem::new("sealed", detail)]);
        }
        // What is wrong is said without the text: `Lines` names no character but NUL.
        check_text(text, &rules.format(Format::Lines)).map_err(|problem| vec![problem])?;
        Ok(Self(text.to_owned()))
    }

    fn to_json(&self) -> Value {
        Value::from(if self.is_empty() { "" } else { SECRET_MASK })
    }

    fn secret(&self) -> Option<&str> {
        Some(&self.0)
    }
}
