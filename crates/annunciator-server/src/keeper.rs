//! What the SMTP client wants kept over restarts, in the store and sealed; and what it wants told.
//!
//! In: texts with their places, notices. Out: rows of `kept`, own events.
//! Failure: told in the log; a text that cannot be kept costs the next start some work.
//! Standard: ADR 0009 (sealing); the place is authenticated with the text.

use std::sync::Arc;

use annunciator_channels::{Keeper, Notice};
use annunciator_core::{Clock, ParameterValue, Severity, one_line};
use annunciator_store::{KeptText, Store};
use async_trait::async_trait;

use crate::own_events::{OwnEvent, OwnEvents};
use crate::secrets::Sealer;

/// Longest text that is kept. Unit: octets.
const TEXT_BYTES_MAX: usize = 256 << 10;
/// Longest place. Unit: octets.
const PLACE_BYTES_MAX: usize = 2_000;
/// The same notice is told again after this time at the earliest. Unit: milliseconds.
const TELL_AGAIN_MS: i64 = 86_400_000;

/// Keeps texts in the store.
pub struct StoreKeeper {
    store: Arc<dyn Store>,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
    own_events: OwnEvents,
}

impl StoreKeeper {
    /// A keeper over this store.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        sealer: Arc<Sealer>,
        clock: Arc<dyn Clock>,
        own_events: OwnEvents,
    ) -> Self {
        Self { store, sealer, clock, own_events }
    }

    async fn tell_once(&self, place: &str, event: OwnEvent) {
        let now = self.clock.now();
        let told = match self.store.kept(place).await {
            Ok(told) => told,
            Err(error) => {
                tracing::warn!(%error, "whether a notice was told is not known: it is told later");
                return;
            }
        };
        // A clock set back must not silence it for longer.
        let is_fresh = |told: &KeptText| (0..TELL_AGAIN_MS).contains(&now.ms_since(told.saved_at));
        if told.as_ref().is_some_and(is_fresh) {
            return;
        }
        if let Err(error) = self.own_events.raise(event).await {
            tracing::warn!(%error, "an event of our own could not be raised");
            return;
        }
        let told = KeptText { text: String::new(), saved_at: now };
        if let Err(error) = self.store.keep(place, told).await {
            tracing::warn!(%error, "a notice may be told twice");
        }
    }
}

/// Where a text of the client lies.
fn place_of(place: &str) -> String {
    format!("client/{place}")
}

#[async_trait]
impl Keeper for StoreKeeper {
    async fn load(&self, place: &str) -> Option<String> {
        let place = place_of(place);
        let kept = match self.store.kept(&place).await {
            Ok(kept) => kept?,
            Err(error) => {
                tracing::warn!(%error, "a kept text could not be read");
                return None;
            }
        };
        // Sealed with another key file: it is worth nothing, and is made anew.
        self.sealer.open_secret(&place, &kept.text).ok()
    }

    async fn save(&self, place: &str, text: &str) {
        let place = place_of(place);
        if text.len() > TEXT_BYTES_MAX || place.len() > PLACE_BYTES_MAX {
            tracing::warn!(octets = text.len(), "a text is too long to be kept");
            return;
        }
        let text = self.sealer.seal(&place, text);
        let kept = KeptText { text, saved_at: self.clock.now() };
        if let Err(error) = self.store.keep(&place, kept).await {
            tracing::warn!(%error, "a text could not be kept");
        }
    }

    async fn tell(&self, notice: Notice) {
        let Notice::OAuthRefused { token_url, client_id, reason } = notice;
        tracing::warn!(%token_url, %client_id, reason = %one_line(&reason, 300), "OAuth 2.0 refused");
        let day = self.clock.now().0.div_euclid(TELL_AGAIN_MS);
        let text = |value: &str| ParameterValue::Text(one_line(value, 500));
        let event = OwnEvent {
            id: one_line(&format!("oauth-refused {client_id} {day}"), 200),
            event_type: "annunciator.oauth_refused",
            type_name: "OAuth 2.0 grant refused",
            severity: Severity::Failure,
            description: format!(
                "The token endpoint {} refuses client {}: {}. Renew the grant (refresh token or \
                 client secret) and save it; mail waits until then.",
                one_line(&token_url, 200),
                one_line(&client_id, 100),
                one_line(&reason, 300)
            ),
            parameters: [
                ("token_url".to_owned(), text(&token_url)),
                ("client_id".to_owned(), text(&client_id)),
                ("reason".to_owned(), text(&reason)),
            ]
            .into(),
        };
        self.tell_once(&format!("told/oauth_refused/{}", one_line(&client_id, 255)), event).await;
    }
}

