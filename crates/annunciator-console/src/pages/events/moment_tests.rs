//! Stories from made-up events.

use annunciator_api_types::{EventView, RecipientView, StagesView};
use annunciator_core::Severity;

use super::*;

fn attempt(number: u32, started_ms: i64, outcome: &str) -> AttemptView {
    AttemptView {
        number,
        started_at: Timestamp(started_ms),
        ended_at: Timestamp(started_ms + 5),
        outcome: outcome.to_owned(),
        failure: None,
        server: "relay.test".to_owned(),
        address: "127.0.0.1:25".to_owned(),
        route: None,
        tls: None,
        reply: String::new(),
        queue_id: String::new(),
        reused_connection: false,
        timings: StagesView::default(),
        tried_before: vec![],
        dialogue: vec![],
        run: None,
    }
}

/// As the API answers it, so that its fields need not all be named here.
fn delivery(id: &str, notification: &str, state: &str) -> DeliveryView {
    let json = serde_json::json!({
        "id": id, "event": "u", "notification": notification, "channel": "email",
        "recipient": RecipientView { address: format!("{id}@test"), role: "to".to_owned() },
        "subject": "", "severity": "info", "event_type": "t", "application": "a", "lane": "",
        "state": state, "possibly_duplicated": false, "created_at": "2026-11-30T05:00:00.000Z",
        "attempts": 1,
    });
    serde_json::from_value(json).expect("a delivery")
}

fn told(id: &str, notification: &str, attempts: Vec<AttemptView>) -> DeliveryDetail {
    let delivery = delivery(id, notification, "delivered");
    DeliveryDetail { delivery, attempts, operations: vec![] }
}

#[test]
fn recipients_of_one_transaction_share_a_moment() {
    let told = [
        told("a", "n1", vec![attempt(1, 100, "transient_failure"), attempt(2, 900, "delivered")]),
        told("b", "n1", vec![attempt(1, 100, "delivered")]),
        told("c", "n2", vec![attempt(1, 100, "delivered")]),
    ];
    let found: Vec<_> = tries(&told)
        .into_iter()
        .map(|moment| {
            let Kind::Tried(one) = moment.kind else { panic!("only attempts") };
            let whom: Vec<_> = one.recipients.iter().map(|got| got.delivery.clone()).collect();
            (whom.join(" "), moment.tone, one.is_alike())
        })
        .collect();
    let expected = [("a b", "warn", false), ("a", "good", true), ("c", "good", true)];
    assert_eq!(found, expected.map(|(whom, tone, is_alike)| (whom.to_owned(), tone, is_alike)));
}

#[test]
fn a_story_goes_from_intake_to_what_waits() {
    let event: EventView = serde_json::from_value(serde_json::json!({
        "uid": "u", "id": "1", "type": "t", "severity": Severity::Info,
        "application": { "name": "a" }, "device": {},
        "occurred_at": "2026-11-30T05:00:00.000Z", "registered_at": "2026-11-30T05:00:00.000Z",
        "state": "planned",
        "decisions": [{ "channel": "email", "decision": "notified", "reason": "on" }],
    }))
    .expect("an event");
    let notification: NotificationView = serde_json::from_value(serde_json::json!({
        "id": "n1", "event": "u", "channel": "email", "created_at": "2026-11-30T05:00:00.100Z",
        "subject": "", "text": "", "sender": "", "message_id": "", "recipients": [],
    }))
    .expect("a notification");
    let late = attempt(1, 2_000_000_000_000, "delivered");
    let detail = EventDetail {
        event,
        notifications: vec![notification],
        deliveries: vec![delivery("a", "n1", "delivered"), delivery("b", "n1", "queued")],
    };
    let ids: Vec<_> = Moment::all(&detail, &[told("a", "n1", vec![late])])
        .into_iter()
        .map(|moment| moment.id)
        .collect();
    assert_eq!(ids, ["m-accepted", "m-decided-email", "m-n1", "m-a-1", "m-waits-b"]);
}

#[test]
fn what_was_done_to_several_at_once_is_one_moment() {
    let done = |operation: &str, at: i64| OperationView {
        at: Timestamp(at),
        author: "anna".to_owned(),
        operation: operation.to_owned(),
    };
    let told = [
        DeliveryDetail { operations: vec![done("cancel", 5)], ..told("a", "n1", vec![]) },
        DeliveryDetail {
            operations: vec![done("cancel", 5), done("resend", 9)],
            ..told("b", "n1", vec![])
        },
    ];
    let found = operations(&told).into_iter().map(|moment| {
        let Kind::Operated(one) = moment.kind else { panic!("only operations") };
        let whom: Vec<_> = one.deliveries.iter().map(|(id, _)| id.clone()).collect();
        (one.view.operation, whom.join(" "), moment.at)
    });
    let expected = [
        ("cancel".to_owned(), "a b".to_owned(), Some(Timestamp(5))),
        ("resend".to_owned(), "b".to_owned(), Some(Timestamp(9))),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
}
