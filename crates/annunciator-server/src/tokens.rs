//! API tokens in memory: a bearer's text becomes an identity with a role (spec 10.2).
//!
//! In: token records of the store; the `Authorization` text of a request.
//! Out: an [`Identity`]; new tokens, shown once; when tokens were last used.
//! Knows nothing of: HTTP, what a role may do (see `roles.rs`).
//! Failure: a token that is unknown, wrong or past its end gives nothing, without saying which.
//!
//! A token is `ann_<id>_<secret>`. Only the SHA-256 of the secret is kept: it has 256 random bits,
//! so a slow hash would add nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annunciator_api_types::{FieldError, NewToken, NewTokenRequest, TokenView};
use annunciator_core::{Timestamp, is_hidden};
use annunciator_store::{NewAudit, Store, StoreError, TokenRecord};
use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::identity::{Credential, Identity};

/// Most tokens.
pub const TOKENS_MAX: usize = 1_000;
/// Longest name of a token. Unit: characters.
pub const NAME_CHARS_MAX: usize = 100;
/// Longest text that is looked at as a token. Unit: octets.
const TOKEN_BYTES_MAX: usize = 300;
/// Longest id within a token. Unit: octets.
const ID_BYTES_MAX: usize = 64;
/// Shortest secret that is taken from outside. Unit: octets.
const SECRET_BYTES_MIN: usize = 20;
const PREFIX: &str = "ann_";
const MINUTE_MS: i64 = 60_000;
/// Stands for "never" in the time of last use.
const NEVER: i64 = i64::MIN;

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The request is wrong.
    #[error("the token is not valid")]
    Invalid(Vec<FieldError>),
    /// There is another token of that id.
    #[error("{0}")]
    Conflict(String),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers: {0}")]
    NoRandomness(String),
}

struct Entry {
    record: TokenRecord,
    identity: Arc<Identity>,
    /// Milliseconds; [`NEVER`] when it was not used since the last [`TokenBook::take_used`].
    used_ms: AtomicI64,
    /// The same, kept for lists.
    last_used_ms: AtomicI64,
}

type Entries = HashMap<String, Arc<Entry>>;

/// All tokens. Reading takes no lock; changes go one after the other, store first.
pub struct TokenBook {
    entries: ArcSwap<Entries>,
    changing: Mutex<()>,
}

