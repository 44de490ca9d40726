//! Links and lines that somebody copies out of the console and uses elsewhere.
//!
//! In: the request that a browser made, for it tells the address under which people reach us.
//! Out: the address, a one-time link, a line for a shell.

use hyper::header;

use crate::page::Guest;

/// What a source hands in first.
const FIRST_EVENT: &str =
    r#"{"type":"backup.failed","severity":"critical","application":{"name":"Backup"}}"#;

/// The address under which this browser reached us, such as `https://annunciator.example.org`.
pub(crate) fn base_url(guest: &Guest) -> String {
    let origin = guest.credentials.header(&header::ORIGIN).filter(|origin| origin.contains("://"));
    let host = guest.credentials.header(&header::HOST).unwrap_or("127.0.0.1:8650");
    clean(&origin.map_or_else(|| format!("http://{host}"), str::to_owned))
}

/// Nothing that a shell would take for more than text.
fn clean(url: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || ":/.-_[]".contains(*c);
    url.chars().filter(is_plain).collect()
}

/// The link with which a user sets a password.
pub(crate) fn one_time_link(guest: &Guest, key: &str) -> String {
    format!("{}/welcome?key={key}", base_url(guest))
}

/// Hands in an event with this token.
pub(crate) fn curl_line(guest: &Guest, token: &str) -> String {
    format!(
        "curl {}/api/v1/events \\\n  -H 'Authorization: Bearer {token}' \\\n  \
         -H 'Content-Type: application/json' \\\n  -d '{FIRST_EVENT}'",
        base_url(guest)
    )
}

/// Asks for the state of the server with this token.
pub(crate) fn status_line(guest: &Guest, token: &str) -> String {
    format!("curl {}/api/v1/status \\\n  -H 'Authorization: Bearer {token}'", base_url(guest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_nothing_for_a_shell() {
        let check = |url: &str, expected: &str| assert_eq!(clean(url), expected, "{url}");
        check("https://annunciator.example.org", "https://annunciator.example.org");
        check("http://[::1]:8650", "http://[::1]:8650");
        check("http://x'; rm -rf `y` $(z)", "http://xrm-rfyz");
    }
}
