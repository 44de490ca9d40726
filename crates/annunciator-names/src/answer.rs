//! What a look-up answers.

use std::net::IpAddr;
use std::time::Instant;

/// What is known of an answer's authenticity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Proof {
    /// Signed all the way from a trust anchor; an absence is proven too.
    Secure,
    /// Proven to come from a zone that is not signed.
    Insecure,
    /// Nobody has checked.
    #[default]
    Unchecked,
}

/// Who knew the address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AddressSource {
    /// The name was an address.
    Literal,
    /// `/etc/hosts` or another source of the system.
    System,
    /// DNS.
    Dns,
    /// The NetBIOS name service.
    NetBios,
}

/// The addresses of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// At least one, in the order they are tried (RFC 6724, the families interleaved as RFC 8305
    /// section 4 says).
    pub list: Vec<IpAddr>,
    /// Where the aliases (CNAME) end, lower case, without the last dot; the name itself when it
    /// is none.
    pub canonical: String,
    /// Of all that was followed.
    pub proof: Proof,
    /// Who knew.
    pub source: AddressSource,
    /// Until when the answer holds (the least TTL).
    pub until: Instant,
}

/// One mail exchanger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchanger {
    /// Lower is tried first.
    pub preference: u16,
    /// Its name, lower case, without the last dot.
    pub host: String,
}

/// The mail exchangers of a domain (RFC 5321 section 5.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchangers {
    /// By ascending preference; equals in the order the answer had. Empty for a null MX. When
    /// there is no MX record, the domain itself with preference 0.
    pub list: Vec<Exchanger>,
    /// Whether the domain says that it takes no mail (RFC 7505).
    pub is_null: bool,
    /// Whether there is no MX record, so that the domain itself stands for it.
    pub is_implicit: bool,
    /// Of the MX answer, or of its absence, aliases included.
    pub proof: Proof,
    /// Until when the answer holds.
    pub until: Instant,
}

/// One TLSA record (RFC 6698 section 2).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tlsa {
    /// Certificate usage.
    pub usage: u8,
    /// Selector.
    pub selector: u8,
    /// Matching type.
    pub matching: u8,
    /// Certificate association data.
    pub data: Vec<u8>,
}

/// The TLSA records of a host and port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsaRecords {
    /// All of them, usable or not; empty when there are none.
    pub list: Vec<Tlsa>,
    /// Of the answer, or of its absence.
    pub proof: Proof,
    /// Until when the answer holds.
    pub until: Instant,
}

/// TXT records, each joined from its strings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Texts {
    /// All of them; empty when there are none.
    pub list: Vec<String>,
    /// Until when the answer holds.
    pub until: Instant,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LookupError {
    /// The name, or its addresses, do not exist; in words.
    #[error("{0}")]
    Absent(String),
    /// The answer is forged, expired or broken, as far as its signatures tell: never used, and
    /// worth another try (RFC 4035 section 5.5). That a key could not be had looks the same.
    #[error("{0}")]
    Bogus(String),
    /// No resolver could tell (SERVFAIL, REFUSED, unreachable).
    #[error("{0}")]
    Unavailable(String),
    /// No answer before the deadline.
    #[error("no answer in time")]
    Timeout,
    /// It is no name that can be asked for.
    #[error("{0}")]
    Malformed(String),
}
