//! Every operation asks for a token whose role has the right; tokens outlive a restart and end when
//! they are revoked.

use annunciator_testkit::http::Client;
use serde_json::{Value, json};

use crate::support::{Site, answer, client_with, critical, text};

const UNKNOWN: &str = "019aaa36-5c11-7cc4-8f54-1f5a7d0f9ad2";
const ROLES: [&str; 4] = ["administrator", "operator", "viewer", "ingest"];

/// An operation, its answer to those who may, and which of [`ROLES`] may.
struct Row {
    method: &'static str,
    path: String,
    body: Value,
    status: u16,
    may: [bool; 4],
}

fn row(method: &'static str, path: &str, body: Value, status: u16, may: [bool; 4]) -> Row {
    Row { method, path: path.replace("{id}", UNKNOWN), body, status, may }
}

fn operations() -> Vec<Row> {
    let (x, o) = (true, false);
    let (reads, administers) = ([x, x, x, o], [x, o, o, o]);
    let targets = json!({ "deliveries": [UNKNOWN] });
    let event = critical("disk.full").json();
    let no_files = json!({"name": "n", "kind": "client", "files": []});
    vec![
        row("POST", "/api/v1/events", event, 202, [x, o, o, x]),
        row("GET", "/api/v1/events", Value::Null, 200, reads),
        row("GET", "/api/v1/events/{id}", Value::Null, 404, reads),
        row("GET", "/api/v1/event-types", Value::Null, 200, reads),
        row("GET", "/api/v1/deliveries", Value::Null, 200, reads),
        row("GET", "/api/v1/deliveries/{id}", Value::Null, 404, reads),
        row("POST", "/api/v1/deliveries/retry", targets.clone(), 200, [x, x, o, o]),
        row("POST", "/api/v1/deliveries/cancel", targets, 200, [x, x, o, o]),
        row("POST", "/api/v1/deliveries/{id}/resend", json!({}), 404, [x, x, o, o]),
        row("GET", "/api/v1/notifications/{id}", Value::Null, 404, reads),
        row("GET", "/api/v1/notifications/{id}/message", Value::Null, 404, reads),
        row("GET", "/api/v1/settings", Value::Null, 200, administers),
        row("PATCH", "/api/v1/settings", json!({"email": {"port": 26}}), 200, administers),
        row("GET", "/api/v1/settings/definitions", Value::Null, 200, administers),
        row("GET", "/api/v1/settings/templates", Value::Null, 200, administers),
        row("GET", "/api/v1/settings/history", Value::Null, 200, administers),
        row("POST", "/api/v1/settings/preview", json!({}), 200, administers),
        row("POST", "/api/v1/test-message", json!({"dry_run": true}), 200, administers),
        row("GET", "/api/v1/overrides", Value::Null, 200, administers),
        row("PATCH", "/api/v1/overrides", json!({}), 422, administers),
        row("GET", "/api/v1/application-settings", Value::Null, 200, administers),
        row("DELETE", "/api/v1/application-settings/a/b", Value::Null, 404, administers),
        row("POST", "/api/v1/effective", json!({}), 422, administers),
        row("GET", "/api/v1/policies", Value::Null, 200, administers),
        row("GET", "/api/v1/policies/{id}", Value::Null, 404, administers),
        row("PUT", "/api/v1/policies/{id}", json!({}), 422, administers),
        row("DELETE", "/api/v1/policies/{id}", Value::Null, 404, administers),
        row("GET", "/api/v1/device-groups", Value::Null, 200, administers),
        row("POST", "/api/v1/device-groups", json!({"path": "/"}), 422, administers),
        row("DELETE", "/api/v1/device-groups/{id}", Value::Null, 404, administers),
        row("POST", "/api/v1/explain", json!({"event_id": UNKNOWN}), 404, [x, x, o, o]),
        row("POST", "/api/v1/replay", json!({"since": "x"}), 422, administers),
        row("GET", "/api/v1/silences", Value::Null, 200, reads),
        row("POST", "/api/v1/silences", json!({}), 422, [x, x, o, o]),
        row("POST", "/api/v1/silences/preview", json!({}), 200, reads),
        row("GET", "/api/v1/silences/{id}", Value::Null, 404, reads),
        row("PATCH", "/api/v1/silences/{id}", json!({}), 404, [x, x, o, o]),
        row("POST", "/api/v1/silences/{id}/end", json!({}), 404, [x, x, o, o]),
        row("GET", "/api/v1/certificates", Value::Null, 200, administers),
        row("POST", "/api/v1/certificates", no_files.clone(), 422, administers),
        row("GET", "/api/v1/certificates/{id}", Value::Null, 404, administers),
        row("PUT", "/api/v1/certificates/{id}", no_files, 422, administers),
        row("DELETE", "/api/v1/certificates/{id}", Value::Null, 404, administers),
        row("GET", "/api/v1/certificates/{id}/pem", Value::Null, 404, administers),
        row("POST", "/api/v1/certificates/{id}/key", json!({}), 404, administers),
        row("GET", "/api/v1/tokens", Value::Null, 200, administers),
        row("POST", "/api/v1/tokens", json!({"name": "n", "role": "viewer"}), 201, administers),
        row("DELETE", "/api/v1/tokens/{id}", Value::Null, 404, administers),
        row("GET", "/api/v1/audit", Value::Null, 200, administers),
        row("GET", "/api/v1/status", Value::Null, 200, reads),
        row("GET", "/api/v1/statistics", Value::Null, 200, reads),
        row("GET", "/api/v1/system", Value::Null, 200, reads),
        row("GET", "/api/v1/backups", Value::Null, 200, administers),
        row("POST", "/api/v1/backups", json!({}), 201, administers),
        row("DELETE", "/api/v1/backups/{id}", Value::Null, 404, administers),
        row("GET", "/api/v1/events/export", Value::Null, 200, reads),
        row("GET", "/api/v1/deliveries/export", Value::Null, 200, reads),
        row("GET", "/api/v1/audit/export", Value::Null, 200, administers),
    ]
}

