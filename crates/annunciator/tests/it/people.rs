//! Browsers and users for behaviour tests.
//!
//! Out: [`Browser`], which keeps its cookies and says where its requests come from.

use std::collections::BTreeMap;
use std::sync::Mutex;

use annunciator_testkit::http::{Client, Response};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, answer, text};

/// A password that is taken.
pub(crate) const PASSWORD: &str = "four words in a row";

/// A browser with its cookies.
#[derive(Default)]
pub(crate) struct Browser(Mutex<BTreeMap<String, String>>);

impl Browser {
    /// Sends a request as a page of the console does.
    pub(crate) fn send(&self, site: &Site, method: &str, path: &str, body: &Value) -> Response {
        let origin = format!("http://{}", site.server.address());
        self.send_with(site, method, path, body, &[("Origin", &origin)])
    }

    /// Sends a request with these header fields, and keeps the cookies of the answer.
    pub(crate) fn send_with(
        &self,
        site: &Site,
        method: &str,
        path: &str,
        body: &Value,
        fields: &[(&str, &str)],
    ) -> Response {
        let cookies = self.line();
        let mut fields = fields.to_vec();
        if !cookies.is_empty() {
            fields.push(("Cookie", &cookies));
        }
        let octets = if body.is_null() { String::new() } else { body.to_string() };
        let client = Client::new(site.server.address());
        let response = answer(client.send(method, path, &fields, octets.as_bytes()));
        let set =
            response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let mut kept = self.0.lock().unwrap();
        for (_, line) in set {
            let (pair, attributes) = line.split_once(';').expect("a cookie has attributes");
            assert!(attributes.contains("HttpOnly; SameSite=Lax"), "{line}");
            let (name, value) = pair.split_once('=').expect("a cookie has a name");
            kept.insert(name.to_owned(), value.to_owned());
        }
        kept.retain(|_, value| !value.is_empty());
        response
    }

    /// What it sends as `Cookie`.
    pub(crate) fn line(&self) -> String {
        let kept = self.0.lock().unwrap();
        kept.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// A cookie that it keeps.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap().get(name).cloned()
    }

    /// Forgets a cookie.
    pub(crate) fn forget(&self, name: &str) {
        self.0.lock().unwrap().remove(name);
    }

    /// Gets a path; gives the status.
    pub(crate) fn status(&self, site: &Site, path: &str) -> u16 {
        self.send(site, "GET", path, &Value::Null).status
    }

    /// Tries to sign in.
    pub(crate) fn try_sign_in(&self, site: &Site, user: &str, password: &str) -> Response {
        let body = json!({ "user": user, "password": password });
        self.send(site, "POST", "/api/v1/session", &body)
    }

    /// A browser in which this user has signed in with [`PASSWORD`].
    pub(crate) fn of(site: &Site, user: &str) -> Self {
        let browser = Self::default();
        drop(browser.try_sign_in(site, user, PASSWORD).expect_status(200));
        browser
    }
}

/// Makes a user with [`PASSWORD`] over the owner's client.
pub(crate) fn make_user(site: &Site, name: &str, role: &str) {
    let body = json!({ "name": name, "role": role, "password": PASSWORD });
    drop(site.post("/api/v1/users", &body).expect_status(201));
}

/// The key of the link that the newest start has logged.
pub(crate) fn setup_key(site: &Site) -> String {
    site.server.wait_for_log("/setup?key=", PATIENCE);
    let log = site.server.log();
    let (_, rest) = log.rsplit_once("/setup?key=").expect("it was waited for");
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

/// The actions in the audit log, newest first.
pub(crate) fn actions(site: &Site) -> Vec<String> {
    let audit = site.get("/api/v1/audit?limit=1000");
    let entries = audit["entries"].as_array().expect("a list").iter();
    entries.map(|entry| text(&entry["action"]).to_owned()).collect()
}
