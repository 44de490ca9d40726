//! The resolver: hosts into addresses, domains into mail exchangers.
//!
//! In: a [`NamesPolicy`], names. Out: answers with their proof.
//! An address is looked for in this order: a literal is itself; the hosts file; DNS; the other
//! sources of the system; NetBIOS. Hosts file and other sources count only when the policy names
//! no DNS server. They are never proven. What DNS could not tell, or was forged, is never asked
//! of the system instead, for it would ask the same DNS unchecked; a whole name that is proven to
//! have no address is asked of nobody else (ADR 0022).
//! Standard: RFC 5321 section 5.1, RFC 7505 (null MX), RFC 7672 section 2.1 (proofs).
//! Failure: [`LookupError`].

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::time::{timeout, timeout_at};

use crate::answer::{
    AddressSource, Addresses, Exchanger, Exchangers, LookupError, Proof, Texts, Tlsa, TlsaRecords,
};
use crate::cache::{Cache, hold_until};
use crate::dns::{Anchors, Found, Questions, weakest};
use crate::name;
use crate::netbios::{self, NetBiosName};
use crate::order::sort_addresses;
use crate::policy::{Dnssec, NamesPolicy, NetBios};
use crate::system::{
    HostsEntry, ResolverSettings, Watched, ask_system, read_hosts, read_resolver_settings,
};

/// Most mail exchangers of a domain that are kept.
const EXCHANGERS_MAX: usize = 50;
/// Most TLSA or TXT records that are kept.
const RECORDS_MAX: usize = 100;
/// How long the second family is waited for once the first has addresses.
const SECOND_FAMILY_MAX: Duration = Duration::from_millis(500);
/// What the system says holds so long: it gives no TTL.
const SYSTEM_TTL_S: u32 = 10;
/// A NetBIOS answer holds at most so long: a machine may come back with another address.
const NETBIOS_TTL_MAX_S: u32 = 300;

/// What DNS says of a host.
enum HostAnswer {
    Known(Addresses),
    /// It has no address; the value says how far that is proven.
    Absent(Proof),
}

/// Resolves names under one policy; answers are cached as long as they hold. Cheap to clone.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

struct Inner {
    policy: NamesPolicy,
    anchors: Anchors,
    hosts: Watched<HashMap<String, HostsEntry>>,
    settings: Watched<ResolverSettings>,
    /// With the settings of the system that they were made for.
    questions: Mutex<Option<(Arc<ResolverSettings>, Arc<Questions>)>>,
    machines: Cache<String, Addresses>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}

impl Resolver {
    /// A resolver with an empty cache. It reads no file and opens no connection yet.
    ///
    /// # Errors
    /// A trust anchor that does not parse; in words.
    pub fn new(policy: &NamesPolicy) -> Result<Self, String> {
        let anchors = match &policy.dnssec {
            Dnssec::Validate { anchors } => Anchors::read(anchors)?,
            Dnssec::Off | Dnssec::TrustResolver => Anchors::read(&[])?,
        };
        Ok(Self(Arc::new(Inner {
            policy: policy.clone(),
            anchors,
            hosts: Watched::new("/etc/hosts", read_hosts),
            settings: Watched::new("/etc/resolv.conf", read_resolver_settings),
            questions: Mutex::new(None),
            machines: Cache::new(),
        })))
    }

    /// The addresses of a host: an address literal (with or without brackets) is its own; then
    /// DNS; then NetBIOS when the policy asks it.
    ///
    /// # Errors
    /// [`LookupError`].
    pub async fn addresses(&self, host: &str, deadline: Instant) -> Result<Addresses, LookupError> {
        within(deadline, self.find_addresses(host, deadline)).await
    }

    /// The mail exchangers of a domain, in any spelling (U-labels are converted, RFC 5891).
    ///
    /// # Errors
    /// [`LookupError::Absent`] when the domain does not exist at all.
    pub async fn exchangers(
        &self,
        domain: &str,
        deadline: Instant,
    ) -> Result<Exchangers, LookupError> {
        within(deadline, self.find_exchangers(domain, deadline)).await
    }

