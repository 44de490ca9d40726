//! Stores for behaviour tests: servers on a database, and commands without a server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use annunciator_testkit::process::{Launch, free_address};
use annunciator_testkit::relay::{Relay, RelayBuilder};
use serde_json::{Value, json};

use crate::support::{BINARY, Site, email_settings};

/// A password that is sealed in the store.
pub(crate) const RELAY_PASSWORD: &str = "secret-7";

/// A relay that takes mail only with [`RELAY_PASSWORD`].
pub(crate) fn locked_relay() -> RelayBuilder {
    Relay::builder().auth(&["PLAIN"]).user("robot", RELAY_PASSWORD).require_auth()
}

/// Settings that mail all events through such a relay, on one connection.
pub(crate) fn locked_settings(port: u16) -> Value {
    let mut email = email_settings(port);
    for (name, value) in [("auth", "password"), ("username", "robot"), ("password", RELAY_PASSWORD)]
    {
        email[name] = value.into();
    }
    email["allow_auth_without_tls"] = true.into();
    email["connections_max"] = 1.into();
    json!({ "email": email })
}

/// A node on the database of this address with its files in a folder that stays.
pub(crate) fn node(folder: &Path, address: &str) -> Site {
    let launch = Launch::new(Path::new(BINARY), folder).environment("ANNUNCIATOR_STORE", address);
    Site::of(launch, tempfile::tempdir().unwrap())
}

/// A config file for commands without a server.
pub(crate) struct Offline {
    folder: tempfile::TempDir,
    address: Option<String>,
}

impl Offline {
    /// The store of a data folder with its key file, or the database of an address.
    pub(crate) fn new(data: &Path, key: &Path, address: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "listen = \"{}\"\ndata_dir = \"{}\"\nsecret_key_file = \"{}\"\n",
            free_address(),
            data.display(),
            key.display()
        );
        std::fs::write(folder.path().join("annunciator.toml"), text).unwrap();
        Self { folder, address: address.map(str::to_owned) }
    }

    /// That of a server's folder.
    pub(crate) fn of(data: &Path) -> Self {
        Self::new(data, &key_of(data), None)
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ANNUNCIATOR_") {
                command.env_remove(name);
            }
        }
        command.args(words).arg("--config").arg(self.folder.path().join("annunciator.toml"));
        command.envs(self.address.iter().map(|address| ("ANNUNCIATOR_STORE", address)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Exit code, and all that it put out.
    pub(crate) fn run(&self, words: &[&str]) -> (i32, String) {
        told(&self.command(words).output().unwrap())
    }

    /// Runs a command that must refuse or fail with these words, and shows no password.
    #[track_caller]
    pub(crate) fn fails(&self, words: &[&str], expected: &str) {
        let (code, told) = self.run(words);
        assert_eq!(code, 1, "{words:?}: {told}");
        assert!(told.contains(expected), "{words:?}: {told}");
        assert!(!told.contains("geheim"), "{words:?} shows a password: {told}");
    }
}

/// Exit code, and all that a command put out.
pub(crate) fn told(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

/// The key file beside a data folder.
pub(crate) fn key_of(data: &Path) -> PathBuf {
    data.with_file_name("data.key")
}
