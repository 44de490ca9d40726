//! Promises about the commands of operators on the queue.

use annunciator_core::{DeliveryState, Timestamp};

use super::samples::{
    START, accept, audit, audited, claim_all, commit, deliver, delivery_id_of, enqueue, event,
    first_page, in_flight, is_stale, planned, queued, settlement, uid_of,
};
use crate::{AuditFilter, Operated, Requeue, Store, StoreError};

async fn state_of(store: &dyn Store, number: u32) -> DeliveryState {
    let row = store.delivery(delivery_id_of(number, 0)).await.expect("read").expect("there");
    row.delivery.state
}

/// Deliveries 1 queued for later, 2 in flight, 3 delivered, 4 failed, 5 unknown.
async fn one_of_each(store: &dyn Store) {
    enqueue(store, 1, "a", 1, queued(START.plus_ms(900))).await;
    enqueue(store, 2, "a", 1, in_flight()).await;
    let third = enqueue(store, 3, "a", 1, in_flight()).await;
    deliver(store, &third.deliveries[0], 1).await;
    let fourth = enqueue(store, 4, "a", 1, in_flight()).await;
    let mut failed =
        settlement(&fourth.deliveries[0], 1, DeliveryState::Failed { at: Timestamp(1) });
    failed.delivery.retries = 9;
    assert!(!is_stale(store, failed).await);
}

pub(super) async fn queued_and_failed_deliveries_are_queued_again(store: &dyn Store) {
    one_of_each(store).await;
    let now = START.plus_ms(10);
    let requeue = Requeue {
        deliveries: (1..=5).map(|number| delivery_id_of(number, 0)).collect(),
        due_at: now,
        expires_at: now.plus_ms(777),
    };
    let operated = store.requeue(requeue, audit("ledger.retry")).await.expect("done");
    let answers: Vec<_> = operated.into_iter().map(|(_, answer)| answer).collect();
    let expected = [
        Operated::Done,
        Operated::WrongState("in_flight"),
        Operated::WrongState("delivered"),
        Operated::Done,
        Operated::NotFound,
    ];
    assert_eq!(answers, expected);
    let mut claimed = claim_all(store, now).await;
    claimed.sort_by_key(|claimed| claimed.delivery.id);
    let ids: Vec<_> = claimed.iter().map(|claimed| claimed.delivery.id).collect();
    assert_eq!(ids, [delivery_id_of(1, 0), delivery_id_of(4, 0)]);
    let revived = &claimed[1].delivery;
    assert_eq!((revived.retries, revived.attempts), (0, 1), "a fresh schedule, an old ledger");
    assert_eq!(revived.expires_at, now.plus_ms(777));
    assert!(claimed[0].delivery.expires_at > revived.expires_at, "one that waited keeps its life");
    assert_eq!(audited(store).await, ["ledger.retry"]);
}

pub(super) async fn only_queued_deliveries_are_cancelled(store: &dyn Store) {
    one_of_each(store).await;
    let ids = (1..=5).map(|number| delivery_id_of(number, 0)).collect();
    let now = START.plus_ms(10);
    let operated = store.cancel(ids, now, audit("ledger.cancel")).await.expect("done");
    let answers: Vec<_> = operated.into_iter().map(|(_, answer)| answer).collect();
    let expected = [
        Operated::Done,
        Operated::WrongState("in_flight"),
        Operated::WrongState("delivered"),
        Operated::WrongState("failed"),
        Operated::NotFound,
    ];
    assert_eq!(answers, expected);
    assert_eq!(state_of(store, 1).await, DeliveryState::Cancelled { at: now });
    assert!(claim_all(store, START.plus_ms(1000)).await.is_empty());
    assert_eq!(audited(store).await, ["ledger.cancel"]);
    let first = AuditFilter { since: Some(START), ..AuditFilter::default() };
    let told = store.audit(first, first_page()).await.expect("read").rows;
    let detail: serde_json::Value = serde_json::from_str(&told[0].entry.detail).expect("JSON");
    let refused: Vec<_> = (2..=5).map(|number| delivery_id_of(number, 0).to_string()).collect();
    assert_eq!(detail["refused"], serde_json::json!(refused), "what was not done is told");
    let later = AuditFilter { since: Some(told[0].entry.at.plus_ms(1)), ..Default::default() };
    assert!(store.audit(later, first_page()).await.expect("read").rows.is_empty());
}

pub(super) async fn a_notification_is_added_to_a_planned_event(store: &dyn Store) {
    let event = event(1);
    let again = planned(&event, 2, "a", 1, &queued(START));
    let refused = store.insert_notification(again.clone(), audit("resend")).await;
    assert!(matches!(refused, Err(StoreError::BadRequest(_))), "there is no such event");
    accept(store, vec![event.clone()]).await;
    let refused = store.insert_notification(again.clone(), audit("resend")).await;
    assert!(matches!(refused, Err(StoreError::BadRequest(_))), "it is not planned yet");
    assert!(audited(store).await.is_empty(), "what was refused left no line");
    commit(store, &event, vec![planned(&event, 1, "a", 1, &in_flight())]).await;
    store.insert_notification(again.clone(), audit("resend")).await.expect("inserted");
    let stored = store.notifications_of(uid_of(1)).await.expect("read");
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[1], *again.notification);
    let claimed = claim_all(store, START).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].delivery.id, again.deliveries[0].id);
    assert_eq!(audited(store).await, ["resend"]);
}
