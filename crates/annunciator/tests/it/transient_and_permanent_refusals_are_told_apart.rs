//! What is refused for now is tried again, for the refused recipient alone; what is refused for
//! good is not.

use annunciator_testkit::relay::{Action, Relay, Stage, When, for_address, reply};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, email_settings, text};

const LATER: &str = "later@example.org";

fn site_for_two(relay: &Relay) -> Site {
    let site = Site::start();
    let mut email = email_settings(relay.port());
    email["recipients"] = json!(["now@example.org", LATER]);
    site.save(&json!({"email": email, "delivery": {"retry_schedule_s": [1]}}));
    site
}

fn outcomes(detail: &Value) -> Vec<&str> {
    detail["attempts"].as_array().unwrap().iter().map(|one| text(&one["outcome"])).collect()
}

#[test]
fn transient_refusal_is_retried_and_accepted_recipients_are_not_repeated() {
    let refusal = reply("450 4.2.1 mailbox busy");
    let relay =
        Relay::builder().on(Stage::Rcpt, for_address(LATER).and(When::Times(2)), refusal).start();
    let site = site_for_two(&relay);
    site.submit("disk.full");
    let deliveries = site.wait_for_deliveries(2, "delivered");
    let messages = relay.wait_for_messages(2, PATIENCE).unwrap();
    let paths: Vec<_> = messages.iter().map(|one| one.forward_paths.clone()).collect();
    assert_eq!(paths, [["now@example.org"], [LATER]], "each recipient once");
    assert_eq!(messages[0].header("Message-ID"), messages[1].header("Message-ID"));
    for delivery in &deliveries {
        let detail = site.delivery(text(&delivery["id"]));
        assert_eq!(delivery["possibly_duplicated"], false);
        if delivery["recipient"]["address"] == LATER {
            assert_eq!(outcomes(&detail), ["transient_failure", "transient_failure", "delivered"]);
            assert_eq!(detail["attempts"][0]["failure"]["code"], 450);
        } else {
            assert_eq!(outcomes(&detail), ["delivered"]);
        }
    }
}

/// One refusal for good: how far it came and what the ledger must say.
fn check_permanent(stage: Stage, refusal: &str, expected: (&str, u16, &str)) {
    let relay = Relay::builder().on(stage, When::Always, reply(refusal)).start();
    let site = Site::with_relay(&relay);
    site.save(&json!({"delivery": {"retry_schedule_s": [1]}}));
    site.submit("disk.full");
    let delivery = site.wait_for_deliveries(1, "failed").remove(0);
    let detail = site.delivery(text(&delivery["id"]));
    assert_eq!(outcomes(&detail), ["permanent_failure"], "{detail}");
    let failure = &detail["attempts"][0]["failure"];
    let (at, code, status) = expected;
    assert_eq!(failure["stage"], at);
    assert_eq!((&failure["code"], &failure["status"]), (&json!(code), &json!(status)));
    assert_eq!(detail["delivery"]["last_failure"], *failure);
    assert_eq!(detail["delivery"].get("due_at"), None, "nothing is planned any more");
    // Longer than the retry wait: another event passes through the same queue after it.
    relay.behave();
    relay.on(Stage::DataEnd, When::Times(1), Action::Reply("451 4.3.0 wait".to_owned()));
    site.submit("disk.full.again");
    relay.wait_for_messages(1, PATIENCE).unwrap();
    site.wait_until_idle();
    assert_eq!(relay.message_count(), 1, "the one that failed was not tried again");
    assert_eq!(outcomes(&site.delivery(text(&delivery["id"]))).len(), 1);
}

#[test]
fn permanent_refusal_is_not_retried() {
    check_permanent(Stage::Rcpt, "550 5.1.1 no such user", ("rcpt_to", 550, "5.1.1"));
    check_permanent(Stage::DataEnd, "554 5.7.1 spam", ("data_end", 554, "5.7.1"));
}
