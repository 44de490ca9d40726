//! Turns a way to a server into addresses, and says what TLS has to prove there.
//!
//! In: [`Way`]. Out: [`Approach`]: addresses, expectation, what stands in the ledger.
//! Knows nothing of: connections.
//! Standard: RFC 7672 sections 2.2 and 3.2, RFC 8461 sections 4.1 and 5; spec 4.2, 4.4; ADR 0023.
//! Failure: bogus answers, TLSA records that cannot be had, and a server that the domain's policy
//! does not name: the server is put off.

use std::net::{IpAddr, SocketAddr};

use annunciator_core::{DaneOutcome, EnhancedStatus, RouteFacts};
use annunciator_names::{Addresses, Proof, literal};
use tokio::time::Instant;

use crate::dane::{self, Dane};
use crate::expectation::{Demand, Expectation};
use crate::mta_sts::{Mode, Verdict};
use crate::relay::{Relay, TlsPolicy};
use crate::route::finder::{Domain, Finder, proof_word};
use crate::route::roster::Way;
use crate::route::{bare_host, plain_name};
use crate::trouble::Cause;

/// Most addresses of one server that are tried.
const ADDRESSES_MAX: usize = 8;

/// Where a server is, and what is expected of it.
#[derive(Debug)]
pub(crate) struct Approach {
    /// At least one.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) expectation: Expectation,
    /// For a mail exchanger.
    pub(crate) facts: Option<RouteFacts>,
    /// For the report of the stage.
    pub(crate) lines: Vec<String>,
}

/// Why there is no way, and what was seen until then.
#[derive(Debug)]
pub(crate) struct Astray {
    pub(crate) cause: Cause,
    pub(crate) facts: Option<RouteFacts>,
}

/// Looks up all that is known of a server before it is connected to.
pub(crate) async fn find(
    finder: &Finder<'_>,
    way: &Way,
    deadline: Instant,
) -> Result<Approach, Astray> {
    let (host, port) = (bare_host(&way.server.host), finder.relay.port);
    let deadline = finder.resolve_by(deadline);
    let mut facts = way.domain.as_deref().map(|domain| RouteFacts {
        domain: domain.name.clone(),
        preference: (!domain.is_implicit).then_some(way.preference),
        dnssec: proof_word(domain.proof).to_owned(),
        ..RouteFacts::default()
    });
    // A mail exchanger is held to what its domain demands, whatever its name looks like.
    if way.domain.is_none()
        && let Some(ip) = literal(host)
    {
        let address = SocketAddr::new(ip, port);
        let lines = vec![address.to_string()];
        let expectation = Expectation::of_host(host);
        return Ok(Approach { addresses: vec![address], expectation, facts, lines });
    }
    let found = match finder.addresses(host, deadline).await {
        Ok(found) => found,
        Err(cause) => return Err(Astray { cause, facts }),
    };
    let of = |&ip: &IpAddr| SocketAddr::new(ip, port);
    let addresses: Vec<SocketAddr> = found.list.iter().take(ADDRESSES_MAX).map(of).collect();
    if addresses.is_empty() {
        return Err(Astray { cause: Cause::Lost(format!("{host} has no address")), facts });
    }
    let mut lines: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let Some((domain, facts)) = way.domain.as_deref().zip(facts.as_mut()) else {
        let expectation = Expectation::of_host(host);
        return Ok(Approach { addresses, expectation, facts, lines });
    };
    let all_secure = domain.proof == Proof::Secure && found.proof == Proof::Secure;
    if !all_secure {
        let weaker = if domain.proof == Proof::Secure { found.proof } else { domain.proof };
        proof_word(weaker).clone_into(&mut facts.dnssec);
    }
    lines.splice(0..0, domain.lines());
    let exchange = Exchange { finder, domain, host, addresses: &found, deadline };
    match exchange.expect(facts, &mut lines).await {
        Ok(expectation) => {
            Ok(Approach { addresses, expectation, facts: Some(facts.clone()), lines })
        }
        Err(cause) => Err(Astray { cause, facts: Some(facts.clone()) }),
    }
}

/// A mail exchanger whose addresses are known.
struct Exchange<'a> {
    finder: &'a Finder<'a>,
    domain: &'a Domain,
    host: &'a str,
    addresses: &'a Addresses,
    deadline: Instant,
}

