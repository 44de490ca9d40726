//! A private Postfix instance: the relay that we did not write.
//!
//! In: recipients to refuse, certificate. Out: a listening Postfix that delivers into a maildir.
//! It needs root, as Postfix does, and leaves the system's own Postfix alone.
//! Failure: [`PostfixSetup::start`] tells what to install or what Postfix complained about.

use std::fmt;
use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificates::Identity;
use crate::process::free_address;

const PROGRAM: &str = "/usr/sbin/postfix";
const MASTER: &str = "/usr/lib/postfix/sbin/master";
const SERVICES: &str = "/usr/share/postfix/master.cf.dist";
/// How long Postfix may take to greet, and to end.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks at something that sends no signal.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Most messages read back.
const MESSAGES_MAX: usize = 1_000_000;

/// Why there is no Postfix.
#[derive(Debug)]
pub enum PostfixError {
    /// Something must be installed or the tests run as root; says what.
    Missing(String),
    /// Postfix was there and did not start; its complaint.
    Failed(String),
}

impl fmt::Display for PostfixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "no Postfix for this test: {what}"),
            Self::Failed(why) => write!(f, "Postfix does not run: {why}"),
        }
    }
}

impl std::error::Error for PostfixError {}

impl From<std::io::Error> for PostfixError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How the instance behaves; by default it takes mail for every domain.
#[derive(Clone, Default)]
#[must_use]
pub struct PostfixSetup {
    refused: Vec<(String, String)>,
    identity: Option<Identity>,
    lines: Vec<String>,
    listeners: Vec<Listener>,
}

/// One more port, with settings and a certificate of its own.
#[derive(Clone)]
struct Listener {
    address: SocketAddr,
    identity: Option<Identity>,
    settings: Vec<(String, String)>,
}

impl PostfixSetup {
    /// Refuses this recipient at RCPT with `550 5.1.1`.
    pub fn refuse(self, address: &str) -> Self {
        self.reply(address, "550 5.1.1 no such user")
    }

    /// Answers RCPT for this recipient so.
    pub fn reply(mut self, address: &str, reply: &str) -> Self {
        self.refused.push((address.to_owned(), reply.to_owned()));
        self
    }

    /// Offers STARTTLS with this certificate.
    pub fn starttls(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// Adds a line to `main.cf`.
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Listens on one more port, with these settings of `main.cf` changed and, when there is a
    /// certificate, with TLS.
    pub fn listen(
        mut self,
        address: SocketAddr,
        identity: Option<&Identity>,
        settings: &[(&str, &str)],
    ) -> Self {
        let settings = settings.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        let listener =
            Listener { address, identity: identity.cloned(), settings: settings.collect() };
        self.listeners.push(listener);
        self
    }

    /// Starts the instance and waits for its greeting.
    ///
    /// # Errors
    /// [`PostfixError`] when Postfix or root is missing, or it does not start.
    pub fn start(self) -> Result<Postfix, PostfixError> {
        Postfix::start(&self)
    }
}

/// A running instance; it stops when dropped.
pub struct Postfix {
    address: SocketAddr,
    folder: TempDir,
    master: Child,
}

impl Postfix {
    fn start(setup: &PostfixSetup) -> Result<Self, PostfixError> {
        let user = check_requirements()?;
        // Not the folder of TMPDIR: the user postfix must be able to walk down to it.
        let folder = tempfile::Builder::new().prefix("testkit-postfix-").tempdir_in("/tmp")?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let address = free_address();
        lay_out(folder.path(), setup, address, user)?;
        let configuration = folder.path().join("etc");
        // Makes the folders of the queue and looks at permissions.
        let check = Command::new(PROGRAM).arg("-c").arg(&configuration).arg("check").output()?;
        if !check.status.success() {
            let complaint = String::from_utf8_lossy(&check.stderr).into_owned();
            return Err(PostfixError::Failed(complaint));
        }
        let output = fs::File::create(folder.path().join("start.log"))?;
        // The master itself, not `postfix start`, so that it is our child and ends with us.
        let master = Command::new(MASTER)
            .arg("-c")
            .arg(&configuration)
            .arg("-s")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let mut started = Self { address, folder, master };
        started.wait_for_greeting()?;
        Ok(started)
    }

