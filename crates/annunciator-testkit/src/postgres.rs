//! PostgreSQL in a folder of its own, as its own user; it ends with the last test that uses it.
//!
//! Out: a [`PostgresCluster`] that all tests of a program share, databases of their own in it.
//! Standard: `initdb`, `postgres` and `psql` of Debian's `postgresql`; `fsync` stays on unless a test
//! says otherwise.
//! Failure: root's tests panic where it is missing; others say "skipped".

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, Weak};

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::process::free_address;

/// The user that the server runs as where the tests are root's, which it refuses.
const USER: &str = "postgres";

static SHARED: Mutex<Weak<PostgresCluster>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A running server.
#[derive(Debug)]
pub struct PostgresCluster {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Mutex<Option<Process>>,
}

/// The server's process, kept by a thread that lives as long: it is killed with that.
#[derive(Debug)]
struct Process {
    _end: mpsc::Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl PostgresCluster {
    /// The server that all tests of this program share; none, having said "skipped", where
    /// PostgreSQL is not installed and the tests are not root's.
    ///
    /// # Panics
    /// When it does not start, or when root has not installed it.
    #[must_use]
    pub fn shared() -> Option<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return Some(cluster);
        }
        let cluster = Arc::new(Self::start(&[])?);
        *shared = Arc::downgrade(&cluster);
        Some(cluster)
    }

    /// A server of a test's own, with settings such as `max_connections=5`.
    ///
    /// # Panics
    /// As [`PostgresCluster::shared`].
    #[expect(clippy::print_stderr, reason = "who runs the tests must read what was skipped")]
    #[must_use]
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            let missing = "PostgreSQL is missing: run `cargo xtask setup`";
            assert!(!is_root(), "{missing}");
            eprintln!("skipped: {missing}");
            return None;
        };
        let folder = tempfile::tempdir().expect("the test may make a folder");
        let port = free_address().port();
        let mut arguments = vec![
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.path().display()),
            "max_connections=200".to_owned(),
            "shared_buffers=64MB".to_owned(),
            "log_min_messages=warning".to_owned(),
        ];
        arguments.extend(settings.iter().map(|&setting| setting.to_owned()));
        let cluster = Self { programs, folder, port, arguments, process: Mutex::new(None) };
        cluster.make();
        cluster.start_again();
        Some(cluster)
    }

    fn make(&self) {
        let at = self.folder.path();
        if is_root() {
            run("chown", &[USER, &at.display().to_string()]);
        }
        let initdb = self.programs.join("initdb").display().to_string();
        let data = at.join("data").display().to_string();
        let arguments = ["--pgdata", &data, "--username", USER, "--auth", "trust"];
        let more = ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions", "--no-sync"];
        let all: Vec<&str> = [&initdb[..]].into_iter().chain(arguments).chain(more).collect();
        let (program, arguments) = as_user(&all);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&program, &arguments);
    }

    /// Starts it after [`PostgresCluster::stop`] or [`PostgresCluster::kill`], at the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        let postgres = self.programs.join("postgres").display().to_string();
        let data = self.folder.path().join("data").display().to_string();
        let mut all = vec![postgres, "-D".to_owned(), data];
        for setting in &self.arguments {
            all.extend(["-c".to_owned(), setting.clone()]);
        }
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let (program, arguments) = as_user(&all);
        let folder = self.folder.path().to_owned();
        let ready = self.programs.join("pg_isready");
        let port = self.port.to_string();
        let (end, ends) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut daemon = Daemon::start(&program, &arguments, &folder);
            daemon.wait_until(|| {
                let mut ask = Command::new(&ready);
                ask.args(["-q", "-h"]).arg(&folder).args(["-p", &port]);
                ask.status().is_ok_and(|status| status.success())
            });
            let _ = started.send(());
            // Until the other end is dropped.
            let _ = ends.recv();
        });
        starts.recv().expect("PostgreSQL starts");
        let process = Process { _end: end, thread: Some(thread) };
        *self.process.lock().expect("no panic while held") = Some(process);
    }

    /// Ends it as a crash does: nothing is written any more.
    ///
    /// # Panics
    /// When another test panicked in between.
    pub fn kill(&self) {
        drop(self.process.lock().expect("no panic while held").take());
        // Its children see that it is gone; their memory is free then.
        let lock = self.folder.path().join("data/postmaster.pid");
        let _ = fs::remove_file(lock);
    }

    /// Runs SQL in a database and gives what it answers, without headers.
    ///
    /// # Panics
    /// With the complaint when it fails.
    #[must_use]
    pub fn ask(&self, database: &str, text: &str) -> String {
        let psql = self.programs.join("psql").display().to_string();
        let (folder, port) = (self.folder.path().display().to_string(), self.port.to_string());
        let options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", USER];
        let place = ["-h", &folder, "-p", &port, "-d", database, "-c", text];
        let arguments: Vec<&str> = options.into_iter().chain(place).collect();
        run(&psql, &arguments).trim().to_owned()
    }

    /// A new database that is like another one, such as `template0`; gives its name.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self, like: &str) -> String {
        let name = format!("d{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let mut text = format!("CREATE DATABASE {name} TEMPLATE {like}");
        if like == "template0" {
            write!(text, " ENCODING 'UTF8'").expect("a text takes all");
        }
        let _ = self.ask("postgres", &text);
        name
    }

    /// The address of a database over the Unix socket.
    #[must_use]
    pub fn address(&self, database: &str) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{folder}:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1, and in the name of the socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the socket.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of PostgreSQL's programs, such as `pg_dump`.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let (other, _) = mpsc::channel();
        drop(std::mem::replace(&mut self._end, other));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for PostgresCluster {
    fn drop(&mut self) {
        let process = self.process.get_mut();
        drop(process.unwrap_or_else(std::sync::PoisonError::into_inner).take());
    }
}

/// The folder of the newest version's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> =
        versions.flatten().map(|version| version.path().join("bin")).collect();
    found.retain(|folder| folder.join("initdb").exists() && folder.join("psql").exists());
    found.sort();
    found.pop()
}

pub(crate) fn is_root() -> bool {
    let own = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = own.lines().find(|line| line.starts_with("Uid:"));
    ids.is_some_and(|ids| ids.split_whitespace().nth(2) == Some("0"))
}

/// A command as the server's user, who may not be root.
fn as_user(all: &[&str]) -> (String, Vec<String>) {
    let owned = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
    if !is_root() {
        return (all[0].to_owned(), owned(&all[1..]));
    }
    let mut arguments = ["--reuid", USER, "--regid", USER, "--clear-groups", "--"].to_vec();
    arguments.extend(all);
    ("/usr/bin/setpriv".to_owned(), owned(&arguments))
}

fn run(program: &str, arguments: &[&str]) -> String {
    crate::daemon::run(program, arguments, Path::new("/"))
}
