//! This node among others: it says that it lives, follows what others change, and drains when an
//! operator asks it to.
//!
//! In: changes that the store tells of. Out: settings, certificates, tokens, roles and silences in
//! force as they are stored.
//! Failure: what cannot be read is read again a moment later; until then the old holds.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annunciator_store::{Change, NodeBeat, NodeState, StoreError};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, AdminError};
use crate::shared::Shared;

/// Wait between two signs of life.
const BEAT_WAIT: Duration = Duration::from_secs(5);
/// Wait before reading again what could not be read.
const AGAIN_WAIT: Duration = Duration::from_secs(1);
/// A clock that parts from the store's by more is told: limits count by it. Unit: milliseconds.
const SKEW_MS_MAX: i64 = 2_000;

/// Says that this node lives, until the stop.
pub async fn beat(shared: Arc<Shared>, name: String, stop: CancellationToken) {
    let mut was_skewed = false;
    loop {
        let is_ready = shared.ready.load(Ordering::Acquire);
        let said = NodeBeat {
            name: name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: shared.installation.address().map_or(String::new(), |at| at.to_string()),
            started_at: shared.started_at,
            state: if is_ready { NodeState::Serving } else { NodeState::Draining },
        };
        let before = shared.clock.now();
        match shared.store.beat(said).await {
            Ok(answer) => {
                if answer.is_drain_asked && !shared.drain.is_cancelled() {
                    tracing::info!("an operator asks this node to drain");
                    shared.drain.cancel();
                }
                let skew_ms = answer.store_time.map_or(0, |at| at.ms_since(before));
                let is_skewed = skew_ms.abs() > SKEW_MS_MAX;
                if is_skewed && !was_skewed {
                    tracing::warn!(skew_ms, "the clock of this node parts from the database's");
                }
                was_skewed = is_skewed;
            }
            Err(StoreError::Closed) => return,
            Err(error) => tracing::debug!(%error, "no sign of life could be given"),
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT_WAIT) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Follows what other nodes change, until the stop.
pub async fn follow(shared: Arc<Shared>, stop: CancellationToken) {
    let Some(mut news) = shared.store.changes() else { return };
    loop {
        let changed = tokio::select! {
            changed = news.recv() => changed,
            () = stop.cancelled() => return,
        };
        let changes = match changed {
            Ok(change) => vec![change],
            // Some were missed: all is read again.
            Err(RecvError::Lagged(_)) => Change::ALL.to_vec(),
            Err(RecvError::Closed) => return,
        };
        for change in changes {
            while let Err(error) = take_over(&shared, change).await {
                tracing::warn!(%error, what = change.as_str(), "cannot read what changed");
                tokio::select! {
                    () = tokio::time::sleep(AGAIN_WAIT) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

async fn take_over(shared: &Arc<Shared>, change: Change) -> Result<(), AdminError> {
    let store = shared.store.as_ref();
    match change {
        Change::Settings => admin::settings::reload(shared).await?,
        Change::Certificates => {
            let _steady = shared.certificates.steady().await;
            admin::certificates::put_in_force(shared).await?;
        }
        Change::Tokens => shared.tokens.reload(store).await?,
        Change::Roles => shared.roles.reload(store).await?,
        Change::Silences => shared.silences.reload(store, shared.clock.now()).await?,
        // Read from the store with each request.
        Change::Users => {}
        Change::Work => shared.dispatcher.wake(),
    }
    Ok(())
}
