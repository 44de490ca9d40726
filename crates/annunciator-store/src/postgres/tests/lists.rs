//! Lists of a ledger that is longer than what one look reads.

use super::{database, open_at};
use crate::contract::samples::{
    START, claim_all, deliver, enqueue, first_page, notification_id_of, queued, uid_of,
};
use crate::{DeliveryFilter, Store as _};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_of_an_old_event_are_found_at_once() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    enqueue(&*store, 1, "a", 1, queued(START)).await;
    for claimed in claim_all(&*store, START.plus_ms(10)).await {
        deliver(&*store, &claimed.delivery, claimed.token).await;
    }
    let newer = "INSERT INTO deliveries (id, event, notification, channel, lane, state, claims,
           due_at, at, created_at, expires_at, attempts, retries, possibly_duplicated, role, address)
         SELECT x.id, x.id, x.id, channel, lane, state, claims, due_at, at, created_at, expires_at,
           attempts, retries, possibly_duplicated, role, address
         FROM deliveries, generate_series(1, 250000) g CROSS JOIN LATERAL (
           SELECT ('01f00000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid AS id) x";
    let _ = cluster.ask(&name, newer);
    let by_event = DeliveryFilter { event: Some(uid_of(1)), ..Default::default() };
    let by_notification =
        DeliveryFilter { notification: Some(notification_id_of(1)), ..Default::default() };
    let delivered = DeliveryFilter { state: Some("delivered".to_owned()), ..by_event.clone() };
    for filter in [by_event, by_notification, delivered] {
        let page = store.deliveries(filter.clone(), first_page()).await.unwrap();
        assert_eq!(page.rows.len(), 1, "{filter:?}");
        assert_eq!((page.next, page.searched_until), (None, None), "{filter:?}");
    }
}
