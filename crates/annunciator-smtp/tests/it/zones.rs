//! What the tests of names share: relays that are found through zones.

use std::net::SocketAddr;

use annunciator_core::DaneOutcome;
use annunciator_names::{Dnssec, NamesPolicy};
use annunciator_smtp::{Client, MxPolicy, Relay, Report};
use annunciator_testkit::certificates::Identity;
use annunciator_testkit::dns::Dns;
use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;

use crate::stage::{Server, deliver, diagnostic, relay_at, submission, words};

/// Asks these zones and validates from their root down.
pub(crate) fn policy(dns: &Dns) -> NamesPolicy {
    NamesPolicy {
        dns_servers: vec![dns.address()],
        dnssec: Dnssec::Validate { anchors: vec![dns.anchor()] },
        ..NamesPolicy::default()
    }
}

/// Settings for domains whose mail exchangers are used.
pub(crate) fn relay_of(domains: &[&str], port: u16, dns: &Dns) -> Relay {
    Relay {
        mx: Some(MxPolicy { dane: true, mta_sts: false }),
        names: policy(dns),
        ..relay_at(domains, port)
    }
}

/// A relay at another address and the port of the first one.
pub(crate) fn address(ip: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::from((ip, port))
}

/// Delivers one message.
pub(crate) async fn attempt(client: &Client, relay: &Relay) -> Report {
    deliver(client, relay, vec![submission(1, &["a@x.test"])]).await.remove(0)
}

/// `tls`, `plain`, or `defer` and the diagnostic; deferred means that no transaction was begun.
pub(crate) async fn way(client: &Client, relay: &Relay, server: &Server) -> (String, Report) {
    let before = server.connection_count();
    let report = attempt(client, relay).await;
    client.close_idle().await;
    let _ = server.violations();
    let taken = server.take_messages();
    if words(&report) == ["delivered"] {
        let message = taken.last().expect("this server took it");
        assert_eq!(message.tls, report.facts.tls.is_some());
        return (if message.tls { "tls" } else { "plain" }.to_owned(), report);
    }
    assert!(words(&report)[0].starts_with("transient"), "{report:?}");
    let begun = server.connections().into_iter().skip(before);
    let begun = begun.flat_map(|c| c.commands).any(|command| command.starts_with("MAIL"));
    assert!(!begun && taken.is_empty(), "nothing is sent: {}", server.transcript());
    (format!("defer {}", diagnostic(&report)), report)
}

/// The outcome in the facts, as a word.
pub(crate) fn dane(report: &Report) -> &'static str {
    let route = report.facts.route.as_ref();
    route.and_then(|route| route.dane).map_or("-", DaneOutcome::as_str)
}

/// The fields of a TLSA record for a certificate.
pub(crate) fn tlsa(usage: u8, selector: u8, matching: u8, certificate: &X509Ref) -> String {
    let selected = match selector {
        0 => certificate.to_der().unwrap(),
        _ => certificate.public_key().unwrap().public_key_to_der().unwrap(),
    };
    let data = match matching {
        0 => selected,
        1 => openssl::hash::hash(MessageDigest::sha256(), &selected).unwrap().to_vec(),
        _ => openssl::hash::hash(MessageDigest::sha512(), &selected).unwrap().to_vec(),
    };
    let hex: String = data.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{usage} {selector} {matching} {hex}")
}

/// The record that most servers publish.
pub(crate) fn tlsa_of(identity: &Identity) -> String {
    tlsa(3, 1, 1, &identity.certificate)
}
