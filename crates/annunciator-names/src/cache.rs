//! Keeps answers as long as they hold.
//!
//! In: answers with the time they end. Out: those that still hold. The number is bounded; what
//! ends soonest makes room.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most answers that are kept.
const ENTRIES_MAX: usize = 4_096;
/// An answer is kept at least so long, so that one delivery does not ask twice.
const HOLD_MIN: Duration = Duration::from_secs(1);
/// And at most so long, whatever its TTL (RFC 2181 section 8 allows 68 years).
const HOLD_MAX: Duration = Duration::from_secs(86_400);

/// When an answer that came at `now` with this TTL ends.
pub(crate) fn hold_until(now: Instant, ttl_s: u32) -> Instant {
    now + Duration::from_secs(ttl_s.into()).clamp(HOLD_MIN, HOLD_MAX)
}

/// Answers by key.
#[derive(Debug)]
pub(crate) struct Cache<K, V>(Mutex<HashMap<K, (V, Instant)>>);

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// The answer, when it still holds, and until when.
    pub(crate) fn find(&self, key: &K, now: Instant) -> Option<(V, Instant)> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|(_, until)| *until > now).cloned()
    }

    pub(crate) fn keep(&self, key: K, value: V, until: Instant, now: Instant) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX && !entries.contains_key(&key) {
            entries.retain(|_, (_, until)| *until > now);
            if entries.len() >= ENTRIES_MAX {
                let soonest = entries.iter().min_by_key(|(_, (_, until))| *until);
                let soonest = soonest.map(|(key, _)| key.clone());
                soonest.and_then(|key| entries.remove(&key));
            }
        }
        entries.insert(key, (value, until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_for_its_ttl_within_bounds() {
        let now = Instant::now();
        for (ttl_s, expected_s) in
            [(0, 1), (1, 1), (300, 300), (86_400, 86_400), (604_800, 86_400), (u32::MAX, 86_400)]
        {
            assert_eq!(hold_until(now, ttl_s) - now, Duration::from_secs(expected_s), "{ttl_s}");
        }
    }

    #[test]
    fn an_answer_ends_with_its_time() {
        let (cache, now) = (Cache::new(), Instant::now());
        let until = now + Duration::from_secs(2);
        cache.keep("a", 1, until, now);
        assert_eq!(cache.find(&"a", now), Some((1, until)));
        assert_eq!(cache.find(&"a", until), None);
        assert_eq!(cache.find(&"b", now), None);
    }

    #[test]
    fn what_ends_soonest_makes_room() {
        let (cache, now) = (Cache::new(), Instant::now());
        let after = |s: usize| now + Duration::from_secs(u64::try_from(s).unwrap());
        for index in 0..ENTRIES_MAX {
            cache.keep(index, index, after(index + 10), now);
        }
        cache.keep(ENTRIES_MAX, 0, after(1_000), now);
        assert_eq!(cache.find(&0, now), None);
        assert!(cache.find(&1, now).is_some());
        assert!(cache.find(&ENTRIES_MAX, now).is_some());
        assert_eq!(cache.0.lock().unwrap().len(), ENTRIES_MAX);
    }
}
