//! Events and deliveries are found by any part of their texts and by what is known of them.

use annunciator_testkit::relay::Relay;
use serde_json::Value;

use crate::support::{OPERATOR, Site, answer, critical, field_errors, text};

/// The devices of the rows of a list, newest first.
fn devices(site: &Site, query: &str) -> Vec<String> {
    let page = site.get(&format!("/api/v1/{query}"));
    assert!(page.get("searched_until").is_none(), "all was looked at: {page}");
    let is_events = query.starts_with("events");
    let rows = page[if is_events { "events" } else { "deliveries" }].as_array().unwrap();
    let device = |row: &Value| {
        text(if is_events { &row["device"]["name"] } else { &row["device"] }).to_owned()
    };
    rows.iter().map(device).collect()
}

#[test]
fn a_search_finds_what_was_typed() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    for (kind, severity, device) in [
        ("disk.full", "critical", "pump-1"),
        ("door.open", "info", "Насос-2"),
        ("disk.slow", "warning", "pump-3"),
    ] {
        site.submit_event(critical(kind).severity(severity).device(device));
        site.wait_until_idle();
    }
    let (all, pumps) = (vec!["pump-3", "Насос-2", "pump-1"], vec!["pump-3", "pump-1"]);
    for (query, expected) in [
        ("deliveries", all.clone()),
        ("deliveries?q=PUMP", pumps.clone()),
        ("deliveries?q=насос", vec!["Насос-2"]),
        ("deliveries?q=disk.f", vec!["pump-1"]),
        ("deliveries?q=operator@", all.clone()),
        ("deliveries?q=nowhere", vec![]),
        ("deliveries?severity=critical,warning", pumps.clone()),
        ("deliveries?severity=info&q=disk", vec![]),
        ("deliveries?device=pump-3", vec!["pump-3"]),
        ("deliveries?event_type=disk.full", vec!["pump-1"]),
        ("deliveries?application=nobody", vec![]),
        ("events?q=PUMP", pumps.clone()),
        ("events?q=насос", vec!["Насос-2"]),
        ("events?severity=critical,info", vec!["Насос-2", "pump-1"]),
        ("events?event_type=door.open", vec!["Насос-2"]),
        ("events?type=door.open", vec!["Насос-2"]),
        ("events?decision=notified", all),
        ("events?decision=silenced", vec![]),
        ("events?group=nowhere", vec![]),
    ] {
        let encoded: String = query
            .bytes()
            .map(|it| if it.is_ascii() { char::from(it).to_string() } else { format!("%{it:02X}") })
            .collect();
        assert_eq!(devices(&site, &encoded), expected, "{query}");
    }
    let row = site.get("/api/v1/deliveries?device=pump-1")["deliveries"][0].clone();
    for (name, expected) in [
        ("severity", "critical"),
        ("event_type", "disk.full"),
        ("device", "pump-1"),
        ("channel", "email"),
        ("state", "delivered"),
        ("relay", &format!("127.0.0.1:{}", relay.port())),
    ] {
        assert_eq!(row[name], expected, "{name}: {row}");
    }
    assert_eq!(row["recipient"]["address"], OPERATOR);
    let listed = site.run(&["ledger", "-q", "PUMP", "--severity", "critical,info", "--json"]);
    assert_eq!(listed.lines().count(), 1, "{listed}");
    for (path, pointer) in [
        ("/api/v1/deliveries?severity=bad", "?severity"),
        ("/api/v1/events?decision=maybe", "?decision"),
    ] {
        let refused = answer(site.server.client().get(path)).expect_status(422).json();
        assert_eq!(field_errors(&refused), [(pointer.to_owned(), "format".to_owned())]);
    }
}
