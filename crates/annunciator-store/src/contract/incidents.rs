//! Promises about incidents.

use annunciator_core::{Event, EventUid, Sample, Severity, Timestamp};

use super::samples::{START, audit, commit, event, first_page, queued, uid_of};
use crate::{
    Accept, Acceptance, Accepted, IncidentFilter, IncidentRow, NewIncident, Page, RetentionRule,
    StatusChange, StatusOutcome, Store,
};

const MINUTE_MS: i64 = 60_000;

fn incident(top_tag: &str, after_ms: i64) -> NewIncident {
    NewIncident {
        kind: "forecaster".to_owned(),
        model: "Boiler 3".to_owned(),
        top_tag: top_tag.to_owned(),
        group: String::new(),
        grouping_ms: 10 * MINUTE_MS,
        starts_at: START.plus_ms(after_ms),
        status: "under_review".to_owned(),
        told: true,
        author: "token detector".to_owned(),
        samples: Vec::new(),
    }
}

async fn take(store: &dyn Store, taken: Vec<(Event, NewIncident)>) -> Vec<Accepted> {
    let (events, incidents) = taken.into_iter().unzip();
    let accept = Accept { events, idempotency: None, claimed: false, now: START };
    match store.accept_incidents(accept, incidents).await.expect("accepted") {
        Acceptance::Accepted(answers) => answers,
        other => panic!("not accepted: {other:?}"),
    }
}

async fn row(store: &dyn Store, number: u32) -> IncidentRow {
    store.incident(uid_of(number)).await.expect("read").expect("it is there")
}

async fn listed(store: &dyn Store, filter: IncidentFilter) -> Vec<EventUid> {
    let page = store.incidents(filter, first_page()).await.expect("read");
    page.rows.into_iter().map(|row| row.event.uid).collect()
}

pub(super) async fn an_incident_is_stored_with_its_event_once(store: &dyn Store) {
    let samples =
        vec![Sample { at: Timestamp(-5), value: -1.5e-300 }, Sample { at: START, value: 71.25 }];
    let with_samples = NewIncident { samples: samples.clone(), ..incident("TI-1", 0) };
    let answers =
        take(store, vec![(event(1), with_samples), (event(2), incident("TI-2", 0))]).await;
    assert!(answers.iter().all(|answer| !answer.duplicate));
    assert_eq!(store.claim_events(9).await.expect("claimed").len(), 2, "they are planned");
    let stored = row(store, 1).await;
    let expected = IncidentRow {
        event: event(1),
        status: "under_review".to_owned(),
        told: true,
        changed_at: event(1).registered_at,
        group: uid_of(1).to_string(),
        sample_count: 2,
    };
    assert_eq!(stored, expected);
    let wanted = vec![uid_of(1), uid_of(2), uid_of(3)];
    assert_eq!(store.incident_samples(wanted).await.expect("read"), [(uid_of(1), samples)]);
    let again = NewIncident { status: "ignore".to_owned(), ..incident("TI-1", 0) };
    let copy = Event { uid: uid_of(7), ..event(1) };
    assert!(take(store, vec![(copy, again)]).await[0].duplicate);
    assert_eq!(row(store, 1).await, expected, "a duplicate changes nothing");
    assert_eq!(store.incident(uid_of(7)).await.expect("read"), None);
    let by_id = store.incidents_by_source_id(&event(1).id).await.expect("read");
    assert_eq!(by_id, [expected]);
}

pub(super) async fn no_event_swallows_an_incident(store: &dyn Store) {
    let accept = |events| Accept { events, idempotency: None, claimed: false, now: START };
    let alone = store.accept(accept(vec![event(1)])).await.expect("accepted");
    assert!(matches!(alone, Acceptance::Accepted(_)));
    take(store, vec![(event(2), incident("TI-1", 0))]).await;
    let copy = |uid: u32, of: u32| Event { uid: uid_of(uid), ..event(of) };
    let made_here = Event { id: uid_of(4).to_string(), ..event(4) };
    store.accept(accept(vec![made_here.clone()])).await.expect("accepted");
    let same_made_here = Event { uid: uid_of(10), ..made_here };
    let events = vec![event(3), copy(7, 1), copy(8, 2), same_made_here];
    let incidents = vec![incident("TI-1", 0); events.len()];
    let answer = store.accept_incidents(accept(events), incidents).await.expect("answered");
    assert_eq!(answer, Acceptance::OtherEvents(vec![1, 3]));
    for number in [1, 3, 4, 7, 8, 10] {
        assert_eq!(store.incident(uid_of(number)).await.expect("read"), None, "{number}");
    }
    assert!(store.event(uid_of(3)).await.expect("read").is_none(), "a batch is whole or nothing");
}

