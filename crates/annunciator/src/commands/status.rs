//! `annunciator status`: the state of the server as text.

use std::process::ExitCode;

use annunciator_api_types::{LaneView, LimitView, RelayServerView, StatusView};
use annunciator_core::Timestamp;
use anyhow::Result;
use clap::Args;
use jiff::tz::TimeZone;

use super::{exit_code, story};
use crate::client::{Client, ConnectOptions};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

/// Arguments of `status`.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs `status`; exit code 1 when the server takes no events.
pub(crate) async fn run(args: StatusArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    let status: StatusView = client.get("/api/v1/status").await?;
    if args.json {
        output::print_line(&serde_json::to_string_pretty(&status)?);
    } else {
        let (paint, zone) = (Paint::for_output(), moment::local_zone());
        output::print(&report(paint, &zone, moment::now(), &status));
    }
    Ok(exit_code(status.health.ready))
}

fn report(paint: Paint, zone: &TimeZone, now: Timestamp, status: &StatusView) -> String {
    let health = &status.health;
    let (word, tone) = if health.ready { ("ready", Tone::Good) } else { ("not ready", Tone::Bad) };
    let mut rows = vec![
        fact("state", Cell::toned(word, tone)),
        fact("version", status.version.as_str().into()),
        fact("started", moment::full(status.started_at, zone).into()),
        fact("store", mebibytes(health.store_bytes).into()),
        fact("to be planned", format!("{} events", status.events_unplanned).into()),
        fact("in flight", format!("{} deliveries", status.deliveries_in_flight).into()),
    ];
    if health.disk_free_bytes > 0 || health.disk_reserve_bytes > 0 {
        // Else only the database knows.
        let free = mebibytes(health.disk_free_bytes);
        let text = format!("{free} free, {} kept in reserve", mebibytes(health.disk_reserve_bytes));
        rows.insert(4, fact("disk", text.into()));
    }
    if !health.reason.is_empty() {
        rows.insert(1, fact("because", Cell::toned(&health.reason, Tone::Bad)));
    }
    if status.events_parked > 0 {
        let text =
            format!("{} events: `annunciator event list --state parked`", status.events_parked);
        rows.push(fact("parked", Cell::toned(&text, Tone::Bad)));
    }
    if let Some(at) = status.oldest_queued_at {
        let text = format!("{}, {}", moment::full(at, zone), moment::relative(at, now));
        rows.push(fact("oldest queued", text.into()));
    }
    if status.incidents_postponed > 0 {
        let text = match status.incidents_overdue_since {
            Some(at) => format!(
                "{} told of incidents later, the first was due {}",
                status.incidents_postponed,
                moment::relative(at, now)
            ),
            None => format!("{} told of incidents later", status.incidents_postponed),
        };
        rows.push(fact("waiting", text.into()));
    }
    for ending in &status.ending {
        let text = format!("{}: {}", ending.what, moment::relative(ending.ends_at, now));
        let tone = if ending.ends_at <= now { Tone::Bad } else { Tone::Waiting };
        rows.push(fact("ends", Cell::toned(&text, tone)));
    }
    let mut text = output::columns(paint, &rows);
    if !status.lanes.is_empty() {
        let rows: Vec<_> = status.lanes.iter().map(|lane| lane_row(lane, now)).collect();
        text.push('\n');
        text.push_str(&output::table(paint, &["LANE", "QUEUED", "STATE", "NOTE"], &rows));
    }
    if !status.relays.is_empty() {
        let rows: Vec<_> = status.relays.iter().map(relay_row).collect();
        text.push('\n');
        text.push_str(&output::table(
            paint,
            &["RELAY SERVER", "CONNECTIONS", "STATE", "LAST FAILURE"],
            &rows,
        ));
    }
    if !status.limits.is_empty() {
        let rows: Vec<_> = status.limits.iter().map(|limit| limit_row(limit, now)).collect();
        text.push('\n');
        let heads = ["LIMIT REACHED", "AT MOST", "LIMITED", "SUMMARY", "SET BY"];
        text.push_str(&output::table(paint, &heads, &rows));
    }
    text
}

