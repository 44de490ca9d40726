//! Whether a browser's request was made by our own pages.
//!
//! In: method and headers. Out: nothing, or a refusal with words.
//! Standard: Fetch (`Origin`), Fetch Metadata (`Sec-Fetch-Site`); quality G22.
//! Knows nothing of: who asks.

use hyper::header::{AsHeaderName, HOST, ORIGIN};
use hyper::{HeaderMap, Method};

use super::error::ApiError;

const FETCH_SITE: &str = "sec-fetch-site";
/// Schemes with the port that goes without saying.
const HTTP: (&str, &str) = ("http://", ":80");
const HTTPS: (&str, &str) = ("https://", ":443");

/// Refuses a request with a cookie that changes something and does not say that it comes from our
/// own pages.
pub(super) fn check(
    method: &Method,
    headers: &HeaderMap,
    is_encrypted: bool,
) -> Result<(), ApiError> {
    if is_safe(method) || is_ours(headers, is_encrypted)? {
        return Ok(());
    }
    if headers.get(ORIGIN).is_none() && headers.get(FETCH_SITE).is_none() {
        let words = "With a session's cookie, a request that changes something needs an `Origin` \
                     equal to `Host`; programs use a token.";
        return Err(ApiError::cross_site(words));
    }
    Err(foreign())
}

/// Refuses a request that changes something and says that it comes from other pages.
pub(super) fn check_if_said(
    method: &Method,
    headers: &HeaderMap,
    is_encrypted: bool,
) -> Result<(), ApiError> {
    let says_nothing = headers.get(ORIGIN).is_none() && headers.get(FETCH_SITE).is_none();
    if is_safe(method) || says_nothing || is_ours(headers, is_encrypted)? {
        return Ok(());
    }
    Err(foreign())
}

fn foreign() -> ApiError {
    ApiError::cross_site(
        "Another site made your browser send this, so nothing was done. If you did it yourself: \
         open the console at the address that your browser shows, and let a proxy between pass \
         `Host` on.",
    )
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// What the browser itself says of the page goes first (`Sec-Fetch-Site`); without it, host and port
/// of the page must be ours, and its scheme, where the browser's side is encrypted for certain. A
/// proxy that does not say so may have ended the encryption of any other.
fn is_ours(headers: &HeaderMap, is_encrypted: bool) -> Result<bool, ApiError> {
    let without_host = || ApiError::cross_site("The request has no `Host`.");
    let host = only(headers, HOST)?.filter(|host| !host.is_empty()).ok_or_else(without_host)?;
    if let Some(site) = only(headers, FETCH_SITE)? {
        return Ok(site == "same-origin");
    }
    let Some(origin) = only(headers, ORIGIN)? else { return Ok(false) };
    let schemes: &[_] = if is_encrypted { &[HTTPS] } else { &[HTTPS, HTTP] };
    Ok(schemes.iter().any(|(scheme, port)| {
        let same = |origin: &str| {
            let bare = |text: &str| text.strip_suffix(*port).unwrap_or(text).to_ascii_lowercase();
            bare(origin) == bare(host)
        };
        origin.strip_prefix(*scheme).is_some_and(same)
    }))
}

/// The one value of a header; two are a trick.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str().unwrap_or_default());
    if values.next().is_some() {
        return Err(ApiError::cross_site("A header stands twice in the request."));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_our_own_pages_change_something() {
        // With a cookie, and where anybody may come but other sites.
        let check_over = |is_encrypted, lines: &[(&str, &str)], expected: (bool, bool)| {
            let headers = headers(lines);
            let passed = |method: &Method| {
                let strict = super::check(method, &headers, is_encrypted).is_ok();
                (strict, check_if_said(method, &headers, is_encrypted).is_ok())
            };
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_eq!(passed(&method), expected, "{method} {lines:?}");
            }
            assert_eq!(passed(&Method::GET), (true, true), "{lines:?}");
        };
        let check = |lines: &[_], expected| check_over(false, lines, expected);
        let host = ("host", "a.example:8025");
        check(&[host, ("origin", "http://a.example:8025")], (true, true));
        check(&[host, ("origin", "https://A.example:8025")], (true, true));
        check(&[("host", "a.example"), ("origin", "https://a.example")], (true, true));
        check(&[("host", "a.example:443"), ("origin", "https://a.example")], (true, true));
        check(&[("host", "[::1]:8025"), ("origin", "http://[::1]:8025")], (true, true));
        check(&[("host", "a.example:80"), ("origin", "https://a.example")], (false, false));
        check(&[host, ("sec-fetch-site", "same-origin")], (true, true));
        check(&[host], (false, true));
        check(&[host, ("origin", "http://a.example")], (false, false));
        check(&[host, ("origin", "http://a.example:8025.evil.example")], (false, false));
        check(&[host, ("origin", "http://evil.example")], (false, false));
        check(&[host, ("origin", "null")], (false, false));
        check(&[host, ("origin", "")], (false, false));
        check(&[host, ("origin", "a.example:8025")], (false, false));
        check(&[host, ("sec-fetch-site", "same-site")], (false, false));
        check(&[host, ("sec-fetch-site", "cross-site")], (false, false));
        check(&[host, ("sec-fetch-site", "none")], (false, false));
        // What the browser says of the page counts, whatever `Origin` says.
        let own = ("origin", "http://a.example:8025");
        for site in ["same-site", "cross-site", "none", "", "SAME-ORIGIN"] {
            check(&[host, own, ("sec-fetch-site", site)], (false, false));
        }
        check(&[host, own, ("sec-fetch-site", "same-origin")], (true, true));
        // A proxy that writes a `Host` of its own: the browser still knows where the page is from.
        let outside = ("origin", "https://outside.example");
        check(&[host, outside, ("sec-fetch-site", "same-origin")], (true, true));
        // On an encrypted connection a page in plain text is another page.
        check_over(true, &[host, own], (false, false));
        check_over(true, &[host, ("origin", "https://a.example:8025")], (true, true));
        check_over(
            true,
            &[("host", "a.example"), ("origin", "https://a.example:443")],
            (true, true),
        );
        check_over(true, &[host, ("sec-fetch-site", "same-origin")], (true, true));
        check_over(true, &[host], (false, true));
        check(&[("origin", "http://a.example:8025")], (false, false));
        check(&[("sec-fetch-site", "same-origin")], (false, false));
        check(&[("host", ""), ("origin", "http://")], (false, false));
        check(&[host, ("host", "b"), ("origin", "http://a.example:8025")], (false, false));
        let twice = ("origin", "http://a.example:8025");
        check(&[host, twice, twice], (false, false));
    }
}