impl TokenBook {
    /// Reads all tokens.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let book = Self { entries: ArcSwap::default(), changing: Mutex::new(()) };
        book.reload(store).await?;
        Ok(book)
    }

    /// Reads all tokens again; when they were used here is not forgotten.
    ///
    /// # Errors
    /// What the store answers; the tokens are as before then.
    pub async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let before = self.entries.load();
        let mut entries = Entries::new();
        for record in store.tokens().await? {
            let entry = Entry::new(record);
            if let Some(known) = before.get(&entry.record.id) {
                let used = known.used_ms.load(Ordering::Relaxed);
                entry.used_ms.store(used, Ordering::Relaxed);
                entry
                    .last_used_ms
                    .fetch_max(known.last_used_ms.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            entries.insert(entry.record.id.clone(), Arc::new(entry));
        }
        self.entries.store(Arc::new(entries));
        Ok(())
    }

    /// Who the bearer of this text is, if it is a token in force.
    #[must_use]
    pub fn authenticate(&self, bearer: &str, now: Timestamp) -> Option<Arc<Identity>> {
        let (id, secret) = split(bearer)?;
        let entries = self.entries.load();
        let entry = entries.get(id)?;
        let hash = sha256_of(secret);
        if !openssl::memcmp::eq(&hash, &entry.record.secret_sha256)
            || entry.record.expires_at.is_some_and(|end| end <= now)
        {
            return None;
        }
        entry.used_ms.store(now.0, Ordering::Relaxed);
        Some(Arc::clone(&entry.identity))
    }

    /// Makes a token; its text is in the answer and nowhere else.
    ///
    /// # Errors
    /// A bad name, an end that has passed, too many tokens; the store's errors.
    pub async fn create(
        &self,
        store: &dyn Store,
        request: &NewTokenRequest,
        author: &str,
        now: Timestamp,
    ) -> Result<NewToken, TokenError> {
        let mut random = [0_u8; 40];
        getrandom::fill(&mut random)
            .map_err(|error| TokenError::NoRandomness(error.to_string()))?;
        let (id, secret) = (hex(&random[..8]), hex(&random[8..]));
        let record = TokenRecord {
            id,
            name: request.name.clone(),
            role: request.role.clone(),
            secret_sha256: sha256_of(&secret),
            created_at: now,
            created_by: author.to_owned(),
            expires_at: request.expires_at,
            last_used_at: None,
        };
        let token = format!("{PREFIX}{}_{secret}", record.id);
        let view = view(&record, None);
        let _changing = self.changing.lock().await;
        self.insert(store, record, now).await?;
        Ok(NewToken { token, record: view })
    }

    /// Stores a token whose text the caller chose (bootstrap); false when it is known already.
    ///
    /// # Errors
    /// A text that is no token or is too short; another token of the same id; the store's errors.
    pub async fn insert_known(
        &self,
        store: &dyn Store,
        name: &str,
        role: &str,
        token: &str,
        author: &str,
        now: Timestamp,
    ) -> Result<bool, TokenError> {
        let Some((id, secret)) = split(token).filter(|(_, s)| s.len() >= SECRET_BYTES_MIN) else {
            let detail = format!(
                "must be {PREFIX}<id>_<secret>, the id of letters, digits and `-`, the secret of \
                 {SECRET_BYTES_MIN} characters or more"
            );
            return Err(TokenError::Invalid(vec![FieldError::new("/token", "format", detail)]));
        };
        let secret_sha256 = sha256_of(secret);
        let _changing = self.changing.lock().await;
        if let Some(entry) = self.entries.load().get(id) {
            if openssl::memcmp::eq(&entry.record.secret_sha256, &secret_sha256) {
                return Ok(false);
            }
            return Err(TokenError::Conflict(format!("there is another token of the id {id}")));
        }
        let record = TokenRecord {
            id: id.to_owned(),
            name: name.to_owned(),
            role: role.to_owned(),
            secret_sha256,
            created_at: now,
            created_by: author.to_owned(),
            expires_at: None,
            last_used_at: None,
        };
        self.insert(store, record, now).await?;
        Ok(true)
    }

    /// Removes a token; false when there is none of that id.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn delete(
        &self,
        store: &dyn Store,
        id: &str,
        author: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let _changing = self.changing.lock().await;
        let name = self.entries.load().get(id).map(|entry| entry.record.name.clone());
        let detail = serde_json::json!({ "name": name }).to_string();
        let deleted =
            store.delete_token(id, audit("token.delete", id, detail, author, now)).await?;
        let mut entries = Entries::clone(&self.entries.load());
        entries.remove(id);
        self.entries.store(Arc::new(entries));
        Ok(deleted)
    }

    /// The role of a token.
    #[must_use]
    pub fn role_of(&self, id: &str) -> Option<String> {
        self.entries.load().get(id).map(|entry| entry.record.role.clone())
    }

    /// How many tokens have a role.
    #[must_use]
    pub fn count_of_role(&self, role: &str) -> usize {
        self.entries.load().values().filter(|entry| entry.record.role == role).count()
    }

    /// All tokens, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<TokenView> {
        let mut views: Vec<TokenView> =
            self.entries.load().values().map(|entry| entry.view()).collect();
        views.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        views
    }

    /// Tokens used since the last call, with the time to the minute, for the store.
    #[must_use]
    pub fn take_used(&self) -> Vec<(String, Timestamp)> {
        let mut used = Vec::new();
        for (id, entry) in self.entries.load().iter() {
            let at = entry.used_ms.swap(NEVER, Ordering::Relaxed);
            if at != NEVER {
                let minute = at - at.rem_euclid(MINUTE_MS);
                entry.last_used_ms.store(minute, Ordering::Relaxed);
                used.push((id.clone(), Timestamp(minute)));
            }
        }
        used
    }

    /// The caller holds `changing`.
    async fn insert(
        &self,
        store: &dyn Store,
        record: TokenRecord,
        now: Timestamp,
    ) -> Result<(), TokenError> {
        let mut errors = Vec::new();
        if record.name.is_empty()
            || record.name.chars().count() > NAME_CHARS_MAX
            || record.name.chars().any(is_hidden)
        {
            let detail =
                format!("must be 1 to {NAME_CHARS_MAX} characters, none of them invisible");
            errors.push(FieldError::new("/name", "format", detail));
        }
        if record.expires_at.is_some_and(|end| end <= now) {
            errors.push(FieldError::new("/expires_at", "range", "must be later than now"));
        }
        if self.entries.load().len() >= TOKENS_MAX {
            let detail = format!("there are {TOKENS_MAX} tokens already: delete some");
            errors.push(FieldError::new("", "too_many", detail));
        }
        if !errors.is_empty() {
            return Err(TokenError::Invalid(errors));
        }
        let detail = serde_json::json!({
            "name": record.name, "role": record.role, "expires_at": record.expires_at,
        });
        let note = audit("token.create", &record.id, detail.to_string(), &record.created_by, now);
        store.insert_token(record.clone(), note).await?;
        let mut entries = Entries::clone(&self.entries.load());
        entries.insert(record.id.clone(), Arc::new(Entry::new(record)));
        self.entries.store(Arc::new(entries));
        Ok(())
    }
}

