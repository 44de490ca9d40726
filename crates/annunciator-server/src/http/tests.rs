//! TLS material of the listener: good, mixed up, missing; what is answered after a panic and at a
//! stop.

use std::path::PathBuf;

use annunciator_testkit::certificates::Authority;

use http_body_util::BodyExt;

use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::connection::{self, Entrance, after_panic};
use super::seats::{Bounds, Seats};
use super::tls_acceptor;
use crate::api::rights::Peer;
use crate::planner_task::tests::shared;

#[test]
fn an_acceptor_needs_a_certificate_and_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test");
    let (certificate, key) = authority.server(&["localhost"]).write_files(folder.path(), "one");
    let (_, other_key) = authority.server(&["localhost"]).write_files(folder.path(), "two");
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, "no PEM").unwrap();
    let missing = folder.path().join("missing");
    let check = |certificate: &PathBuf, key: &PathBuf, expected: &str| {
        let error = tls_acceptor(certificate, key).err().unwrap_or_default();
        let is_expected =
            if expected.is_empty() { error.is_empty() } else { error.contains(expected) };
        assert!(is_expected, "{error:?}, expected {expected:?}");
    };
    check(&certificate, &key, "");
    check(&certificate, &other_key, "does not belong to the certificate");
    check(&garbage, &key, "garbage cannot be used");
    let encrypted = folder.path().join("encrypted");
    std::fs::write(&encrypted, authority.server(&["localhost"]).key_pem_encrypted("x")).unwrap();
    check(&certificate, &encrypted, "it must be PEM without a password");
    check(&certificate, &garbage, "garbage cannot be used");
    check(&missing, &key, "missing cannot be read");
    check(&certificate, &missing, "missing cannot be read");
}

#[tokio::test]
async fn a_panic_is_answered_without_its_words() {
    for panic in [
        std::panic::catch_unwind(|| panic!("canary")).unwrap_err(),
        std::panic::catch_unwind(|| panic!("{}", "canary".to_owned())).unwrap_err(),
        std::panic::catch_unwind(|| std::panic::panic_any(7)).unwrap_err(),
    ] {
        let answer = after_panic(panic.as_ref());
        assert_eq!(answer.status().as_u16(), 500);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(body.contains("urn:annunciator:internal"), "{body}");
        assert!(!body.contains("canary"), "{body}");
    }
}

#[tokio::test]
async fn who_has_just_come_in_is_answered_at_a_stop_and_who_was_answered_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let entrance = Entrance::new(shared(folder.path()).await, None);
    let seats = Seats::new(Bounds { in_all: 9, per_address: 9 }, Gauge::default());
    for has_asked in [false, true] {
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        let peer = Peer::Network { address, is_loopback: true, is_tls: false };
        let (mut client, server) = tokio::io::duplex(4_096);
        let stop = CancellationToken::new();
        let (entrance, seat) = (entrance.clone(), seats.take(address).unwrap());
        let stopped = stop.clone();
        let served = tokio::spawn(async move {
            connection::run(server, entrance, peer, seat, &stopped).await;
        });
        let ask = b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n";
        if has_asked {
            client.write_all(ask).await.unwrap();
            assert!(client.read(&mut [0; 4_096]).await.unwrap() > 0);
        }
        stop.cancel();
        // The connection has seen it.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        // Refused by one that is closed.
        let _ = client.write_all(ask).await;
        let mut told = String::new();
        client.read_to_string(&mut told).await.unwrap();
        assert_eq!(told.starts_with("HTTP/1.1 200 "), !has_asked, "{told}");
        served.await.unwrap();
    }
}
