//! Two nodes on one database: what one changes holds on the other.

use std::time::{Duration, Instant};

use annunciator_api_types::Role;
use annunciator_testkit::postgres::PostgresCluster;
use serde_json::json;

use super::event;
use super::server::{LIMIT, Server};

/// A change is in force on every node within this (spec 11.2).
const NEWS_TIME_MAX: Duration = Duration::from_secs(2);

/// Waits until something holds; how long that took.
fn wait(what: &str, holds: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

#[test]
fn what_one_node_changes_holds_on_the_other() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let address = cluster.address(&cluster.database("template0"));
    let keys = tempfile::tempdir().unwrap();
    let key_file = keys.path().join("key");
    let north = Server::start_node(&address, &key_file);
    let south = Server::start_node(&address, &key_file);
    let (one, other) = (north.client(Role::Administrator), south.client(Role::Administrator));

    let settings = json!({"email": {
        "servers": ["127.0.0.1"], "port": 2525, "sender": "a@plant.example",
        "recipients": ["b@plant.example"], "username": "u", "password": "geheim",
    }});
    let _ = one.patch("/api/v1/settings", &settings).unwrap().expect_status(200);
    let has_settings = || {
        let shown = other.get("/api/v1/settings").unwrap().expect_status(200);
        shown.text().contains("a@plant.example")
    };
    let time = wait("the other node follows", has_settings);
    assert!(time < NEWS_TIME_MAX, "settings after {time:?}");

    let wanted = json!({"name": "late", "role": "ingest"});
    let made = one.post("/api/v1/tokens", &wanted).unwrap().expect_status(201).json();
    let late = south.anonymous().token(made["token"].as_str().unwrap());
    let gets_in = || late.post("/api/v1/events", &event("n1")).unwrap().status == 202;
    let time = wait("a new token is known", gets_in);
    assert!(time < NEWS_TIME_MAX, "a token after {time:?}");
    let id = made["record"]["id"].as_str().unwrap();
    let _ = one.delete(&format!("/api/v1/tokens/{id}")).unwrap().expect_status(204);
    let is_out = || late.post("/api/v1/events", &event("n2")).unwrap().status == 401;
    let time = wait("a deleted token is refused", is_out);
    assert!(time < NEWS_TIME_MAX, "no token after {time:?}");

    // Each reads what the other took, and an id is one event on both.
    let _ = one.post("/api/v1/events", &event("x")).unwrap().expect_status(202);
    let again = other.post("/api/v1/events", &event("x")).unwrap().expect_status(202);
    assert_eq!(again.json()["events"][0]["duplicate"], true);
    let planned = || {
        let shown = other.get("/api/v1/events?state=planned").unwrap().expect_status(200);
        shown.json()["events"].as_array().is_some_and(|events| events.len() >= 2)
    };
    wait("both are planned", planned);
}
