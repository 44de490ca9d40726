//! What the behaviour tests share: an installation of the real binary that is looked over when it
//! ends.
//!
//! Out: [`Site`]: a server on a folder and port of its own, asked through its API and its command
//! line. Failure: a site that ends with work left in its queue, or with an unexpected error in its
//! log, fails its test.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use annunciator_testkit::events::{EventBuilder, event};
use annunciator_testkit::http::{Client, Response};
use annunciator_testkit::process::{Launch, Server};
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_annunciator");
/// Longest wait for what takes milliseconds on a quiet machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks at something that sends no signal.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Most pages of a list that are read.
const PAGES_MAX: usize = 1_000;

/// Who gets the mail unless a test says otherwise.
pub(crate) const OPERATOR: &str = "operator@example.org";

/// An installation: a server with its folder.
pub(crate) struct Site {
    pub(crate) server: Server,
    /// Lines at ERROR that its test brings about hold one of these.
    pub(crate) errors_expected: &'static [&'static str],
    /// Asked at its end whether something is left, over plain HTTP.
    pub(crate) is_asked: bool,
    /// Dropped after the server.
    _folder: TempDir,
}

impl Site {
    /// A server without settings.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// A server without settings and with these lines of configuration.
    pub(crate) fn start_with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let launch = Launch::new(Path::new(BINARY), folder.path()).configuration(configuration);
        Self::of(launch, folder)
    }

    /// A server launched so; its files are in this folder, which ends with it.
    pub(crate) fn of(launch: Launch, folder: TempDir) -> Self {
        let server = launch.configuration("hello_name = \"sender.test\"").start();
        Self { server, errors_expected: &[], is_asked: true, _folder: folder }
    }

    /// A server that mails all events to [`OPERATOR`] through this relay.
    pub(crate) fn with_relay(relay: &Relay) -> Self {
        let site = Self::start();
        site.save(&json!({ "email": email_settings(relay.port()) }));
        site
    }

    /// Gets a path and expects 200.
    pub(crate) fn get(&self, path: &str) -> Value {
        answer(self.server.client().get(path)).expect_status(200).json()
    }

    /// Gets a path and expects 200 with a text.
    pub(crate) fn get_text(&self, path: &str) -> String {
        answer(self.server.client().get(path)).expect_status(200).text()
    }

    /// Posts a document.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        answer(self.server.client().post(path, body))
    }

    /// Tries to change settings.
    pub(crate) fn patch_settings(&self, patch: &Value) -> Response {
        answer(self.server.client().patch("/api/v1/settings", patch))
    }

    /// Changes settings.
    pub(crate) fn save(&self, patch: &Value) -> Value {
        self.patch_settings(patch).expect_status(200).json()
    }

    /// Hands in an event of this type.
    pub(crate) fn submit(&self, event_type: &str) {
        self.submit_event(critical(event_type));
    }

    /// Hands in an event.
    pub(crate) fn submit_event(&self, event: EventBuilder) {
        self.server.submit(event);
    }

    /// All events, newest first.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.list("/api/v1/events?limit=1000", "events")
    }

    /// All deliveries, newest first.
    pub(crate) fn deliveries(&self) -> Vec<Value> {
        self.list("/api/v1/deliveries?limit=1000", "deliveries")
    }

    fn list(&self, path: &str, name: &str) -> Vec<Value> {
        let (mut rows, mut next) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let after = if next.is_empty() { next } else { format!("&after={next}") };
            let page = self.get(&format!("{path}{after}"));
            rows.extend(page[name].as_array().expect("a list").iter().cloned());
            match page["next"].as_str() {
                Some(more) => next = more.to_owned(),
                None => return rows,
            }
        }
        panic!("more than {PAGES_MAX} pages at {path}");
    }

    /// A delivery with its attempts.
    pub(crate) fn delivery(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/deliveries/{id}"))
    }

    /// Waits until all of so many deliveries are in this state; gives them oldest first.
    pub(crate) fn wait_for_deliveries(&self, count: usize, state: &str) -> Vec<Value> {
        let mut found = eventually(&format!("{count} deliveries {state}"), || {
            let found = self.deliveries();
            let is_met = found.len() == count && found.iter().all(|one| one["state"] == state);
            if is_met { Ok(found) } else { Err(brief(&found)) }
        });
        found.reverse();
        found
    }

    /// Waits until the one delivery there is meets a condition; gives it with its attempts.
    pub(crate) fn wait_for_the_delivery(&self, what: &str, met: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            let found = self.deliveries();
            let [one] = &found[..] else { return Err(brief(&found)) };
            let detail = self.delivery(text(&one["id"]));
            if met(&detail) { Ok(detail) } else { Err(detail.to_string()) }
        })
    }

    /// Cancels what is still queued, so that the site can end without leftovers.
    pub(crate) fn cancel_the_rest(&self) {
        eventually("nothing queued after a cancel", || {
            let queued = self.list("/api/v1/deliveries?limit=1000&state=queued", "deliveries");
            if queued.is_empty() {
                return Ok(());
            }
            let ids: Vec<&Value> = queued.iter().map(|one| &one["id"]).collect();
            let body = json!({ "deliveries": ids });
            drop(self.post("/api/v1/deliveries/cancel", &body).expect_status(200));
            Err(brief(&queued))
        });
    }

    /// Runs a command of the command line to its end.
    pub(crate) fn command(&self, words: &[&str]) -> Output {
        self.server.command(words)
    }

    /// Runs a command that must succeed; gives what it printed.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let output = self.command(words);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {complaint}");
        String::from_utf8(output.stdout).expect("the command line prints UTF-8")
    }

    /// What waits, by the server's own account; nothing when nothing does.
    fn leftovers(&self) -> Vec<String> {
        let status = self.get("/api/v1/status");
        let counts = ["events_unplanned", "events_parked", "deliveries_in_flight"];
        let mut left: Vec<String> =
            counts.iter().map(|name| format!("{name}: {}", status[name])).collect();
        let lanes = status["lanes"].as_array().expect("a list of lanes");
        left.extend(
            lanes.iter().map(|lane| format!("{}: {}", text(&lane["lane"]), lane["queued"])),
        );
        left.retain(|line| !line.ends_with(": 0"));
        left
    }

    /// Waits until nothing is left in inbox and queue.
    pub(crate) fn wait_until_idle(&self) {
        eventually("nothing left in the queue", || {
            let left = self.leftovers();
            if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
        });
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if self.is_asked && self.server.runs() {
            self.wait_until_idle();
        }
        self.server.expect_no_errors_in_log_but(self.errors_expected);
    }
}

