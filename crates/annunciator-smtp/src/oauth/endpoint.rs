//! One request to a token endpoint.
//!
//! In: how tokens are obtained. Out: a new token, or why not.
//! Standard: RFC 6749 sections 2.3.1 (the client's secret stands in the body, which every large
//! provider takes), 4.4.2, 5.1, 5.2, 6; RFC 6750 section 2.1 (what a token may consist of).
//! Failure: words that hold none of our secrets, even when the server repeats them.

use annunciator_core::one_line;
use annunciator_names::Resolver;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::https::{Answer, Ask, fetch};
use crate::oauth::{Grant, OAuth2, TokenError};
use crate::relay::SecretText;

/// Longest answer. Unit: octets.
const ANSWER_OCTETS_MAX: usize = 64 * 1_024;
/// Longest token: it must fit into a line of AUTH. Unit: octets.
const TOKEN_OCTETS_MAX: usize = 8 * 1_024;
/// Life of a token whose answer does not tell it, and the longest. Unit: s.
const LIFETIME_S_UNKNOWN: u64 = 300;
const LIFETIME_S_MAX: u64 = 7 * 86_400;

/// A new token.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) access: SecretText,
    pub(crate) lifetime_s: u64,
    /// A refresh token that replaces the one that was used.
    pub(crate) refresh: Option<SecretText>,
}

/// Asks for a token, with this refresh token in place of the configured one.
pub(crate) async fn ask(
    source: &OAuth2,
    refresh: Option<&SecretText>,
    resolver: &Resolver,
    deadline: Instant,
) -> Result<Fresh, TokenError> {
    let form = form(source, refresh);
    let answer = fetch(Ask {
        url: &source.token_url,
        form: Some(&form),
        ca: source.ca.as_deref(),
        resolver,
        deadline,
        body_octets_max: ANSWER_OCTETS_MAX,
    });
    let mut answer =
        answer.await.map_err(|error| TokenError::passing(format!("no access token: {error}")))?;
    let fresh = read(&answer).map_err(|error| hide(error, source, refresh));
    zeroize::Zeroize::zeroize(&mut answer.body);
    fresh
}

fn form(source: &OAuth2, refresh: Option<&SecretText>) -> Zeroizing<String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    match &source.grant {
        Grant::RefreshToken(configured) => {
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("refresh_token", refresh.unwrap_or(configured).expose());
        }
        Grant::ClientCredentials => {
            form.append_pair("grant_type", "client_credentials");
        }
    }
    form.append_pair("client_id", &source.client_id);
    for (name, value) in
        [("client_secret", source.client_secret.expose()), ("scope", &source.scope)]
    {
        if !value.is_empty() {
            form.append_pair(name, value);
        }
    }
    Zeroizing::new(form.finish())
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    /// A number; some servers send it as text.
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

fn read(answer: &Answer) -> Result<Fresh, TokenError> {
    let trouble = TokenError::passing;
    let status = answer.status;
    if status != 200 {
        let Ok(Refused { error, error_description }) = serde_json::from_slice(&answer.body) else {
            return Err(trouble(format!("the token endpoint answers with HTTP status {status}")));
        };
        let words = format!("the token endpoint refuses: {error}: {error_description}");
        let words = one_line(words.trim_end_matches([':', ' ']), 400);
        return Err(TokenError { refused: is_for_good(status, &error), code: error, words });
    }
    let granted: Granted = serde_json::from_slice(&answer.body)
        .map_err(|_| trouble("the token endpoint's answer holds no access token".to_owned()))?;
    let Granted { access_token, token_type, expires_in, refresh_token } = granted;
    let (access, refresh) = (SecretText::new(access_token), refresh_token.map(SecretText::new));
    // Anything else could end the SASL message, or the line.
    let fits = |token: &SecretText| {
        let token = token.expose();
        let is_graphic = token.bytes().all(|octet| octet.is_ascii_graphic());
        is_graphic && !token.is_empty() && token.len() <= TOKEN_OCTETS_MAX
    };
    if !fits(&access) || refresh.as_ref().is_some_and(|refresh| !fits(refresh)) {
        return Err(trouble("the token endpoint's answer holds a malformed token".to_owned()));
    }
    if token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(trouble("the token endpoint gives no bearer token".to_owned()));
    }
    let lifetime_s = match &expires_in {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let lifetime_s = lifetime_s.unwrap_or(LIFETIME_S_UNKNOWN).min(LIFETIME_S_MAX);
    Ok(Fresh { access, lifetime_s, refresh })
}

/// Whether asking again cannot help: an error of RFC 6749 section 5.2 or one like it, but not one
/// that says that the server is busy.
fn is_for_good(status: u16, error: &str) -> bool {
    let is_busy = matches!(error, "temporarily_unavailable" | "server_error" | "slow_down");
    (400..500).contains(&status) && !matches!(status, 408 | 429) && !is_busy
}

