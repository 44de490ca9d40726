//! Why a certificate does not verify, in words that say which check.
//!
//! Standard: RFC 5280 section 6, RFC 6125.

use std::net::IpAddr;

use annunciator_core::one_line;
use openssl::x509::{X509Ref, X509StoreContextRef};

use super::facts::{day_words, name_words};
use crate::trouble::CertificateFault;

/// Most names of a certificate that a diagnostic lists.
const NAMES_SHOWN_MAX: usize = 5;

// The numbers of <openssl/x509_vfy.h>.
const NOT_YET_VALID: i32 = 9;
const EXPIRED: i32 = 10;
const SELF_SIGNED: i32 = 18;
const SELF_SIGNED_ROOT: i32 = 19;
const NO_ISSUER: i32 = 20;
const NO_FIRST_ISSUER: i32 = 21;
const PURPOSE: i32 = 26;
const HOST_NAME: i32 = 62;
const IP_ADDRESS: i32 = 64;
const KEY_SIZE: i32 = 66;
const CA_KEY_SIZE: i32 = 67;
const DIGEST: i32 = 68;

/// The first thing that did not verify.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rejection {
    /// Which check.
    pub(super) fault: CertificateFault,
    /// For people.
    pub(super) words: String,
}

impl Rejection {
    /// A reason that is known only by its words.
    pub(super) fn other(words: &str) -> Self {
        Self { fault: CertificateFault::Other, words: words.to_owned() }
    }

    /// What OpenSSL has just found, asked for `host`.
    pub(super) fn new(chain: &X509StoreContextRef, host: &str) -> Self {
        let current = chain.current_cert();
        let leaf = chain.chain().and_then(|chain| chain.get(0)).or(current);
        let own = chain.error_depth() == 0;
        let whose = if own { "certificate" } else { "certificate of its issuer" };
        let (fault, words) = match chain.error().as_raw() {
            EXPIRED => {
                let end = current.map(|c| day_words(c.not_after())).unwrap_or_default();
                (CertificateFault::Expired, format!("{whose} has expired ({end})"))
            }
            NOT_YET_VALID => {
                let begin = current.map(|c| day_words(c.not_before())).unwrap_or_default();
                (CertificateFault::NotYetValid, format!("{whose} is not valid before {begin}"))
            }
            SELF_SIGNED => {
                let words = "certificate is self-signed and not among the trusted ones";
                (CertificateFault::SelfSigned, words.to_owned())
            }
            SELF_SIGNED_ROOT | NO_ISSUER | NO_FIRST_ISSUER => {
                let issuer = leaf.map(|leaf| name_words(leaf.issuer_name())).unwrap_or_default();
                let words = format!("certificate is issued by \"{issuer}\", which is not trusted");
                (CertificateFault::Issuer, words)
            }
            PURPOSE => {
                let words = format!("{whose} may not be used for a TLS server (key usage)");
                (CertificateFault::Usage, words)
            }
            HOST_NAME | IP_ADDRESS => {
                let names = leaf.map(names_of).unwrap_or_default();
                let words = format!("certificate is for {}, asked for {host}", list_words(&names));
                (CertificateFault::Name(names), words)
            }
            KEY_SIZE | CA_KEY_SIZE => {
                (CertificateFault::Weak, format!("the key of the {whose} is too short"))
            }
            DIGEST => {
                let words = format!("{whose} is signed with a digest that is too weak");
                (CertificateFault::Weak, words)
            }
            _ => {
                let words = format!("{whose} does not verify: {}", chain.error().error_string());
                (CertificateFault::Other, words)
            }
        };
        Self { fault, words }
    }
}

/// The names and addresses that a certificate is for; at most one more than are shown.
fn names_of(certificate: &X509Ref) -> Vec<String> {
    let names = certificate.subject_alt_names();
    let names = names.iter().flatten().filter_map(|name| match name.dnsname() {
        Some(dns) => Some(one_line(dns, 253)),
        None => name.ipaddress().and_then(ip_of).map(|ip| ip.to_string()),
    });
    names.take(NAMES_SHOWN_MAX + 1).collect()
}

fn list_words(names: &[String]) -> String {
    match names {
        [] => "no host (it has no subjectAltName)".to_owned(),
        names if names.len() > NAMES_SHOWN_MAX => {
            format!("{} and others", names[..NAMES_SHOWN_MAX].join(", "))
        }
        names => names.join(", "),
    }
}

fn ip_of(octets: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(octets).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(octets).map(IpAddr::from);
    v4().or_else(|_| v6()).ok()
}
