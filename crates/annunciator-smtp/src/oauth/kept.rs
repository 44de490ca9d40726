//! A token and the times it is good for, in memory and in the text that is kept over restarts.
//!
//! Standard: RFC 6749 section 5.1 (`expires_in`).
//! Failure: a text that does not read is as none.
//!
//! Two clocks watch a token: the wall clock, which goes on while the machine sleeps, and the
//! monotonic one, which nobody sets. Whichever ends first ends the token.

use std::time::Duration;

use openssl::sha::Sha256;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::oauth::{Grant, OAuth2};
use crate::relay::SecretText;

/// How long before its end a token is renewed at the earliest; a tenth of its life when that is
/// less. Unit: s.
const MARGIN_S_MAX: u64 = 300;

/// A token as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    pub(crate) access: SecretText,
    /// The refresh token that has replaced the configured one.
    pub(crate) refresh: Option<SecretText>,
    /// Wall clock, since 1970. Unit: s.
    obtained_s: u64,
    lifetime_s: u64,
    ends_at: Instant,
}

/// The text. Sealed by the keeper.
#[derive(Serialize, Deserialize)]
struct Document {
    access: String,
    refresh: Option<String>,
    obtained_s: u64,
    lifetime_s: u64,
    /// Digest of the client secret that it was obtained with.
    client: String,
}

impl Kept {
    pub(crate) fn new(
        access: SecretText,
        lifetime_s: u64,
        refresh: Option<SecretText>,
        now_s: u64,
    ) -> Self {
        let ends_at = Instant::now() + Duration::from_secs(lifetime_s);
        Self { access, refresh, obtained_s: now_s, lifetime_s, ends_at }
    }

    /// Reads a text.
    pub(crate) fn parse(text: &str, source: &OAuth2, now_s: u64) -> Option<Self> {
        let document: Document = serde_json::from_str(text).ok()?;
        let Document { access, refresh, obtained_s, lifetime_s, client } = document;
        // With another client secret a new token is asked for, so that a wrong one shows.
        let is_ours = client == hex(&[source.client_secret.expose()]);
        let ends_s = obtained_s.saturating_add(lifetime_s);
        let left_s = if is_ours { ends_s.saturating_sub(now_s).min(lifetime_s) } else { 0 };
        Some(Self {
            access: SecretText::new(access),
            refresh: refresh.map(SecretText::new),
            obtained_s,
            lifetime_s,
            ends_at: Instant::now() + Duration::from_secs(left_s),
        })
    }

    /// The text to keep.
    pub(crate) fn to_text(&self, source: &OAuth2) -> Zeroizing<String> {
        let document = Document {
            access: self.access.expose().to_owned(),
            refresh: self.refresh.as_ref().map(|refresh| refresh.expose().to_owned()),
            obtained_s: self.obtained_s,
            lifetime_s: self.lifetime_s,
            client: hex(&[source.client_secret.expose()]),
        };
        let text = Zeroizing::new(serde_json::to_string(&document).unwrap_or_default());
        let _wiped = (Zeroizing::new(document.access), document.refresh.map(Zeroizing::new));
        text
    }

    /// Whether it was obtained after that one.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        self.access != other.access && self.obtained_s >= other.obtained_s
    }

    /// When it ends by the wall clock. Unit: s.
    pub(crate) fn expires_s(&self) -> u64 {
        self.obtained_s.saturating_add(self.lifetime_s)
    }

    /// Whether it is worth using without a thought of renewing it.
    pub(crate) fn is_good(&self, now_s: u64, now: Instant) -> bool {
        self.lives_on(now_s, now, MARGIN_S_MAX.min(self.lifetime_s / 10))
    }

    /// Whether it has not ended.
    pub(crate) fn is_alive(&self, now_s: u64, now: Instant) -> bool {
        self.lives_on(now_s, now, 0)
    }

    fn lives_on(&self, now_s: u64, now: Instant, margin_s: u64) -> bool {
        let by_wall = now_s.saturating_add(margin_s) < self.expires_s();
        let by_run = now + Duration::from_secs(margin_s) < self.ends_at;
        // A clock that was set back by more than a life says nothing about it.
        let is_sane = self.obtained_s.saturating_sub(now_s) <= self.lifetime_s;
        by_wall && by_run && is_sane
    }
}