fn hide(error: TokenError, source: &OAuth2, refresh: Option<&SecretText>) -> TokenError {
    let configured = match &source.grant {
        Grant::RefreshToken(configured) => Some(configured),
        Grant::ClientCredentials => None,
    };
    let mut secrets = [Some(&source.client_secret), configured, refresh].into_iter().flatten();
    let holds =
        |secret: &SecretText| !secret.expose().is_empty() && error.words.contains(secret.expose());
    if secrets.any(holds) {
        let words = "the token endpoint refuses; its words repeat a secret".to_owned();
        return TokenError { words, ..error };
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(grant: Grant, secret: &str, scope: &str) -> OAuth2 {
        OAuth2 {
            token_url: "https://id.test/token".into(),
            client_id: "the client".into(),
            client_secret: SecretText::new(secret.into()),
            scope: scope.into(),
            grant,
            ca: None,
        }
    }

    fn refresh(token: &str) -> Grant {
        Grant::RefreshToken(SecretText::new(token.into()))
    }

    #[test]
    fn the_form_is_encoded() {
        let newer = SecretText::new("newer".into());
        for (source, replaced, expected) in [
            (
                source(refresh("a+b&c"), "", ""),
                None,
                "grant_type=refresh_token&refresh_token=a%2Bb%26c&client_id=the+client",
            ),
            (
                source(refresh("a"), "s", "x y"),
                Some(&newer),
                "grant_type=refresh_token&refresh_token=newer&client_id=the+client\
                 &client_secret=s&scope=x+y",
            ),
            (
                source(Grant::ClientCredentials, "s", "https://a/.default"),
                None,
                "grant_type=client_credentials&client_id=the+client&client_secret=s\
                 &scope=https%3A%2F%2Fa%2F.default",
            ),
        ] {
            assert_eq!(*form(&source, replaced), expected);
        }
    }

    fn check(status: u16, body: &str, expected: Result<(&str, u64, Option<&str>), (bool, &str)>) {
        let media_type = "application/json".to_owned();
        let answer = Answer { status, media_type, body: body.as_bytes().to_vec() };
        match (read(&answer), expected) {
            (Ok(fresh), Ok((access, lifetime_s, refresh))) => {
                assert_eq!((fresh.access.expose(), fresh.lifetime_s), (access, lifetime_s));
                assert_eq!(fresh.refresh.as_ref().map(SecretText::expose), refresh);
            }
            (Err(error), Err((refused, words))) => {
                assert!(error.words.contains(words), "{}", error.words);
                assert_eq!(error.refused, refused, "{body}");
            }
            (got, expected) => panic!("{status} {body}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn answers_are_read_with_their_limits() {
        check(200, r#"{"access_token":"t","expires_in":60}"#, Ok(("t", 60, None)));
        check(
            200,
            r#"{"access_token":"t","token_type":"bearer","expires_in":"3599","refresh_token":"r"}"#,
            Ok(("t", 3_599, Some("r"))),
        );
        check(200, r#"{"access_token":"t"}"#, Ok(("t", 300, None)));
        check(200, r#"{"access_token":"t","expires_in":99999999}"#, Ok(("t", 604_800, None)));
        check(200, r#"{"access_token":"t","expires_in":-1}"#, Ok(("t", 300, None)));
        check(200, r#"{"access_token":""}"#, Err((false, "malformed token")));
        check(200, "{\"access_token\":\"a\\r\\nb\"}", Err((false, "malformed token")));
        check(200, "{\"access_token\":\"a\\u0001b\"}", Err((false, "malformed token")));
        let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(8_193));
        check(200, &long, Err((false, "malformed token")));
        check(200, r#"{"access_token":"t","token_type":"mac"}"#, Err((false, "no bearer")));
        check(200, "<html>", Err((false, "holds no access token")));
        check(204, "", Err((false, "HTTP status 204")));
        check(302, "", Err((false, "HTTP status 302")));
        check(404, "<html>", Err((false, "HTTP status 404")));
    }

    #[test]
    fn a_refusal_for_good_is_told_from_trouble() {
        for (status, error, refused) in [
            (400, "invalid_grant", true),
            (401, "invalid_client", true),
            (400, "unauthorized_client", true),
            (400, "invalid_scope", true),
            (400, "interaction_required", true),
            (503, "temporarily_unavailable", false),
            (400, "temporarily_unavailable", false),
            (429, "slow_down", false),
            (500, "invalid_grant", false),
        ] {
            let body = format!(r#"{{"error":"{error}","error_description":"too\nold"}}"#);
            check(status, &body, Err((refused, &format!("refuses: {error}: too old"))));
        }
        check(400, r#"{"error":"invalid_grant"}"#, Err((true, "refuses: invalid_grant")));
    }

    #[test]
    fn words_that_repeat_a_secret_are_hidden() {
        let source = source(refresh("configured"), "secret", "");
        let newer = SecretText::new("newer".into());
        for (words, hidden) in
            [("bad secret", true), ("bad configured", true), ("bad newer", true), ("bad", false)]
        {
            let error =
                TokenError { refused: true, code: "invalid_grant".into(), words: words.into() };
            let got = hide(error, &source, Some(&newer));
            assert_eq!(got.words.contains("repeat a secret"), hidden, "{words}");
            assert!(got.refused && got.code == "invalid_grant");
        }
    }
}
