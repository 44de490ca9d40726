//! Cookies of sessions and devices: read from requests, set in answers.
//!
//! Standard: RFC 6265, with the prefix `__Host-` of its successor (draft-ietf-httpbis-rfc6265bis,
//! section 4.1.3): over TLS a cookie can be set neither by another host nor in plain text. A proxy
//! may end the TLS: then the request shows it by `Origin`, or by `X-Forwarded-Proto` from loopback.
//! Knows nothing of: what a cookie stands for.

use axum::response::{AppendHeaders, IntoResponseParts};
use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderName, HeaderValue, ORIGIN, SET_COOKIE};
use zeroize::Zeroizing;

use super::rights::Peer;
use crate::session_book::LIFE_MS_MAX;

const SESSION: &str = "annunciator_session";
const DEVICE: &str = "annunciator_device";
/// What a proxy says of the browser's side.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Prefix of names over TLS.
const HOST: &str = "__Host-";
/// How long a browser is known. Unit: seconds.
const DEVICE_LIFE_S: i64 = 365 * 86_400;
/// Longest value that is looked at. Unit: octets.
const VALUE_BYTES_MAX: usize = 200;

/// How a request came to the server, as far as its cookies are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Carriage {
    way: Way,
    /// Whether the session's cookie of the other name came with it.
    has_other: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Encrypted, and every request shows it: the connection does, or the proxy on this machine.
    Encrypted,
    /// The browser speaks to an encrypted page; requests without an `Origin` do not show it.
    FromEncryptedPage,
    /// Nothing says that it is encrypted.
    Plain,
}

impl Carriage {
    /// What a request shows.
    pub(super) fn of(headers: &HeaderMap, peer: &Peer) -> Self {
        let text = |name: HeaderName| {
            let mut values = headers.get_all(name).iter();
            let first = values.next().and_then(|value| value.to_str().ok());
            first.filter(|_| values.next().is_none())
        };
        let told = text(FORWARDED_PROTO).filter(|_| peer.is_loopback());
        let origin = text(ORIGIN).unwrap_or_default();
        let way = if peer.is_tls() || told.is_some_and(|it| it.eq_ignore_ascii_case("https")) {
            Way::Encrypted
        } else if origin.starts_with("https://") {
            Way::FromEncryptedPage
        } else {
            Way::Plain
        };
        let other = full_name(SESSION, way == Way::Plain);
        let has_other = way != Way::Encrypted && find(headers, &other).is_some();
        Self { way, has_other }
    }

    /// Whether it is certain that the browser's side is encrypted.
    pub(super) fn is_encrypted(self) -> bool {
        self.way == Way::Encrypted
    }

    fn is_secure(self) -> bool {
        self.way != Way::Plain
    }
}

/// The session's cookie.
pub(super) fn session(headers: &HeaderMap, carriage: Carriage) -> Option<Zeroizing<String>> {
    find_safest(headers, SESSION, carriage)
}

/// The device's cookie.
pub(super) fn device(headers: &HeaderMap, carriage: Carriage) -> Option<Zeroizing<String>> {
    find_safest(headers, DEVICE, carriage)
}

/// The name that only an encrypted page can set goes first, and alone where that is certain.
fn find_safest(headers: &HeaderMap, name: &str, carriage: Carriage) -> Option<Zeroizing<String>> {
    let found = find(headers, &full_name(name, true));
    if carriage.is_encrypted() {
        return found;
    }
    found.or_else(|| find(headers, name))
}

fn find(headers: &HeaderMap, wanted: &str) -> Option<Zeroizing<String>> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == wanted)?;
    let value = value.trim();
    (!value.is_empty() && value.len() <= VALUE_BYTES_MAX).then(|| Zeroizing::new(value.to_owned()))
}

fn full_name(name: &str, is_secure: bool) -> String {
    if is_secure { format!("{HOST}{name}") } else { name.to_owned() }
}

