//! The state of the server as JSON.

use std::sync::Arc;

use annunciator_api_types::{
    ExpiryView, HealthView, LaneView, LimitView, RelayServerView, StatusView,
};
use annunciator_core::Timestamp;
use annunciator_store::LimitedKey;
use axum::Json;
use axum::extract::State;

use super::document::Problems;
use super::{Answer, views};
use crate::admin::status::{self, Readiness};
use crate::shared::Shared;

/// Most limits that are shown.
const LIMITS_MAX: usize = 100;

/// The state of the server: readiness, what waits, lanes and relays.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "server",
    responses((status = 200, description = "The state", body = StatusView), Problems)
)]
pub(super) async fn show_status(state: State<Arc<Shared>>) -> Answer<StatusView> {
    let now = status::status(&state.0).await?;
    let reason = match &now.readiness {
        Readiness::Ready => String::new(),
        Readiness::Starting => "The server is starting or stopping.".to_owned(),
        Readiness::StoreBlocked(reason) => reason.clone(),
    };
    let incidents_overdue_since = now.overdue_since(state.0.clock.now());
    let lanes = now.lanes.into_iter().map(|(lane, queued)| LaneView {
        lane: lane.lane.as_str().to_owned(),
        queued,
        suspended: lane.suspended,
        probe_at: lane.probe_at,
        suspended_since: lane.since,
        reason: lane.failure.as_ref().map(views::failure),
    });
    let relays = now.relays.into_iter().map(|server| RelayServerView {
        server: server.server,
        skipped: server.skipped,
        failures_in_a_row: server.failures_in_a_row,
        last_failure: server.last_failure.as_ref().map(views::failure),
        connections: server.connections,
        connections_limit: server.connections_limit,
    });
    Ok(Json(StatusView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: state.0.started_at,
        health: HealthView {
            ready: now.readiness == Readiness::Ready,
            reason,
            disk_free_bytes: now.store.free_bytes,
            disk_reserve_bytes: now.store.reserve_bytes,
            store_bytes: now.store.size_bytes,
        },
        events_unplanned: now.counts.events_unplanned,
        events_parked: now.counts.events_parked,
        deliveries_in_flight: now.counts.in_flight,
        oldest_queued_at: now.counts.oldest_queued_at,
        incidents_postponed: now.counts.postponed,
        incidents_overdue_since,
        lanes: lanes.collect(),
        relays: relays.collect(),
        ending: now
            .ending
            .into_iter()
            .map(|(what, ends_at)| ExpiryView { what, ends_at })
            .collect(),
        limits: now.limits.into_iter().take(LIMITS_MAX).map(limit).collect(),
    }))
}

fn limit((limited, summary_at): (LimitedKey, Timestamp)) -> LimitView {
    LimitView {
        name: limited.key.as_str().to_owned(),
        limit: limited.source.rule.to_string(),
        origin: limited.source.origin,
        limited: limited.count,
        since: limited.first_at,
        summary_at,
    }
}
