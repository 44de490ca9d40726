//! The e-mail channel: notifications into messages, messages into SMTP transactions.
//!
//! In: orders. Out: one outcome per recipient.
//! Knows nothing of: events, queues, layers.
//! Standard: RFC 5321, RFC 5322, RFC 6376; spec 4.

mod parts;
mod signing;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use annunciator_core::{ChannelName, Notification};
use annunciator_mail::Mailbox;
use annunciator_smtp::{BreakerState, Client, Relay};

use crate::email::parts::Parts;
use crate::email::signing::Signing;
use crate::{
    Channel, Order, OrderFeed, ServerStatus, Surroundings, Transport, TransportFuture,
    TransportParts,
};

/// The e-mail channel.
struct Email {
    client: Client,
    hello_name: Arc<str>,
}

/// Makes the channel; see [`crate::MakeChannel`].
#[must_use]
pub fn make(surroundings: &Surroundings) -> Arc<dyn Channel> {
    let client = Client::new(surroundings.keeper.clone());
    Arc::new(Email { client, hello_name: surroundings.hello_name.clone() })
}

impl Channel for Email {
    fn name(&self) -> ChannelName {
        ChannelName::from_static("email")
    }

    fn check_address(&self, address: &str) -> Result<(), String> {
        let mailbox = Mailbox::parse(address).map_err(|error| error.to_string())?;
        // The envelope takes less than the header does, such as no escapes in a quoted local part.
        annunciator_smtp::Mailbox::new(&mailbox.to_ascii())
            .map(drop)
            .map_err(|error| error.to_string())
    }

    fn transport(&self, parts: TransportParts<'_>) -> Arc<dyn Transport> {
        let (signing, unsigned) = match Signing::new(parts.relay, parts.certificates) {
            Ok(signing) => (signing, String::new()),
            Err(words) => (None, format!("messages cannot be signed: {words}")),
        };
        let missing = parts.missing();
        Arc::new(EmailTransport {
            client: self.client.clone(),
            relay: parts.to_relay(&self.hello_name),
            trace: parts.relay.trace,
            signing,
            missing: if missing.is_empty() { unsigned } else { missing },
        })
    }

    fn message(&self, notification: &Notification) -> Result<Vec<u8>, String> {
        parts::show_message(notification)
    }

    fn servers(&self) -> Vec<ServerStatus> {
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

    fn forget_failures(&self) {
        self.client.forget_failures();
    }

    fn close_idle(&self) -> TransportFuture<'_> {
        Box::pin(self.client.close_idle())
    }
}

/// The channel with the settings of one relay.
struct EmailTransport {
    client: Client,
    relay: Relay,
    /// Whether the dialogue of every attempt is kept.
    trace: bool,
    /// What signs the messages, if they are signed.
    signing: Option<Signing>,
    missing: String,
}

impl Transport for EmailTransport {
    fn concurrency_max(&self) -> usize {
        // Each of more would only wait for its turn.
        let per_minute = usize::try_from(self.relay.limits.messages_per_minute_max);
        let paced = per_minute.ok().filter(|count| *count > 0).unwrap_or(usize::MAX);
        self.relay.limits.connections_max.min(paced)
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