/// What an answer makes a browser keep. A cookie of the other name, which an earlier session over
/// another way has left, is forgotten: it could be found before the new one.
pub(super) fn keep(
    session: &str,
    device: Option<&str>,
    carriage: Carriage,
) -> impl IntoResponseParts + use<> {
    let is_secure = carriage.is_secure();
    let session = line(SESSION, session, LIFE_MS_MAX / 1_000, is_secure);
    let device = device.map(|device| line(DEVICE, device, DEVICE_LIFE_S, is_secure));
    let other = carriage.has_other.then(|| line(SESSION, "", 0, !is_secure));
    AppendHeaders([session].into_iter().chain(device).chain(other).collect::<Vec<_>>())
}

/// What makes a browser forget its session.
pub(super) fn forget(carriage: Carriage) -> impl IntoResponseParts + use<> {
    let is_secure = carriage.is_secure();
    let other = carriage.has_other.then(|| line(SESSION, "", 0, !is_secure));
    let lines = [line(SESSION, "", 0, is_secure)].into_iter().chain(other);
    AppendHeaders(lines.collect::<Vec<_>>())
}

fn line(name: &str, value: &str, life_s: i64, is_secure: bool) -> (HeaderName, HeaderValue) {
    let name = full_name(name, is_secure);
    let secure = if is_secure { "; Secure" } else { "" };
    let text = Zeroizing::new(format!(
        "{name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}"
    ));
    let mut value = HeaderValue::from_str(&text).expect("names and values are visible ASCII");
    value.set_sensitive(true);
    (SET_COOKIE, value)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    const SESSION_HOST: &str = "__Host-annunciator_session";
    const TLS: (&str, bool) = ("192.0.2.1", true);
    const LOOPBACK: (&str, bool) = ("127.0.0.1", false);
    const ELSEWHERE: (&str, bool) = ("192.0.2.1", false);
    const PAGE: &str = "origin: https://a.example";
    const PLAIN_PAGE: &str = "origin: http://a.example";
    const PROXY: &str = "x-forwarded-proto: https";
    const PLAIN_PROXY: &str = "x-forwarded-proto: http";

    fn request((address, is_tls): (&str, bool), lines: &[&str]) -> (HeaderMap, Carriage) {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers
                .append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let address: std::net::IpAddr = address.parse().unwrap();
        let peer = Peer::Network { address, is_loopback: address.is_loopback(), is_tls };
        let carriage = Carriage::of(&headers, &peer);
        (headers, carriage)
    }

    #[test]
    fn the_session_is_found_among_the_cookies() {
        let check = |lines: &[&str], peer: (&str, bool), expected: Option<&str>| {
            let lines: Vec<String> = lines.iter().map(|line| format!("cookie: {line}")).collect();
            let (headers, carriage) =
                request(peer, &lines.iter().map(String::as_str).collect::<Vec<_>>());
            let found = session(&headers, carriage);
            assert_eq!(found.as_ref().map(|text| text.as_str()), expected, "{lines:?}");
        };
        check(&[], LOOPBACK, None);
        check(&["annunciator_session=a"], LOOPBACK, Some("a"));
        check(&["x=y; annunciator_session=a;z"], LOOPBACK, Some("a"));
        check(&["x=y", "annunciator_session = a "], LOOPBACK, Some("a"));
        check(&["annunciator_session="], LOOPBACK, None);
        check(&["xannunciator_session=a; annunciator_session_=b"], LOOPBACK, None);
        check(&["__Host-annunciator_session=a"], LOOPBACK, Some("a"));
        check(&["annunciator_session=b; __Host-annunciator_session=a"], LOOPBACK, Some("a"));
        check(&["__Host-annunciator_session=a; annunciator_session=b"], TLS, Some("a"));
        check(&["annunciator_session=b"], TLS, None);
        check(&[&format!("annunciator_session={}", "a".repeat(201))], LOOPBACK, None);
    }

    #[test]
    fn a_cookie_is_as_safe_as_the_way_that_the_request_shows() {
        // Whether the cookie that is set is for encrypted pages alone, and whether one that is not
        // is still taken.
        let check = |peer: (&str, bool), lines: &[&str], is_secure: bool, takes_plain: bool| {
            let cookie = ["cookie: annunciator_session=b"];
            let (headers, carriage) = request(peer, &[lines, &cookie].concat());
            let set = (keep("a", None, carriage), ()).into_response();
            let first = set.headers().get_all(SET_COOKIE).iter().next().unwrap().to_str().unwrap();
            assert_eq!(first.starts_with("__Host-"), is_secure, "{peer:?} {lines:?}: {first}");
            assert_eq!(first.ends_with("; Secure"), is_secure, "{peer:?} {lines:?}: {first}");
            let found = session(&headers, carriage).is_some();
            assert_eq!(found, takes_plain, "{peer:?} {lines:?}");
        };
        check(TLS, &[], true, false);
        check(TLS, &[PLAIN_PAGE], true, false);
        check(LOOPBACK, &[], false, true);
        check(LOOPBACK, &[PLAIN_PAGE], false, true);
        check(LOOPBACK, &[PAGE], true, true);
        check(LOOPBACK, &[PROXY], true, false);
        check(LOOPBACK, &[PROXY, PAGE], true, false);
        check(LOOPBACK, &["x-forwarded-proto: HTTPS"], true, false);
        check(LOOPBACK, &[PLAIN_PROXY, PLAIN_PAGE], false, true);
        check(LOOPBACK, &[PROXY, PLAIN_PROXY], false, true);
        check(LOOPBACK, &["x-forwarded-proto: http, https"], false, true);
        check(LOOPBACK, &["origin: null"], false, true);
        check(ELSEWHERE, &[PROXY], false, true);
        check(ELSEWHERE, &[PROXY, PAGE], true, true);
    }

    #[test]
    fn a_cookie_of_the_other_name_does_not_come_between() {
        let set = |peer: (&str, bool), lines: &[&str]| {
            let (_, carriage) = request(peer, lines);
            let answers = [
                (keep("new", Some("d"), carriage), ()).into_response(),
                (forget(carriage), ()).into_response(),
            ];
            answers.map(|answer| {
                let lines = answer.headers().get_all(SET_COOKIE).iter();
                let pair = |line: &HeaderValue| {
                    line.to_str().unwrap().split(';').next().unwrap().to_owned()
                };
                lines.map(pair).collect::<Vec<_>>()
            })
        };
        let plain_cookie = format!("cookie: {SESSION}=old");
        let host_cookie = format!("cookie: {SESSION_HOST}=old");
        let (device, host_device) = ("annunciator_device=d", "__Host-annunciator_device=d");
        let (new, gone) = (format!("{SESSION}=new"), format!("{SESSION}="));
        let (host_new, host_gone) = (format!("{SESSION_HOST}=new"), format!("{SESSION_HOST}="));
        let rows: [(_, &[&str], [Vec<&str>; 2]); 5] = [
            (LOOPBACK, &[PLAIN_PAGE, &plain_cookie], [vec![&new, device], vec![&gone]]),
            (
                LOOPBACK,
                &[PLAIN_PAGE, &host_cookie],
                [vec![&new, device, &host_gone], vec![&gone, &host_gone]],
            ),
            (
                LOOPBACK,
                &[PAGE, &plain_cookie],
                [vec![&host_new, host_device, &gone], vec![&host_gone, &gone]],
            ),
            (LOOPBACK, &[PAGE, &host_cookie], [vec![&host_new, host_device], vec![&host_gone]]),
            (TLS, &[&plain_cookie], [vec![&host_new, host_device], vec![&host_gone]]),
        ];
        for (peer, lines, expected) in rows {
            assert_eq!(set(peer, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_cookie_is_for_this_host_and_no_script() {
        let text = |is_secure| line(SESSION, "a", 5, is_secure).1.to_str().unwrap().to_owned();
        let plain = "annunciator_session=a; Path=/; Max-Age=5; HttpOnly; SameSite=Lax";
        assert_eq!(text(false), plain);
        assert_eq!(text(true), format!("__Host-{plain}; Secure"));
    }
}
