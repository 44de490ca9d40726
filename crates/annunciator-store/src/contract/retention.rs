//! Promises about what is removed, and about the end.

use annunciator_core::{Event, EventUid, Severity, Timestamp};

use super::samples::{
    START, accept, all_at_once, audit, claim_all, commit, deliver, delivery_id_of, enqueue, event,
    first_page, in_flight, notification_id_of, queued, uid_of,
};
use crate::{AuditFilter, EventFilter, PlanCommit, PlanVerdict, RetentionRule, Store, StoreError};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn rule(now: Timestamp) -> RetentionRule {
    let term_days = [30, 90, 180, 180];
    RetentionRule { now, term_days, events_max: 1000, audit_max: 1000, step_max: 100 }
}

async fn removed(store: &dyn Store, rule: RetentionRule) -> u64 {
    let mut count = 0;
    for _ in 0..100 {
        let step = store.retain(rule.clone()).await.expect("retained");
        assert!(step.events_removed <= u64::try_from(rule.step_max).expect("small"));
        count += step.events_removed;
        if !step.has_more {
            return count;
        }
    }
    panic!("upkeep does not come to an end");
}

async fn left(store: &dyn Store) -> Vec<EventUid> {
    let page = store.events(EventFilter::default(), first_page()).await.expect("read");
    page.rows.into_iter().rev().map(|row| row.event.uid).collect()
}

async fn finish(store: &dyn Store, event: Event) {
    accept(store, vec![event.clone()]).await;
    commit(store, &event, Vec::new()).await;
}

pub(super) async fn a_term_of_its_own_goes_before_that_of_the_severity(store: &dyn Store) {
    for (number, term_days) in [(0, Some(0)), (1, Some(2)), (2, None), (3, Some(400))] {
        let event = Event { severity: Severity::Info, registered_at: START, ..event(number) };
        accept(store, vec![event.clone()]).await;
        let (notifications, decisions) = (Vec::new(), Vec::new());
        let verdict =
            PlanVerdict::Planned { notifications, decisions, term_days, postponed: Vec::new() };
        store.commit_plans(vec![PlanCommit { event: event.uid, verdict }]).await.expect("planned");
    }
    for (after_ms, expected) in [
        (0, vec![1, 2, 3]),
        (2 * DAY_MS - 1, vec![1, 2, 3]),
        (2 * DAY_MS, vec![2, 3]),
        (30 * DAY_MS, vec![3]),
        (399 * DAY_MS, vec![3]),
        (400 * DAY_MS, vec![]),
    ] {
        removed(store, rule(START.plus_ms(after_ms))).await;
        let expected: Vec<_> = expected.into_iter().map(uid_of).collect();
        assert_eq!(left(store).await, expected, "after {after_ms} ms");
    }
}

pub(super) async fn an_event_is_kept_for_its_term(store: &dyn Store) {
    let severities = [Severity::Info, Severity::Warning, Severity::Failure, Severity::Critical];
    for (number, severity) in (0..).zip(severities) {
        finish(store, Event { severity, registered_at: START, ..event(number) }).await;
    }
    let parked = Event { severity: Severity::Info, registered_at: START, ..event(9) };
    accept(store, vec![parked]).await;
    let verdict = PlanVerdict::Failed { reason: "x".to_owned(), tries_max: 1 };
    store.commit_plans(vec![PlanCommit { event: uid_of(9), verdict }]).await.expect("parked");
    for (after_ms, expected) in [
        (30 * DAY_MS - 1, vec![0, 1, 2, 3, 9]),
        (30 * DAY_MS, vec![1, 2, 3]),
        (90 * DAY_MS, vec![2, 3]),
        (180 * DAY_MS - 1, vec![2, 3]),
        (180 * DAY_MS, vec![]),
    ] {
        removed(store, rule(START.plus_ms(after_ms))).await;
        let expected: Vec<_> = expected.into_iter().map(uid_of).collect();
        assert_eq!(left(store).await, expected, "after {after_ms} ms");
    }
    finish(store, event(20)).await;
    let unlisted = RetentionRule { term_days: [0; 4], ..rule(event(20).registered_at) };
    assert_eq!(removed(store, unlisted).await, 1, "a term of 0 is over at once");
}

