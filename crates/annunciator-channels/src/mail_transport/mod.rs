//! Messages through an SMTP relay: what the channels that send mail have in common.
//!
//! In: orders, the settings of a relay. Out: one outcome per recipient.
//! Knows nothing of: events, queues, layers, which channel it serves.
//! Standard: RFC 5321, RFC 5322, RFC 6376; spec 4.

mod parts;
mod signing;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use annunciator_core::Notification;
use annunciator_mail::Mailbox;
use annunciator_smtp::{BreakerState, Client, Relay};

use crate::mail_transport::parts::Parts;
use crate::mail_transport::signing::Signing;
use crate::relay_parts::{Basis, RelayParts};
use crate::{
    Order, OrderFeed, RelaySettings, ServerStatus, Surroundings, Transport, TransportFuture,
};

/// The SMTP client of one channel.
pub(crate) struct MailSender {
    client: Client,
    hello_name: Arc<str>,
    has_strong_tls: bool,
}

/// Checks an address that goes into an envelope.
///
/// # Errors
/// What is wrong and what to do.
pub fn check_address(address: &str) -> Result<(), String> {
    let mailbox = Mailbox::parse(address).map_err(|error| error.to_string())?;
    // The envelope takes less than the header does, such as no escapes in a quoted local part.
    annunciator_smtp::Mailbox::new(&mailbox.to_ascii()).map(drop).map_err(|error| error.to_string())
}

/// The message of a notification as its recipients would get it, for showing.
///
/// # Errors
/// Why there is none.
pub(crate) fn show_message(notification: &Notification) -> Result<Vec<u8>, String> {
    parts::show_message(notification)
}

impl MailSender {
    pub(crate) fn new(surroundings: &Surroundings) -> Self {
        let client = Client::new(surroundings.keeper.clone());
        Self { client, hello_name: surroundings.hello_name.clone(), has_strong_tls: false }
    }

    /// Holds TLS to authenticated encryption with forward secrecy, and trusts the client
    /// certificate as an anchor too.
    pub(crate) fn with_strong_tls(self) -> Self {
        Self { has_strong_tls: true, ..self }
    }

    /// Makes ready to send with these settings; connections are shared between transports of
    /// equal settings.
    pub(crate) fn transport(&self, relay: &RelaySettings, basis: Basis<'_>) -> Arc<dyn Transport> {
        let (signing, unsigned) = match Signing::new(relay, basis.certificates) {
            Ok(signing) => (signing, String::new()),
            Err(words) => (None, format!("messages cannot be signed: {words}")),
        };
        let parts = RelayParts { relay, basis, has_strong_tls: self.has_strong_tls };
        let missing = parts.missing();
        Arc::new(MailTransport {
            client: self.client.clone(),
            relay: parts.to_relay(&self.hello_name),
            trace: relay.trace,
            signing,
            missing: if missing.is_empty() { unsigned } else { missing },
        })
    }

    pub(crate) fn servers(&self) -> Vec<ServerStatus> {
        let status = |server: annunciator_smtp::ServerHealth| ServerStatus {
            server: server.host,
            skipped: matches!(server.breaker, BreakerState::Open { .. }),
            failures_in_a_row: server.consecutive_failures,
            last_failure: server.last_failure,
            connections: u32::try_from(server.connections_open).unwrap_or(u32::MAX),
            connections_limit: u32::try_from(server.connections_limit).unwrap_or(u32::MAX),
        };
        self.client.health().into_iter().map(status).collect()
    }

    pub(crate) fn forget_failures(&self) {
        self.client.forget_failures();
    }

    pub(crate) fn set_share(&self, share: annunciator_smtp::Share) {
        self.client.set_share(share);
    }

    pub(crate) fn close_idle(&self) -> TransportFuture<'_> {
        Box::pin(self.client.close_idle())
    }
}

/// The settings of one relay, ready to send.
struct MailTransport {
    client: Client,
    relay: Relay,
    /// Whether the dialogue of every attempt is kept.
    trace: bool,
    /// What signs the messages, if they are signed.
    signing: Option<Signing>,
    missing: String,
}

impl Transport for MailTransport {
    fn concurrency_max(&self) -> usize {
        // Each of more would only wait for its turn.
        let per_minute = usize::try_from(self.relay.limits.messages_per_minute_max);
        let paced = per_minute.ok().filter(|count| *count > 0).unwrap_or(usize::MAX);
        self.client.share_of(self.relay.limits.connections_max).min(paced)
    }

    fn concurrency_now(&self) -> usize {
        self.client.connections_limit(&self.relay).min(self.concurrency_max())
    }

    fn missing(&self) -> &str {
        &self.missing
    }

    fn attempt<'a>(&'a self, first: Order, feed: &'a dyn OrderFeed) -> TransportFuture<'a> {
        Box::pin(async move {
            let parts =
                Parts::new(feed, &self.missing, self.trace).signed_by(self.signing.as_ref());
            parts.take(&first);
            // An order may become several submissions, and the client may end its session between
            // two of them: go on until nothing is left.
            while let Some(submission) = parts.next_taken() {
                self.client.deliver(&self.relay, submission, &parts).await;
            }
        })
    }

    fn knock(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(self.client.knock(&self.relay))
    }
}