    fn wait_for_greeting(&mut self) -> Result<(), PostfixError> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            if greets(self.address) {
                return Ok(());
            }
            let ended = self.master.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let start = fs::read_to_string(self.folder.path().join("start.log"));
                let log = format!("{}{}", start.unwrap_or_default(), self.log());
                return Err(PostfixError::Failed(log));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the log holds these words, which Postfix writes some time after its reply;
    /// whether it does within ten seconds.
    #[must_use]
    pub fn logs(&self, words: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.log().contains(words) {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(LOOK_EVERY);
        }
        true
    }

    /// Everything it logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log/maillog")).unwrap_or_default()
    }

    /// The delivered messages, one for each recipient, oldest first; line ends are LF.
    #[must_use]
    pub fn received(&self) -> Vec<Vec<u8>> {
        let mut files: Vec<_> = self.delivered_files();
        files.sort_by_cached_key(|path| {
            let metadata = fs::metadata(path);
            let time = metadata.map(|metadata| (metadata.mtime(), metadata.mtime_nsec()));
            (time.unwrap_or_default(), path.clone())
        });
        files.iter().filter_map(|path| fs::read(path).ok()).collect()
    }

    fn delivered_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("mail/inbox/new"));
        let entries = entries.into_iter().flatten().flatten();
        entries.take(MESSAGES_MAX).map(|entry| entry.path()).collect()
    }

    /// The messages delivered to this recipient.
    #[must_use]
    pub fn received_for(&self, address: &str) -> Vec<Vec<u8>> {
        let field = format!("\nDelivered-To: {address}\n");
        let mut received = self.received();
        received.retain(|message| {
            let text = String::from_utf8_lossy(message);
            let header = text.split("\n\n").next().unwrap_or_default();
            format!("\n{header}\n").contains(&field)
        });
        received
    }

    /// Waits until so many were delivered.
    ///
    /// # Errors
    /// The log when the limit is reached.
    pub fn wait_for_received(&self, n: usize, limit: Duration) -> Result<Vec<Vec<u8>>, String> {
        let deadline = Instant::now() + limit;
        loop {
            let count = self.delivered_files().len();
            if count >= n {
                return Ok(self.received());
            }
            if Instant::now() > deadline {
                return Err(format!("{count} of {n} delivered after {limit:?}\n{}", self.log()));
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // The master leads a process group of its own. It is not waited for until the group is
        // empty, so its id can belong to nobody else meanwhile.
        let id = self.master.id();
        let send = |signal: &str, to: &str| {
            let script = format!("kill -s {signal} -- {to}{id}");
            // It fails when all have ended by themselves.
            drop(Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status());
        };
        send("TERM", "");
        let deadline = Instant::now() + WAIT_MAX;
        while group_runs(id) && Instant::now() < deadline {
            thread::sleep(LOOK_EVERY);
        }
        if group_runs(id) {
            send("KILL", "-");
        }
        drop(self.master.kill());
        drop(self.master.wait());
    }
}

/// Does any process of this group run still?
fn group_runs(group: u32) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut states = processes.filter_map(|entry| {
        let state = fs::read_to_string(entry.path().join("stat")).ok()?;
        // `id (name) state parent group …`; the name may hold anything.
        let mut fields = state.rsplit_once(')')?.1.split_whitespace();
        Some((fields.next()? != "Z", fields.nth(1)?.parse() == Ok(group)))
    });
    states.any(|(runs, of_group)| runs && of_group)
}

/// User and group id of the account `postfix`.
fn check_requirements() -> Result<(u32, u32), PostfixError> {
    let missing = |what: &str| PostfixError::Missing(what.to_owned());
    if ![PROGRAM, MASTER, SERVICES].iter().all(|path| Path::new(path).exists()) {
        return Err(missing("install it with `apt-get install postfix`"));
    }
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Err(missing("run this test as root, Postfix starts as root only"));
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    let account = accounts.lines().find_map(|line| line.strip_prefix("postfix:"));
    let mut ids = account.unwrap_or_default().split(':').skip(1).map(str::parse);
    match (ids.next(), ids.next()) {
        (Some(Ok(user)), Some(Ok(group))) => Ok((user, group)),
        _ => Err(missing("there is no account `postfix`, install the package again")),
    }
}

fn greets(address: SocketAddr) -> bool {
    let greeting = || {
        let mut stream = TcpStream::connect_timeout(&address, WAIT_MAX)?;
        stream.set_read_timeout(Some(WAIT_MAX))?;
        let mut start = [0; 4];
        stream.read_exact(&mut start)?;
        Ok::<_, std::io::Error>(start == *b"220 ")
    };
    greeting().unwrap_or(false)
}

