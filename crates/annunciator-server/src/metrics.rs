//! Every metric: name, unit, labels, in one list.
//!
//! Standard: OpenMetrics text, as Prometheus reads it.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Label: which channel and how it went.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// Channel name.
    pub channel: String,
    /// `delivered`, `transient_failure`, `permanent_failure` or `uncertain`.
    pub outcome: &'static str,
}

/// Label: what DANE said.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct DaneLabels {
    /// `ok`, `unusable`, `not_applicable`, `insecure` or `tempfail`.
    pub outcome: &'static str,
}

/// Label: which channel.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ChannelLabels {
    /// Channel name.
    pub channel: String,
}

/// Label: one word.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ResultLabels {
    /// What it came to.
    pub result: &'static str,
}

/// Label: a lane.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct LaneLabels {
    /// Lane name.
    pub lane: String,
}

/// Label: a server of a relay.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ServerLabels {
    /// The server, with its port.
    pub server: String,
}

/// Labels: a certificate object.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CertificateLabels {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Label: a state.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct StateLabels {
    /// Its word.
    pub state: &'static str,
}

/// Labels: a node.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct NodeLabels {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The metrics. Cheap to clone: clones count together.
#[derive(Clone, Default)]
pub struct Metrics {
    /// Events handed in, by `result`: `accepted`, `duplicate`, `refused`.
    pub events: Family<ResultLabels, Counter>,
    /// Events planned, by `result`: `planned`, `failed`, `overtaken`.
    pub plans: Family<ResultLabels, Counter>,
    /// Attempts, by channel and outcome.
    pub attempts: Family<OutcomeLabels, Counter>,
    /// Attempts for which DANE was looked for, by its outcome.
    pub dane_outcomes: Family<DaneLabels, Counter>,
    /// Deliveries given up because their lifetime ended.
    pub expired: Counter,
    /// Deliveries queued, by lane.
    pub queued: Family<LaneLabels, Gauge>,
    /// 1 while the lane is suspended.
    pub lane_suspended: Family<LaneLabels, Gauge>,
    /// 1 while the server is skipped because it keeps failing.
    pub server_skipped: Family<ServerLabels, Gauge>,
    /// Connections open to the server.
    pub server_connections: Family<ServerLabels, Gauge>,
    /// Deliveries in flight.
    pub in_flight: Gauge,
    /// Events accepted and not planned.
    pub unplanned: Gauge,
    /// Age of the oldest queued delivery. Unit: seconds.
    pub oldest_queued_s: Gauge<f64, AtomicU64>,
    /// Who waits to be told of incidents later, each address counted for each incident.
    pub postponed: Gauge,
    /// How long the first of them has been due. Unit: seconds.
    pub postponed_overdue_s: Gauge<f64, AtomicU64>,
    /// Silences that mute now.
    pub silences_active: Gauge,
    /// Free room on the store's disk. Unit: octets.
    pub disk_free_bytes: Gauge,
    /// Size of the store. Unit: octets.
    pub store_bytes: Gauge,
    /// Connections to the HTTP listener now.
    pub http_connections: Gauge,
    /// HTTP connections refused or cut, by `result`: `too_many`, `slow`.
    pub http_refused: Family<ResultLabels, Counter>,
    /// When the first certificate of an object ends. Unit: seconds since 1970.
    pub certificate_not_after_s: Family<CertificateLabels, Gauge>,
    /// Time from acceptance of the event to delivery. Unit: seconds.
    pub delivery_latency_s: LatencyHistogram,
    /// Notifications that a limit kept back, by channel.
    pub limited: Family<ChannelLabels, Counter>,
    /// Notifications that were put off until a limit lets them go, by channel.
    pub put_off: Family<ChannelLabels, Counter>,
    /// Limits that were reached and not told of yet.
    pub limits_reached: Gauge,
    /// Nodes, by state.
    pub nodes: Family<StateLabels, Gauge>,
    /// Time since the last sign of life of each node that has not stopped. Unit: seconds.
    pub node_silent_s: Family<NodeLabels, Gauge<f64, AtomicU64>>,
    /// How far the clock of each of them is ahead of the database's. Unit: seconds.
    pub node_clock_ahead_s: Family<NodeLabels, Gauge<f64, AtomicU64>>,
    /// Connections to the database in use.
    pub database_connections: Gauge,
    /// Connections to the database that were made.
    pub database_connections_made: Counter,
    /// Connections to the database that could not be made.
    pub database_failures: Counter,
}

/// A histogram with buckets from 1 ms to 2 days.
#[derive(Clone)]
pub struct LatencyHistogram(pub Histogram);

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self(Histogram::new([
            0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0,
            3600.0, 86_400.0, 172_800.0,
        ]))
    }
}

