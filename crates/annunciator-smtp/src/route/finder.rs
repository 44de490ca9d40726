//! Looks up what a relay's names lead to.
//!
//! In: the relay, a resolver. Out: the mail exchangers of a domain and its MTA-STS policy, the
//! addresses of a host; or why there are none.
//! Standard: RFC 5321 section 5.1, RFC 7505; spec 4.2.
//! Failure: a domain that takes no mail is final for the message; everything else, an absent
//! domain too, is trouble that an operator or time can heal.

use std::sync::Arc;

use annunciator_core::{EnhancedStatus, Stage};
use annunciator_names::{Addresses, Exchangers, LookupError, Proof, Resolver};
use tokio::time::Instant;

use crate::mta_sts::Policy;
use crate::mta_sts::policies::Policies;
use crate::relay::{MxPolicy, Relay, TlsPolicy};
use crate::route::plain_name;
use crate::trouble::{Cause, Trouble};

/// Most mail exchangers of a domain that are used, the preferred ones.
const EXCHANGERS_MAX: usize = 20;

/// What a relay's names are looked up with.
pub(crate) struct Finder<'a> {
    pub(crate) relay: &'a Relay,
    /// Or why there is none.
    pub(crate) resolver: Result<Resolver, String>,
    pub(crate) policies: &'a Policies,
}

/// The mail exchangers of a domain, and what is known of them all.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    /// As configured.
    pub(crate) name: String,
    /// By preference; at least one.
    pub(crate) exchangers: Vec<(u16, String)>,
    /// Whether there is no MX record.
    pub(crate) is_implicit: bool,
    /// Of the MX answer, or of its absence.
    pub(crate) proof: Proof,
    /// The MTA-STS policy that holds.
    pub(crate) policy: Option<Arc<Policy>>,
    /// Until when all this holds.
    pub(crate) until: Instant,
}

impl Domain {
    /// One line for each exchanger, for the report of the stage.
    pub(crate) fn lines(&self) -> Vec<String> {
        let proof = proof_word(self.proof);
        if self.is_implicit {
            return vec![format!("no MX of {}: its own address ({proof})", self.name)];
        }
        let line = |(preference, host): &(u16, String)| format!("MX {preference} {host} ({proof})");
        self.exchangers.iter().map(line).collect()
    }
}

/// `secure`, `insecure` or `unchecked`.
pub(crate) fn proof_word(proof: Proof) -> &'static str {
    match proof {
        Proof::Secure => "secure",
        Proof::Insecure => "insecure",
        Proof::Unchecked => "unchecked",
    }
}

impl Finder<'_> {
    /// Names are looked up no longer than this.
    pub(crate) fn resolve_by(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.relay.timeouts.resolve)
    }

    pub(crate) fn resolver(&self) -> Result<&Resolver, Cause> {
        self.resolver.as_ref().map_err(|reason| {
            let words = format!("names cannot be resolved with these settings: {reason}");
            Cause::Forbidden(EnhancedStatus::new(4, 3, 5), words)
        })
    }

    /// The mail exchangers of a domain.
    pub(crate) async fn domain(
        &self,
        name: &str,
        policy: &MxPolicy,
        deadline: Instant,
    ) -> Result<Domain, Trouble> {
        let trouble = |cause| Trouble::new(Stage::Resolve, cause);
        let by = self.resolve_by(deadline);
        let resolver = self.resolver().map_err(trouble)?;
        let found = resolver.exchangers(name, by.into_std()).await;
        let found = found.map_err(|error| trouble(cause_of(name, "mail exchanger", error)))?;
        let until = Instant::from_std(found.until);
        let mut domain = weigh(name, found, until).map_err(trouble)?;
        if policy.mta_sts
            && let Some(ca) = trusted(&self.relay.tls)
        {
            domain.policy = self.policies.find(&plain_name(name), resolver, ca, deadline).await;
        }
        Ok(domain)
    }

    /// The addresses of a host.
    pub(crate) async fn addresses(
        &self,
        host: &str,
        deadline: Instant,
    ) -> Result<Addresses, Cause> {
        let found = self.resolver()?.addresses(host, deadline.into_std()).await;
        found.map_err(|error| cause_of(host, "address", error))
    }
}

