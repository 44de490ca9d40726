//! The relay takes the message and its reply is lost: it is sent again, recognisable as a copy.

use annunciator_testkit::relay::{Action, Relay, Stage, When};
use serde_json::json;

use crate::support::{PATIENCE, Site};

#[test]
fn a_reply_lost_after_the_final_dot_is_repeated_with_the_same_message_id() {
    let relay = Relay::builder().on(Stage::DataEnd, When::Times(1), Action::Close).start();
    let site = Site::with_relay(&relay);
    site.save(&json!({"delivery": {"retry_schedule_s": [1]}}));
    site.submit("disk.full");

    let messages = relay.wait_for_messages(2, PATIENCE).unwrap();
    let detail = site
        .wait_for_the_delivery("delivered", |detail| detail["delivery"]["state"] == "delivered");
    let [lost, repeated] = &messages[..] else { panic!("{} messages", messages.len()) };
    assert!(lost.header("Message-ID").is_some());
    assert_eq!(lost.raw, repeated.raw, "the copy is the same to the octet");
    assert_eq!(detail["delivery"]["possibly_duplicated"], true);
    let attempts = detail["attempts"].as_array().unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["uncertain", "delivered"]);
    assert_eq!(attempts[0]["failure"]["stage"], "data_end");
    let id = crate::support::text(&detail["delivery"]["id"]);
    assert!(site.run(&["ledger", "show", id]).contains("duplicated"));
    site.wait_until_idle();
    assert_eq!(relay.message_count(), 2, "no third copy");
}
