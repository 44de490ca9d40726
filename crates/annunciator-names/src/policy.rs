//! How names are resolved.

use std::net::{Ipv4Addr, SocketAddr};

/// How names are resolved. A plain value: it is part of the identity of a relay's connections.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct NamesPolicy {
    /// Resolvers that are asked; empty = those of the system. Names that the system itself
    /// knows (`/etc/hosts`) count only then.
    pub dns_servers: Vec<SocketAddr>,
    /// Domains that are tried after a name without a dot, in order; empty = those of the system.
    pub search_domains: Vec<String>,
    /// Who says that an answer is authentic.
    pub dnssec: Dnssec,
    /// Whether Windows names are asked for after DNS has none.
    pub netbios: NetBios,
}

/// Who says that an answer is authentic (RFC 4035).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Dnssec {
    /// Nobody: every answer is [`crate::Proof::Unchecked`].
    Off,
    /// We: signatures are followed down from the root's trust anchor, and from these.
    ///
    /// Where the resolver gives no signatures of the root, and in private top level domains
    /// without an anchor, answers are [`crate::Proof::Unchecked`] (ADR 0022).
    Validate {
        /// Further trust anchors for private zones: DS or DNSKEY records, one per text, such as
        /// `plant.example. IN DS 31337 13 2 9F3A…`; at most 16. In a zone that is named here
        /// nothing unchecked is used; to have it so everywhere, name the root's own anchor.
        anchors: Vec<String>,
    },
    /// The resolver, by its AD bit. Only for one on loopback (RFC 7672 section 3.1.1): from
    /// elsewhere every answer is [`crate::Proof::Unchecked`].
    TrustResolver,
}

impl Default for Dnssec {
    fn default() -> Self {
        Self::Validate { anchors: Vec::new() }
    }
}

/// Whether and how the NetBIOS name service is asked (RFC 1002).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum NetBios {
    /// It is not.
    #[default]
    Off,
    /// By broadcast on the interfaces of this machine.
    Broadcast,
    /// At these WINS servers, in order; port 137 unless another is given.
    Wins(Vec<SocketAddr>),
    /// By broadcast to these addresses, for machines with particular networks.
    BroadcastTo(Vec<(Ipv4Addr, u16)>),
}
