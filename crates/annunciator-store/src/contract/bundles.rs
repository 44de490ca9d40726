//! Promises about bundles of incidents, and about pauses.

use annunciator_core::{ChannelName, Lane, Timestamp};

use super::samples::{START, accept, audit, event, first_page, planned, queued, uid_of};
use crate::{
    BundleCommit, DueBundle, PlanCommit, PlanVerdict, PostponedRow, RetentionRule, Store,
    ToldBundle,
};

fn row(number: u32, address: &str, after_ms: i64) -> PostponedRow {
    PostponedRow {
        due_at: START.plus_ms(after_ms),
        subscription: "Boilers".to_owned(),
        address: address.to_owned(),
        language: "ru".to_owned(),
        time_zone: "Europe/Moscow".to_owned(),
        event: uid_of(number),
    }
}

/// Plans an event with those who are told later.
async fn postpone(store: &dyn Store, number: u32, postponed: Vec<PostponedRow>) {
    accept(store, vec![event(number)]).await;
    store.claim_events(9).await.expect("claimed");
    let (notifications, decisions) = (Vec::new(), Vec::new());
    let verdict = PlanVerdict::Planned { notifications, decisions, term_days: None, postponed };
    let plan = PlanCommit { event: uid_of(number), verdict };
    store.commit_plans(vec![plan]).await.expect("committed");
}

async fn due(store: &dyn Store, after_ms: i64) -> Vec<DueBundle> {
    store.due_bundles(START.plus_ms(after_ms), 10).await.expect("read")
}

fn told(number: u32) -> ToldBundle {
    ToldBundle {
        planned: planned(&event(number), number, "mail_notifier/server", 1, &queued(START)),
        event: event(number),
        channel: ChannelName::from_static("mail_notifier"),
        reason: "bundle".to_owned(),
    }
}

pub(super) async fn a_bundle_is_told_once_with_its_event(store: &dyn Store) {
    assert_eq!(store.next_bundle_at().await.expect("read"), None);
    postpone(store, 1, vec![row(1, "a@x", 5), row(1, "b@x", 9)]).await;
    postpone(store, 2, vec![row(2, "a@x", 5)]).await;
    assert_eq!(store.next_bundle_at().await.expect("read"), Some(START.plus_ms(5)));
    assert_eq!(due(store, 4).await, []);
    let bundles = due(store, 5).await;
    assert_eq!(bundles.len(), 1);
    assert_eq!(bundles[0].rows, [row(1, "a@x", 5), row(2, "a@x", 5)]);
    let commit =
        |number| BundleCommit { numbers: bundles[0].numbers.clone(), told: Some(told(number)) };
    assert!(store.commit_bundle(commit(3)).await.expect("answered"));
    assert!(!store.commit_bundle(commit(4)).await.expect("answered"), "it was told");
    assert!(store.event(uid_of(4)).await.expect("read").is_none());
    let stored = store.event(uid_of(3)).await.expect("read").expect("it is there");
    assert_eq!(stored.decisions[0].reason, "bundle");
    let deliveries = store.deliveries(Default::default(), first_page()).await.expect("read");
    assert_eq!(deliveries.rows.len(), 1);
    assert_eq!(deliveries.rows[0].delivery.lane, Lane::new("mail_notifier/server"));
    assert_eq!(due(store, 8).await, []);
    assert_eq!(store.next_bundle_at().await.expect("read"), Some(START.plus_ms(9)));
    let last = due(store, 9).await.remove(0);
    let dropped = BundleCommit { numbers: last.numbers, told: None };
    assert!(store.commit_bundle(dropped).await.expect("answered"));
    assert_eq!(store.next_bundle_at().await.expect("read"), None);
}

pub(super) async fn what_waits_for_a_bundle_is_not_removed(store: &dyn Store) {
    postpone(store, 1, vec![row(1, "a@x", 5)]).await;
    postpone(store, 2, Vec::new()).await;
    let rule = |events_max| RetentionRule {
        now: START.plus_ms(400 * 24 * 3_600_000),
        term_days: [1; 4],
        events_max,
        audit_max: 1_000,
        step_max: 1_000,
    };
    for events_max in [1_000, 0] {
        assert!(!store.retain(rule(events_max)).await.expect("retained").has_more);
        assert!(store.event(uid_of(1)).await.expect("read").is_some(), "it waits to be told");
        assert!(store.event(uid_of(2)).await.expect("read").is_none());
    }
    let numbers = due(store, 5).await.remove(0).numbers;
    store.commit_bundle(BundleCommit { numbers, told: None }).await.expect("answered");
    assert_eq!(store.retain(rule(1_000)).await.expect("retained").events_removed, 1);
}

pub(super) async fn a_pause_is_noted_once_with_its_audit_line(store: &dyn Store) {
    let pause = |user: &'static str, paused| async move {
        let noted = store.pause_subscription("Boilers", user, paused, audit("subscription.pause"));
        noted.await.expect("answered")
    };
    assert!(pause("anna", true).await);
    assert!(!pause("Anna", true).await, "names have no case");
    let at: Timestamp = audit("").at;
    let paused = store.paused_subscriptions().await.expect("read");
    assert_eq!(paused, [("Boilers".to_owned(), "anna".to_owned(), at)]);
    assert!(pause("ANNA", false).await);
    assert!(!pause("anna", false).await);
    assert!(store.paused_subscriptions().await.expect("read").is_empty());
    assert_eq!(
        store.audit(crate::AuditFilter::default(), first_page()).await.expect("read").rows.len(),
        2
    );
}
