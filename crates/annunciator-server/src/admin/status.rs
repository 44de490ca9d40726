//! The state of the server: readiness, what waits, lanes and relays; and the same as gauges.
//!
//! In: store and dispatcher. Out: [`Status`].
//! Knows nothing of: HTTP, JSON.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use annunciator_channels::ServerStatus;
use annunciator_core::{Lane, Timestamp};
use annunciator_store::{LimitedKey, NodeRow, NodeState, QueueCounts, StoreHealth};
use prometheus_client::metrics::counter::Counter;

use super::{AdminError, nodes};
use crate::dispatcher::LaneStatus;
use crate::expiry_watch;
use crate::limit_clock::to_wall;
use crate::metrics::{
    CertificateLabels, LaneLabels, Metrics, NodeLabels, ServerLabels, StateLabels,
};
use crate::shared::Shared;

/// Most ends that are shown.
const ENDING_MAX: usize = 100;

/// State of the server.
#[derive(Debug, Clone)]
pub struct Status {
    /// Whether events are accepted.
    pub readiness: Readiness,
    /// State of the store.
    pub store: StoreHealth,
    /// What waits.
    pub counts: QueueCounts,
    /// Lanes with what waits in each: those that hold something, and those the dispatcher knows.
    pub lanes: Vec<(LaneStatus, u64)>,
    /// The relays' servers.
    pub relays: Vec<ServerStatus>,
    /// What ends within 30 days, or is over: description and end, the first first.
    pub ending: Vec<(String, Timestamp)>,
    /// Limits that were reached and whose summary is not out yet, with its earliest time.
    pub limits: Vec<(LimitedKey, Timestamp)>,
}

impl Status {
    /// Since when somebody waits for incidents although the time for it has passed.
    #[must_use]
    pub fn overdue_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.counts.postponed_due_at.filter(|at| *at < now)
    }
}

/// Whether events are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// They are.
    Ready,
    /// Not yet.
    Starting,
    /// The store takes no writes; says why, for those who may know.
    StoreBlocked(String),
}

/// Whether events are accepted.
pub async fn readiness(shared: &Shared) -> Readiness {
    if !shared.ready.load(Ordering::Acquire) {
        return Readiness::Starting;
    }
    of_store(&shared.store.health().await)
}

fn of_store(health: &StoreHealth) -> Readiness {
    if health.writable { Readiness::Ready } else { Readiness::StoreBlocked(health.reason.clone()) }
}

/// The state of the server now.
///
/// # Errors
/// What the store answers.
pub async fn status(shared: &Shared) -> Result<Status, AdminError> {
    let store = shared.store.health().await;
    let counts = shared.store.queue_counts().await.map_err(AdminError::Store)?;
    let readiness =
        if shared.ready.load(Ordering::Acquire) { of_store(&store) } else { Readiness::Starting };
    let lanes = join(shared.dispatcher.lanes(), &counts.queued);
    let relays = shared.dispatcher.relay_servers();
    let ending = expiry_watch::near(shared).into_iter().take(ENDING_MAX);
    let ending = ending.map(|ending| (ending.what, ending.ends_at)).collect();
    let limits = limits(shared).await?;
    Ok(Status { readiness, store, counts, lanes, relays, ending, limits })
}

async fn limits(shared: &Shared) -> Result<Vec<(LimitedKey, Timestamp)>, AdminError> {
    let keys = shared.store.limited_keys().await.map_err(AdminError::Store)?;
    let summary_at = |key: &LimitedKey| {
        let due_at = key.counter.summary_due_at(key.source.rule).expect("it owes a summary");
        let due_at = due_at.max(shared.held.now());
        to_wall(shared.clock.as_ref(), shared.held.as_ref(), due_at)
    };
    Ok(keys.into_iter().map(|key| (key.clone(), summary_at(&key))).collect())
}

/// Lanes as the dispatcher and as the store know them, by name.
fn join(known: Vec<LaneStatus>, queued: &[(Lane, u64)]) -> Vec<(LaneStatus, u64)> {
    let mut lanes: BTreeMap<Lane, (LaneStatus, u64)> =
        known.into_iter().map(|status| (status.lane.clone(), (status, 0))).collect();
    for (lane, count) in queued {
        let idle = || LaneStatus {
            lane: lane.clone(),
            suspended: false,
            probe_at: None,
            since: None,
            failure: None,
        };
        lanes.entry(lane.clone()).or_insert_with(|| (idle(), 0)).1 = *count;
    }
    lanes.into_values().collect()
}

