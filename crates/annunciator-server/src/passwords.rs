//! Passwords of users: what is taken as one, its hash, and whether it fits (spec 10.2).
//!
//! In: what somebody typed. Out: Argon2id in the PHC form; yes or no.
//! Standard: RFC 9106 (Argon2id), OWASP's least parameters (19 MiB, 2 passes, 1 lane); NIST
//! SP 800-63B-4 section 3.1.1: length and a list of common ones, no rules of composition, NFKC.
//! Failure: with too many sign-ins at once the last ones are asked to come back.
//!
//! Concurrency: at most two hashes are computed at a time, on blocking threads, so that sign-in
//! attempts take neither all cores nor all memory.

use std::time::Duration;

use annunciator_api_types::FieldError;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use icu_normalizer::ComposingNormalizerBorrowed;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Shortest and longest password. Unit: characters.
pub const CHARS: std::ops::RangeInclusive<usize> = 12..=256;
/// Longest text that is looked at as a password. Unit: octets.
const BYTES_MAX: usize = 4 * 256;
/// Memory of a hash. Unit: KiB.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at a time.
const AT_A_TIME: usize = 2;
/// Longest wait for one's turn.
const TURN_MAX: Duration = Duration::from_secs(10);

/// The commonest passwords of this length, in small letters.
const COMMON: &[&str] = &[
    "000000000000",
    "111111111111",
    "1111111111111111",
    "112233445566",
    "123123123123",
    "123412341234",
    "1234567890-=",
    "123456789012",
    "1234567890123",
    "12345678901234567890",
    "1234567890qwertyuiop",
    "123456789abc",
    "123456789qwerty",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "abcdefghijkl",
    "abcdefghijklmnopqrstuvwxyz",
    "administrator",
    "administrator1",
    "admin1234567",
    "adminadminadmin",
    "annunciator1",
    "annunciator123",
    "asdfghjkl123",
    "changeme1234",
    "changemenow!",
    "correcthorsebatterystaple",
    "iloveyou1234",
    "letmein12345",
    "passw0rd1234",
    "passwordpassword",
    "password1234",
    "password12345",
    "password123456",
    "password2025",
    "password2026",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwertyqwerty",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiop[]",
    "qwertyuiopasdfghjklzxcvbnm",
    "welcome12345",
    "zaq12wsxcde3",
    "йцукенгшщзхъ",
    "парольпароль",
];

/// Why nothing was computed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Others are signing in.
    #[error("too many sign-ins at once")]
    Busy,
    /// No memory, no random numbers, or a stored hash that is none.
    #[error("the password cannot be hashed: {0}")]
    Failed(String),
}

/// Hashes passwords and compares them.
pub struct Passwords {
    slots: Semaphore,
    /// What is compared with when there is no user of that name: it costs the same.
    decoy: String,
}

impl Passwords {
    /// Blocks for one hash.
    ///
    /// # Errors
    /// The system gives no memory or no random numbers.
    pub fn new() -> Result<Self, PasswordError> {
        let mut random = Zeroizing::new([0_u8; 32]);
        getrandom::fill(&mut *random).map_err(|error| PasswordError::Failed(error.to_string()))?;
        Ok(Self { slots: Semaphore::new(AT_A_TIME), decoy: hash(&*random)? })
    }

    /// The hash of a password that has passed [`check`].
    ///
    /// # Errors
    /// Too many at once.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = normalize(password);
        self.in_turn(move || hash(password.as_bytes())).await
    }

    /// Whether a password fits a hash; without a hash it never does, and takes as long.
    ///
    /// # Errors
    /// Too many at once.
    pub async fn fits(&self, password: &str, stored: Option<&str>) -> Result<bool, PasswordError> {
        // What is longer was never taken; hashing its beginning takes the usual time.
        let is_possible = stored.is_some() && password.len() <= BYTES_MAX;
        let shown = if password.len() <= BYTES_MAX { password } else { "" };
        let (password, stored) = (normalize(shown), stored.unwrap_or(&self.decoy).to_owned());
        let fits = self
            .in_turn(move || {
                let stored =
                    PasswordHash::new(&stored).map_err(|e| PasswordError::Failed(e.to_string()))?;
                Ok(argon2().verify_password(password.as_bytes(), &stored).is_ok())
            })
            .await?;
        Ok(fits && is_possible)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(TURN_MAX, self.slots.acquire()).await;
        let _permit = turn.ok().and_then(Result::ok).ok_or(PasswordError::Busy)?;
        let outcome = tokio::task::spawn_blocking(work).await;
        outcome.map_err(|error| PasswordError::Failed(error.to_string()))?
    }
}

/// What is wrong with a password that somebody chose.
#[must_use]
pub fn check(password: &str, user: &str, pointer: &str) -> Option<FieldError> {
    let error = |code: &str, detail: String| Some(FieldError::new(pointer, code, detail));
    let (least, most) = (*CHARS.start(), *CHARS.end());
    let chars = password.chars().count();
    if chars < least {
        let detail = format!("must have {least} characters or more: a few words do well");
        return error("too_short", detail);
    }
    if password.len() > BYTES_MAX || chars > most {
        return error("too_long", format!("must have {most} characters at most"));
    }
    let small = Zeroizing::new(normalize(password).to_lowercase());
    if *small == user.to_lowercase() {
        return error("common", "must not be the name of the user".to_owned());
    }
    if COMMON.contains(&small.as_str()) {
        return error("common", "is one of the commonest passwords: choose another".to_owned());
    }
    None
}

/// The same password typed on another system gives the same octets.
fn normalize(password: &str) -> Zeroizing<String> {
    let normalized = ComposingNormalizerBorrowed::new_nfkc().normalize(password);
    Zeroizing::new(normalized.into_owned())
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("constants within bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &[u8]) -> Result<String, PasswordError> {
    let hash: Result<PasswordHash, _> = argon2().hash_password(password);
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_enough_and_not_common() {
        let check = |password: &str, expected: Option<&str>| {
            let found = check(password, "Anna.Longname", "/password").map(|error| error.code);
            assert_eq!(found.as_deref(), expected, "{password}");
        };
        check("elevenchars", Some("too_short"));
        check("twelve chars", None);
        check("двенадцатьзн", None);
        check(&"x".repeat(256), None);
        check(&"x".repeat(257), Some("too_long"));
        check("anna.longname", Some("common"));
        check("anna.longname!", None);
        check("PassWord1234", Some("common"));
        check("Йцукенгшщзхъ", Some("common"));
        check("", Some("too_short"));
    }

    #[tokio::test]
    async fn only_the_password_itself_fits_in_either_unicode_form() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("caf\u{e9} au lait").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        for (password, stored, expected) in [
            ("caf\u{e9} au lait", Some(&*stored), true),
            ("cafe\u{301} au lait", Some(&stored), true),
            ("Caf\u{e9} au lait", Some(&stored), false),
            ("", Some(&stored), false),
            (&"x".repeat(100_000), Some(&stored), false),
            ("caf\u{e9} au lait", None, false),
        ] {
            assert_eq!(passwords.fits(password, stored).await.unwrap(), expected);
        }
        assert_ne!(passwords.hash("caf\u{e9} au lait").await.unwrap(), stored, "salted");
        assert!(passwords.fits("x", Some("no hash")).await.is_err());
    }
}
