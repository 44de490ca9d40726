//! Turns a server into a session that is ready for MAIL.
//!
//! connect → greeting → EHLO → (STARTTLS → handshake → EHLO) → (AUTH)
//!
//! In: a way to a server, TLS context. Out: [`Session`], or the trouble that stopped it.
//! Knows nothing of: messages, other servers, earlier failures.
//! Standard: RFC 5321 sections 3.1 and 3.2, RFC 3207, RFC 4954; spec 4.3.
//! Failure: everything here concerns the relay; see `trouble`.

use std::sync::Arc;
use std::time::Duration;

use annunciator_core::{
    AttemptFacts, DaneOutcome, EnhancedStatus, RouteFacts, Stage, Stages, TlsFacts,
};
use tokio::time::Instant;

use crate::advice::Terms;
use crate::capabilities::Capabilities;
use crate::connection::{Broken, Connection};
use crate::expectation::Expectation;
use crate::relay::{Auth, TlsPolicy};
use crate::server::{OpenCount, Server};
use crate::submission::{Feed, StageReport};
use crate::tls::{cause_of_alert, shake_hands};
use crate::transaction::Chunking;
use crate::trouble::{Cause, Trouble};
use crate::{advice, auth, route};

mod opening;

pub(crate) use self::opening::{Opening, OpeningFailure, open};

/// Longest EHLO argument. Unit: octets.
const HELLO_NAME_OCTETS_MAX: usize = 255;

/// Longest wait for a greeting in a test message: somebody sits before it. Production waits as
/// long as RFC 5321 section 4.5.3.2.1 asks for, because a busy server may need it.
const TEST_GREETING_MAX: Duration = Duration::from_secs(20);

/// A connection that has greeted, and what is known of it.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) capabilities: Capabilities,
    pub(crate) server: Arc<Server>,
    address: String,
    route: Option<RouteFacts>,
    tls: Option<TlsFacts>,
    /// Time of connection and handshake; taken by the first report.
    opening: Option<Stages>,
    /// Messages handed over.
    pub(crate) messages: u32,
    /// Whether it has rested in the pool or carried a transaction.
    pub(crate) reused: bool,
    /// Whether a transaction was left open.
    pub(crate) needs_reset: bool,
    /// How content is sent.
    pub(crate) chunking: Chunking,
    /// Counts as one of the server's connections while it lives.
    open_count: OpenCount,
}

impl Session {
    /// The connection, and what counts it as open.
    pub(crate) fn into_parts(self) -> (Connection, OpenCount) {
        (self.connection, self.open_count)
    }

    /// Whether it is encrypted.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The facts of a report; the times of connection and handshake only once.
    pub(crate) fn facts(&mut self) -> AttemptFacts {
        AttemptFacts {
            server: self.server.label.clone(),
            address: self.address.clone(),
            route: self.route.clone(),
            tls: self.tls.clone(),
            reused: self.reused,
            stages: self.opening.take().unwrap_or_default(),
            ..AttemptFacts::default()
        }
    }
}

/// Who watches an attempt live.
#[derive(Clone, Copy)]
pub(crate) struct Watch<'a> {
    pub(crate) feed: &'a dyn Feed,
    pub(crate) tag: u64,
    pub(crate) on: bool,
    /// Whether somebody waits for the result (a test message).
    pub(crate) is_test: bool,
}

impl Watch<'_> {
    /// Reports a stage that went well.
    pub(crate) fn passed(
        &self,
        stage: Stage,
        server: &str,
        since: Instant,
        detail: impl FnOnce() -> Vec<String>,
    ) {
        if self.on {
            self.report(stage, server, since, Ok(detail()), Terms::default());
        }
    }

    /// Reports a stage that failed.
    pub(crate) fn failed(&self, trouble: &Trouble, server: &str, since: Instant) {
        self.failed_under(Terms::default(), trouble, server, since);
    }

    /// Reports a stage that failed, where the advice depends on more than the trouble.
    fn failed_under(&self, terms: Terms, trouble: &Trouble, server: &str, since: Instant) {
        if self.on {
            self.report(trouble.stage, server, since, Err(trouble), terms);
        }
    }

    fn report(
        &self,
        stage: Stage,
        server: &str,
        since: Instant,
        how: Result<Vec<String>, &Trouble>,
        terms: Terms,
    ) {
        let ok = how.is_ok();
        let advice = how.as_ref().err().map(|trouble| advice::on(trouble, terms));
        let advice = advice.unwrap_or_default();
        let detail = how.unwrap_or_else(|trouble| vec![trouble.failure().diagnostic]);
        let server = server.to_owned();
        let report = StageReport { stage, server, ok, detail, advice, elapsed: since.elapsed() };
        self.feed.stage(self.tag, &report);
    }
}

/// A duration as the ledger keeps it.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Letters of a domain or an address literal: nothing that could end the command.
fn is_hello_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    !name.is_empty() && name.len() <= HELLO_NAME_OCTETS_MAX && name.bytes().all(fits)
}

