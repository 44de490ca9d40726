//! `annunciator event types`: the known event types and what holds for each.

use std::process::ExitCode;

use annunciator_api_types::{EventTypeList, EventTypeView};
use anyhow::Result;

use crate::client::Client;
use crate::output::{self, Cell, Paint, Tone};

/// Runs `event types`.
pub(super) async fn run(
    client: &Client,
    application: Option<&str>,
    json: bool,
) -> Result<ExitCode> {
    let mut found: EventTypeList = client.get("/api/v1/event-types").await?;
    found.event_types.retain(|row| application.is_none_or(|name| row.application == name));
    if json {
        output::print_line(&serde_json::to_string_pretty(&found)?);
    } else {
        output::print(&table(Paint::for_output(), &found.event_types));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(paint: Paint, types: &[EventTypeView]) -> String {
    let row = |one: &EventTypeView| {
        let on = one.channels.iter().filter(|channel| channel.on);
        let on: Vec<_> = on.map(|channel| channel.channel.as_str()).collect();
        let count = if one.override_count == 0 { "" } else { &one.override_count.to_string() };
        vec![
            Cell::from(&one.application).at_most(32),
            Cell::from(&one.event_type).at_most(48),
            one.severity.as_str().into(),
            Cell::from(on.join(", ")),
            Cell::from(one.storage_term_days.to_string()),
            Cell::toned(&one.storage_term_origin.words, Tone::Faint),
            Cell::from(count),
        ]
    };
    let rows: Vec<_> = types.iter().map(row).collect();
    let headings =
        ["APPLICATION", "TYPE", "SEVERITY", "NOTIFIED BY", "KEPT, DAYS", "ORIGIN", "OVERRIDES"];
    output::table(paint, &headings, &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_show_what_holds_for_them() {
        let origin = json!({"layer": "compiled_default", "words": "compiled default"});
        let types: Vec<EventTypeView> = serde_json::from_value(json!([{
            "application": "Guard", "type": "disk.full", "type_name": "Disk full",
            "severity": "critical", "first_seen_at": "2026-01-01T00:00:00.000Z",
            "storage_term_days": 180,
            "storage_term_origin": origin,
            "channels": [{"channel": "a", "on": true, "reason": "", "origin": origin},
                         {"channel": "b", "on": false, "reason": "", "origin": origin}],
            "override_count": 2,
        }]))
        .unwrap();
        let expected = "\
APPLICATION  TYPE       SEVERITY  NOTIFIED BY  KEPT, DAYS  ORIGIN            OVERRIDES
Guard        disk.full  critical  a            180         compiled default  2
";
        assert_eq!(table(Paint::off(), &types), expected);
    }
}