fn limit_row(limit: &LimitView, now: Timestamp) -> Vec<Cell> {
    vec![
        Cell::from(&limit.name).at_most(60),
        Cell::from(&limit.limit),
        Cell::toned(&limit.limited.to_string(), Tone::Waiting),
        Cell::from(moment::relative(limit.summary_at, now)),
        Cell::from(&limit.origin),
    ]
}

fn fact(name: &str, value: Cell) -> Vec<Cell> {
    vec![Cell::toned(name, Tone::Faint), value]
}

fn lane_row(lane: &LaneView, now: Timestamp) -> Vec<Cell> {
    let (state, tone) =
        if lane.suspended { ("suspended", Tone::Waiting) } else { ("open", Tone::Good) };
    let mut notes = Vec::new();
    notes.extend(lane.probe_at.map(|at| format!("tried {}", moment::relative(at, now))));
    notes.extend(lane.suspended_since.map(|at| format!("since {}", moment::relative(at, now))));
    notes.extend(lane.reason.as_ref().map(story::failure_line));
    vec![
        Cell::from(&lane.lane).at_most(60),
        Cell::from(lane.queued.to_string()),
        Cell::toned(state, tone),
        Cell::from(notes.join("; ")),
    ]
}

fn relay_row(relay: &RelayServerView) -> Vec<Cell> {
    let (state, tone) =
        if relay.skipped { ("skipped for now", Tone::Waiting) } else { ("in use", Tone::Good) };
    let mut failure = relay.last_failure.as_ref().map(story::failure_line).unwrap_or_default();
    if relay.failures_in_a_row > 1 {
        failure = format!("{} in a row: {failure}", relay.failures_in_a_row);
    }
    vec![
        Cell::from(&relay.server),
        Cell::from(relay.connections.to_string()),
        Cell::toned(state, tone),
        Cell::from(failure),
    ]
}

fn mebibytes(octets: u64) -> String {
    let mib = octets / (1024 * 1024);
    if mib >= 10 * 1024 { format!("{} GiB", mib / 1024) } else { format!("{mib} MiB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspended_lane_says_why_it_waits() {
        let json = serde_json::json!({
            "version": "0.1.0", "started_at": "2026-11-22T05:00:00.000Z",
            "health": {"ready": true, "disk_free_bytes": 1048576, "disk_reserve_bytes": 0,
                "store_bytes": 2097152},
            "events_unplanned": 0, "events_parked": 0, "deliveries_in_flight": 0,
            "lanes": [{"lane": "mail", "queued": 3, "suspended": true,
                "probe_at": "2026-11-22T05:30:05.000Z", "reason": {"stage": "connect",
                "scope": "relay", "status": "4.4.1", "diagnostic": "connection refused"}}],
            "relays": [],
            "limits": [{"name": "email/server", "limit": "10 in 60 s", "limited": 7,
                "origin": "server settings", "since": "2026-11-22T05:29:50.000Z",
                "summary_at": "2026-11-22T05:30:20.000Z"}]
        });
        let status: StatusView = serde_json::from_value(json).unwrap();
        let at = Timestamp(1_795_325_400_000);
        let text = report(Paint::off(), &TimeZone::UTC, at, &status);
        let expected = "\
state          ready
version        0.1.0
started        2026-11-22 05:00:00.000Z
store          2 MiB
disk           1 MiB free, 0 MiB kept in reserve
to be planned  0 events
in flight      0 deliveries

LANE  QUEUED  STATE      NOTE
mail  3       suspended  tried in 5 s; connection refused (connect)

LIMIT REACHED  AT MOST     LIMITED  SUMMARY  SET BY
email/server   10 in 60 s  7        in 20 s  server settings
";
        assert_eq!(text, expected);
    }
}
