//! Sessions outlive a restart, get a new id at each proof, and end with password, block and role.

use serde_json::{Value, json};

use crate::people::{Browser, PASSWORD, actions, make_user};
use crate::support::{PATIENCE, Site, text};

const SESSION: &str = "annunciator_session";
const DEVICE: &str = "annunciator_device";
const OTHER: &str = "five quite other words here";

fn is_in(browser: &Browser, site: &Site) -> bool {
    match browser.status(site, "/api/v1/session") {
        200 => true,
        401 => false,
        status => panic!("{status}"),
    }
}

#[test]
fn a_session_ends_when_it_should_and_not_before() {
    let mut site = Site::start();
    make_user(&site, "anna", "viewer");
    let browsers = [(); 3].map(|()| Browser::of(&site, "anna"));
    site.server.restart();
    assert!(browsers.iter().all(|browser| is_in(browser, &site)), "a restart ends none");
    let [one, two, three] = &browsers;
    let listed = one.send(&site, "GET", "/api/v1/sessions", &Value::Null).json();
    let listed = listed["sessions"].as_array().unwrap();
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert_eq!(listed.iter().filter(|line| line["current"] == true).count(), 1);
    // Signing in again takes a new id, and the old one is of no use.
    let before = one.line();
    drop(one.try_sign_in(&site, "anna", PASSWORD).expect_status(200));
    assert_ne!(one.line(), before);
    let thief = [("Cookie", before.as_str())];
    let stolen =
        Browser::default().send_with(&site, "GET", "/api/v1/session", &Value::Null, &thief);
    assert_eq!(stolen.status, 401);
    // A new password ends the others, and this one goes on under a new id.
    let change = |browser: &Browser, current: &str, new: &str| {
        let body = json!({ "current": current, "new": new });
        browser.send(&site, "POST", "/api/v1/session/password", &body)
    };
    drop(change(one, "a wrong password", OTHER).expect_status(422));
    assert_eq!(actions(&site)[0], "user.change_password.refused");
    site.server.wait_for_log("A change of password was refused", PATIENCE);
    assert!(!site.get_text("/api/v1/audit").contains("a wrong password"));
    assert!(!site.server.log().contains("a wrong password"));
    let before = one.cookie(SESSION);
    drop(change(one, PASSWORD, OTHER).expect_status(204));
    assert_ne!(one.cookie(SESSION), before);
    assert_eq!([one, two, three].map(|browser| is_in(browser, &site)), [true, false, false]);
    drop(two.try_sign_in(&site, "anna", PASSWORD).expect_status(401));
    drop(two.try_sign_in(&site, "anna", OTHER).expect_status(200));
    // One of them, all, and this one.
    let listed = one.send(&site, "GET", "/api/v1/sessions", &Value::Null).json();
    let lines = listed["sessions"].as_array().unwrap();
    let id = lines.iter().find(|line| line["current"] == false).map(|line| text(&line["id"]));
    let path = format!("/api/v1/sessions/{}", id.unwrap());
    drop(one.send(&site, "DELETE", &path, &Value::Null).expect_status(204));
    assert_eq!([one, two].map(|browser| is_in(browser, &site)), [true, false]);
    drop(two.try_sign_in(&site, "anna", OTHER).expect_status(200));
    drop(two.send(&site, "DELETE", "/api/v1/session", &Value::Null).expect_status(204));
    assert!(two.cookie(SESSION).is_none() && two.cookie(DEVICE).is_some());
    assert!(is_in(one, &site), "only this one");
    drop(two.try_sign_in(&site, "anna", OTHER).expect_status(200));
    drop(two.send(&site, "DELETE", "/api/v1/sessions", &Value::Null).expect_status(204));
    assert!(!is_in(one, &site), "everywhere");
    assert_eq!(actions(&site)[0], "session.end");
}

