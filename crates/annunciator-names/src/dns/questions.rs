//! Asks for the records of a name, through aliases, with cache and proof.
//!
//! In: name, type. Out: [`Found`].
//! Knows nothing of: hosts files, NetBIOS, which records mean what.
//! Standard: RFC 1034 section 3.6.2 (aliases), RFC 2308 (absences are kept too).
//! Failure: [`LookupError`]; failures are not kept.

use std::net::SocketAddr;
use std::time::Instant;

use hickory_resolver::net::DnsHandle;
use hickory_resolver::net::xfer::FirstAnswer;
use hickory_resolver::proto::op::{DnsRequestOptions, Query};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::answer::{LookupError, Proof};
use crate::cache::{Cache, hold_until};
use crate::dns::anchors::Anchors;
use crate::dns::chain::{Chains, Judge, Validator, ask_validator};
use crate::dns::finding::{Finding, Judged, read_failure, read_response, read_validated, weakest};
use crate::dns::upstream::{Upstream, Wish};
use crate::name;
use crate::policy::Dnssec;

/// Most aliases that are followed.
const ALIASES_MAX: usize = 8;

/// What there is under a name.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Found {
    /// Where the aliases end.
    pub(crate) name: Name,
    /// The records; empty when there are none.
    pub(crate) records: Vec<RData>,
    /// Whether the name does not exist at all.
    pub(crate) is_name_absent: bool,
    /// Of all that was followed.
    pub(crate) proof: Proof,
    /// Until when all of it holds.
    pub(crate) until: Instant,
}

/// Who says that an answer is authentic.
enum Authority {
    Nobody,
    Resolver,
    Chains(Box<Chains>),
}

/// Asks one set of servers under one policy.
pub(crate) struct Questions {
    upstream: Upstream,
    authority: Authority,
    cache: Cache<(Name, RecordType), (Finding, Proof)>,
}

impl Questions {
    /// `anchors` are those of [`Dnssec::Validate`].
    pub(crate) fn new(servers: &[SocketAddr], dnssec: &Dnssec, anchors: &Anchors) -> Self {
        let upstream = Upstream::new(servers);
        let authority = match dnssec {
            Dnssec::Off => Authority::Nobody,
            // Anybody on the way to a resolver elsewhere could set its AD bit.
            Dnssec::TrustResolver if upstream.is_local() => Authority::Resolver,
            Dnssec::TrustResolver => Authority::Nobody,
            Dnssec::Validate { .. } => {
                Authority::Chains(Box::new(Chains::new(anchors.clone(), &upstream)))
            }
        };
        Self { upstream, authority, cache: Cache::new() }
    }

    /// Whether there is anybody to ask.
    pub(crate) fn has_servers(&self) -> bool {
        self.upstream.has_servers()
    }

    /// The records of a type under a name, aliases followed.
    ///
    /// # Errors
    /// [`LookupError`], never for an absence.
    pub(crate) async fn ask(&self, name: &Name, kind: RecordType) -> Result<Found, LookupError> {
        let mut at = name.clone();
        let mut proof = Proof::Secure;
        let mut until: Option<Instant> = None;
        for _ in 0..=ALIASES_MAX {
            let ((finding, step), holds) = self.ask_one(&at, kind).await?;
            proof = weakest(proof, step);
            let holds = until.map_or(holds, |earlier| earlier.min(holds));
            until = Some(holds);
            let (records, is_name_absent) = match finding {
                Finding::Alias(target) => {
                    at = target;
                    continue;
                }
                Finding::Records(records) => (records, false),
                Finding::Absent(is_name_absent) => (Vec::new(), is_name_absent),
            };
            return Ok(Found { name: at, records, is_name_absent, proof, until: holds });
        }
        let name = name::to_text(name);
        Err(LookupError::Unavailable(format!(
            "{name} is an alias of an alias, and so on more than {ALIASES_MAX} times: correct its \
             CNAME records"
        )))
    }

    /// One step, from the cache or a server.
    async fn ask_one(
        &self,
        name: &Name,
        kind: RecordType,
    ) -> Result<((Finding, Proof), Instant), LookupError> {
        let key = (name.to_lowercase(), kind);
        if let Some(kept) = self.cache.find(&key, Instant::now()) {
            return Ok(kept);
        }
        let (finding, proof, ttl) = self.ask_servers(name, kind).await?;
        let now = Instant::now();
        let until = hold_until(now, ttl);
        self.cache.keep(key, (finding.clone(), proof), until, now);
        Ok(((finding, proof), until))
    }

    async fn ask_servers(&self, name: &Name, kind: RecordType) -> Result<Judged, LookupError> {
        match &self.authority {
            Authority::Nobody => self.ask_unchecked(name, kind).await,
            Authority::Resolver => self.ask_trusted(name, kind).await,
            Authority::Chains(chains) => match chains.judge(name).await? {
                Judge::Nobody => self.ask_unchecked(name, kind).await,
                Judge::Validator(validator) => ask_validated(&validator, name, kind).await,
            },
        }
    }

    async fn ask_unchecked(&self, name: &Name, kind: RecordType) -> Result<Judged, LookupError> {
        let upstream = self.upstream.wishing(Wish::Plain);
        let query = Query::query(name.clone(), kind);
        let response = upstream.lookup(query, DnsRequestOptions::default()).first_answer().await;
        let response = response.map_err(|error| read_failure(&error, name, kind))?;
        Ok(read_response(&response, name, kind, Proof::Unchecked))
    }

    async fn ask_trusted(&self, name: &Name, kind: RecordType) -> Result<Judged, LookupError> {
        let upstream = self.upstream.wishing(Wish::Checked);
        let query = Query::query(name.clone(), kind);
        let response = upstream.lookup(query, DnsRequestOptions::default()).first_answer().await;
        let response = response.map_err(|error| read_failure(&error, name, kind))?;
        // A resolver that validates answers SERVFAIL for what is forged, and leaves the bit out
        // for what is not signed.
        let proof = if response.authentic_data { Proof::Secure } else { Proof::Insecure };
        Ok(read_response(&response, name, kind, proof))
    }
}

async fn ask_validated(
    validator: &Validator,
    name: &Name,
    kind: RecordType,
) -> Result<Judged, LookupError> {
    let judged = read_validated(ask_validator(validator, name, kind).await, name, kind);
    if !matches!(judged, Err(LookupError::Bogus(_))) {
        return judged;
    }
    // An alias made from a wildcard whose target lacks the type comes with denials for both, which
    // the validator does not tell apart. Asked for alone, the alias is proven or it is not.
    let cname = RecordType::CNAME;
    match read_validated(ask_validator(validator, name, cname).await, name, cname) {
        Ok((Finding::Records(records), proof, ttl)) => match records.first() {
            Some(RData::CNAME(target)) => Ok((Finding::Alias(target.0.clone()), proof, ttl)),
            _ => judged,
        },
        _ => judged,
    }
}
