//! What happens at the relay becomes a record that tests read and wait on.
//!
//! Concurrency: one lock around all lists, held for a push or a copy. Each change raises a version
//! that wakes waiting threads (condition variable) and waiting tasks (watch channel). A waiter
//! reads the version before it looks, so a change between look and wait is not missed.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::message::Message;

/// Most lines kept of all dialogues.
const DIALOGUE_LINES_MAX: usize = 500_000;
/// Most violations kept.
const VIOLATIONS_MAX: usize = 1_000;

/// Who said a line of the dialogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaker {
    /// The client under test.
    Client,
    /// The relay.
    Relay,
    /// A remark of the relay on what happened.
    Note,
}

/// A line of the dialogue, without CRLF; message text is replaced by a remark with its length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogueLine {
    /// Number of the connection, from 1.
    pub connection: u64,
    /// Who said it.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
    /// When.
    pub at: Instant,
}

impl fmt::Display for DialogueLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let speaker = match self.speaker {
            Speaker::Client => "C:",
            Speaker::Relay => "S:",
            Speaker::Note => "--",
        };
        write!(f, "[{}] {speaker} {}", self.connection, self.text)
    }
}

/// Something a client must not do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Number of the connection, from 1.
    pub connection: u64,
    /// What was wrong.
    pub text: String,
    /// When it was seen.
    pub at: Instant,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.connection, self.text)
    }
}

/// What a TLS handshake came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsRecord {
    /// Protocol version such as `TLSv1.3`.
    pub version: String,
    /// Name of the cipher suite.
    pub cipher: String,
    /// The name the client asked for (SNI).
    pub server_name: Option<String>,
    /// Common name of the client's certificate.
    pub client_certificate: Option<String>,
}

/// One AUTH of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthAttempt {
    /// SASL mechanism.
    pub mechanism: String,
    /// The authentication identity.
    pub identity: String,
    /// Password or token as received.
    pub secret: String,
    /// Was it inside TLS?
    pub tls: bool,
    /// Did the relay accept it?
    pub accepted: bool,
}

/// One connection from its first to its last octet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection {
    /// Number, from 1 in the order of arrival.
    pub number: u64,
    /// The client's end.
    pub peer: SocketAddr,
    /// When it was accepted.
    pub opened_at: Instant,
    /// When it ended, if it has.
    pub closed_at: Option<Instant>,
    /// Why it ended.
    pub end: Option<String>,
    /// The names given in EHLO and HELO, in order.
    pub ehlo_names: Vec<String>,
    /// All command lines, in order; empty in counting mode.
    pub commands: Vec<String>,
    /// The finished handshake.
    pub tls: Option<TlsRecord>,
    /// Why a handshake failed.
    pub tls_error: Option<String>,
    /// Every AUTH.
    pub auth: Vec<AuthAttempt>,
    /// How many messages ended with the final dot.
    pub messages: u64,
    /// Did the connection end within a message?
    pub broken_off_in_data: bool,
}

/// A wait that was not met within its limit.
#[derive(Clone, Debug)]
pub struct WaitError {
    pub(crate) wanted: String,
    pub(crate) limit: Duration,
    pub(crate) seen: String,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waited {:?} for {}; {}", self.limit, self.wanted, self.seen)
    }
}

impl std::error::Error for WaitError {}

#[derive(Default)]
pub(crate) struct Lists {
    pub(crate) messages: Vec<Message>,
    pub(crate) message_count: usize,
    pub(crate) refused: Vec<Message>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) dialogue: Vec<DialogueLine>,
    pub(crate) violations: Vec<Violation>,
    /// Has a test looked at the violations since the last one came?
    pub(crate) violations_read: bool,
    pub(crate) open: usize,
    pub(crate) open_peak: usize,
}

