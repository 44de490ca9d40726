//! TLS policies against real handshakes (quality G10, G11).

use std::time::Duration;

use annunciator_smtp::{Client, Relay, TlsPolicy, TlsVersionMin, Verify};
use annunciator_testkit::certificates::{Authority, Identity, self_signed};
use annunciator_testkit::relay::{Action, RelayBuilder, Stage, TlsSetup, TlsVersion, When, reply};

use crate::stage::{Server, deliver, diagnostic, relay_to, submission, words};
use crate::tls_rows::instead_of_handshake;

const NAMES: [&str; 2] = ["127.0.0.1", "relay.test"];

fn off() -> TlsPolicy {
    TlsPolicy::Off
}

fn if_supported() -> TlsPolicy {
    TlsPolicy::IfSupported { plaintext_after: Duration::from_secs(3_600), ca: None }
}

fn trusting(authority: &Authority, version_min: TlsVersionMin) -> Verify {
    Verify {
        ca: Some(vec![authority.certificate().to_der().unwrap()]),
        version_min,
        ..Verify::default()
    }
}

fn required(authority: &Authority) -> TlsPolicy {
    TlsPolicy::Required { verify: trusting(authority, TlsVersionMin::Tls12) }
}

/// `plain`, `tls` or `defer: …`; deferred means that no command of a transaction was sent.
async fn way(client: &Client, server: &Server, tls: TlsPolicy) -> String {
    let relay = Relay { tls, ..relay_to(server) };
    let before = server.connection_count();
    let report = deliver(client, &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
    client.close_idle().await;
    let _ = server.violations();
    if words(&report) == ["delivered"] {
        let message = server.take_messages().pop().unwrap();
        assert_eq!(message.tls, report.facts.tls.is_some());
        return if message.tls { "tls" } else { "plain" }.to_owned();
    }
    assert!(words(&report)[0].starts_with("transient") && words(&report)[0].contains("Relay"));
    let sent =
        server.connections().into_iter().skip(before).any(|connection| {
            connection.commands.iter().any(|command| command.starts_with("MAIL"))
        });
    assert!(!sent, "nothing is sent: {}", server.transcript());
    format!("defer: {}", diagnostic(&report))
}

async fn check(server: &Server, tls: TlsPolicy, expected: &str) {
    let found = way(&Client::default(), server, tls).await;
    match expected.strip_prefix("defer") {
        Some(words) => assert!(found.starts_with("defer") && found.contains(words), "{found}"),
        None => assert_eq!(found, expected),
    }
}

fn offering(identity: &Identity) -> RelayBuilder {
    Server::builder().starttls(&TlsSetup::new(identity))
}

#[tokio::test]
async fn without_starttls_only_required_defers() {
    let authority = Authority::new("ca");
    let server = Server::builder().start();
    check(&server, off(), "plain").await;
    check(&server, if_supported(), "plain").await;
    check(&server, required(&authority), "deferdoes not offer STARTTLS").await;
}

#[tokio::test]
async fn a_good_certificate_is_good_for_every_policy() {
    let authority = Authority::new("ca");
    let server = offering(&authority.server(&NAMES)).start();
    check(&server, off(), "plain").await;
    check(&server, if_supported(), "tls").await;
    check(&server, required(&authority), "tls").await;
    let below = authority.intermediate("sub").server(&NAMES);
    check(&offering(&below).start(), required(&authority), "tls").await;
}

#[tokio::test]
async fn each_bad_certificate_defers_only_where_tls_is_required() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    for (identity, reason) in [
        (self_signed(&NAMES), "self-signed"),
        (ca.expired(&NAMES), "certificate has expired ("),
        (ca.not_yet_valid(&NAMES), "is not valid before "),
        (ca.wrong_name(), ", asked for 127.0.0.1"),
        (other.server(&NAMES), "not trusted"),
        (ca.common_name_only("127.0.0.1"), "no subjectAltName"),
        (ca.sha1(&NAMES), "digest that is too weak"),
        (ca.rsa_1024(&NAMES), "too short"),
        (ca.wrong_usage(&NAMES), "key usage"),
    ] {
        let server = offering(&identity).start();
        check(&server, off(), "plain").await;
        check(&server, if_supported(), "tls").await;
        check(&server, required(&ca), &format!("defer{reason}")).await;
        let any = TlsPolicy::Required { verify: trusting(&ca, TlsVersionMin::Any) };
        check(&server, any, &format!("defer{reason}")).await;
    }
}

