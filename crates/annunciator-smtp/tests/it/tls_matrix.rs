//! The TLS matrix of the quality document, cell by cell (G10).
//!
//! Each cell has a relay of its own, whose TLS is OpenSSL's, and a sniffer before it that must
//! never see the password. `tls_real` repeats the cells that Postfix and `openssl s_server` can
//! play.

use std::sync::Arc;
use std::time::Duration;

use annunciator_smtp::{
    Auth, AuthGuard, Client, Relay, SecretText, Timeouts, TlsPolicy, TlsVersionMin, Verify,
};
use annunciator_testkit::certificates::{Authority, Identity};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::sniffer::Sniffer;
use crate::stage::{Server, client_certificate, deliver, diagnostic, relay_to, submission, words};
use crate::tls_rows::{Expected, Mode, Row, rows};

pub(crate) const USER: &str = "anna@plant.test";
pub(crate) const PASSWORD: &str = "correct horse battery";
/// All non-empty cells of the table: 4 without STARTTLS, 4 with a good certificate, 4 for each of
/// 9 bad ones, 3 for each of 2 with an own list, 3 for each of 6 refusals, 3 for each of 4 broken
/// handshakes, 3 for each of 4 injections, 4 for each of 2 old versions, 3 for each of 4 client
/// certificates, 3 for an implicit port, 3 for an end without a farewell.
const CELLS: usize = 4 + 4 + 9 * 4 + 2 * 3 + 6 * 3 + 4 * 3 + 4 * 3 + 2 * 4 + 4 * 3 + 3 + 3;
/// Cells that run at the same time.
const AT_ONCE: usize = 6;
/// How long TLS must have failed before plain text is used, where a cell waits for that.
const SOON: Duration = Duration::from_millis(100);

fn credentials(allow_without_tls: bool, allow_unverified: bool) -> Auth {
    Auth::Password {
        username: USER.to_owned(),
        password: SecretText::new(PASSWORD.to_owned()),
        mechanism: None,
        guard: AuthGuard { allow_without_tls, allow_unverified },
    }
}

/// The settings of a column.
fn settings(row: &Row, mode: Mode, plaintext_after: Duration, allow_unverified: bool) -> Relay {
    let ca = Some(vec![row.trust.certificate().to_der().unwrap()]);
    let version_min = match mode {
        Mode::RequiredAny => TlsVersionMin::Any,
        _ => TlsVersionMin::Tls12,
    };
    let tls = match mode {
        Mode::Off => TlsPolicy::Off,
        _ if row.implicit => {
            TlsPolicy::Implicit { verify: Verify { ca, version_min, ..Verify::default() } }
        }
        Mode::IfSupported | Mode::Credentials => TlsPolicy::IfSupported { plaintext_after, ca },
        Mode::Required | Mode::RequiredAny => {
            TlsPolicy::Required { verify: Verify { ca, version_min, ..Verify::default() } }
        }
    };
    let auth = match mode {
        Mode::Credentials => credentials(false, allow_unverified),
        _ => Auth::None,
    };
    let mut timeouts = Timeouts::default();
    if row.silent {
        timeouts.tls = Duration::from_millis(400);
    }
    let client_certificate = row.client.as_ref().map(client_certificate);
    Relay { tls, auth, timeouts, client_certificate, ..crate::stage::relay_at(&["127.0.0.1"], 0) }
}

/// One cell at work.
struct Bench {
    server: Server,
    sniffer: Sniffer,
    client: Client,
    relay: Relay,
    what: String,
    tag: u64,
}

impl Bench {
    async fn new(
        row: &Row,
        at: usize,
        mode: Mode,
        after: Duration,
        allow_unverified: bool,
    ) -> Self {
        let builder = (row.servers[at])().user(USER, PASSWORD).auth(&["LOGIN", "PLAIN"]);
        let builder = if mode == Mode::Credentials { builder.require_auth() } else { builder };
        let server = builder.start();
        let sniffer = Sniffer::before(server.port()).await;
        let relay = Relay { port: sniffer.port(), ..settings(row, mode, after, allow_unverified) };
        let what = format!("{} × {mode:?}", row.name);
        Self { server, sniffer, client: Client::default(), relay, what, tag: 0 }
    }

