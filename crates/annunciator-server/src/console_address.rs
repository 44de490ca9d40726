//! Where people reach the console: the base of the links in messages.

use annunciator_settings::settings;

use crate::installation::Installation;

settings! {
    /// Where people reach the console.
    pub struct ConsoleSettings / ConsoleLayer {
        /// Address of the console as readers of messages reach it, such as
        /// `https://alerts.example.org`; `%LINK%` becomes `<address>/events/<event>`.
        ///
        /// Empty: the address that the server listens on, when another machine can reach it; else
        /// `%LINK%` is empty.
        url: String = String::new(), chars_max(1_000), check(check_url);
    }
}

fn check_url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_good = rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty() && rest.chars().all(|c| c.is_ascii_graphic() && !"?#\"<>\\@".contains(c))
    });
    if text.is_empty() || is_good {
        return Ok(());
    }
    Err("must be an address such as https://alerts.example.org, without query, or empty".to_owned())
}

/// The base of links, without a slash at its end; empty when nobody elsewhere could follow them.
#[must_use]
pub fn base(settings: &ConsoleSettings, installation: &Installation) -> String {
    let said = settings.url.trim_end_matches('/');
    if !said.is_empty() {
        return said.to_owned();
    }
    match installation.address() {
        Some(address) if !address.ip().is_loopback() && !address.ip().is_unspecified() => {
            let scheme = if installation.has_tls { "https" } else { "http" };
            format!("{scheme}://{address}")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_begins_with_what_was_set_or_with_an_address_that_others_reach() {
        for (url, listen, has_tls, expected) in [
            ("", "127.0.0.1:8650", false, ""),
            ("", "[::1]:8650", true, ""),
            ("", "0.0.0.0:8650", true, ""),
            ("", "10.0.0.5:8650", true, "https://10.0.0.5:8650"),
            ("https://a.example/", "10.0.0.5:8650", true, "https://a.example"),
            ("http://a.example/watch", "127.0.0.1:8650", false, "http://a.example/watch"),
        ] {
            let installation = Installation::new("/x".into(), Vec::new(), has_tls);
            installation.set_address(listen.parse().unwrap());
            let settings = ConsoleSettings { url: url.to_owned() };
            assert_eq!(base(&settings, &installation), expected, "{url} {listen}");
        }
        assert_eq!(base(&ConsoleSettings { url: String::new() }, &Installation::default()), "");
    }

    #[test]
    fn an_address_of_a_console_is_http_without_a_query() {
        for (text, is_good) in [
            ("", true),
            ("https://alerts.example.org", true),
            ("http://10.0.0.1:8650/watch", true),
            ("alerts.example.org", false),
            ("javascript:alert(1)", false),
            ("https://", false),
            ("https://a b", false),
            ("https://user@a.example", false),
            ("https://a.example/?x=1", false),
            ("https://a.example/\r\nX: y", false),
        ] {
            assert_eq!(check_url(text).is_ok(), is_good, "{text:?}");
        }
    }
}
