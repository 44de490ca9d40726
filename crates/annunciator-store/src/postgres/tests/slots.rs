//! Whose slots of limits end, and when.

use annunciator_core::{HeldTime, LimitKey, LimitRule, NotificationLimit};

use super::{database, open_at};
use crate::contract::samples::{notification_id_of, time_of, uid_of};
use crate::{LEASE_MS_MAX, Limits as _, SlotAnswer, SlotAsk};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_is_kept_as_long_as_an_attempt_of_a_silent_node_may_last() {
    let Some((cluster, name)) = database() else { return };
    let address = cluster.address(&name);
    let (silent, other) = (open_at(&address, 1).await, open_at(&address, 2).await);
    let ask = |number: u32, at: i64| SlotAsk {
        limit: NotificationLimit {
            key: LimitKey("email/server".into()),
            rule: LimitRule { count: 1, period_ms: 1_000 },
            origin: String::new(),
        },
        notification: notification_id_of(number),
        event: uid_of(number),
        planned_at: time_of(number),
        was_tried: false,
        may_have_arrived: false,
        now: HeldTime(at),
    };
    let taken = silent.take_slot(ask(1, 0)).await.unwrap();
    assert!(matches!(taken, SlotAnswer::Taken(_)), "{taken:?}");
    drop(silent);
    for (silent_ms, is_kept) in [(LEASE_MS_MAX - 60_000, true), (LEASE_MS_MAX, false)] {
        let age = format!(
            "UPDATE nodes SET beat_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
               - {silent_ms} WHERE name = 'node 1'"
        );
        let _ = cluster.ask(&name, &age);
        // The limit is full, and what ended it is found for the next one, a period later.
        let full = other.take_slot(ask(2, 10_000)).await.unwrap();
        assert_eq!(full, SlotAnswer::Full);
        let next = other.take_slot(ask(2, 20_000)).await.unwrap();
        assert_eq!(next == SlotAnswer::Full, is_kept, "silent for {silent_ms} ms: {next:?}");
    }
}
