//! What an embedded store holds is in the database after `store copy`: a node on it shows the same,
//! opens the same secrets, knows users and tokens, and delivers what was unfinished.

use std::fs;

use annunciator_testkit::postgres::PostgresCluster;
use serde_json::{Value, json};

use crate::people::{Browser, make_user};
use crate::stores::{Offline, key_of, locked_relay, locked_settings, node};
use crate::support::{PATIENCE, Site, answer, client_with, critical, eventually, text};

const FINISHED: usize = 3;
const UNFINISHED: usize = 4;

#[test]
fn a_store_in_a_file_is_copied_into_a_database() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let relay = locked_relay().start();
    let mut old = Site::start();
    old.save(&locked_settings(relay.port()));
    make_user(&old, "anna", "administrator");
    let made = old.run(&["token", "create", "--name", "v", "--role", "viewer", "--quiet"]);
    let viewer = made.trim();
    let quiet = ["--match", "type=quiet", "--for", "2h", "--comment", "night"];
    old.run(&[&["silence", "add"], &quiet[..]].concat());
    for number in 0..FINISHED {
        old.submit_event(critical("disk.full").id(&format!("done-{number}")));
    }
    old.wait_for_deliveries(FINISHED, "delivered");
    relay.go_down();
    for number in 0..UNFINISHED {
        old.submit_event(critical("disk.late").id(&format!("late-{number}")));
    }
    eventually("all are planned, and one was tried", || {
        let found = old.deliveries();
        let is_met = found.len() == FINISHED + UNFINISHED
            && found.iter().any(|one| one["waiting_for"].is_string());
        if is_met { Ok(()) } else { Err(format!("{found:?}")) }
    });
    let before = Shown::of(&old);
    old.server.kill9();

    let address = cluster.address(&cluster.database("template0"));
    let offline = Offline::of(&old.server.data_folder());
    let (code, told) = offline.run(&["store", "copy", "--to", &address, "--dry-run"]);
    assert!(code == 0 && told.contains("nothing was kept of the trial"), "{told}");
    let (code, told) = offline.run(&["store", "copy", "--to", &address]);
    assert_eq!(code, 0, "{told}");
    for row in [["events", "7"], ["queue", "4"], ["deliveries", "3"], ["users", "1"]] {
        let is_row = |line: &str| line.split_whitespace().eq(row);
        assert!(told.lines().any(is_row), "{row:?}: {told}");
    }
    assert!(told.contains("ANNUNCIATOR_STORE") && told.contains("data.key"), "{told}");

    let folder = tempfile::tempdir().unwrap();
    fs::copy(key_of(&old.server.data_folder()), folder.path().join("data.key")).unwrap();
    let new = node(folder.path(), &address);
    assert_eq!(new.get("/api/v1/system")["store"]["kind"], "postgres");
    let after = Shown::of(&new);
    assert_eq!(after.settings, before.settings);
    assert_eq!(after.silences, before.silences);
    assert_eq!(after.events, before.events);
    assert_eq!(after.finished, before.finished, "attempts and facts with them");
    let missing: Vec<_> = before.audit.iter().filter(|one| !after.audit.contains(one)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(answer(client_with(&new.server, viewer).get("/api/v1/events")).status, 200);
    drop(answer(client_with(&new.server, viewer).delete("/api/v1/tokens/x")).expect_status(403));
    assert_eq!(Browser::of(&new, "anna").status(&new, "/api/v1/users"), 200);
    let again = new.server.submit(critical("disk.late").id("late-0")).json();
    assert_eq!(again["events"][0]["duplicate"], true, "ids are known");

    relay.come_up();
    relay.wait_for_messages(FINISHED + UNFINISHED, PATIENCE).unwrap();
    new.wait_for_deliveries(FINISHED + UNFINISHED, "delivered");
    new.submit("disk.new");
    new.wait_for_deliveries(FINISHED + UNFINISHED + 1, "delivered");
    assert_eq!(relay.message_count(), FINISHED + UNFINISHED + 1, "each once");
    let (code, told) =
        Offline::new(&new.server.data_folder(), &key_of(&new.server.data_folder()), Some(&address))
            .run(&["store", "check"]);
    assert!(code == 0 && told.contains("all is well"), "{told}");
}

#[test]
fn a_copy_goes_where_the_config_says_and_is_told_as_json() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let mut old = Site::start();
    old.submit("disk.full");
    old.wait_until_idle();
    old.server.kill9();
    let address = cluster.address(&cluster.database("template0"));
    let empty = tempfile::tempdir().unwrap();
    let node = Offline::new(&empty.path().join("data"), &empty.path().join("key"), Some(&address));
    let data = old.server.data_folder();
    let from = data.to_str().unwrap();
    let output = node.command(&["store", "copy", "--from", from, "--json"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tables = told["tables"].as_array().unwrap();
    let all: u64 = tables.iter().map(|one| one["rows"].as_u64().unwrap()).sum();
    assert_eq!(told["rows"], all);
    assert!(tables.contains(&json!({ "table": "events", "rows": 1 })), "{told}");
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(progress.lines().any(|line| line == "events: 1"), "a line per table: {progress}");
    assert!(!progress.contains('\r'), "{progress:?}");
}

/// What a server shows of its store.
struct Shown {
    settings: Value,
    silences: Value,
    events: Vec<Value>,
    /// Those that are delivered, with their attempts.
    finished: Vec<Value>,
    audit: Vec<Value>,
}

impl Shown {
    fn of(site: &Site) -> Self {
        let finished = site.deliveries().into_iter().filter(|one| one["state"] == "delivered");
        let finished = finished.map(|one| site.delivery(text(&one["id"]))).collect();
        let mut events = site.events();
        for event in &mut events {
            // How far its deliveries are is compared by itself.
            event.as_object_mut().unwrap().retain(|name, _| name != "decisions");
        }
        Self {
            settings: site.get("/api/v1/settings")["values"].clone(),
            silences: site.get("/api/v1/silences"),
            events,
            finished,
            audit: site.get("/api/v1/audit?limit=1000")["entries"].as_array().unwrap().clone(),
        }
    }
}