    /// `plain`, `tls`, or why it was deferred.
    async fn attempt(&mut self) -> String {
        self.tag += 1;
        let before = self.server.message_count();
        let mail = vec![submission(self.tag, &["a@x.test"])];
        let report = deliver(&self.client, &self.relay, mail).await.remove(0);
        self.client.close_idle().await;
        // Broken handshakes look like commands to a server that expects some.
        let _ = self.server.violations();
        if words(&report) == ["delivered"] {
            assert_eq!(self.server.message_count(), before + 1, "{}: no duplicate", self.what);
            let message = self.server.take_messages().pop().unwrap();
            assert_eq!(message.tls, report.facts.tls.is_some(), "{}", self.what);
            let user = message.auth_user.as_deref();
            assert_eq!(user.is_some(), self.relay.auth != Auth::None, "{}", self.what);
            return if message.tls { "tls" } else { "plain" }.to_owned();
        }
        let word = words(&report).remove(0);
        assert!(word.starts_with("transient") && word.contains("Relay"), "{}: {word}", self.what);
        assert_eq!(self.server.message_count(), before, "{}", self.what);
        let connections = self.server.connections();
        let sent = |command: &String| command.starts_with("MAIL") || command.starts_with("AUTH");
        let sent = connections.last().is_some_and(|last| last.commands.iter().any(sent));
        assert!(!sent, "{}: nothing is sent\n{}", self.what, self.server.transcript());
        diagnostic(&report)
    }

    async fn is(&mut self, expected: &str) {
        let found = self.attempt().await;
        assert_eq!(found, expected, "{}\n{}", self.what, self.server.transcript());
    }

    async fn is_deferred(&mut self, reason: &str) {
        let found = self.attempt().await;
        assert!(found.contains(reason), "{}: {found} (not: {reason})", self.what);
        assert!(found != "plain" && found != "tls", "{}: {found}", self.what);
    }

    fn keeps_the_password(&self) {
        let found = self.sniffer.find(&[PASSWORD, &format!("{USER} ")]);
        assert_eq!(found, None, "{}: in clear", self.what);
    }
}

async fn check(row: &Row, mode: Mode, expected: &Expected) {
    for at in 0..row.servers.len() {
        let hours = Duration::from_secs(3_600);
        let mut bench = Bench::new(row, at, mode, hours, false).await;
        match expected {
            Expected::Plain => bench.is("plain").await,
            Expected::Tls => bench.is("tls").await,
            Expected::TlsWhereAllowed(reason) => {
                bench.is_deferred(reason).await;
                bench.keeps_the_password();
                bench = Bench::new(row, at, mode, hours, true).await;
                bench.is("tls").await;
            }
            Expected::Deferred(reason) => {
                // However long it has failed.
                bench = Bench::new(row, at, mode, Duration::ZERO, true).await;
                bench.is_deferred(reason).await;
                bench.is_deferred(reason).await;
            }
            Expected::PlainLater(reason) => {
                bench.is_deferred(reason).await;
                bench.is_deferred(reason).await;
                bench = Bench::new(row, at, mode, SOON, false).await;
                bench.is_deferred(reason).await;
                tokio::time::sleep(SOON).await;
                bench.is("plain").await;
            }
        }
        bench.keeps_the_password();
    }
}

/// One cell is stricter than the table: with an own list and a certificate of a public CA,
/// credentials wait for the switch that allows it, because they go only to verified servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_of_the_matrix_is_as_agreed() {
    let (mut cells, turns) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for row in rows() {
        let row = Arc::new(row);
        for (mode, expected) in row.cells.clone() {
            let (row, turns) = (Arc::clone(&row), Arc::clone(&turns));
            cells.spawn(async move {
                let _turn = turns.acquire_owned().await.unwrap();
                check(&row, mode, &expected).await;
            });
        }
    }
    let mut done = 0;
    while let Some(cell) = cells.join_next().await {
        cell.unwrap();
        done += 1;
    }
    assert_eq!((done, CELLS), (118, 118));
}

/// The sniffer must see a password where one crosses, or it proves nothing.
#[tokio::test]
async fn the_sniffer_catches_a_password_in_clear() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let server =
            Server::builder().user(USER, PASSWORD).auth(&[mechanism]).require_auth().start();
        let sniffer = Sniffer::before(server.port()).await;
        for (allowed, expected) in [(false, None), (true, Some(()))] {
            let auth = credentials(allowed, false);
            let relay = Relay { port: sniffer.port(), auth, ..relay_to(&server) };
            let mail = vec![submission(1, &["a@x.test"])];
            let report = deliver(&Client::default(), &relay, mail).await.remove(0);
            assert_eq!(words(&report) == ["delivered"], allowed);
            assert_eq!(sniffer.find(&[PASSWORD]).map(drop), expected, "{mechanism}");
        }
    }
}

/// An identity that the given authority has not issued, for rows and tests.
pub(crate) fn foreign(names: &[&str]) -> Identity {
    Authority::new("Another CA").server(names)
}
