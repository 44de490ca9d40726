//! This node among others: it says that it lives, follows what others change, and drains when an
//! operator asks it to.
//!
//! In: changes that the store tells of. Out: settings, certificates, tokens, roles and silences in
//! force as they are stored.
//! A node that drains takes nothing new from then on; the process ends when what it has is done,
//! and the wish ends with it: started again, the node serves.
//! Failure: what cannot be read is read again a moment later; until then the old holds.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annunciator_channels::Share;
use annunciator_core::{Clock, Timestamp};
use annunciator_store::{BeatAnswer, Change, NodeBeat, NodeState, Nodes, StoreError};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, AdminError};
use crate::shared::Shared;
use crate::start::StartError;

/// Wait between two signs of life.
const BEAT_WAIT: Duration = Duration::from_secs(5);
/// Longest wait for the last one: nobody waits for a store that is away to stop a server.
const LAST_BEAT_WAIT: Duration = Duration::from_secs(2);
/// Wait before reading again what could not be read.
const AGAIN_WAIT: Duration = Duration::from_secs(1);
/// A clock that parts from the store's by more is told: limits count by it. Unit: milliseconds.
const SKEW_MS_MAX: i64 = 2_000;
/// A node whose clock parts by more does not start: what it counts would hold up the limits of all,
/// and what it plans would end too early. Unit: milliseconds.
const START_SKEW_MS_MAX: i64 = 60_000;

/// Whether this node's clock may be counted by, before anything is.
///
/// # Errors
/// What the store answers; [`StartError::Clock`] where the clock parts too far from the store's.
pub async fn check_clock(
    store: &(impl Nodes + ?Sized),
    clock: &dyn Clock,
    name: &str,
) -> Result<(), StartError> {
    let before = clock.now();
    let said = NodeBeat {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        address: String::new(),
        started_at: before,
        state: NodeState::Serving,
        skew_ms: 0,
    };
    let answer = store.beat(said, before).await?;
    let skew_ms = certain_skew_ms(before, answer.store_time, clock.now());
    if skew_ms.abs() > START_SKEW_MS_MAX {
        let side = if skew_ms > 0 { "ahead of" } else { "behind" };
        return Err(StartError::Clock { seconds: skew_ms.abs() / 1_000, side });
    }
    Ok(())
}

/// Says that this node lives, until the stop; then, that it drains.
pub async fn beat(shared: Arc<Shared>, name: String, stop: CancellationToken) {
    let mut skew_ms = 0;
    while !stop.is_cancelled() {
        let before = shared.clock.now();
        match say(&shared, &name, skew_ms, NodeState::Serving).await {
            Ok(answer) => {
                shared.dispatcher.set_share(Share::new(answer.place, answer.serving));
                if answer.is_drain_asked && !shared.drain.is_cancelled() {
                    tracing::info!("an operator asks this node to drain");
                    shared.ready.store(false, Ordering::Release);
                    shared.drain.cancel();
                }
                let now_ms = certain_skew_ms(before, answer.store_time, shared.clock.now());
                if now_ms.abs() > SKEW_MS_MAX && skew_ms.abs() <= SKEW_MS_MAX {
                    tracing::warn!(
                        ahead_ms = now_ms,
                        "the clock of this node parts from the database's"
                    );
                }
                skew_ms = now_ms;
            }
            Err(StoreError::Closed) => return,
            Err(error) => tracing::debug!(%error, "no sign of life could be given"),
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT_WAIT) => {}
            () = stop.cancelled() => {}
        }
    }
    let last = say(&shared, &name, skew_ms, NodeState::Draining);
    // Who does not hear it sees that the node is silent.
    let _ = tokio::time::timeout(LAST_BEAT_WAIT, last).await;
}

async fn say(
    shared: &Shared,
    name: &str,
    skew_ms: i64,
    state: NodeState,
) -> Result<BeatAnswer, StoreError> {
    let said = NodeBeat {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        address: shared.installation.address().map_or(String::new(), |at| at.to_string()),
        started_at: shared.started_at,
        state,
        skew_ms,
    };
    shared.store.beat(said, shared.clock.now()).await
}

