//! The browser's logs into what is wrong with a page: errors on its console, and requests to
//! others than the server.
//!
//! In: log entries of chromedriver. Out: [`Watch`], which only ever grows.
//! Standard: Chrome `DevTools` protocol, Network domain.

use serde_json::Value;

/// What was seen so far.
#[derive(Default, Debug)]
pub(super) struct Watch {
    /// Authorities that may be asked, such as `127.0.0.1:8080`.
    allowed: Vec<String>,
    /// Parts of errors that the test expects.
    pub(super) tolerated: Vec<String>,
    errors: Vec<String>,
    foreign: Vec<String>,
}

impl Watch {
    /// Nothing was seen yet; requests to these authorities are not foreign.
    pub(super) fn new(allowed: Vec<String>) -> Self {
        Self { allowed, ..Self::default() }
    }

    /// Takes in entries of the log `browser`.
    pub(super) fn read_console(&mut self, entries: &Value) {
        for entry in entries.as_array().into_iter().flatten() {
            if entry["level"] == "SEVERE" {
                self.errors.push(entry["message"].as_str().unwrap_or_default().to_owned());
            }
        }
    }

    /// Takes in entries of the log `performance`.
    pub(super) fn read_requests(&mut self, entries: &Value) {
        for entry in entries.as_array().into_iter().flatten() {
            let text = entry["message"].as_str().unwrap_or_default();
            let event: Value = serde_json::from_str(text).unwrap_or_default();
            let event = &event["message"];
            let url = match event["method"].as_str() {
                Some("Network.requestWillBeSent") => &event["params"]["request"]["url"],
                Some("Network.webSocketCreated") => &event["params"]["url"],
                _ => continue,
            };
            let url = url.as_str().unwrap_or_default();
            if authority(url).is_some_and(|it| !self.allowed.iter().any(|one| one == it)) {
                self.foreign.push(url.to_owned());
            }
        }
    }

    /// Errors that the test does not expect.
    pub(super) fn errors(&self) -> Vec<String> {
        let is_expected = |error: &&String| self.tolerated.iter().any(|part| error.contains(part));
        self.errors.iter().filter(|error| !is_expected(error)).cloned().collect()
    }

    /// URLs that were asked of others.
    pub(super) fn foreign(&self) -> Vec<String> {
        self.foreign.clone()
    }
}

/// Whom a URL asks over the network; nobody for `data:`, `blob:` and such.
fn authority(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let is_network = ["http", "https", "ws", "wss", "ftp"].contains(&scheme);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    is_network.then(|| authority.rsplit('@').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check_url(method: &str, parameters: &Value, is_foreign: bool) {
        let mut watch = Watch::new(vec!["127.0.0.1:80".into()]);
        let message = json!({ "message": { "method": method, "params": parameters } }).to_string();
        watch.read_requests(&json!([{ "level": "INFO", "message": message }]));
        assert_eq!(!watch.foreign().is_empty(), is_foreign, "{parameters}");
    }

    #[test]
    fn a_request_to_another_host_or_port_is_foreign() {
        for (url, is_foreign) in [
            ("http://127.0.0.1:80/a", false),
            ("http://user@127.0.0.1:80/a", false),
            ("http://127.0.0.1:81/a", true),
            ("http://127.0.0.1:80@example.org/a", true),
            ("https://example.org?x=http://127.0.0.1:80/", true),
            ("data:image/png;base64,AA", false),
            ("about:blank", false),
        ] {
            let request = json!({ "request": { "url": url } });
            check_url("Network.requestWillBeSent", &request, is_foreign);
        }
        check_url("Network.webSocketCreated", &json!({ "url": "wss://example.org/" }), true);
        let answer = json!({ "response": { "url": "http://example.org/" } });
        check_url("Network.responseReceived", &answer, false);
    }

    #[test]
    fn only_severe_entries_that_nobody_expects_are_errors() {
        let mut watch = Watch::default();
        watch.read_console(&json!([
            { "level": "WARNING", "message": "old" },
            { "level": "SEVERE", "message": "status of 422" },
            { "level": "SEVERE", "message": "Uncaught" },
        ]));
        assert_eq!(watch.errors(), ["status of 422", "Uncaught"]);
        watch.tolerated.push("of 422".into());
        assert_eq!(watch.errors(), ["Uncaught"]);
    }
}
