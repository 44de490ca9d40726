//! An operator retries, cancels and resends deliveries through API and command line; the audit log
//! remembers it.

use annunciator_testkit::relay::{Relay, Stage, When, reply};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, text};

const UNKNOWN: &str = "019aaa36-5c11-7cc4-8f54-1f5a7d0f9ad2";

fn id_of(delivery: &Value) -> &str {
    text(&delivery["id"])
}

/// The one result of an operation.
fn operate(site: &Site, operation: &str, id: &str) -> Value {
    let path = format!("/api/v1/deliveries/{operation}");
    let answer = site.post(&path, &json!({ "deliveries": [id] })).expect_status(200).json();
    let results = answer["results"].as_array().expect("a list");
    let [result] = &results[..] else { panic!("one result: {answer}") };
    assert_eq!(result["delivery"], id);
    result.clone()
}

#[test]
fn an_operator_retries_cancels_and_resends_through_the_api() {
    let relay = Relay::builder()
        .on(Stage::Rcpt, When::Times(1), reply("550 5.1.1 no such user"))
        .on(Stage::Rcpt, When::Times(1), reply("450 4.2.1 busy"))
        .start();
    let site = Site::with_relay(&relay);
    site.submit("disk.full");
    let failed = site.wait_for_deliveries(1, "failed").remove(0);
    let id = id_of(&failed);

    // Refused for good, then for now, then cancelled, then sent again as another message.
    assert_eq!(operate(&site, "retry", id)["done"], true);
    site.wait_for_the_delivery("queued after a 450", |detail| {
        detail["delivery"]["state"] == "queued" && detail["delivery"]["attempts"] == 2
    });
    assert_eq!(operate(&site, "cancel", id)["done"], true);
    assert_eq!(site.delivery(id)["delivery"]["state"], "cancelled");
    for operation in ["retry", "cancel"] {
        let again = operate(&site, operation, id);
        assert_eq!(again["done"], false, "{operation}");
        assert!(again["reason"].is_string(), "{again}");
    }
    assert_eq!(operate(&site, "retry", UNKNOWN)["done"], false);
    let resend = format!("/api/v1/deliveries/{id}/resend");
    let made = site.post(&resend, &json!({})).expect_status(201).json();
    let messages = relay.wait_for_messages(1, PATIENCE).unwrap();
    let resent = site.delivery(text(&made["delivery"]));
    assert_ne!(resent["delivery"]["notification"], failed["notification"]);
    let other = format!("<{}@sender.test>", text(&failed["notification"]));
    assert_ne!(messages[0].header("Message-ID"), Some(other));
    site.wait_until_idle();

    let nowhere = format!("/api/v1/deliveries/{UNKNOWN}/resend");
    drop(site.post(&nowhere, &json!({})).expect_status(404));
    let audit = site.get("/api/v1/audit");
    let actions: Vec<&str> =
        audit["entries"].as_array().unwrap().iter().map(|one| text(&one["action"])).collect();
    for action in ["delivery.retry", "delivery.cancel", "delivery.resend"] {
        assert!(actions.contains(&action), "{action} is not in {actions:?}");
    }
}

#[test]
fn an_operator_retries_cancels_and_resends_on_the_command_line() {
    let relay = Relay::builder().start();
    relay.go_down();
    let site = Site::with_relay(&relay);
    site.submit("disk.full");
    let waiting =
        site.wait_for_the_delivery("waits", |detail| detail["delivery"]["waiting_for"].is_string());
    let id = id_of(&waiting["delivery"]);
    site.run(&["ledger", "cancel", id]);
    assert_eq!(site.delivery(id)["delivery"]["state"], "cancelled");
    let again = site.command(&["ledger", "cancel", id]);
    assert!(!again.status.success(), "what is cancelled cannot be cancelled");
    relay.come_up();
    relay.on(Stage::Rcpt, When::Times(1), reply("550 5.1.1 no such user"));
    let printed = site.run(&["ledger", "resend", id]);
    let made = site.deliveries().into_iter().find(|one| one["id"] != id).expect("a new one");
    assert!(printed.contains(id_of(&made)), "{printed}");
    crate::support::eventually("the resent one is refused", || {
        let state = site.delivery(id_of(&made))["delivery"]["state"].clone();
        if state == "failed" { Ok(()) } else { Err(state.to_string()) }
    });
    site.run(&["ledger", "retry", "--all-failed"]);
    relay.wait_for_messages(1, PATIENCE).unwrap();
    crate::support::eventually("the retried one is delivered", || {
        let state = site.delivery(id_of(&made))["delivery"]["state"].clone();
        if state == "delivered" { Ok(()) } else { Err(state.to_string()) }
    });
}
