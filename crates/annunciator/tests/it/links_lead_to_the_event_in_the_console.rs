//! `%LINK%` is the address of the event in the console, as it was when the event was planned.

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, email_settings, field_errors, text};

#[test]
fn links_lead_to_the_event_in_the_console() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let mut email = email_settings(relay.port());
    email["message"] = json!("See [%LINK%]");
    site.save(&json!({ "email": email }));
    let link_of = |console: Value| {
        site.save(&json!({"console": {"url": console}}));
        site.submit("disk.full");
        site.wait_until_idle();
        let message = relay.wait_for_messages(1, PATIENCE).expect("mail").remove(0);
        drop(relay.take_messages());
        String::from_utf8(message.body().to_vec()).expect("plain text").trim().to_owned()
    };
    assert_eq!(link_of(Value::Null), "See []", "nobody elsewhere can follow a link to loopback");
    let told = link_of(json!("https://alerts.example.org/"));
    let uid = text(&site.events()[0]["uid"]).to_owned();
    assert_eq!(told, format!("See [https://alerts.example.org/events/{uid}]"));
    site.save(&json!({"console": {"url": "https://other.example.org"}}));
    let notification = text(&site.deliveries()[0]["notification"]).to_owned();
    let frozen = site.get(&format!("/api/v1/notifications/{notification}"));
    assert_eq!(text(&frozen["text"]).trim(), told, "frozen at planning");
    let explained = site.post("/api/v1/explain", &json!({"event_id": uid})).expect_status(200);
    assert!(explained.text().contains(&format!("https://other.example.org/events/{uid}")));
    let bad = site.patch_settings(&json!({"console": {"url": "alerts.example.org"}}));
    let errors = field_errors(&bad.expect_status(422).json());
    assert_eq!(errors[0].0, "/console/url");
    site.run(&["test-message"]);
    let sent = relay.wait_for_messages(1, PATIENCE).expect("mail").remove(0);
    let told = String::from_utf8_lossy(sent.body()).into_owned();
    assert!(told.contains("[https://other.example.org/events/"), "{told}");
}
