//! What waits, what the relays do and what failed last become tiles and tables.
//!
//! In: `GET /api/v1/status`, sums of `GET /api/v1/statistics`, the newest failed deliveries.
//! Out: [`Tile`]s and [`Standing`]; what may not be read is left out.

use annunciator_api_types::{DeliveryView, ExpiryView, LimitView, RelayServerView, StatusView};
use annunciator_core::Timestamp;

use super::flow::Statistics;
use super::period::Period;
use super::verdict::{failure_words, lane_name};
use crate::api::with_query;
use crate::page::Page;

/// Most rows of a table here; the pages they lead to have all.
const ROWS_MAX: usize = 20;

/// Tables.
pub(super) struct Standing {
    /// Queues of relays; nothing where the status may not be read.
    pub(super) lanes: Option<Vec<LaneRow>>,
    pub(super) servers: Vec<ServerRow>,
    pub(super) limits: Vec<LimitView>,
    pub(super) ending: Vec<ExpiryView>,
    pub(super) failures: Option<Vec<FailureRow>>,
    /// Where all failed deliveries are.
    pub(super) failures_path: String,
}

/// One number with its meaning.
pub(super) struct Tile {
    /// Also the end of its id.
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) value: String,
    pub(super) note: String,
    /// Where it leads; nothing where the visitor may not go.
    pub(super) path: Option<String>,
    /// `bad`, `warn` or nothing.
    pub(super) tone: &'static str,
}

/// The queue of one relay.
pub(super) struct LaneRow {
    pub(super) name: String,
    pub(super) queued: u64,
    pub(super) suspended_since: Option<Timestamp>,
    pub(super) is_suspended: bool,
    pub(super) reason: String,
    pub(super) probe_at: Option<Timestamp>,
    pub(super) path: Option<String>,
}

/// One server of a relay.
pub(super) struct ServerRow {
    pub(super) server: RelayServerView,
    pub(super) failure: String,
}

/// A delivery that failed.
pub(super) struct FailureRow {
    pub(super) delivery: DeliveryView,
    pub(super) at: Timestamp,
    pub(super) reason: String,
}

impl Standing {
    pub(super) fn of(
        page: &Page,
        status: Option<StatusView>,
        failures: Option<Vec<DeliveryView>>,
    ) -> Self {
        let (mut lanes, mut servers) = (None, Vec::new());
        let (mut limits, mut ending) = (Vec::new(), Vec::new());
        if let Some(status) = status {
            let rows = status.lanes.iter().take(ROWS_MAX).map(|lane| LaneRow {
                name: lane_name(page, &lane.lane),
                queued: lane.queued,
                suspended_since: lane.suspended_since,
                is_suspended: lane.suspended,
                reason: lane.reason.as_ref().map(|f| failure_words(page, f)).unwrap_or_default(),
                probe_at: lane.probe_at,
                path: page
                    .may("read_ledger")
                    .then(|| with_query("/ledger", &[("lane", &lane.lane)])),
            });
            lanes = Some(rows.collect());
            servers = status.relays.into_iter().take(ROWS_MAX).map(server_row(page)).collect();
            limits = status.limits.into_iter().take(ROWS_MAX).collect();
            ending = status.ending.into_iter().take(ROWS_MAX).collect();
        }
        let failures =
            failures.map(|rows| rows.into_iter().map(|one| failure_row(page, one)).collect());
        let failures_path = with_query("/ledger", &[("state", "failed")]);
        Self { lanes, servers, limits, ending, failures, failures_path }
    }
}

fn server_row(page: &Page) -> impl Fn(RelayServerView) -> ServerRow + '_ {
    move |server| {
        let failure = server.last_failure.as_ref().map(|failure| failure_words(page, failure));
        ServerRow { failure: failure.unwrap_or_default(), server }
    }
}

fn failure_row(page: &Page, delivery: DeliveryView) -> FailureRow {
    let reason = delivery.last_failure.as_ref().map(|failure| failure_words(page, failure));
    FailureRow {
        at: delivery.finished_at.unwrap_or(delivery.created_at),
        reason: reason.unwrap_or_default(),
        delivery,
    }
}

/// The numbers; those that the visitor may not see are left out.
pub(super) fn tiles(
    page: &Page,
    period: Period,
    since: Timestamp,
    status: Option<&StatusView>,
    statistics: Option<&Statistics>,
) -> Vec<Tile> {
    let since = since.to_string();
    let [first, second] = period.pairs(&since);
    let ledger = |state| {
        page.may("read_ledger").then(|| with_query("/ledger", &[("state", state), first, second]))
    };
    let events = |decision| {
        let pairs = [("decision", decision), first, second];
        page.may("read_events").then(|| with_query("/events", &pairs))
    };
    let note = page.t(&format!("dashboard-in-{}", period.word()));
    let tile = |name: &'static str, path: Option<String>| {
        let value = statistics?.total(name);
        let tone = if name == "failed" && value > 0 { "bad" } else { "" };
        let label = page.t(&format!("dashboard-{name}"));
        Some(Tile { name, label, value: page.number(&value), note: note.clone(), path, tone })
    };
    let tiles = [
        tile("accepted", events("")),
        tile("delivered", ledger("delivered")),
        tile("failed", ledger("failed")),
        status.map(|status| waiting(page, status)),
        tile("limited", events("limited")),
        tile("silenced", events("silenced")),
    ];
    tiles.into_iter().flatten().collect()
}

fn waiting(page: &Page, status: &StatusView) -> Tile {
    let count: u64 = status.lanes.iter().map(|lane| lane.queued).sum();
    let note = match status.oldest_queued_at.filter(|_| count > 0) {
        Some(at) => page.t1("dashboard-oldest", "ago", page.ago(&at)),
        None => page.t("dashboard-now"),
    };
    let is_held_up = count > 0 && status.lanes.iter().any(|lane| lane.suspended);
    Tile {
        name: "waiting",
        label: page.t("dashboard-waiting"),
        value: page.number(&count),
        note,
        path: page.may("read_ledger").then(|| "/ledger?state=queued".to_owned()),
        tone: if is_held_up { "warn" } else { "" },
    }
}