#[tokio::test]
async fn a_name_is_checked_against_the_alternative_names() {
    let ca = Authority::new("ca");
    for (names, expected) in [
        (&["localhost"][..], "tls"),
        (&["LOCALHOST"], "tls"),
        (&["other.test", "localhost"], "tls"),
        (&["other.test"], "certificate is for other.test, asked for localhost"),
        (&["127.0.0.1"], "certificate is for 127.0.0.1, asked for localhost"),
    ] {
        let server = offering(&ca.server(names)).start();
        let hosts = vec!["localhost".to_owned()];
        let relay = Relay { hosts, tls: required(&ca), ..relay_to(&server) };
        let report =
            deliver(&Client::default(), &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
        match expected {
            "tls" => assert!(report.facts.tls.is_some_and(|tls| tls.verified)),
            words => assert_eq!(diagnostic(&report), words),
        }
    }
}

#[tokio::test]
async fn what_was_presented_stands_in_the_facts() {
    let server = offering(&self_signed(&NAMES)).start();
    let relay = Relay { tls: if_supported(), ..relay_to(&server) };
    let report =
        deliver(&Client::default(), &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
    let tls = report.facts.tls.unwrap();
    assert_eq!((tls.protocol.as_str(), tls.verified), ("TLSv1.3", false));
    assert!(tls.verify_error.contains("self-signed"), "{}", tls.verify_error);
    assert!(tls.subject.contains("CN=127.0.0.1") && tls.issuer == tls.subject);
    assert!(tls.not_after.contains("GMT") && tls.fingerprint_sha256.len() == 64);
}

#[tokio::test]
async fn old_protocols_work_unless_required_asks_for_more() {
    let ca = Authority::new("ca");
    for version in [TlsVersion::V1_0, TlsVersion::V1_1, TlsVersion::V1_2, TlsVersion::V1_3] {
        let tls = TlsSetup::new(&ca.server(&NAMES)).versions(version, version);
        let server = Server::builder().starttls(&tls).start();
        check(&server, if_supported(), "tls").await;
        let any = TlsPolicy::Required { verify: trusting(&ca, TlsVersionMin::Any) };
        check(&server, any, "tls").await;
        let old = matches!(version, TlsVersion::V1_0 | TlsVersion::V1_1);
        check(&server, required(&ca), if old { "defer" } else { "tls" }).await;
    }
}

#[tokio::test]
async fn implicit_tls_verifies_from_the_first_octet() {
    let ca = Authority::new("ca");
    let verify = || TlsPolicy::Implicit { verify: trusting(&ca, TlsVersionMin::Tls12) };
    let good = Server::builder().implicit_tls(&TlsSetup::new(&ca.server(&NAMES))).start();
    check(&good, verify(), "tls").await;
    let bad = Server::builder().implicit_tls(&TlsSetup::new(&ca.wrong_name())).start();
    check(&bad, verify(), "deferasked for 127.0.0.1").await;
    check(&Server::builder().start(), verify(), "defer").await;
}

/// Refusals and failures of STARTTLS: deferred at first, plain when they have lasted, never with
/// `required`.
async fn check_fallback(stage: Stage, action: Action) {
    let ca = Authority::new("ca");
    let make = || offering(&ca.server(&NAMES)).on(stage, When::Always, action.clone()).start();
    let patience = |plaintext_after| {
        let timeouts = annunciator_smtp::Timeouts {
            tls: Duration::from_millis(300),
            ..annunciator_smtp::Timeouts::default()
        };
        (TlsPolicy::IfSupported { plaintext_after, ca: None }, timeouts)
    };
    let run = async |client: &Client, server: &Server, tls: TlsPolicy, timeouts| {
        let relay = Relay { tls, timeouts, ..relay_to(server) };
        let report = deliver(client, &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
        let _ = server.violations();
        words(&report).remove(0)
    };
    let (server, client) = (make(), Client::default());
    let (tls, timeouts) = patience(Duration::from_millis(50));
    let first = run(&client, &server, tls.clone(), timeouts.clone()).await;
    assert!(first.starts_with("transient tls Relay"), "{action:?}: {first}");
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(run(&client, &server, tls, timeouts.clone()).await, "delivered", "{action:?}");
    assert!(!server.messages()[0].tls);

    let server = make();
    for _ in 0..2 {
        let deferred = run(&client, &server, required(&ca), timeouts.clone()).await;
        assert!(deferred.starts_with("transient tls Relay"), "{action:?}: {deferred}");
    }
}

#[tokio::test]
async fn a_refused_starttls_leads_to_plain_text_only_after_a_while() {
    for answer in ["454 4.7.0 not now", "501 no", "502 no", "500 what", "354 odd"] {
        check_fallback(Stage::StartTls, reply(answer)).await;
    }
}

#[tokio::test]
async fn a_failed_handshake_leads_to_plain_text_only_after_a_while() {
    let alert = [21, 3, 3, 0, 2, 2, 40];
    for action in [
        instead_of_handshake(b"no handshake at all\r\n"),
        instead_of_handshake(&alert),
        Action::Close,
        Action::Silence,
    ] {
        check_fallback(Stage::Handshake, action).await;
    }
}

/// With TLS 1.3 the server says so only after the client's handshake has ended.
#[tokio::test]
async fn a_missing_client_certificate_is_a_failed_handshake() {
    let ca = Authority::new("ca");
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let setup = TlsSetup::new(&ca.server(&NAMES)).versions(version, version);
        let server = Server::builder().starttls(&setup.require_client_certificate(&ca)).start();
        let relay = |tls| Relay { tls, ..relay_to(&server) };
        let client = Client::default();
        let after = Duration::from_millis(50);
        for (tls, expected) in [
            (required(&ca), "transient tls Relay"),
            (TlsPolicy::IfSupported { plaintext_after: after, ca: None }, "transient tls Relay"),
            (TlsPolicy::IfSupported { plaintext_after: after, ca: None }, "delivered"),
        ] {
            let mail = vec![submission(1, &["a@x.test"])];
            let report = deliver(&client, &relay(tls), mail).await.remove(0);
            let _ = server.violations();
            assert!(words(&report)[0].starts_with(expected), "{version:?}: {report:?}");
            tokio::time::sleep(after + Duration::from_millis(10)).await;
        }
        assert!(!server.messages()[0].tls);
    }
}

#[tokio::test]
async fn a_good_handshake_is_remembered() {
    let ca = Authority::new("ca");
    let server =
        offering(&ca.server(&NAMES)).on(Stage::StartTls, When::Times(2), reply("454 no")).start();
    let client = Client::default();
    let tls = || TlsPolicy::IfSupported { plaintext_after: Duration::from_millis(300), ca: None };
    assert!(way(&client, &server, tls()).await.starts_with("defer"));
    tokio::time::sleep(Duration::from_millis(310)).await;
    assert_eq!(way(&client, &server, tls()).await, "plain");
    assert_eq!(way(&client, &server, tls()).await, "tls");
    // The memory is gone: a new failure waits anew.
    server.on(Stage::StartTls, When::Always, reply("454 no"));
    assert!(way(&client, &server, tls()).await.starts_with("defer"));
}

#[tokio::test]
async fn a_421_to_starttls_never_leads_to_plain_text() {
    let ca = Authority::new("ca");
    let server =
        offering(&ca.server(&NAMES)).on(Stage::StartTls, When::Always, reply("421 busy")).start();
    let client = Client::default();
    for _ in 0..2 {
        let tls = TlsPolicy::IfSupported { plaintext_after: Duration::ZERO, ca: None };
        assert!(way(&client, &server, tls).await.starts_with("defer: 421"));
    }
}

#[tokio::test]
async fn injected_octets_always_end_the_session() {
    let ca = Authority::new("ca");
    let pause = Duration::from_millis(20);
    let go = b"220 go\r\n".to_vec();
    let injected = b"250 2.0.0 delivered\r\n".to_vec();
    let flood = b"250 x\r\n".repeat(64 * 1024 / 7);
    let actions = [
        Action::Raw([&go[..], &injected[..]].concat()),
        Action::Segments { pieces: vec![go.clone(), injected.clone()], pause },
        Action::Segments { pieces: vec![[&go[..], b"2"].concat(), b"50 ok\r\n".to_vec()], pause },
        Action::Raw([&go[..], &flood[..]].concat()),
        // Neither letters nor anything else may stand before our part of the handshake.
        Action::Raw([&go[..], b"no reply at all\r\n"].concat()),
        Action::Raw([&go[..], b"\x16\x03\x03\0\x02\xff"].concat()),
    ];
    for action in actions {
        let server =
            offering(&ca.server(&NAMES)).on(Stage::StartTls, When::Always, action.clone()).start();
        let client = Client::default();
        for tls in [
            TlsPolicy::IfSupported { plaintext_after: Duration::ZERO, ca: None },
            TlsPolicy::IfSupported { plaintext_after: Duration::ZERO, ca: None },
            required(&ca),
        ] {
            let found = way(&client, &server, tls).await;
            assert!(found.contains("plain text arrived"), "{action:?}: {found}");
        }
    }
}

#[tokio::test]
async fn what_was_announced_before_tls_is_forgotten() {
    let ca = Authority::new("ca");
    let server = offering(&ca.server(&NAMES)).size(1_000_000).announce_before_tls("SIZE 5").start();
    check(&server, required(&ca), "tls").await;
    assert_eq!(server.connections()[0].ehlo_names.len(), 2);
}

#[tokio::test]
async fn an_end_without_close_notify_after_the_answer_is_still_delivered() {
    let ca = Authority::new("ca");
    let server = offering(&ca.server(&NAMES))
        .on(Stage::DataEnd, When::Always, Action::ReplyThenClose("250 2.0.0 taken".into()))
        .start();
    check(&server, required(&ca), "tls").await;
    assert_eq!(server.connection_count(), 1);
}

#[tokio::test]
async fn a_big_message_and_those_behind_it_pass_through_tls() {
    let ca = Authority::new("ca");
    let server = offering(&ca.server(&NAMES)).start();
    let relay = Relay { tls: required(&ca), ..relay_to(&server) };
    let mut all: Vec<_> = (1..=20).map(|tag| submission(tag, &["a@x.test"])).collect();
    all[1].content = bytes::Bytes::from((".".repeat(70) + "\r\n").repeat(30_000));
    let big = all[1].content.clone();
    let reports = deliver(&Client::default(), &relay, all).await;
    assert!(reports.iter().all(|report| words(report) == ["delivered"]));
    assert_eq!(server.messages()[1].raw, &big[..]);
    assert_eq!((server.message_count(), server.connection_count()), (20, 1));
}
