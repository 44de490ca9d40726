//! Goal: past events are planned again under changed settings, and the difference is told; nothing
//! is stored or sent. Method: events over the real binary, then three kinds of changed settings.

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{OPERATOR, Site, critical, field_errors, text};

fn replay(site: &Site, changed: &Value) -> Value {
    let mut request = json!({"since": "2020-01-01T00:00:00Z"});
    let changed = changed.as_object().expect("an object").clone();
    request.as_object_mut().expect("an object").extend(changed);
    site.post("/api/v1/replay", &request).expect_status(200).json()
}

#[test]
fn past_events_are_planned_again_and_nothing_is_sent() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    for number in 0..6 {
        let severity = if number % 2 == 0 { "critical" } else { "info" };
        site.submit_event(critical(&format!("type.{number}")).severity(severity));
    }
    site.wait_for_deliveries(6, "delivered");
    // Nothing changes: nothing differs.
    let same = replay(&site, &json!({"settings": {"email": {"recipients": [OPERATOR]}}}));
    assert_eq!((&same["events"], &same["changed"]), (&json!(6), &json!(0)), "{same}");
    // Milder events are told no longer.
    let fewer = replay(&site, &json!({"settings": {"email": {"notify_about": ["critical"]}}}));
    assert_eq!(fewer["changed"], 3);
    assert_eq!(fewer["channels"][0]["before"]["notifications"], 6);
    assert_eq!(fewer["channels"][0]["after"]["notifications"], 3);
    let difference = &fewer["differences"][0];
    assert_eq!(difference["type"], "type.1", "the oldest first");
    assert_eq!(difference["before"]["decision"], "notified");
    assert_eq!(difference["after"]["decision"], "off");
    assert!(text(&difference["after"]["reason"]).contains("info"), "{difference}");
    // Other words and other people.
    let other =
        json!({"settings": {"email": {"subject": "New: %EVENT%", "recipients": ["b@x.example"]}}});
    let words = replay(&site, &other);
    assert_eq!(words["changed"], 6);
    let after = &words["differences"][0]["after"];
    assert_eq!(after["recipients"], json!(["b@x.example"]));
    assert_eq!(after["words_differ"], true);
    // A limit holds back what is too much.
    let limit = json!({"count": 2, "period_s": 3600});
    let limited = replay(&site, &json!({"settings": {"email": {"limit": limit}}}));
    let counts = &limited["channels"][0]["after"];
    assert_eq!((&counts["notifications"], &counts["limited"]), (&json!(2), &json!(4)), "{limited}");
    assert_eq!(limited["differences"][0]["after"]["decision"], "limited");
    // Nothing of it happened.
    assert_eq!(relay.message_count(), 6);
    assert_eq!(site.get("/api/v1/settings")["revision"], 1);
    let printed = site.run(&["replay", "email.notify_about=critical"]);
    assert!(printed.contains("6 events; 3 would differ"), "{printed}");
    assert!(printed.contains("6 → 3"), "{printed}");
}

#[test]
fn a_revision_and_a_whole_document_can_be_replayed_and_bad_ones_are_refused() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);
    site.submit("disk.full");
    site.wait_for_deliveries(1, "delivered");
    site.save(&json!({"email": {"recipients": ["new@example.org"]}}));
    let before = replay(&site, &json!({"revision": 1}));
    assert_eq!(before["changed"], 1);
    assert_eq!(before["differences"][0]["after"]["recipients"], json!([OPERATOR]));
    let nothing = replay(&site, &json!({"document": {}}));
    assert_eq!(nothing["differences"][0]["after"]["decision"], "incomplete");
    let refused = |body: Value| {
        let problem = site.post("/api/v1/replay", &body).expect_status(422).json();
        field_errors(&problem).remove(0)
    };
    let since = "2020-01-01T00:00:00Z";
    for (body, pointer) in [
        (json!({"since": "yesterday", "settings": {}}), "/since"),
        (json!({"since": since}), "/document"),
        (json!({"since": since, "until": "2019-01-01T00:00:00Z", "settings": {}}), "/since"),
        (json!({"since": since, "settings": {"email": {"port": 0}}}), "/email/port"),
    ] {
        assert_eq!(refused(body.clone()).0, pointer, "{body}");
    }
}
