//! What ties an authentication to the TLS connection it runs in, so that nobody between the two
//! ends can pass it on.
//!
//! In: a TLS session. Out: the kinds of channel binding it can give, best first.
//! Standard: RFC 9266 (tls-exporter, TLS 1.3), RFC 5929 (tls-unique, tls-server-end-point).
//! Failure: a session that gives none has an empty list.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::ssl::{SslRef, SslVersion};
use zeroize::Zeroizing;

/// Octets that tls-exporter asks for (RFC 9266 section 2).
const EXPORTED_OCTETS: usize = 32;
/// Longest Finished message of any protocol version; TLS 1.2 uses 12 octets, SSL 3.0 used 36.
const FINISHED_OCTETS_MAX: usize = 64;

/// One kind of channel binding, with its octets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Binding {
    /// As SCRAM names it.
    pub(crate) name: &'static str,
    /// What both ends know.
    pub(crate) octets: Zeroizing<Vec<u8>>,
}

/// The bindings of a session, best first.
pub(crate) fn bindings_of(ssl: &SslRef) -> Vec<Binding> {
    let is_tls13 = ssl.version2() == Some(SslVersion::TLS1_3);
    let own = if is_tls13 { exporter(ssl) } else { unique(ssl) };
    own.into_iter().chain(server_end_point(ssl)).collect()
}

fn exporter(ssl: &SslRef) -> Option<Binding> {
    let mut octets = Zeroizing::new(vec![0; EXPORTED_OCTETS]);
    ssl.export_keying_material(&mut octets, "EXPORTER-Channel-Binding", Some(b"")).ok()?;
    Some(Binding { name: "tls-exporter", octets })
}

/// The first Finished message of the handshake, which of a full one is the client's. In a resumed
/// session the value would not tell one connection from another (RFC 7627 section 1): none then.
fn unique(ssl: &SslRef) -> Option<Binding> {
    if ssl.session_reused() {
        return None;
    }
    let mut octets = Zeroizing::new(vec![0; FINISHED_OCTETS_MAX]);
    let length = ssl.finished(&mut octets);
    octets.truncate(length);
    (length > 0).then_some(Binding { name: "tls-unique", octets })
}

/// The digest of the server's certificate by the digest of its own signature, at least SHA-256.
fn server_end_point(ssl: &SslRef) -> Option<Binding> {
    let certificate = ssl.peer_certificate()?;
    let signature = certificate.signature_algorithm().object().nid().signature_algorithms()?;
    let digest = match signature.digest {
        Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
        other => MessageDigest::from_nid(other)?,
    };
    let octets = Zeroizing::new(certificate.digest(digest).ok()?.to_vec());
    Some(Binding { name: "tls-server-end-point", octets })
}