/// A session on its way in.
struct Entry<'a> {
    opening: &'a Opening<'a>,
    expectation: &'a Expectation,
    connection: Connection,
    capabilities: Capabilities,
    route: Option<RouteFacts>,
    tls: Option<TlsFacts>,
    /// When the stage began.
    since: Instant,
}

impl Entry<'_> {
    async fn run(&mut self) -> Result<(), Trouble> {
        if let Err(trouble) = self.greet().await {
            if trouble.stage == Stage::Tls {
                self.note_dane(DaneOutcome::Tempfail);
            }
            return Err(trouble);
        }
        self.check_onwards()?;
        self.auth().await
    }

    /// All until the session is encrypted, where it is to be.
    async fn greet(&mut self) -> Result<(), Trouble> {
        let policy = &self.opening.relay().tls;
        if matches!(policy, TlsPolicy::Implicit { .. }) {
            self.shake_hands().await?;
        }
        if let Err(trouble) = self.greeting().await {
            return Err(self.after_handshake(trouble));
        }
        self.hello().await?;
        if matches!(policy, TlsPolicy::IfSupported { .. } | TlsPolicy::Required { .. }) {
            self.starttls().await?;
        }
        Ok(())
    }

    fn deadline(&self, timeout: Duration) -> Instant {
        self.opening.deadline.min(Instant::now() + timeout)
    }

    fn passed(&mut self, stage: Stage, detail: impl FnOnce(&Self) -> Vec<String>) {
        self.opening.watch.passed(stage, self.opening.label(), self.since, || detail(self));
        self.since = Instant::now();
    }

    async fn greeting(&mut self) -> Result<(), Trouble> {
        let mut wait = self.opening.relay().timeouts.greeting;
        if self.opening.watch.is_test {
            wait = wait.min(TEST_GREETING_MAX);
        }
        let deadline = self.deadline(wait);
        let lost = |broken: Broken| Trouble::new(Stage::Greeting, broken.into());
        let reply = self.connection.reply(deadline).await.map_err(lost)?;
        if reply.code.number() != 220 {
            return Err(Trouble::new(Stage::Greeting, Cause::reply(reply)));
        }
        let text = self.opening.watch.on.then(|| reply.to_text());
        self.passed(Stage::Greeting, |_| text.into_iter().collect());
        Ok(())
    }

    async fn hello(&mut self) -> Result<(), Trouble> {
        self.capabilities = Capabilities::default();
        for command in ["EHLO ", "HELO "] {
            let deadline = self.deadline(self.opening.relay().timeouts.hello);
            let lost = |broken: Broken| Trouble::new(Stage::Hello, broken.into());
            self.connection.check_sync().map_err(lost)?;
            self.connection.put_command(&[command, &self.opening.relay().hello_name]);
            self.connection.flush(deadline).await.map_err(lost)?;
            let reply = self.connection.reply(deadline).await.map_err(lost)?;
            match (reply.code.number(), command) {
                (250, "EHLO ") => self.capabilities = Capabilities::parse(reply),
                (250, _) => {}
                // A server that does not know EHLO (RFC 5321 section 3.2).
                (500 | 502, "EHLO ") => continue,
                _ => return Err(Trouble::new(Stage::Hello, Cause::reply(reply))),
            }
            let lines = |reply: crate::reply::Reply<'_>| {
                reply
                    .lines()
                    .map(|line| annunciator_core::one_line(&String::from_utf8_lossy(line), 200))
                    .collect()
            };
            let lines = if self.opening.watch.on { lines(reply) } else { Vec::new() };
            self.passed(Stage::Hello, |_| lines);
            return Ok(());
        }
        unreachable!("a refused HELO has returned")
    }

    /// Before TLS, for every policy that uses STARTTLS.
    async fn starttls(&mut self) -> Result<(), Trouble> {
        let required = matches!(self.opening.relay().tls, TlsPolicy::Required { .. });
        let is_optional = !required && self.expectation.demand.is_none();
        if is_optional && (self.opening.plain || !self.capabilities.starttls) {
            return Ok(());
        }
        if !self.capabilities.starttls {
            let words = match self.expectation.demand {
                Some(demand) => format!(
                    "{} demands TLS and the server does not offer STARTTLS",
                    demand.as_str()
                ),
                None => "TLS is required and the server does not offer STARTTLS".to_owned(),
            };
            let cause = Cause::Forbidden(EnhancedStatus::new(4, 7, 10), words);
            return Err(Trouble::new(Stage::Tls, cause));
        }
        let deadline = self.deadline(self.opening.relay().timeouts.tls);
        let lost = |broken: Broken| Trouble::new(Stage::Tls, broken.into());
        self.connection.check_sync().map_err(lost)?;
        self.connection.put_command(&["STARTTLS"]);
        self.connection.flush(deadline).await.map_err(lost)?;
        let reply = self.connection.reply(deadline).await.map_err(lost)?;
        if reply.code.number() != 220 {
            return Err(Trouble::new(Stage::Tls, Cause::reply(reply)));
        }
        self.shake_hands().await?;
        // What was announced before TLS may have been forged (RFC 3207 section 4.2).
        let Err(trouble) = self.hello().await else { return Ok(()) };
        Err(match self.after_handshake(trouble) {
            Trouble { cause: Cause::Lost(words), .. } => {
                Trouble::new(Stage::Tls, Cause::Handshake(words))
            }
            trouble => trouble,
        })
    }

    /// With TLS 1.3 a server that refuses our certificate, or its absence, says so only after the
    /// handshake: by an alert, or by closing, which may outrun the alert.
    fn after_handshake(&self, trouble: Trouble) -> Trouble {
        let refused = match (self.connection.alert(), &trouble.cause, &self.tls) {
            (Some(alert), _, Some(_)) => cause_of_alert(alert),
            (None, Cause::Lost(words), Some(facts)) if facts.protocol == "TLSv1.3" => {
                let why = "right after the handshake, as servers do that want a client certificate";
                Some(Cause::ClientCertificate(format!("{words} {why}")))
            }
            _ => None,
        };
        refused.map_or(trouble, |cause| Trouble::new(Stage::Tls, cause))
    }

    /// REQUIRETLS may be asked for only of a server that was verified and offers it (RFC 8689
    /// section 4.1); without it nothing is sent at all.
    fn check_onwards(&self) -> Result<(), Trouble> {
        let lacks = match &self.tls {
            _ if !self.opening.relay().extensions.require_tls => return Ok(()),
            None => "there is no TLS with this server",
            Some(facts) if !facts.verified => "the server's certificate was not verified",
            Some(_) if !self.capabilities.require_tls => "the server does not offer REQUIRETLS",
            Some(_) => return Ok(()),
        };
        let words = format!("`require_tls` asks for verified TLS on all the way, but {lacks}");
        let cause = Cause::Forbidden(EnhancedStatus::new(4, 7, 30), words);
        Err(Trouble::new(Stage::Tls, cause))
    }

    async fn shake_hands(&mut self) -> Result<(), Trouble> {
        let implicit = matches!(self.opening.relay().tls, TlsPolicy::Implicit { .. });
        let trouble = |cause| {
            // Nobody has to tamper with anything to be a server that greets in plain text.
            let plain = implicit && cause == Cause::Injected;
            Trouble::new(Stage::Tls, if plain { Cause::PlainGreeting } else { cause })
        };
        let context = self.opening.context.expect("every policy with TLS has a context");
        let tcp = self.connection.take_tcp().map_err(trouble)?;
        let deadline = self.deadline(self.opening.relay().timeouts.tls);
        let watched = self.opening.watch.on;
        let made = shake_hands(context, self.expectation, tcp, deadline, watched).await;
        let (stream, facts) = made.map_err(trouble)?;
        self.note_dane(DaneOutcome::Ok);
        self.connection.set_tls(stream);
        self.connection.note(&format!("--- {} {}", facts.protocol, facts.cipher));
        self.tls = Some(facts);
        self.passed(Stage::Tls, |entry| entry.tls.as_ref().map(tls_lines).unwrap_or_default());
        Ok(())
    }

    /// Notes what came of TLSA records that had to be matched.
    fn note_dane(&mut self, outcome: DaneOutcome) {
        if let Some(route) = &mut self.route
            && !self.expectation.tlsa.is_empty()
        {
            route.dane = Some(outcome);
        }
    }

    async fn auth(&mut self) -> Result<(), Trouble> {
        let Opening { finder, way, tokens, deadline, .. } = *self.opening;
        let relay = finder.relay;
        if relay.auth == Auth::None {
            return Ok(());
        }
        let claim = auth::Claim {
            relay,
            capabilities: &self.capabilities,
            tls: self.tls.as_ref(),
            host: route::bare_host(&way.server.host),
            tokens,
            deadline,
        };
        let lines = auth::prove(&mut self.connection, &claim).await?;
        self.passed(Stage::Auth, |_| lines);
        Ok(())
    }
}

fn tls_lines(facts: &TlsFacts) -> Vec<String> {
    let resumed = if facts.resumed { ", resumed" } else { "" };
    let mut lines = vec![format!("{} {}{resumed}", facts.protocol, facts.cipher)];
    if !facts.subject.is_empty() {
        lines.extend([
            format!("subject {}", facts.subject),
            format!("issuer {}", facts.issuer),
            format!("serial {}", facts.serial),
            format!("valid from {} until {}", facts.not_before, facts.not_after),
            format!("key {}", facts.key),
            format!("SHA-256 {}", facts.fingerprint_sha256),
        ]);
    }
    lines.extend(facts.chain.iter().map(|link| format!("chain: {link}")));
    lines.push(if facts.verified {
        "certificate verified".to_owned()
    } else {
        format!("certificate not verified: {}", facts.verify_error)
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ehlo_name_can_add_a_command() {
        for (name, expected) in [
            ("mail.example.org", true),
            ("[192.0.2.1]", true),
            ("[IPv6:2001:db8::1]", true),
            ("", false),
            ("a\r\nMAIL", false),
            ("a b", false),
        ] {
            assert_eq!(is_hello_name(name), expected, "{name:?}");
        }
    }
}