/// How far this node's clock is ahead of the store's, which was asked between two moments: what
/// the way there and back does not explain. Unit: milliseconds.
fn certain_skew_ms(before: Timestamp, store_time: Option<Timestamp>, after: Timestamp) -> i64 {
    let Some(at) = store_time else { return 0 };
    if at < before { before.ms_since(at) } else { after.ms_since(at).min(0) }
}

/// Follows what other nodes change, until the stop.
pub async fn follow(shared: Arc<Shared>, stop: CancellationToken) {
    let Some(mut news) = shared.store.changes() else { return };
    // A relay that is in trouble since before is not run into anew.
    if let Err(error) = take_over(&shared, Change::Lanes).await {
        tracing::debug!(%error, "cannot read which relays are in trouble");
    }
    // What could not be read, which holds up nothing else.
    let mut unread: Vec<Change> = Vec::new();
    loop {
        let changed = tokio::select! {
            changed = news.recv() => Some(changed),
            () = tokio::time::sleep(AGAIN_WAIT), if !unread.is_empty() => None,
            () = stop.cancelled() => return,
        };
        let changes = match changed {
            None => std::mem::take(&mut unread),
            Some(Ok(change)) => vec![change],
            // Some were missed: all is read again.
            Some(Err(RecvError::Lagged(_))) => Change::ALL.to_vec(),
            Some(Err(RecvError::Closed)) => return,
        };
        for change in changes {
            unread.retain(|one| *one != change);
            if let Err(error) = take_over(&shared, change).await {
                tracing::warn!(%error, what = change.as_str(), "cannot read what changed");
                unread.push(change);
            }
        }
    }
}

/// Puts in force what another node changed, or looks for what it left.
///
/// # Errors
/// What the store answers; what was in force stays so.
pub(crate) async fn take_over(shared: &Arc<Shared>, change: Change) -> Result<(), AdminError> {
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
        Change::Lanes => {
            let troubles = store.troubles().await.map_err(AdminError::Store)?;
            shared.dispatcher.take_over(&troubles);
        }
        Change::Work => shared.dispatcher.wake(),
        Change::Events => shared.planner.note_backlog(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use annunciator_store::{NewAudit, NodeRow};
    use uuid::Uuid;

    use super::*;
    use crate::clock::SystemClock;

    /// Nodes of a store whose clock stands still.
    struct At(Option<Timestamp>);

    #[async_trait::async_trait]
    impl Nodes for At {
        async fn beat(&self, _: NodeBeat, _: Timestamp) -> Result<BeatAnswer, StoreError> {
            Ok(BeatAnswer { store_time: self.0, is_drain_asked: false, serving: 1, place: 0 })
        }

        async fn nodes(&self) -> Result<Vec<NodeRow>, StoreError> {
            Ok(Vec::new())
        }

        async fn drain_node(&self, _: Uuid, _: bool, _: NewAudit) -> Result<bool, StoreError> {
            Ok(false)
        }
    }

    #[tokio::test]
    async fn a_node_whose_clock_is_wrong_does_not_start() {
        let clock = SystemClock;
        let check = async |ahead_ms: Option<i64>| {
            let store = At(ahead_ms.map(|ahead_ms| clock.now().plus_ms(-ahead_ms)));
            check_clock(&store, &clock, "n1").await.map_err(|error| error.to_string())
        };
        // A store in this process has no other clock.
        for good in [None, Some(0), Some(30_000), Some(-30_000)] {
            assert_eq!(check(good).await, Ok(()), "{good:?}");
        }
        for (wrong, words) in [(3_600_000, " s ahead of the "), (-3_600_000, " s behind the ")] {
            let said = check(Some(wrong)).await.expect_err("too far");
            assert!(said.contains(words) && said.contains("set the clock by NTP"), "{said}");
        }
        let error = StartError::Clock { seconds: 90, side: "behind" };
        assert!(!error.is_about_config(), "it may start as soon as the clock is set");
    }

    #[test]
    fn only_what_the_way_does_not_explain_is_a_skew() {
        let check = |at: Option<i64>, expected: i64| {
            let found = certain_skew_ms(Timestamp(1_000), at.map(Timestamp), Timestamp(5_000));
            assert_eq!(found, expected, "{at:?}");
        };
        check(None, 0);
        check(Some(1_000), 0);
        check(Some(5_000), 0);
        check(Some(900), 100);
        check(Some(5_300), -300);
    }
}
