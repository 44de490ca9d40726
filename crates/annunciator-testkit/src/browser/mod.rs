//! A real browser, headless Chromium, that does what a person would do with our pages.
//!
//! In: addresses, CSS selectors, keys. Out: what the page shows; pictures; what axe-core finds.
//! Knows nothing of: the product. A test that ends with errors on the page's console, or with a
//! request to anybody but its server, fails when the [`Browser`] is dropped.
//! Standard: W3C `WebDriver` 2; the Chrome `DevTools` protocol where that has no word for it.
//! Failure: where there is no Chromium, [`Browser::start`] says so and gives none; all else panics
//! with a sentence and what the page showed.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

mod accessibility;
mod downloads;
mod driver;
mod elements;
mod keys;
mod picture;
mod watch;

pub use accessibility::Violation;
pub use elements::Element;

use driver::{Driver, Refusal, Session};
use watch::Watch;

/// Longest wait for what takes milliseconds on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks at a page.
const LOOK_EVERY: Duration = Duration::from_millis(30);
/// The window at the beginning, in pixels of CSS.
const WINDOW: (u32, u32) = (1280, 800);
/// How much of a page's text is shown when something fails.
const TEXT_SHOWN: usize = 3_000;

/// One window of a browser with a profile of its own, light and without motion; its clock is in
/// UTC and its language English.
///
/// Methods that take a selector wait until the page has such an element and can do it; they panic
/// after 30 s. All others panic at once.
pub struct Browser {
    session: Session,
    server: SocketAddr,
    watch: Mutex<Watch>,
}

impl Browser {
    /// Starts a browser for the pages of this server; none, having said "skipped", where Chromium
    /// or chromedriver is not installed.
    #[expect(clippy::print_stderr, reason = "who runs the tests must read what was skipped")]
    #[must_use]
    pub fn start(server: SocketAddr) -> Option<Self> {
        match Driver::start() {
            Ok(driver) => {
                let session = Session::start(&driver);
                Some(Self::of(done("a browser starts", session), server))
            }
            Err(missing) => {
                eprintln!("skipped: {missing}");
                None
            }
        }
    }

    /// A second person: another window, of another browser without anything of this one.
    #[must_use]
    pub fn new_session(&self) -> Self {
        Self::of(done("a second browser starts", self.session.another()), self.server)
    }

    fn of(session: Session, server: SocketAddr) -> Self {
        let port = server.port();
        let allowed = vec![server.to_string(), format!("localhost:{port}")];
        let browser = Self { session, server, watch: Mutex::new(Watch::new(allowed)) };
        browser.set_window(WINDOW.0, WINDOW.1);
        browser.emulate_dark(false);
        browser
    }

    /// Opens a page and waits until it is loaded: a path of the server, or a whole URL.
    #[track_caller]
    pub fn open(&self, url: &str) {
        let url = self.absolute(url);
        done(&format!("{url} opens"), self.session.post("url", &json!({ "url": url })));
    }

    /// The URL of a path of the server.
    fn absolute(&self, url: &str) -> String {
        if url.starts_with('/') { format!("http://{}{url}", self.server) } else { url.to_owned() }
    }

    /// The URL of the open page.
    #[must_use]
    #[track_caller]
    pub fn url(&self) -> String {
        word(&done("the URL", self.session.get("url")))
    }

    /// The title of the open page.
    #[must_use]
    #[track_caller]
    pub fn title(&self) -> String {
        word(&done("the title", self.session.get("title")))
    }

    /// Loads the page anew.
    #[track_caller]
    pub fn reload(&self) {
        done("the page loads anew", self.session.post("refresh", &json!({})));
    }

    /// Goes back to the page before.
    #[track_caller]
    pub fn back(&self) {
        done("the page before", self.session.post("back", &json!({})));
    }

    /// All text that the page shows.
    #[must_use]
    #[track_caller]
    pub fn page_text(&self) -> String {
        done("the text of the page", self.text_of_page())
    }

    fn text_of_page(&self) -> Result<String, Refusal> {
        let script = "return document.body ? document.body.innerText : ''";
        let text = self.session.post("execute/sync", &json!({ "script": script, "args": [] }))?;
        Ok(word(&text))
    }

    /// Runs a script in the page, as the body of a function; a promise that it returns is awaited.
    /// It is not bound by the page's content security policy.
    #[track_caller]
    pub fn script(&self, script: &str) -> Value {
        self.script_with(script, &[])
    }

    /// As [`Browser::script`], with `arguments`.
    #[track_caller]
    pub fn script_with(&self, script: &str, arguments: &[Value]) -> Value {
        let body = json!({ "script": script, "args": arguments });
        let beginning: String = script.chars().take(200).collect();
        done(&format!("the script `{beginning}`"), self.session.post("execute/sync", &body))
    }

