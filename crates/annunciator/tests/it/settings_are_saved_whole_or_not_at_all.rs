//! Settings with anything wrong in them change nothing; good ones survive a restart and are kept in
//! a history.

use annunciator_testkit::http::Response;
use serde_json::{Value, json};

use crate::support::{Site, answer, email_settings, field_errors, text};

/// A change, and the pointers and codes of its refusal.
fn check(site: &Site, patch: &Value, expected: &[(&str, &str)]) {
    let before = site.get("/api/v1/settings");
    let response = site.patch_settings(patch);
    assert_eq!(response.status, 422, "{patch}: {response}");
    let found = field_errors(&response.json());
    let found = found.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str()));
    assert_eq!(found.collect::<Vec<_>>(), expected, "{patch}: {response}");
    assert_eq!(site.get("/api/v1/settings"), before, "nothing changed");
}

fn email(patch: &Value) -> Value {
    json!({ "email": patch })
}

#[test]
fn bad_values_are_refused_with_their_pointers_and_nothing_changes() {
    let site = Site::start();
    site.save(&email(&email_settings(2525)));
    for (patch, expected) in [
        (json!({"port": 70_000}), &[("/email/port", "range")][..]),
        (json!({"port": 0}), &[("/email/port", "range")]),
        (json!({"port": "25x"}), &[("/email/port", "type")]),
        (json!({"tls": "sometimes"}), &[("/email/tls", "one_of")]),
        (json!({"subject": "100 % of %EVENT%"}), &[("/email/subject", "format")]),
        (json!({"message": "%NOTHING%"}), &[("/email/message", "format")]),
        (json!({"subject": "x".repeat(1_001)}), &[("/email/subject", "too_long")]),
        (json!({"sender": "a@b@c"}), &[("/email/sender", "format")]),
        (json!({"prot": 25}), &[("/email/prot", "unknown_field")]),
        (json!({"notify_about": ["fatal"]}), &[("/email/notify_about/0", "one_of")]),
        (json!({"servers": ["not a host"]}), &[("/email/servers/0", "format")]),
        (json!({"recipients": ["good@example.org", "bad"]}), &[("/email/recipients/1", "format")]),
        (
            json!({"auth": "password"}),
            &[("/email/username", "required"), ("/email/password", "required")],
        ),
        (
            json!({"auth": "password", "username": "u", "password": "p", "tls": "off"}),
            &[("/email/tls", "conflict")],
        ),
    ] {
        check(&site, &email(&patch), expected);
    }
    check(&site, &json!({"mail": {}}), &[("/mail", "unknown_field")]);
    check(
        &site,
        &json!({"email": {"port": 26, "tls": 1}, "delivery": {"lifetime_s": 1}}),
        &[("/delivery/lifetime_s", "range"), ("/email/tls", "type")],
    );
    assert_eq!(site.get("/api/v1/settings/history")["revisions"].as_array().map(Vec::len), Some(1));

    let refused = site.command(&["settings", "set", "email.port=70000"]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("email.port") || words.contains("/email/port"), "{words}");
    assert!(words.contains("65535") || words.contains("65,535"), "{words}");
}

fn patch_if(site: &Site, revision: &str, patch: &Value) -> Response {
    let fields = [("Content-Type", "application/json"), ("If-Match", revision)];
    let body = patch.to_string();
    answer(site.server.client().send("PATCH", "/api/v1/settings", &fields, body.as_bytes()))
}

#[test]
fn saved_settings_survive_a_restart_with_their_history_and_conflicts_are_told() {
    let mut site = Site::start();
    assert_eq!(site.get("/api/v1/settings")["revision"], 0);
    let saved = site.save(&email(&json!({"servers": "mail.example.org", "port": 587})));
    assert_eq!(saved["revision"], 1);
    let shown = answer(site.server.client().get("/api/v1/settings"));
    assert_eq!(shown.header("ETag"), Some("\"1\""));

    let second = patch_if(&site, "\"1\"", &email(&json!({"port": 465}))).expect_status(200);
    assert_eq!(second.json()["revision"], 2);
    let stale = patch_if(&site, "\"1\"", &email(&json!({"port": 26}))).expect_status(412);
    assert_eq!(stale.json()["type"], "urn:annunciator:precondition-failed");
    site.run(&["settings", "set", "email.port=2525", "--comment", "for the tests"]);

    site.server.restart();
    let settings = site.get("/api/v1/settings");
    assert_eq!(settings["revision"], 3);
    assert_eq!(settings["values"]["email"]["port"], 2_525);
    assert_eq!(settings["values"]["email"]["servers"], json!(["mail.example.org"]));
    assert_ne!(settings["origins"]["email"]["port"], settings["origins"]["email"]["tls"]);
    let history = site.get("/api/v1/settings/history");
    let ports: Vec<_> = history["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_eq!(one.get("values"), None, "the list has no documents");
            let detail = site.get(&format!("/api/v1/settings/revisions/{}", one["revision"]));
            detail["values"]["email"]["port"].clone()
        })
        .collect();
    assert_eq!(ports, [2_525, 465, 587], "newest first");
    assert_eq!(history["revisions"][0]["comment"], "for the tests");
    assert!(!text(&history["revisions"][0]["author"]).is_empty());
    let cleared = site.save(&email(&json!({"port": null})));
    assert_eq!(cleared["revision"], 4);
    assert_eq!(site.get("/api/v1/settings")["values"]["email"]["port"], 25, "the default again");
}
