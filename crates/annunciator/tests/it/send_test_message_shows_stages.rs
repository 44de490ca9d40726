//! A test message goes the way of production and tells each stage; nothing is saved.

use annunciator_testkit::relay::{Relay, RelayBuilder, Stage, When, for_address, reply};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, email_settings, field_errors, text};

/// A relay, settings for the test alone, whether it is dry, and what comes of it.
struct Case {
    relay: RelayBuilder,
    email: Value,
    is_dry: bool,
    is_good: bool,
    /// The stages with whether each went well.
    stages: &'static [(&'static str, bool)],
    /// Stands in the words of the stage that failed, in any case.
    words: &'static str,
    messages: usize,
}

fn run(case: Case) -> Value {
    let relay = case.relay.start();
    let site = Site::start();
    let mut email = email_settings(relay.port());
    for (key, value) in case.email.as_object().expect("an object") {
        email[key] = value.clone();
    }
    let request = json!({"email": email, "dry_run": case.is_dry});
    let result = site.post("/api/v1/test-message", &request).expect_status(200).json();
    assert_eq!(result["ok"], case.is_good, "{result}");
    let stages = result["stages"].as_array().expect("a list");
    let seen: Vec<_> =
        stages.iter().map(|one| (text(&one["stage"]), one["ok"] == json!(true))).collect();
    assert_eq!(seen, case.stages, "{result}");
    if let Some(failed) = stages.iter().find(|one| one["ok"] == false) {
        let detail = text(&failed["detail"]).to_lowercase();
        assert!(detail.contains(case.words), "{failed}");
        assert!(failed["advice"].is_string(), "advice when it fails: {failed}");
    }
    assert_eq!(relay.message_count(), case.messages);
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing was saved");
    assert_eq!(site.events().len() + site.deliveries().len(), 0, "nothing is in the ledger");
    result
}

const SETTINGS: (&str, bool) = ("settings", true);
const RESOLVE: (&str, bool) = ("resolve", true);
const CONNECT: (&str, bool) = ("connect", true);
const GREETING: (&str, bool) = ("greeting", true);
const HELLO: (&str, bool) = ("hello", true);
const MAIL: (&str, bool) = ("mail_from", true);

#[test]
fn a_test_message_that_succeeds_shows_all_stages_and_the_relays_words() {
    let result = run(Case {
        relay: Relay::builder().on(
            Stage::DataEnd,
            When::Always,
            reply("250 2.0.0 Ok: queued as 4XQ7"),
        ),
        email: json!({}),
        is_dry: false,
        is_good: true,
        stages: &[
            SETTINGS,
            RESOLVE,
            CONNECT,
            GREETING,
            HELLO,
            MAIL,
            ("rcpt_to", true),
            ("data", true),
            ("data_end", true),
        ],
        words: "",
        messages: 1,
    });
    assert_eq!(result["queue_id"], "4XQ7");
    assert_eq!(result["recipients"][0]["outcome"], "delivered");
}

#[test]
fn a_dry_run_stops_before_the_message() {
    let result = run(Case {
        relay: Relay::builder().on(
            Stage::Rcpt,
            for_address("gone@example.org"),
            reply("550 5.1.1 no such user"),
        ),
        email: json!({"recipients": ["here@example.org", "gone@example.org"]}),
        is_dry: true,
        is_good: false,
        stages: &[
            SETTINGS,
            RESOLVE,
            CONNECT,
            GREETING,
            HELLO,
            MAIL,
            ("rcpt_to", true),
            ("rcpt_to", false),
        ],
        words: "no such user",
        messages: 0,
    });
    assert_eq!(result["recipients"][0]["outcome"], "would_be_accepted");
    assert_eq!(result["recipients"][1]["outcome"], "permanent_failure");
    assert_eq!(result["recipients"][1]["failure"]["code"], 550);
}

#[test]
fn each_stage_that_fails_is_told_with_advice() {
    let plain_auth = json!({
        "auth": "password", "username": "u", "password": "p", "allow_auth_without_tls": true,
    });
    run(Case {
        relay: Relay::builder().auth(&["PLAIN"]).user("u", "other"),
        email: plain_auth,
        is_dry: false,
        is_good: false,
        stages: &[SETTINGS, RESOLVE, CONNECT, GREETING, HELLO, ("auth", false)],
        words: "535",
        messages: 0,
    });
    run(Case {
        relay: Relay::builder(),
        email: json!({"tls": "required"}),
        is_dry: false,
        is_good: false,
        stages: &[SETTINGS, RESOLVE, CONNECT, GREETING, HELLO, ("tls", false)],
        words: "starttls",
        messages: 0,
    });
    run(Case {
        relay: Relay::builder().on(Stage::Greeting, When::Always, reply("554 5.3.2 go away")),
        email: json!({}),
        is_dry: false,
        is_good: false,
        stages: &[SETTINGS, RESOLVE, CONNECT, ("greeting", false)],
        words: "go away",
        messages: 0,
    });
    let nobody = annunciator_testkit::process::free_address().port();
    run(Case {
        relay: Relay::builder(),
        email: json!({"port": nobody}),
        is_dry: false,
        is_good: false,
        stages: &[SETTINGS, RESOLVE, ("connect", false)],
        words: "refused",
        messages: 0,
    });
    run(Case {
        relay: Relay::builder(),
        email: json!({"recipients": []}),
        is_dry: false,
        is_good: false,
        stages: &[("settings", false)],
        words: "recipient",
        messages: 0,
    });
}

#[test]
fn the_form_counts_and_not_what_is_saved() {
    let (saved, typed) = (Relay::builder().start(), Relay::builder().start());
    let site = Site::with_relay(&saved);
    let before = site.get("/api/v1/settings");
    let form = json!({"port": typed.port(), "subject": "From the form: %EVENT%"});
    let result = site.post("/api/v1/test-message", &json!({ "email": form })).expect_status(200);
    assert_eq!(result.json()["ok"], true, "{result}");
    let message = typed.wait_for_messages(1, PATIENCE).unwrap().remove(0);
    assert_eq!(message.header("Subject").as_deref(), Some("From the form: Test message"));
    assert_eq!(site.get("/api/v1/settings"), before);
    assert_eq!(saved.connection_count(), 0);
    let bad = site.post("/api/v1/test-message", &json!({"email": {"port": 70_000}}));
    let bad = field_errors(&bad.expect_status(422).json());
    assert_eq!(bad, [("/email/port".to_owned(), "range".to_owned())]);

    let printed = site.run(&["test-message", &format!("port={}", typed.port())]);
    assert!(printed.contains("accepted"), "{printed}");
    assert_eq!(typed.message_count(), 2);
    let nobody = annunciator_testkit::process::free_address().port();
    let failed = site.command(&["test-message", &format!("port={nobody}")]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
}
