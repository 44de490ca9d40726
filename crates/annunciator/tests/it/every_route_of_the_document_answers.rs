//! What the OpenAPI document describes is there, and what it does not describe is not.

use std::collections::BTreeSet;

use annunciator_testkit::certificates::Authority;
use annunciator_testkit::http::Response;
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::certificates::upload_of;
use crate::people::{Browser, PASSWORD, setup_key};
use crate::support::{Site, answer, critical, text};

/// A path of the document with ids of things that are there.
fn with_ids(site: &Site, path: &str) -> String {
    let delivery = site.deliveries().remove(0);
    let id = match path.split('/').nth(3) {
        Some("events") => text(&delivery["event"]).to_owned(),
        Some("deliveries") => text(&delivery["id"]).to_owned(),
        Some("notifications") => text(&delivery["notification"]).to_owned(),
        Some("tokens") => {
            let made = site.post("/api/v1/tokens", &json!({"name": "n", "role": "viewer"}));
            text(&made.expect_status(201).json()["record"]["id"]).to_owned()
        }
        Some("nodes") => text(&site.get("/api/v1/nodes")["nodes"][0]["id"]).to_owned(),
        Some("silences") => {
            let made = site.post("/api/v1/silences", &body_of(site, "/api/v1/silences"));
            text(&made.expect_status(201).json()["silence"]["id"]).to_owned()
        }
        Some("certificates") => {
            let body = body_of(site, "/api/v1/certificates");
            let made = site.post("/api/v1/certificates", &body).expect_status(201).json();
            text(&made["certificate"]["id"]).to_owned()
        }
        Some("roles") => {
            let body = json!({"rights": ["read_audit"]});
            drop(answer(site.server.client().put("/api/v1/roles/Hall", &body)).expect_status(200));
            String::new()
        }
        Some("incidents") => {
            let mapping = json!([{"name": "hall", "id": "/nr", "detector_kind": "rule"}]);
            site.save(&json!({"incidents": {"mapping": mapping}}));
            let made = site.post("/api/v1/incidents", &body_of(site, "/api/v1/incidents"));
            text(&made.expect_status(202).json()["incidents"][0]["uid"]).to_owned()
        }
        Some("subscriptions") => {
            let body = body_of(site, "/api/v1/subscriptions/{name}");
            let made = answer(site.server.client().put("/api/v1/subscriptions/Hall", &body));
            drop(made.expect_status(200));
            String::new()
        }
        Some("policies" | "device-groups" | "application-settings") => {
            set_up_overrides(site);
            String::new()
        }
        _ => String::new(),
    };
    if path == "/api/v1/backups/{name}" {
        let made = site.post("/api/v1/backups", &json!({})).expect_status(201).json();
        return path.replace("{name}", text(&made["name"]));
    }
    let path = path
        .replace("mapped/{name}", "mapped/hall")
        .replace("{id}", &id)
        .replace("{name}", "Hall")
        .replace("{path}", "Hall%2FDoor")
        .replace("{revision}", "1");
    path.replace("{application}", "Guard").replace("{device}", "pc-17")
}

/// A policy, a device group without one, and application settings.
fn set_up_overrides(site: &Site) {
    let path = json!({"path": "Hall/Door"});
    drop(site.post("/api/v1/device-groups", &path).expect_status(200));
    let client = site.server.client();
    let body = body_of(site, "/api/v1/policies/{name}");
    drop(answer(client.put("/api/v1/policies/Hall", &body)).expect_status(200));
    let body = body_of(site, "/api/v1/overrides");
    drop(answer(client.patch("/api/v1/overrides", &body)).expect_status(200));
}

