//! What holds beneath an override is answered with its origin, whether the override is there yet
//! or not; the event types are answered for a device; conditions are changed in place.

use serde_json::{Value, json};

use crate::support::{Site, answer, critical};

fn set(site: &Site, owner: &Value, targets: &Value, change: &Value) {
    let body =
        json!({"owner": owner, "application": "Guard", "targets": targets, "change": change});
    drop(answer(site.server.client().patch("/api/v1/overrides", &body)).expect_status(200));
}

fn policy(site: &Site, name: &str, group: &str) {
    let body = json!({"application": "Guard", "group": group});
    let path = format!("/api/v1/policies/{name}");
    drop(answer(site.server.client().put(&path, &body)).expect_status(200));
}

/// The subject beneath an override, whose it is, and whether it is locked.
fn beneath(site: &Site, owner: &Value, target: &Value) -> (String, String, bool) {
    let ask = json!({"application": "Guard", "type": "disk.full", "severity": "critical",
        "device": "pc-17", "group": "A/B", "beneath": {"owner": owner, "target": target}});
    let view = site.post("/api/v1/effective", &ask).expect_status(200).json();
    let settings = view["channels"][0]["settings"].as_array().unwrap();
    let one = settings.iter().find(|one| one["key"] == "subject").unwrap();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    (word(&one["value"]), word(&one["origin"]["words"]), one["locked"] == true)
}

fn set_up(site: &Site) {
    drop(site.post("/api/v1/device-groups", &json!({"path": "A/B"})).expect_status(200));
    policy(site, "Near", "A/B");
    policy(site, "Far", "A");
    let server = json!({"event_configuration": true});
    let subject = |text: &str| json!({"email": {"subject": text}});
    site.save(&subject("server"));
    set(site, &server, &json!([{"severity": "critical"}]), &subject("critical"));
    set(site, &server, &json!([{"type": "disk.full"}]), &subject("type"));
    set(site, &json!({"policy": "Far"}), &json!([{"type": "disk.full"}]), &subject("far type"));
    let low = json!([{"field": "parameters.free", "op": "less", "value": 5}]);
    let target = json!([{"type": "disk.full", "conditions": low}]);
    set(site, &json!({"policy": "Near"}), &target, &subject("near low"));
    set(site, &json!({"policy": "Near"}), &json!([{}]), &subject("near all"));
}

#[test]
fn an_override_is_told_what_it_inherits() {
    let site = Site::start();
    set_up(&site);
    let check = |owner: Value, target: Value, expected: (&str, &str)| {
        let (subject, origin, is_locked) = beneath(&site, &owner, &target);
        assert_eq!((subject.as_str(), origin.as_str()), expected, "{owner} {target}");
        assert!(!is_locked);
    };
    let (server, near) = (json!({"event_configuration": true}), json!({"policy": "Near"}));
    let of_type = json!({"type": "disk.full"});
    check(server.clone(), json!({}), ("server", "server-wide settings"));
    check(server.clone(), json!({"severity": "critical"}), ("server", "server-wide settings"));
    check(server, of_type.clone(), ("critical", "event configuration"));
    check(json!({"policy": "Far"}), of_type.clone(), ("type", "event configuration"));
    check(json!({"policy": "Far"}), json!({}), ("type", "event configuration"));
    check(near.clone(), of_type.clone(), ("near all", "from policy Near"));
    check(near.clone(), json!({}), ("far type", "from policy Far"));
    let device = json!({"application_settings": {"device": "pc-17"}});
    check(device.clone(), of_type, ("near all", "from policy Near"));

    let lock = json!({"locked": ["email.subject"]});
    set(&site, &json!({"policy": "Far"}), &json!([{"type": "disk.full"}]), &lock);
    let found = beneath(&site, &device, &json!({}));
    assert_eq!(found, ("far type".to_owned(), "from policy Far".to_owned(), true));
    let ask = json!({"application": "Guard", "type": "x", "severity": "info",
        "beneath": {"owner": {"policy": "None"}, "target": {"severity": "bad"}}});
    let refused = site.post("/api/v1/effective", &ask).expect_status(422).json().to_string();
    assert!(refused.contains("/beneath/owner/policy"), "{refused}");
    assert!(refused.contains("/beneath/target/severity"), "{refused}");
}

#[test]
fn event_types_are_told_for_a_device_and_conditions_change_in_place() {
    let site = Site::start();
    set_up(&site);
    site.submit_event(critical("disk.full").application("Guard", "1"));
    set(&site, &json!({"policy": "Near"}), &json!([{}]), &json!({"email": {"notify": false}}));
    let channel = |query: &str| {
        let found = site.get(&format!("/api/v1/event-types{query}"));
        found["event_types"][0]["channels"][0].clone()
    };
    let (here, there) = (channel(""), channel("?group=A/B"));
    assert_eq!((&here["on"], &here["origin"]["layer"]), (&json!(true), &json!("server")));
    assert_eq!((&there["on"], &there["origin"]["name"]), (&json!(false), &json!("Near")));

    let low = json!([{"field": "parameters.free", "op": "less", "value": 5}]);
    let lower = json!([{"field": "parameters.free", "op": "less", "value": 1}]);
    let change = |conditions: Value| {
        json!({"owner": {"policy": "Near"}, "targets": [{"type": "disk.full", "conditions": low}],
            "conditions": conditions})
    };
    let client = site.server.client();
    let patch = |body: &Value| answer(client.patch("/api/v1/overrides", body));
    let bad = patch(&change(json!([{"field": "nothing", "op": "is"}]))).expect_status(422).json();
    assert!(bad.to_string().contains("\"/conditions/0"), "{bad}");
    drop(patch(&change(lower.clone())).expect_status(200));
    let found = site.get("/api/v1/overrides?policy=Near");
    let events = found["owners"][0]["events"].as_array().unwrap();
    assert_eq!(events.len(), 2, "{found}");
    assert_eq!(events[0]["conditions"], lower);
    assert_eq!(events[0]["settings"]["email"]["subject"], "near low", "its settings stay");
}
