//! An event with an id that was seen before, or a request that is repeated, changes nothing.

use annunciator_testkit::http::Response;
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{Site, answer, critical};

#[test]
fn same_id_is_the_same_event() {
    let relay = Relay::builder().start();
    let mut site = Site::with_relay(&relay);
    let post = |site: &Site, application: &str| {
        let event = critical("disk.full").id("a1").application(application, "1");
        site.server.submit(event).json()["events"][0]["duplicate"] == true
    };
    assert!(!post(&site, "Storage Guard"));
    assert!(post(&site, "Storage Guard"), "the same id again");
    assert!(!post(&site, "Backup Guard"), "an id is unique per application");
    site.wait_for_deliveries(2, "delivered");
    site.server.restart();
    assert!(post(&site, "Storage Guard"), "after a restart");
    assert_eq!(site.events().len(), 2);
    site.wait_until_idle();
    assert_eq!(relay.message_count(), 2);
}

/// Posts an event with an idempotency key.
fn post_with_key(site: &Site, key: &str, event_type: &str) -> Response {
    let fields = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    let body = critical(event_type).json().to_string();
    answer(site.server.client().send("POST", "/api/v1/events", &fields, body.as_bytes()))
}

#[test]
fn an_idempotency_key_is_honoured_and_survives_a_restart() {
    let mut site = Site::start();
    let first = post_with_key(&site, "k-1", "disk.full").expect_status(202).json();
    let again = post_with_key(&site, "k-1", "disk.full").expect_status(202).json();
    assert_eq!(again, first, "the answer is repeated");
    site.server.restart();
    let again = post_with_key(&site, "k-1", "disk.full").expect_status(202).json();
    assert_eq!(again, first, "after a restart");
    let other_body = post_with_key(&site, "k-1", "disk.empty").expect_status(422).json();
    assert_eq!(other_body["type"], "urn:annunciator:idempotency-key-reused");
    let other_key = post_with_key(&site, "k-2", "disk.full").expect_status(202).json();
    assert_ne!(other_key, first);
    for key in ["", "with space", &"k".repeat(256)] {
        assert_eq!(post_with_key(&site, key, "disk.full").status, 400, "{key}");
    }
    let types: Vec<Value> = site.events().into_iter().map(|one| one["type"].clone()).collect();
    assert_eq!(types, [json!("disk.full"), json!("disk.full")]);
}
