//! A query string becomes typed parameters, or an error for each that is wrong.
//!
//! In: the part behind `?`. Out: [`Params`] of the operation; unknown names are refused with the
//! nearest known one.
//! Knows nothing of: what is looked for.
//!
//! Pointers of errors are `?name`: a query has no JSON to point into.

use annunciator_api_types::FieldError;
use annunciator_core::{Severity, Timestamp};
use annunciator_store::Page;
use axum::extract::{FromRequestParts, Query};
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::error::ApiError;
use crate::intake::json::unknown_name;

/// Rows of a page when the request does not say.
const LIMIT_DEFAULT: usize = 100;
/// Most rows of a page.
const LIMIT_MAX: usize = 1_000;
/// Longest value of a parameter. Unit: octets.
const VALUE_BYTES_MAX: usize = 2_048;

/// The parameters of an operation: a struct of optional texts.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Sync, T: DeserializeOwned + IntoParams> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| ApiError::malformed("The query string cannot be read."))?;
        let described = T::into_params(|| None);
        let known: Vec<&str> = described.iter().map(|row| row.name.as_str()).collect();
        Ok(Self(read(pairs, &known)?))
    }
}

/// The parameters of an operation that has two groups of them.
#[derive(Debug)]
pub struct ParamGroups<A, B>(pub A, pub B);

impl<S: Sync, A, B> FromRequestParts<S> for ParamGroups<A, B>
where
    A: DeserializeOwned + IntoParams,
    B: DeserializeOwned + IntoParams,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| ApiError::malformed("The query string cannot be read."))?;
        let described = [A::into_params(|| None), B::into_params(|| None)].concat();
        let known: Vec<&str> = described.iter().map(|row| row.name.as_str()).collect();
        let values: serde_json::Value = read(pairs, &known)?;
        let unreadable = |_| ApiError::malformed("The query is not valid.");
        let first = serde_json::from_value(values.clone()).map_err(unreadable)?;
        Ok(Self(first, serde_json::from_value(values).map_err(unreadable)?))
    }
}

fn read<T: DeserializeOwned>(pairs: Vec<(String, String)>, known: &[&str]) -> Result<T, ApiError> {
    let mut errors = Vec::new();
    let mut values = serde_json::Map::new();
    for (name, value) in pairs {
        let pointer = pointer(&name);
        if !known.contains(&name.as_str()) {
            errors.push(FieldError::new(pointer, "unknown_parameter", unknown_name(&name, known)));
        } else if value.len() > VALUE_BYTES_MAX {
            let detail = format!("must be at most {VALUE_BYTES_MAX} octets");
            errors.push(FieldError::new(pointer, "too_long", detail));
        } else if values.insert(name, value.into()).is_some() {
            errors.push(FieldError::new(pointer, "duplicate", "must be given once"));
        }
    }
    if !errors.is_empty() {
        return Err(ApiError::invalid(errors));
    }
    serde_json::from_value(values.into())
        .map_err(|_| ApiError::malformed("The query is not valid."))
}

fn pointer(name: &str) -> String {
    format!("?{}", annunciator_core::one_line(name, 100))
}

/// Converts the texts of parameters and gathers what is wrong with them.
#[derive(Debug, Default)]
pub struct Conversion {
    errors: Vec<FieldError>,
}

impl Conversion {
    /// The value that `parse` makes of a text; an empty text counts as absent.
    pub fn value<V>(
        &mut self,
        name: &str,
        text: Option<&String>,
        must: &str,
        parse: impl FnOnce(&str) -> Option<V>,
    ) -> Option<V> {
        let text = text.filter(|text| !text.is_empty())?;
        let value = parse(text);
        if value.is_none() {
            self.errors.push(FieldError::new(pointer(name), "format", must));
        }
        value
    }

    /// One of these words.
    pub fn word(&mut self, name: &str, text: Option<&String>, words: &[&str]) -> Option<String> {
        let must = format!("must be one of {}", words.join(", "));
        self.value(name, text, &must, |text| words.contains(&text).then(|| text.to_owned()))
    }

