//! Looks whether a relay that did not answer does so again, without a transaction.
//!
//! In: the relay. Out: whether one of its servers greets with 220 (with implicit TLS: whether it
//! takes the connection).
//! Standard: RFC 5321 section 4.3.1.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::relay::{Relay, TlsPolicy};

/// How long one server is listened to.
const KNOCK_MAX: Duration = Duration::from_secs(5);
/// Addresses that are tried per server.
const ADDRESSES_MAX: usize = 4;

/// Whether a server of the relay answers.
pub(crate) async fn knock(relay: &Relay) -> bool {
    for host in &relay.hosts {
        if let Ok(true) = timeout(KNOCK_MAX, greets(host, relay)).await {
            return true;
        }
    }
    false
}

async fn greets(host: &str, relay: &Relay) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(addresses) = lookup_host((host, relay.port)).await else { return false };
    for address in addresses.take(ADDRESSES_MAX) {
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        if matches!(relay.tls, TlsPolicy::Implicit { .. }) {
            return true;
        }
        let mut greeting = [0; 4];
        if stream.read_exact(&mut greeting).await.is_ok() && greeting.starts_with(b"220") {
            let _ = stream.write_all(b"QUIT\r\n").await;
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(greeting: Option<&'static [u8]>, expected: bool) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        match greeting {
            None => drop(listener),
            Some(greeting) => {
                tokio::spawn(async move {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    stream.write_all(greeting).await.unwrap();
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                });
            }
        }
        let relay = Relay {
            hosts: vec!["127.0.0.1".into()],
            port,
            tls: TlsPolicy::Off,
            hello_name: "localhost".into(),
            ..Relay::default()
        };
        assert_eq!(knock(&relay).await, expected);
    }

    #[tokio::test]
    async fn only_a_greeting_of_220_is_an_answer() {
        check(Some(b"220 here\r\n"), true).await;
        check(Some(b"421 later\r\n"), false).await;
        check(Some(b""), false).await;
        check(None, false).await;
    }
}