    /// The TLSA records of `_<port>._tcp.<host>`.
    ///
    /// # Errors
    /// [`LookupError`]; absence is no error.
    pub async fn tlsa(
        &self,
        host: &str,
        port: u16,
        deadline: Instant,
    ) -> Result<TlsaRecords, LookupError> {
        let (bare, _) = name::normalize(host)?;
        let name = name::to_name(&format!("_{port}._tcp.{bare}"))?;
        let (questions, _) = self.questions();
        let found = within(deadline, questions.ask(&name, RecordType::TLSA)).await?;
        let list = found.records.iter().take(RECORDS_MAX).filter_map(|record| match record {
            RData::TLSA(tlsa) => Some(Tlsa {
                usage: tlsa.cert_usage.into(),
                selector: tlsa.selector.into(),
                matching: tlsa.matching.into(),
                data: tlsa.cert_data.clone(),
            }),
            _ => None,
        });
        Ok(TlsaRecords { list: list.collect(), proof: found.proof, until: found.until })
    }

    /// The TXT records of a name.
    ///
    /// # Errors
    /// [`LookupError`]; absence is no error.
    pub async fn texts(&self, name: &str, deadline: Instant) -> Result<Texts, LookupError> {
        let (bare, _) = name::normalize(name)?;
        let name = name::to_name(&bare)?;
        let (questions, _) = self.questions();
        let found = within(deadline, questions.ask(&name, RecordType::TXT)).await?;
        let list = found.records.iter().take(RECORDS_MAX).filter_map(|record| match record {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        });
        Ok(Texts { list: list.collect(), until: found.until })
    }

    /// Whether names that the system itself knows count.
    fn uses_system(&self) -> bool {
        self.0.policy.dns_servers.is_empty()
    }

