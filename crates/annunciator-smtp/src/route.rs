//! Turns a relay into servers, and a server into connections.
//!
//! In: the host list. Out: servers (`roster`, `finder`), then addresses and what TLS has to
//! prove at them (`approach`), then a connection.
//! Knows nothing of: SMTP.
//! Standard: RFC 5321 section 5.1.

use std::net::SocketAddr;

use annunciator_names::literal;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::trouble::Cause;

pub(crate) mod approach;
pub(crate) mod finder;
pub(crate) mod roster;

/// The host without the brackets and the tag of an address literal (RFC 5321 section 4.1.3).
pub(crate) fn bare_host(host: &str) -> &str {
    let Some(bare) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return host;
    };
    match bare.split_at_checked("IPv6:".len()) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => address,
        _ => bare,
    }
}

/// The name in the form that certificates and DNS have: lower case, U-labels converted (RFC 5891),
/// no brackets, no dot at the end. What cannot be converted stays as it is and fits nothing.
/// An address is as the standard library writes it.
pub(crate) fn plain_name(host: &str) -> String {
    if let Some(ip) = literal(host) {
        return ip.to_string();
    }
    let host = bare_host(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    idna::domain_to_ascii(host).unwrap_or_else(|_| host.to_ascii_lowercase())
}

/// Host and port as ledger and logs show them: `mail.example.org:25`, `[2001:db8::1]:25`.
pub(crate) fn label(host: &str, port: u16) -> String {
    match literal(host) {
        Some(ip) => SocketAddr::new(ip, port).to_string(),
        None => format!("{host}:{port}"),
    }
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
            ("[IPv6:2001:db8::1]", "[2001:db8::1]:25"),
        ] {
            assert_eq!(label(host, 25), expected);
        }
    }

    #[test]
    fn names_are_compared_in_one_form() {
        for (host, expected) in [
            ("Mail.Example.ORG.", "mail.example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("mail_1.example", "mail_1.example"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("[IPv6:2001:DB8::1]", "2001:db8::1"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(plain_name(host), expected);
        }
    }

    #[test]
    fn a_literal_is_bare_without_brackets_and_tag() {
        for (host, expected) in [
            ("[IPv6:2001:db8::1]", "2001:db8::1"),
            ("[ipv6:::1]", "::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[192.0.2.1]", "192.0.2.1"),
            ("ipv6.test", "ipv6.test"),
        ] {
            assert_eq!(bare_host(host), expected);
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
