//! Settlements into commits: whatever has gathered goes into one call of the store.
//!
//! Failure: a store that refuses is asked again until it takes them; the claims hold meanwhile,
//! so nobody repeats the attempts (quality G4: settlements go on when the disk is nearly full).

use std::sync::Arc;
use std::time::Duration;

use annunciator_store::Settlement;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Inner;

/// Most settlements in one call.
const BATCH_MAX: usize = 512;
/// Wait before a refused call is repeated. Unit: milliseconds.
const REPEAT_WAIT_MS: u64 = 500;

pub(super) async fn run(inner: Arc<Inner>, mut settlements: UnboundedReceiver<Settlement>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            biased;
            count = settlements.recv_many(&mut batch, BATCH_MAX) => {
                if count == 0 {
                    return;
                }
            }
            () = inner.stop.cancelled() => return,
        }
        commit(&inner, std::mem::take(&mut batch)).await;
    }
}

async fn commit(inner: &Inner, batch: Vec<Settlement>) {
    let mut was_refused = false;
    loop {
        match inner.store.settle(batch.clone()).await {
            Ok(stale) => {
                for delivery in stale {
                    tracing::warn!(delivery.id = %delivery,
                        "an attempt was settled after its claim had lapsed: it may be repeated");
                }
                return;
            }
            Err(error) => {
                if !was_refused {
                    tracing::error!(%error, count = batch.len(),
                        "the store does not take settlements; asking again");
                }
                was_refused = true;
                tokio::time::sleep(Duration::from_millis(REPEAT_WAIT_MS)).await;
            }
        }
    }
}
