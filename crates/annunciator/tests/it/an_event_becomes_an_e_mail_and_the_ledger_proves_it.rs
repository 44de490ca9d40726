//! An event that is posted arrives as an e-mail, and API and command line tell the same about it.

use annunciator_testkit::python_email::parse_with_python;
use annunciator_testkit::relay::{Relay, Stage, When, reply};
use serde_json::{Value, json};

use crate::support::{OPERATOR, PATIENCE, Site, critical, text};

#[test]
fn an_event_becomes_an_e_mail_and_the_ledger_proves_it() {
    let queued = reply("250 2.0.0 Ok: queued as 4XQ7");
    let relay = Relay::builder().on(Stage::DataEnd, When::Always, queued).start();
    let site = Site::with_relay(&relay);
    let event = critical("disk.full")
        .id("a1")
        .type_name("Disk full")
        .domain("PLANT")
        .description("Volume D: has 1 % left – Überlauf")
        .occurred_at("2026-11-22T05:30:00.000Z")
        .parameter("free_percent", 1);
    let accepted = site.server.submit(event).json();
    assert_eq!(accepted, json!({"events": [{"id": "a1", "duplicate": false}]}));

    let messages = relay.wait_for_messages(1, PATIENCE).unwrap();
    let [message] = &messages[..] else { panic!("one message") };
    assert_eq!(message.reverse_path, "annunciator@example.org");
    assert_eq!(message.forward_paths, [OPERATOR]);
    let parsed = parse_with_python(std::slice::from_ref(&message.raw)).remove(0);
    assert_eq!(parsed.defects, [""; 0]);
    let field = |name: &str| parsed.header(name).unwrap_or_default().to_owned();
    assert_eq!(field("Subject"), "Critical: Disk full on pc-17");
    assert_eq!(field("Auto-Submitted"), "auto-generated");
    assert_eq!(field("X-Auto-Response-Suppress"), "All");
    assert_eq!(parsed.addresses["to"], [(String::new(), OPERATOR.to_owned())]);
    let body = parsed.text.clone().unwrap_or_default();
    assert!(body.contains("Volume D: has 1 % left – Überlauf"), "{body}");
    assert!(body.contains("PLANT") && body.contains("2026-11-22"), "{body}");

    let delivery = site.wait_for_deliveries(1, "delivered").remove(0);
    let detail = check_ledger(&site, &delivery, &field("Message-ID"));
    check_command_line(&site, &detail);
    let metrics = site.get_text("/metrics");
    for (name, value) in [("skipped", 0), ("connections", 1)] {
        let server = relay.address();
        let line = format!("annunciator_relay_server_{name}{{server=\"{server}\"}} {value}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

/// What the API shows of event, notification, delivery and attempt; gives the attempt.
fn check_ledger(site: &Site, delivery: &Value, message_id: &str) -> Value {
    let uid = text(&delivery["event"]);
    let event = site.get(&format!("/api/v1/events/{uid}"));
    assert_eq!(
        (&event["event"]["id"], &event["event"]["state"]),
        (&json!("a1"), &json!("planned"))
    );
    assert_eq!(event["event"]["parameters"], json!({"free_percent": 1}));
    assert_eq!(event["event"]["decisions"][0]["decision"], "notified");
    assert_eq!(event["notifications"].as_array().map(Vec::len), Some(1));
    assert_eq!(event["deliveries"][0]["id"], delivery["id"]);

    let notification = text(&delivery["notification"]);
    let shown = site.get(&format!("/api/v1/notifications/{notification}"));
    assert_eq!(shown["subject"], "Critical: Disk full on pc-17");
    assert_eq!(format!("<{}>", text(&shown["message_id"])), message_id);

    let detail = site.delivery(text(&delivery["id"]));
    assert_eq!(detail["delivery"]["state"], "delivered");
    assert_eq!(detail["delivery"]["possibly_duplicated"], false);
    let attempts = detail["attempts"].as_array().expect("a list");
    let [attempt] = &attempts[..] else { panic!("one attempt: {detail}") };
    assert_eq!(attempt["outcome"], "delivered");
    assert!(text(&attempt["server"]).starts_with("127.0.0.1"), "{attempt}");
    assert!(text(&attempt["address"]).starts_with("127.0.0.1"), "{attempt}");
    assert!(text(&attempt["reply"]).starts_with("250 "), "{attempt}");
    assert_eq!(attempt["queue_id"], "4XQ7", "{attempt}");
    detail
}

/// The command line tells the same, and the log has a line like Postfix's.
fn check_command_line(site: &Site, detail: &Value) {
    let (id, attempt) = (text(&detail["delivery"]["id"]), &detail["attempts"][0]);
    let story = site.run(&["ledger", "show", id]);
    for part in [OPERATOR, "delivered", "127.0.0.1", text(&attempt["queue_id"])] {
        assert!(story.contains(part), "`{part}` is not in:\n{story}");
    }
    let shown: Value = serde_json::from_str(&site.run(&["ledger", "show", "--json", id])).unwrap();
    assert_eq!(&shown, detail);
    let listed = site.run(&["ledger", "list", "--json", "--state", "delivered"]);
    assert_eq!(listed.lines().count(), 1);
    assert!(listed.contains(id), "{listed}");
    assert!(site.run(&["event", "show", "a1"]).contains("Disk full"));
    site.server.wait_for_log("status=sent", PATIENCE);
    let log = site.server.log();
    let line = log.lines().find(|line| line.contains("status=sent")).unwrap_or_default();
    assert!(line.contains("dsn=2.") && line.contains(text(&attempt["queue_id"])), "{line}");
    assert!(!line.contains(OPERATOR), "a recipient stands in the log at level info: {line}");
}
