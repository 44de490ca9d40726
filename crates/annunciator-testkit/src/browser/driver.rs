//! Commands of `WebDriver` into answers of a chromedriver that never outlives its test.
//!
//! In: method, path, JSON. Out: the value of the answer, or a [`Refusal`].
//! Standard: W3C `WebDriver` 2. Chromedriver and all its browsers run in a namespace of process ids
//! of their own: when its first process ends, the kernel ends the others.
//! Failure: where programs are missing, [`Driver::start`] says what to install.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::http::Client;
use crate::process::free_address;

const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";
const UNSHARE: &str = "/usr/bin/unshare";
const STARTED: &str = "was started successfully on port ";
/// Longest wait for one answer, which includes loading a page.
const ANSWER_MAX: Duration = Duration::from_secs(90);
/// How long a page and a script may take.
const PAGE_MS_MAX: u64 = 60_000;
/// How long chromedriver may take to end its browsers.
const END_MAX: Duration = Duration::from_secs(10);
/// What makes runs alike, and keeps the browser from asking anything of anybody.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-proxy-server",
    "--password-store=basic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--lang=en-US",
];

/// Why a command was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    /// The standard's name of the error, such as `no such element`.
    pub(super) error: String,
    message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What follows the first line is a stack trace of the browser's own code.
        write!(f, "{}: {}", self.error, self.message.lines().next().unwrap_or_default())
    }
}

impl Refusal {
    fn broken(message: String) -> Self {
        Self { error: "no answer".into(), message }
    }

    /// The page has not what was looked for.
    pub(super) fn absent(what: &str) -> Self {
        Self { error: "no such element".into(), message: format!("`{what}` is not there") }
    }

    /// Whether a page that is still changing may soon make it pass.
    pub(super) fn may_pass(&self) -> bool {
        let passing = [
            "no such element",
            "stale element reference",
            "element click intercepted",
            "element not interactable",
            "invalid element state",
        ];
        passing.contains(&self.error.as_str())
    }
}

/// A running chromedriver.
pub(super) struct Driver {
    daemon: Daemon,
    client: Client,
    /// Home and temporary folder of the browsers.
    _folder: TempDir,
}

/// What must be installed, if anything.
pub(super) fn missing(programs: &[&str]) -> Option<String> {
    let missing: Vec<&str> =
        programs.iter().filter(|program| !Path::new(program).exists()).copied().collect();
    let advice = "install it as root with `cargo xtask setup`";
    (!missing.is_empty()).then(|| format!("no {} for this test: {advice}", missing.join(", no ")))
}

