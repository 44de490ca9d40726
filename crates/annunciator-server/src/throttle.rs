//! Wrong passwords make who tries them wait, and nobody else.
//!
//! In: who tries (a device, a stranger, an address) and the time. Out: go on, or how long to wait.
//! Knows nothing of: HTTP, passwords.
//! Standard: OWASP "Slow Down Online Guessing Attacks with Device Cookies".
//!
//! A browser that has signed in before has a counter of its own, so that strangers who try
//! passwords cannot lock its user out. A try counts as wrong from its beginning until it is known
//! to be right, so that many at once get no more than one after the other. In memory only: a
//! restart forgets, and no wait is longer than a minute.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use annunciator_core::Timestamp;

/// Longest wait. Unit: seconds.
const WAIT_S_MAX: i64 = 60;
/// Wrong tries without a wait: typing errors.
const FREE: u32 = 2;
/// The same for an address, which many people may share.
const FREE_PER_ADDRESS: u32 = 20;
/// A counter is forgotten when nobody tried for so long. Unit: milliseconds.
const FORGET_MS: i64 = 3_600_000;
/// Most counters; beyond them the one that was used longest ago goes.
const COUNTERS_MAX: usize = 10_000;

/// Whose tries are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counter {
    /// A browser that has signed in as this user before.
    Device([u8; 16]),
    /// All others who try this user, by the hash of the name.
    Strangers([u8; 32]),
    /// An address; of IPv6 its network of 64 bits.
    Address(IpAddr),
    /// Somebody who has signed in, or a token, and proves again who they are.
    Proof(String),
}

impl Counter {
    /// The counter of an address.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                IpAddr::V6(network.into())
            }
            address => address,
        })
    }

    fn free(&self) -> u32 {
        match self {
            Self::Address(_) => FREE_PER_ADDRESS,
            Self::Device(_) | Self::Strangers(_) | Self::Proof(_) => FREE,
        }
    }
}

#[derive(Clone, Copy)]
struct Wrong {
    count: u32,
    last: Timestamp,
}

/// All counters.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<Counter, Wrong>>);

impl Throttle {
    /// Begins a try, which counts as wrong from now on.
    ///
    /// # Errors
    /// How long to wait before the next; then it is not counted. Unit: seconds.
    pub fn begin(&self, counters: &[Counter], now: Timestamp) -> Result<(), u16> {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = counters.iter().filter_map(|counter| {
            let wrong = wrong.get(counter)?;
            wait_ms(counter, *wrong, now)
        });
        if let Some(wait_ms) = waits.max() {
            return Err(u16::try_from((wait_ms + 999) / 1_000).unwrap_or(u16::MAX));
        }
        for counter in counters {
            make_room(&mut wrong, counter, now);
            let entry = wrong.entry(counter.clone()).or_insert(Wrong { count: 0, last: now });
            if is_forgotten(*entry, now) {
                entry.count = 0;
            }
            *entry = Wrong { count: entry.count.saturating_add(1), last: now };
        }
        Ok(())
    }

    /// The try was right. What an address did before still counts: others may share it.
    pub fn succeed(&self, counters: &[Counter]) {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for counter in counters {
            if !matches!(counter, Counter::Address(_)) {
                wrong.remove(counter);
            }
        }
        drop(wrong);
        self.withdraw(counters);
    }

    /// The try was neither right nor wrong: it could not be looked at.
    pub fn withdraw(&self, counters: &[Counter]) {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for counter in counters {
            if let Some(entry) = wrong.get_mut(counter) {
                entry.count = entry.count.saturating_sub(1);
            }
        }
    }
}

/// The rest of the wait after the last wrong try, if there is one.
fn wait_ms(counter: &Counter, wrong: Wrong, now: Timestamp) -> Option<i64> {
    if is_forgotten(wrong, now) {
        return None;
    }
    let beyond = wrong.count.checked_sub(counter.free()).filter(|beyond| *beyond > 0)?;
    let wait_s = 1_i64.checked_shl(beyond - 1).unwrap_or(WAIT_S_MAX);
    let wait_s = if (1..WAIT_S_MAX).contains(&wait_s) { wait_s } else { WAIT_S_MAX };
    // A clock that was set back makes no wait longer.
    let rest_ms = wait_s * 1_000 - now.ms_since(wrong.last).max(0);
    (rest_ms > 0).then_some(rest_ms)
}

fn is_forgotten(wrong: Wrong, now: Timestamp) -> bool {
    now.ms_since(wrong.last) >= FORGET_MS
}

fn make_room(wrong: &mut HashMap<Counter, Wrong>, counter: &Counter, now: Timestamp) {
    if wrong.len() < COUNTERS_MAX || wrong.contains_key(counter) {
        return;
    }
    wrong.retain(|_, wrong| !is_forgotten(*wrong, now));
    if wrong.len() >= COUNTERS_MAX {
        let oldest = wrong.iter().min_by_key(|(_, wrong)| wrong.last).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            wrong.remove(&oldest);
        }
    }
}

#[cfg(test)]
#[path = "throttle_tests.rs"]
mod tests;
