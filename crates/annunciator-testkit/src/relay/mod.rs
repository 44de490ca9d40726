//! A scripted, strict SMTP server that records everything and misbehaves when told to.
//!
//! In: SMTP on a loopback port. Out: messages, connections, dialogue and violations of the
//! protocol. Standard: RFC 5321 and the extensions it announces.
//! It runs on a runtime of its own, so plain and async tests can both use it. The blocking waits
//! block the calling thread; in async tests use the `_in_task` ones.
//!
//! ```
//! use annunciator_testkit::relay::{Action, Relay, Stage, When, for_address, reply};
//!
//! let relay = Relay::builder()
//!     .on(Stage::Rcpt, for_address("bad@example.org"), reply("550 5.1.1 no such user"))
//!     .on(Stage::DataEnd, When::Times(1), Action::Close)
//!     .start();
//! assert!(relay.messages().is_empty());
//! relay.go_down();
//! relay.come_up();
//! ```

mod authentication;
mod chunks;
mod command;
mod gsasl;
mod listener;
mod message;
mod parameters;
#[cfg(test)]
mod python_tests;
mod record;
mod script;
mod session;
mod setup;
#[cfg(test)]
mod tests;
mod transaction;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

pub use self::message::Message;
pub use self::record::{
    AuthAttempt, Connection, DialogueLine, Speaker, TlsRecord, Violation, WaitError,
};
pub use self::script::{Action, Stage, When, for_address, reply};
pub use self::setup::{RelayBuilder, TlsSetup, TlsVersion};

use self::listener::Listener;
use self::record::Record;
use self::setup::Setup;

/// How many lines of dialogue a failed wait shows.
const DIALOGUE_LINES_SHOWN: usize = 40;

/// A running relay; it stops when dropped.
///
/// Dropping it panics when the client violated the protocol and no test has read
/// [`Relay::violations`] since: strictness that nobody looks at would be none.
pub struct Relay {
    setup: Arc<Setup>,
    record: Arc<Record>,
    address: SocketAddr,
    /// Nothing only while it changes.
    listener: Mutex<Option<Listener>>,
    /// Nothing only while dropping.
    runtime: Option<Runtime>,
}

impl Relay {
    /// Begins to put a relay together.
    pub fn builder() -> RelayBuilder {
        RelayBuilder::new()
    }

    pub(crate) fn start(setup: Arc<Setup>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("testkit-relay")
            .enable_all()
            .build()
            .expect("a thread for the relay");
        let record = Arc::new(Record::new(setup.counting_only));
        let socket = listener::reserve(setup.address).expect("loopback has a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let listener =
            Listener::up(socket, runtime.handle(), Arc::clone(&setup), Arc::clone(&record));
        let listener = Mutex::new(Some(listener.expect("a bound socket can listen")));
        Self { setup, record, address, listener, runtime: Some(runtime) }
    }

    /// Address and port; they stay the same while the relay is down.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Adds a rule while the relay runs; it comes after those that are there.
    pub fn on(&self, stage: Stage, when: When, action: Action) {
        self.setup.script.add(stage, when, action);
    }

    /// Forgets all rules: the relay behaves from here on.
    pub fn behave(&self) {
        self.setup.script.clear();
    }

    /// Closes the port and all connections; returns when that is done.
    ///
    /// # Panics
    /// When the port cannot be kept.
    pub fn go_down(&self) {
        self.change_listener(|listener, _| listener.down().map(Listener::Down));
    }

    /// Listens on the same port again.
    ///
    /// # Panics
    /// When the port cannot be listened on.
    pub fn come_up(&self) {
        self.change_listener(|listener, relay| match listener {
            Listener::Down(socket) => {
                let runtime = relay.runtime.as_ref().expect("a relay that is not dropped");
                let (setup, record) = (Arc::clone(&relay.setup), Arc::clone(&relay.record));
                Listener::up(socket, runtime.handle(), setup, record)
            }
            up @ Listener::Up { .. } => Ok(up),
        });
    }

    fn change_listener(&self, change: impl FnOnce(Listener, &Self) -> std::io::Result<Listener>) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let old = listener.take().expect("an earlier change went well");
        *listener = Some(change(old, self).expect("the relay keeps its port"));
    }