/// E-mail settings for a relay on this port: all events to [`OPERATOR`].
pub(crate) fn email_settings(port: u16) -> Value {
    json!({
        "servers": ["127.0.0.1"], "port": port, "sender": "annunciator@example.org",
        "recipients": [OPERATOR], "notify_about": "all",
    })
}

/// An event of severity critical with a device.
pub(crate) fn critical(event_type: &str) -> EventBuilder {
    event(event_type).severity("critical").device("pc-17")
}

/// The answer to a request that the server must have answered.
#[track_caller]
pub(crate) fn answer(response: std::io::Result<Response>) -> Response {
    response.unwrap_or_else(|error| panic!("the server does not answer: {error}"))
}

/// A client of this server with this token.
pub(crate) fn client_with(server: &Server, token: &str) -> Client {
    Client::new(server.address()).token(token)
}

/// Waits until something holds; it says what it saw as long as it does not.
///
/// # Panics
/// When it does not hold after [`PATIENCE`].
#[track_caller]
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// As [`eventually`], with a limit of its own.
#[track_caller]
pub(crate) fn eventually_within<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => {
                assert!(Instant::now() < deadline, "not in {limit:?}: {what}; seen: {seen}");
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// A JSON text.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("`{value}` is no text"))
}

/// The pointers and codes of a problem, in order.
pub(crate) fn field_errors(problem: &Value) -> Vec<(String, String)> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    errors.map(|one| (text(&one["pointer"]).to_owned(), text(&one["code"]).to_owned())).collect()
}

/// Deliveries in a line: recipient, state, last failure.
fn brief(deliveries: &[Value]) -> String {
    let lines = deliveries.iter().take(20).map(|one| {
        let why = &one["last_failure"]["diagnostic"];
        format!("{} {} {why}", one["recipient"]["address"], one["state"])
    });
    format!("{} deliveries: {}", deliveries.len(), lines.collect::<Vec<_>>().join("; "))
}