/// Those about users; some are for users alone, whatever a token may do.
fn operations_on_users() -> Vec<Row> {
    let (x, o) = (true, false);
    let administers = [x, o, o, o];
    vec![
        row("GET", "/api/v1/session", Value::Null, 200, [x; 4]),
        row("PATCH", "/api/v1/session", json!({}), 403, [o; 4]),
        row("DELETE", "/api/v1/session", Value::Null, 403, [o; 4]),
        row("POST", "/api/v1/session/password", json!({}), 403, [o; 4]),
        row("GET", "/api/v1/sessions", Value::Null, 403, [o; 4]),
        row("DELETE", "/api/v1/sessions", Value::Null, 403, [o; 4]),
        row("DELETE", "/api/v1/sessions/{id}", Value::Null, 403, [o; 4]),
        row("GET", "/api/v1/views", Value::Null, 403, [o; 4]),
        row("PUT", "/api/v1/views/a/b", json!({"query": ""}), 403, [o; 4]),
        row("DELETE", "/api/v1/views/a/b", Value::Null, 403, [o; 4]),
        row("GET", "/api/v1/users", Value::Null, 200, administers),
        row("POST", "/api/v1/users", json!({"name": "", "role": "x"}), 422, administers),
        row("GET", "/api/v1/users/{id}", Value::Null, 404, administers),
        row("PATCH", "/api/v1/users/{id}", json!({}), 404, administers),
        row("DELETE", "/api/v1/users/{id}", Value::Null, 404, administers),
        row("POST", "/api/v1/users/{id}/key", Value::Null, 404, administers),
        row("POST", "/api/v1/users/{id}/password", json!({"password": ""}), 404, administers),
        row("POST", "/api/v1/users/{id}/sign-out", Value::Null, 404, administers),
        row("GET", "/api/v1/roles", Value::Null, 200, administers),
        row("PUT", "/api/v1/roles/viewer", json!({"rights": []}), 409, administers),
        row("DELETE", "/api/v1/roles/{id}", Value::Null, 404, administers),
    ]
}