#[test]
fn blocked_deleted_and_demoted_users_are_out_at_once() {
    let site = Site::start();
    make_user(&site, "anna", "operator");
    let client = site.server.client();
    let patch = |body: Value| client.patch("/api/v1/users/anna", &body).unwrap().expect_status(200);
    let anna = Browser::of(&site, "anna");
    drop(patch(json!({"role": "administrator"})));
    assert!(is_in(&anna, &site), "a greater role ends nothing");
    assert_eq!(anna.status(&site, "/api/v1/users"), 200, "and holds at once");
    drop(patch(json!({"blocked": false})));
    make_user(&site, "root", "administrator");
    drop(patch(json!({"role": "viewer"})));
    assert!(!is_in(&anna, &site), "a lesser role");
    drop(anna.try_sign_in(&site, "anna", PASSWORD).expect_status(200));
    drop(patch(json!({"blocked": true})));
    assert!(!is_in(&anna, &site), "blocked");
    let refused = anna.try_sign_in(&site, "anna", PASSWORD).expect_status(401);
    let unknown = anna.try_sign_in(&site, "nobody", PASSWORD).expect_status(401);
    assert_eq!(refused.text(), unknown.text(), "in the same words");
    drop(patch(json!({"blocked": false})));
    drop(anna.try_sign_in(&site, "anna", PASSWORD).expect_status(200));
    drop(client.post("/api/v1/users/anna/sign-out", &json!({})).unwrap().expect_status(204));
    assert!(!is_in(&anna, &site), "signed out");
    drop(anna.try_sign_in(&site, "anna", PASSWORD).expect_status(200));
    drop(client.delete("/api/v1/users/anna").unwrap().expect_status(204));
    assert!(!is_in(&anna, &site), "deleted");
}

#[test]
fn another_site_makes_a_browser_do_nothing() {
    let site = Site::start();
    make_user(&site, "anna", "viewer");
    let anna = Browser::of(&site, "anna");
    let ours = format!("http://{}", site.server.address());
    let body = json!({"theme": "dark"});
    for (fields, expected) in [
        (&[("Origin", ours.as_str())][..], 200),
        (&[("Sec-Fetch-Site", "same-origin")], 200),
        (&[], 403),
        (&[("Origin", "http://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Sec-Fetch-Site", "cross-site")], 403),
        (&[("Sec-Fetch-Site", "same-site")], 403),
        (&[("Host", "evil.example"), ("Origin", "http://evil.example")], 403),
    ] {
        let answer = anna.send_with(&site, "PATCH", "/api/v1/session", &body, fields);
        assert_eq!(answer.status, expected, "{fields:?}: {answer}");
    }
    let evil = [("Origin", "http://evil.example")];
    let read = anna.send_with(&site, "GET", "/api/v1/session", &Value::Null, &evil);
    assert_eq!(read.status, 200, "reading changes nothing, and no other page sees the answer");
    let sign_in = json!({"user": "anna", "password": PASSWORD});
    let led = Browser::default().send_with(&site, "POST", "/api/v1/session", &sign_in, &evil);
    assert_eq!(led.status, 403, "nor is anybody signed in by another site");
    // A token wins over a cookie, and needs no origin.
    let bearer = format!("Bearer {}", site.server.token());
    let token = [("Authorization", bearer.as_str())];
    let shown = anna.send_with(&site, "GET", "/api/v1/session", &Value::Null, &token).json();
    assert_eq!(shown["user"], Value::Null);
    let wrong = [("Authorization", "Bearer ann_x_y")];
    let shown = anna.send_with(&site, "GET", "/api/v1/session", &Value::Null, &wrong);
    assert_eq!(shown.status, 401);
}

#[test]
fn strangers_who_try_passwords_do_not_keep_a_user_out() {
    let site = Site::start();
    make_user(&site, "anna", "viewer");
    let (anna, stranger) = (Browser::of(&site, "anna"), Browser::default());
    drop(anna.send(&site, "DELETE", "/api/v1/session", &Value::Null).expect_status(204));
    let statuses: Vec<u16> =
        (0..4).map(|_| stranger.try_sign_in(&site, "anna", "a wrong password").status).collect();
    assert_eq!(statuses, [401, 401, 401, 429]);
    let refused = stranger.try_sign_in(&site, "Anna", PASSWORD);
    assert!(refused.status == 429 && refused.header("Retry-After").is_some(), "{refused}");
    assert!(refused.text().contains("Try again in"), "{refused}");
    drop(anna.try_sign_in(&site, "anna", PASSWORD).expect_status(200));
    anna.forget(DEVICE);
    assert!(is_in(&anna, &site), "who is signed in stays so");
}
