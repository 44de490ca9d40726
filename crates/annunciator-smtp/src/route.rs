//! Turns a relay into servers, and a server into connections.
//!
//! In: the host list. Out: hosts in the order they are tried, then addresses in the order that
//! the system gives (RFC 6724). MX look-up will be another way from names to hosts, here.
//! Knows nothing of: SMTP.
//! Standard: RFC 5321 section 5.1.

use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::trouble::Cause;

/// Most addresses of one server that are tried.
pub(crate) const ADDRESSES_MAX: usize = 8;

/// The host without the brackets of an address literal.
pub(crate) fn bare_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// Host and port as ledger and logs show them: `mail.example.org:25`, `[2001:db8::1]:25`.
pub(crate) fn label(host: &str, port: u16) -> String {
    match bare_host(host).parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, port).to_string(),
        Err(_) => format!("{host}:{port}"),
    }
}

/// The addresses of a host; an address literal needs no name service.
pub(crate) async fn addresses(
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Cause> {
    if let Ok(ip) = bare_host(host).parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let Ok(found) = timeout_at(deadline, lookup_host((host, port))).await else {
        return Err(Cause::Timeout);
    };
    let mut addresses: Vec<SocketAddr> = Vec::new();
    let found = found.map_err(|error| Cause::Lost(format!("{host} has no address: {error}")))?;
    for address in found {
        if !addresses.contains(&address) && addresses.len() < ADDRESSES_MAX {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Cause::Lost(format!("{host} has no address")));
    }
    Ok(addresses)
}

/// Connects to one address. Commands are small and wait for answers: Nagle's algorithm together
/// with delayed acknowledgements would cost 40 ms a message, so it is off.
pub(crate) async fn connect(address: SocketAddr, deadline: Instant) -> Result<TcpStream, Cause> {
    match timeout_at(deadline, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            stream.set_nodelay(true).map_err(|error| Cause::Lost(error.to_string()))?;
            Ok(stream)
        }
        Ok(Err(error)) => Err(Cause::Lost(format!("connection to {address} failed: {error}"))),
        Err(_) => Err(Cause::Lost(format!("connection to {address} failed: no answer in time"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_bracket_ipv6_only() {
        for (host, expected) in [
            ("mail.example.org", "mail.example.org:25"),
            ("192.0.2.1", "192.0.2.1:25"),
            ("[192.0.2.1]", "192.0.2.1:25"),
            ("2001:db8::1", "[2001:db8::1]:25"),
            ("[2001:db8::1]", "[2001:db8::1]:25"),
        ] {
            assert_eq!(label(host, 25), expected);
        }
    }

    #[tokio::test]
    async fn an_address_literal_is_its_own_address() {
        let deadline = Instant::now();
        for (host, expected) in
            [("192.0.2.1", "192.0.2.1:587"), ("2001:db8::1", "[2001:db8::1]:587")]
        {
            let found = addresses(host, 587, deadline).await.unwrap();
            assert_eq!(found, [expected.parse().unwrap()]);
        }
    }

    #[tokio::test]
    async fn a_connection_has_no_delay() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let deadline = Instant::now() + std::time::Duration::from_secs(5);
        let stream = connect(listener.local_addr().unwrap(), deadline).await.unwrap();
        assert!(stream.nodelay().unwrap());
    }
}
