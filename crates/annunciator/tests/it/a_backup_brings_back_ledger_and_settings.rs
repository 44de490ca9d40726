//! A backup is one consistent file for its owner alone; with the key file it brings back ledger,
//! settings and secrets on another machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use annunciator_testkit::process::Launch;
use annunciator_testkit::relay::Relay;
use serde_json::json;

use crate::support::{BINARY, Site, answer, email_settings, text};

#[test]
fn a_backup_brings_back_ledger_and_settings() {
    let relay = Relay::builder().auth(&["PLAIN"]).user("robot", "secret-7").require_auth().start();
    let site = Site::start();
    let mut email = email_settings(relay.port());
    for (name, value) in [("auth", "password"), ("username", "robot"), ("password", "secret-7")] {
        email[name] = value.into();
    }
    email["allow_auth_without_tls"] = true.into();
    site.save(&json!({ "email": email }));
    site.submit("disk.full");
    site.wait_for_deliveries(1, "delivered");
    let name = site.run(&["backup", "create"]);
    let name = name.trim();
    site.submit("disk.full");
    site.wait_for_deliveries(2, "delivered");

    let data = site.server.data_folder();
    let file = data.join("backups").join(name);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let listed = site.get("/api/v1/backups");
    assert_eq!(listed["backups"][0]["name"], name);
    assert_eq!(listed["backups"][0]["size_bytes"], fs::metadata(&file).unwrap().len());
    assert!(site.run(&["audit"]).contains("backup.create"));

    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("data");
    fs::create_dir(&other).unwrap();
    fs::copy(&file, other.join("annunciator.sqlite3")).unwrap();
    let key = data.with_file_name("data.key");
    fs::copy(key, folder.path().join("data.key")).unwrap();
    let restored = Site::of(Launch::new(Path::new(BINARY), folder.path()), folder);
    assert_eq!(restored.get("/api/v1/settings")["values"], site.get("/api/v1/settings")["values"]);
    let ledger = restored.deliveries();
    assert_eq!(ledger.len(), 1, "as it was when the backup was made: {ledger:?}");
    assert_eq!(ledger[0], site.deliveries()[1]);
    restored.submit("disk.full");
    restored.wait_for_deliveries(2, "delivered");
    assert_eq!(relay.message_count(), 3, "the password is still known");
    let figures = restored.get("/api/v1/statistics");
    assert_eq!(figures["totals"]["accepted"], 2, "{figures}");

    site.run(&["backup", "delete", name]);
    assert_eq!(site.get("/api/v1/backups"), json!({"backups": []}));
    for (name, status) in
        [(name, 404), ("annunciator.sqlite3", 404), ("..%2Fannunciator.sqlite3", 404)]
    {
        let path = format!("/api/v1/backups/{name}");
        drop(answer(site.server.client().delete(&path)).expect_status(status));
    }
    assert!(data.join("annunciator.sqlite3").exists());
}

#[test]
fn the_system_says_what_it_is_and_folders_to_those_who_may_change_settings() {
    let site = Site::start_with("executable_dirs = [\"/usr/bin\"]");
    site.submit("disk.full");
    site.wait_until_idle();
    let system = site.get("/api/v1/system");
    assert_eq!(system["store"]["events"], 1, "{system}");
    assert_eq!(system["store"]["kind"], "sqlite");
    assert_eq!(system["listen"], site.server.address().to_string());
    assert_eq!(system["retention"]["info_days"], 30);
    assert!(text(&system["build"]["rustc"]).starts_with("rustc 1."), "{system}");
    assert!(text(&system["build"]["openssl"]).starts_with("OpenSSL"), "{system}");
    assert_eq!(system["data_dir"], site.server.data_folder().display().to_string());
    assert_eq!(system["executable_dirs"], json!(["/usr/bin"]));
    let token = site.run(&["token", "create", "--name", "v", "--role", "viewer", "--quiet"]);
    let viewer = crate::support::client_with(&site.server, token.trim());
    let seen = answer(viewer.get("/api/v1/system")).expect_status(200).json();
    assert_eq!(seen["store"]["events"], 1);
    assert!(seen.get("data_dir").is_none() && seen.get("executable_dirs").is_none(), "{seen}");
}
