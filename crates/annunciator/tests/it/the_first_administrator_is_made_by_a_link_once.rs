//! A server without users logs a link; its key makes the first administrator, once.

use serde_json::{Value, json};

use crate::people::{Browser, PASSWORD, setup_key};
use crate::support::{Site, field_errors};

#[test]
fn the_first_administrator_is_made_by_a_link_once() {
    let mut site = Site::start();
    let old = setup_key(&site);
    site.server.restart();
    let key = setup_key(&site);
    assert_eq!(key.len(), 64);
    assert_ne!(key, old, "each start has a key of its own");
    let browser = Browser::default();
    let needed = |site: &Site| {
        browser.send(site, "GET", "/api/v1/setup", &Value::Null).expect_status(200).json()["needed"]
            .clone()
    };
    assert_eq!(needed(&site), true);
    let set_up = |key: &str, user: &str, password: &str| {
        let body =
            json!({ "key": key, "user": user, "password": password, "full_name": "Anna A." });
        browser.send(&site, "POST", "/api/v1/setup", &body)
    };
    for wrong in [&old, "", "x"] {
        drop(set_up(wrong, "anna", PASSWORD).expect_status(403));
    }
    let errors = field_errors(&set_up(&key, "anna b", "short").expect_status(422).json());
    let expected = [("/user", "format"), ("/password", "too_short")];
    assert_eq!(errors, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    let origin = [("Origin", "http://evil.example")];
    let body = json!({ "key": key, "user": "mallory", "password": PASSWORD });
    let foreign = browser.send_with(&site, "POST", "/api/v1/setup", &body, &origin);
    drop(foreign.expect_status(403));
    let made = set_up(&key, "Anna", PASSWORD).expect_status(201).json();
    assert_eq!(made["user"], "Anna");
    assert_eq!(made["role"], "administrator");
    assert!(made["rights"].as_array().unwrap().contains(&json!("manage_users")), "{made}");
    let shown = browser.send(&site, "GET", "/api/v1/session", &Value::Null).expect_status(200);
    assert_eq!(shown.json()["name"], "user Anna", "signed in at once");
    assert_eq!(shown.json()["full_name"], "Anna A.");
    assert_eq!(needed(&site), false);
    drop(set_up(&key, "boris", PASSWORD).expect_status(409));
    site.server.restart();
    assert_eq!(needed(&site), false);
    let links = site.server.log().matches("/setup?key=").count();
    assert_eq!(links, 2, "one for each start without a user");
    assert_eq!(browser.status(&site, "/api/v1/users"), 200, "the session outlived the restart");
}

#[test]
fn the_link_holds_until_an_administrator_can_sign_in() {
    let mut site = Site::start();
    let warns = |words: &[&str]| {
        let out = site.command(words);
        assert!(out.status.success(), "{out:?}");
        String::from_utf8_lossy(&out.stderr).contains("No administrator can sign in yet")
    };
    assert!(warns(&["user", "add", "vera", "--role", "viewer", "--link"]));
    assert!(warns(&["user", "add", "anna", "--role", "administrator", "--link"]));
    let setup = |site: &Site| {
        let shown = site.get("/api/v1/setup");
        (shown["needed"] == true, shown["has_users"] == true)
    };
    assert_eq!(setup(&site), (true, true));
    site.server.restart();
    assert_eq!(setup(&site), (true, true), "and after a restart");
    let set_up = |site: &Site, user: &str| {
        let body = json!({ "key": setup_key(site), "user": user, "password": PASSWORD });
        Browser::default().send(site, "POST", "/api/v1/setup", &body)
    };
    let taken = set_up(&site, "vera").expect_status(409).text();
    assert!(taken.contains("of the name vera"), "{taken}");
    drop(set_up(&site, "boris").expect_status(201));
    assert_eq!(setup(&site), (false, true));
    drop(set_up(&site, "clara").expect_status(409));
    let words = ["user", "add", "dora", "--role", "viewer", "--link"];
    assert!(!String::from_utf8_lossy(&site.command(&words).stderr).contains("No administrator"));
}

#[test]
fn an_invited_administrator_ends_the_link() {
    let site = Site::start();
    let invited = json!({"name": "anna", "role": "administrator"});
    let key = site.post("/api/v1/users", &invited).expect_status(201).json();
    assert_eq!(site.get("/api/v1/setup")["needed"], true);
    let body = json!({ "key": key["sign_in_link_key"], "password": PASSWORD });
    let used = Browser::default().send(&site, "POST", "/api/v1/session/key", &body);
    drop(used.expect_status(200));
    assert_eq!(site.get("/api/v1/setup")["needed"], false);
}

#[test]
fn the_first_administrator_is_made_over_the_socket() {
    let site = Site::start();
    let key = setup_key(&site);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let file = file.to_str().unwrap();
    let words = ["user", "add", "anna", "--role", "administrator", "--password-file", file];
    assert!(site.run(&words).contains("anna"));
    let body = json!({ "key": key, "user": "boris", "password": PASSWORD });
    let late = Browser::default().send(&site, "POST", "/api/v1/setup", &body);
    drop(late.expect_status(409));
    let anna = Browser::of(&site, "ANNA");
    assert_eq!(anna.status(&site, "/api/v1/users"), 200, "names have no case");
    let link = site.run(&["user", "add", "boris", "--role", "viewer", "--link", "--json"]);
    let link: Value = serde_json::from_str(&link).unwrap();
    let body = json!({ "key": link["sign_in_link_key"], "password": PASSWORD });
    let boris = Browser::default();
    let welcome = boris.send(&site, "POST", "/api/v1/session/key", &body).expect_status(200);
    assert_eq!(welcome.json()["user"], "boris");
    assert_eq!(boris.status(&site, "/api/v1/events"), 200);
    let again = Browser::default().send(&site, "POST", "/api/v1/session/key", &body);
    drop(again.expect_status(403));
    for words in [
        &["user", "list"][..],
        &["user", "show", "boris"],
        &["user", "set", "boris", "--full-name", "Boris B."],
        &["user", "block", "boris"],
        &["user", "unblock", "boris"],
        &["user", "password", "boris", "--password-file", file],
        &["user", "link", "boris"],
        &["user", "sign-out", "boris"],
        &["role", "set", "auditor", "--right", "read_audit"],
        &["role", "list"],
        &["role", "list", "--rights"],
        &["token", "create", "--name", "report", "--role", "auditor"],
        &["user", "delete", "boris"],
    ] {
        assert!(!site.run(words).is_empty(), "{words:?}");
    }
    let in_use = site.command(&["role", "delete", "auditor"]);
    assert!(String::from_utf8_lossy(&in_use.stderr).contains("tokens (1)"), "{in_use:?}");
    let last = site.command(&["user", "delete", "anna"]);
    assert!(String::from_utf8_lossy(&last.stderr).contains("last administrator"), "{last:?}");
}
