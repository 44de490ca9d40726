//! Keeps, for each anchored zone, a validator that starts from the zone's own keys.
//!
//! In: anchors, servers. Out: for a name, who judges its answers.
//! The keys of an anchored zone are fetched and matched first: the library trusts keys and no
//! digests, and would ask the parent for keys that an anchor does not name.
//! Concurrency: one look-up fetches the keys of a zone while others wait for it; what is dropped
//! half-way is fetched again by the next.
//! Standard: RFC 4035 section 5.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::xfer::FirstAnswer;
use hickory_resolver::net::{DnsHandle, NetError};
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query};
use hickory_resolver::proto::rr::{DNSClass, LowerName, Name, RecordType};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::answer::LookupError;
use crate::cache::hold_until;
use crate::dns::anchors::{AnchoredZone, Anchors};
use crate::dns::finding::read_failure;
use crate::dns::upstream::{Upstream, Wish};

/// How long fetching the root's keys may hold up a look-up.
const ROOT_KEYS_MAX: Duration = Duration::from_secs(3);
/// For how long a resolver that answers without signatures is believed to have none.
const UNSIGNED_HOLD: Duration = Duration::from_secs(300);
/// For how long one that did not answer is.
const SILENT_HOLD: Duration = Duration::from_secs(30);

/// Names that only private networks have (RFC 6761, 6762, 7686, 8375, and the private-use names of
/// ICANN SSAC 113). The public root denies them, so that only an anchor of one's own can sign
/// them.
const PRIVATE_NAMES: [&str; 11] = [
    "test.",
    "local.",
    "localhost.",
    "internal.",
    "home.arpa.",
    "corp.",
    "home.",
    "lan.",
    "intranet.",
    "private.",
    "onion.",
];

/// Follows signatures from the keys of one zone.
pub(crate) type Validator = DnssecDnsHandle<Upstream>;

/// Who judges the answers for a name.
#[derive(Clone)]
pub(crate) enum Judge {
    /// Signatures are followed down from an anchor.
    Validator(Arc<Validator>),
    /// Nobody can: the name is private, or the resolver gives no signatures.
    Nobody,
}

/// The validators of all anchored zones.
pub(crate) struct Chains {
    anchors: Anchors,
    upstream: Upstream,
    primed: Vec<Mutex<Option<(Judge, Instant)>>>,
}

impl Chains {
    pub(crate) fn new(anchors: Anchors, upstream: &Upstream) -> Self {
        let primed = anchors.zones().iter().map(|_| Mutex::new(None)).collect();
        Self { anchors, upstream: upstream.wishing(Wish::Signed), primed }
    }

    /// Who judges the answers for this name.
    ///
    /// # Errors
    /// [`LookupError`] when the keys of a zone that a person has named an anchor for cannot be
    /// had, or do not match it; likewise those of the root, once these servers have given them.
    pub(crate) async fn judge(&self, name: &Name) -> Result<Judge, LookupError> {
        let index = self.anchors.find(name);
        let zone = &self.anchors.zones()[index];
        if !zone.is_named() && is_private(name) {
            return Ok(Judge::Nobody);
        }
        let mut primed = self.primed[index].lock().await;
        if let Some((judge, until)) = &*primed
            && *until > Instant::now()
        {
            return Ok(judge.clone());
        }
        // Keys whose time is over stay here until others take their place: servers that have
        // given signed keys are able to, and their silence is trouble that passes. Were it taken
        // for a resolver without signatures, whoever causes it could turn DANE off.
        let has_validated = matches!(&*primed, Some((Judge::Validator(_), _)));
        let (judge, until) = if zone.is_named() || has_validated {
            self.fetch_keys(zone).await?
        } else {
            self.fetch_root_keys(zone).await
        };
        *primed = Some((judge.clone(), until));
        Ok(judge)
    }

