//! Tokens and settings of `--bootstrap` are there when the server says that it is ready; bad ones
//! end the start with words.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use annunciator_testkit::http::Client;
use annunciator_testkit::process::free_address;
use annunciator_testkit::relay::Relay;

use crate::support::{BINARY, OPERATOR, PATIENCE, answer, critical, eventually};

const TOKEN: &str = "ann_abcd0123_0123456789abcdefABCDEF0123456789";

/// A server that is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn command(folder: &Path, address: SocketAddr, bootstrap: &str) -> Command {
    let (config, file) = (folder.join("annunciator.toml"), folder.join("bootstrap.toml"));
    let data = folder.join("data");
    let text = format!("listen = \"{address}\"\ndata_dir = \"{}\"\n", data.display());
    fs::write(&config, text).unwrap();
    fs::write(folder.join("token"), format!("{TOKEN}\n")).unwrap();
    fs::write(&file, bootstrap).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["serve", "--config"]).arg(config).arg("--bootstrap").arg(file);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

#[test]
fn a_bootstrap_file_is_in_force_before_the_server_is_ready() {
    let relay = Relay::builder().start();
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let bootstrap = format!(
        "[[token]]\nname = \"source\"\nrole = \"ingest\"\ntoken_file = \"token\"\n\
         [settings.email]\nservers = [\"127.0.0.1\"]\nport = {}\nsender = \"a@example.org\"\n\
         recipients = [\"{OPERATOR}\"]\n",
        relay.port()
    );
    let child = command(folder.path(), address, &bootstrap).stderr(Stdio::null()).spawn();
    let _running = Running(child.unwrap());
    let source = Client::new(address).token(TOKEN);
    let event = critical("disk.full").json();
    // From the first moment on: refusals before it is ready, then 202.
    let taken = eventually("the first answer that is no refusal", || {
        match source.post("/api/v1/events", &event) {
            Ok(answer) if ![401, 503].contains(&answer.status) => Ok(answer),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(taken.status, 202, "{taken}");
    assert_eq!(answer(source.get("/-/ready")).status, 200);
    let message = relay.wait_for_messages(1, PATIENCE).unwrap().remove(0);
    assert_eq!(message.forward_paths, [OPERATOR]);
}

#[test]
fn a_bad_bootstrap_file_ends_the_start_with_words() {
    for (bootstrap, expected) in [
        ("[settings.email]\nport = 70000\n", "/email/port"),
        ("[settings.mail]\nport = 25\n", "mail"),
        ("[[token]]\nname = \"x\"\nrole = \"king\"\ntoken_file = \"token\"\n", "king"),
        ("[[token]]\nname = \"x\"\nrole = \"viewer\"\ntoken_file = \"none\"\n", "none"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = command(folder.path(), free_address(), bootstrap).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{bootstrap}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("bootstrap") && said.contains(expected), "{said}");
    }
}