    /// Who is asked now, and the search domains. Changed settings of the system empty the cache.
    fn questions(&self) -> (Arc<Questions>, Vec<String>) {
        let inner = &self.0;
        let settings = inner.settings.look();
        let search = match inner.policy.search_domains.as_slice() {
            [] => settings.search.clone(),
            own => own.to_vec(),
        };
        let mut made = inner.questions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, questions)) = &*made
            // The same servers written anew, as DHCP does, are the same: what they have proven
            // until now is not forgotten.
            && (!self.uses_system() || *known == settings)
        {
            return (Arc::clone(questions), search);
        }
        let servers = match inner.policy.dns_servers.as_slice() {
            [] => &settings.servers,
            own => own,
        };
        let questions = Arc::new(Questions::new(servers, &inner.policy.dnssec, &inner.anchors));
        *made = Some((settings, Arc::clone(&questions)));
        (questions, search)
    }

    async fn find_addresses(
        &self,
        host: &str,
        deadline: Instant,
    ) -> Result<Addresses, LookupError> {
        let now = Instant::now();
        if let Some(ip) = name::literal(host) {
            let until = hold_until(now, u32::MAX);
            return Ok(unproven(vec![ip], ip.to_string(), AddressSource::Literal, until));
        }
        let (bare, is_absolute) = name::normalize(host)?;
        if let Some(known) = self.find_in_hosts(&bare, now) {
            return Ok(known);
        }
        let failure = match self.find_in_dns(host, deadline).await {
            Ok(HostAnswer::Known(found)) => return Ok(found),
            Ok(HostAnswer::Absent(proof)) => {
                let failure = LookupError::Absent(format!("{bare} has no address in DNS"));
                // Another answer would be unchecked, and turn DANE off. A name without a dot is
                // not one of DNS alone: that no top level domain is called so says nothing of
                // the machines nearby.
                if proof == Proof::Secure && (is_absolute || bare.contains('.')) {
                    return Err(failure);
                }
                failure
            }
            Err(failure) => failure,
        };
        if let Some(found) = self.find_in_system(&bare, &failure).await {
            return Ok(found);
        }
        self.find_machine(&bare, failure).await
    }

    /// RFC 6761 section 6.3: `localhost` is this machine, whoever else says what.
    fn find_in_hosts(&self, bare: &str, now: Instant) -> Option<Addresses> {
        let until = hold_until(now, SYSTEM_TTL_S);
        if self.uses_system()
            && let Some(entry) = self.0.hosts.look().get(bare)
        {
            let list = sort_addresses(entry.addresses.clone());
            return Some(unproven(list, entry.canonical.clone(), AddressSource::System, until));
        }
        let is_local = bare == "localhost" || bare.ends_with(".localhost");
        let list = vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        is_local.then(|| unproven(list, bare.to_owned(), AddressSource::System, until))
    }

    async fn find_in_dns(&self, host: &str, deadline: Instant) -> Result<HostAnswer, LookupError> {
        let (questions, search) = self.questions();
        if !questions.has_servers() {
            return Err(LookupError::Unavailable(
                "there is no DNS resolver to ask: set one".into(),
            ));
        }
        // DNS that does not answer leaves half of the time to those who are asked next.
        let deadline = match self.0.policy.netbios {
            NetBios::Off => deadline,
            _ => {
                let now = Instant::now();
                now + deadline.saturating_duration_since(now) / 2
            }
        };
        within(deadline, ask_candidates(&questions, host, &search)).await
    }

    /// The other sources of the system, after DNS has said that there is nothing. When DNS could
    /// not tell they are asked only if it is not to be checked anyway, or there is no DNS at all.
    async fn find_in_system(&self, bare: &str, failure: &LookupError) -> Option<Addresses> {
        let may_ask = match failure {
            LookupError::Absent(_) => true,
            LookupError::Unavailable(_) => {
                self.0.policy.dnssec == Dnssec::Off || !self.questions().0.has_servers()
            }
            _ => false,
        };
        if !self.uses_system() || !may_ask {
            return None;
        }
        let list = ask_system(bare.to_owned()).await.ok().filter(|list| !list.is_empty())?;
        let until = hold_until(Instant::now(), SYSTEM_TTL_S);
        Some(unproven(sort_addresses(list), bare.to_owned(), AddressSource::System, until))
    }

    /// NetBIOS, unless DNS has an answer that is forged.
    async fn find_machine(
        &self,
        bare: &str,
        failure: LookupError,
    ) -> Result<Addresses, LookupError> {
        let inner = &self.0;
        if inner.policy.netbios == NetBios::Off || matches!(failure, LookupError::Bogus(_)) {
            return Err(failure);
        }
        let Some(name) = NetBiosName::read(bare) else { return Err(failure) };
        let key = bare.to_owned();
        if let Some((known, _)) = inner.machines.find(&key, Instant::now()) {
            return Ok(known);
        }
        let (list, ttl_s) = match netbios::ask(&inner.policy.netbios, &name).await {
            Ok(machine) => machine,
            // Both say no; what DNS said is what most people can do something about.
            Err(LookupError::Absent(_)) => return Err(failure),
            Err(other) => return Err(other),
        };
        let list = sort_addresses(list.into_iter().map(IpAddr::from).collect());
        let now = Instant::now();
        let until = hold_until(now, ttl_s.min(NETBIOS_TTL_MAX_S));
        let found = unproven(list, key.clone(), AddressSource::NetBios, until);
        inner.machines.keep(key, found.clone(), until, now);
        Ok(found)
    }

    async fn find_exchangers(
        &self,
        domain: &str,
        deadline: Instant,
    ) -> Result<Exchangers, LookupError> {
        if let Some(ip) = name::literal(domain) {
            let until = hold_until(Instant::now(), u32::MAX);
            return Ok(implicit(ip.to_string(), Proof::Unchecked, until));
        }
        let (bare, _) = name::normalize(domain)?;
        let (questions, search) = self.questions();
        if questions.has_servers() {
            for name in name::candidates(domain, &search)? {
                let found = questions.ask(&name, RecordType::MX).await?;
                if !found.records.is_empty() {
                    return read_exchangers(&bare, &found);
                }
                if !found.is_name_absent {
                    return Ok(implicit(name::to_text(&name), found.proof, found.until));
                }
            }
        }
        // DNS knows nothing of it; the hosts file, the system or NetBIOS may.
        let known = self.find_addresses(domain, deadline).await.map_err(|error| match error {
            LookupError::Absent(_) => {
                LookupError::Absent(format!("the domain {bare} does not exist"))
            }
            other => other,
        })?;
        Ok(implicit(bare, Proof::Unchecked, known.until))
    }
}

/// The result, unless the deadline comes first.
async fn within<T>(
    deadline: Instant,
    future: impl Future<Output = Result<T, LookupError>>,
) -> Result<T, LookupError> {
    timeout_at(deadline.into(), future).await.unwrap_or(Err(LookupError::Timeout))
}

fn unproven(
    list: Vec<IpAddr>,
    canonical: String,
    source: AddressSource,
    until: Instant,
) -> Addresses {
    Addresses { list, canonical, proof: Proof::Unchecked, source, until }
}