/// Where a source's text is kept: a digest, so that the name of the place tells nothing.
///
/// The client secret is left out, so that a refresh token that replaced the configured one
/// outlives a change of it; the configured refresh token is in, so that another one wins.
pub(crate) fn place(source: &OAuth2) -> String {
    let OAuth2 { token_url, client_id, client_secret: _, scope, grant, ca: _ } = source;
    let (kind, refresh) = match grant {
        Grant::RefreshToken(refresh) => ("refresh_token", refresh.expose()),
        Grant::ClientCredentials => ("client_credentials", ""),
    };
    format!("oauth/{}", hex(&[token_url, client_id, scope, kind, refresh]))
}

fn hex(texts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        // With its length, so that no two lists are the same octets.
        digest.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(text.as_bytes());
    }
    digest.finish().iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(secret: &str, refresh: &str) -> OAuth2 {
        OAuth2 {
            token_url: "https://id.test/token".into(),
            client_id: "client".into(),
            client_secret: SecretText::new(secret.into()),
            scope: String::new(),
            grant: Grant::RefreshToken(SecretText::new(refresh.into())),
            ca: None,
        }
    }

    fn kept(lifetime_s: u64) -> Kept {
        let refresh = Some(SecretText::new("rotated".into()));
        Kept::new(SecretText::new("access".into()), lifetime_s, refresh, 10_000)
    }

    #[test]
    fn a_token_is_renewed_before_its_end_and_after_a_step_of_the_clock() {
        for (lifetime_s, now_s, good, alive) in [
            (3_600, 10_000, true, true),
            (3_600, 13_299, true, true),
            (3_600, 13_300, false, true),
            (3_600, 13_600, false, false),
            (60, 10_053, true, true),
            (60, 10_054, false, true),
            (60, 10_060, false, false),
            (0, 10_000, false, false),
            // The clock was set back: by less than its life, by more.
            (3_600, 6_400, true, true),
            (3_600, 6_399, false, false),
            (3_600, 0, false, false),
            // It was set forward.
            (3_600, 100_000, false, false),
        ] {
            let (kept, now) = (kept(lifetime_s), Instant::now());
            let got = (kept.is_good(now_s, now), kept.is_alive(now_s, now));
            assert_eq!(got, (good, alive), "{lifetime_s} {now_s}");
        }
        let later = Instant::now() + Duration::from_secs(3_601);
        assert!(!kept(3_600).is_alive(10_000, later), "the monotonic clock ends it too");
    }

    #[test]
    fn what_was_kept_is_found_again_unless_something_else_was_typed() {
        let (first, kept) = (source("s", "r"), kept(3_600));
        let text = kept.to_text(&first);
        let read = Kept::parse(&text, &first, 10_100).unwrap();
        assert!(read.is_good(10_100, Instant::now()));
        assert_eq!((read.access, read.refresh), (kept.access.clone(), kept.refresh.clone()));
        let other_secret = Kept::parse(&text, &source("other", "r"), 10_100).unwrap();
        assert!(!other_secret.is_alive(10_100, Instant::now()));
        assert_eq!(other_secret.refresh, kept.refresh);
        assert_eq!(place(&first), place(&source("other", "r")));
        assert_ne!(place(&first), place(&source("s", "typed anew")));
        assert!(Kept::parse("{}", &first, 0).is_none() && Kept::parse("", &first, 0).is_none());
        assert!(!place(&first).contains("client") && place(&first).len() == 70);
    }
}