/// A body that the operation takes.
fn body_of(site: &Site, path: &str) -> Value {
    match path {
        "/api/v1/events" => critical("disk.full").json(),
        "/api/v1/deliveries/retry" | "/api/v1/deliveries/cancel" => {
            json!({"deliveries": [site.deliveries()[0]["id"]]})
        }
        "/api/v1/certificates" | "/api/v1/certificates/{id}" => {
            let identity = Authority::new("Root").client("robot");
            upload_of("client", &[&identity.certificate_pem(), &identity.key_pem()], "")
        }
        // The client of the tests is one token.
        "/api/v1/certificates/{id}/key" => json!({"credential": site.server.token()}),
        "/api/v1/overrides" => json!({
            "owner": {"application_settings": {"device": "pc-17"}}, "application": "Guard",
            "targets": [{}], "change": {"storage_term_days": 3},
        }),
        "/api/v1/policies/{name}" => json!({"application": "Guard", "group": "Hall"}),
        "/api/v1/device-groups" => json!({"path": "Hall"}),
        "/api/v1/explain" => json!({
            "event": {"type": "x", "severity": "info", "application": {"name": "Guard"}},
        }),
        "/api/v1/replay" => json!({"since": "2026-01-01T00:00:00Z", "settings": {}}),
        "/api/v1/effective" => {
            json!({"application": "Guard", "type": "disk.full", "severity": "info"})
        }
        "/api/v1/settings/document" => site.get(path),
        "/api/v1/settings/rollback" => json!({"revision": 1}),
        "/api/v1/silences" => json!({
            "matchers": [{"field": "device", "op": "equals", "value": "pc-18"}],
            "comment": "new disk", "duration_s": 60,
        }),
        "/api/v1/incidents" => json!({"detector": {"kind": "rule"}}),
        "/api/v1/incidents/mapped/{name}" => json!({"nr": 1}),
        "/api/v1/incidents/mapping-preview" => json!({"name": "hall", "document": {"nr": 1}}),
        "/api/v1/incidents/{id}/status" => json!({"status": "ignore"}),
        "/api/v1/incidents/audience" => json!({"incident": {"detector": {"kind": "rule"}}}),
        "/api/v1/subscriptions/{name}" => json!({"users": "eve"}),
        "/api/v1/subscriptions/{name}/pause" => json!({"paused": true, "user": "eve"}),
        "/api/v1/tokens" => json!({"name": "n", "role": "viewer"}),
        "/api/v1/roles/{name}" => json!({"rights": ["read_events"]}),
        _ => json!({}),
    }
}

fn send(site: &Site, method: &str, path: &str, body: &Value) -> Response {
    let json = [("Content-Type", "application/json")];
    let (fields, octets) = match method {
        "GET" | "DELETE" => (&json[..0], String::new()),
        _ => (&json[..], body.to_string()),
    };
    answer(site.server.client().send(method, path, fields, octets.as_bytes()))
}

#[test]
fn every_route_of_the_document_answers() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    site.submit("disk.full");
    site.wait_for_deliveries(1, "delivered");
    let document = site.get("/api/v1/openapi.json");
    assert!(text(&document["openapi"]).starts_with("3.1"), "{}", document["openapi"]);
    let printed = site_independent_document();
    assert_eq!(printed, document, "the command line prints the same document");
    let paths = document["paths"].as_object().unwrap();
    let mut count = 0;
    for (path, operations) in paths {
        for method in ["get", "put", "post", "delete", "patch"] {
            let at = if is_of_users(path) { path.clone() } else { with_ids(&site, path) };
            let upper = method.to_uppercase();
            let response = send(&site, &upper, &at, &body_of(&site, path));
            if operations.get(method).is_some() && is_of_users(path) {
                continue;
            }
            if operations.get(method).is_some() {
                assert!(response.status < 300, "{upper} {at}: {response}");
                let described = &operations[method]["responses"][response.status.to_string()];
                assert!(
                    described.is_object(),
                    "{upper} {at}: {} is not described",
                    response.status
                );
                count += 1;
            } else {
                assert_eq!(response.status, 405, "{upper} {at}: {response}");
                assert!(response.header("Allow").is_some(), "{upper} {at}");
            }
        }
    }
    assert!(count >= 51, "{count} operations");
    for path in ["/-/nothing", "/api/v1", "/api/v2/events", "/api/v1/events/", "/api/v1/nothing"] {
        assert_eq!(send(&site, "GET", path, &Value::Null).status, 404, "{path}");
    }
}