    /// The messages taken: answered 2yz, or taken without a reply because the script wanted so.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.record.lists().messages.clone()
    }

    /// Takes the messages out of the record; [`Relay::message_count`] goes on counting them.
    #[must_use]
    pub fn take_messages(&self) -> Vec<Message> {
        std::mem::take(&mut self.record.lists().messages)
    }

    /// How many messages were taken.
    #[must_use]
    pub fn message_count(&self) -> usize {
        self.record.lists().message_count
    }

    /// The messages answered 4yz or 5yz after the final dot.
    #[must_use]
    pub fn refused_messages(&self) -> Vec<Message> {
        self.record.lists().refused.clone()
    }

    /// All connections since the start.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.record.lists().connections.clone()
    }

    /// How many connections there were.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.record.lists().connections.len()
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.record.lists().open
    }

    /// The most connections that were open at once.
    #[must_use]
    pub fn open_connections_peak(&self) -> usize {
        self.record.lists().open_peak
    }

    /// What clients did against the protocol; reading it settles the account for the drop.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut lists = self.record.lists();
        lists.violations_read = true;
        lists.violations.clone()
    }

    /// Every line said, in order; nothing in counting mode.
    #[must_use]
    pub fn dialogue(&self) -> Vec<DialogueLine> {
        self.record.lists().dialogue.clone()
    }

    /// The dialogue as text, one line each.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.dialogue().iter().map(|line| format!("{line}\n")).collect()
    }

    /// Waits until `n` messages were taken in all, and gives those in the record.
    ///
    /// # Errors
    /// [`WaitError`] when the limit is reached, with the end of the dialogue.
    pub fn wait_for_messages(&self, n: usize, limit: Duration) -> Result<Vec<Message>, WaitError> {
        self.wait_until(&format!("{n} messages"), limit, |relay| relay.message_count() >= n)?;
        Ok(self.messages())
    }

    /// As [`Relay::wait_for_messages`], without blocking the thread.
    ///
    /// # Errors
    /// [`WaitError`] when the limit is reached.
    pub async fn wait_for_messages_in_task(
        &self,
        n: usize,
        limit: Duration,
    ) -> Result<Vec<Message>, WaitError> {
        let enough = |relay: &Self| relay.message_count() >= n;
        self.wait_until_in_task(&format!("{n} messages"), limit, enough).await?;
        Ok(self.messages())
    }

    /// Waits until something holds; it is asked again after each change of the record.
    ///
    /// # Errors
    /// [`WaitError`] when the limit is reached.
    pub fn wait_until(
        &self,
        wanted: &str,
        limit: Duration,
        met: impl Fn(&Self) -> bool,
    ) -> Result<(), WaitError> {
        let met = self.record.wait(limit, &|| met(self));
        if met { Ok(()) } else { Err(self.wait_error(wanted, limit)) }
    }

    /// As [`Relay::wait_until`], without blocking the thread.
    ///
    /// # Errors
    /// [`WaitError`] when the limit is reached.
    pub async fn wait_until_in_task(
        &self,
        wanted: &str,
        limit: Duration,
        met: impl Fn(&Self) -> bool,
    ) -> Result<(), WaitError> {
        let met = self.record.wait_in_task(limit, &|| met(self)).await;
        if met { Ok(()) } else { Err(self.wait_error(wanted, limit)) }
    }

    fn wait_error(&self, wanted: &str, limit: Duration) -> WaitError {
        let (messages, refused) = (self.message_count(), self.refused_messages().len());
        let dialogue = self.dialogue();
        let shown = &dialogue[dialogue.len().saturating_sub(DIALOGUE_LINES_SHOWN)..];
        let mut seen = format!("{messages} taken, {refused} refused, dialogue ends with:\n");
        seen.extend(shown.iter().map(|line| format!("{line}\n")));
        WaitError { wanted: wanted.to_owned(), limit, seen }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Not waited for: a drop may happen inside another runtime, where blocking is forbidden.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let lists = self.record.lists();
        if !std::thread::panicking() && !lists.violations_read && !lists.violations.is_empty() {
            let all: String = lists.violations.iter().map(|one| format!("{one}\n")).collect();
            panic!("the client violated the protocol:\n{all}");
        }
    }
}
