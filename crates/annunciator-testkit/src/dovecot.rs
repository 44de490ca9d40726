//! A private Dovecot that does nothing but authenticate: the SASL peer that we did not write.
//!
//! In: users, where tokens are looked into. Out: a socket that Postfix asks
//! (`smtpd_sasl_type = dovecot`).
//! Failure: [`Dovecot::start`] tells what to install or what Dovecot complained about.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = "/usr/sbin/dovecot";
/// How long it may take to begin.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How long it lives at most, should nobody stop it.
const LIFE_MAX_S: &str = "600";
/// Pause between two looks at something that sends no signal.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running instance; it stops when dropped.
pub struct Dovecot {
    child: Child,
    folder: TempDir,
}

impl Dovecot {
    /// Starts one that offers these mechanisms to these users (name and password, which may begin
    /// with a scheme such as `{SCRAM-SHA-256}`), and has access tokens looked into at
    /// `http://<address>/introspect` when there is such an address.
    ///
    /// # Errors
    /// What is missing, or its log.
    pub fn start(
        mechanisms: &[&str],
        users: &[(&str, &str)],
        introspection: Option<SocketAddr>,
    ) -> Result<Self, String> {
        if !Path::new(PROGRAM).exists() {
            return Err("install it with `apt-get install dovecot-core`".to_owned());
        }
        let make = || -> std::io::Result<Self> {
            // Not the folder of TMPDIR: a socket's path is short, and others must reach it.
            let folder = tempfile::Builder::new().prefix("testkit-dovecot-").tempdir_in("/tmp")?;
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
            lay_out(folder.path(), mechanisms, users, introspection)?;
            let child = Command::new("timeout")
                .args([LIFE_MAX_S, PROGRAM, "-F", "-c"])
                .arg(folder.path().join("dovecot.conf"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            Ok(Self { child, folder })
        };
        let started = make().map_err(|error| error.to_string())?;
        let deadline = Instant::now() + WAIT_MAX;
        while UnixStream::connect(started.socket()).is_err() {
            if Instant::now() > deadline {
                return Err(started.log());
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(started)
    }

    /// Where it can be asked.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("auth")
    }

    /// The lines of `main.cf` that make Postfix ask it.
    #[must_use]
    pub fn postfix_lines(&self) -> Vec<String> {
        vec![
            "smtpd_sasl_auth_enable = yes".to_owned(),
            "smtpd_sasl_type = dovecot".to_owned(),
            format!("smtpd_sasl_path = {}", self.socket().display()),
            "smtpd_sasl_security_options = noanonymous".to_owned(),
            "smtpd_error_sleep_time = 0".to_owned(),
            "smtpd_relay_restrictions = permit_sasl_authenticated, reject".to_owned(),
        ]
    }

    /// Everything it logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // `timeout` passes the signal on, and Dovecot ends its own processes.
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}

fn lay_out(
    folder: &Path,
    mechanisms: &[&str],
    users: &[(&str, &str)],
    introspection: Option<SocketAddr>,
) -> std::io::Result<()> {
    let at = folder.display();
    let users: String = users
        .iter()
        .map(|(name, password)| match password.strip_prefix('{') {
            Some(_) => format!("{name}:{password}\n"),
            None => format!("{name}:{{PLAIN}}{password}\n"),
        })
        .collect();
    fs::write(folder.join("users"), users)?;
    let (tokens, passwords): (Vec<_>, Vec<_>) =
        mechanisms.iter().partition(|name| matches!(**name, "xoauth2" | "oauthbearer"));
    let mut text = format!(
        "base_dir = {at}/run\nlog_path = {at}/log\nauth_debug = yes\nauth_verbose = yes\n\
         protocols =\nssl = no\ndisable_plaintext_auth = no\nauth_failure_delay = 0\n\
         auth_mechanisms = {}\n\
         userdb {{\n driver = static\n args = uid=65534 gid=65534 home=/nonexistent\n}}\n\
         service auth {{\n unix_listener {at}/auth {{\n  mode = 0666\n }}\n}}\n\
         service anvil {{\n unix_listener anvil-auth-penalty {{\n  mode = 0\n }}\n}}\n",
        mechanisms.join(" ")
    );
    let passdb = |names: &[&str], driver: &str, file: &str| {
        let names = names.join(" ");
        format!("passdb {{\n driver = {driver}\n mechanisms = {names}\n args = {file}\n}}\n")
    };
    if !passwords.is_empty() {
        let file = format!("scheme=PLAIN username_format=%u {at}/users");
        text.push_str(&passdb(&passwords, "passwd-file", &file));
    }
    if let (Some(address), false) = (introspection, tokens.is_empty()) {
        text.push_str(&passdb(&tokens, "oauth2", &format!("{at}/oauth2.conf")));
        let oauth2 = format!(
            "introspection_mode = post\nintrospection_url = http://{address}/introspect\n\
             username_attribute = username\nactive_attribute = active\nactive_value = true\n"
        );
        fs::write(folder.join("oauth2.conf"), oauth2)?;
    }
    fs::write(folder.join("dovecot.conf"), text)
}
