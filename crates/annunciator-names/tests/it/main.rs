//! The resolver against servers that we did not write: Knot DNS, Unbound, Samba's nmbd.

#![expect(clippy::unwrap_used, reason = "what the tests share is test code too")]

use std::time::{Duration, Instant};

use annunciator_names::{Dnssec, NamesPolicy, Resolver};
use annunciator_testkit::dns::Dns;

mod addresses;
mod caching;
mod exchangers;
mod netbios;
mod proofs;
mod system;

/// Long enough for everything but a hang.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Everything is asked of this server, and checked from its own root down.
fn validating(dns: &Dns) -> NamesPolicy {
    NamesPolicy {
        dns_servers: vec![dns.address()],
        dnssec: Dnssec::Validate { anchors: vec![dns.anchor()] },
        ..NamesPolicy::default()
    }
}

/// The same without looking at signatures.
fn unchecking(dns: &Dns) -> NamesPolicy {
    NamesPolicy { dnssec: Dnssec::Off, ..validating(dns) }
}

fn resolver(policy: &NamesPolicy) -> Resolver {
    Resolver::new(policy).unwrap()
}
