//! Incidents that wait for their mail are told in one, once, over a kill and a restart.

use std::path::{Path, PathBuf};

use annunciator_testkit::process::{Launch, faked_clock};
use annunciator_testkit::python_email::parse_with_python;
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::people::PASSWORD;
use crate::subscribers_are_mailed_once_in_their_language::{incident, notifier};
use crate::support::{BINARY, PATIENCE, Site, answer, eventually, text};

/// A server whose clock stands in a file.
pub(crate) fn site_with_clock() -> (Site, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let mut launch = Launch::new(Path::new(BINARY), folder.path());
    for (name, value) in faked_clock(&clock) {
        launch = launch.environment(name, &value);
    }
    (Site::of(launch, folder), clock)
}

#[test]
fn incidents_that_wait_are_told_in_one_mail_once() {
    let relay = Relay::builder().start();
    let (mut site, clock) = site_with_clock();
    site.save(&json!({"mail_notifier": notifier(relay.port()), "incidents": {"subscriptions": [
        {"name": "Котлы", "addresses": "a@example.org; b@example.org", "delivery": "bundled",
         "bundle_minutes": 1440, "language": "ru"},
    ]}}));
    let mut with_samples = incident("i-1");
    with_samples["samples"] = json!([{"at": "2026-11-22T21:00:00Z", "value": 540.5},
        {"at": "2026-11-22T22:00:00Z", "value": 571.5}]);
    for one in [with_samples, incident("i-2")] {
        drop(site.post("/api/v1/incidents", &one).expect_status(202));
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
    assert_eq!(mail.pictures.len(), 1, "the course of its top tag");
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

#[test]
fn what_waited_is_not_told_to_who_may_or_will_not_read_it() {
    let relay = Relay::builder().start();
    let (mut site, clock) = site_with_clock();
    for name in ["anna", "boris", "carl", "dora", "eve"] {
        let user = json!({"name": name, "role": "operator", "password": PASSWORD,
            "email": format!("{name}@example.org")});
        drop(site.post("/api/v1/users", &user).expect_status(201));
    }
    let daily = |name: &str, who: Value| {
        let mut row = json!({"name": name, "delivery": "bundled", "bundle_minutes": 1440});
        row.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        row
    };
    site.save(&json!({"mail_notifier": notifier(relay.port()), "incidents": {"subscriptions": [
        daily("Pumps", json!({"users": ["anna", "boris", "carl", "dora"]})),
        daily("Gone", json!({"addresses": "gone@example.org; eve@example.org"})),
        daily("Off", json!({"addresses": "off@example.org"})),
    ]}}));
    for id in ["i-1", "i-2"] {
        drop(site.post("/api/v1/incidents", &incident(id)).expect_status(202));
    }
    site.wait_until_idle();
    let change = |path: &str, body: Value| {
        let path = format!("/api/v1/{path}");
        drop(answer(site.server.client().patch(&path, &body)).expect_status(200));
    };
    change("users/anna", json!({"blocked": true}));
    change("users/boris", json!({"email": "boris@elsewhere.example"}));
    change("subscriptions/Pumps/pause", json!({"paused": true, "user": "carl"}));
    // What somebody else tells them as well is not lost with a subscription: Eve has another one.
    site.save(&json!({"incidents": {"subscriptions": [
        daily("Pumps", json!({"users": ["anna", "boris", "carl", "dora"]})),
        daily("Off", json!({"addresses": "off@example.org", "enabled": false})),
        {"name": "Eve's", "users": ["eve"]},
    ]}}));
    let status = json!({"status": "cause_unknown"});
    drop(site.post("/api/v1/incidents/i-2/status", &status).expect_status(200));

    site.server.kill9();
    std::fs::write(&clock, "+25h").unwrap();
    site.server.restart();
    site.wait_for_deliveries(2, "delivered");
    let all = relay.wait_for_messages(2, PATIENCE).unwrap();
    let mut told: Vec<_> = all.iter().flat_map(|one| one.forward_paths.clone()).collect();
    told.sort();
    assert_eq!(told, ["dora@example.org", "eve@example.org"]);
    let mail = &parse_with_python(&[all[0].raw.clone()])[0];
    let text_part = mail.text.as_deref().unwrap();
    for words in ["Under review", "Cause unknown"] {
        assert_eq!(text_part.matches(words).count(), 1, "as it is now: {text_part}");
    }
    expect_untold(
        &site,
        &[
            "it is the address of a blocked user",
            "the subscription `Off` is turned off",
            "the subscription `Pumps` does not lead to this address any more",
            "there is no subscription `Gone` any more",
            "user `carl` has paused it",
        ],
    );
    assert_eq!(relay.message_count(), 2, "nobody else is told");
}

/// The ledger says of whom what waited was not told to, and why.
fn expect_untold(site: &Site, expected: &[&str]) {
    let reason = |row: &Value| {
        let decision = &row["decisions"][0];
        let kind = (text(&decision["channel"]), text(&decision["decision"]));
        assert_eq!(kind, ("mail_notifier", "off"));
        assert!(text(&row["description"]).ends_with("Incidents: i-1, i-2"), "{row}");
        let reason = text(&decision["reason"]);
        reason.strip_prefix("what waited is not told: ").unwrap_or(reason).to_owned()
    };
    eventually("all of them are noted", || {
        let page = site.get("/api/v1/events?event_type=annunciator.incident_bundle_untold");
        let rows = page["events"].as_array().unwrap().iter();
        let mut reasons: Vec<_> = rows.map(reason).collect();
        reasons.sort();
        if reasons == expected { Ok(()) } else { Err(format!("{reasons:?}")) }
    });
}
