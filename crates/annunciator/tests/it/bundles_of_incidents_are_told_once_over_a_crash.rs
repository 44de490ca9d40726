//! Incidents that wait for their mail are told in one, once, over a kill and a restart.

use std::path::Path;

use annunciator_testkit::process::{Launch, faked_clock};
use annunciator_testkit::python_email::parse_with_python;
use annunciator_testkit::relay::Relay;
use serde_json::json;

use crate::subscribers_are_mailed_once_in_their_language::{incident, notifier};
use crate::support::{BINARY, PATIENCE, Site};

#[test]
fn incidents_that_wait_are_told_in_one_mail_once() {
    let relay = Relay::builder().start();
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let mut launch = Launch::new(Path::new(BINARY), folder.path());
    for (name, value) in faked_clock(&clock) {
        launch = launch.environment(name, &value);
    }
    let mut site = Site::of(launch, folder);
    site.save(&json!({"mail_notifier": notifier(relay.port()), "incidents": {"subscriptions": [
        {"name": "Котлы", "addresses": "a@example.org; b@example.org", "delivery": "bundled",
         "bundle_minutes": 1440, "language": "ru"},
    ]}}));
    for id in ["i-1", "i-2"] {
        drop(site.post("/api/v1/incidents", &incident(id)).expect_status(202));
    }
    let mut critical = incident("i-3");
    critical["severity"] = json!("critical");
    drop(site.post("/api/v1/incidents", &critical).expect_status(202));
    // Those who read alike share a mail.
    let at_once = relay.wait_for_messages(1, PATIENCE).unwrap();
    assert_eq!(at_once[0].forward_paths, ["a@example.org", "b@example.org"]);
    site.wait_for_deliveries(2, "delivered");

    site.server.kill9();
    std::fs::write(&clock, "+25h").unwrap();
    site.server.restart();
    let all = relay.wait_for_messages(3, PATIENCE).unwrap();
    let mut told: Vec<_> = all[1..].iter().flat_map(|one| one.forward_paths.clone()).collect();
    told.sort();
    assert_eq!(told, ["a@example.org", "b@example.org"], "one mail for each address");
    let mail = &parse_with_python(&[all[1].raw.clone()])[0];
    assert_eq!(mail.defects, [""; 0]);
    assert_eq!(mail.header("Subject"), Some("Отказ функционирования: 2 инцидента (Котлы)"));
    for name in ["References", "In-Reply-To"] {
        assert_eq!(mail.header(name), None, "one bundle has nothing to do with another");
    }
    let (text, html) = (mail.text.as_deref().unwrap(), mail.html.as_deref().unwrap());
    for part in ["i-1", "i-2", "12\u{a0}571,5\u{a0}°C"] {
        assert!(text.contains(part) && html.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("i-3"), "it was told at once");
    site.wait_for_deliveries(4, "delivered");

    site.server.kill9();
    std::fs::write(&clock, "+50h").unwrap();
    site.server.restart();
    drop(site.post("/api/v1/incidents", &critical).expect_status(202));
    let mut again = incident("i-4");
    again["severity"] = json!("critical");
    drop(site.post("/api/v1/incidents", &again).expect_status(202));
    let all = relay.wait_for_messages(4, PATIENCE).unwrap();
    site.wait_for_deliveries(6, "delivered");
    assert_eq!(all.len(), 4, "nothing is repeated");
}
