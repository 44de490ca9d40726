//! With `trace` on, the ledger keeps the SMTP dialogue of each attempt, and a test message shows
//! it; a password is in neither.

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, critical, email_settings, text};

const PASSWORD: &str = "canary-4711";
/// User and password in base64, as they stand in AUTH PLAIN.
const ENCODED: &str = "AG9wcwBjYW5hcnktNDcxMQ==";

fn lines(dialogue: &Value) -> Vec<&str> {
    dialogue.as_array().into_iter().flatten().map(text).collect()
}

fn check_dialogue(dialogue: &[&str]) {
    let says = |line: &str| assert!(dialogue.contains(&line), "{line}: {dialogue:#?}");
    says("C: EHLO sender.test");
    says("C: AUTH PLAIN <secret>");
    assert!(dialogue.iter().any(|line| line.starts_with("C: MAIL FROM:<annunciator@example.org>")));
    assert!(dialogue.iter().any(|line| line.starts_with("S: 354")));
    let whole = dialogue.join("\n");
    assert!(!whole.contains(PASSWORD) && !whole.contains(ENCODED), "{whole}");
}

#[test]
fn a_trace_keeps_the_dialogue_without_secrets() {
    let relay = Relay::builder().auth(&["PLAIN"]).user("ops", PASSWORD).require_auth().start();
    let site = Site::start();
    let mut email = email_settings(relay.port());
    for (key, value) in [
        ("auth", json!("password")),
        ("username", json!("ops")),
        ("password", json!(PASSWORD)),
        ("allow_auth_without_tls", json!(true)),
        ("chunking", json!(false)),
        // Each attempt has a connection of its own, so that its dialogue is whole.
        ("idle_s", json!(0)),
    ] {
        email[key] = value;
    }
    site.save(&json!({ "email": email }));
    let attempt_of_next = |count: usize| {
        site.submit_event(critical("disk.full"));
        relay.wait_for_messages(count, PATIENCE).unwrap();
        let delivery = site.wait_for_deliveries(count, "delivered").pop().expect("the newest");
        site.delivery(text(&delivery["id"]))["attempts"][0].clone()
    };
    assert_eq!(attempt_of_next(1)["dialogue"], Value::Null, "off unless it is turned on");

    site.save(&json!({"email": {"trace": true}}));
    let attempt = attempt_of_next(2);
    check_dialogue(&lines(&attempt["dialogue"]));

    site.save(&json!({"email": {"trace": false}}));
    let request = json!({"trace": true});
    let result = site.post("/api/v1/test-message", &request).expect_status(200).json();
    check_dialogue(&lines(&result["dialogue"]));
    let quiet = site.post("/api/v1/test-message", &json!({})).expect_status(200).json();
    assert_eq!(quiet["dialogue"], Value::Null);
    let printed = site.run(&["test-message", "--trace"]);
    assert!(
        printed.contains("Dialogue") && printed.contains("C: AUTH PLAIN <secret>"),
        "{printed}"
    );
}
