//! CRAM-MD5 and SCRAM, judged by GNU SASL: challenges and answers go through its library in a
//! Python process, with the channel binding of this relay's TLS.
//!
//! In: a mechanism, the client's answers. Out: who it is, or nothing.
//! Standard: RFC 2195, RFC 5802, RFC 7677, RFC 5929 (tls-unique), RFC 9266 (tls-exporter).
//! Failure: panics when python3 or libgsasl is missing.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use openssl::base64::encode_block;
use openssl::ssl::SslRef;
use serde_json::{Value, json};

use super::authentication::{self, Credentials};
use super::session::Session;
use super::wire::Stop;

const SCRIPT: &str = include_str!("gsasl.py");
/// Most answers of one exchange.
const ANSWERS_MAX: usize = 5;

/// What the library says to an answer.
enum Verdict {
    Challenge(String),
    /// It is the user; with what is left to say.
    Accepted(String),
    Refused(String),
}

struct Gsasl {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Gsasl {
    fn start(mechanism: &str, user: &(String, String), ssl: Option<&SslRef>) -> Self {
        let mut child = Command::new("timeout")
            .args(["60", "python3", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let input = child.stdin.take().expect("it has an input");
        let output = BufReader::new(child.stdout.take().expect("it has an output"));
        let mut started = Self { child, input, output };
        let (exporter, unique) = ssl.map(bindings).unwrap_or_default();
        let (user, password) = user;
        started.say(&json!({
            "mechanism": mechanism, "user": user, "password": password,
            "exporter": exporter, "unique": unique,
        }));
        started
    }

    fn say(&mut self, line: &Value) {
        // A process that has ended shows at the next read.
        let _ = writeln!(self.input, "{line}").and_then(|()| self.input.flush());
    }

    fn answer(&mut self, octets: &[u8]) -> Verdict {
        self.say(&json!({ "answer": encode_block(octets) }));
        let mut line = String::new();
        self.output.read_line(&mut line).expect("its output is text");
        let value: Value = serde_json::from_str(&line)
            .expect("libgsasl is installed (`apt-get install gsasl`), its words stand above");
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        if !value["error"].is_null() {
            Verdict::Refused(text("error"))
        } else if value["done"] == true {
            Verdict::Accepted(text("challenge"))
        } else {
            Verdict::Challenge(text("challenge"))
        }
    }
}

impl Drop for Gsasl {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// tls-exporter and tls-unique of a session, each empty where the protocol has none.
fn bindings(ssl: &SslRef) -> (String, String) {
    if ssl.version_str() == "TLSv1.3" {
        let mut octets = [0; 32];
        let exported = ssl.export_keying_material(&mut octets, "EXPORTER-Channel-Binding", None);
        exported.expect("TLS 1.3 exports");
        return (encode_block(&octets), String::new());
    }
    let mut octets = [0; 64];
    // The first Finished of a full handshake is the client's.
    let length = ssl.peer_finished(&mut octets);
    (String::new(), encode_block(&octets[..length]))
}

/// Whether GNU SASL judges this mechanism.
pub(crate) fn judges(mechanism: &str) -> bool {
    mechanism == "CRAM-MD5" || mechanism.starts_with("SCRAM-")
}

impl Session {
    /// Runs the exchange; nothing when the client breaks off. The first user is the one it knows.
    pub(crate) async fn credentials_by_gsasl(
        &mut self,
        mechanism: &str,
        initial: Option<String>,
    ) -> Result<Option<Credentials>, Stop> {
        let user = self.setup.users.first().cloned().expect("a relay with a user");
        let refused = || Some(Credentials { identity: user.0.clone(), secret: String::new() });
        // A server without -PLUS knows of no binding; one with it notices when it is not used.
        let binds = self.setup.auth.iter().any(|name| name.ends_with("-PLUS"));
        let ssl = self.wire.ssl().filter(|_| binds);
        let mut gsasl = Gsasl::start(mechanism, &user, ssl);
        let mut answer = match initial {
            Some(initial) => initial,
            None if mechanism == "CRAM-MD5" => String::new(),
            None => self.challenge("334 ").await?,
        };
        for _ in 0..ANSWERS_MAX {
            let Some(octets) = authentication::decode(&answer) else { return Ok(None) };
            match gsasl.answer(&octets) {
                Verdict::Refused(why) => {
                    self.note(&format!("GNU SASL: {why}"));
                    return Ok(refused());
                }
                Verdict::Challenge(challenge) => {
                    answer = self.challenge(&format!("334 {challenge}")).await?;
                }
                Verdict::Accepted(last) => {
                    // What proves the server goes as one more challenge (RFC 4954 section 4).
                    if !last.is_empty() && !self.challenge(&format!("334 {last}")).await?.is_empty()
                    {
                        return Ok(None);
                    }
                    return Ok(Some(Credentials { identity: user.0, secret: user.1 }));
                }
            }
        }
        Ok(None)
    }
}
