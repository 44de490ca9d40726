//! A fast burst over a limit: as many mails as it allows, the rest limited in the ledger, and when
//! the period is over one summary whose count is exact.

use std::time::Duration;

use annunciator_testkit::relay::{Message, Relay};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, critical, email_settings, eventually, field_errors, text};

const COUNT: usize = 4;
const BURST: usize = 30;

fn is_summary(message: &Message) -> bool {
    message.header("Subject").is_some_and(|subject| subject.starts_with("Summary: "))
}

fn limited(site: &Site) -> Vec<Value> {
    let is_limited = |event: &Value| {
        let mut decisions = event["decisions"].as_array().into_iter().flatten();
        decisions.any(|decision| decision["decision"] == "limited")
    };
    site.events().into_iter().filter(is_limited).collect()
}

fn site_with_limit(relay: &Relay, limit: &Value) -> Site {
    let site = Site::start();
    let mut email = email_settings(relay.port());
    email["limit"] = limit.clone();
    site.save(&json!({ "email": email }));
    site
}

#[test]
fn limit_is_per_interval() {
    let relay = Relay::builder().start();
    let site = site_with_limit(&relay, &json!({"count": COUNT, "period_s": 6}));
    let burst: Vec<Value> =
        (0..BURST).map(|n| critical(&format!("type.{}", n % 3)).json()).collect();
    site.server.submit(Value::from(burst));
    let messages = relay.wait_for_messages(COUNT, PATIENCE).unwrap();
    assert!(!messages.iter().any(is_summary));
    let status = eventually("the limit in the status", || {
        let status = site.get("/api/v1/status");
        if status["limits"].as_array().is_some_and(|all| !all.is_empty()) {
            Ok(status)
        } else {
            Err(status.to_string())
        }
    });
    let shown = &status["limits"][0];
    assert_eq!((&shown["name"], &shown["limit"]), (&json!("email/server"), &json!("4 in 6 s")));
    assert_eq!(shown["limited"], json!(BURST - COUNT));
    assert!(site.run(&["status"]).contains("4 in 6 s"));
    let metrics = site.get_text("/metrics");
    let line =
        format!("annunciator_notifications_limited_total{{channel=\"email\"}} {}", BURST - COUNT);
    assert!(metrics.contains(&line), "{metrics}");
    assert!(metrics.contains("annunciator_limits_reached 1"), "{metrics}");
    assert_eq!(limited(&site).len(), BURST - COUNT);
    let messages = relay.wait_for_messages(COUNT + 1, PATIENCE).unwrap();
    let summary = messages.iter().find(|message| is_summary(message)).expect("a summary");
    let subject = summary.header("Subject").unwrap();
    assert_eq!(
        subject,
        format!("Summary: {} notifications were limited (4 in 6 s)", BURST - COUNT)
    );
    let first = messages.iter().map(|message| message.at).min().unwrap();
    assert!(summary.at.duration_since(first) >= Duration::from_secs(6), "a period later");
    site.wait_until_idle();
    let own: Vec<Value> =
        site.events().into_iter().filter(|event| event["type"] == "annunciator.limited").collect();
    assert_eq!(own.len(), 1, "one event of our own: {own:?}");
    let decision = &own[0]["decisions"][0];
    assert_eq!(decision["decision"], "notified");
    assert!(text(&decision["reason"]).contains("summary of the limit"), "{decision}");
    assert_eq!(own[0]["parameters"]["limited"], json!(BURST - COUNT));
    assert_eq!(site.get("/api/v1/status")["limits"], json!([]));
    assert_eq!(relay.message_count(), COUNT + 1);
}

