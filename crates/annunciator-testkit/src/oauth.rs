//! A small authorization server: a token endpoint over HTTPS, and introspection over plain HTTP
//! for a server on the same machine.
//!
//! In: what it knows and how it misbehaves. Out: tokens, and a record of what was asked.
//! Standard: RFC 6749 sections 4.4, 5, 6; RFC 7662 (introspection).
//! Failure: panics; a request that is none is answered with 400.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod};

use crate::certificates::Identity;

/// How long one side of a conversation may be silent.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest request. Unit: octets.
const REQUEST_OCTETS_MAX: u64 = 64 * 1_024;

/// The fields of a form.
pub type Form = BTreeMap<String, String>;

/// What it knows, and how it behaves.
#[derive(Debug)]
pub struct Behaviour {
    /// The one client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The refresh token that is good now.
    pub refresh_token: String,
    /// Whether each refresh replaces it.
    pub rotates: bool,
    /// Life of an access token. Unit: s.
    pub expires_in_s: u64,
    /// Whose mailbox tokens are for.
    pub username: String,
    /// How long it thinks before it answers.
    pub delay: Duration,
    /// Statuses and bodies that come before the usual answers.
    pub scripted: VecDeque<(u16, String)>,
    /// Access tokens that are good.
    pub active: Vec<String>,
    /// The forms that came to the token endpoint.
    pub requests: Vec<Form>,
    issued: u64,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    ends: AtomicBool,
}

/// A running server; it stops when dropped.
pub struct OAuthServer {
    shared: Arc<Shared>,
    token: SocketAddr,
    introspection: SocketAddr,
}

impl OAuthServer {
    /// Starts one for the client `client` with the secret `client secret`, the refresh token
    /// `refresh-0` and the mailbox `username`.
    ///
    /// # Panics
    /// When the machine has no port.
    #[must_use]
    pub fn start(identity: &Identity, username: &str) -> Self {
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Behaviour {
                client_id: "client".into(),
                client_secret: "client secret".into(),
                refresh_token: "refresh-0".into(),
                rotates: false,
                expires_in_s: 3_600,
                username: username.into(),
                delay: Duration::ZERO,
                scripted: VecDeque::new(),
                active: Vec::new(),
                requests: Vec::new(),
                issued: 0,
            }),
            ends: AtomicBool::new(false),
        });
        let context = context_of(identity);
        let token = listen(&shared, move |shared, tcp| {
            let ssl = Ssl::new(&context).expect("a session");
            if let Ok(stream) = ssl.accept(tcp) {
                converse(stream, "/token", |form| answer_token(shared, form));
            }
        });
        let introspection = listen(&shared, |shared, tcp| {
            converse(tcp, "/introspect", |form| (200, introspect(shared, form)));
        });
        Self { shared, token, introspection }
    }

    /// The token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("https://{}/token", self.token)
    }

    /// Where tokens are looked into.
    #[must_use]
    pub fn introspection(&self) -> SocketAddr {
        self.introspection
    }

    /// What it knows; a test may change it.
    pub fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.shared.behaviour()
    }
}

impl Shared {
    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OAuthServer {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        // Each listener looks at the flag after the next connection.
        for address in [self.token, self.introspection] {
            drop(TcpStream::connect(address));
        }
    }
}

fn context_of(identity: &Identity) -> SslContext {
    let mut builder = SslContextBuilder::new(SslMethod::tls_server()).expect("a context");
    builder.set_certificate(&identity.certificate).expect("a certificate");
    builder.set_private_key(&identity.key).expect("its key");
    for one in &identity.chain {
        builder.add_extra_chain_cert(one.clone()).expect("an intermediate certificate");
    }
    builder.build()
}

fn listen(
    shared: &Arc<Shared>,
    serve: impl Fn(&Shared, TcpStream) + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (shared, serve) = (Arc::clone(shared), Arc::new(serve));
    thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            if shared.ends.load(Ordering::Relaxed) {
                return;
            }
            let limited =
                tcp.set_read_timeout(Some(WAIT_MAX)).and(tcp.set_write_timeout(Some(WAIT_MAX)));
            let (shared, serve) = (Arc::clone(&shared), Arc::clone(&serve));
            if limited.is_ok() {
                thread::spawn(move || serve(&shared, tcp));
            }
        }
    });
    address
}

/// One request and its answer.
fn converse(
    mut stream: impl Read + Write,
    path: &str,
    answer: impl FnOnce(&Form) -> (u16, String),
) {
    let (status, body) = match read_form(&mut stream, path) {
        Some(form) => answer(&form),
        None => (400, String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    // Who has gone does not read it.
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).and_then(|()| stream.flush());
}

fn read_form(stream: &mut impl Read, path: &str) -> Option<Form> {
    let mut lines = BufReader::new(stream.take(REQUEST_OCTETS_MAX));
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    if !line.starts_with(&format!("POST {path} ")) {
        return None;
    }
    let (mut length, mut is_form) = (0, false);
    loop {
        line.clear();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "content-type" => is_form = value.trim() == "application/x-www-form-urlencoded",
            _ => {}
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    is_form.then(|| {
        let pairs = body.split(|octet| *octet == b'&');
        let pairs = pairs.filter_map(|pair| {
            let at = pair.iter().position(|octet| *octet == b'=')?;
            Some((unescape(&pair[..at]), unescape(&pair[at + 1..])))
        });
        pairs.collect()
    })
}

fn unescape(text: &[u8]) -> String {
    let mut octets = Vec::new();
    let mut rest = text.iter();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|one| char::from(*one).to_digit(16));
                let (high, low) = (digit().unwrap_or(15), digit().unwrap_or(15));
                u8::try_from(high * 16 + low).expect("two digits are an octet")
            }
            other => *other,
        });
    }
    String::from_utf8_lossy(&octets).into_owned()
}

fn answer_token(shared: &Shared, form: &Form) -> (u16, String) {
    let delay = {
        let mut behaviour = shared.behaviour();
        behaviour.requests.push(form.clone());
        behaviour.delay
    };
    thread::sleep(delay);
    let mut behaviour = shared.behaviour();
    if let Some(scripted) = behaviour.scripted.pop_front() {
        return scripted;
    }
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let refuse = |status, error: &str| (status, format!(r#"{{"error":"{error}"}}"#));
    if field("client_id") != behaviour.client_id
        || field("client_secret") != behaviour.client_secret
    {
        return refuse(401, "invalid_client");
    }
    let refreshes = match field("grant_type") {
        "refresh_token" if field("refresh_token") == behaviour.refresh_token => true,
        "refresh_token" => return refuse(400, "invalid_grant"),
        "client_credentials" => false,
        _ => return refuse(400, "unsupported_grant_type"),
    };
    behaviour.issued += 1;
    let number = behaviour.issued;
    let access = format!("access-{number}");
    behaviour.active.push(access.clone());
    let mut rotated = String::new();
    if refreshes && behaviour.rotates {
        behaviour.refresh_token = format!("refresh-{number}");
        rotated = format!(r#","refresh_token":"{}""#, behaviour.refresh_token);
    }
    let life = behaviour.expires_in_s;
    let body = format!(
        r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{life}{rotated}}}"#
    );
    (200, body)
}

fn introspect(shared: &Shared, form: &Form) -> String {
    let behaviour = shared.behaviour();
    let token = form.get("token").map_or("", String::as_str);
    if behaviour.active.iter().any(|active| active == token) {
        format!(r#"{{"active":true,"username":"{}"}}"#, behaviour.username)
    } else {
        r#"{"active":false}"#.to_owned()
    }
}