fn send(client: &Client, row: &Row) -> u16 {
    let body = if row.body.is_null() { String::new() } else { row.body.to_string() };
    let json = [("Content-Type", "application/json")];
    let fields = if body.is_empty() { &json[..0] } else { &json[..] };
    answer(client.send(row.method, &row.path, fields, body.as_bytes())).status
}

fn token(site: &Site, role: &str) -> String {
    let words = ["token", "create", "--name", role, "--role", role, "--quiet"];
    site.run(&words).trim().to_owned()
}

#[test]
fn only_tokens_with_the_right_may() {
    let site = Site::start();
    let clients = ROLES.map(|role| client_with(&site.server, &token(&site, role)));
    let nobody = Client::new(site.server.address());
    let strangers = ["", "x", "ann_abcd0123_0123456789abcdefABCDEF0123456789"]
        .map(|unknown| client_with(&site.server, unknown));
    for row in operations().into_iter().chain(operations_on_users()) {
        let Row { method, path, .. } = &row;
        assert_eq!(send(&nobody, &row), 401, "{method} {path} without a token");
        for stranger in &strangers {
            assert_eq!(send(stranger, &row), 401, "{method} {path} with an unknown token");
        }
        for ((client, role), may) in clients.iter().zip(ROLES).zip(row.may) {
            let expected = if may { row.status } else { 403 };
            assert_eq!(send(client, &row), expected, "{method} {path} as {role}");
        }
    }
    for path in ["/-/healthy", "/-/ready", "/metrics", "/api/v1/openapi.json"] {
        assert_eq!(answer(nobody.get(path)).status, 200, "{path} is open on loopback");
    }
    let basic = [("Authorization", "Basic YTpi")];
    assert_eq!(answer(nobody.send("GET", "/api/v1/status", &basic, b"")).status, 401);
    // Only those who may have left anything behind: an event each, one change of settings.
    assert_eq!(site.events().len(), 2);
    assert_eq!(site.get("/api/v1/settings")["revision"], 1);
}

#[test]
fn tokens_survive_a_restart_and_end_when_revoked() {
    let mut site = Site::start();
    let token = token(&site, "viewer");
    let status =
        |site: &Site| answer(client_with(&site.server, &token).get("/api/v1/status")).status;
    assert_eq!(status(&site), 200);
    site.server.restart();
    assert_eq!(status(&site), 200, "after a restart");
    let listed = site.get("/api/v1/tokens");
    let listed = listed["tokens"].as_array().unwrap();
    let id = listed.iter().find(|one| one["name"] == "viewer").map(|one| text(&one["id"]));
    site.run(&["token", "revoke", id.unwrap()]);
    assert_eq!(status(&site), 401, "at once");
    site.server.restart();
    assert_eq!(status(&site), 401, "and for good");
    let (_, secret) = token.rsplit_once('_').unwrap();
    for file in std::fs::read_dir(site.server.data_folder()).unwrap() {
        let path = file.unwrap().path();
        let octets = std::fs::read(&path).unwrap_or_default();
        let found = octets.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the token lies in {}", path.display());
    }
    let ended = json!({"name": "old", "role": "viewer", "expires_at": "2020-01-01T00:00:00.000Z"});
    let ended = site.post("/api/v1/tokens", &ended);
    if ended.status == 201 {
        let ended = ended.json();
        let old = client_with(&site.server, text(&ended["token"]));
        assert_eq!(answer(old.get("/api/v1/status")).status, 401, "its time has ended");
    } else {
        assert_eq!(ended.status, 422, "{ended}");
    }
}
