//! What all tests share: a relay's settings, submissions, and a feed that counts reports.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use annunciator_certificates::{ClientCertificate, SecretOctets};
use annunciator_core::Outcome;
use annunciator_smtp::{
    Client, Envelope, Feed, ForwardPath, Limits, Mailbox, Relay, Report, ReversePath, StageReport,
    Submission, TlsPolicy,
};
use annunciator_testkit::certificates::Identity;
use bytes::Bytes;
use tokio::time::Instant;

/// The testkit's relay.
pub(crate) type Server = annunciator_testkit::relay::Relay;

/// Settings for one server without TLS and credentials.
pub(crate) fn relay_to(server: &Server) -> Relay {
    relay_at(&["127.0.0.1"], server.port())
}

/// Settings for these hosts.
pub(crate) fn relay_at(hosts: &[&str], port: u16) -> Relay {
    Relay {
        hosts: hosts.iter().map(ToString::to_string).collect(),
        port,
        tls: TlsPolicy::Off,
        hello_name: "client.test".into(),
        limits: Limits { connections_max: 4, ..Limits::default() },
        ..Relay::default()
    }
}

/// As it is uploaded: the chain, and the key as PKCS#8.
pub(crate) fn client_certificate(identity: &Identity) -> ClientCertificate {
    let all = std::iter::once(&identity.certificate).chain(&identity.chain);
    let chain = all.map(|certificate| certificate.to_der().unwrap()).collect();
    let key = SecretOctets::new(identity.key.private_key_to_pkcs8().unwrap());
    ClientCertificate { chain, key }
}

/// A small message to these recipients.
pub(crate) fn submission(tag: u64, to: &[&str]) -> Submission {
    let mailbox = |text: &str| Mailbox::new(text).unwrap();
    let from = ReversePath(Some(mailbox("from@example.org")));
    let to = to.iter().map(|text| ForwardPath(mailbox(text))).collect();
    let text = format!("Message-ID: <{tag}@client.test>\r\nSubject: {tag}\r\n\r\n.dot\r\nend\r\n");
    Submission {
        tag,
        envelope: Envelope::new(from, to).unwrap(),
        content: Bytes::from(text),
        needs_8bit: false,
        prefer_server: None,
        deadline: Instant::now() + Duration::from_secs(20),
        envelope_id: String::new(),
        dry_run: false,
        trace: false,
        fresh_connection: false,
    }
}

/// Hands on what it was given, keeps what comes back.
#[derive(Default)]
pub(crate) struct Basket {
    pub(crate) waiting: Mutex<VecDeque<Submission>>,
    pub(crate) reports: Mutex<Vec<(u64, Report)>>,
    pub(crate) stages: Mutex<Vec<StageReport>>,
}

impl Feed for Basket {
    fn next(&self) -> Option<Submission> {
        self.waiting.lock().unwrap().pop_front()
    }
    fn report(&self, tag: u64, report: Report) {
        self.reports.lock().unwrap().push((tag, report));
    }
    fn stage(&self, _tag: u64, stage: &StageReport) {
        self.stages.lock().unwrap().push(stage.clone());
    }
}

impl Basket {
    pub(crate) fn new(waiting: Vec<Submission>) -> Self {
        Self { waiting: Mutex::new(waiting.into()), ..Self::default() }
    }

    /// The reports by tag; each exactly once.
    pub(crate) fn by_tag(&self) -> BTreeMap<u64, Report> {
        let reports = self.reports.lock().unwrap();
        let map: BTreeMap<u64, Report> = reports.iter().cloned().collect();
        assert_eq!(map.len(), reports.len(), "a submission is reported once");
        map
    }
}

/// Delivers them with one call; their reports in the order of the tags.
pub(crate) async fn deliver(
    client: &Client,
    relay: &Relay,
    mut all: Vec<Submission>,
) -> Vec<Report> {
    let tags: Vec<u64> = all.iter().map(|submission| submission.tag).collect();
    let first = all.remove(0);
    let basket = Basket::new(all);
    client.deliver(relay, first, &basket).await;
    let reports = basket.by_tag();
    let reported: Vec<u64> = reports.keys().copied().collect();
    let mut expected = tags;
    let left: Vec<u64> = basket.waiting.lock().unwrap().iter().map(|s| s.tag).collect();
    expected.retain(|tag| !left.contains(tag));
    expected.sort_unstable();
    assert_eq!(reported, expected, "all that was taken is reported, nothing else");
    reports.into_values().collect()
}

/// Delivers one message to these recipients with a client of its own.
pub(crate) async fn deliver_to(relay: &Relay, to: &[&str]) -> Report {
    deliver(&Client::default(), relay, vec![submission(1, to)]).await.remove(0)
}

/// `delivered`, or kind, stage, scope, code and status of the failure.
pub(crate) fn word(outcome: &Outcome) -> String {
    let Some(failure) = outcome.failure() else { return outcome.as_str().to_owned() };
    let kind = outcome.as_str().split('_').next().unwrap_or_default();
    let code = failure.code.map_or("-".to_owned(), |code| code.to_string());
    format!("{kind} {} {:?} {code} {}", failure.stage, failure.scope, failure.status)
}

/// The words of all outcomes.
pub(crate) fn words(report: &Report) -> Vec<String> {
    report.outcomes.iter().map(word).collect()
}

/// The diagnostic of the first failure.
pub(crate) fn diagnostic(report: &Report) -> String {
    let failure = report.outcomes.iter().find_map(Outcome::failure);
    failure.map(|failure| failure.diagnostic.clone()).unwrap_or_default()
}