/// Brings the gauges up to date.
///
/// # Errors
/// What the store answers.
pub async fn update_gauges(shared: &Shared) -> Result<(), AdminError> {
    let status = status(shared).await?;
    let metrics = &shared.metrics;
    let now = shared.clock.now();
    for (lane, count) in &status.lanes {
        let labels = LaneLabels { lane: lane.lane.as_str().to_owned() };
        metrics.queued.get_or_create(&labels).set(gauge(*count));
        metrics.lane_suspended.get_or_create(&labels).set(i64::from(lane.suspended));
    }
    // Servers come and go with the settings: only those of now are shown.
    metrics.server_skipped.clear();
    metrics.server_connections.clear();
    for server in &status.relays {
        let labels = ServerLabels { server: server.server.clone() };
        metrics.server_skipped.get_or_create(&labels).set(i64::from(server.skipped));
        metrics.server_connections.get_or_create(&labels).set(i64::from(server.connections));
    }
    metrics.limits_reached.set(gauge(status.limits.len() as u64));
    metrics.in_flight.set(gauge(status.counts.in_flight));
    metrics.unplanned.set(gauge(status.counts.events_unplanned));
    let age_ms = status.counts.oldest_queued_at.map_or(0, |since| now.ms_since(since).max(0));
    metrics
        .oldest_queued_s
        .set(std::time::Duration::from_millis(age_ms.unsigned_abs()).as_secs_f64());
    metrics.postponed.set(gauge(status.counts.postponed));
    let overdue_ms = status.overdue_since(now).map_or(0, |since| now.ms_since(since).max(0));
    metrics
        .postponed_overdue_s
        .set(std::time::Duration::from_millis(overdue_ms.unsigned_abs()).as_secs_f64());
    let silences = u64::try_from(shared.silences.active_count(now)).unwrap_or(u64::MAX);
    metrics.silences_active.set(gauge(silences));
    metrics.disk_free_bytes.set(gauge(status.store.free_bytes));
    metrics.store_bytes.set(gauge(status.store.size_bytes));
    metrics.certificate_not_after_s.clear();
    for entry in shared.certificates.entries().iter() {
        let Some(end) = entry.not_after() else { continue };
        let labels =
            CertificateLabels { id: entry.record.id.clone(), name: entry.record.name.clone() };
        metrics.certificate_not_after_s.get_or_create(&labels).set(end.0 / 1_000);
    }
    if let Some(connections) = shared.store.connections() {
        metrics.database_connections.set(gauge(connections.in_use));
        let store = |counter: &Counter, value| counter.inner().store(value, Ordering::Relaxed);
        store(&metrics.database_connections_made, connections.made);
        store(&metrics.database_failures, connections.failed);
    }
    show_nodes(metrics, &nodes::list(shared).await?);
    Ok(())
}

/// Nodes come and go: only those of now are shown.
fn show_nodes(metrics: &Metrics, listed: &[NodeRow]) {
    metrics.nodes.clear();
    metrics.node_silent_s.clear();
    metrics.node_clock_ahead_s.clear();
    for state in ["serving", "draining", "stopped", "unreachable"] {
        let count = listed.iter().filter(|node| nodes::state(node) == state).count();
        metrics.nodes.get_or_create(&StateLabels { state }).set(gauge(count as u64));
    }
    for node in listed.iter().filter(|node| node.said.state != NodeState::Stopped) {
        let labels = NodeLabels { id: node.id.to_string(), name: node.said.name.clone() };
        metrics.node_silent_s.get_or_create(&labels).set(seconds(node.silent_ms));
        metrics.node_clock_ahead_s.get_or_create(&labels).set(seconds(node.said.skew_ms));
    }
}

fn seconds(ms: i64) -> f64 {
    std::time::Duration::from_millis(ms.unsigned_abs()).as_secs_f64().copysign(ms.signum() as f64)
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_shown_when_either_side_knows_it() {
        let suspended = LaneStatus {
            lane: Lane::new("b"),
            suspended: true,
            probe_at: None,
            since: None,
            failure: None,
        };
        let joined = join(vec![suspended], &[(Lane::new("c"), 3), (Lane::new("a"), 2)]);
        let shown: Vec<_> = joined
            .iter()
            .map(|(status, count)| (status.lane.as_str(), status.suspended, *count))
            .collect();
        assert_eq!(shown, [("a", false, 2), ("b", true, 0), ("c", false, 3)]);
    }
}