    /// Severities, separated by commas; none when the text is absent.
    pub fn severities(&mut self, text: Option<&String>) -> Vec<Severity> {
        const MUST: &str =
            "must be info, warning, failure or critical, or several of them with commas";
        let parse = |text: &str| {
            text.split(',').map(|word| word.trim().parse().ok()).collect::<Option<_>>()
        };
        self.value("severity", text, MUST, parse).unwrap_or_default()
    }

    /// A point in time.
    pub fn time(&mut self, name: &str, text: Option<&String>) -> Option<Timestamp> {
        const MUST: &str = "must be an RFC 3339 time such as 2026-11-22T05:30:00.000Z \
                            (`+` in it is written `%2B`)";
        self.value(name, text, MUST, |text| text.parse().ok())
    }

    /// The part of a list that is asked for.
    pub fn page(&mut self, after: Option<&String>, limit: Option<&String>) -> Page {
        let must = format!("must be a number from 1 to {LIMIT_MAX}");
        let count = self.value("limit", limit, &must, |text| {
            text.parse().ok().filter(|count| (1..=LIMIT_MAX).contains(count))
        });
        let after = after.filter(|text| !text.is_empty()).cloned();
        Page { after, count_max: count.unwrap_or(LIMIT_DEFAULT) }
    }

    /// Ends the conversion.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Sample {
        state: Option<String>,
        limit: Option<String>,
    }

    fn codes(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        match read::<Sample>(pairs, &["state", "limit"]) {
            Ok(_) => Vec::new(),
            Err(error) => {
                let errors = error.problem().errors.iter();
                errors.map(|one| (one.pointer.clone(), one.code.clone())).collect()
            }
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        let check = |pairs: &[(&str, &str)], expected: &[(&str, &str)]| {
            let found = codes(pairs);
            let found: Vec<_> = found.iter().map(|(p, c)| (p.as_str(), c.as_str())).collect();
            assert_eq!(found, expected, "{pairs:?}");
        };
        check(&[], &[]);
        check(&[("state", "queued"), ("limit", "5")], &[]);
        check(&[("stat", "queued")], &[("?stat", "unknown_parameter")]);
        check(&[("state", "a"), ("state", "b")], &[("?state", "duplicate")]);
        check(&[("a", ""), ("b", "")], &[("?a", "unknown_parameter"), ("?b", "unknown_parameter")]);
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        check(&[("state", &long)], &[("?state", "too_long")]);
    }

    #[test]
    fn an_unknown_parameter_is_told_the_nearest_known_one() {
        let pairs = vec![("stat".to_owned(), String::new())];
        let error = read::<Sample>(pairs, &["state", "limit"]).unwrap_err();
        assert_eq!(error.problem().errors[0].detail, "`stat` is not known; did you mean `state`?");
    }

    #[test]
    fn severities_are_words_with_commas() {
        use Severity::{Critical, Info};
        for (text, expected) in [
            (None, Some(vec![])),
            (Some(""), Some(vec![])),
            (Some("info"), Some(vec![Info])),
            (Some("critical, info"), Some(vec![Critical, Info])),
            (Some("critical,"), None),
            (Some("bad"), None),
        ] {
            let mut conversion = Conversion::default();
            let found = conversion.severities(text.map(str::to_owned).as_ref());
            assert_eq!(conversion.finish().is_ok().then_some(found), expected, "{text:?}");
        }
    }

    #[test]
    fn a_page_has_1_to_1000_rows() {
        for (limit, expected) in [
            (None, Some(100)),
            (Some(""), Some(100)),
            (Some("1"), Some(1)),
            (Some("1000"), Some(1000)),
            (Some("0"), None),
            (Some("1001"), None),
            (Some("-1"), None),
            (Some("ten"), None),
        ] {
            let mut conversion = Conversion::default();
            let page = conversion.page(None, limit.map(str::to_owned).as_ref());
            let found = conversion.finish().is_ok().then_some(page.count_max);
            assert_eq!(found, expected, "{limit:?}");
        }
    }
}