pub(super) async fn incidents_alike_are_a_group(store: &dyn Store) {
    let given = NewIncident { group: "G".to_owned(), ..incident("TI-1", MINUTE_MS) };
    let alone = NewIncident { grouping_ms: 0, ..incident("TI-1", MINUTE_MS) };
    take(
        store,
        vec![
            (event(1), incident("TI-1", 0)),
            (event(2), incident("TI-1", 9 * MINUTE_MS)),
            (event(3), incident("TI-1", 30 * MINUTE_MS)),
            (event(4), incident("TI-2", 0)),
            (event(5), given.clone()),
            (event(6), given),
            (event(7), alone),
            (event(8), incident("", 0)),
            (event(9), incident("", 0)),
        ],
    )
    .await;
    let first = uid_of(1).to_string();
    let expected = [
        (1, first.clone()),
        (2, first),
        (3, uid_of(3).to_string()),
        (4, uid_of(4).to_string()),
        (5, "G".to_owned()),
        (6, "G".to_owned()),
        (7, uid_of(7).to_string()),
        (8, uid_of(8).to_string()),
        (9, uid_of(9).to_string()),
    ];
    for (number, group) in expected {
        assert_eq!(row(store, number).await.group, group, "{number}");
    }
    let groups = store.incident_groups(first_page()).await.expect("read").rows;
    let groups: Vec<_> = groups.iter().map(|one| (one.group.as_str(), one.count)).collect();
    assert_eq!(groups, [("G", 2), (uid_of(1).to_string().as_str(), 2)]);
    let filter = IncidentFilter { group: Some("G".to_owned()), ..IncidentFilter::default() };
    assert_eq!(listed(store, filter).await, [uid_of(6), uid_of(5)]);
}

pub(super) async fn incidents_are_found_by_what_they_are(store: &dyn Store) {
    let other = NewIncident {
        kind: "rule".to_owned(),
        model: "Pump".to_owned(),
        status: "ignore".to_owned(),
        ..incident("PI-7", 5)
    };
    let severe = Event { severity: Severity::Critical, ..event(2) };
    let mild = Event { severity: Severity::Warning, ..event(1) };
    take(store, vec![(mild, incident("TI-1", 0)), (severe, other)]).await;
    let text = |text: &str| Some(text.to_owned());
    let none = IncidentFilter::default;
    for (filter, expected) in [
        (none(), vec![2, 1]),
        (IncidentFilter { kind: text("rule"), ..none() }, vec![2]),
        (IncidentFilter { model: text("Boiler 3"), ..none() }, vec![1]),
        (IncidentFilter { top_tag: text("PI-7"), ..none() }, vec![2]),
        (IncidentFilter { status: text("under_review"), ..none() }, vec![1]),
        (IncidentFilter { detector: text("nobody"), ..none() }, vec![]),
        (IncidentFilter { severity_min: Some(Severity::Critical), ..none() }, vec![2]),
        (IncidentFilter { since: Some(START.plus_ms(5)), ..none() }, vec![2]),
        (IncidentFilter { until: Some(START.plus_ms(5)), ..none() }, vec![1]),
        (IncidentFilter { text: text("pi-7"), ..none() }, vec![2]),
        (IncidentFilter { text: text("BOILER"), ..none() }, vec![1]),
        (IncidentFilter { text: Some(event(1).id), kind: text("forecaster"), ..none() }, vec![1]),
        (IncidentFilter { text: Some(uid_of(2).to_string()), ..none() }, vec![2]),
        (IncidentFilter { text: text("pi-7"), kind: text("forecaster"), ..none() }, vec![]),
        (IncidentFilter { text: text("том d: HAS"), ..none() }, vec![2, 1]),
        (IncidentFilter { text: text("100%"), ..none() }, vec![]),
    ] {
        let expected: Vec<EventUid> = expected.into_iter().map(uid_of).collect();
        assert_eq!(listed(store, filter.clone()).await, expected, "{filter:?}");
        for count in 0..3 {
            let exceeds = store.incidents_exceed(filter.clone(), count).await.expect("read");
            assert_eq!(exceeds, expected.len() > count, "{filter:?} {count}");
        }
    }
}

/// Pages go on where the one before ended, whatever is left out between.
pub(super) async fn incidents_are_listed_page_by_page(store: &dyn Store) {
    let kind = |number: u32| if number.is_multiple_of(2) { "rule" } else { "limit" };
    let incident = |number| NewIncident { kind: kind(number).to_owned(), ..incident("TI-1", 0) };
    take(store, (1..=7).map(|number| (event(number), incident(number))).collect()).await;
    let filter = IncidentFilter { kind: Some("limit".to_owned()), ..IncidentFilter::default() };
    let mut page = Page { after: None, count_max: 2 };
    let mut pages = Vec::new();
    loop {
        let found = store.incidents(filter.clone(), page.clone()).await.expect("read");
        pages.push(found.rows.iter().map(|row| row.event.uid).collect::<Vec<_>>());
        assert_eq!(found.searched_until, None);
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![uid_of(7), uid_of(5)], vec![uid_of(3), uid_of(1)]]);
}

