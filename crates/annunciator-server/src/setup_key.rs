//! The one-time key with which the first administrator is made.
//!
//! In: a key that somebody shows. Out: whether it is the one of this start.
//! Only its hash is kept, in memory: the plain key stands in one line of the log. It ends with the
//! first administrator who can sign in.

use std::sync::{Mutex, PoisonError};

use crate::session_book::sha256_of_secret;

/// The key of this start, while no administrator can sign in.
#[derive(Default)]
pub struct SetupKey(Mutex<Option<[u8; 32]>>);

impl SetupKey {
    /// Takes this key from now on.
    pub fn begin(&self, key: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sha256_of_secret(key);
    }

    /// An administrator can sign in: no key is taken any more.
    pub fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a key is taken.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether this is it.
    #[must_use]
    pub fn fits(&self, key: &str) -> bool {
        let kept = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = sha256_of_secret(key);
        kept.zip(shown).is_some_and(|(kept, shown)| openssl::memcmp::eq(&kept, &shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_of_this_start_fits_and_only_until_it_ends() {
        let key = SetupKey::default();
        let (right, wrong) = ("ab".repeat(32), "cd".repeat(32));
        assert!(!key.is_needed() && !key.fits(&right));
        key.begin(&right);
        assert!(key.is_needed() && key.fits(&right));
        for other in [wrong.as_str(), "", "ab", &right[1..]] {
            assert!(!key.fits(other), "{other}");
        }
        key.end();
        assert!(!key.is_needed() && !key.fits(&right));
    }
}
