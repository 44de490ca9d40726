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
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::process::free_address;

/// How many settings every server has.
const USUAL: usize = 6;

/// The user that the server runs as where the tests are root's, which it refuses.
const USER: &str = "postgres";

static SHARED: Mutex<Weak<PostgresCluster>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A running server.
#[derive(Debug)]
pub struct PostgresCluster {
    programs: PathBuf,
    /// Of its socket and what it writes.
    folder: TempDir,
    data: PathBuf,
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
    #[must_use]
    pub fn start(settings: &[&str]) -> Option<Self> {
        let cluster = Self::place(None, settings)?;
        cluster.make(&[]);
        cluster.start_again();
        Some(cluster)
    }

    /// One whose data is in a folder of the test's, such as a disk that gets full, or whose log is.
    ///
    /// # Panics
    /// As [`PostgresCluster::shared`].
    #[must_use]
    pub fn start_on(data: &Path, log: Option<&Path>, settings: &[&str]) -> Option<Self> {
        let cluster = Self::place(Some(data), settings)?;
        for folder in [Some(data), log].into_iter().flatten() {
            cluster.give(folder);
        }
        let log = log.map(|log| log.join("wal").display().to_string());
        cluster.make(&log.iter().flat_map(|log| ["--waldir", log]).collect::<Vec<_>>());
        cluster.start_again();
        Some(cluster)
    }

    /// A standby that follows this one under the name `standby`, and starts with the same settings.
    ///
    /// # Panics
    /// When the copy cannot be made.
    #[must_use]
    pub fn standby(&self) -> Self {
        let settings: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let standby = Self::place(None, &settings[USUAL..]).expect("the primary is installed");
        standby.give(standby.folder.path());
        let program = self.programs.join("pg_basebackup").display().to_string();
        let data = standby.data.display().to_string();
        let (folder, port) = (self.folder.path().display(), self.port);
        let from = format!("host={folder} port={port} user={USER} application_name=standby");
        let options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"];
        let place = [&program, "--pgdata", &data, "--dbname", &from];
        run_as_user(&place.into_iter().chain(options).collect::<Vec<_>>());
        standby.start_again();
        standby
    }

    #[expect(clippy::print_stderr, reason = "who runs the tests must read what was skipped")]
    fn place(data: Option<&Path>, settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            let missing = "PostgreSQL is missing: run `cargo xtask setup`";
            assert!(!is_root(), "{missing}");
            eprintln!("skipped: {missing}");
            return None;
        };
        let folder = tempfile::tempdir().expect("the test may make a folder");
        let port = free_address().port();
        let data = data.unwrap_or(folder.path()).join("data");
        let usual: [String; USUAL] = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", folder.path().display()),
            "max_connections=200".to_owned(),
            "shared_buffers=64MB".to_owned(),
            "log_min_messages=warning".to_owned(),
        ];
        let settings = settings.iter().map(|&setting| setting.to_owned());
        let arguments = usual.into_iter().chain(settings).collect();
        Some(Self { programs, folder, data, port, arguments, process: Mutex::new(None) })
    }

    /// Gives a file or folder to the server's user.
    fn give(&self, path: &Path) {
        if is_root() {
            run("chown", &[USER, &path.display().to_string()]);
        }
    }

    fn make(&self, more: &[&str]) {
        self.give(self.folder.path());
        let initdb = self.programs.join("initdb").display().to_string();
        let data = self.data.display().to_string();
        let usual = ["--pgdata", &data, "--username", USER, "--auth", "trust"];
        let texts = ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions", "--no-sync"];
        let all = [&initdb[..]].into_iter().chain(usual).chain(texts).chain(more.iter().copied());
        run_as_user(&all.collect::<Vec<_>>());
    }

    /// A file that only the server may read, such as a key; gives its path.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn put(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, octets).expect("the folder can be written to");
        run("chmod", &["600", &path.display().to_string()]);
        self.give(&path);
        path
    }

    /// Sets who may come in, in the words of `pg_hba.conf`, beside the server's user at the socket.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn admit(&self, lines: &str) {
        let text = format!("local all {USER} trust\n{lines}\n");
        fs::write(self.data.join("pg_hba.conf"), text).expect("the folder can be written to");
        self.set(&[]);
    }

    /// Changes settings that need no new start.
    ///
    /// # Panics
    /// With the complaint when one is refused.
    pub fn set(&self, settings: &[(&str, &str)]) {
        for (name, value) in settings {
            let _ = self.ask("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"));
        }
        let _ = self.ask("postgres", "SELECT pg_reload_conf()");
    }

    /// Starts it after [`PostgresCluster::kill`], or when it ended by itself, at the same port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&self) {
        let postgres = self.programs.join("postgres").display().to_string();
        let data = self.data.display().to_string();
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
        let lock = self.data.join("postmaster.pid");
        let id = fs::read_to_string(&lock).unwrap_or_default();
        let id = id.lines().next().unwrap_or_default().to_owned();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        drop(self.process.lock().expect("no panic while held").take());
        // Its children see that it is gone; their memory is free then.
        let children = children.unwrap_or_default();
        let is_there = |id: &str| Path::new("/proc").join(id).exists();
        let deadline = Instant::now() + Duration::from_secs(30);
        while children.split_whitespace().any(is_there) {
            assert!(Instant::now() < deadline, "children of a killed server go on: {children}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = fs::remove_file(lock);
    }

    /// Whether its process is there.
    ///
    /// # Panics
    /// When another test panicked in between.
    #[must_use]
    pub fn runs(&self) -> bool {
        let lock = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        lock.lines().next().is_some_and(|id| Path::new("/proc").join(id.trim()).exists())
    }

    /// What it wrote to its log since its last start.
    #[must_use]
    pub fn output(&self) -> String {
        // It is named after what was started.
        let name = if is_root() { "setpriv.output" } else { "postgres.output" };
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Runs SQL in a database and gives what it answers, without headers.
    ///
    /// # Panics
    /// With the complaint when it fails.
    #[must_use]
    pub fn ask(&self, database: &str, text: &str) -> String {
        self.try_ask(database, text).unwrap_or_else(|complaint| panic!("{text}: {complaint}"))
    }

    /// The same.
    ///
    /// # Errors
    /// The complaint.
    ///
    /// # Panics
    /// When `psql` does not start.
    pub fn try_ask(&self, database: &str, text: &str) -> Result<String, String> {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", USER, "-h"]);
        command.arg(self.folder.path()).args(["-p", &self.port.to_string()]);
        let output = command.args(["-d", database, "-c", text]).output().expect("psql starts");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
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

    /// The address of a database over TCP, for this user with their password.
    #[must_use]
    pub fn tcp_address(&self, user: &str, host: &str, database: &str) -> String {
        format!("postgres://{user}@{host}:{}/{database}", self.port)
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

/// Whether the tests are root's.
#[must_use]
pub fn is_root() -> bool {
    let own = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = own.lines().find(|line| line.starts_with("Uid:"));
    ids.is_some_and(|ids| ids.split_whitespace().nth(2) == Some("0"))
}

/// Runs a command as the server's user.
fn run_as_user(all: &[&str]) {
    let (program, arguments) = as_user(all);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&program, &arguments);
}

/// A command as the server's user, who may not be root.
pub(crate) fn as_user(all: &[&str]) -> (String, Vec<String>) {
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
