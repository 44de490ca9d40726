//! The real binary as a child process, for tests of behaviour.
//!
//! In: path of the binary, a folder, configuration. Out: a [`Server`] that is ready.
//! Failure: panics with the end of the log; the `try_` forms return it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Client, Response};

/// How long the server may take until it is ready.
const START_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks at something that sends no signal.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How much of the end of the log is shown when something fails.
const LOG_LINES_SHOWN: usize = 40;

/// What to start and how.
#[derive(Clone, Debug)]
pub struct Launch {
    binary: PathBuf,
    folder: PathBuf,
    configuration: String,
    environment: Vec<(OsString, OsString)>,
    wrapper: Vec<OsString>,
    words: Vec<String>,
    address: Option<SocketAddr>,
}

impl Launch {
    /// This binary with its configuration, data and log in this folder.
    #[must_use]
    pub fn new(binary: &Path, folder: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            configuration: String::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
            words: Vec::new(),
            address: None,
        }
    }

    /// Adds TOML to the bootstrap configuration; top-level keys named there replace the usual ones.
    #[must_use]
    pub fn configuration(mut self, toml: &str) -> Self {
        self.configuration.push_str(toml);
        self.configuration.push('\n');
        self
    }

    /// Sets a variable in the environment of the server.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Adds a word to the command line of the server.
    #[must_use]
    pub fn word(mut self, word: &str) -> Self {
        self.words.push(word.to_owned());
        self
    }

    /// Starts the server through another program, such as `faketime`, with its arguments.
    ///
    /// The program must replace itself by the server, else signals reach the wrong process.
    #[must_use]
    pub fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(OsString::from).collect();
        self
    }

    /// Listens at this address instead of a free one.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start(self) -> Server {
        self.try_start().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// A sentence with the end of the log when it ends or does not become ready.
    pub fn try_start(self) -> Result<Server, String> {
        let address = self.address.unwrap_or_else(free_address);
        fs::create_dir_all(&self.folder).map_err(|error| error.to_string())?;
        let file = self.folder.join("annunciator.toml");
        fs::write(&file, self.toml(address)).map_err(|error| error.to_string())?;
        let (child, token) = (None, OnceLock::new());
        let mut server = Server { launch: self, address, child, log_begin: 0, token };
        server.run()?;
        Ok(server)
    }

    fn toml(&self, address: SocketAddr) -> String {
        let data = self.folder.join("data");
        let usual = [
            ("listen", format!("\"{address}\"")),
            ("data_dir", format!("\"{}\"", data.display())),
            ("log", "{ level = \"info\", format = \"logfmt\" }".to_owned()),
        ];
        let named = |key: &str| {
            let top = self.configuration.lines().take_while(|line| !line.starts_with('['));
            let in_top = top
                .filter_map(|line| line.split_once('='))
                .any(|(name, _)| name.trim() == key || name.trim().starts_with(&format!("{key}.")));
            in_top || self.configuration.lines().any(|line| line.trim() == format!("[{key}]"))
        };
        let usual = usual.iter().filter(|(key, _)| !named(key));
        let usual: String = usual.map(|(key, value)| format!("{key} = {value}\n")).collect();
        format!("{usual}{}", self.configuration)
    }
}

/// A port of the loopback address that was free a moment ago.
///
/// It lies below those that the system gives to connections and to whoever binds port 0: with
/// browsers beside the tests, one of these is taken again before a server can bind it.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_address() -> SocketAddr {
    let chance = || RandomState::new().hash_one(std::process::id());
    let candidates =
        (0..1_000).map(|_| 10_000 + u16::try_from(chance() % 22_000).unwrap_or_default());
    let is_free = |port: &u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
            && TcpListener::bind((Ipv6Addr::LOCALHOST, *port))
                .map_or_else(|error| error.kind() != ErrorKind::AddrInUse, |_| true)
    };
    let port = candidates.into_iter().find(|port| is_free(port));
    (Ipv4Addr::LOCALHOST, port.expect("loopback has a free port")).into()
}

