//! A store belongs to one key file: a node with another one, or with none, does not start, says why
//! with exit status 78, and changes nothing; who lost the key for good says so once.

use std::fs;
use std::path::Path;

use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::process::Launch;

use crate::nodes::launch;
use crate::stores::{Offline, key_of, locked_relay, locked_settings};
use crate::support::{BINARY, PATIENCE, Site};

/// The start is refused, with the key file and what to do.
#[track_caller]
fn check_refused(launch: Launch, key: &Path, reason: &str) {
    let told = launch.try_start().err().expect("it starts with another key");
    let expected = format!("the key file {}: it {reason}", key.display());
    for words in [expected.as_str(), "copy the key file", "--accept-new-key", "exit status: 78\n"] {
        assert!(told.contains(words), "`{words}` is not in {told}");
    }
}

#[test]
fn a_node_with_another_key_file_does_not_start() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let name = cluster.database("template0");
    let address = cluster.address(&name);
    let relay = locked_relay().start();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let key = path("key");
    let first = Site::of(launch(&path("n1"), &address, &key), tempfile::tempdir().unwrap());
    first.save(&locked_settings(relay.port()));
    let stored = || cluster.ask(&name, "SELECT string_agg(document, '|') FROM settings");
    let before = stored();

    // It does not start, and makes no key.
    let none = path("none");
    check_refused(launch(&path("n2"), &address, &none), &none, "is missing");
    assert!(!none.exists(), "a key was made");
    let other = path("other");
    fs::copy(&key, &other).unwrap();
    fs::write(&other, "ab".repeat(32)).unwrap();
    check_refused(launch(&path("n2"), &address, &other), &other, "holds another key");
    assert_eq!(stored(), before, "something was changed");

    // With the key of the first one it does, and both still know the password.
    let second = Site::of(launch(&path("n2"), &address, &key), tempfile::tempdir().unwrap());
    second.submit("disk.full");
    first.wait_for_deliveries(1, "delivered");
    relay.wait_for_messages(1, PATIENCE).unwrap();
}

#[test]
fn a_server_whose_key_file_is_lost_starts_when_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Launch::new(Path::new(BINARY), folder.path());
    let site = Site::of(start(), tempfile::tempdir().unwrap());
    let data = site.server.data_folder();
    let saved = |site: &Site| site.get("/api/v1/settings/document")["email"].clone();
    let mut settings = locked_settings(2525);
    settings["email"]["subject"] = "kept".into();
    site.save(&settings);
    drop(site);
    let key = key_of(&data);
    let away = folder.path().join("away.key");
    fs::rename(&key, &away).unwrap();
    check_refused(start(), &key, "is missing");
    assert!(!key.exists(), "a key was made");
    Offline::of(&data).fails(&["store", "check"], "is missing, and 1 secrets are sealed");

    let mut site = Site::of(start().word("--accept-new-key"), tempfile::tempdir().unwrap());
    site.errors_expected = &["a secret is left out"];
    site.server.wait_for_log("the store takes this key file from now on", PATIENCE);
    let left = saved(&site);
    assert_eq!((&left["subject"], &left["password"]), (&"kept".into(), &"".into()), "{left}");
    site.save(&settings);
    drop(site);
    // The new key is the store's from now on, without the word.
    let mut site = Site::of(start(), tempfile::tempdir().unwrap());
    // One log for all starts.
    site.errors_expected = &["a secret is left out"];
    assert_eq!(saved(&site)["password"], "<secret>");
    drop(site);
    fs::rename(&away, &key).unwrap();
    check_refused(start(), &key, "holds another key");
}

#[test]
fn a_check_without_secrets_knows_the_key_of_the_store() {
    let mut site = Site::start();
    let data = site.server.data_folder();
    let (code, told) = Offline::of(&data).run(&["store", "check"]);
    assert!(code == 0 && told.contains("all is well"), "{told}");
    site.server.kill9();
    fs::write(key_of(&data), "ab".repeat(32)).unwrap();
    Offline::of(&data).fails(&["store", "check"], "is not the one of this store");
    fs::remove_file(key_of(&data)).unwrap();
    Offline::of(&data).fails(&["store", "check"], "is missing");
}
