//! The ledger keeps all that was agreed on and presented.

use annunciator_smtp::{Client, Relay, TlsPolicy, Verify};
use annunciator_testkit::certificates::{Identity, KeyKind, Profile};
use annunciator_testkit::relay::{TlsSetup, TlsVersion};
use openssl::hash::MessageDigest;

use crate::stage::{Server, client_certificate, deliver, relay_to, submission, words};
use crate::tls_rows::{CA, CLIENTS, NAMES};

fn required() -> TlsPolicy {
    let ca = Some(vec![CA.certificate().to_der().unwrap()]);
    TlsPolicy::Required { verify: Verify { ca, ..Verify::default() } }
}

#[tokio::test]
async fn what_a_certificate_says_stands_in_the_facts() {
    for (key, expected) in [(KeyKind::Ec, "EC P-256"), (KeyKind::Rsa(2_048), "RSA 2048")] {
        let identity = CA.issue(&Profile { key, ..Profile::server(&NAMES) });
        let server = Server::builder().starttls(&TlsSetup::new(&identity)).start();
        let relay = Relay { tls: required(), ..relay_to(&server) };
        let mail = vec![submission(1, &["a@x.test"])];
        let tls = deliver(&Client::default(), &relay, mail).await.remove(0).facts.tls.unwrap();
        let Identity { certificate, .. } = &identity;
        let serial = certificate.serial_number().to_bn().unwrap().to_hex_str().unwrap();
        let digest = certificate.digest(MessageDigest::sha256()).unwrap();
        let digest: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!((tls.serial, tls.fingerprint_sha256), (serial.to_lowercase(), digest));
        assert_eq!(tls.not_before, certificate.not_before().to_string());
        assert_eq!(tls.not_after, certificate.not_after().to_string());
        assert_eq!((tls.subject.as_str(), tls.issuer.as_str()), ("CN=127.0.0.1", "CN=Plant CA"));
        assert_eq!((tls.key.as_str(), tls.protocol.as_str()), (expected, "TLSv1.3"));
        assert!(tls.cipher.starts_with("TLS_AES") && tls.verified && tls.verify_error.is_empty());
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_with_its_chain() {
    let client = CLIENTS.intermediate("Below").client("annunciator");
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let setup = TlsSetup::new(&CA.server(&NAMES)).versions(version, version);
        let setup = setup.require_client_certificate(&CLIENTS);
        for server in [
            Server::builder().starttls(&setup).start(),
            Server::builder().implicit_tls(&setup).start(),
        ] {
            let implicit = server.port();
            let TlsPolicy::Required { verify } = required() else { unreachable!() };
            let mut shown = Vec::new();
            for tls in [required(), TlsPolicy::Implicit { verify }] {
                let client_certificate = Some(client_certificate(&client));
                let mut relay = Relay { tls, client_certificate, ..relay_to(&server) };
                relay.timeouts.greeting = std::time::Duration::from_millis(500);
                let mail = vec![submission(1, &["a@x.test"])];
                let report = deliver(&Client::default(), &relay, mail).await.remove(0);
                shown.push(words(&report) == ["delivered"]);
            }
            let _ = server.violations();
            assert_eq!(shown.iter().filter(|delivered| **delivered).count(), 1, "{implicit}");
            let seen = server.connections().into_iter().filter_map(|c| c.tls?.client_certificate);
            assert_eq!(seen.collect::<Vec<_>>(), ["annunciator"], "{version:?}");
        }
    }
}
