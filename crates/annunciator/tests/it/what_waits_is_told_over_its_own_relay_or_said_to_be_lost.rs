//! Incidents that wait go over the relay that each of them has; what cannot be sent holds up
//! nothing else, is seen while it waits, and is given up in the end with an event that says so.

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::bundles_of_incidents_are_told_once_over_a_crash::site_with_clock;
use crate::subscribers_are_mailed_once_in_their_language::{incident, notifier};
use crate::support::{PATIENCE, Site, eventually, text};

fn of_kind(id: &str, kind: &str) -> Value {
    let mut one = incident(id);
    one["detector"]["kind"] = json!(kind);
    one
}

fn daily() -> Value {
    json!({"subscriptions": [{"name": "Boilers", "addresses": "a@example.org",
        "delivery": "bundled", "bundle_minutes": 1440, "language": "en"}]})
}

fn bundles(site: &Site, suffix: &str) -> Vec<Value> {
    let path = format!("/api/v1/events?event_type=annunciator.incident_bundle{suffix}");
    site.get(&path)["events"].as_array().unwrap().clone()
}

fn detail(site: &Site, id: &str) -> Value {
    site.get(&format!("/api/v1/incidents/{id}"))
}

#[test]
fn each_relay_gets_a_mail_and_one_that_lacks_something_holds_up_no_other() {
    let (relay, other) = (Relay::builder().start(), Relay::builder().start());
    let (mut site, clock) = site_with_clock();
    site.save(&json!({ "incidents": daily() }));
    let port = format!("mail_notifier.port={}", other.port());
    site.run(&[
        "override",
        "set",
        "--application",
        "MLAD",
        "--type",
        "incident.limit",
        "mail_notifier.servers=127.0.0.1",
        &port,
        "mail_notifier.sender=limits@example.org",
    ]);
    for one in [of_kind("i-1", "forecaster"), of_kind("i-2", "limit"), of_kind("i-3", "limit")] {
        drop(site.post("/api/v1/incidents", &one).expect_status(202));
    }
    site.wait_until_idle();
    site.server.kill9();
    std::fs::write(&clock, "+25h").unwrap();
    site.server.restart();

    let told = other.wait_for_messages(1, PATIENCE).unwrap();
    let mail = String::from_utf8_lossy(&told[0].raw).into_owned();
    assert!(mail.contains("From: limits@example.org"), "{mail}");
    assert!(mail.contains("Subject: Functional failure: 2 incidents (Boilers)"), "{mail}");
    site.wait_for_deliveries(1, "delivered");
    assert_eq!(site.get("/api/v1/status")["incidents_postponed"], 1, "the other one waits");

    site.save(&json!({"mail_notifier": notifier(relay.port())}));
    let told = relay.wait_for_messages(1, PATIENCE).unwrap();
    let mail = String::from_utf8_lossy(&told[0].raw).into_owned();
    assert!(mail.contains("From: notifier@example.org"), "{mail}");
    assert!(mail.contains("Subject: Functional failure: 1 incident (Boilers)"), "{mail}");
    site.wait_for_deliveries(2, "delivered");
    assert_eq!((relay.message_count(), other.message_count()), (1, 1));

    let found = site.get("/api/v1/events?q=i-3&event_type=annunciator.incident_bundle");
    let [bundle] = found["events"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!(bundle["parameters"]["incident_ids"], "i-2, i-3");
    assert_eq!(bundle["parameters"]["incidents"], 2);
    let shown = detail(&site, "i-3");
    assert_eq!(shown["told_in_bundles"], 1, "{shown}");
    let [one] = shown["bundles"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!((&one["event"], &one["told"]), (&bundle["uid"], &json!(true)));
}

#[test]
fn what_cannot_be_sent_is_seen_while_it_waits_and_said_to_be_lost_in_the_end() {
    let (mut site, clock) = site_with_clock();
    site.save(&json!({"incidents": daily(), "delivery": {"lifetime_s": 172_800}}));
    for id in ["i-1", "i-2"] {
        drop(site.post("/api/v1/incidents", &incident(id)).expect_status(202));
    }
    site.wait_until_idle();
    let status = site.get("/api/v1/status");
    assert_eq!(status["incidents_postponed"], 2);
    assert_eq!(status["incidents_overdue_since"], Value::Null, "its time has not come");
    let metrics = site.get_text("/metrics");
    assert!(metrics.contains("annunciator_incidents_overdue_seconds 0.0"), "{metrics}");

    site.server.kill9();
    std::fs::write(&clock, "+25h").unwrap();
    site.server.restart();
    let status = site.get("/api/v1/status");
    assert_eq!(status["incidents_postponed"], 2, "{status}");
    assert!(status["incidents_overdue_since"].is_string(), "{status}");
    let metrics = site.get_text("/metrics");
    assert!(metrics.contains("annunciator_incidents_postponed 2"), "{metrics}");
    assert!(!metrics.contains("annunciator_incidents_overdue_seconds 0.0"), "{metrics}");
    let printed = site.run(&["status"]);
    assert!(printed.contains("2 told of incidents later, the first was due"), "{printed}");
    site.server.wait_for_log("incidents wait to be told and are held up", PATIENCE);
    assert_eq!(bundles(&site, "_untold"), [Value::Null; 0], "it may still be told");

    site.server.kill9();
    std::fs::write(&clock, "+75h").unwrap();
    site.server.restart();
    let untold = eventually("it is given up", || match bundles(&site, "_untold").as_slice() {
        [one] => Ok(one.clone()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(untold["severity"], "warning");
    let words = text(&untold["description"]);
    assert!(words.contains("a@example.org") && words.ends_with("Incidents: i-1, i-2"), "{words}");
    let reason = text(&untold["decisions"][0]["reason"]);
    assert!(reason.contains("the lifetime of a delivery is over"), "{reason}");
    assert!(reason.contains("the Mail Notifier cannot send"), "{reason}");
    let status = site.get("/api/v1/status");
    assert_eq!(status["incidents_postponed"], 0);
    assert_eq!(status["incidents_overdue_since"], Value::Null);
    let shown = detail(&site, "i-1");
    assert_eq!(shown["told_in_bundles"], 0);
    assert_eq!(shown["bundles"][0]["told"], false, "{shown}");
}
