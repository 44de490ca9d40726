//! While the relay is down events are accepted and the ledger says why they wait; when it is back
//! everything goes out, oldest first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, critical, email_settings, eventually, text};

const EVENTS: usize = 40;
/// From the relay's return to the first mail (spec 4.7).
const FIRST_MAIL_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn a_relay_that_is_down_loses_no_event_and_gets_all_when_it_returns() {
    let relay = Relay::builder().start();
    relay.go_down();
    let mut site = Site::start();
    let mut email = email_settings(relay.port());
    email["connections_max"] = json!(1);
    site.save(&json!({ "email": email }));
    for number in 0..EVENTS / 2 {
        site.submit_event(critical(&format!("event-{number:03}")));
    }
    check_wait(&site, EVENTS / 2);
    // A restart changes nothing of it.
    site.server.restart();
    for number in EVENTS / 2..EVENTS {
        site.submit_event(critical(&format!("event-{number:03}")));
    }
    check_wait(&site, EVENTS);
    assert_eq!(relay.message_count(), 0);

    relay.come_up();
    let returned_at = Instant::now();
    relay.wait_for_messages(1, FIRST_MAIL_WITHIN).unwrap();
    assert!(returned_at.elapsed() <= FIRST_MAIL_WITHIN);
    let messages = relay.wait_for_messages(EVENTS, PATIENCE).unwrap();
    let deliveries = site.wait_for_deliveries(EVENTS, "delivered");
    let mut planned_at: BTreeMap<&str, &str> = BTreeMap::new();
    for delivery in &deliveries {
        planned_at.insert(text(&delivery["subject"]), text(&delivery["created_at"]));
    }
    assert_eq!(planned_at.len(), EVENTS);
    // Those of one millisecond have no order.
    let subjects: Vec<_> = messages.iter().filter_map(|one| one.header("Subject")).collect();
    let order: Vec<_> = subjects.iter().map(|subject| planned_at[subject.as_str()]).collect();
    assert_eq!(order.len(), EVENTS, "each once");
    assert!(order.is_sorted(), "oldest first: {subjects:?}");
    for delivery in &deliveries {
        assert_eq!(delivery["possibly_duplicated"], false);
        assert_eq!(delivery.get("waiting_for"), None);
    }
    let status = eventually("the lane goes on", || {
        let status = site.get("/api/v1/status");
        if status["lanes"][0]["suspended"] == false { Ok(status) } else { Err(status.to_string()) }
    });
    assert_eq!(status["lanes"][0].get("reason"), None);
}

/// The ledger, the status and the command line tell why mail waits; no retry is used up.
fn check_wait(site: &Site, count: usize) {
    let detail = eventually("a delivery that waits for its relay", || {
        let found = site.deliveries();
        let waiting = found.iter().all(|one| one["waiting_for"].is_string());
        let oldest = found.last().filter(|_| waiting).cloned();
        oldest.ok_or_else(|| format!("{found:?}"))
    });
    assert_eq!(detail["state"], "queued");
    assert!(text(&detail["waiting_for"]).contains("refused"), "{detail}");
    let status = site.get("/api/v1/status");
    let lanes = status["lanes"].as_array().unwrap();
    let suspended: Vec<&Value> = lanes.iter().filter(|lane| lane["suspended"] == true).collect();
    let [lane] = &suspended[..] else { panic!("one suspended lane: {status}") };
    assert_eq!(lane["reason"]["stage"], "connect");
    assert_eq!(lane["reason"]["scope"], "relay");
    // One of them may be on its way as the probe.
    let queued = lane["queued"].as_u64().map(usize::try_from);
    assert!(matches!(queued, Some(Ok(n)) if n == count || n + 1 == count), "{lane}");
    assert!(lane["probe_at"].is_string() && lane["suspended_since"].is_string(), "{lane}");
    assert!(site.run(&["status"]).contains("refused"));
    let metrics = site.server.client().get("/metrics").unwrap().text();
    assert!(
        metrics.lines().any(|l| l.starts_with("annunciator_lane_suspended{") && l.ends_with(" 1")),
        "{metrics}"
    );
}
