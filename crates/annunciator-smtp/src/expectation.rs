//! What TLS with one server has to prove.
//!
//! Made by `route` from names, DANE and MTA-STS; kept by `session` and `tls`.
//! Standard: RFC 7672 section 3.2, RFC 8461 section 4; ADR 0023.

use annunciator_names::Tlsa;

use crate::route::plain_name;

/// Who says that TLS is not optional, beside the TLS policy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Demand {
    /// Secure TLSA records (RFC 7672 section 2.2).
    Dane,
    /// A policy in mode `enforce` (RFC 8461 section 5).
    MtaSts,
}

impl Demand {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dane => "DANE",
            Self::MtaSts => "MTA-STS",
        }
    }
}

/// What TLS with one server has to prove. With an empty `tlsa` the TLS policy decides whether
/// the certificate must verify, unless `verifies` demands it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Expectation {
    /// The name asked for in the handshake (SNI), or an address, without brackets.
    pub(crate) host: String,
    /// The certificate must bear one of these, where it must verify; never empty.
    pub(crate) names: Vec<String>,
    /// Usable TLSA records, of which the certificate must match one.
    pub(crate) tlsa: Vec<Tlsa>,
    /// Whether the certificate must verify: against the trusted certificates, and beside `tlsa`
    /// when there are records.
    pub(crate) verifies: bool,
    /// Who wants TLS even when the policy does not.
    pub(crate) demand: Option<Demand>,
}

impl Expectation {
    /// What is expected of a server that was named directly.
    pub(crate) fn of_host(host: &str) -> Self {
        let host = plain_name(host);
        Self { names: vec![host.clone()], host, ..Self::default() }
    }

    /// Whether a handshake under a policy that verifies (or not) must end with a certificate
    /// that verifies against the trusted ones. TLSA records stand in their place (RFC 7672
    /// section 3.1), unless both are expected.
    pub(crate) fn enforces_chain(&self, policy_enforces: bool) -> bool {
        self.verifies || (policy_enforces && self.tlsa.is_empty())
    }
}
