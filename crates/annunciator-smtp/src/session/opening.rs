//! Finds a server's addresses and opens a session with the first that answers.
//!
//! In: [`Opening`]. Out: a session, or the [`OpeningFailure`] with all that was seen until then.
//! Knows nothing of: other servers, earlier failures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use annunciator_core::{EnhancedStatus, RouteFacts, Stage, Stages};
use tokio::time::Instant;

use super::{Entry, Session, Watch, is_hello_name, micros};
use crate::advice::Terms;
use crate::capabilities::Capabilities;
use crate::connection::Connection;
use crate::oauth::Tokens;
use crate::relay::Relay;
use crate::route;
use crate::route::approach::{self, Approach};
use crate::route::finder::Finder;
use crate::route::roster::Way;
use crate::server::OpenCount;
use crate::tls::TlsContext;
use crate::transaction::Chunking;
use crate::trouble::{Cause, Trouble};

/// All that opening a session needs.
pub(crate) struct Opening<'a> {
    pub(crate) finder: &'a Finder<'a>,
    pub(crate) way: &'a Way,
    /// For every policy but `Off`.
    pub(crate) context: Option<&'a TlsContext>,
    /// Whether this server's TLS failed long enough ago that plain text is used, where nothing
    /// but the TLS policy asks for TLS.
    pub(crate) plain: bool,
    /// Access tokens.
    pub(crate) tokens: &'a Tokens,
    pub(crate) deadline: Instant,
    pub(crate) trace: bool,
    pub(crate) watch: Watch<'a>,
}

impl Opening<'_> {
    pub(super) fn relay(&self) -> &Relay {
        self.finder.relay
    }

    pub(super) fn label(&self) -> &str {
        &self.way.server.label
    }
}

/// Why no session came to be.
pub(crate) struct OpeningFailure {
    pub(crate) trouble: Trouble,
    pub(crate) address: String,
    pub(crate) route: Option<RouteFacts>,
    /// Whether plain text is out of the question, whatever the TLS policy says.
    pub(crate) demands_tls: bool,
    pub(crate) dialogue: Vec<String>,
}

impl OpeningFailure {
    /// One before any address was found.
    pub(crate) fn early(trouble: Trouble, route: Option<RouteFacts>) -> Self {
        let (address, dialogue) = (String::new(), Vec::new());
        Self { trouble, address, route, demands_tls: false, dialogue }
    }
}

/// Opens a session. Addresses are tried in turn as long as nobody has answered properly.
pub(crate) async fn open(opening: &Opening<'_>) -> Result<Session, OpeningFailure> {
    let started = Instant::now();
    let (relay, server) = (opening.relay(), opening.label());
    if !is_hello_name(&relay.hello_name) {
        let words =
            format!("the EHLO name \"{}\" is not a domain", relay.hello_name.escape_debug());
        let cause = Cause::Forbidden(EnhancedStatus::new(4, 3, 5), words);
        return Err(OpeningFailure::early(Trouble::new(Stage::Prepare, cause), None));
    }
    let approach = match approach::find(opening.finder, opening.way, opening.deadline).await {
        Ok(approach) => approach,
        Err(astray) => {
            let trouble = Trouble::new(Stage::Resolve, astray.cause);
            opening.watch.failed(&trouble, server, started);
            return Err(OpeningFailure::early(trouble, astray.facts));
        }
    };
    opening.watch.passed(Stage::Resolve, server, started, || approach.lines.clone());
    let mut last = None;
    for &address in &approach.addresses {
        match open_at(opening, &approach, address, started).await {
            Ok(session) => return Ok(session),
            Err(failure) => {
                let unanswered = matches!(failure.trouble.stage, Stage::Connect | Stage::Greeting);
                last = Some(failure);
                if !unanswered || Instant::now() >= opening.deadline {
                    break;
                }
            }
        }
    }
    Err(last.expect("an approach has at least one address"))
}

async fn open_at(
    opening: &Opening<'_>,
    approach: &Approach,
    address: SocketAddr,
    started: Instant,
) -> Result<Session, OpeningFailure> {
    let since = Instant::now();
    let deadline = opening.deadline.min(since + opening.relay().timeouts.connect);
    let failed = |trouble: Trouble, since, route, dialogue| {
        let demand = approach.expectation.demand;
        let terms = Terms::new(&opening.relay().tls, demand);
        opening.watch.failed_under(terms, &trouble, opening.label(), since);
        let demands_tls = demand.is_some();
        OpeningFailure { trouble, address: address.to_string(), route, demands_tls, dialogue }
    };
    let stream = match route::connect(address, deadline).await {
        Ok(stream) => stream,
        Err(cause) => {
            let trouble = Trouble::new(Stage::Connect, cause);
            return Err(failed(trouble, since, approach.facts.clone(), Vec::new()));
        }
    };
    opening.watch.passed(Stage::Connect, opening.label(), since, || vec![address.to_string()]);
    let connected = Instant::now();
    let mut entry = Entry {
        opening,
        expectation: &approach.expectation,
        connection: Connection::new(stream, opening.trace),
        capabilities: Capabilities::default(),
        route: approach.facts.clone(),
        tls: None,
        since: connected,
    };
    match entry.run().await {
        Ok(()) => {
            let opening_times = Stages {
                connect_us: Some(micros(connected - started)),
                handshake_us: Some(micros(connected.elapsed())),
                transaction_us: None,
            };
            let relay = opening.relay();
            Ok(Session {
                chunking: Chunking::new(&entry.capabilities, relay, &opening.way.server),
                connection: entry.connection,
                capabilities: entry.capabilities,
                server: Arc::clone(&opening.way.server),
                address: address.to_string(),
                route: entry.route,
                tls: entry.tls,
                opening: Some(opening_times),
                messages: 0,
                reused: false,
                needs_reset: false,
                open_count: OpenCount::new(&opening.way.server),
            })
        }
        Err(trouble) => {
            let dialogue = entry.connection.dialogue();
            let failure = failed(trouble, entry.since, entry.route, dialogue);
            if failure.trouble.stage != Stage::Tls {
                entry.connection.quit(Duration::ZERO).await;
            }
            Err(failure)
        }
    }
}