pub(crate) struct Record {
    lists: Mutex<Lists>,
    version: Mutex<u64>,
    changed: Condvar,
    watch: watch::Sender<u64>,
    /// Leaves out dialogue, command lists and message bodies.
    pub(crate) counting_only: bool,
}

impl Record {
    pub(crate) fn new(counting_only: bool) -> Self {
        Self {
            lists: Mutex::default(),
            version: Mutex::default(),
            changed: Condvar::new(),
            watch: watch::channel(0).0,
            counting_only,
        }
    }

    /// The lists; a panic elsewhere does not hide them from the test that looks for its cause.
    pub(crate) fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        *version += 1;
        self.changed.notify_all();
        self.watch.send_replace(*version);
    }

    pub(crate) fn open(&self, peer: SocketAddr) -> u64 {
        let number;
        {
            let mut lists = self.lists();
            number = lists.connections.len() as u64 + 1;
            lists.open += 1;
            lists.open_peak = lists.open_peak.max(lists.open);
            lists.connections.push(Connection {
                number,
                peer,
                opened_at: Instant::now(),
                closed_at: None,
                end: None,
                ehlo_names: Vec::new(),
                commands: Vec::new(),
                tls: None,
                tls_error: None,
                auth: Vec::new(),
                messages: 0,
                broken_off_in_data: false,
            });
        }
        self.touch();
        number
    }

    pub(crate) fn connection(&self, number: u64, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.lists().connections.get_mut(number as usize - 1) {
            change(connection);
        }
        self.touch();
    }

    pub(crate) fn close(&self, number: u64, end: &str) {
        self.say(number, Speaker::Note, end);
        {
            let mut lists = self.lists();
            lists.open -= 1;
            if let Some(connection) = lists.connections.get_mut(number as usize - 1) {
                connection.closed_at = Some(Instant::now());
                connection.end = Some(end.to_owned());
            }
        }
        self.touch();
    }

    pub(crate) fn say(&self, connection: u64, speaker: Speaker, text: &str) {
        if self.counting_only {
            return;
        }
        {
            let mut lists = self.lists();
            if lists.dialogue.len() >= DIALOGUE_LINES_MAX {
                return;
            }
            let (text, at) = (text.to_owned(), Instant::now());
            lists.dialogue.push(DialogueLine { connection, speaker, text, at });
        }
        self.touch();
    }

    pub(crate) fn violation(&self, connection: u64, text: String) {
        self.say(connection, Speaker::Note, &format!("violation: {text}"));
        {
            let mut lists = self.lists();
            lists.violations_read = false;
            if lists.violations.len() < VIOLATIONS_MAX {
                lists.violations.push(Violation { connection, text, at: Instant::now() });
            }
        }
        self.touch();
    }

    pub(crate) fn message(&self, message: Message) {
        {
            let mut lists = self.lists();
            let taken = message.reply.as_ref().is_none_or(|reply| reply.starts_with('2'));
            if let Some(connection) = lists.connections.get_mut(message.connection as usize - 1) {
                connection.messages += 1;
            }
            if taken {
                lists.message_count += 1;
                lists.messages.push(message);
            } else {
                lists.refused.push(message);
            }
        }
        self.touch();
    }

    /// Waits on the calling thread until `met` holds; false at the limit.
    pub(crate) fn wait(&self, limit: Duration, met: &dyn Fn() -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let seen = *self.version.lock().unwrap_or_else(PoisonError::into_inner);
            if met() {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.changed.wait_timeout_while(version, left, |version| *version == seen));
        }
    }

    /// Waits in the calling task until `met` holds; false at the limit.
    pub(crate) async fn wait_in_task(&self, limit: Duration, met: &dyn Fn() -> bool) -> bool {
        let mut version = self.watch.subscribe();
        let wait = async {
            loop {
                version.borrow_and_update();
                if met() || version.changed().await.is_err() {
                    return met();
                }
            }
        };
        tokio::time::timeout(limit, wait).await.unwrap_or(false)
    }
}