pub(super) async fn the_cap_takes_the_oldest_finished_events(store: &dyn Store) {
    for number in 0..10 {
        if number == 1 {
            enqueue(store, number, "a", 2, queued(START)).await;
        } else {
            finish(store, event(number)).await;
        }
    }
    accept(store, vec![event(10)]).await;
    let small = RetentionRule { events_max: 4, step_max: 2, ..rule(START.plus_ms(1000)) };
    assert_eq!(removed(store, small.clone()).await, 5);
    let expected: Vec<_> = [1, 6, 7, 8, 9, 10].map(uid_of).to_vec();
    assert_eq!(left(store).await, expected, "unfinished ones neither count nor go");
    for claimed in claim_all(store, START).await {
        deliver(store, &claimed.delivery, claimed.token).await;
    }
    assert_eq!(removed(store, small).await, 1, "now it counts, and is the oldest");
    assert_eq!(left(store).await, expected[1..]);
}

pub(super) async fn an_unfinished_event_is_never_removed(store: &dyn Store) {
    enqueue(store, 1, "a", 2, queued(START)).await;
    let flying = enqueue(store, 2, "a", 2, in_flight()).await;
    accept(store, vec![event(3)]).await;
    let end = RetentionRule { term_days: [0; 4], events_max: 0, ..rule(START.plus_ms(DAY_MS)) };
    assert_eq!(removed(store, end.clone()).await, 0);
    deliver(store, &flying.deliveries[0], 1).await;
    assert_eq!(removed(store, end.clone()).await, 0, "one of two is still under way");
    deliver(store, &flying.deliveries[1], 1).await;
    assert_eq!(removed(store, end).await, 1);
    assert_eq!(left(store).await, [uid_of(1), uid_of(3)]);
}

pub(super) async fn a_removed_event_leaves_nothing(store: &dyn Store) {
    let planned = enqueue(store, 1, "a", 1, in_flight()).await;
    deliver(store, &planned.deliveries[0], 1).await;
    let end = RetentionRule { events_max: 0, ..rule(START.plus_ms(1000)) };
    assert_eq!(removed(store, end).await, 1);
    assert!(store.event(uid_of(1)).await.expect("read").is_none());
    assert!(store.notification(notification_id_of(1)).await.expect("read").is_none());
    let id = delivery_id_of(1, 0);
    assert!(store.delivery(id).await.expect("read").is_none());
    assert!(store.attempts_of(id).await.expect("read").is_empty());
    let answers = accept(store, vec![event(1)]).await;
    assert!(!answers[0].duplicate, "its id is free again");
}

pub(super) async fn a_closed_store_says_so(store: &dyn Store) {
    enqueue(store, 1, "a", 1, in_flight()).await;
    assert!(store.health().await.writable);
    store.close().await;
    store.close().await;
    assert!(matches!(store.claim_events(1).await, Err(StoreError::Closed)));
    assert!(matches!(store.event(uid_of(1)).await, Err(StoreError::Closed)));
    assert!(!store.health().await.writable);
}

pub(super) async fn the_oldest_audit_lines_go_beyond_the_bound(store: &dyn Store) {
    let numbers = || async {
        let page = store.audit(AuditFilter::default(), first_page()).await.expect("read");
        page.rows.into_iter().map(|row| row.number).collect::<Vec<_>>()
    };
    for _ in 0..5 {
        store.note(audit("settings.save")).await.expect("noted");
    }
    for (audit_max, expected) in [(9, vec![5, 4, 3, 2, 1]), (5, vec![5, 4, 3, 2, 1])] {
        removed(store, RetentionRule { audit_max, ..rule(START) }).await;
        assert_eq!(numbers().await, expected, "{audit_max}");
    }
    removed(store, RetentionRule { audit_max: 3, ..rule(START) }).await;
    assert_eq!(numbers().await, [5, 4, 3]);
    store.note(audit("settings.save")).await.expect("noted");
    assert_eq!(numbers().await, [6, 5, 4, 3], "a number is used once");

    // More than one step removes: there is an end all the same.
    for noted in all_at_once((0..1_010).map(|_| store.note(audit("settings.save")))).await {
        noted.expect("noted");
    }
    removed(store, RetentionRule { audit_max: 2, ..rule(START) }).await;
    assert_eq!(numbers().await, [1_016, 1_015]);
}
