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
    let both = somebody(&site, "both", &["read_events", "read_ledger"]);
    assert_eq!(story(&both), (1, 1));
}