/// Own authorities count for the policy's server too; none at all without TLS.
fn trusted(tls: &TlsPolicy) -> Option<Option<&[Vec<u8>]>> {
    match tls {
        TlsPolicy::Off => None,
        TlsPolicy::IfSupported { ca, .. } => Some(ca.as_deref()),
        TlsPolicy::Required { verify } | TlsPolicy::Implicit { verify } => {
            Some(verify.ca.as_deref())
        }
    }
}

fn weigh(name: &str, found: Exchangers, until: Instant) -> Result<Domain, Cause> {
    if found.is_null {
        let words = format!("{name} takes no mail: it publishes a null MX");
        return Err(Cause::Unsupported(EnhancedStatus::new(5, 1, 10), words));
    }
    let mut exchangers: Vec<(u16, String)> = Vec::new();
    for exchanger in found.list {
        if !exchangers.iter().any(|(_, host)| *host == exchanger.host) {
            exchangers.push((exchanger.preference, exchanger.host));
        }
    }
    exchangers.sort_by_key(|(preference, _)| *preference);
    exchangers.truncate(EXCHANGERS_MAX);
    if exchangers.is_empty() {
        return Err(Cause::Lost(format!("{name} has no mail exchanger")));
    }
    Ok(Domain {
        name: name.to_owned(),
        exchangers,
        is_implicit: found.is_implicit,
        proof: found.proof,
        policy: None,
        until,
    })
}

fn cause_of(name: &str, what: &str, error: LookupError) -> Cause {
    match error {
        LookupError::Timeout => Cause::Timeout,
        LookupError::Bogus(words) => Cause::Untrusted(format!(
            "the {what} of {name} is not used, its signatures do not verify: {words}"
        )),
        error => Cause::Lost(format!("{name} has no {what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use annunciator_names::Exchanger;

    use super::*;

    fn exchangers(list: &[(u16, &str)]) -> Exchangers {
        let of = |&(preference, host): &(u16, &str)| Exchanger { preference, host: host.into() };
        Exchangers {
            list: list.iter().map(of).collect(),
            is_null: false,
            is_implicit: false,
            proof: Proof::Secure,
            until: std::time::Instant::now(),
        }
    }

    fn check(found: Exchangers, expected: &[&str]) {
        let domain = weigh("example.test", found, Instant::now()).unwrap();
        assert_eq!(domain.lines(), expected);
    }

    #[test]
    fn the_preferred_exchangers_are_used_each_once() {
        check(
            exchangers(&[(20, "b"), (10, "a"), (20, "c"), (30, "a")]),
            &["MX 10 a (secure)", "MX 20 b (secure)", "MX 20 c (secure)"],
        );
        let many: Vec<String> = (0..30).map(|n| format!("mx{n}")).collect();
        let many: Vec<_> = many.iter().map(|name| (30, name.as_str())).collect();
        let domain = weigh("example.test", exchangers(&many), Instant::now()).unwrap();
        assert_eq!(domain.exchangers.len(), EXCHANGERS_MAX);
        check(
            Exchangers { is_implicit: true, ..exchangers(&[(0, "example.test")]) },
            &["no MX of example.test: its own address (secure)"],
        );
    }

    #[test]
    fn a_null_mx_is_final_and_nothing_else_is() {
        let null = Exchangers { is_null: true, ..exchangers(&[]) };
        let cause = weigh("example.test", null, Instant::now()).unwrap_err();
        let failure = Trouble::new(Stage::Resolve, cause).outcome();
        assert_eq!(failure.as_str(), "permanent_failure");
        assert_eq!(failure.failure().unwrap().status.to_string(), "5.1.10");
        for error in [
            LookupError::Absent("gone".into()),
            LookupError::Bogus("forged".into()),
            LookupError::Unavailable("SERVFAIL".into()),
            LookupError::Timeout,
            LookupError::Malformed("odd".into()),
        ] {
            let cause = cause_of("example.test", "mail exchanger", error.clone());
            let outcome = Trouble::new(Stage::Resolve, cause).outcome();
            assert_eq!(outcome.as_str(), "transient_failure", "{error}");
        }
    }
}
