//! Who gave a user a link or a password gets nothing when the user gets a role that may do more.

use serde_json::{Value, json};

use crate::people::{Browser, PASSWORD, make_user};
use crate::support::{Site, answer, text};

const OTHER: &str = "five quite other words here";

/// A manager of users who is no administrator, and an administrator.
fn staffed() -> (Site, Browser, Browser) {
    let site = Site::start();
    make_user(&site, "root", "administrator");
    let staff = json!({"rights": ["manage_users", "read_events"]});
    drop(answer(site.server.client().put("/api/v1/roles/staff", &staff)).expect_status(200));
    make_user(&site, "boss", "staff");
    let (boss, root) = (Browser::of(&site, "boss"), Browser::of(&site, "root"));
    (site, boss, root)
}

#[test]
fn a_promotion_ends_what_others_hold_of_the_user() {
    let (site, boss, root) = staffed();
    let send = |browser: &Browser, method: &str, path: &str, body: Value| {
        browser.send(&site, method, &format!("/api/v1/users{path}"), &body)
    };
    let promote = |name: &str| {
        let role = json!({"role": "administrator"});
        send(&root, "PATCH", &format!("/{name}"), role).expect_status(200).json()
    };
    let use_key = |key: &str| {
        let body = json!({ "key": key, "password": OTHER });
        Browser::default().send(&site, "POST", "/api/v1/session/key", &body).status
    };
    // A link: whoever has it would sign in as an administrator.
    for name in ["peer", "blocked"] {
        make_user(&site, name, "staff");
    }
    let give = |name: &str| {
        let given = send(&boss, "POST", &format!("/{name}/key"), json!({})).expect_status(200);
        text(&given.json()["sign_in_link_key"]).to_owned()
    };
    let (of_peer, of_blocked) = (give("peer"), give("blocked"));
    assert_eq!(promote("peer")["has_password"], true, "the administrator's own client set it");
    assert_eq!(use_key(&of_peer), 403);
    for blocked in [true, false] {
        let body = json!({ "blocked": blocked });
        drop(send(&root, "PATCH", "/blocked", body).expect_status(200));
    }
    assert_eq!(use_key(&of_blocked), 403, "a block ends it too");

    // A password: it ends, with the sessions that it began.
    let made = json!({"name": "puppet", "role": "staff", "password": PASSWORD});
    drop(send(&boss, "POST", "", made).expect_status(201));
    let puppet = Browser::of(&site, "puppet");
    assert_eq!(promote("puppet")["has_password"], false);
    assert_eq!(puppet.status(&site, "/api/v1/session"), 401);
    drop(puppet.try_sign_in(&site, "puppet", PASSWORD).expect_status(401));
    let given = send(&root, "POST", "/puppet/key", json!({})).expect_status(200).json();
    assert_eq!(use_key(text(&given["sign_in_link_key"])), 200);

    // A password of one's own stays, and so does one that the promoter gave.
    for name in ["own", "given"] {
        let made = json!({"name": name, "role": "staff", "password": PASSWORD});
        drop(send(&boss, "POST", "", made).expect_status(201));
    }
    let own = Browser::of(&site, "own");
    let change = json!({"current": PASSWORD, "new": OTHER});
    drop(own.send(&site, "POST", "/api/v1/session/password", &change).expect_status(204));
    assert_eq!(promote("own")["has_password"], true);
    assert_eq!(own.status(&site, "/api/v1/session"), 200);
    drop(send(&root, "POST", "/given/password", json!({"password": OTHER})).expect_status(204));
    assert_eq!(promote("given")["has_password"], true);

    // What counts is what the new role may do that the old one may not.
    let reader = json!({"rights": ["read_events"]});
    drop(answer(site.server.client().put("/api/v1/roles/reader", &reader)).expect_status(200));
    let made = json!({"name": "guest", "role": "staff", "password": PASSWORD});
    drop(send(&boss, "POST", "", made).expect_status(201));
    for (role, expected) in [("reader", true), ("ingest", false)] {
        let other = send(&root, "PATCH", "/guest", json!({ "role": role })).expect_status(200);
        assert_eq!(other.json()["has_password"], expected, "{role}");
    }
}