    /// Networks without the Internet, and routers that drop signatures, are common; a person who
    /// wants no answer rather than an unchecked one names the root's anchor.
    async fn fetch_root_keys(&self, root: &AnchoredZone) -> (Judge, Instant) {
        let fetched = timeout(ROOT_KEYS_MAX, self.fetch_keys(root)).await;
        let fetched = fetched.unwrap_or(Err(LookupError::Timeout));
        fetched.unwrap_or_else(|error| {
            let hold = match error {
                LookupError::Timeout => SILENT_HOLD,
                _ => UNSIGNED_HOLD,
            };
            tracing::warn!(
                reason = %error,
                "The DNS resolver gives no signatures of the root zone: names are used unchecked, \
                 and DANE is not possible."
            );
            (Judge::Nobody, Instant::now() + hold)
        })
    }

    async fn fetch_keys(&self, zone: &AnchoredZone) -> Result<(Judge, Instant), LookupError> {
        let upstream = self.upstream.confined_to(&zone.zone);
        let query = Query::query(zone.zone.clone(), RecordType::DNSKEY);
        let response = upstream.lookup(query, signed_options()).first_answer().await;
        let response =
            response.map_err(|error| read_failure(&error, &zone.zone, RecordType::DNSKEY))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // The times of signatures are counted modulo 2^32 (RFC 4034 section 3.1.5).
        let now_s = u32::try_from(now & u64::from(u32::MAX)).expect("the rest was masked");
        let Some((keys, ttl)) = zone.trusted_keys(&response.answers, now_s) else {
            return Err(LookupError::Bogus(format!(
                "the keys of {} are not those of its trust anchor, or are not signed",
                zone.zone
            )));
        };
        let mut trusted = TrustAnchors::empty();
        for key in keys {
            trusted.insert_with_name(key.public_key(), LowerName::from(&zone.zone));
        }
        let validator = DnssecDnsHandle::with_trust_anchor(upstream, Arc::new(trusted));
        Ok((Judge::Validator(Arc::new(validator)), hold_until(Instant::now(), ttl)))
    }
}

fn is_private(name: &Name) -> bool {
    PRIVATE_NAMES
        .iter()
        .any(|private| Name::from_ascii(private).is_ok_and(|private| private.zone_of(name)))
}

fn signed_options() -> DnsRequestOptions {
    let mut options = DnsRequestOptions::default();
    options.edns_set_dnssec_ok = true;
    options
}

/// Asks a validator.
pub(crate) async fn ask_validator(
    validator: &Validator,
    name: &Name,
    kind: RecordType,
) -> Result<DnsResponse, NetError> {
    let mut query = Query::query(name.clone(), kind);
    query.set_query_class(DNSClass::IN);
    validator.lookup(query, signed_options()).first_answer().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With servers of which none answers, and what was known of the root until now.
    async fn check(name: &str, last: Option<Judge>, expected: &str) {
        let chains = Chains::new(Anchors::read(&[]).unwrap(), &Upstream::new(&[]));
        *chains.primed[0].lock().await = last.map(|judge| (judge, Instant::now()));
        let name = Name::from_ascii(name).unwrap();
        // A failure does not make it forget what it knew.
        for round in 1..=2 {
            let found = match chains.judge(&name).await {
                Ok(Judge::Validator(_)) => "validator",
                Ok(Judge::Nobody) => "nobody",
                Err(LookupError::Unavailable(_)) => "unavailable",
                Err(_) => "another failure",
            };
            assert_eq!(found, expected, "{name}, round {round}");
        }
    }

    #[tokio::test]
    async fn a_resolver_that_has_given_the_keys_of_the_root_is_held_to_it() {
        let upstream = Upstream::new(&[]);
        let trusted = Arc::new(TrustAnchors::empty());
        let validator = Validator::with_trust_anchor(upstream, trusted);
        let validator = Judge::Validator(Arc::new(validator));
        check("mail.example.", None, "nobody").await;
        check("mail.example.", Some(Judge::Nobody), "nobody").await;
        check("mail.example.", Some(validator.clone()), "unavailable").await;
        check("mail.test.", Some(validator), "nobody").await;
    }
}
