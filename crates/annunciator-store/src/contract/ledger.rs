//! Promises about the lists of the ledger.

use annunciator_core::{
    ChannelName, DeliveryState, Event, EventUid, Lane, NotificationId, Severity, Timestamp,
};

use super::samples::{
    START, accept, audit, claim_all, commit, deliver, delivery_id_of, enqueue, event, first_page,
    in_flight, is_stale, notification_id_of, planned, queued, settlement, time_of, uid_of,
};
use crate::{
    AuditFilter, Decision, DecisionKind, DeliveryFilter, EventFilter, Page, PlanCommit,
    PlanVerdict, Store, StoreError,
};

pub(super) async fn events_page_newest_first_without_holes(store: &dyn Store) {
    accept(store, (0..7).map(event).collect()).await;
    let mut seen = Vec::new();
    let mut page = Page { after: None, count_max: 3 };
    for turn in 0..3 {
        let got = store.events(EventFilter::default(), page.clone()).await.expect("read");
        assert_eq!(got.rows.len(), [3, 3, 1][turn]);
        seen.extend(got.rows.into_iter().map(|row| row.event.uid));
        if turn == 0 {
            // What comes meanwhile does not move the pages.
            accept(store, vec![event(99)]).await;
        }
        assert_eq!(got.next.is_none(), turn == 2);
        page.after = got.next;
    }
    assert_eq!(seen, (0..7).rev().map(uid_of).collect::<Vec<_>>());
}

async fn uids(store: &dyn Store, filter: EventFilter) -> Vec<EventUid> {
    let page = store.events(filter, first_page()).await.expect("read");
    assert_eq!(page.next, None);
    page.rows.into_iter().map(|row| row.event.uid).collect()
}