/// Name (without the prefix and the `_total` of counters), kind and meaning of every metric.
pub const METRICS: [(&str, &str, &str); 30] = [
    ("events", "counter", "Events handed in, by result: accepted, duplicate, refused"),
    (
        "plans",
        "counter",
        "Events planned, by result: planned, failed, overtaken (another node was first)",
    ),
    ("attempts", "counter", "Attempts, by channel and outcome"),
    (
        "dane_outcomes",
        "counter",
        "Attempts for which DANE was looked for, by outcome: ok, unusable, not_applicable, insecure, tempfail",
    ),
    ("deliveries_expired", "counter", "Deliveries given up because their lifetime ended"),
    ("deliveries_queued", "gauge", "Deliveries queued, by lane"),
    ("lane_suspended", "gauge", "1 while the lane waits for its relay"),
    ("relay_server_skipped", "gauge", "1 while a server is skipped because it keeps failing"),
    ("relay_server_connections", "gauge", "Connections open to a server"),
    ("deliveries_in_flight", "gauge", "Deliveries in flight"),
    ("events_unplanned", "gauge", "Events accepted and not planned yet"),
    ("oldest_queued_seconds", "gauge", "Age of the oldest queued delivery"),
    (
        "incidents_postponed",
        "gauge",
        "Who waits to be told of incidents later: each address for each incident",
    ),
    (
        "incidents_overdue_seconds",
        "gauge",
        "How long the first of those has been due; 0 when none is",
    ),
    ("silences_active", "gauge", "Silences that mute now"),
    ("disk_free_bytes", "gauge", "Free room on the store's disk"),
    ("store_bytes", "gauge", "Size of the store"),
    ("http_connections", "gauge", "HTTP connections open"),
    ("http_connections_refused", "counter", "HTTP connections refused, by result: too_many, slow"),
    (
        "certificate_not_after_seconds",
        "gauge",
        "When the first certificate of an object ends, in seconds since 1970, by id and name",
    ),
    ("delivery_latency_seconds", "histogram", "From acceptance of the event to delivery"),
    ("notifications_limited", "counter", "Notifications that a limit kept back, by channel"),
    (
        "notifications_put_off",
        "counter",
        "Notifications that waited in line for their limit, each time, by channel",
    ),
    ("limits_reached", "gauge", "Limits that were reached and whose summary is not out yet"),
    ("nodes", "gauge", "Nodes, by state: serving, draining, stopped, unreachable"),
    ("node_silent_seconds", "gauge", "Since the last sign of life of a node that has not stopped"),
    (
        "node_clock_ahead_seconds",
        "gauge",
        "How far a node's clock is ahead of the database's, as far as that is certain",
    ),
    ("database_connections", "gauge", "Connections to the database in use"),
    ("database_connections_made", "counter", "Connections to the database that were made"),
    ("database_failures", "counter", "Connections to the database that could not be made"),
];

impl Metrics {
    /// A registry that holds them all, under the names of [`METRICS`] with the prefix
    /// `annunciator_`.
    #[must_use]
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("annunciator");
        let mut rows = METRICS.iter();
        add(&mut registry, &mut rows, self.events.clone());
        add(&mut registry, &mut rows, self.plans.clone());
        add(&mut registry, &mut rows, self.attempts.clone());
        add(&mut registry, &mut rows, self.dane_outcomes.clone());
        add(&mut registry, &mut rows, self.expired.clone());
        add(&mut registry, &mut rows, self.queued.clone());
        add(&mut registry, &mut rows, self.lane_suspended.clone());
        add(&mut registry, &mut rows, self.server_skipped.clone());
        add(&mut registry, &mut rows, self.server_connections.clone());
        add(&mut registry, &mut rows, self.in_flight.clone());
        add(&mut registry, &mut rows, self.unplanned.clone());
        add(&mut registry, &mut rows, self.oldest_queued_s.clone());
        add(&mut registry, &mut rows, self.postponed.clone());
        add(&mut registry, &mut rows, self.postponed_overdue_s.clone());
        add(&mut registry, &mut rows, self.silences_active.clone());
        add(&mut registry, &mut rows, self.disk_free_bytes.clone());
        add(&mut registry, &mut rows, self.store_bytes.clone());
        add(&mut registry, &mut rows, self.http_connections.clone());
        add(&mut registry, &mut rows, self.http_refused.clone());
        add(&mut registry, &mut rows, self.certificate_not_after_s.clone());
        add(&mut registry, &mut rows, self.delivery_latency_s.0.clone());
        add(&mut registry, &mut rows, self.limited.clone());
        add(&mut registry, &mut rows, self.put_off.clone());
        add(&mut registry, &mut rows, self.limits_reached.clone());
        add(&mut registry, &mut rows, self.nodes.clone());
        add(&mut registry, &mut rows, self.node_silent_s.clone());
        add(&mut registry, &mut rows, self.node_clock_ahead_s.clone());
        add(&mut registry, &mut rows, self.database_connections.clone());
        add(&mut registry, &mut rows, self.database_connections_made.clone());
        add(&mut registry, &mut rows, self.database_failures.clone());
        registry
    }

    /// The metrics as OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry())
            .expect("writing to a string does not fail");
        text
    }
}

fn add(
    registry: &mut Registry,
    rows: &mut std::slice::Iter<'_, (&'static str, &'static str, &'static str)>,
    metric: impl prometheus_client::registry::Metric,
) {
    let (name, _, help) = rows.next().expect("one row per metric");
    registry.register(*name, *help, metric);
}