#[test]
fn each_event_type_may_be_counted_for_itself_and_a_limit_is_taken_away() {
    let relay = Relay::builder().start();
    let limit = json!({"count": 2, "period_s": 3600, "per": "event_type"});
    let site = site_with_limit(&relay, &limit);
    let burst: Vec<Value> = (0..12).map(|n| critical(&format!("type.{}", n % 3)).json()).collect();
    site.server.submit(Value::from(burst));
    relay.wait_for_messages(6, PATIENCE).unwrap();
    site.wait_until_idle();
    assert_eq!(limited(&site).len(), 6);
    assert_eq!(site.get("/api/v1/status")["limits"].as_array().map(Vec::len), Some(3));
    site.save(&json!({ "email": { "limit": "none" } }));
    site.submit("type.0");
    relay.wait_for_messages(7, PATIENCE).unwrap();
}

#[test]
fn a_limit_of_nothing_is_refused_with_a_remedy() {
    let site = Site::start();
    let refused =
        site.patch_settings(&json!({ "email": { "limit": {"count": 0, "period_s": 60} } }));
    let problem = refused.expect_status(422).json();
    let errors = field_errors(&problem);
    assert_eq!(errors, [("/email/limit/count".to_owned(), "range".to_owned())]);
    assert!(text(&problem["errors"][0]["detail"]).contains("`none`"), "{problem}");
}

#[test]
fn what_was_limited_is_summed_up_by_the_relay_that_would_have_carried_it() {
    let (ours, theirs) = (Relay::builder().start(), Relay::builder().start());
    let site = site_with_limit(&ours, &json!({"count": 1, "period_s": 3}));
    let port = format!("email.port={}", theirs.port());
    site.run(&["group", "add", "Plant A"]);
    let application = "Storage Guard";
    site.run(&["policy", "set", "A", "--application", application, "--group", "Plant A"]);
    let relay = ["email.servers=127.0.0.1", &port, "email.recipients=plant@example.org"];
    site.run(&[&["override", "set", "--policy", "A", "--all-events"], &relay[..]].concat());
    let event = || critical("disk.full").application(application, "1");
    site.submit_event(event());
    ours.wait_for_messages(1, PATIENCE).unwrap();
    site.submit_event(event());
    site.submit_event(event().group("Plant A"));
    for (relay, count, wanted) in
        [(&ours, 2, "operator@example.org"), (&theirs, 1, "plant@example.org")]
    {
        let messages = relay.wait_for_messages(count, PATIENCE).unwrap();
        let summary = messages.iter().find(|message| is_summary(message)).expect("a summary");
        assert_eq!(summary.forward_paths, [wanted]);
        let subject = summary.header("Subject").unwrap();
        assert_eq!(subject, "Summary: 2 notifications were limited (1 in 3 s)");
    }
    site.wait_until_idle();
    assert_eq!((ours.message_count(), theirs.message_count()), (2, 1));
}

#[test]
fn an_event_that_makes_a_mail_for_each_number_counts_once() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let numbers = "+49 170 1234567; +49 170 1234568; +49 170 1234569";
    site.save(&json!({"sms": {
        "servers": ["127.0.0.1"], "port": relay.port(), "tls": "off",
        "sender": "annunciator@example.org", "recipients": ["sms@gateway.example.org"],
        "subject": "%PHONE%", "phone_numbers": numbers, "notify_about": "critical",
        "limit": {"count": 1, "period_s": 600},
    }}));
    site.submit("disk.full");
    relay.wait_for_messages(3, PATIENCE).expect("one for each number");
    site.submit("disk.full");
    let limited = eventually("the second is limited", || match &limited(&site)[..] {
        [one] => Ok(one.clone()),
        other => Err(format!("{other:?}")),
    });
    let decisions = limited["decisions"].as_array().unwrap();
    let reached = decisions.iter().filter(|one| one["decision"] == "limited").count();
    assert_eq!(reached, 1, "{decisions:?}");
    let metrics = site.get_text("/metrics");
    let line = "annunciator_notifications_limited_total{channel=\"sms\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
    assert_eq!(site.get("/api/v1/status")["limits"][0]["limited"], 1);
    assert_eq!(relay.message_count(), 3);
}
