//! Links and lines that somebody copies out of the console and uses elsewhere.
//!
//! In: the setting `console.url`, or the request that a browser made, for it tells the address
//! under which people reach us.
//! Out: the address, a one-time link, a line for a shell.

use annunciator_api_types::SettingsView;
use hyper::header;

use crate::api::Credentials;
use crate::page::Guest;

/// What a source hands in first.
const FIRST_EVENT: &str =
    r#"{"type":"backup.failed","severity":"critical","application":{"name":"Backup"}}"#;

/// The address under which people reach us, such as `https://annunciator.example.org`: that of the
/// settings, else the one under which this browser did.
pub(crate) async fn base_url(guest: &Guest) -> String {
    let settings = guest.try_get::<SettingsView>("/api/v1/settings").await;
    let set =
        settings.ok().and_then(|view| Some(view.values["console"]["url"].as_str()?.to_owned()));
    match set.filter(|url| !url.is_empty()) {
        Some(url) => clean(url.trim_end_matches('/')),
        None => clean(&reached(&guest.credentials)),
    }
}

/// Pages that are only read come without `Origin`; a session over TLS shows by its cookie.
fn reached(credentials: &Credentials) -> String {
    let origin = credentials.header(&header::ORIGIN).filter(|origin| origin.contains("://"));
    let host = credentials.header(&header::HOST).unwrap_or("127.0.0.1:8650");
    let cookies = credentials.header(&header::COOKIE).unwrap_or_default();
    let scheme = if cookies.contains("__Host-annunciator_session=") { "https" } else { "http" };
    origin.map_or_else(|| format!("{scheme}://{host}"), str::to_owned)
}

/// Nothing that a shell would take for more than text.
fn clean(url: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || ":/.-_[]".contains(*c);
    url.chars().filter(is_plain).collect()
}

/// The link with which a user sets a password.
pub(crate) async fn one_time_link(guest: &Guest, key: &str) -> String {
    format!("{}/welcome?key={key}", base_url(guest).await)
}

/// Hands in an event with this token.
pub(crate) async fn curl_line(guest: &Guest, token: &str) -> String {
    format!(
        "curl {}/api/v1/events \\\n  -H 'Authorization: Bearer {token}' \\\n  \
         -H 'Content-Type: application/json' \\\n  -d '{FIRST_EVENT}'",
        base_url(guest).await
    )
}

/// Asks for the state of the server with this token.
pub(crate) async fn status_line(guest: &Guest, token: &str) -> String {
    let base = base_url(guest).await;
    format!("curl {base}/api/v1/status \\\n  -H 'Authorization: Bearer {token}'")
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