/// The addresses of the first name that has any. Their absence is proven when it is for each name.
async fn ask_candidates(
    questions: &Questions,
    host: &str,
    search: &[String],
) -> Result<HostAnswer, LookupError> {
    let mut absence = Proof::Secure;
    for name in name::candidates(host, search)? {
        match ask_both_families(questions, &name).await? {
            HostAnswer::Absent(proof) => absence = weakest(absence, proof),
            known => return Ok(known),
        }
    }
    Ok(HostAnswer::Absent(absence))
}

/// The addresses of one name.
async fn ask_both_families(questions: &Questions, name: &Name) -> Result<HostAnswer, LookupError> {
    let mut six = Box::pin(questions.ask(name, RecordType::AAAA));
    let mut four = Box::pin(questions.ask(name, RecordType::A));
    let has_records = |found: &Result<Found, LookupError>| {
        found.as_ref().is_ok_and(|found| !found.records.is_empty())
    };
    let late = || Err(LookupError::Timeout);
    let both = tokio::select! {
        first = &mut six => {
            let second = if has_records(&first) {
                timeout(SECOND_FAMILY_MAX, four).await.unwrap_or_else(|_| late())
            } else {
                four.await
            };
            [first, second]
        }
        first = &mut four => {
            let second = if has_records(&first) {
                timeout(SECOND_FAMILY_MAX, six).await.unwrap_or_else(|_| late())
            } else {
                six.await
            };
            [second, first]
        }
    };
    join_families(both)
}

/// Six first, as the policy table of RFC 6724 has it; the order is made later.
fn join_families(both: [Result<Found, LookupError>; 2]) -> Result<HostAnswer, LookupError> {
    let mut found: Option<Found> = None;
    let mut failure = None;
    let mut absence = Proof::Secure;
    for family in both {
        match family {
            // One family without an answer takes nothing from the other.
            Err(error) => failure = Some(worse(failure, error)),
            Ok(family) if family.records.is_empty() => absence = weakest(absence, family.proof),
            Ok(family) => match &mut found {
                None => found = Some(family),
                Some(found) => {
                    found.records.extend(family.records);
                    found.proof = weakest(found.proof, family.proof);
                    found.until = found.until.min(family.until);
                }
            },
        }
    }
    match (found, failure) {
        (Some(found), _) => {
            let list = found.records.iter().filter_map(|record| match record {
                RData::A(address) => Some(IpAddr::V4(address.0)),
                RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                _ => None,
            });
            Ok(HostAnswer::Known(Addresses {
                list: sort_addresses(list.collect()),
                canonical: name::to_text(&found.name),
                proof: found.proof,
                source: AddressSource::Dns,
                until: found.until,
            }))
        }
        (None, Some(failure)) => Err(failure),
        (None, None) => Ok(HostAnswer::Absent(absence)),
    }
}

/// A forgery is told before trouble.
fn worse(one: Option<LookupError>, other: LookupError) -> LookupError {
    match one {
        Some(one @ LookupError::Bogus(_)) => one,
        _ => other,
    }
}

fn implicit(host: String, proof: Proof, until: Instant) -> Exchangers {
    let list = vec![Exchanger { preference: 0, host }];
    Exchangers { list, is_null: false, is_implicit: true, proof, until }
}

fn read_exchangers(domain: &str, found: &Found) -> Result<Exchangers, LookupError> {
    let mut has_null = false;
    let mut list = Vec::new();
    for record in &found.records {
        let RData::MX(exchanger) = record else { continue };
        if exchanger.exchange.is_root() {
            has_null = true;
            continue;
        }
        // A name that no host can have is of no use, nor is an address, which must not stand here:
        // asked for as a host it would be itself. Another exchanger may have a good one.
        if let Ok((host, _)) = name::normalize(&exchanger.exchange.to_ascii())
            && !name::is_like_address(&host)
        {
            list.push(Exchanger { preference: exchanger.preference, host });
        }
    }
    if list.is_empty() && !has_null {
        return Err(LookupError::Malformed(format!(
            "no MX record of {domain} names a host that can exist: each must hold a host name, \
             and no address (RFC 5321 section 5.1)"
        )));
    }
    list.sort_by_key(|exchanger| exchanger.preference);
    list.truncate(EXCHANGERS_MAX);
    // Beside other records a null MX means nothing (RFC 7505 section 3).
    let is_null = list.is_empty();
    Ok(Exchangers { list, is_null, is_implicit: false, proof: found.proof, until: found.until })
}
