//! Roles with one right get by it nothing that another right is for.

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::people::{Browser, make_user};
use crate::support::{Site, answer, critical};

/// A browser of somebody who has these rights alone.
fn somebody(site: &Site, name: &str, rights: &[&str]) -> Browser {
    let (path, role) = (format!("/api/v1/roles/{name}"), json!({ "rights": rights }));
    drop(answer(site.server.client().put(&path, &role)).expect_status(200));
    make_user(site, name, name);
    Browser::of(site, name)
}

fn count(list: &Value) -> usize {
    list.as_array().expect("a list").len()
}

#[test]
fn one_right_gives_nothing_of_another() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    site.submit_event(critical("disk.full").id("secret-7"));
    site.wait_until_idle();
    let muter = somebody(&site, "muter", &["read_silences"]);
    let setter = somebody(&site, "setter", &["read_settings"]);
    let reader = somebody(&site, "reader", &["read_events"]);
    let asks = |browser: &Browser, path: &str, body: &Value| {
        browser.send(&site, "POST", &format!("/api/v1/{path}"), body)
    };

    let stored = json!({"event": "secret-7"});
    let refused = asks(&setter, "settings/preview", &stored).expect_status(403).text();
    assert!(refused.contains("The role setter may not read events."), "{refused}");
    drop(asks(&setter, "settings/preview", &json!({})).expect_status(200));
    drop(asks(&setter, "replay", &json!({"settings": {"email": {}}})).expect_status(403));

    let matchers =
        json!({"matchers": [{"field": "severity", "op": "equals", "value": "critical"}]});
    let preview = asks(&muter, "silences/preview", &matchers).expect_status(200).json();
    assert_eq!((&preview["matching"], count(&preview["events"])), (&json!(1), 0), "{preview}");
    let owner = site.post("/api/v1/silences/preview", &matchers).expect_status(200).json();
    assert_eq!(count(&owner["events"]), 1, "{owner}");

    let story = |browser: &Browser| {
        let path = "/api/v1/events/secret-7";
        let story = browser.send(&site, "GET", path, &Value::Null).expect_status(200).json();
        (count(&story["notifications"]), count(&story["deliveries"]))
    };
    assert_eq!(story(&reader), (0, 0));
    let counted = |browser: &Browser| {
        let list = browser.send(&site, "GET", "/api/v1/events", &Value::Null).expect_status(200);
        list.text().contains("\"deliveries\"")
    };
    assert!(!counted(&reader));
    let both = somebody(&site, "both", &["read_events", "read_ledger"]);
    assert_eq!(story(&both), (1, 1));
    assert!(counted(&both));
}

#[test]
fn who_may_test_and_not_change_tests_what_is_saved() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    let tester = somebody(&site, "tester", &["read_settings", "send_test_message"]);
    let tries = |body: Value| tester.send(&site, "POST", "/api/v1/test-message", &body);
    for own in [
        json!({"email": {"servers": ["evil.example"]}}),
        json!({"channel": "executable", "executable": {"path": "/bin/sh"}}),
        json!({"sms": {"gateway_domain": "evil.example"}}),
        json!({"names": {"servers": ["192.0.2.1"]}}),
        json!({"channel": "mail_notifier", "to": "a@b.example",
               "mail_notifier": {"servers": ["evil.example"]}}),
    ] {
        let refused = tries(own.clone()).expect_status(403).text();
        assert!(refused.contains("may not change settings"), "{own}: {refused}");
    }
    let last = || {
        let page = site.get("/api/v1/audit?action=test_message.send");
        let entries = page["entries"].as_array().expect("a list");
        let line = |entry: &Value| {
            (entry["author"].clone(), entry["target"].clone(), entry["detail"].clone())
        };
        (entries.len(), entries.first().map(line))
    };
    assert_eq!(last().0, 0, "what was refused is no test");
    assert_eq!(tries(json!({"dry_run": true, "email": {}})).expect_status(200).json()["ok"], true);
    assert_eq!(tries(json!({})).expect_status(200).json()["ok"], true);
    assert_eq!(relay.message_count(), 1);
    let (count, line) = last();
    let (author, channel, detail) = line.expect("a line");
    assert_eq!((count, &author, &channel), (2, &json!("user tester"), &json!("email")));
    assert_eq!(detail["recipients"], 1, "{detail}");
    assert_eq!((&detail["dry_run"], &detail["outcome"]), (&json!(false), &json!("accepted")));
    assert!(!detail["server"].as_str().unwrap_or_default().is_empty(), "{detail}");

    // The owner may bring settings of their own.
    relay.go_down();
    let own = json!({"email": {"subject": "mine"}});
    assert_eq!(site.post("/api/v1/test-message", &own).expect_status(200).json()["ok"], false);
    assert_eq!(last().1.expect("a line").2["outcome"], "failed");
    let shown = site.run(&["audit", "--action", "test_message.send", "--author", "TESTER"]);
    assert_eq!(shown.matches("test_message.send").count(), 2, "{shown}");
    assert!(!shown.contains("failed"), "{shown}");
    let found = site.run(&["audit", "--search", "\"failed\""]);
    assert_eq!(found.matches("test_message.send").count(), 1, "{found}");
}

#[test]
fn who_may_test_mails_nobody_of_their_own_choice() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let subscriptions = json!([{"name": "A", "addresses": "shift@plant.example",
                                "users": ["lead"]}]);
    let notifier = json!({"servers": ["127.0.0.1"], "port": relay.port(),
                          "sender": "notifier@plant.example"});
    drop(site.save(&json!({"mail_notifier": notifier,
        "incidents": {"subscriptions": subscriptions},
        "email": {"recipients": ["admins@plant.example"]}})));
    let tester = somebody(&site, "tester", &["read_settings", "send_test_message"]);
    make_user(&site, "lead", "viewer");
    for name in ["tester", "lead"] {
        let path = format!("/api/v1/users/{name}");
        let address = json!({ "email": format!("{name}@plant.example") });
        drop(answer(site.server.client().patch(&path, &address)).expect_status(200));
    }
    let path = "/api/v1/test-message";
    let request = |to: &str| json!({"channel": "mail_notifier", "to": to});
    for (to, status) in [
        ("eve@evil.example", 422),
        ("tester@plant.example; eve@evil.example", 422),
        ("Tester@plant.example", 200),
        ("shift@plant.example;lead@plant.example", 200),
        ("admins@plant.example", 200),
    ] {
        let answer = tester.send(&site, "POST", path, &request(to)).expect_status(status).json();
        match status {
            200 => assert_eq!(answer["ok"], true, "{to}: {answer}"),
            _ => {
                let error = &answer["errors"][0];
                assert_eq!(
                    (&error["pointer"], &error["code"]),
                    (&json!("/to"), &json!("foreign_address")),
                    "{to}: {answer}"
                );
                let words = error["detail"].as_str().unwrap_or_default();
                assert!(words.starts_with("eve@evil.example is neither"), "{words}");
            }
        }
    }
    assert_eq!(relay.message_count(), 3, "what was refused went nowhere");
    // The owner may change settings, and mails whom they like.
    let answer = site.post(path, &request("eve@evil.example")).expect_status(200).json();
    assert_eq!(answer["ok"], true, "{answer}");
}
