//! Promises about accepting, claiming and planning events.

use annunciator_core::{ChannelName, Event, Severity};

use super::samples::{
    START, accept, commit, deliver, enqueue, event, in_flight, planned, time_of, uid_of,
};
use crate::{
    Accept, Acceptance, Accepted, Decision, DecisionKind, EventState, Idempotency, PlanCommit,
    PlanVerdict, Store,
};

const DAY_MS: i64 = 24 * 3600 * 1000;

pub(super) async fn an_accepted_event_is_in_the_ledger_as_it_came(store: &dyn Store) {
    let given = event(1);
    let bare = Event {
        uid: uid_of(2),
        id: uid_of(2).to_string(),
        parameters: std::collections::BTreeMap::new(),
        ..event(2)
    };
    let answers = accept(store, vec![given.clone(), bare.clone()]).await;
    assert_eq!(answers.iter().map(|a| a.duplicate).collect::<Vec<_>>(), [false, false]);
    for expected in [&given, &bare] {
        let row = store.event(expected.uid).await.expect("read").expect("there");
        assert_eq!(&row.event, expected);
        assert_eq!(row.state, EventState::Accepted { tries: 0 });
        let found = store.events_by_source_id(&expected.id, None).await.expect("read");
        assert_eq!(found.len(), 1, "by the source's id");
        assert_eq!(&found[0].event, expected);
        let other = store.events_by_source_id(&expected.id, Some("Other")).await.expect("read");
        assert!(other.is_empty(), "of another application");
    }
}

pub(super) async fn an_id_is_one_event_per_application(store: &dyn Store) {
    let first = event(1);
    accept(store, vec![first.clone()]).await;
    let mut elsewhere = Event { id: first.id.clone(), ..event(2) };
    elsewhere.application.name = "Other".to_owned();
    let again = Event { id: first.id.clone(), ..event(3) };
    let new = event(4);
    let twin = Event { id: new.id.clone(), ..event(5) };
    let answers = accept(store, vec![elsewhere, again, new, twin]).await;
    let expected = [(uid_of(2), false), (uid_of(1), true), (uid_of(4), false), (uid_of(4), true)];
    let got: Vec<_> = answers.iter().map(|answer| (answer.uid, answer.duplicate)).collect();
    assert_eq!(got, expected);
    assert!(store.event(uid_of(3)).await.expect("read").is_none(), "a duplicate is not stored");
    assert_eq!(store.events_by_source_id(&first.id, None).await.expect("read").len(), 2);
}

pub(super) async fn an_id_made_here_and_given_back_is_the_same_event(store: &dyn Store) {
    let bare = Event { id: uid_of(1).to_string(), ..event(1) };
    accept(store, vec![bare.clone()]).await;
    let given_back = Event { id: bare.id.clone(), ..event(2) };
    let answers = accept(store, vec![given_back, bare]).await;
    for answer in answers {
        assert_eq!((answer.uid, answer.duplicate), (uid_of(1), true));
    }
}

pub(super) async fn an_idempotency_key_is_good_for_a_day(store: &dyn Store) {
    let ask = |number: u32, owner: &str, body: u8, after_ms: i64| Accept {
        events: vec![event(number)],
        idempotency: Some(Idempotency {
            owner: owner.to_owned(),
            key: "k".to_owned(),
            body_sha256: [body; 32],
        }),
        claimed: false,
        now: START.plus_ms(after_ms),
    };
    let told = |number: u32| {
        vec![Accepted { id: format!("id-{number}"), uid: uid_of(number), duplicate: false }]
    };
    for (number, owner, body, after_ms, expected) in [
        (1, "a", 1, 0, Acceptance::Accepted(told(1))),
        (2, "a", 1, 1000, Acceptance::Replayed(told(1))),
        (3, "a", 2, 1000, Acceptance::KeyReused),
        (4, "b", 2, 1000, Acceptance::Accepted(told(4))),
        (5, "a", 1, DAY_MS - 1, Acceptance::Replayed(told(1))),
        (6, "a", 2, DAY_MS, Acceptance::Accepted(told(6))),
        (7, "a", 2, DAY_MS + 1, Acceptance::Replayed(told(6))),
    ] {
        let answer = store.accept(ask(number, owner, body, after_ms)).await.expect("answered");
        assert_eq!(answer, expected, "event {number}");
    }
    for number in [2, 3, 5, 7] {
        assert!(store.event(uid_of(number)).await.expect("read").is_none(), "event {number}");
    }
}

