//! One resolver for each way of resolving names, so that its cache serves every relay.
//!
//! Failure: a policy that no resolver can be made of is told at every look-up, in words.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use annunciator_names::{NamesPolicy, Resolver};

/// Policies whose resolvers are kept; one more empties the memory, which costs only caches.
const RESOLVERS_MAX: usize = 64;

/// The resolvers in use.
#[derive(Default)]
pub(crate) struct Resolvers(Mutex<HashMap<NamesPolicy, Resolver>>);

impl Resolvers {
    fn kept(&self) -> MutexGuard<'_, HashMap<NamesPolicy, Resolver>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The resolver of a policy.
    pub(crate) fn get(&self, policy: &NamesPolicy) -> Result<Resolver, String> {
        if let Some(resolver) = self.kept().get(policy) {
            return Ok(resolver.clone());
        }
        let made = Resolver::new(policy)?;
        let mut kept = self.kept();
        if kept.len() >= RESOLVERS_MAX {
            kept.clear();
        }
        Ok(kept.entry(policy.clone()).or_insert(made).clone())
    }

    /// Forgets all that was looked up.
    pub(crate) fn forget(&self) {
        self.kept().clear();
    }
}
