//! The policies of domains: looked up, kept as long as they hold, over restarts too.
//!
//! In: a domain. Out: the policy in force, if any.
//! Standard: RFC 8461 sections 3.3 and 5.1: a policy that was once fetched holds until its time
//! is over, whatever happens to the record and the file in between. It is fetched again well
//! before, so that nobody who disturbs the fetching for a while makes it run out.
//! Failure: a policy that cannot be fetched is none, unless an earlier one still holds; it is not
//! asked for again for some minutes.
//!
//! The lock is held for a few instructions and never over an await: two look-ups at once fetch
//! twice, and the later one is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use annunciator_names::Resolver;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::fetch::{self, Access};
use super::{Policy, announced_id};
use crate::keeper::Keeper;

/// Domains that are remembered.
const DOMAINS_MAX: usize = 1_000;
/// After a failure: when the file is asked for again (RFC 8461 section 3.3).
const PATIENCE: Duration = Duration::from_secs(300);
/// How long record and file may take together (RFC 8461 section 3.3).
const FETCH_MAX: Duration = Duration::from_secs(60);
/// After this a policy is fetched again though its id is the same; after half of its time when that
/// is less (RFC 8461 section 3.3 suggests once a day). Unit: seconds.
const REFRESH_S_MAX: u64 = 86_400;

/// A policy as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Kept {
    id: String,
    /// Unix time. Unit: seconds.
    until_s: u64,
    /// The file.
    text: String,
}

#[derive(Clone, Default)]
struct Memory {
    kept: Option<(Kept, Arc<Policy>)>,
    /// What could not be fetched, and when.
    failed: Option<(String, Instant)>,
}

/// The policies of all domains.
pub(crate) struct Policies {
    keeper: Arc<dyn Keeper>,
    memory: Mutex<HashMap<String, Memory>>,
    port: u16,
}

impl Policies {
    /// Fetches from that port.
    pub(crate) fn new(keeper: Arc<dyn Keeper>, port: u16) -> Self {
        Self { keeper, memory: Mutex::default(), port }
    }

    fn memory(&self) -> MutexGuard<'_, HashMap<String, Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The policy of a domain that holds now. `ca` are the certificates that the file's server is
    /// checked against; `None` = those of the system.
    pub(crate) async fn find(
        &self,
        domain: &str,
        resolver: &Resolver,
        ca: Option<&[Vec<u8>]>,
        deadline: Instant,
    ) -> Option<Arc<Policy>> {
        let deadline = deadline.min(Instant::now() + FETCH_MAX);
        let mut memory = self.recall(domain).await;
        let name = format!("_mta-sts.{domain}");
        let texts = resolver.texts(&name, deadline.into_std()).await;
        let id = texts.as_ref().ok().and_then(|texts| announced_id(&texts.list));
        if let Some(id) = id
            && memory.wants(id, now_s())
            && !memory.has_failed(id)
        {
            let access = Access { resolver, ca, port: self.port, deadline };
            match fetch::get_policy(domain, &access).await {
                Ok((text, policy)) => {
                    let until_s = now_s().saturating_add(policy.age_s_max);
                    let kept = Kept { id: id.to_owned(), until_s, text };
                    let json = serde_json::to_string(&kept).expect("texts and numbers are JSON");
                    self.keeper.save(&place(domain), &json).await;
                    memory = Memory { kept: Some((kept, Arc::new(policy))), failed: None };
                }
                Err(reason) => {
                    tracing::warn!(domain, reason, "the MTA-STS policy cannot be fetched");
                    memory.failed = Some((id.to_owned(), Instant::now()));
                }
            }
            self.remember(domain, &memory);
        }
        memory.kept.map(|(_, policy)| policy)
    }

    /// What is remembered or kept of a domain and still holds.
    async fn recall(&self, domain: &str) -> Memory {
        let remembered = self.memory().get(domain).cloned();
        let mut memory = match remembered {
            Some(memory) => memory,
            None => {
                let text = self.keeper.load(&place(domain)).await;
                let kept = text.and_then(|text| serde_json::from_str::<Kept>(&text).ok());
                let kept = kept.and_then(|kept| {
                    let policy = Policy::parse(&kept.text)?;
                    Some((kept, Arc::new(policy)))
                });
                let memory = Memory { kept, failed: None };
                self.remember(domain, &memory);
                memory
            }
        };
        // A clock that was set back must not make a policy hold longer than its own time.
        memory.kept = memory.kept.filter(|(kept, policy)| {
            let now = now_s();
            (now..=now.saturating_add(policy.age_s_max)).contains(&kept.until_s)
        });
        memory
    }

    fn remember(&self, domain: &str, memory: &Memory) {
        let mut all = self.memory();
        if all.len() >= DOMAINS_MAX && !all.contains_key(domain) {
            all.clear();
        }
        all.insert(domain.to_owned(), memory.clone());
    }
}

impl Memory {
    /// Whether the policy with this id is to be fetched: it is another one, or the one that is
    /// kept was fetched a while ago. The policy's own time tells when that was.
    fn wants(&self, id: &str, now_s: u64) -> bool {
        self.kept.as_ref().is_none_or(|(kept, policy)| {
            let fetched_s = kept.until_s.saturating_sub(policy.age_s_max);
            let is_old = now_s.saturating_sub(fetched_s) >= REFRESH_S_MAX.min(policy.age_s_max / 2);
            kept.id != id || is_old
        })
    }

    fn has_failed(&self, id: &str) -> bool {
        self.failed.as_ref().is_some_and(|(failed, at)| failed == id && at.elapsed() < PATIENCE)
    }
}

fn place(domain: &str) -> String {
    format!("mta-sts/{domain}")
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mta_sts::Mode;

    #[test]
    fn a_policy_is_fetched_when_its_id_is_new_or_half_of_its_time_or_a_day_has_passed() {
        const FETCHED_S: u64 = 1_000_000;
        let wants = |age_s_max: u64, id: &str, now_s: u64| {
            let kept = Kept { id: "1".into(), until_s: FETCHED_S + age_s_max, text: String::new() };
            let policy = Policy { mode: Mode::None, age_s_max, patterns: Vec::new() };
            Memory { kept: Some((kept, Arc::new(policy))), failed: None }.wants(id, now_s)
        };
        for (age_s_max, id, passed_s, expected) in [
            (604_800, "1", 0, false),
            (604_800, "1", 86_399, false),
            (604_800, "1", 86_400, true),
            (604_800, "2", 0, true),
            (86_400, "1", 43_199, false),
            (86_400, "1", 43_200, true),
        ] {
            let got = wants(age_s_max, id, FETCHED_S + passed_s);
            assert_eq!(got, expected, "{age_s_max} {id} {passed_s}");
        }
        assert!(!wants(604_800, "1", 0), "the clock was set back");
        assert!(Memory::default().wants("1", 0));
    }
}
