//! Rules of the part of the document that overrides, without a server.

use annunciator_certificates::CertificateBook;
use serde_json::json;

use super::*;
use crate::configuration::Configuration;
use crate::settings_document::replace;
use crate::snapshot::{SettingsBook, Snapshot, find_warnings};

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

/// The problems of a document whose overrides are these, as `pointer code` and words that the
/// detail has.
fn check(change: impl FnOnce(&mut Value), expected: &[(&str, &str, &str)]) {
    let mut document = Value::Object(sample());
    change(&mut document);
    let Value::Object(document) = document else { panic!("an object") };
    let channels = SettingsBook::offline();
    let none = CertificateBook::default();
    let checked = replace(&Configuration::default(), &document)
        .and_then(|made| Snapshot::check(channels.channels(), &none, made, 0));
    let found = checked.err().unwrap_or_default();
    let places: Vec<_> =
        found.iter().map(|error| (error.pointer.as_str(), error.code.as_str())).collect();
    let wanted: Vec<_> = expected.iter().map(|(pointer, code, _)| (*pointer, *code)).collect();
    assert_eq!(places, wanted, "{document:?}: {found:?}");
    for (error, (.., words)) in found.iter().zip(expected) {
        assert!(error.detail.contains(words), "{}: {}", error.pointer, error.detail);
    }
}

#[test]
fn owners_that_do_not_fit_are_refused_with_a_remedy() {
    check(|_| {}, &[]);
    let unknown = "did you mean `Plant A/Line 2`?";
    check(
        |all| all["policies"][0]["group"] = json!("plant a/line 2"),
        &[("/policies/0/group", "unknown_group", unknown)],
    );
    check(
        |all| all["policies"][0]["group"] = json!("Hall"),
        &[("/policies/0/group", "unknown_group", "annunciator group add 'Hall'")],
    );
    let twin = |all: &mut Value, key: &str, value: Value| {
        let mut twin = all["policies"][0].clone();
        twin[key] = value;
        twin["events"] = json!([]);
        all["policies"].as_array_mut().unwrap().push(twin);
    };
    check(
        |all| twin(all, "group", json!("Plant A/Line 2")),
        &[("/policies/1/name", "duplicate", "there is a policy `Plant A` already")],
    );
    check(
        |all| twin(all, "name", json!("Other")),
        &[("/policies/1/group", "duplicate", "choose another group")],
    );
    check(
        |all| all["policies"][0]["name"] = json!(""),
        &[("/policies/0/name", "required", "must be given")],
    );
    check(
        |all| all["policies"][0]["application"] = json!(7),
        &[("/policies/0/application", "type", "must be text")],
    );
    check(
        |all| all["policies"][0]["enabled"] = json!("yes"),
        &[("/policies/0/enabled", "type", "must be true or false")],
    );
    check(
        |all| all["policies"][0]["inherits"] = json!(true),
        &[("/policies/0/inherits", "unknown_field", "did you mean `inherit`?")],
    );
    check(
        |all| all["application_settings"][0]["device"] = json!(""),
        &[("/application_settings/0/device", "required", "a device's name")],
    );
    check(
        |all| {
            let twin = all["application_settings"][0].clone();
            all["application_settings"].as_array_mut().unwrap().push(twin);
        },
        &[
            ("/application_settings/1/device", "duplicate", "put the events there"),
            ("/application_settings/1/events/0/type", "duplicate", "put all settings into one"),
        ],
    );
    check(
        |all| all["groups"][0] = json!("Plant A//Line 2"),
        &[("/groups/0", "format", "such as `Plant A/Line 2`")],
    );
    check(|all| all["groups"] = json!("Plant A"), &[("/groups", "type", "must be a list")]);
    check(|all| all["policies"][0] = json!(1), &[("/policies/0", "type", "must be an object")]);
    check(
        |all| all["policy"] = json!([]),
        &[("/policy", "unknown_field", "there is no group `policy`")],
    );
}

#[test]
fn entries_that_do_not_fit_are_refused_with_a_remedy() {
    const ENTRY: &str = "/event_configuration/0";
    let at = |key: &str| format!("{ENTRY}{key}");
    let entry = |key: &'static str, value: Value| {
        move |all: &mut Value| all["event_configuration"][0][key] = value
    };
    for (key, value, pointer, code, words) in [
        ("severity", json!("info"), "/severity", "conflict", "a type or a severity, not both"),
        ("type", json!(""), "/type", "required", "leave it out for all events"),
        ("application", json!(""), "/application", "required", "must be given"),
        ("emial", json!({}), "/emial", "unknown_field", "did you mean `email`?"),
        ("a/b", json!({}), "/a~1b", "unknown_field", "there is no setting `a/b`"),
        ("email", json!(true), "/email", "type", "must be an object"),
        ("email", json!({"prot": 1}), "/email/prot", "unknown_field", "did you mean `port`?"),
        ("email", json!({"sender": "a@b@c"}), "/email/sender", "format", ""),
        (
            "email",
            json!({"notify_about": "all"}),
            "/email/notify_about",
            "misplaced",
            "for the whole server only",
        ),
        ("email", json!({"port": 26}), "/email/port", "incomplete_unit", "set `servers` here too"),
        ("storage_term_days", json!(-1), "/storage_term_days", "range", "0 (not listed) to"),
        ("storage_term_days", json!(40_000), "/storage_term_days", "range", "36500"),
        ("locked", json!(["email.notify"]), "/locked", "misplaced", "only policies lock"),
        ("locked", json!("email.notify"), "/locked", "type", "must be a list"),
        ("conditions", json!(7), "/conditions", "type", ""),
    ] {
        check(entry(key, value), &[(&at(pointer), code, words)]);
    }
    check(
        |all| {
            all["event_configuration"][1].as_object_mut().unwrap().remove("severity");
            all["event_configuration"][1]["type"] = json!("disk.full");
        },
        &[("/event_configuration/1/type", "duplicate", "put all settings into one")],
    );
    check(
        |all| all["event_configuration"][1]["severity"] = json!("fatal"),
        &[("/event_configuration/1/severity", "one_of", "info, warning, failure or critical")],
    );
    check(
        |all| all["email"] = json!({"notify": true}),
        &[("/email/notify", "misplaced", "the server-wide switch is `notify_about`")],
    );
}