/// What only a user in a browser can do, or what changes who that is.
fn is_of_users(path: &str) -> bool {
    let first = path.split('/').nth(3);
    matches!(first, Some("setup" | "session" | "sessions" | "users" | "views"))
}

#[test]
fn every_route_about_users_answers() {
    let site = Site::start();
    let document = site.get("/api/v1/openapi.json");
    let (anna, boris) = (Browser::default(), Browser::default());
    let ask = |browser: &Browser, method: &str, path: &str, body: Value| {
        browser.send(&site, method, &format!("/api/v1/{path}"), &body)
    };
    let (none, password) = (Value::Null, json!(PASSWORD));
    let set_up = json!({ "key": setup_key(&site), "user": "anna", "password": PASSWORD });
    let sign_in = json!({ "user": "anna", "password": PASSWORD });
    let mut seen = vec![
        ("POST", "setup", ask(&anna, "POST", "setup", set_up)),
        ("GET", "setup", ask(&anna, "GET", "setup", none.clone())),
        ("POST", "users", ask(&anna, "POST", "users", json!({"name": "boris", "role": "viewer"}))),
    ];
    let key = seen[2].2.json()["sign_in_link_key"].clone();
    let by_key = json!({ "key": key, "password": PASSWORD });
    seen.push(("POST", "session/key", ask(&boris, "POST", "session/key", by_key)));
    let listed = ask(&boris, "GET", "sessions", none.clone());
    let id = text(&listed.json()["sessions"][0]["id"]).to_owned();
    seen.push(("GET", "sessions", listed));
    seen.push(("DELETE", "sessions/{id}", ask(&boris, "DELETE", &format!("sessions/{id}"), none)));
    let change = json!({ "current": PASSWORD, "new": "five quite other words here" });
    for (method, path, body) in [
        ("GET", "session", Value::Null),
        ("PATCH", "session", json!({"time_zone": "Europe/Moscow", "language": "ru"})),
        ("PUT", "views/{page}/{name}", json!({"query": "q=x"})),
        ("GET", "views", Value::Null),
        ("DELETE", "views/{page}/{name}", Value::Null),
        ("GET", "users", Value::Null),
        ("GET", "users/{name}", Value::Null),
        ("PATCH", "users/{name}", json!({"blocked": true})),
        ("POST", "users/{name}/key", Value::Null),
        ("POST", "users/{name}/password", json!({ "password": password })),
        ("POST", "users/{name}/sign-out", Value::Null),
        ("DELETE", "users/{name}", Value::Null),
        ("DELETE", "session", Value::Null),
        ("POST", "session", sign_in),
        ("POST", "session/password", change),
        ("DELETE", "sessions", Value::Null),
    ] {
        let at = path.replace("users/{name}", "users/boris").replace("{page}/{name}", "ledger/x");
        seen.push((method, path, ask(&anna, method, &at, body)));
    }
    let mut names = BTreeSet::new();
    for (method, path, response) in &seen {
        let operation = &document["paths"][format!("/api/v1/{path}")][method.to_lowercase()];
        let described = &operation["responses"][response.status.to_string()];
        assert!(response.status < 300 && described.is_object(), "{method} {path}: {response}");
        names.insert(format!("{method} /api/v1/{path}"));
    }
    let mut expected = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        if is_of_users(path) {
            let methods = operations.as_object().unwrap().keys();
            expected.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
    }
    assert_eq!(names, expected);
}

/// The document as the command line prints it, without a server.
fn site_independent_document() -> Value {
    let printed = std::process::Command::new(crate::support::BINARY)
        .args(["reference", "openapi"])
        .output()
        .expect("the binary starts");
    serde_json::from_slice(&printed.stdout).expect("JSON")
}
