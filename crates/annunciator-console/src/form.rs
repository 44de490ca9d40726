//! The body of a posted form becomes names with their values.
//!
//! Standard: `application/x-www-form-urlencoded` of the URL Living Standard.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;

/// Largest form, uploads included. Unit: octets.
pub(crate) const FORM_BYTES_MAX: usize = 6 << 20;

/// A posted form.
#[derive(Debug, Default, Clone)]
pub(crate) struct Form(pub(crate) Vec<(String, String)>);

impl Form {
    /// Names and values of a text such as a query.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The value of a name, empty when it is absent; the last one counts, so that a hidden `off`
    /// may stand before a checkbox.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().rev().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The same without white space around it.
    pub(crate) fn trimmed(&self, name: &str) -> &str {
        self.text(name).trim()
    }

    /// All values of a name, empty ones left out.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let of_name = self.0.iter().filter(|(key, value)| key == name && !value.is_empty());
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a name is there at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Whether a checkbox was ticked.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        matches!(self.text(name), "on" | "true" | "1")
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let read = Bytes::from_request(request, state).await;
        let body = read.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
        Ok(Self::parse(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_name_counts() {
        let form = Form::parse(b"tls=off&tls=on&a=1&a=&a=2&empty=");
        assert!(form.is_on("tls"));
        assert_eq!(form.all("a"), ["1", "2"]);
        assert_eq!(form.text("none"), "");
        assert!(form.has("empty") && !form.has("none"));
    }
}