/// Writes the folders and files of an instance.
fn lay_out(
    folder: &Path,
    setup: &PostfixSetup,
    address: SocketAddr,
    (user, group): (u32, u32),
) -> Result<(), PostfixError> {
    for name in ["etc", "queue", "data", "mail", "log"] {
        fs::create_dir(folder.join(name))?;
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755))?;
    }
    for name in ["data", "mail"] {
        chown(folder.join(name), Some(user), Some(group))?;
    }
    let etc = folder.join("etc");
    let refused = setup.refused.iter().map(|(address, reply)| format!("{address} {reply}\n"));
    fs::write(etc.join("recipients"), refused.collect::<String>())?;
    let mut services = service_table(&fs::read_to_string(SERVICES)?, address);
    for (at, listener) in setup.listeners.iter().enumerate() {
        services.push_str(&listener_entry(&etc, at, listener)?);
    }
    fs::write(etc.join("master.cf"), services)?;
    let mut main = main_settings(folder, (user, group));
    if let Some(identity) = &setup.identity {
        let (certificate, key) = write_identity(&etc, "server", identity)?;
        main.push_str(&format!(
            "smtpd_tls_security_level = may\nsmtpd_tls_received_header = yes\n\
             smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n",
            certificate.display(),
            key.display()
        ));
    }
    main.extend(setup.lines.iter().map(|line| format!("{line}\n")));
    fs::write(etc.join("main.cf"), main)?;
    Ok(())
}

fn write_identity(
    folder: &Path,
    stem: &str,
    identity: &Identity,
) -> Result<(PathBuf, PathBuf), PostfixError> {
    let (certificate, key) = identity.write_files(folder, stem);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    Ok((certificate, key))
}

/// One more port in the table of services.
fn listener_entry(
    folder: &Path,
    number: usize,
    listener: &Listener,
) -> Result<String, PostfixError> {
    let mut entry = format!("{} inet n - n - - smtpd\n", listener.address);
    let mut add = |key: &str, value: &str| {
        entry.push_str(&format!("  -o {{ {key} = {value} }}\n"));
    };
    if let Some(identity) = &listener.identity {
        let stem = format!("listener-{number}");
        let (certificate, key) = write_identity(folder, &stem, identity)?;
        add("smtpd_tls_security_level", "may");
        add("smtpd_tls_received_header", "yes");
        add("smtpd_tls_cert_file", &certificate.display().to_string());
        add("smtpd_tls_key_file", &key.display().to_string());
    }
    for (key, value) in &listener.settings {
        add(key, value);
    }
    Ok(entry)
}

/// The distribution's table of services with our port, without chroot.
fn service_table(table: &str, address: SocketAddr) -> String {
    let mut ours = String::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            // A service has eight columns, the fifth is chroot; other lines are arguments.
            [name, kind, private, unprivileged, _, rest @ ..] if !line.starts_with(' ') => {
                let listens = *name == "smtp" && *kind == "inet";
                let name = if listens { address.to_string() } else { (*name).to_owned() };
                let rest = rest.join(" ");
                ours.push_str(&format!("{name} {kind} {private} {unprivileged} n {rest}\n"));
            }
            _ => ours.push_str(&format!("{line}\n")),
        }
    }
    ours
}

fn main_settings(folder: &Path, (user, group): (u32, u32)) -> String {
    let at = folder.display();
    format!(
        "compatibility_level = 3.6\n\
         queue_directory = {at}/queue\n\
         data_directory = {at}/data\n\
         maillog_file = {at}/log/maillog\n\
         maillog_file_prefixes = /var, {at}\n\
         myhostname = postfix.test\n\
         mydestination =\n\
         mynetworks = 127.0.0.0/8\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         alias_maps =\n\
         alias_database =\n\
         biff = no\n\
         smtpd_peername_lookup = no\n\
         smtpd_client_connection_count_limit = 0\n\
         smtpd_recipient_restrictions = check_recipient_access texthash:{at}/etc/recipients, \
         reject_unauth_destination\n\
         virtual_mailbox_domains = static:all\n\
         virtual_mailbox_base = {at}/mail\n\
         virtual_mailbox_maps = static:inbox/\n\
         virtual_minimum_uid = 1\n\
         virtual_uid_maps = static:{user}\n\
         virtual_gid_maps = static:{group}\n"
    )
}

#[cfg(test)]
mod tests;