impl Driver {
    /// Starts chromedriver on a free port; the error says what to install.
    pub(super) fn start() -> Result<Arc<Self>, String> {
        if let Some(missing) = missing(&[CHROMIUM, CHROMEDRIVER, UNSHARE]) {
            return Err(missing);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = folder.path().display();
        let (home, temporary) = (format!("HOME={place}"), format!("TMPDIR={place}"));
        let apart = ["--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
        // Asked to choose for itself, it looks for a port of IPv6 and then finds IPv4's taken.
        let at = format!("--port={}", free_address().port());
        let own = ["env", &home, &temporary, "TZ=UTC", "LANG=C.UTF-8", CHROMEDRIVER, &at];
        let mut daemon = Daemon::start(UNSHARE, &[apart.as_slice(), &own].concat(), folder.path());
        let output = daemon.output_file().to_owned();
        let read = || std::fs::read_to_string(&output).unwrap_or_default();
        daemon.wait_until(|| port(&read()).is_some());
        let port = port(&read()).expect("it has just been there");
        let client = Client::new(([127, 0, 0, 1], port).into()).limit(ANSWER_MAX).keep_alive();
        Ok(Arc::new(Self { daemon, client, _folder: folder }))
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Refusal> {
        let answer = match method {
            "GET" => self.client.get(path),
            "DELETE" => self.client.delete(path),
            _ => self.client.post(path, body),
        };
        let answer = answer.map_err(|error| {
            Refusal::broken(format!("{error}; it wrote: {}", self.daemon.output()))
        })?;
        let mut document: Value = serde_json::from_slice(&answer.body)
            .map_err(|error| Refusal::broken(format!("{error} in {answer}")))?;
        let value = document["value"].take();
        if answer.status == 200 {
            return Ok(value);
        }
        let word = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Err(Refusal { error: word("error"), message: word("message") })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Who has not ended by then is killed with the daemon.
        drop(self.client.get("/shutdown"));
        self.daemon.ends_within(END_MAX);
        // The folder goes after this, when nobody writes to it.
    }
}

/// The port that chromedriver says it has.
fn port(output: &str) -> Option<u16> {
    let (_, rest) = output.split_once(STARTED)?;
    // A line that is not whole may hold half a number.
    rest.split_once(['.', '\n'])?.0.parse().ok()
}

/// One browser with a profile of its own; it ends when dropped.
pub(super) struct Session {
    driver: Arc<Driver>,
    id: String,
}

impl Session {
    /// Starts a browser.
    pub(super) fn start(driver: &Arc<Driver>) -> Result<Self, Refusal> {
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "acceptInsecureCerts": true,
            "timeouts": { "implicit": 0, "pageLoad": PAGE_MS_MAX, "script": PAGE_MS_MAX },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": {
                "binary": CHROMIUM,
                "args": ARGUMENTS,
                "perfLoggingPrefs": { "enableNetwork": true, "enablePage": false },
                // The browser's own questions about passwords would lie over our pages.
                "prefs": {
                    "credentials_enable_service": false,
                    "profile.password_manager_enabled": false,
                    "profile.password_manager_leak_detection": false,
                },
            },
        } } });
        let made = driver.send("POST", "/session", &wanted)?;
        let id = made["sessionId"].as_str();
        let id = id.ok_or_else(|| Refusal::broken(format!("no session in {made}")))?.to_owned();
        Ok(Self { driver: Arc::clone(driver), id })
    }

    /// Another browser of the same chromedriver.
    pub(super) fn another(&self) -> Result<Self, Refusal> {
        Self::start(&self.driver)
    }

    /// Asks for something of the session, such as `url`.
    pub(super) fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.driver.send("GET", &self.path(path), &Value::Null)
    }

    /// Does something in the session, such as `url`.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.driver.send("POST", &self.path(path), body)
    }

    /// Removes something of the session, such as `cookie`.
    pub(super) fn delete(&self, path: &str) -> Result<Value, Refusal> {
        self.driver.send("DELETE", &self.path(path), &Value::Null)
    }

    /// Runs a command of the Chrome `DevTools` protocol.
    pub(super) fn devtools(&self, command: &str, parameters: &Value) -> Result<Value, Refusal> {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("goog/cdp/execute", &body)
    }

    /// Where chromedriver and its browsers have their files.
    #[cfg(test)]
    pub(super) fn folder(&self) -> &str {
        self.driver._folder.path().to_str().expect("a temporary folder is UTF-8")
    }

    fn path(&self, path: &str) -> String {
        format!("/session/{}/{path}", self.id)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A browser that is gone already needs no end.
        drop(self.driver.send("DELETE", &format!("/session/{}", self.id), &Value::Null));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_what_to_do() {
        assert_eq!(missing(&["/bin/sh"]), None);
        let told = missing(&["/bin/sh", "/nowhere/chromium"]).unwrap();
        assert!(told.contains("/nowhere/chromium") && told.contains("xtask setup"), "{told}");
        assert!(!told.contains("/bin/sh"), "{told}");
    }

    #[test]
    fn the_port_is_read_when_its_line_is_whole() {
        for (output, expected) in [
            ("Starting on port 0\n", None),
            ("ChromeDriver was started successfully on port 338", None),
            ("x\nChromeDriver was started successfully on port 33819.\n", Some(33819)),
        ] {
            assert_eq!(port(output), expected, "{output}");
        }
    }
}
