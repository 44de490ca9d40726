//! What the last process left is tried with the saved settings, however long they take to read:
//! never with the compiled defaults, by which there is no server to send to.

use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{Site, answer, critical, email_settings, eventually};

/// Enough that reading them takes longer than claiming what is due.
const POLICIES: usize = 400;

#[test]
fn what_waits_meets_the_saved_settings_after_a_start() {
    let relay = Relay::builder().start();
    relay.go_down();
    let mut site = Site::start();
    let policy = |number: usize| {
        json!({
            "name": format!("Plant {number}"), "application": "Another",
            "group": format!("Plant {number}"),
            "events": [{ "email": {
                "subject": format!("{number}: %EVENT_TYPE% on %COMPUTER%"),
                "recipients": [format!("p{number}@example.org")],
            }}],
        })
    };
    let policies: Vec<Value> = (0..POLICIES).map(policy).collect();
    let email = email_settings(relay.port());
    let groups: Vec<_> = (0..POLICIES).map(|number| format!("Plant {number}")).collect();
    let document = json!({ "version": 1, "email": email, "groups": groups, "policies": policies });
    let saved = answer(site.server.client().put("/api/v1/settings/document", &document));
    assert_eq!(saved.expect_status(200).json()["revision"], 1);
    site.submit_event(critical("disk.full"));
    let deliveries = site.wait_for_deliveries(1, "queued");
    let id = deliveries[0]["id"].as_str().expect("an id").to_owned();
    let attempts =
        |site: &Site| site.delivery(&id)["attempts"].as_array().cloned().unwrap_or_default();
    let before = eventually("the first attempt", || match attempts(&site).len() {
        0 => Err("none".to_owned()),
        count => Ok(count),
    });
    site.server.restart();
    let made = eventually("an attempt after the restart", || {
        let made = attempts(&site);
        if made.len() > before { Ok(made) } else { Err(format!("{}", made.len())) }
    });
    for attempt in made {
        assert_eq!(attempt["failure"]["stage"], "connect", "{attempt:#}");
    }
    relay.come_up();
    site.wait_for_deliveries(1, "delivered");
}
