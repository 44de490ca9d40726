//! Promises about bundles of incidents, and about pauses.

use annunciator_core::{ChannelName, DecisionKind, Lane, Timestamp};

use super::samples::{START, accept, audit, event, first_page, planned, queued, uid_of};
use crate::{
    BundleCommit, BundleOutcome, DueBundle, PlanCommit, PlanVerdict, PostponedRow, RetentionRule,
    Store, ToldInBundle, ToldInBundles,
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
    store.due_bundles(START.plus_ms(after_ms), 0, 10).await.expect("read")
}

fn told(number: u32) -> BundleOutcome {
    let planned = planned(&event(number), number, "mail_notifier/server", 1, &queued(START));
    BundleOutcome {
        planned: Some(planned),
        event: event(number),
        channel: ChannelName::from_static("mail_notifier"),
        reason: "bundle".to_owned(),
        incidents: vec![uid_of(1), uid_of(2)],
        address: "a@x".to_owned(),
    }
}

pub(super) async fn a_bundle_is_told_once_with_its_event(store: &dyn Store) {
    assert_eq!(store.next_bundle_at(START).await.expect("read"), None);
    postpone(store, 1, vec![row(1, "a@x", 5), row(1, "b@x", 9)]).await;
    postpone(store, 2, vec![row(2, "a@x", 5)]).await;
    assert_eq!(store.next_bundle_at(START).await.expect("read"), Some(START.plus_ms(5)));
    assert_eq!(due(store, 4).await, []);
    let bundles = due(store, 5).await;
    assert_eq!(bundles.len(), 1);
    assert_eq!(bundles[0].rows, [row(1, "a@x", 5), row(2, "a@x", 5)]);
    let commit = |number| BundleCommit {
        numbers: bundles[0].numbers.clone(),
        outcomes: vec![told(number)],
        postponed: Vec::new(),
    };
    assert!(store.commit_bundle(commit(3)).await.expect("answered"));
    assert!(!store.commit_bundle(commit(4)).await.expect("answered"), "it was told");
    assert!(store.event(uid_of(4)).await.expect("read").is_none());
    let stored = store.event(uid_of(3)).await.expect("read").expect("it is there");
    assert_eq!(stored.decisions[0].reason, "bundle");
    let deliveries = store.deliveries(Default::default(), first_page()).await.expect("read");
    assert_eq!(deliveries.rows.len(), 1);
    assert_eq!(deliveries.rows[0].delivery.lane, Lane::new("mail_notifier/server"));
    assert_eq!(due(store, 8).await, []);
    assert_eq!(store.next_bundle_at(START).await.expect("read"), Some(START.plus_ms(9)));
    let last = due(store, 9).await.remove(0);
    let dropped =
        BundleCommit { numbers: last.numbers, outcomes: Vec::new(), postponed: Vec::new() };
    assert!(store.commit_bundle(dropped).await.expect("answered"));
    assert_eq!(store.next_bundle_at(START).await.expect("read"), None);
}

pub(super) async fn what_is_due_is_read_on_behind_what_is_held_up(store: &dyn Store) {
    postpone(store, 1, vec![row(1, "a@x", 5), row(1, "b@x", 5), row(1, "c@x", 7)]).await;
    postpone(store, 2, vec![row(2, "a@x", 5)]).await;
    let now = START.plus_ms(6);
    let counts = store.queue_counts().await.expect("read");
    assert_eq!((counts.postponed, counts.postponed_due_at), (4, Some(START.plus_ms(5))));
    let first = store.due_bundles(now, 0, 1).await.expect("read").remove(0);
    assert_eq!(first.rows, [row(1, "a@x", 5), row(2, "a@x", 5)]);
    let next = store.due_bundles(now, first.numbers[0], 9).await.expect("read");
    let rows: Vec<_> = next.iter().map(|bundle| bundle.rows.clone()).collect();
    assert_eq!(rows, [[row(1, "b@x", 5)], [row(2, "a@x", 5)]], "what lies behind, in its order");
    let last = *first.numbers.last().expect("two rows");
    assert_eq!(store.due_bundles(now, last, 9).await.expect("read"), []);
    assert_eq!(store.next_bundle_at(now).await.expect("read"), Some(START.plus_ms(7)));
    assert_eq!(store.next_bundle_at(START.plus_ms(7)).await.expect("read"), None);
}