impl Entry {
    fn new(record: TokenRecord) -> Self {
        let identity = Identity {
            name: format!("token {}", record.name),
            owner: record.id.clone(),
            role: record.role.clone(),
            credential: Credential::Token(record.id.clone()),
        };
        let last_used_ms = record.last_used_at.map_or(NEVER, |at| at.0);
        Self {
            record,
            identity: Arc::new(identity),
            used_ms: AtomicI64::new(NEVER),
            last_used_ms: AtomicI64::new(last_used_ms),
        }
    }

    fn view(&self) -> TokenView {
        let recent = self.used_ms.load(Ordering::Relaxed);
        let last = recent.max(self.last_used_ms.load(Ordering::Relaxed));
        let at = (last != NEVER).then(|| Timestamp(last - last.rem_euclid(MINUTE_MS)));
        view(&self.record, at)
    }
}

fn view(record: &TokenRecord, last_used_at: Option<Timestamp>) -> TokenView {
    TokenView {
        id: record.id.clone(),
        name: record.name.clone(),
        role: record.role.clone(),
        created_at: record.created_at,
        created_by: record.created_by.clone(),
        expires_at: record.expires_at,
        last_used_at,
    }
}

fn audit(action: &str, target: &str, detail: String, author: &str, at: Timestamp) -> NewAudit {
    NewAudit {
        at,
        author: author.to_owned(),
        action: action.to_owned(),
        target: target.to_owned(),
        detail,
    }
}

/// Id and secret of a token's text.
fn split(token: &str) -> Option<(&str, &str)> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
    let is_id = (1..=ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_secret = !secret.is_empty() && secret.bytes().all(|b| b.is_ascii_graphic());
    (is_id && is_secret).then_some((id, secret))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

/// The hash that is stored. Not the one-shot function: in OpenSSL 3 that looks the algorithm up
/// anew at each call, which would be a hundredth of the work for an event.
pub(crate) fn sha256_of(secret: &str) -> [u8; 32] {
    let mut hasher = openssl::sha::Sha256::new();
    hasher.update(secret.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "ann_boot-1_0123456789abcdef0123456789abcdef";

    fn book(expires_at: Option<Timestamp>) -> TokenBook {
        let (id, secret) = split(TOKEN).unwrap();
        let record = TokenRecord {
            id: id.to_owned(),
            name: "ops-1".to_owned(),
            role: "operator".to_owned(),
            secret_sha256: sha256_of(secret),
            created_at: Timestamp(0),
            created_by: "local root".to_owned(),
            expires_at,
            last_used_at: None,
        };
        let entry = Arc::new(Entry::new(record));
        TokenBook {
            entries: ArcSwap::from_pointee(Entries::from([(id.to_owned(), entry)])),
            changing: Mutex::new(()),
        }
    }

    #[test]
    fn only_the_whole_token_in_force_is_let_in() {
        let check = |text: &str, now_ms: i64, expected: bool| {
            let found = book(Some(Timestamp(1_000))).authenticate(text, Timestamp(now_ms));
            assert_eq!(found.is_some(), expected, "{text:?} at {now_ms}");
        };
        check(TOKEN, 0, true);
        check(TOKEN, 999, true);
        check(TOKEN, 1_000, false);
        check("ann_boot-1_0123456789abcdef0123456789abcdeX", 0, false);
        check("ann_boot-1_0123456789abcdef0123456789abcde", 0, false);
        check("ann_boot-2_0123456789abcdef0123456789abcdef", 0, false);
        check("ann_boot-1_", 0, false);
        check("ann_boot-1", 0, false);
        check("", 0, false);
        check(&format!("{TOKEN}{}", "f".repeat(300)), 0, false);
    }

    #[test]
    fn an_identity_names_its_token() {
        let identity = book(None).authenticate(TOKEN, Timestamp(0)).unwrap();
        assert_eq!(identity.name, "token ops-1");
        assert_eq!(identity.owner, "boot-1");
        assert_eq!(identity.role, "operator");
    }

    #[test]
    fn the_time_of_last_use_is_taken_once_and_to_the_minute() {
        let book = book(None);
        assert_eq!(book.take_used(), []);
        book.authenticate(TOKEN, Timestamp(61_500)).unwrap();
        assert_eq!(book.list()[0].last_used_at, Some(Timestamp(60_000)));
        assert_eq!(book.take_used(), [("boot-1".to_owned(), Timestamp(60_000))]);
        assert_eq!(book.take_used(), []);
        assert_eq!(book.list()[0].last_used_at, Some(Timestamp(60_000)));
        assert!(book.authenticate("ann_boot-1_wrong", Timestamp(0)).is_none());
        assert_eq!(book.take_used(), []);
    }
}