pub(super) async fn a_status_changes_once_with_its_event_and_audit_line(store: &dyn Store) {
    let ignored = NewIncident { status: "ignore".to_owned(), told: false, ..incident("TI-1", 0) };
    take(store, vec![(event(1), ignored)]).await;
    store.claim_events(9).await.expect("claimed");
    let change = |number: u32| StatusChange {
        incident: uid_of(1),
        from: "ignore".to_owned(),
        was_told: false,
        to: "under_review".to_owned(),
        is_told: true,
        comment: "look again".to_owned(),
        event: event(number),
        audit: audit("incident.status"),
    };
    let changed = |change| async { store.change_incident_status(change).await.expect("answered") };
    assert_eq!(changed(change(2)).await, StatusOutcome::Changed);
    assert_eq!(changed(change(3)).await, StatusOutcome::Otherwise, "it has another status by now");
    let unknown = StatusChange { incident: uid_of(9), ..change(4) };
    assert_eq!(changed(unknown).await, StatusOutcome::Otherwise);
    let now = row(store, 1).await;
    assert_eq!((now.status.as_str(), now.told), ("under_review", true));
    assert_eq!(now.changed_at, audit("").at);
    let told = store.claim_events(9).await.expect("claimed");
    assert_eq!(told.iter().map(|event| event.uid).collect::<Vec<_>>(), [uid_of(2)]);
    let had = store.incident_statuses(uid_of(1)).await.expect("read");
    let had: Vec<_> = had.iter().map(|one| (&*one.status, &*one.comment, one.event)).collect();
    assert_eq!(had, [("ignore", "", uid_of(1)), ("under_review", "look again", uid_of(2))]);
    let log = store.audit(crate::AuditFilter::default(), first_page()).await.expect("read").rows;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].entry.action, "incident.status");
}

/// Plans an event of an incident: somebody is told, or nobody.
async fn plan(store: &dyn Store, number: u32, tells: bool) {
    let told = || super::samples::planned(&event(number), number, "a", 1, &queued(START));
    let notifications = if tells { vec![told()] } else { Vec::new() };
    commit(store, &event(number), notifications).await;
}

pub(super) async fn an_incident_was_told_when_its_plan_told_somebody(store: &dyn Store) {
    let incidents = (1..=3).map(|number| (event(number), incident("TI-1", 0)));
    take(store, incidents.collect()).await;
    store.claim_events(9).await.expect("claimed");
    assert!(row(store, 1).await.told, "until the plan says otherwise");
    plan(store, 1, false).await;
    plan(store, 2, true).await;
    let told = async || [row(store, 1).await.told, row(store, 2).await.told];
    assert_eq!(told().await, [false, true]);
    let change = |incident: u32, number: u32, was_told: bool, statuses: [&str; 2]| StatusChange {
        incident: uid_of(incident),
        from: statuses[0].to_owned(),
        was_told,
        to: statuses[1].to_owned(),
        is_told: true,
        comment: String::new(),
        event: event(number),
        audit: audit("incident.status"),
    };
    let changed = async |change: StatusChange| {
        let number = change.event.uid;
        let outcome = store.change_incident_status(change).await.expect("answered");
        assert_eq!(outcome, StatusOutcome::Changed);
        assert_eq!(store.claim_events(9).await.expect("claimed")[0].uid, number);
    };
    changed(change(1, 11, false, ["under_review", "b"])).await;
    changed(change(2, 12, true, ["under_review", "b"])).await;
    assert_eq!(told().await, [true, true]);
    plan(store, 11, false).await;
    plan(store, 12, false).await;
    assert_eq!(told().await, [false, true], "news that nobody follows take nothing back");
    changed(change(1, 13, false, ["b", "c"])).await;
    plan(store, 13, true).await;
    assert_eq!(told().await, [true, true]);
}

pub(super) async fn an_incident_goes_with_its_event(store: &dyn Store) {
    take(store, vec![(event(1), incident("TI-1", 0))]).await;
    let claimed = store.claim_events(9).await.expect("claimed");
    let verdict = crate::PlanVerdict::Planned {
        notifications: Vec::new(),
        decisions: Vec::new(),
        term_days: Some(0),
        postponed: Vec::new(),
    };
    let plan = crate::PlanCommit { event: claimed[0].uid, verdict };
    store.commit_plans(vec![plan]).await.expect("committed");
    let rule = RetentionRule {
        now: START.plus_ms(400 * 24 * 3_600_000),
        term_days: [1; 4],
        events_max: 1_000,
        audit_max: 1_000,
        step_max: 1_000,
    };
    assert_eq!(store.retain(rule).await.expect("removed").events_removed, 1);
    assert_eq!(store.incident(uid_of(1)).await.expect("read"), None);
    assert!(store.incident_statuses(uid_of(1)).await.expect("read").is_empty());
}
