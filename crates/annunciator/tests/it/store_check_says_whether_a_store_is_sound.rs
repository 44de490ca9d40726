//! `store check` says whether a store is sound, and what to do when it is not; it changes nothing
//! and works beside a server.

use std::fs;
use std::process::Command;

use annunciator_testkit::postgres::PostgresCluster;
use serde_json::Value;

use crate::stores::{Offline, key_of, locked_relay, locked_settings, node, told};
use crate::support::Site;

const CHECK: &[&str] = &["store", "check"];

#[test]
fn store_check_says_whether_a_file_is_sound() {
    let relay = locked_relay().start();
    let mut site = Site::start();
    site.save(&locked_settings(relay.port()));
    site.submit("disk.full");
    site.wait_for_deliveries(1, "delivered");
    let data = site.server.data_folder();
    let sound = Offline::of(&data);
    let (code, words) = sound.run(CHECK);
    assert!(code == 0 && words.contains("all is well"), "beside its server: {words}");
    let output = sound.command(&["store", "check", "--json"]).output().unwrap();
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts["problems"], Value::Array(Vec::new()));
    let tables = facts["tables"].as_array().unwrap();
    let rows = |name: &str| tables.iter().find(|one| one["table"] == name).unwrap()["rows"].clone();
    assert_eq!((rows("events"), rows("attempts")), (1.into(), 1.into()));
    site.server.kill9();

    // The key: another one, and none.
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.key");
    fs::write(&other, "ab".repeat(32)).unwrap();
    Command::new("chmod").arg("600").arg(&other).status().unwrap();
    Offline::new(&data, &other, None).fails(CHECK, "email.password does not open with the key");
    let none = folder.path().join("none.key");
    Offline::new(&data, &none, None).fails(CHECK, "is missing, and 1 secrets are sealed");
    assert!(!none.exists(), "no key is made");

    let file = data.join("annunciator.sqlite3");
    change(&file, "DELETE FROM plans");
    sound.fails(CHECK, "wrong: 1 events neither wait for planning nor are planned or parked");
    sound.fails(CHECK, "what to do: restore a backup");
    change(&file, "PRAGMA user_version = 99");
    sound.fails(CHECK, "the tables have version 99");
    fs::write(&file, "x".repeat(5_000)).unwrap();
    for end in ["-wal", "-shm"] {
        drop(fs::remove_file(data.join(format!("annunciator.sqlite3{end}"))));
    }
    sound.fails(CHECK, "the file is damaged");
    fs::remove_file(&file).unwrap();
    sound.fails(CHECK, "there is no store in the folder");
    assert!(!file.exists(), "none is made");
}

/// Changes a store behind its server's back, with an SQLite that is not ours.
fn change(file: &std::path::Path, text: &str) {
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
                  c.executescript(sys.argv[2])\nc.commit()\n";
    let output = Command::new("python3").args(["-c", script]).arg(file).arg(text).output();
    let (code, words) = told(&output.unwrap());
    assert_eq!(code, 0, "{words}");
}

#[test]
fn store_check_says_whether_a_database_is_sound() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let name = cluster.database("template0");
    let address = cluster.address(&name);
    let relay = locked_relay().start();
    let folder = tempfile::tempdir().unwrap();
    let mut site = node(folder.path(), &address);
    site.save(&locked_settings(relay.port()));
    site.submit("disk.full");
    site.wait_for_deliveries(1, "delivered");
    let data = site.server.data_folder();
    let at = Offline::new(&data, &key_of(&data), Some(&address));
    let (code, words) = at.run(CHECK);
    assert!(code == 0 && words.contains("all is well"), "beside its node: {words}");
    assert!(words.contains(&format!("/{name}")) && !words.contains("postgres@"), "{words}");
    let output = at.command(&["store", "check", "--json"]).output().unwrap();
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tables = facts["tables"].as_array().unwrap();
    let rows = |name: &str| tables.iter().find(|one| one["table"] == name).unwrap()["rows"].clone();
    assert_eq!((rows("deliveries"), rows("queue")), (1.into(), 0.into()));
    site.server.kill9();

    let none = folder.path().join("none.key");
    Offline::new(&data, &none, Some(&address)).fails(CHECK, "is missing, and 1 secrets are sealed");
    let _ = cluster.ask("postgres", &format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    at.fails(CHECK, "synchronous_commit is off");
    let _ = cluster.ask(&name, "DELETE FROM notifications");
    at.fails(CHECK, "1 deliveries in the ledger have no notification");
    let empty = cluster.address(&cluster.database("template0"));
    Offline::new(&data, &key_of(&data), Some(&empty)).fails(CHECK, "annunciator store migrate");
    let nowhere = Offline::new(&data, &key_of(&data), Some("postgres://ann:geheim@127.0.0.1:1/x"));
    nowhere.fails(CHECK, "cannot be reached");
}