    /// Waits until something holds.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}; {}", self.seen());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Presses keys, one chord after another: `Tab Tab Enter`, `Shift+Tab`, `Escape`, `Space`,
    /// `ArrowDown`, `Control+k`, `a`.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        done(&format!("`{keys}` pressed"), self.session.post("actions", &keys::actions(keys)));
    }

    /// Makes the page so large, in pixels of CSS: 390 × 844 is a phone.
    #[track_caller]
    pub fn set_window(&self, width: u32, height: u32) {
        let parameters =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let set = self.session.devtools("Emulation.setDeviceMetricsOverride", &parameters);
        done("the size of the window", set);
    }

    /// Whether pages believe that the person prefers dark colours.
    #[track_caller]
    pub fn emulate_dark(&self, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let parameters = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        done("dark or light", self.session.devtools("Emulation.setEmulatedMedia", &parameters));
    }

    /// Pages run no script of their own from the next one on, as where people turn it off.
    #[track_caller]
    pub fn turn_script_off(&self) {
        let set = self
            .session
            .devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
        done("no script", set);
    }

    /// The cookies of the open page, also those hidden from scripts: `name`, `value`, `path`,
    /// `domain`, `secure`, `httpOnly`, `sameSite`, `expiry`.
    #[must_use]
    #[track_caller]
    pub fn cookies(&self) -> Vec<Value> {
        let cookies = done("the cookies", self.session.get("cookie"));
        cookies.as_array().cloned().unwrap_or_default()
    }

    /// Adds cookies to the site of the open page, which must be one; `name` and `value` suffice.
    #[track_caller]
    pub fn set_cookies(&self, cookies: &[Value]) {
        for cookie in cookies {
            let set = self.session.post("cookie", &json!({ "cookie": cookie }));
            done(&format!("cookie {cookie}"), set);
        }
    }

    /// Forgets all cookies of the site of the open page.
    #[track_caller]
    pub fn delete_cookies(&self) {
        done("the cookies go", self.session.delete("cookie"));
    }

    /// The question of an open dialog (`alert`, `confirm`), which is waited for.
    #[must_use]
    #[track_caller]
    pub fn dialog_text(&self) -> String {
        let mut text = String::new();
        self.wait_until("a dialog", || match self.session.get("alert/text") {
            Ok(question) => {
                text = word(&question);
                true
            }
            Err(_) => false,
        });
        text
    }

    /// Says yes to an open dialog, which is waited for; gives its question.
    #[track_caller]
    pub fn accept_dialog(&self) -> String {
        let text = self.dialog_text();
        done("yes to the dialog", self.session.post("alert/accept", &json!({})));
        text
    }

    /// Says no to an open dialog, which is waited for; gives its question.
    #[track_caller]
    pub fn dismiss_dialog(&self) -> String {
        let text = self.dialog_text();
        done("no to the dialog", self.session.post("alert/dismiss", &json!({})));
        text
    }

    /// Errors on the console so far, in all pages: exceptions, files that are not there, answers
    /// 4xx and 5xx, violations of the content security policy. Not those that are tolerated.
    #[must_use]
    #[track_caller]
    pub fn console_errors(&self) -> Vec<String> {
        done("the logs", self.read_logs()).errors()
    }

    /// URLs that were asked of others than the server so far. None of them is answered.
    #[must_use]
    #[track_caller]
    pub fn foreign_requests(&self) -> Vec<String> {
        done("the logs", self.read_logs()).foreign()
    }

    /// Errors with this part belong to the test, such as `status of 422` where a form is refused;
    /// before or after they come.
    pub fn tolerate(&self, part: &str) {
        assert!(!part.is_empty(), "the empty text is part of every error");
        self.watch().tolerated.push(part.to_owned());
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_logs(&self) -> Result<MutexGuard<'_, Watch>, Refusal> {
        let read = |kind: &str| self.session.post("se/log", &json!({ "type": kind }));
        let (console, requests) = (read("browser")?, read("performance")?);
        let mut watch = self.watch();
        watch.read_console(&console);
        watch.read_requests(&requests);
        Ok(watch)
    }

    /// What a person would see, for the sentence of a failure.
    fn seen(&self) -> String {
        let text = self.text_of_page().unwrap_or_else(|refusal| refusal.to_string());
        let text: String = text.chars().take(TEXT_SHOWN).collect();
        let url =
            self.session.get("url").map_or_else(|refusal| refusal.to_string(), |it| word(&it));
        format!("{url} shows:\n{text}")
    }

    /// What the test fails for when it ends now.
    fn faults(&self) -> Vec<String> {
        let watch = match self.read_logs() {
            Ok(watch) => watch,
            Err(refusal) => return vec![format!("its logs cannot be read: {refusal}")],
        };
        let errors = watch.errors().into_iter().map(|error| format!("on the console: {error}"));
        let foreign = watch.foreign().into_iter().map(|url| format!("asked of others: {url}"));
        errors.chain(foreign).collect()
    }
}

impl Drop for Browser {
    #[expect(clippy::print_stderr, reason = "a failed test tells what its page looked like")]
    fn drop(&mut self) {
        let faults = self.faults().join("\n  ");
        if thread::panicking() {
            let test = thread::current().name().unwrap_or("test").replace("::", "-");
            match self.take_picture(&format!("failed-{test}")) {
                Ok(path) => eprintln!("the page at the failure: {}", path.display()),
                Err(error) => eprintln!("no picture of the page at the failure: {error}"),
            }
            eprintln!("{}\n  {faults}", self.seen());
            return;
        }
        assert!(faults.is_empty(), "the pages of this test are not clean:\n  {faults}");
    }
}

/// What must have worked.
#[track_caller]
fn done<T>(what: &str, result: Result<T, Refusal>) -> T {
    result.unwrap_or_else(|refusal| panic!("{what}: {refusal}"))
}

/// A text of an answer; of none, the empty one.
fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
