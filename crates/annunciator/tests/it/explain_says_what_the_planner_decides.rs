//! Goal: what explain says of an event is what was decided and sent, with the layer that every
//! value comes from. Method: layers, conditions and a silence over the real binary; each stored
//! event is explained and compared with its decisions and notifications in the ledger.

use annunciator_testkit::events::{EventBuilder, event};
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{Site, email_settings, text};

const APPLICATION: &str = "Storage Guard";

fn document(port: u16) -> Value {
    let mut email = email_settings(port);
    email["notify_about"] = json!(["critical"]);
    json!({
        "email": email,
        "sms": {
            "servers": ["127.0.0.1"], "port": port, "sender": "a@example.org",
            "recipients": ["duty@sms.example.org"],
        },
        "version": 1,
        "groups": ["Plant A/Line 2"],
        "event_configuration": [
            {"application": APPLICATION, "type": "disk.full", "email": {"notify": true}},
            {"application": APPLICATION, "type": "disk.full",
             "conditions": [{"field": "parameters.free_percent", "op": "less", "value": 5}],
             "sms": {"notify": true}},
        ],
        "policies": [{
            "name": "Plant A", "application": APPLICATION, "group": "Plant A",
            "events": [{
                "locked": ["email.recipients"],
                "email": {"recipients": ["plant-a@example.org"], "subject": "Plant A: %EVENT%"},
            }],
        }],
        "application_settings": [{
            "application": APPLICATION, "device": "pc-17",
            "events": [{"email": {"recipients": ["pc-17@example.org"], "notify": true}}],
        }],
    })
}

fn events() -> Vec<EventBuilder> {
    let guard = |event_type: &str| event(event_type).application(APPLICATION, "1.4");
    vec![
        guard("disk.full").severity("info"),
        guard("disk.full").severity("critical").parameter("free_percent", 1),
        guard("disk.full").severity("critical").parameter("free_percent", 9),
        guard("cpu.hot").severity("info"),
        guard("cpu.hot").severity("critical").group("Plant A/Line 2"),
        guard("cpu.hot").severity("info").device("pc-17").group("Plant A/Line 2"),
        guard("cpu.hot").severity("critical").device("quiet"),
        event("other").severity("critical").application("Another", "1"),
    ]
}

#[test]
fn each_stored_event_is_explained_as_it_was_decided() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let client = site.server.client();
    let saved = client.put("/api/v1/settings/document", &document(relay.port())).expect("answered");
    drop(saved.expect_status(200));
    let silence = json!({
        "matchers": [{"field": "device", "op": "equals", "value": "quiet"}],
        "comment": "new disk", "duration_s": 600,
    });
    drop(site.post("/api/v1/silences", &silence).expect_status(201));
    for event in events() {
        site.submit_event(event);
    }
    site.wait_until_idle();
    let stored = site.events();
    assert_eq!(stored.len(), events().len());
    let mut kinds: Vec<String> = Vec::new();
    for event in &stored {
        let id = text(&event["uid"]);
        let explained = site.post("/api/v1/explain", &json!({ "event_id": id }));
        let explained = explained.expect_status(200).json();
        assert_eq!(explained["stored"], true);
        compare(&site, event, &explained);
        let decisions = event["decisions"].as_array().expect("a list").iter();
        kinds.extend(decisions.map(|one| text(&one["decision"]).to_owned()));
    }
    for kind in ["notified", "off", "silenced"] {
        assert!(kinds.iter().any(|one| one == kind), "the events show {kind}");
    }
}

/// Decisions and words of the ledger against those of explain.
fn compare(site: &Site, event: &Value, explained: &Value) {
    let detail = site.get(&format!("/api/v1/events/{}", text(&event["uid"])));
    let channels = explained["channels"].as_array().expect("a list");
    let decisions: Vec<Value> = channels
        .iter()
        .map(|one| json!({"channel": one["channel"], "decision": one["decision"], "reason": one["reason"]}))
        .collect();
    // How deliveries went is no decision.
    let mut decided = event["decisions"].as_array().expect("a list").clone();
    for decision in &mut decided {
        decision.as_object_mut().expect("an object").remove("deliveries");
    }
    assert_eq!(decisions, decided, "{event}");
    let sent: Vec<Value> =
        detail["notifications"].as_array().expect("a list").iter().map(words).collect();
    let told: Vec<Value> = channels
        .iter()
        .flat_map(|one| one["notifications"].as_array().expect("a list"))
        .map(words)
        .collect();
    // What is silenced or off has no notifications on either side.
    let would: Vec<Value> = if sent.is_empty() { Vec::new() } else { told };
    assert_eq!(sent, would, "{event}");
}

fn words(one: &Value) -> Value {
    json!([one["subject"], one["text"], one["sender"], one["recipients"]])
}

#[test]
fn a_hypothetical_event_shows_the_origin_of_every_value() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let client = site.server.client();
    let saved = client.put("/api/v1/settings/document", &document(relay.port())).expect("answered");
    drop(saved.expect_status(200));
    let event = json!({
        "type": "cpu.hot", "severity": "info", "application": {"name": APPLICATION},
        "device": {"name": "pc-17", "group": "Plant A/Line 2"},
    });
    let explained = site.post("/api/v1/explain", &json!({ "event": event }));
    let explained = explained.expect_status(200).json();
    let email = &explained["channels"][0];
    assert_eq!(email["decision"], "notified");
    let setting = |key: &str| {
        let all = email["settings"].as_array().expect("a list");
        all.iter().find(|one| one["key"] == key).cloned().expect("a setting")
    };
    // The policy's lock goes before the nearer application settings; the switch is theirs.
    let recipients = setting("recipients");
    assert_eq!(recipients["value"], json!(["plant-a@example.org"]));
    assert_eq!(recipients["origin"]["name"], "Plant A");
    assert_eq!(recipients["locked"], true);
    assert_eq!(setting("notify")["origin"]["layer"], "application");
    assert_eq!(setting("subject")["origin"]["name"], "Plant A");
    assert_eq!(setting("servers")["origin"]["layer"], "server");
    assert_eq!(setting("dsn")["origin"]["layer"], "compiled_default");
    assert_eq!(email["notifications"][0]["subject"], "Plant A: cpu.hot");
    assert_eq!(site.events(), Vec::<Value>::new(), "nothing was stored");
    let printed = site.run(&[
        "explain",
        "--type",
        "cpu.hot",
        "--severity",
        "info",
        "--application",
        APPLICATION,
        "--device",
        "pc-17",
        "--group",
        "Plant A/Line 2",
    ]);
    for words in ["from policy Plant A", "locked", "plant-a@example.org", "server-wide settings"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let problem = site.post("/api/v1/explain", &json!({})).expect_status(422).json();
    assert_eq!(problem["errors"][0]["pointer"], "/event_id");
}