#[test]
fn locks_that_do_not_fit_are_refused_with_a_remedy() {
    const LOCKED: &str = "/policies/0/events/0/locked";
    let lock = |name: &'static str| {
        move |all: &mut Value| all["policies"][0]["events"][0]["locked"] = json!([name])
    };
    check(lock("email.subject"), &[(LOCKED, "lock_unset", "set it here, or remove it")]);
    let first = format!("{LOCKED}/0");
    check(lock("email.password"), &[(&first, "unknown_setting", "lock `email.servers`")]);
    check(lock("email.subjekt"), &[(&first, "unknown_setting", "did you mean `subject`?")]);
    check(lock("subject"), &[(&first, "unknown_setting", "such as `email.recipients`")]);
    let lower = |attributes: Value, events: Value| {
        move |all: &mut Value| {
            let mut policy = json!({"name": "Line 2", "application": "Guard",
                "group": "Plant A/Line 2", "events": events});
            policy.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
            all["policies"].as_array_mut().unwrap().push(policy);
        }
    };
    let email = json!({"recipients": ["b@example.org"]});
    let fight =
        |events: &str| json!([{"type": events, "locked": ["email.recipients"], "email": email}]);
    let place = "/policies/1/events/0/locked";
    let words = "policy `Plant A` locks `email.recipients` for type disk.full already";
    check(lower(json!({}), fight("disk.full")), &[(place, "lock_conflict", words)]);
    check(lower(json!({}), fight("cpu.hot")), &[]);
    check(lower(json!({"inherit": false}), fight("disk.full")), &[]);
    check(lower(json!({"application": "Other"}), fight("disk.full")), &[]);
    check(
        |all| {
            all["policies"][0]["force_children"] = json!(true);
            lower(json!({"inherit": false}), fight("disk.full"))(all);
        },
        &[(place, "lock_conflict", words)],
    );
    check(
        |all| {
            all["policies"][0]["enabled"] = json!(false);
            lower(json!({}), fight("disk.full"))(all);
        },
        &[],
    );
}

#[test]
fn a_secret_stays_with_its_entry_and_its_server() {
    let before = Configuration {
        overrides: read(&sample(), &Layers::default()).expect("valid"),
        ..Configuration::default()
    };
    let codes = |change: &dyn Fn(&mut Value)| {
        let mut document = Value::Object(shown(&before.overrides));
        change(&mut document["policies"][0]["events"][1]);
        let Value::Object(document) = document else { panic!("an object") };
        let found = replace(&before, &document).err().unwrap_or_default();
        found.into_iter().map(|error| (error.pointer, error.code)).collect::<Vec<_>>()
    };
    let place = "/policies/0/events/1/email/password".to_owned();
    assert_eq!(codes(&|entry| entry["email"]["subject"] = json!("x")), []);
    let other_server = codes(&|entry| entry["email"]["servers"] = json!(["evil.example.org"]));
    assert_eq!(other_server, [(place.clone(), "retype".to_owned())]);
    // An entry for other events is another entry: nothing is there that could stay.
    let moved = codes(&|entry| entry["type"] = json!("cpu.hot"));
    assert_eq!(moved.first().map(|(pointer, _)| pointer.as_str()), Some(place.as_str()));
}

#[test]
fn what_has_no_effect_is_told() {
    let mut all = Value::Object(sample());
    all["application_settings"][0]["events"][0]["email"]["recipients"] = json!(["a@example.org"]);
    all["policies"].as_array_mut().unwrap().push(json!({
        "name": "Line 2", "application": "Guard", "group": "Plant A/Line 2",
        "events": [{"email": {"recipients": ["b@example.org"]}}],
    }));
    let Value::Object(document) = all else { panic!("an object") };
    let book = SettingsBook::offline();
    let made = replace(&Configuration::default(), &document).expect("valid");
    let snapshot = Snapshot::compile(book.channels(), &CertificateBook::default(), made, 0);
    let warnings = find_warnings(&snapshot);
    let found: Vec<_> = warnings
        .iter()
        .filter(|warning| warning.code == "locked")
        .map(|warning| (warning.pointer.as_str(), warning.detail.as_str()))
        .collect();
    let words = "has no effect where policy `Plant A` locks it: for type disk.full";
    assert_eq!(found, [("/policies/1/events/0/email/recipients", words)]);
}
