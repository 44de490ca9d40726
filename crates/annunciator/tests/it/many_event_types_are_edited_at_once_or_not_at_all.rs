//! A change of many event types is saved for all of them or for none, and what is wrong is told
//! where it stands in the request.

use annunciator_testkit::http::Response;
use serde_json::{Value, json};

use crate::support::{Site, answer, critical, field_errors};

fn change(site: &Site, body: &Value) -> Response {
    answer(site.server.client().patch("/api/v1/overrides", body))
}

/// The targets of a request with this change.
fn request(change: &Value) -> Value {
    json!({
        "owner": {"event_configuration": true}, "application": "Storage Guard",
        "targets": [{"type": "disk.full"}, {"type": "cpu.hot"}, {"severity": "critical"}, {}],
        "change": change,
    })
}

fn entries(site: &Site) -> Vec<Value> {
    let found = site.get("/api/v1/overrides?application=Storage%20Guard");
    found["owners"][0]["events"].as_array().cloned().unwrap_or_default()
}

#[test]
fn many_event_types_are_edited_at_once() {
    let site = Site::start();
    let set = json!({"email": {"notify": true, "recipients": "a@example.org"},
        "storage_term_days": 30});
    assert_eq!(change(&site, &request(&set)).expect_status(200).json()["revision"], 1);
    let found = entries(&site);
    let words: Vec<_> = found.iter().map(|entry| &entry["words"]).collect();
    assert_eq!(words, ["type disk.full", "type cpu.hot", "severity critical", "all events"]);
    for entry in &found {
        assert_eq!(entry["settings"]["email"]["recipients"], json!(["a@example.org"]));
        assert_eq!(entry["storage_term_days"], 30);
    }
    // What is not named stays; null clears, and an entry that sets nothing goes.
    let two = json!({"owner": {"event_configuration": true}, "application": "Storage Guard",
        "targets": [{"type": "cpu.hot"}, {}],
        "change": {"email": {"recipients": null, "notify": null}}});
    drop(change(&site, &two).expect_status(200));
    let found = entries(&site);
    assert_eq!(found.len(), 4);
    assert_eq!(found[1]["settings"], json!({}));
    assert_eq!(found[0]["settings"]["email"]["notify"], true);
    let mut rest = two.clone();
    rest["change"] = json!({"storage_term_days": null});
    drop(change(&site, &rest).expect_status(200));
    assert_eq!(entries(&site).len(), 2);
    let mut clear = request(&Value::Null);
    clear.as_object_mut().unwrap().remove("change");
    clear["use_administration_server_settings"] = json!(true);
    drop(change(&site, &clear).expect_status(200));
    assert_eq!(entries(&site), Vec::<Value>::new());
    let history = site.get("/api/v1/settings/history");
    assert_eq!(history["revisions"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_change_with_anything_wrong_changes_nothing() {
    let site = Site::start();
    let first = request(&json!({"email": {"notify": true}}));
    drop(change(&site, &first).expect_status(200));
    let before = site.get("/api/v1/overrides");
    let check = |body: &Value, expected: &[(&str, &str)]| {
        let refused = change(&site, body);
        assert_eq!(refused.status, 422, "{body}: {refused}");
        let found = field_errors(&refused.json());
        let found: Vec<_> = found.iter().map(|(p, c)| (p.as_str(), c.as_str())).collect();
        assert_eq!(found, expected, "{body}: {refused}");
        assert_eq!(site.get("/api/v1/overrides"), before, "nothing changed");
    };
    for (wrong, expected) in [
        (json!({"email": {"port": 70_000}}), ("/change/email/port", "range")),
        (json!({"email": {"prot": null}}), ("/change/email/prot", "unknown_field")),
        (json!({"emial": null}), ("/change/emial", "unknown_field")),
        (json!({"email": 7}), ("/change/email", "type")),
        (json!({"email": {"notify_about": "all"}}), ("/change/email/notify_about", "misplaced")),
        (json!({"email": {"port": 26}}), ("/change/email/port", "incomplete_unit")),
        (json!({"storage_term_days": -1}), ("/change/storage_term_days", "range")),
        (json!({"locked": ["email.notify"]}), ("/change/locked", "misplaced")),
        (json!({"type": "x"}), ("/change/type", "misplaced")),
    ] {
        check(&request(&wrong), &[expected]);
    }
    let good = json!({"email": {"subject": "x"}});
    let with = |key: &str, value: Value| {
        let mut body = request(&good);
        body[key] = value;
        body
    };
    let targets = json!([{"type": "a"}, {"severity": "fatal"}, {"type": "a"},
        {"type": "a", "severity": "info"}]);
    let expected = [
        ("/targets/1/severity", "one_of"),
        ("/targets/2", "duplicate"),
        ("/targets/3/severity", "conflict"),
    ];
    check(&with("targets", targets), &expected);
    check(&with("targets", json!([])), &[("/targets", "range")]);
    check(&with("owner", json!({})), &[("/owner", "required")]);
    check(&with("owner", json!({"policy": "Plant A"})), &[("/owner/policy", "unknown_policy")]);
    check(&with("application", json!("")), &[("/application", "required")]);
    let both = "/use_administration_server_settings";
    check(&with("use_administration_server_settings", json!(true)), &[(both, "conflict")]);

    let fields = [("Content-Type", "application/json"), ("If-Match", "\"7\"")];
    let body = request(&good).to_string();
    let client = site.server.client();
    let stale = client.send("PATCH", "/api/v1/overrides", &fields, body.as_bytes());
    assert_eq!(answer(stale).status, 412);
    assert_eq!(site.get("/api/v1/overrides"), before);
}

#[test]
fn an_event_type_that_never_came_is_allowed_and_told() {
    let site = Site::start();
    let set = request(&json!({"email": {"notify": false}}));
    let saved = change(&site, &set).expect_status(200).json();
    let is_unknown = |warning: &&Value| warning["code"] == "unknown_event_type";
    let unknown = |saved: &Value| -> Vec<Value> {
        saved["warnings"].as_array().unwrap().iter().filter(is_unknown).cloned().collect()
    };
    assert_eq!(unknown(&saved), Vec::<Value>::new(), "nothing is known of the application");
    site.submit_event(critical("disk.ful").application("Storage Guard", "1.4"));
    site.submit_event(critical("cpu.hot").application("Storage Guard", "1.4"));
    let warned = unknown(&change(&site, &set).expect_status(200).json());
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert_eq!(warned[0]["pointer"], "/targets/0/type");
    assert!(warned[0]["detail"].to_string().contains("did you mean `disk.ful`?"), "{warned:?}");
}
