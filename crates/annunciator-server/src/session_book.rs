//! Sessions of users: a cookie's text becomes a user, for as long as the session holds.
//!
//! In: the text of a cookie, the time. Out: the session and its user; when sessions were used.
//! Knows nothing of: HTTP, passwords.
//! Failure: a session that is unknown, ended or of a blocked user gives nothing, without saying
//! which.
//!
//! Each request reads its session from the store, so that whatever ends a session ends it at once,
//! for every node on one database. Only the times of use wait in memory, for a minute: a server
//! that dies forgets that a session was used since.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use annunciator_core::Timestamp;
use annunciator_store::{Alive, SessionRecord, Store, StoreError, UserRecord};
use zeroize::Zeroizing;

/// A session ends when it was not used for so long. Unit: milliseconds.
const IDLE_MS_MAX: i64 = 12 * 3_600_000;
/// A session ends so long after the sign-in, used or not. Unit: milliseconds.
pub const LIFE_MS_MAX: i64 = 7 * 24 * 3_600_000;
/// Most sessions whose use waits to be noted.
const USED_MAX: usize = 50_000;
const MINUTE_MS: i64 = 60_000;
/// Random octets of a cookie or a key.
const SECRET_BYTES: usize = 32;

/// A text of 256 random bits: a session's cookie, or a one-time key.
///
/// # Errors
/// The system gives no random numbers.
pub fn make_secret() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut random = Zeroizing::new([0_u8; SECRET_BYTES]);
    getrandom::fill(&mut *random)?;
    Ok(Zeroizing::new(crate::tokens::hex(&*random)))
}

/// What is stored of such a text; none when it cannot be one.
#[must_use]
pub fn sha256_of_secret(secret: &str) -> Option<[u8; 32]> {
    let is_one = secret.len() == 2 * SECRET_BYTES && secret.bytes().all(|b| b.is_ascii_hexdigit());
    is_one.then(|| crate::tokens::sha256_of(secret))
}

/// Which sessions are in force at a time.
#[must_use]
pub fn alive(now: Timestamp) -> Alive {
    Alive { used_after: now.plus_ms(-IDLE_MS_MAX), created_after: now.plus_ms(-LIFE_MS_MAX) }
}

/// When a session ends unless it is used again.
#[must_use]
pub fn end_of(session: &SessionRecord) -> Timestamp {
    session.last_used_at.plus_ms(IDLE_MS_MAX).min(session.created_at.plus_ms(LIFE_MS_MAX))
}

/// When sessions were used since the store was told.
#[derive(Default)]
pub struct SessionBook {
    used: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl SessionBook {
    /// The session of a cookie and its user, both in force; notes the use.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn find(
        &self,
        store: &dyn Store,
        cookie: &str,
        now: Timestamp,
    ) -> Result<Option<(SessionRecord, UserRecord)>, StoreError> {
        let Some(sha256) = sha256_of_secret(cookie) else { return Ok(None) };
        let Some((mut session, user)) = store.session(sha256).await? else { return Ok(None) };
        self.refresh(&mut session);
        if user.is_blocked || !alive(now).holds(&session) {
            return Ok(None);
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() < USED_MAX || used.contains_key(&sha256) {
            used.insert(sha256, now);
        }
        session.last_used_at = session.last_used_at.max(now);
        Ok(Some((session, user)))
    }

    /// Puts in the time of last use, where memory knows a later one.
    pub fn refresh(&self, session: &mut SessionRecord) {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = used.get(&session.sha256) {
            session.last_used_at = session.last_used_at.max(*at);
        }
    }

    /// Tells the store when sessions were used, to the minute, and removes those that have ended.
    ///
    /// # Errors
    /// What the store answers; the times are lost then.
    pub async fn tend(&self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        let used = {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *used)
        };
        if !used.is_empty() {
            let minute = |at: Timestamp| Timestamp(at.0 - at.0.rem_euclid(MINUTE_MS));
            let used = used.into_iter().map(|(sha256, at)| (sha256, minute(at)));
            store.touch_sessions(used.collect()).await?;
        }
        store.forget_sessions(alive(now)).await?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "session_book_tests.rs"]
mod tests;
