//! What the client asks of its owner: to keep a few texts over restarts, and to pass on what an
//! administrator must know.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

/// Something an administrator must know, beyond the fate of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// The token endpoint refuses for good: somebody must renew the grant.
    OAuthRefused {
        /// Token endpoint.
        token_url: String,
        /// Client id.
        client_id: String,
        /// What it said.
        reason: String,
    },
}

/// Keeps small texts, sealed: access tokens, MTA-STS policies.
#[async_trait]
pub trait Keeper: Send + Sync {
    /// The text kept at a place; none when there is none or it cannot be read.
    async fn load(&self, place: &str) -> Option<String>;
    /// Keeps a text; failure is told in the log and costs only the next start some work.
    async fn save(&self, place: &str, text: &str);
    /// Passes on a notice; the same one again and again is told once a day by the receiver.
    async fn tell(&self, notice: Notice);
}

/// Keeps texts in memory alone, and tells nobody: for test messages and tests.
#[derive(Default)]
pub struct MemoryKeeper(Mutex<HashMap<String, String>>);

#[async_trait]
impl Keeper for MemoryKeeper {
    async fn load(&self, place: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    async fn save(&self, place: &str, text: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(place.to_owned(), text.to_owned());
    }

    async fn tell(&self, notice: Notice) {
        tracing::warn!(?notice, "nobody to tell");
    }
}