pub(super) async fn event_filters_find_what_they_say(store: &dyn Store) {
    let ended = EventFilter { until: Some(time_of(3)), ..EventFilter::default() };
    assert_eq!(uids(store, ended).await, [], "before there is any");
    let mut second = Event { severity: Severity::Info, ..event(2) };
    second.application.name = "Other".to_owned();
    second.event_type = "cpu.hot".to_owned();
    second.description = "100 % of CPU_1 used".to_owned();
    accept(store, vec![event(1), second, event(3)]).await;
    let off = |reason: &str| Decision {
        channel: ChannelName::from_static("email"),
        kind: DecisionKind::Off,
        reason: reason.to_owned(),
    };
    let decisions = vec![off("\"kind\":\"notified\"")];
    let verdict = PlanVerdict::Planned {
        notifications: vec![],
        decisions,
        term_days: None,
        postponed: Vec::new(),
    };
    store.commit_plans(vec![PlanCommit { event: uid_of(3), verdict }]).await.expect("committed");
    accept(store, vec![event(4)]).await;
    let verdict = PlanVerdict::Failed { reason: "x".to_owned(), tries_max: 1 };
    store.commit_plans(vec![PlanCommit { event: uid_of(4), verdict }]).await.expect("parked");
    let some = |text: &str| Some(text.to_owned());
    let base = EventFilter::default;
    for (filter, expected) in [
        (base(), vec![4, 3, 2, 1]),
        (EventFilter { application: some("Other"), ..base() }, vec![2]),
        (EventFilter { event_type: some("disk.full"), ..base() }, vec![4, 3, 1]),
        (EventFilter { severities: vec![Severity::Info], ..base() }, vec![2]),
        (EventFilter { device: some("pc-3"), ..base() }, vec![3]),
        (EventFilter { state: some("accepted"), ..base() }, vec![2, 1]),
        (EventFilter { state: some("planned"), ..base() }, vec![3]),
        (EventFilter { state: some("parked"), ..base() }, vec![4]),
        (EventFilter { state: some("nonsense"), ..base() }, vec![]),
        (EventFilter { state: some("accepted"), device: some("pc-1"), ..base() }, vec![1]),
        (
            EventFilter { severities: vec![Severity::Info, Severity::Critical], ..base() },
            vec![4, 3, 2, 1],
        ),
        (EventFilter { severities: vec![Severity::Warning], ..base() }, vec![]),
        (EventFilter { group: some("Plant A/Line 2"), ..base() }, vec![4, 3, 2, 1]),
        (EventFilter { group: some("Plant A"), ..base() }, vec![]),
        (EventFilter { decision: Some(DecisionKind::Off), ..base() }, vec![3]),
        (EventFilter { decision: Some(DecisionKind::Notified), ..base() }, vec![]),
        (EventFilter { text: some("DISK FULL"), ..base() }, vec![4, 3, 2, 1]),
        (EventFilter { text: some(" том d"), ..base() }, vec![4, 3, 1]),
        (EventFilter { text: some("oTHe"), ..base() }, vec![2]),
        (EventFilter { text: some("id-3"), ..base() }, vec![3]),
        (EventFilter { text: some("a/line"), ..base() }, vec![4, 3, 2, 1]),
        (EventFilter { text: Some(uid_of(3).to_string().to_uppercase()), ..base() }, vec![3]),
        (EventFilter { text: some("0 % of cpu_1"), ..base() }, vec![2]),
        (EventFilter { text: some("c_u"), ..base() }, vec![]),
        (EventFilter { text: some("0%of"), ..base() }, vec![]),
        (EventFilter { since: Some(time_of(3)), ..base() }, vec![4, 3]),
        (EventFilter { until: Some(time_of(3)), ..base() }, vec![2, 1]),
        (EventFilter { since: Some(time_of(2)), until: Some(time_of(3)), ..base() }, vec![2]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(uid_of).collect();
        assert_eq!(uids(store, filter.clone()).await, expected, "{filter:?}");
    }
}

/// Deliveries 1/0 delivered, 1/1 in flight, 2/0 failed, 3/0 queued in lane b, 4/0 cancelled,
/// 5/0 claimed from the queue.
async fn one_of_each(store: &dyn Store) {
    let first = enqueue(store, 1, "a", 2, in_flight()).await;
    deliver(store, &first.deliveries[0], 1).await;
    let second = enqueue(store, 2, "a", 1, in_flight()).await;
    let failed = settlement(&second.deliveries[0], 1, DeliveryState::Failed { at: START });
    assert!(!is_stale(store, failed).await);
    enqueue(store, 5, "b", 1, queued(START)).await;
    assert_eq!(claim_all(store, START).await.len(), 1);
    enqueue(store, 3, "b", 1, queued(START)).await;
    enqueue(store, 4, "a", 1, queued(START)).await;
    store.cancel(vec![delivery_id_of(4, 0)], START, audit("cancel")).await.expect("cancelled");
}

pub(super) async fn an_event_counts_its_deliveries(store: &dyn Store) {
    one_of_each(store).await;
    accept(store, vec![event(6)]).await;
    let rows = store.events(EventFilter::default(), first_page()).await.expect("read").rows;
    let counted = |row: &crate::EventRow| -> Vec<(String, &'static str, u64)> {
        let counts = row.deliveries.iter();
        counts.map(|one| (one.channel.as_str().to_owned(), one.state, one.count)).collect()
    };
    for (number, expected) in [
        (1, vec![("delivered", 1), ("in_flight", 1)]),
        (2, vec![("failed", 1)]),
        (3, vec![("queued", 1)]),
        (4, vec![("cancelled", 1)]),
        (5, vec![("in_flight", 1)]),
        (6, vec![]),
    ] {
        let expected: Vec<_> =
            expected.into_iter().map(|(state, count)| ("email".to_owned(), state, count)).collect();
        let row = rows.iter().find(|row| row.event.uid == uid_of(number)).expect("listed");
        assert_eq!(counted(row), expected, "{number} of the list");
        let row = store.event(uid_of(number)).await.expect("read").expect("it is there");
        assert_eq!(counted(&row), expected, "{number} alone");
    }
}

async fn check_deliveries(store: &dyn Store, filter: DeliveryFilter, expected: &[(u32, u32)]) {
    let page = store.deliveries(filter.clone(), first_page()).await.expect("read");
    assert_eq!((page.next, page.searched_until), (None, None));
    let mut got: Vec<_> = page.rows.iter().map(|row| row.delivery.id).collect();
    let ids = expected.iter().map(|(number, recipient)| delivery_id_of(*number, *recipient));
    let mut expected: Vec<_> = ids.collect();
    // Two of the same millisecond have no order.
    got.sort();
    expected.sort();
    assert_eq!(got, expected, "{filter:?}");
}

pub(super) async fn delivery_filters_find_what_they_say(store: &dyn Store) {
    one_of_each(store).await;
    let some = |text: &str| Some(text.to_owned());
    let state = |word: &str| DeliveryFilter { state: some(word), ..DeliveryFilter::default() };
    let base = DeliveryFilter::default;
    let lane = |name: &str| Some(Lane::new(name));
    let all = vec![(5, 0), (4, 0), (3, 0), (2, 0), (1, 1), (1, 0)];
    for (filter, expected) in [
        (base(), all.clone()),
        (state("queued"), vec![(3, 0)]),
        (state("in_flight"), vec![(5, 0), (1, 1)]),
        (state("delivered"), vec![(1, 0)]),
        (state("failed"), vec![(2, 0)]),
        (state("cancelled"), vec![(4, 0)]),
        (state("nonsense"), vec![]),
        (
            DeliveryFilter { channel: Some(ChannelName::from_static("email")), ..base() },
            all.clone(),
        ),
        (DeliveryFilter { channel: Some(ChannelName::from_static("sms")), ..base() }, vec![]),
        (DeliveryFilter { recipient: some("USER-1@example.org"), ..base() }, vec![(1, 1)]),
        (DeliveryFilter { recipient: some("user-1"), ..base() }, vec![]),
        (DeliveryFilter { lane: lane("b"), ..base() }, vec![(5, 0), (3, 0)]),
        (DeliveryFilter { lane: lane("b"), ..state("in_flight") }, vec![(5, 0)]),
        (DeliveryFilter { event: Some(uid_of(1)), ..base() }, vec![(1, 1), (1, 0)]),
        (DeliveryFilter { event: Some(uid_of(1)), ..state("in_flight") }, vec![(1, 1)]),
        (DeliveryFilter { event: Some(uid_of(77)), ..base() }, vec![]),
        (DeliveryFilter { notification: Some(notification_id_of(2)), ..base() }, vec![(2, 0)]),
        (
            DeliveryFilter {
                notification: Some(notification_id_of(2)),
                event: Some(uid_of(1)),
                ..base()
            },
            vec![],
        ),
        (DeliveryFilter { since: Some(time_of(4)), ..base() }, vec![(5, 0), (4, 0)]),
        (DeliveryFilter { until: Some(time_of(2)), ..base() }, vec![(1, 1), (1, 0)]),
    ] {
        check_deliveries(store, filter, &expected).await;
    }
    let one = DeliveryFilter { notification: Some(notification_id_of(2)), ..base() };
    let row = store.deliveries(one, first_page()).await.expect("read").rows.remove(0);
    assert_eq!((row.event, row.channel.as_str()), (uid_of(2), "email"));
    assert_eq!(row.subject, "Critical: Disk full on pc-2");
    assert_eq!((row.severity, row.event_type.as_str()), (Severity::Critical, "disk.full"));
    assert_eq!((row.type_name.as_str(), row.application.as_str()), ("Disk full", "Storage Guard"));
    assert_eq!((row.device.as_str(), row.relay.as_str()), ("pc-2", "mail.example.org:25"));
}

pub(super) async fn deliveries_are_found_by_their_event_and_by_any_text(store: &dyn Store) {
    one_of_each(store).await;
    let some = |text: &str| Some(text.to_owned());
    let base = DeliveryFilter::default;
    let all = vec![(5, 0), (4, 0), (3, 0), (2, 0), (1, 1), (1, 0)];
    for (filter, expected) in [
        (DeliveryFilter { severities: vec![Severity::Critical], ..base() }, all.clone()),
        (DeliveryFilter { severities: vec![Severity::Info], ..base() }, vec![]),
        (DeliveryFilter { application: some("Storage Guard"), ..base() }, all.clone()),
        (DeliveryFilter { application: some("Storage"), ..base() }, vec![]),
        (DeliveryFilter { device: some("pc-2"), ..base() }, vec![(2, 0)]),
        (DeliveryFilter { event_type: some("disk.full"), ..base() }, all.clone()),
        (DeliveryFilter { event_type: some("cpu.hot"), ..base() }, vec![]),
        (DeliveryFilter { text: some("USER-1@"), ..base() }, vec![(1, 1)]),
        (DeliveryFilter { text: some("full on PC-2"), ..base() }, vec![(2, 0)]),
        (DeliveryFilter { text: some("disk.f"), ..base() }, all.clone()),
        (DeliveryFilter { text: some("age gua"), ..base() }, all.clone()),
        (DeliveryFilter { text: some("id-4"), ..base() }, vec![(4, 0)]),
        (DeliveryFilter { text: Some(uid_of(3).to_string()), ..base() }, vec![(3, 0)]),
        (DeliveryFilter { text: some("user-1@"), event: Some(uid_of(1)), ..base() }, vec![(1, 1)]),
        (DeliveryFilter { text: some("pc-3"), state: some("queued"), ..base() }, vec![(3, 0)]),
    ] {
        check_deliveries(store, filter, &expected).await;
    }
}

pub(super) async fn deliveries_page_newest_first_without_holes(store: &dyn Store) {
    let big = event(50);
    accept(store, vec![big.clone()]).await;
    commit(store, &big, vec![planned(&big, 50, "a", 4, &queued(START))]).await;
    for number in 51..54 {
        enqueue(store, number, "a", 1, queued(START)).await;
    }
    for filter in [
        DeliveryFilter::default(),
        DeliveryFilter { state: Some("queued".to_owned()), ..DeliveryFilter::default() },
    ] {
        let mut seen = Vec::new();
        let mut page = Page { after: None, count_max: 2 };
        loop {
            let got = store.deliveries(filter.clone(), page.clone()).await.expect("read");
            assert!(got.rows.len() <= 2);
            seen.extend(got.rows.iter().map(|row| row.delivery.created_at));
            page.after = got.next;
            if page.after.is_none() {
                break;
            }
        }
        let expected: Vec<Timestamp> = [53, 52, 51, 50, 50, 50, 50].map(time_of).to_vec();
        assert_eq!(seen, expected);
    }
    let mut page = Page { after: None, count_max: 3 };
    let of_event = DeliveryFilter { event: Some(uid_of(50)), ..DeliveryFilter::default() };
    let got = store.deliveries(of_event.clone(), page.clone()).await.expect("read");
    assert_eq!(got.rows.len(), 3);
    page.after = got.next;
    let rest = store.deliveries(of_event, page).await.expect("read");
    assert_eq!((rest.rows.len(), rest.next), (1, None));
}

pub(super) async fn a_list_says_whether_it_is_longer(store: &dyn Store) {
    one_of_each(store).await;
    let flying = || DeliveryFilter { state: Some("in_flight".to_owned()), ..Default::default() };
    let none = || EventFilter { text: Some("nowhere".to_owned()), ..EventFilter::default() };
    for (count, all, in_flight, events) in [
        (0, true, true, true),
        (1, true, true, true),
        (2, true, false, true),
        (4, true, false, true),
        (5, true, false, false),
        (6, false, false, false),
    ] {
        let longer = store.deliveries_exceed(DeliveryFilter::default(), count).await;
        assert_eq!(longer.expect("read"), all, "{count} deliveries");
        let longer = store.deliveries_exceed(flying(), count).await;
        assert_eq!(longer.expect("read"), in_flight, "{count} in flight");
        let longer = store.events_exceed(EventFilter::default(), count).await;
        assert_eq!(longer.expect("read"), events, "{count} events");
        assert!(!store.events_exceed(none(), count).await.expect("read"), "{count} of none");
    }
}

pub(super) async fn a_foreign_cursor_is_refused(store: &dyn Store) {
    for text in ["", "1", "zzzzzzzzzzzzzzzz", "ffffffffffffffff", "0'; DROP TABLE e"] {
        let page = || Page { after: Some(text.to_owned()), count_max: 10 };
        let is_refused =
            |error: Option<StoreError>| matches!(error, Some(StoreError::BadRequest(_)));
        assert!(is_refused(store.events(EventFilter::default(), page()).await.err()), "{text}");
        let deliveries = store.deliveries(DeliveryFilter::default(), page()).await;
        assert!(is_refused(deliveries.err()), "{text}");
        assert!(is_refused(store.audit(AuditFilter::default(), page()).await.err()), "{text}");
        assert!(is_refused(store.settings_history("server", page()).await.err()), "{text}");
    }
}

pub(super) async fn what_is_not_there_is_none(store: &dyn Store) {
    assert!(store.event(uid_of(1)).await.expect("read").is_none());
    assert!(store.events_by_source_id("id-1", None).await.expect("read").is_empty());
    assert!(store.notifications_of(uid_of(1)).await.expect("read").is_empty());
    let id: NotificationId = notification_id_of(1);
    assert!(store.notification(id).await.expect("read").is_none());
    assert!(store.delivery(delivery_id_of(1, 0)).await.expect("read").is_none());
    assert!(store.attempts_of(delivery_id_of(1, 0)).await.expect("read").is_empty());
    assert!(store.settings("server").await.expect("read").is_none());
    assert!(store.event_types().await.expect("read").is_empty());
    let claims = store.claim_due(super::samples::ask(START)).await.expect("claimed");
    assert_eq!((claims.orders.len(), claims.next_due_at), (0, None));
}
