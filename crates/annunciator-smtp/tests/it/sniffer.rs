//! A proxy between client and server that keeps every octet, and looks for secrets in them.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Most octets that are kept of one direction.
const OCTETS_MAX: usize = 4 << 20;

type Seen = Arc<Mutex<Vec<Vec<u8>>>>;

/// Passes on and remembers; ends when dropped.
pub(crate) struct Sniffer {
    port: u16,
    seen: Seen,
    task: JoinHandle<()>,
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sniffer {
    /// Listens, and passes each connection on to this port.
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Seen::default();
        let all = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(pass(from_client, to_server, Arc::clone(&all)));
                tokio::spawn(pass(from_server, to_client, Arc::clone(&all)));
            }
        });
        Self { port, seen, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The form in which one of the secrets crossed, if any did.
    pub(crate) fn find(&self, secrets: &[&str]) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        assert!(!seen.is_empty(), "the sniffer has seen the connection");
        let forms: Vec<Vec<u8>> = secrets.iter().flat_map(|secret| forms_of(secret)).collect();
        let found = forms.into_iter().find(|form| {
            seen.iter().any(|octets| octets.windows(form.len()).any(|window| window == form))
        });
        found.map(|form| String::from_utf8_lossy(&form).into_owned())
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, all: Seen) {
    let at = {
        let mut all = all.lock().unwrap();
        all.push(Vec::new());
        all.len() - 1
    };
    let mut chunk = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        {
            let kept = &mut all.lock().unwrap()[at];
            kept.extend_from_slice(&chunk[..count]);
            assert!(kept.len() <= OCTETS_MAX, "a test sends little");
        }
        if to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// A text as it is, in hex, and in base64 wherever in a longer text it stands.
fn forms_of(text: &str) -> Vec<Vec<u8>> {
    let hex: String = text.bytes().map(|octet| format!("{octet:02x}")).collect();
    let mut forms = vec![text.as_bytes().to_vec(), hex.into_bytes()];
    for (before, touched) in [(0, 0), (1, 2), (2, 3)] {
        let padded = [vec![0; before], text.as_bytes().to_vec()].concat();
        let whole = padded.len() * 8 / 6;
        let encoded = openssl::base64::encode_block(&padded);
        forms.push(encoded.as_bytes()[touched..whole].to_vec());
    }
    forms
}

#[test]
fn a_secret_is_found_in_whatever_surrounds_it() {
    let secret = "correct horse";
    let hmac = "user 5a0ed1f6b8bcdc2a2c7b8c0a5b1c6f3e";
    for (text, looked_for) in [
        (format!("AUTH PLAIN {}", openssl::base64::encode_block(b"\0user\0correct horse")), secret),
        (
            format!("AUTH PLAIN {}", openssl::base64::encode_block(b"a\0user\0correct horse")),
            secret,
        ),
        (openssl::base64::encode_block(b"correct horse"), secret),
        (format!("PASS {secret}"), secret),
        (openssl::base64::encode_block(hmac.as_bytes()), "user "),
    ] {
        let found = forms_of(looked_for).iter().any(|form| {
            text.as_bytes().windows(form.len()).any(|window| window == form.as_slice())
        });
        assert!(found, "{text}");
    }
}
