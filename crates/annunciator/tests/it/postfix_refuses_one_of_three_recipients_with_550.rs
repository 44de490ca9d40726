//! One event to three recipients through a real Postfix: one transaction, two delivered, one failed.

use std::collections::BTreeSet;

use annunciator_testkit::postfix::{PostfixError, PostfixSetup};
use annunciator_testkit::python_email::parse_with_python;
use serde_json::{Value, json};

use crate::support::{PATIENCE, Site, email_settings, eventually, text};

const REFUSED: &str = "former@example.org";

#[test]
fn postfix_refuses_one_of_three_recipients_with_550() {
    let postfix = match PostfixSetup::default().refuse(REFUSED).start() {
        Ok(postfix) => postfix,
        Err(PostfixError::Missing(what)) => {
            eprintln!("skipped: {what}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let site = Site::start();
    let mut email = email_settings(postfix.address().port());
    email["recipients"] = json!(["first@example.org", REFUSED, "last@example.com"]);
    site.save(&json!({ "email": email }));
    site.submit("disk.full");

    let deliveries = eventually("three deliveries settled", || {
        let found = site.deliveries();
        let finished = |one: &Value| one["state"] == "delivered" || one["state"] == "failed";
        let is_met = found.len() == 3 && found.iter().all(finished);
        if is_met { Ok(found) } else { Err(format!("{found:?}")) }
    });
    let mut queue_ids = BTreeSet::new();
    for delivery in &deliveries {
        let detail = site.delivery(text(&delivery["id"]));
        let attempts = detail["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "{detail}");
        if delivery["recipient"]["address"] == REFUSED {
            assert_eq!(delivery["state"], "failed");
            let failure = &attempts[0]["failure"];
            assert_eq!((&failure["code"], &failure["status"]), (&json!(550), &json!("5.1.1")));
            assert_eq!(
                (&failure["stage"], &failure["scope"]),
                (&json!("rcpt_to"), &json!("delivery"))
            );
            assert!(text(&failure["diagnostic"]).contains("no such user"), "{failure}");
        } else {
            assert_eq!(delivery["state"], "delivered");
            queue_ids.insert(text(&attempts[0]["queue_id"]).to_owned());
        }
    }
    let queue_ids: Vec<String> = queue_ids.into_iter().collect();
    let [queue_id] = &queue_ids[..] else { panic!("one transaction: {queue_ids:?}") };

    let received = postfix.wait_for_received(2, PATIENCE).unwrap();
    assert!(postfix.received_for(REFUSED).is_empty());
    assert_eq!(received.len(), 2);
    let log = postfix.log();
    let taken: Vec<&str> = log.lines().filter(|line| line.contains("/cleanup[")).collect();
    assert_eq!(taken.len(), 1, "Postfix took one message:\n{log}");
    assert!(taken[0].contains(queue_id.as_str()), "{queue_id} is not in {}", taken[0]);
    // A maildir ends its lines with LF alone.
    let on_the_wire = |octets: &Vec<u8>| String::from_utf8_lossy(octets).replace('\n', "\r\n");
    let received: Vec<Vec<u8>> = received.iter().map(|one| on_the_wire(one).into_bytes()).collect();
    let message_ids: BTreeSet<String> = parse_with_python(&received)
        .into_iter()
        .map(|parsed| {
            assert_eq!(parsed.defects, [""; 0]);
            assert_eq!(parsed.header("Subject"), Some("Critical: disk.full on pc-17"));
            parsed.header("Message-ID").unwrap_or_default().to_owned()
        })
        .collect();
    assert_eq!(message_ids.len(), 1);
}