/// Keeps with another keeper, and tells nobody: for test messages, whose reader sees what went
/// wrong.
pub struct QuietKeeper(Arc<dyn Keeper>);

impl QuietKeeper {
    /// A quiet one over this keeper.
    #[must_use]
    pub fn new(keeper: Arc<dyn Keeper>) -> Self {
        Self(keeper)
    }
}

#[async_trait]
impl Keeper for QuietKeeper {
    async fn load(&self, place: &str) -> Option<String> {
        self.0.load(place).await
    }

    async fn save(&self, place: &str, text: &str) {
        self.0.save(place, text).await;
    }

    async fn tell(&self, notice: Notice) {
        tracing::info!(?notice, "met by a test message");
    }
}

#[cfg(test)]
mod tests {
    use annunciator_core::Timestamp;
    use annunciator_store::sqlite::SqliteStore;
    use annunciator_store::{EventFilter, Page};

    use super::*;
    use crate::ids::IdSource;
    use crate::planner_task::PlannerInbox;

    const START: Timestamp = Timestamp(1_795_325_400_000);

    /// A clock that stands where a test puts it.
    struct Standing(std::sync::atomic::AtomicI64);

    impl Clock for Standing {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(std::sync::atomic::Ordering::SeqCst))
        }

        fn sleep_until(&self, _at: Timestamp) -> annunciator_core::SleepFuture<'_> {
            Box::pin(std::future::pending())
        }
    }

    fn keeper(
        store: &Arc<dyn Store>,
        folder: &std::path::Path,
        key: &str,
        clock: &Arc<Standing>,
    ) -> StoreKeeper {
        let clock: Arc<dyn Clock> = clock.clone();
        let ids = IdSource::new(clock.clone());
        let own_events = OwnEvents::new(store.clone(), ids, PlannerInbox::default());
        let sealer = Arc::new(Sealer::open(&folder.join(key)).expect("a key is made"));
        StoreKeeper::new(store.clone(), sealer, clock, own_events)
    }

    #[tokio::test]
    async fn texts_are_sealed_at_their_place_and_open_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = SqliteStore::open(&folder.path().join("store")).unwrap();
        let clock = Arc::new(Standing(START.0.into()));
        let first = keeper(&store, folder.path(), "key", &clock);
        assert_eq!(first.load("token").await, None);
        first.save("token", "canary").await;
        first.save("token", "canary 2").await;
        first.save("long", &"x".repeat(TEXT_BYTES_MAX + 1)).await;
        let stored = store.kept("client/token").await.unwrap().unwrap().text;
        assert!(stored.starts_with("sealed:") && !stored.contains("canary"));
        let again = keeper(&store, folder.path(), "key", &clock);
        assert_eq!(again.load("token").await.as_deref(), Some("canary 2"));
        assert_eq!(again.load("long").await, None);
        let quiet = QuietKeeper::new(Arc::new(keeper(&store, folder.path(), "key", &clock)));
        assert_eq!(quiet.load("token").await.as_deref(), Some("canary 2"), "tests share it");
        // Moved to another place, or with another key file, it does not open.
        let moved = KeptText { text: stored, saved_at: START };
        store.keep("client/other", moved).await.unwrap();
        assert_eq!(again.load("other").await, None);
        assert_eq!(keeper(&store, folder.path(), "key2", &clock).load("token").await, None);
    }

    #[tokio::test]
    async fn a_refused_grant_is_told_once_a_day_per_client() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = SqliteStore::open(&folder.path().join("store")).unwrap();
        let clock = Arc::new(Standing(START.0.into()));
        let notice = |client: &str| Notice::OAuthRefused {
            token_url: "https://login.example/token".to_owned(),
            client_id: client.to_owned(),
            reason: "invalid_grant\r\nexpired".to_owned(),
        };
        let hour = 3_600_000;
        for (hours, client, expected) in
            [(0, "a", 1), (1, "a", 1), (1, "b", 2), (23, "a", 2), (25, "a", 3), (26, "a", 3)]
        {
            clock.0.store(START.0 + hours * hour, std::sync::atomic::Ordering::SeqCst);
            // A keeper of its own each time: what was told outlives a restart.
            keeper(&store, folder.path(), "key", &clock).tell(notice(client)).await;
            let page = Page { after: None, count_max: 100 };
            let events = store.events(EventFilter::default(), page).await.unwrap().rows;
            assert_eq!(events.len(), expected, "after {hours} h for {client}");
            assert_eq!(events[0].event.event_type, "annunciator.oauth_refused");
            assert_eq!(events[0].event.severity, Severity::Failure);
            assert!(!events[0].event.description.contains('\n'));
        }
    }
}
