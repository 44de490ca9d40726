//! TLS sessions are resumed, and never into more trust than was found (spec 4.3).

use std::time::Duration;

use annunciator_core::TlsFacts;
use annunciator_smtp::{Client, Limits, Relay, Submission, TlsPolicy, Verify};
use annunciator_testkit::certificates::self_signed;
use annunciator_testkit::relay::{TlsSetup, TlsVersion};

use crate::openssl_server::OpensslServer;
use crate::stage::{Server, deliver, diagnostic, relay_at, submission, words};
use crate::tls_rows::{CA, NAMES};

fn required() -> TlsPolicy {
    let ca = Some(vec![CA.certificate().to_der().unwrap()]);
    TlsPolicy::Required { verify: Verify { ca, ..Verify::default() } }
}

/// A connection for each message.
fn relay(hosts: &[&str], port: u16, tls: TlsPolicy) -> Relay {
    let limits = Limits { messages_per_connection_max: 1, ..Limits::default() };
    Relay { tls, limits, ..relay_at(hosts, port) }
}

async fn facts(client: &Client, relay: &Relay, mail: Submission) -> TlsFacts {
    let report = deliver(client, relay, vec![mail]).await.remove(0);
    assert_eq!(words(&report), ["delivered"], "{report:?}");
    report.facts.tls.unwrap()
}

#[tokio::test]
async fn a_session_is_resumed_with_what_was_found_in_the_full_handshake() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let identity = CA.server(&NAMES);
        let setup = TlsSetup::new(&identity).versions(version, version);
        let server = Server::builder().starttls(&setup).start();
        let (client, relay) = (Client::default(), relay(&["127.0.0.1"], server.port(), required()));
        let first = facts(&client, &relay, submission(1, &["a@x.test"])).await;
        assert!(first.verified && !first.resumed);
        for tag in 2..=4 {
            let next = facts(&client, &relay, submission(tag, &["a@x.test"])).await;
            assert_eq!(next, TlsFacts { resumed: true, ..first.clone() }, "{version:?}");
        }
        // Settings were saved: nothing of before is used.
        client.forget_failures();
        assert_eq!(facts(&client, &relay, submission(5, &["a@x.test"])).await, first);
        assert_eq!(server.connection_count(), 5);
    }
}

#[tokio::test]
async fn an_unverified_session_stays_unverified() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let setup = TlsSetup::new(&self_signed(&NAMES)).versions(version, version);
        let server = Server::builder().starttls(&setup).start();
        let tls = TlsPolicy::IfSupported { plaintext_after: Duration::from_secs(60), ca: None };
        let (client, relay) = (Client::default(), relay(&["127.0.0.1"], server.port(), tls));
        let first = facts(&client, &relay, submission(1, &["a@x.test"])).await;
        let next = facts(&client, &relay, submission(2, &["a@x.test"])).await;
        assert!(!first.verified && first.verify_error.contains("self-signed"), "{first:?}");
        assert_eq!(next, TlsFacts { resumed: true, ..first });
    }
}

#[tokio::test]
async fn a_session_serves_no_other_name() {
    let server = Server::builder().starttls(&TlsSetup::new(&CA.server(&["127.0.0.1"]))).start();
    let client = Client::default();
    let relay = relay(&["127.0.0.1", "localhost"], server.port(), required());
    for tag in [1, 2] {
        let first = facts(&client, &relay, submission(tag, &["a@x.test"])).await;
        assert_eq!((first.verified, first.resumed), (true, tag == 2));
    }
    let mut mail = submission(3, &["a@x.test"]);
    mail.prefer_server = Some(format!("localhost:{}", server.port()));
    let report = deliver(&client, &relay, vec![mail]).await.remove(0);
    assert!(report.facts.server.starts_with("localhost"));
    assert_eq!(diagnostic(&report), "certificate is for 127.0.0.1, asked for localhost");
}

#[tokio::test]
async fn who_watches_sees_a_full_handshake_with_its_chain() {
    let below = CA.intermediate("Plant sub-CA").server(&NAMES);
    let server = Server::builder().starttls(&TlsSetup::new(&below)).start();
    let (client, relay) = (Client::default(), relay(&["127.0.0.1"], server.port(), required()));
    for tag in [1, 2] {
        assert!(facts(&client, &relay, submission(tag, &["a@x.test"])).await.chain.is_empty());
    }
    for tag in [3, 4] {
        let mut mail = submission(tag, &["a@x.test"]);
        mail.trace = true;
        let seen = facts(&client, &relay, mail).await;
        assert!(seen.verified && !seen.resumed);
        let (own, issuer) = (&seen.chain[0], &seen.chain[1]);
        assert!(own.starts_with("CN=127.0.0.1 ← CN=Plant sub-CA, "), "{own}");
        assert!(issuer.starts_with("CN=Plant sub-CA ← CN=Plant CA, "), "{issuer}");
        assert_eq!(seen.chain.len(), 2);
    }
}

/// In the words of a server that we did not write; with tickets and, before TLS 1.3, session ids.
#[tokio::test]
async fn openssl_s_server_says_that_a_session_was_resumed() {
    for arguments in [&["-tls1_3"][..], &["-tls1_2"], &["-tls1_2", "-no_ticket"]] {
        let server = OpensslServer::start(&CA.server(&NAMES), arguments, 3);
        let ca = Some(vec![CA.certificate().to_der().unwrap()]);
        let verify = Verify { ca, ..Verify::default() };
        let tls = TlsPolicy::Implicit { verify };
        let (client, relay) = (Client::default(), relay(&["127.0.0.1"], server.port(), tls));
        for tag in 1..=3 {
            let next = facts(&client, &relay, submission(tag, &["a@x.test"])).await;
            assert_eq!(next.resumed, tag > 1, "{arguments:?}");
        }
        let record = server.finish().await;
        assert_eq!((record.messages, record.resumed), (3, 2), "{arguments:?}");
    }
}
