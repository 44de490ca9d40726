//! Looks whether a relay that did not answer does so again, without a transaction.
//!
//! In: the relay. Out: whether one of its servers greets with 220 (with implicit TLS: whether it
//! takes the connection).
//! Standard: RFC 5321 section 4.3.1.

use std::net::SocketAddr;
use std::time::Duration;

use annunciator_names::literal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::relay::TlsPolicy;
use crate::route::bare_host;
use crate::route::finder::Finder;
use crate::trouble::Meaning;

/// How long one server is listened to.
const KNOCK_MAX: Duration = Duration::from_secs(5);
/// Addresses that are tried per server.
const ADDRESSES_MAX: usize = 4;
/// Hosts that are knocked at, with all their mail exchangers.
const SERVERS_MAX: usize = 100;

/// Whether a server of the relay answers.
pub(crate) async fn knock(finder: &Finder<'_>) -> bool {
    let mut count = 0;
    for host in &finder.relay.hosts {
        let Ok(servers) = timeout(KNOCK_MAX, servers(finder, host)).await else { continue };
        // A domain that takes no mail answers by that; an attempt will say so.
        let Some(servers) = servers else { return true };
        for server in servers {
            count += 1;
            if count > SERVERS_MAX {
                return false;
            }
            if let Ok(true) = timeout(KNOCK_MAX, greets(finder, &server)).await {
                return true;
            }
        }
    }
    false
}

/// The servers that a configured host stands for; none for a domain that takes no mail.
async fn servers(finder: &Finder<'_>, host: &str) -> Option<Vec<String>> {
    let is_domain = literal(host).is_none();
    let Some(policy) = finder.relay.mx.as_ref().filter(|_| is_domain) else {
        return Some(vec![host.to_owned()]);
    };
    // Whatever the domain's policy demands is for the attempt to find out.
    let policy = crate::relay::MxPolicy { mta_sts: false, ..policy.clone() };
    match finder.domain(host, &policy, Instant::now() + KNOCK_MAX).await {
        Ok(domain) => Some(domain.exchangers.into_iter().map(|(_, host)| host).collect()),
        Err(trouble) if trouble.verdict().meaning == Meaning::Permanent => None,
        Err(_) => Some(Vec::new()),
    }
}

async fn greets(finder: &Finder<'_>, host: &str) -> bool {
    let relay = finder.relay;
    let addresses = match literal(host) {
        Some(ip) => vec![ip],
        None => match finder.addresses(bare_host(host), Instant::now() + KNOCK_MAX).await {
            Ok(found) => found.list,
            Err(_) => return false,
        },
    };
    for ip in addresses.into_iter().take(ADDRESSES_MAX) {
        let address = SocketAddr::new(ip, relay.port);
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
    use crate::relay::Relay;

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
        let client = crate::Client::default();
        assert_eq!(client.knock(&relay).await, expected);
    }

    #[tokio::test]
    async fn only_a_greeting_of_220_is_an_answer() {
        check(Some(b"220 here\r\n"), true).await;
        check(Some(b"421 later\r\n"), false).await;
        check(Some(b""), false).await;
        check(None, false).await;
    }
}