/// The environment of a server whose wall clock is moved by a file that holds an offset, such as
/// `+2d`, read anew each time (Debian's `faketime`). Running time stays as it is.
///
/// # Panics
/// When the library is not installed.
#[must_use]
pub fn faked_clock(offset: &Path) -> Vec<(&'static str, String)> {
    let name = "faketime/libfaketimeMT.so.1";
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let library = folders.map(|folder| folder.path().join(name)).find(|file| file.exists());
    let library = library.expect("install Debian's package faketime");
    vec![
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", offset.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// A running server; it is killed when dropped.
pub struct Server {
    launch: Launch,
    address: SocketAddr,
    child: Option<Child>,
    /// Where the log of its last start begins.
    log_begin: usize,
    token: OnceLock<String>,
}

impl Server {
    /// Starts the binary with its files in this folder and these extra lines of configuration.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start(binary: &Path, folder: &Path, configuration: &str) -> Self {
        Launch::new(binary, folder).configuration(configuration).start()
    }

    fn run(&mut self) -> Result<(), String> {
        self.log_begin = self.log().len();
        let log = File::options().create(true).append(true).open(self.log_file());
        let log = log.map_err(|error| error.to_string())?;
        let mut words = self.launch.wrapper.iter().cloned();
        let mut command = match words.next() {
            Some(wrapper) => {
                let mut command = Command::new(wrapper);
                command.args(words).arg(&self.launch.binary);
                command
            }
            None => Command::new(&self.launch.binary),
        };
        self.set_environment(&mut command);
        command.args(["serve", "--config"]).arg(self.configuration_file());
        command.args(&self.launch.words);
        command.stdin(Stdio::null()).stderr(log.try_clone().map_err(|error| error.to_string())?);
        let child = command.stdout(log).spawn();
        let child = child.map_err(|error| format!("{command:?} does not start: {error}"))?;
        self.child = Some(child);
        self.wait_until_ready()
    }

    /// What the tests themselves were started with must not configure the server.
    fn set_environment(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ANNUNCIATOR_") {
                command.env_remove(name);
            }
        }
        command.env("RUST_BACKTRACE", "1");
        command.envs(self.launch.environment.iter().map(|(name, value)| (name, value)));
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let client = Client::new(self.address).limit(Duration::from_secs(5));
        let deadline = Instant::now() + START_MAX;
        loop {
            let is_ready = if self.launch.configuration.contains("tls_certificate_file") {
                // The client speaks no TLS.
                self.log()[self.log_begin..].contains("msg=ready")
            } else {
                client.get("/-/ready").is_ok_and(|response| response.status == 200)
            };
            if is_ready {
                return Ok(());
            }
            let child = self.child.as_mut().expect("a server that was just started");
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("the server ended with {status}\n{}", self.log_end()));
            }
            if Instant::now() > deadline {
                return Err(format!("not ready after {START_MAX:?}\n{}", self.log_end()));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Where it listens; the same after a restart.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of its store.
    #[must_use]
    pub fn data_folder(&self) -> PathBuf {
        self.launch.folder.join("data")
    }

    /// Its bootstrap configuration.
    #[must_use]
    pub fn configuration_file(&self) -> PathBuf {
        self.launch.folder.join("annunciator.toml")
    }

    /// The file that takes its stdout and stderr, over all restarts.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.launch.folder.join("server.log")
    }

    /// Everything logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let octets = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        format!("end of {}:\n{}", self.log_file().display(), shown.join("\n"))
    }

    /// Waits until the log holds this text.
    ///
    /// # Panics
    /// When the limit is reached.
    pub fn wait_for_log(&self, text: &str, limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "no `{text}` in {limit:?}\n{}", self.log_end());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Fails when the log has a line at level ERROR, or a panic.
    ///
    /// # Panics
    /// When it has.
    pub fn expect_no_errors_in_log(&self) {
        self.expect_no_errors_in_log_but(&[]);
    }

    /// The same, but for lines with one of these texts, which the test brings about.
    ///
    /// # Panics
    /// When it has others.
    pub fn expect_no_errors_in_log_but(&self, expected: &[&str]) {
        let log = self.log();
        let is_expected = |line: &str| expected.iter().any(|text| line.contains(text));
        let errors: Vec<&str> =
            log.lines().filter(|line| tells_error(line) && !is_expected(line)).collect();
        assert!(errors.is_empty(), "errors in the log:\n{}", errors.join("\n"));
    }

    /// The id of its process.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Does it run still?
    #[must_use]
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The highest resident memory so far in KiB, by the kernel's account.
    ///
    /// # Panics
    /// When the process is gone.
    #[must_use]
    pub fn memory_peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process_id()));
        let status = status.expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("the kernel tells the peak")
    }

    /// Kills it without a chance to tidy up; what it had not committed is gone.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().expect("a child can be killed");
        child.wait().expect("a killed child can be waited for");
    }

    /// Sends a signal such as `TERM`, `HUP`, `STOP` or `CONT`.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn signal(&self, name: &str) {
        // The child is not waited for while we hold it, so its id belongs to nobody else.
        let script = format!("kill -{name} {}", self.process_id());
        let status = Command::new("sh").args(["-c", &script]).status();
        assert!(status.expect("a shell").success(), "{script} failed");
    }

    /// Asks it to end, waits, and gives its exit status.
    ///
    /// # Panics
    /// When it has not ended at the limit.
    pub fn terminate_and_wait(&mut self, limit: Duration) -> ExitStatus {
        self.signal("TERM");
        self.wait_for_end(limit)
    }

    /// Waits until it has ended, and gives its exit status.
    ///
    /// # Panics
    /// When it has not ended at the limit.
    pub fn wait_for_end(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            let child = self.child.as_mut().expect("the server runs");
            if let Some(status) = child.try_wait().expect("a child can be asked") {
                self.child = None;
                return status;
            }
            assert!(Instant::now() < deadline, "runs still after {limit:?}\n{}", self.log_end());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Starts it again on the same folder and port, after killing it if it runs.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn restart(&mut self) {
        if self.child.is_some() {
            self.kill9();
        }
        self.run().unwrap_or_else(|error| panic!("{error}"));
    }

    /// Runs another command of the binary to its end; `--config` is added.
    ///
    /// # Panics
    /// When the binary does not start.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Output {
        let mut command = Command::new(&self.launch.binary);
        self.set_environment(&mut command);
        command.args(words).arg("--config").arg(self.configuration_file());
        command.stdin(Stdio::null()).output().expect("the binary starts")
    }

    /// A token with all rights, made at the first call.
    ///
    /// # Panics
    /// When the command line tool does not make one.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.get_or_init(|| {
            let words = ["token", "create", "--name", "test", "--role", "administrator", "--quiet"];
            let made = self.command(&words);
            let complaint = String::from_utf8_lossy(&made.stderr);
            assert!(made.status.success(), "no token: {complaint}\n{}", self.log_end());
            let token = String::from_utf8_lossy(&made.stdout).trim().to_owned();
            assert!(!token.is_empty(), "an empty token: {complaint}");
            token
        })
    }

    /// A client with the token and a kept connection.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address).token(self.token()).keep_alive()
    }

    /// Posts events and expects 202.
    ///
    /// # Panics
    /// When the answer is another.
    pub fn submit(&self, events: impl Into<serde_json::Value>) -> Response {
        let answer = self.client().post("/api/v1/events", &events.into());
        answer.unwrap_or_else(|error| panic!("{error}\n{}", self.log_end())).expect_status(202)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it is gone already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Is this a line at level ERROR in logfmt, JSON or plain form, or the word of a panic?
fn tells_error(line: &str) -> bool {
    let lower = line.to_lowercase();
    let mut words = lower.split_whitespace();
    words.any(|word| word == "level=error" || word == "level=\"error\"")
        || lower.replace(' ', "").contains("\"level\":\"error\"")
        || line.split_whitespace().take(3).any(|word| word == "ERROR")
        || (lower.starts_with("thread '") && lower.contains("panicked at"))
}

#[cfg(test)]
mod tests;
