//! A fresh folder into a running server: the release binary, with the defaults that it ships with.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::http::Connection;

/// The token that events are posted with.
pub(crate) const TOKEN: &str = "ann_benchload0_0123456789abcdefghijklmnopqrstuvwxyzABCDEF";
/// Longest wait for the server to be ready, and for its queue to be as awaited.
const LIMIT: Duration = Duration::from_secs(120);
/// Between two looks at the server.
const GLANCE: Duration = Duration::from_millis(20);

/// A server as a child process; it ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Server {
    /// Starts a server that mails every event to this port; with none it has no recipients.
    pub(crate) fn start(sink: Option<u16>) -> Self {
        Self::start_with(sink, "")
    }

    /// Starts a node on the PostgreSQL at this address; all nodes on it have the same key file.
    pub(crate) fn start_node(sink: u16, address: &str, key: &Path) -> Self {
        let key = key.display();
        Self::start_with(
            Some(sink),
            &format!("store = \"{address}\"\nsecret_key_file = \"{key}\"\n"),
        )
    }

    fn start_with(sink: Option<u16>, lines: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder is made");
        let port = free_port();
        let dir = folder.path();
        let config = format!(
            "listen = \"127.0.0.1:{port}\"\ndata_dir = \"{}\"\n{lines}",
            dir.join("data").display()
        );
        write(&dir.join("annunciator.toml"), &config);
        write(&dir.join("token"), TOKEN);
        write(&dir.join("bootstrap.toml"), &bootstrap(sink));
        let log = File::create(dir.join("log")).expect("a log is made");
        let child = Command::new(env!("CARGO_BIN_EXE_annunciator"))
            .arg("serve")
            .arg("--config")
            .arg(dir.join("annunciator.toml"))
            .arg("--bootstrap")
            .arg(dir.join("bootstrap.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log is shared"))
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut server = Self { child, port, folder };
        server.wait_until_ready();
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self) {
        let log = self.folder.path().join("log");
        let child = &mut self.child;
        let port = self.port;
        wait("the server is ready", || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!(
                    "the server ended: {status}\n{}",
                    fs::read_to_string(&log).unwrap_or_default()
                );
            }
            let ready = Connection::open(port).and_then(|mut http| http.get("/-/ready"));
            ready.is_ok_and(|(status, _)| status == 200)
        });
    }

    /// Ends when all accepted events are planned.
    pub(crate) fn wait_until_planned(&self) {
        let mut http = Connection::open(self.port).expect("the server listens");
        wait("all events are planned", || {
            let (_, metrics) = http.get("/metrics").expect("the server answers");
            metrics.lines().any(|line| line == "annunciator_events_unplanned 0")
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it has measured is on the disk or in the figures: there is nothing to drain.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < LIMIT, "waited in vain: {what}");
        std::thread::sleep(GLANCE);
    }
}

fn bootstrap(sink: Option<u16>) -> String {
    let token = "[[token]]\nname = \"load\"\nrole = \"ingest\"\ntoken_file = \"token\"\n";
    let Some(port) = sink else { return token.to_owned() };
    format!(
        "{token}\n[settings.email]\nservers = [\"127.0.0.1\"]\nport = {port}\ntls = \"off\"\n\
         sender = \"notify@example.test\"\nrecipients = [\"rcpt@example.test\"]\n\
         subject = \"%DESCR%\"\n"
    )
}

fn write(path: &Path, text: &str) {
    let mut options = File::options();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    std::io::Write::write_all(&mut file.expect("a file is made"), text.as_bytes())
        .expect("a file is written");
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has room");
    listener.local_addr().expect("it is bound").port()
}
