//! What happens by itself now and then: retention, use of tokens and sessions, the reserve, silences that are
//! over, uploads that were never saved.
//!
//! Standard: spec 2.4.

use std::sync::Arc;
use std::time::Duration;

use annunciator_settings::settings;
use annunciator_store::{AUDIT_MAX, RetentionRule};
use tokio_util::sync::CancellationToken;

use crate::admin::certificate_cleanup;
use crate::shared::Shared;

/// Wait between two rounds.
const ROUND: Duration = Duration::from_secs(60);
/// Most events that one step removes, so that a step never holds up accepts for long.
const STEP_MAX: usize = 500;
/// Wait between two steps.
const STEP_WAIT: Duration = Duration::from_millis(50);

/// How long silences that have ended stay listed. Unit: milliseconds.
const SILENCES_LISTED_MS: i64 = 90 * 24 * 3_600_000;

settings! {
    /// How long finished events stay in the ledger.
    pub struct RetentionSettings / RetentionLayer {
        /// Most finished events that are kept; at the cap the oldest go first.
        ///
        /// Events with unfinished deliveries are never removed and do not count.
        events_max: u32 = 400_000, range(1_000, 100_000_000);
        /// Storage term of events of severity info, when their event type has none of its own.
        info_days: u32 = 30, range(0, 3_650), measure("days");
        /// Storage term of events of severity warning.
        warning_days: u32 = 90, range(0, 3_650), measure("days");
        /// Storage term of events of severity failure.
        failure_days: u32 = 180, range(0, 3_650), measure("days");
        /// Storage term of events of severity critical.
        critical_days: u32 = 180, range(0, 3_650), measure("days");
    }
}

/// Runs until the stop.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            () = stop.cancelled() => return,
        }
        let used = shared.tokens.take_used();
        if !used.is_empty()
            && let Err(error) = shared.store.touch_tokens(used).await
        {
            tracing::warn!(%error, "cannot note when tokens were used");
        }
        if let Err(error) = shared.sessions.tend(shared.store.as_ref(), shared.clock.now()).await {
            tracing::warn!(%error, "cannot note when sessions were used");
        }
        tend_silences(&shared).await;
        certificate_cleanup::sweep(&shared).await;
        tokio::select! {
            () = retain(&shared) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Forgets silences that ended long ago, and reads those in force again.
async fn tend_silences(shared: &Shared) {
    let now = shared.clock.now();
    let store = shared.store.as_ref();
    if let Err(error) = store.forget_silences(now.plus_ms(-SILENCES_LISTED_MS), now).await {
        tracing::warn!(%error, "cannot forget old silences");
    } else if let Err(error) = shared.silences.reload(store, now).await {
        tracing::warn!(%error, "cannot read the silences again");
    }
}

/// Removes what the settings no longer keep, step by step.
pub async fn retain(shared: &Shared) {
    loop {
        let settings = shared.settings.current().retention.values.clone();
        let rule = RetentionRule {
            now: shared.clock.now(),
            term_days: [
                settings.info_days,
                settings.warning_days,
                settings.failure_days,
                settings.critical_days,
            ],
            events_max: u64::from(settings.events_max),
            audit_max: AUDIT_MAX,
            step_max: STEP_MAX,
        };
        match shared.store.retain(rule).await {
            Ok(done) if done.has_more => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "cannot remove what is old");
                return;
            }
        }
        tokio::time::sleep(STEP_WAIT).await;
    }
}
