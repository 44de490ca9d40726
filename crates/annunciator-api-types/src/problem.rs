//! Problem details (RFC 9457) with the fields that are wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A refused request. Media type `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem, such as `urn:annunciator:invalid`; stable.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// This case in words, with what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The fields that are wrong, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field; empty for the whole document.
    pub pointer: String,
    /// What is wrong, for programs: `required`, `type`, `one_of`, `range`, `too_long`,
    /// `unknown_field`, `format` and others.
    pub code: String,
    /// What is wrong and what would be right, for people.
    pub detail: String,
}

impl FieldError {
    /// A field error.
    #[must_use]
    pub fn new(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.to_owned(), detail: detail.into() }
    }
}