impl Exchange<'_> {
    async fn expect(
        &self,
        facts: &mut RouteFacts,
        lines: &mut Vec<String>,
    ) -> Result<Expectation, Cause> {
        let verdict = self.domain.policy.as_ref().map(|policy| policy.judge(self.host));
        if let Some(verdict) = verdict {
            verdict.as_str().clone_into(&mut facts.mta_sts);
            lines.push(format!("MTA-STS: {}", verdict.as_str()));
        }
        let dane = match self.look_up_dane().await {
            Ok(dane) => dane,
            Err(cause) => {
                facts.dane = Some(DaneOutcome::Tempfail);
                return Err(cause);
            }
        };
        if let Some(dane) = &dane {
            facts.dane = dane.outcome();
            lines.push(dane.line());
        }
        self.combine(dane, verdict)
    }

    /// `None` when it is not asked for.
    async fn look_up_dane(&self) -> Result<Option<Dane>, Cause> {
        let relay = self.finder.relay;
        if !relay.mx.as_ref().is_some_and(|mx| mx.dane) {
            return Ok(None);
        }
        if relay.tls == TlsPolicy::Off {
            return Ok(Some(Dane::NotApplicable));
        }
        if self.domain.proof != Proof::Secure {
            return Ok(Some(Dane::Insecure));
        }
        let resolver = self.finder.resolver()?;
        dane::look_up(resolver, self.host, relay.port, self.addresses, self.deadline)
            .await
            .map(Some)
    }

    /// DANE goes first; MTA-STS never weakens it (RFC 8461 section 2).
    fn combine(&self, dane: Option<Dane>, verdict: Option<Verdict>) -> Result<Expectation, Cause> {
        let domain = plain_name(&self.domain.name);
        // Without DNSSEC anybody may have put the exchanger's name there: what counts is the
        // domain that was asked for (spec 4.2).
        let mut names = vec![domain.clone()];
        if self.domain.proof == Proof::Secure && self.host != domain {
            names.push(self.host.to_owned());
        }
        let mut expectation =
            Expectation { host: self.host.to_owned(), names, ..Expectation::default() };
        if let Some(Dane::Usable { base, records }) = dane {
            expectation.names.retain(|name| *name != base);
            expectation.names.insert(0, base.clone());
            expectation.host = base;
            expectation.tlsa = records;
            expectation.demand = Some(Demand::Dane);
            expectation.verifies = has_own_authorities(self.finder.relay);
            return Ok(expectation);
        }
        if matches!(dane, Some(Dane::Unusable { .. })) {
            expectation.demand = Some(Demand::Dane);
        }
        let enforced = verdict.filter(|verdict| verdict.mode == Mode::Enforce);
        if let Some(verdict) = enforced {
            if !verdict.is_named {
                let words = format!(
                    "the MTA-STS policy of {domain} does not name its mail exchanger {}",
                    self.host
                );
                return Err(Cause::Forbidden(EnhancedStatus::new(4, 7, 0), words));
            }
            expectation.names = vec![self.host.to_owned()];
            expectation.verifies = true;
            expectation.demand = expectation.demand.or(Some(Demand::MtaSts));
        }
        Ok(expectation)
    }
}

/// Whether an administrator demands certificates of certain authorities; then TLSA records do not
/// stand in their place (ADR 0023).
fn has_own_authorities(relay: &Relay) -> bool {
    match &relay.tls {
        TlsPolicy::Required { verify } | TlsPolicy::Implicit { verify } => verify.ca.is_some(),
        TlsPolicy::Off | TlsPolicy::IfSupported { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use annunciator_names::{NamesPolicy, Resolver};

    use super::*;
    use crate::keeper::MemoryKeeper;
    use crate::mta_sts::Policy;
    use crate::mta_sts::policies::Policies;
    use crate::relay::MxPolicy;
    use crate::server::Server;

    async fn check(pattern: &str, expected: Result<&[&str], ()>) {
        let relay = Relay { mx: Some(MxPolicy { dane: true, mta_sts: true }), ..Relay::default() };
        let policies = Policies::new(Arc::new(MemoryKeeper::default()), 443);
        let resolver = Resolver::new(&NamesPolicy::default());
        let finder = Finder { relay: &relay, resolver, policies: &policies };
        let policy =
            Policy { mode: Mode::Enforce, age_s_max: 1, patterns: vec![pattern.to_owned()] };
        let until = Instant::now() + Duration::from_secs(60);
        let domain = Domain {
            name: "example.test".to_owned(),
            exchangers: vec![(10, "192.0.2.1".to_owned())],
            is_implicit: false,
            proof: Proof::Insecure,
            policy: Some(Arc::new(policy)),
            until,
        };
        let server = Arc::new(Server::new("192.0.2.1", 25));
        let way = Way { server, preference: 10, domain: Some(Arc::new(domain)) };
        match (find(&finder, &way, until).await, expected) {
            (Ok(found), Ok(names)) => {
                assert_eq!(found.expectation.names, names);
                assert!(found.expectation.verifies);
            }
            (Err(astray), Err(())) => {
                assert!(matches!(astray.cause, Cause::Forbidden(..)), "{:?}", astray.cause);
            }
            (found, _) => panic!("{pattern}: {found:?}"),
        }
        // Configured itself, it is what it is.
        let way = Way { domain: None, ..way };
        assert_eq!(find(&finder, &way, until).await.unwrap().expectation.names, ["192.0.2.1"]);
    }

    #[tokio::test]
    async fn an_address_as_a_mail_exchanger_does_not_go_round_the_policy() {
        check("mx.example.test", Err(())).await;
        check("192.0.2.1", Ok(&["192.0.2.1"])).await;
    }
}
