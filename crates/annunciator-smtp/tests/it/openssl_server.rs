//! `openssl s_server` as an SMTP server with TLS from the first octet: a TLS server that we did
//! not write.
//!
//! What it decrypts comes out of its standard output, what is written to its standard input goes
//! to the client; a thread plays SMTP over the two.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use annunciator_testkit::certificates::Identity;
use annunciator_testkit::process::free_address;

/// What the server saw.
#[derive(Clone, Default, Debug)]
pub(crate) struct Record {
    /// Messages that ended with the final dot.
    pub(crate) messages: usize,
    /// Handshakes that resumed a session, by OpenSSL's own word.
    pub(crate) resumed: usize,
    /// Commands, all connections.
    pub(crate) commands: Vec<String>,
}

/// A running server; it is killed when dropped, and ends by itself in any case.
pub(crate) struct OpensslServer {
    port: u16,
    child: Child,
    record: Arc<Mutex<Record>>,
    player: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl OpensslServer {
    /// Starts it for so many connections.
    pub(crate) fn start(identity: &Identity, arguments: &[&str], connections: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = identity.write_files(folder.path(), "server");
        let address = free_address();
        // One connection more is the knock below.
        let count = (connections + 1).to_string();
        let mut child = Command::new("timeout")
            .args(["60", "openssl", "s_server", "-accept", &address.to_string()])
            .arg("-cert")
            .arg(&certificate)
            .arg("-key")
            .arg(&key)
            .args(["-naccept", &count, "-cipher", "ALL:@SECLEVEL=0"])
            .args(arguments)
            // The distribution's own limits would keep old versions out.
            .env("OPENSSL_CONF", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let record = Arc::<Mutex<Record>>::default();
        let shared = Arc::clone(&record);
        let player = Some(std::thread::spawn(move || play(input, output, &shared)));
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "openssl s_server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { port: address.port(), child, record, player, _folder: folder }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What it saw, once it has ended by itself after its connections.
    pub(crate) async fn finish(mut self) -> Record {
        let player = self.player.take().unwrap();
        // The client says goodbye in a task of this runtime.
        tokio::task::spawn_blocking(move || player.join().unwrap()).await.unwrap();
        self.record.lock().unwrap().clone()
    }

    /// What it has seen so far.
    pub(crate) fn seen(&self) -> Record {
        self.record.lock().unwrap().clone()
    }
}

/// The remarks of `s_server` begin a line as no SMTP command does.
fn play(mut input: ChildStdin, output: ChildStdout, record: &Mutex<Record>) {
    let mut in_message = false;
    for line in BufReader::new(output).split(b'\n') {
        let Ok(line) = line else { return };
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let mut record = record.lock().unwrap();
        if line == "Reused session-id" {
            record.resumed += 1;
        }
        let answer = match line.split(' ').next().unwrap_or_default() {
            _ if in_message && line == "." => {
                in_message = false;
                record.messages += 1;
                "250 2.0.0 taken"
            }
            _ if in_message => continue,
            // The last remark on a handshake.
            "Secure" if line.starts_with("Secure Renegotiation") => "220 s_server ESMTP",
            "EHLO" => "250-s_server\r\n250 AUTH PLAIN",
            "AUTH" => "235 2.7.0 welcome",
            "DATA" => {
                in_message = true;
                "354 go"
            }
            "QUIT" => "221 2.0.0 bye",
            "MAIL" | "RCPT" | "RSET" => "250 2.1.0 fine",
            _ => continue,
        };
        if !answer.starts_with("220") {
            record.commands.push(line);
        }
        if input.write_all(format!("{answer}\r\n").as_bytes()).is_err() {
            return;
        }
    }
}
