//! Cookies of sessions and devices: read from requests, set in answers.
//!
//! Standard: RFC 6265, with the prefix `__Host-` of its successor (draft-ietf-httpbis-rfc6265bis,
//! section 4.1.3): over TLS a cookie can be set neither by another host nor in plain text.
//! Knows nothing of: what a cookie stands for.

use axum::response::{AppendHeaders, IntoResponseParts};
use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use zeroize::Zeroizing;

use crate::session_book::LIFE_MS_MAX;

const SESSION: &str = "annunciator_session";
const DEVICE: &str = "annunciator_device";
/// Prefix of names over TLS.
const HOST: &str = "__Host-";
/// How long a browser is known. Unit: seconds.
const DEVICE_LIFE_S: i64 = 365 * 86_400;
/// Longest value that is looked at. Unit: octets.
const VALUE_BYTES_MAX: usize = 200;

/// The session's cookie.
pub(super) fn session(headers: &HeaderMap, is_tls: bool) -> Option<Zeroizing<String>> {
    find(headers, SESSION, is_tls)
}

/// The device's cookie.
pub(super) fn device(headers: &HeaderMap, is_tls: bool) -> Option<Zeroizing<String>> {
    find(headers, DEVICE, is_tls)
}

fn find(headers: &HeaderMap, name: &str, is_tls: bool) -> Option<Zeroizing<String>> {
    let wanted = full_name(name, is_tls);
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == wanted)?;
    let value = value.trim();
    (!value.is_empty() && value.len() <= VALUE_BYTES_MAX).then(|| Zeroizing::new(value.to_owned()))
}

fn full_name(name: &str, is_tls: bool) -> String {
    if is_tls { format!("{HOST}{name}") } else { name.to_owned() }
}

/// What an answer makes a browser keep.
pub(super) fn keep(
    session: &str,
    device: Option<&str>,
    is_tls: bool,
) -> impl IntoResponseParts + use<> {
    let session = line(SESSION, session, LIFE_MS_MAX / 1_000, is_tls);
    let device = device.map(|device| line(DEVICE, device, DEVICE_LIFE_S, is_tls));
    AppendHeaders([session].into_iter().chain(device).collect::<Vec<_>>())
}

/// What makes a browser forget its session.
pub(super) fn forget(is_tls: bool) -> impl IntoResponseParts + use<> {
    AppendHeaders([line(SESSION, "", 0, is_tls)])
}

fn line(name: &str, value: &str, life_s: i64, is_tls: bool) -> (HeaderName, HeaderValue) {
    let name = full_name(name, is_tls);
    let secure = if is_tls { "; Secure" } else { "" };
    let text = Zeroizing::new(format!(
        "{name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}"
    ));
    let mut value = HeaderValue::from_str(&text).expect("names and values are visible ASCII");
    value.set_sensitive(true);
    (SET_COOKIE, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_among_the_cookies() {
        let check = |lines: &[&str], is_tls: bool, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
            }
            let found = session(&headers, is_tls);
            assert_eq!(found.as_ref().map(|text| text.as_str()), expected, "{lines:?}");
        };
        check(&[], false, None);
        check(&["annunciator_session=a"], false, Some("a"));
        check(&["x=y; annunciator_session=a;z"], false, Some("a"));
        check(&["x=y", "annunciator_session = a "], false, Some("a"));
        check(&["annunciator_session="], false, None);
        check(&["xannunciator_session=a; annunciator_session_=b"], false, None);
        check(&["__Host-annunciator_session=a"], false, None);
        check(&["__Host-annunciator_session=a; annunciator_session=b"], true, Some("a"));
        check(&["annunciator_session=b"], true, None);
        check(&[&format!("annunciator_session={}", "a".repeat(201))], false, None);
    }

    #[test]
    fn a_cookie_is_for_this_host_and_no_script() {
        let text = |is_tls| line(SESSION, "a", 5, is_tls).1.to_str().unwrap().to_owned();
        let plain = "annunciator_session=a; Path=/; Max-Age=5; HttpOnly; SameSite=Lax";
        assert_eq!(text(false), plain);
        assert_eq!(text(true), format!("__Host-{plain}; Secure"));
    }
}
