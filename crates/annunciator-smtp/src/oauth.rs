//! Access tokens for OAuth 2.0: obtained, kept, renewed.
//!
//! In: how tokens are obtained, what was kept, the clock. Out: a token that is good for now.
//! Knows nothing of: SMTP; what a token is used for.
//! Standard: RFC 6749 sections 4.4 (client credentials) and 6 (refresh token).
//! Failure: [`TokenError`] says whether somebody must act; who must is told by a [`Notice`].
//!
//! One renewal runs at a time for each [`OAuth2`]: it holds the slot's lock, and who waits finds
//! its result. It runs as a task of its own, because its answer may hold a new refresh token that
//! would be lost if the attempt that wanted it were dropped. After a restart the slot is filled
//! from the [`Keeper`].

mod endpoint;
mod kept;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use annunciator_core::Timestamp;
use annunciator_names::{NamesPolicy, Resolver};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::keeper::{Keeper, Notice};
use crate::oauth::kept::Kept;
use crate::relay::SecretText;

/// How long a renewal may take.
const RENEWAL_MAX: Duration = Duration::from_secs(30);
/// How long a failed renewal is not repeated, so that many attempts are not many requests.
const FAILURE_KEPT: Duration = Duration::from_secs(10);
/// Most sources that are remembered; more are forgotten when nobody uses them.
const SLOTS_MAX: usize = 1_024;

/// How access tokens are obtained. A plain value: it is part of the identity of a relay's
/// connections.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OAuth2 {
    /// Token endpoint, `https://…`.
    pub token_url: String,
    /// Client id.
    pub client_id: String,
    /// Client secret, sent in the body of the request (RFC 6749 section 2.3.1); may be empty for
    /// a public client with a refresh token.
    pub client_secret: SecretText,
    /// Scope, may be empty.
    pub scope: String,
    /// The grant.
    pub grant: Grant,
    /// Authorities that the token endpoint's certificate is checked against, DER; `None` = those
    /// of the system.
    pub ca: Option<Vec<Vec<u8>>>,
}

/// The grant that gives tokens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Grant {
    /// RFC 6749 section 6: a refresh token that an administrator obtained once. When the server
    /// replaces it, the new one is kept and used instead, until another one is typed.
    RefreshToken(SecretText),
    /// RFC 6749 section 4.4.
    ClientCredentials,
}

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TokenError {
    /// Whether the token endpoint refuses for good, so that somebody must act.
    pub(crate) refused: bool,
    /// The error code of RFC 6749 section 5.2, as the endpoint gave it; empty when it gave none.
    /// Never shown.
    pub(crate) code: String,
    /// What happened; without secrets.
    pub(crate) words: String,
}

impl TokenError {
    /// Trouble that may pass by itself.
    pub(crate) fn passing(words: String) -> Self {
        Self { refused: false, code: String::new(), words }
    }

    /// Whether it is the refresh token that is no good, and not the client, the scope or the
    /// request.
    fn is_about_grant(&self) -> bool {
        self.refused && self.code == "invalid_grant"
    }
}

/// A token, and where it comes from.
pub(crate) struct Given {
    pub(crate) token: SecretText,
    /// Whether it was there already; a new one is not worth renewing.
    pub(crate) was_kept: bool,
    expires_s: u64,
}

impl Given {
    /// For the report.
    pub(crate) fn words(&self) -> String {
        let origin = if self.was_kept { "kept from before" } else { "just obtained" };
        let expires_ms = i64::try_from(self.expires_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
        format!("access token {origin}, expires {}", Timestamp(expires_ms))
    }
}

#[derive(Default)]
struct Slot {
    kept: Option<Kept>,
    failed: Option<(Instant, TokenError)>,
}

/// The access tokens of a client.
pub(crate) struct Tokens {
    keeper: Arc<dyn Keeper>,
    slots: Mutex<HashMap<OAuth2, Arc<tokio::sync::Mutex<Slot>>>>,
}

impl Tokens {
    pub(crate) fn new(keeper: Arc<dyn Keeper>) -> Self {
        Self { keeper, slots: Mutex::default() }
    }