pub(super) async fn an_event_is_claimed_once_and_the_oldest_first(store: &dyn Store) {
    let ask =
        |events: Vec<Event>, claimed| Accept { events, idempotency: None, claimed, now: START };
    store.accept(ask(vec![event(1), event(2)], false)).await.expect("accepted");
    store.accept(ask(vec![event(3)], true)).await.expect("accepted");
    store.accept(ask(vec![event(4)], false)).await.expect("accepted");
    let claim = |count| async move {
        let events = store.claim_events(count).await.expect("claimed");
        events.into_iter().map(|event| event.uid).collect::<Vec<_>>()
    };
    assert_eq!(claim(2).await, [uid_of(1), uid_of(2)]);
    assert_eq!(claim(2).await, [uid_of(4)], "3 belongs to whoever accepted it");
    assert!(claim(2).await.is_empty());
    commit(store, &event(1), Vec::new()).await;
    assert!(claim(2).await.is_empty(), "1 is planned");
}

pub(super) async fn an_event_that_cannot_be_planned_is_parked(store: &dyn Store) {
    accept(store, vec![event(1)]).await;
    let failed = || {
        let verdict = PlanVerdict::Failed { reason: "bad template".to_owned(), tries_max: 2 };
        vec![PlanCommit { event: uid_of(1), verdict }]
    };
    store.commit_plans(failed()).await.expect("committed");
    let state = || async { store.event(uid_of(1)).await.expect("read").expect("there").state };
    assert_eq!(state().await, EventState::Accepted { tries: 1 });
    let again = store.claim_events(10).await.expect("claimed");
    assert_eq!(again, [event(1)], "it is tried again");
    store.commit_plans(failed()).await.expect("committed");
    assert_eq!(state().await, EventState::Parked { reason: "bad template".to_owned() });
    assert!(store.claim_events(10).await.expect("claimed").is_empty(), "and no more");
}

pub(super) async fn a_plan_is_committed_once(store: &dyn Store) {
    let first = enqueue(store, 1, "a", 2, in_flight()).await;
    let plan = |planned: crate::PlannedNotification| PlanCommit {
        event: uid_of(1),
        verdict: PlanVerdict::Planned {
            notifications: vec![planned],
            decisions: Vec::new(),
            term_days: None,
            postponed: Vec::new(),
        },
    };
    let second = planned(&event(1), 9, "a", 1, &in_flight());
    let left_out = store.commit_plans(vec![plan(second.clone())]).await.expect("committed");
    assert_eq!(left_out.overtaken, [second.notification.id], "it must not be delivered");
    assert!(left_out.limited.is_empty(), "no limit was reached");
    let left_out = store.commit_plans(vec![plan(first.clone())]).await.expect("committed");
    assert!(left_out.is_empty(), "it was asked again after an answer that was lost");
    commit(store, &event(7), Vec::new()).await;
    let stored = store.notifications_of(uid_of(1)).await.expect("read");
    assert_eq!(stored, [(*first.notification).clone()]);
    let id = first.notification.id;
    let one = store.notification(id).await.expect("read").expect("there");
    assert_eq!(one, *first.notification);
    assert!(store.event(uid_of(7)).await.expect("read").is_none(), "an unknown event stays so");
    deliver(store, &first.deliveries[0], 1).await;
}

pub(super) async fn decisions_are_kept_without_notifications_too(store: &dyn Store) {
    let decided = |kind, reason: &str| Decision {
        channel: ChannelName::from_static("email"),
        kind,
        reason: reason.to_owned(),
    };
    for (number, kind, reason) in [
        (1, DecisionKind::Off, "notify about: none"),
        (2, DecisionKind::Off, "notify about: none"),
        (3, DecisionKind::Silenced, "silence of the night shift"),
    ] {
        accept(store, vec![event(number)]).await;
        let decisions = vec![decided(kind, reason)];
        let verdict = PlanVerdict::Planned {
            notifications: Vec::new(),
            decisions: decisions.clone(),
            term_days: None,
            postponed: Vec::new(),
        };
        let plan = PlanCommit { event: uid_of(number), verdict };
        store.commit_plans(vec![plan]).await.expect("committed");
        let row = store.event(uid_of(number)).await.expect("read").expect("there");
        assert_eq!((row.state, row.decisions), (EventState::Planned, decisions));
    }
}

pub(super) async fn an_event_type_shows_what_was_seen_last(store: &dyn Store) {
    let renamed = Event { type_name: "Volume full".to_owned(), ..event(2) };
    let milder = Event { severity: Severity::Warning, type_name: String::new(), ..event(3) };
    accept(store, vec![event(1), renamed]).await;
    accept(store, vec![milder]).await;
    let mut other = event(4);
    other.event_type = "cpu.hot".to_owned();
    accept(store, vec![other]).await;
    let types = store.event_types().await.expect("read");
    let codes: Vec<_> = types.iter().map(|row| row.event_type.as_str()).collect();
    assert_eq!(codes, ["cpu.hot", "disk.full"]);
    let disk = &types[1];
    assert_eq!(disk.application, "Storage Guard");
    assert_eq!(disk.type_name, "Volume full", "an empty name does not hide the last one");
    assert_eq!(disk.severity, Severity::Warning);
    assert_eq!(disk.first_seen_at, time_of(1));
    assert_eq!(disk.storage_term_days, None);
}
