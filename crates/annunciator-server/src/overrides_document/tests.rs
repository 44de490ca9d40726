//! Rules of the part of the document that overrides, without a server.

use serde_json::json;

use super::*;

fn document(value: Value) -> Map<String, Value> {
    let Value::Object(document) = value else { panic!("an object") };
    document
}

/// A policy with a relay of its own.
fn sample() -> Map<String, Value> {
    document(json!({
        "groups": ["Plant A/Line 2"],
        "event_configuration": [
            {"application": "Guard", "type": "disk.full", "email": {"notify": true}},
            {"application": "Guard", "severity": "info", "storage_term_days": 3},
        ],
        "policies": [{
            "name": "Plant A", "application": "Guard", "group": "Plant A", "enabled": true,
            "inherit": true, "force_children": false,
            "events": [
                {"type": "disk.full", "locked": ["email.recipients"],
                 "email": {"recipients": ["a@example.org"]}},
                {"email": {"servers": ["mail.example.org"], "auth": "password", "username": "u",
                           "password": "canary"}},
            ],
        }],
        "application_settings": [
            {"application": "Guard", "device": "pc-17", "events": [{"email": {"notify": false}}]},
        ],
    }))
}

#[test]
fn a_document_is_read_and_shown_again() {
    let overrides = read(&sample(), &Layers::default()).expect("valid");
    let mut expected = sample();
    expected["policies"][0]["events"][1]["email"]["password"] = json!("<secret>");
    assert_eq!(Value::Object(shown(&overrides)), Value::Object(expected.clone()));
    // What was shown can be given back: the secret stays.
    assert_eq!(read(&expected, &overrides).expect("valid"), overrides);
    // Without it there is nothing that could stay.
    let errors = read(&expected, &Layers::default()).expect_err("no secret");
    assert_eq!(errors[0].pointer, "/policies/0/events/1/email/password");
}

#[test]
fn secrets_are_sealed_for_the_store_each_in_its_place() {
    let overrides = read(&sample(), &Layers::default()).expect("valid");
    let seal = |place: &str, clear: &str| format!("{place}|{clear}").repeat(100);
    let stored = stored(&overrides, &seal);
    let open = |place: &str, sealed: &str| {
        assert_eq!(sealed, seal(place, "canary"));
        "canary".to_owned()
    };
    assert_eq!(from_stored(&stored, &open).expect("valid"), overrides);
}