pub(super) async fn which_bundles_told_an_incident_is_kept_as_long_as_their_events(
    store: &dyn Store,
) {
    let told_of = async |number| store.told_in_bundles(uid_of(number)).await.expect("read");
    postpone(store, 1, vec![row(1, "a@x", 5), row(1, "b@x", 5)]).await;
    postpone(store, 2, vec![row(2, "a@x", 5), row(2, "b@x", 9)]).await;
    assert_eq!(told_of(1).await, ToldInBundles::default());
    let mut bundles = due(store, 5).await;
    let [second, first] = [bundles.remove(1), bundles.remove(0)];
    let commit = |bundle: DueBundle, outcome| BundleCommit {
        numbers: bundle.numbers,
        outcomes: vec![outcome],
        postponed: Vec::new(),
    };
    let untold = BundleOutcome {
        planned: None,
        address: "b@x".to_owned(),
        incidents: vec![uid_of(1)],
        ..told(4)
    };
    assert!(store.commit_bundle(commit(first, told(3))).await.expect("answered"));
    assert!(store.commit_bundle(commit(second, untold)).await.expect("answered"));
    let bundle = |number, is_told| ToldInBundle {
        bundle: uid_of(number),
        at: event(number).registered_at,
        is_told,
    };
    let both = vec![bundle(4, false), bundle(3, true)];
    assert_eq!(told_of(1).await, ToldInBundles { addresses: 1, bundles: both });
    let one = ToldInBundles { addresses: 1, bundles: vec![bundle(3, true)] };
    assert_eq!(told_of(2).await, one);
    assert_eq!(told_of(3).await, ToldInBundles::default(), "a bundle is no incident");
    // The events of 1 and of the second bundle are finished; 2 waits on, and so does a delivery.
    let rule = RetentionRule {
        now: START.plus_ms(400 * 24 * 3_600_000),
        term_days: [1; 4],
        events_max: 1_000,
        audit_max: 1_000,
        step_max: 1_000,
    };
    store.retain(rule).await.expect("retained");
    assert!(store.event(uid_of(1)).await.expect("read").is_none());
    assert!(store.event(uid_of(4)).await.expect("read").is_none());
    assert_eq!(told_of(1).await, ToldInBundles::default(), "forgotten with the incident");
    assert_eq!(told_of(2).await, one);
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
    let dropped = BundleCommit { numbers, outcomes: Vec::new(), postponed: Vec::new() };
    store.commit_bundle(dropped).await.expect("answered");
    assert_eq!(store.retain(rule(1_000)).await.expect("retained").events_removed, 1);
}

pub(super) async fn what_a_bundle_does_not_tell_is_noted_and_may_wait_anew(store: &dyn Store) {
    postpone(store, 1, vec![row(1, "a@x", 5)]).await;
    postpone(store, 2, vec![row(2, "a@x", 5)]).await;
    let bundle = due(store, 5).await.remove(0);
    let untold = BundleOutcome { planned: None, reason: "it is paused".to_owned(), ..told(4) };
    let anew = PostponedRow { subscription: "Pumps".to_owned(), ..row(2, "a@x", 9) };
    let commit = BundleCommit {
        numbers: bundle.numbers,
        outcomes: vec![told(3), untold],
        postponed: vec![anew.clone()],
    };
    assert!(store.commit_bundle(commit.clone()).await.expect("answered"));
    assert!(!store.commit_bundle(commit).await.expect("answered"), "it was done");
    for (number, kind, reason) in
        [(3, DecisionKind::Notified, "bundle"), (4, DecisionKind::Off, "it is paused")]
    {
        let stored = store.event(uid_of(number)).await.expect("read").expect("it is there");
        assert_eq!((stored.decisions[0].kind, stored.decisions[0].reason.as_str()), (kind, reason));
    }
    let deliveries = store.deliveries(Default::default(), first_page()).await.expect("read");
    assert_eq!(deliveries.rows.len(), 1, "what is not told has no mail");
    assert_eq!(due(store, 8).await, []);
    assert_eq!(due(store, 9).await[0].rows, [anew]);
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