    /// A token that is good for now; one that a server has `rejected` is never given again.
    pub(crate) async fn give(
        &self,
        source: &OAuth2,
        names: &NamesPolicy,
        rejected: Option<&SecretText>,
        deadline: Instant,
    ) -> Result<Given, TokenError> {
        let late =
            || TokenError::passing(format!("no access token from {} in time", source.token_url));
        let slot = self.slot(source);
        let Ok(slot) = timeout_at(deadline, slot.lock_owned()).await else { return Err(late()) };
        if let Some(given) = slot.kept.as_ref().and_then(|kept| good_one(kept, rejected)) {
            return Ok(given);
        }
        let renewal = Renewal {
            source: source.clone(),
            names: names.clone(),
            rejected: rejected.cloned(),
            keeper: Arc::clone(&self.keeper),
        };
        match timeout_at(deadline, tokio::spawn(renewal.run(slot))).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(late()),
        }
    }

    fn slot(&self, source: &OAuth2) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= SLOTS_MAX && !slots.contains_key(source) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(source.clone()).or_default())
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn good_one(kept: &Kept, rejected: Option<&SecretText>) -> Option<Given> {
    let is_good = kept.is_good(now_s(), Instant::now()) && rejected != Some(&kept.access);
    is_good.then(|| given(kept, true))
}

fn given(kept: &Kept, was_kept: bool) -> Given {
    Given { token: kept.access.clone(), was_kept, expires_s: kept.expires_s() }
}

/// What a task needs to fill a slot.
struct Renewal {
    source: OAuth2,
    names: NamesPolicy,
    rejected: Option<SecretText>,
    keeper: Arc<dyn Keeper>,
}

impl Renewal {
    async fn run(self, mut slot: OwnedMutexGuard<Slot>) -> Result<Given, TokenError> {
        let place = kept::place(&self.source);
        if let Some(given) = self.find(&place, &mut slot).await {
            return Ok(given);
        }
        let error = match &slot.failed {
            Some((at, error)) if at.elapsed() < FAILURE_KEPT => error.clone(),
            _ => match self.renew(&mut slot).await {
                Ok(given) => {
                    slot.failed = None;
                    if let Some(kept) = &slot.kept {
                        self.keeper.save(&place, &kept.to_text(&self.source)).await;
                    }
                    return Ok(given);
                }
                Err(error) => {
                    // Another client may have used the same refresh token a moment before.
                    if let Some(given) = self.find(&place, &mut slot).await {
                        return Ok(given);
                    }
                    slot.failed = Some((Instant::now(), error.clone()));
                    self.tell(&error).await;
                    error
                }
            },
        };
        // While a token lives, trouble with the next one is no reason to stop.
        let alive = |kept: &&Kept| {
            kept.is_alive(now_s(), Instant::now()) && self.rejected.as_ref() != Some(&kept.access)
        };
        slot.kept.as_ref().filter(alive).map(|kept| given(kept, true)).ok_or(error)
    }

    /// A token that is good, here or with the keeper, where other clients keep theirs: e-mail,
    /// SMS and test messages may stand under one account.
    async fn find(&self, place: &str, slot: &mut Slot) -> Option<Given> {
        let text = self.keeper.load(place).await.map(Zeroizing::new);
        let found = text.and_then(|text| Kept::parse(&text, &self.source, now_s()));
        if let Some(found) = found
            && slot.kept.as_ref().is_none_or(|kept| found.is_newer_than(kept))
        {
            slot.kept = Some(found);
        }
        slot.kept.as_ref().and_then(|kept| good_one(kept, self.rejected.as_ref()))
    }

    async fn tell(&self, error: &TokenError) {
        tracing::warn!(token_url = self.source.token_url, reason = error.words, "no access token");
        if error.refused {
            let notice = Notice::OAuthRefused {
                token_url: self.source.token_url.clone(),
                client_id: self.source.client_id.clone(),
                reason: error.words.clone(),
            };
            self.keeper.tell(notice).await;
        }
    }

    async fn renew(&self, slot: &mut Slot) -> Result<Given, TokenError> {
        let replaced = slot.kept.as_ref().and_then(|kept| kept.refresh.clone());
        let resolver = Resolver::new(&self.names).map_err(TokenError::passing)?;
        let deadline = Instant::now() + RENEWAL_MAX;
        let ask = async |refresh| endpoint::ask(&self.source, refresh, &resolver, deadline).await;
        let mut fresh = ask(replaced.as_ref()).await;
        // The one that was kept may come from an old backup; the typed one is worth a try.
        let is_stale = replaced.is_some() && fresh.as_ref().is_err_and(TokenError::is_about_grant);
        if is_stale {
            fresh = ask(None).await;
        }
        let fresh = fresh?;
        let refresh = fresh.refresh.or(replaced.filter(|_| !is_stale));
        let kept = Kept::new(fresh.access, fresh.lifetime_s, refresh, now_s());
        let given = given(&kept, false);
        slot.kept = Some(kept);
        Ok(given)
    }
}
