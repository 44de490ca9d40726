//! Incidents and bundles: what several nodes can break, and what a copy takes along.

use annunciator_core::{ChannelName, Event, EventUid};

use super::{database, open_at};
use crate::contract::samples::{START, accept, event, planned, queued, uid_of};
use crate::postgres::schema::lock;
use crate::postgres::{CopyEnd, copy_to_database};
use crate::sqlite::SqliteStore;
use crate::{
    Accept, Acceptance, BundleCommit, BundleOutcome, Bundles as _, IncidentFilter, Incidents as _,
    NewIncident, PlanCommit, PlanVerdict, PostponedRow, Store,
};

fn incident() -> NewIncident {
    NewIncident {
        kind: "forecaster".to_owned(),
        model: "Boiler 3".to_owned(),
        top_tag: "TI-1".to_owned(),
        group: String::new(),
        grouping_ms: 0,
        starts_at: START,
        status: "under_review".to_owned(),
        told: true,
        author: "token detector".to_owned(),
        samples: Vec::new(),
    }
}

fn waiting(event: Event) -> Accept {
    Accept { events: vec![event], idempotency: None, claimed: false, now: START }
}

async fn take(store: &dyn Store, event: Event) -> Acceptance {
    store.accept_incidents(waiting(event), vec![incident()]).await.unwrap()
}

fn waits(number: u32, address: &str) -> PostponedRow {
    PostponedRow {
        due_at: START,
        subscription: "Boilers".to_owned(),
        address: address.to_owned(),
        language: "en".to_owned(),
        time_zone: "UTC".to_owned(),
        event: uid_of(number),
    }
}

/// An incident that waits for the bundles of these addresses.
async fn postpone(store: &dyn Store, number: u32, addresses: &[&str]) {
    take(store, event(number)).await;
    store.claim_events(9).await.unwrap();
    let verdict = PlanVerdict::Planned {
        notifications: Vec::new(),
        decisions: Vec::new(),
        term_days: None,
        postponed: addresses.iter().map(|address| waits(number, address)).collect(),
    };
    store.commit_plans(vec![PlanCommit { event: uid_of(number), verdict }]).await.unwrap();
}

/// A bundle of an incident, told as an event of our own.
fn bundle(number: u32, incident: EventUid, numbers: Vec<i64>) -> BundleCommit {
    let outcome = BundleOutcome {
        planned: Some(planned(&event(number), number, "mail_notifier/server", 1, &queued(START))),
        event: event(number),
        channel: ChannelName::from_static("mail_notifier"),
        reason: "bundle".to_owned(),
        incidents: vec![incident],
        address: "a@x".to_owned(),
    };
    BundleCommit { numbers, outcomes: vec![outcome], postponed: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_of_another_node_swallows_an_incident() {
    let Some((cluster, name)) = database() else { return };
    let first = open_at(&cluster.address(&name), 1).await;
    let second = open_at(&cluster.address(&name), 2).await;
    let (mut stored, mut refused) = (0, 0);
    for number in 1..=40 {
        let copy = Event { uid: uid_of(1_000 + number), ..event(number) };
        let (plain, taken) = if number.is_multiple_of(2) {
            tokio::join!(accept(&*first, vec![copy]), take(&*second, event(number)))
        } else {
            let (taken, plain) =
                tokio::join!(take(&*second, event(number)), accept(&*first, vec![copy]));
            (plain, taken)
        };
        let row = second.incident(uid_of(number)).await.unwrap();
        match taken {
            Acceptance::Accepted(answers) => {
                assert!(!answers[0].duplicate && plain[0].duplicate && row.is_some(), "{number}");
                stored += 1;
            }
            Acceptance::OtherEvents(positions) => {
                assert_eq!(positions, [0]);
                assert!(!plain[0].duplicate && row.is_none(), "{number}");
                assert!(second.event(uid_of(number)).await.unwrap().is_none(), "{number}");
                refused += 1;
            }
            other => panic!("{number}: {other:?}"),
        }
    }
    println!("{stored} incidents came first, {refused} events did");
    assert_eq!(
        second.incidents(IncidentFilter::default(), page()).await.unwrap().rows.len(),
        stored
    );
}

fn page() -> crate::Page {
    crate::Page { after: None, count_max: 100 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_tells_a_bundle() {
    let Some((cluster, name)) = database() else { return };
    let first = open_at(&cluster.address(&name), 1).await;
    let second = open_at(&cluster.address(&name), 2).await;
    for number in 1..=20 {
        postpone(&*first, number, &["a@x"]).await;
        let due = second.due_bundles(START, 0, 9).await.unwrap().remove(0);
        let (one, other) = tokio::join!(
            first.commit_bundle(bundle(100 + number, uid_of(number), due.numbers.clone())),
            second.commit_bundle(bundle(200 + number, uid_of(number), due.numbers.clone())),
        );
        assert!(one.unwrap() ^ other.unwrap(), "{number}");
        let told = first.told_in_bundles(uid_of(number)).await.unwrap();
        assert_eq!((told.addresses, told.bundles.len()), (1, 1), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_knows_which_bundles_told_an_incident() {
    let Some((cluster, name)) = database() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(folder.path()).unwrap();
    postpone(&*file, 1, &["a@x", "b@x"]).await;
    let due = file.due_bundles(START, 0, 9).await.unwrap();
    // The bundle's mail has two pictures.
    let told = file.commit_bundle(bundle(5, uid_of(1), due[0].numbers.clone())).await.unwrap();
    assert!(told);
    file.close().await;
    let address = cluster.address(&name).parse().unwrap();
    copy_to_database(folder.path(), &address, CopyEnd::Keep, |_| {}).await.unwrap();

    let file = SqliteStore::open(folder.path()).unwrap();
    let store = open_at(&cluster.address(&name), 1).await;
    let told = store.told_in_bundles(uid_of(1)).await.unwrap();
    assert_eq!(told.addresses, 1);
    assert_eq!(told, file.told_in_bundles(uid_of(1)).await.unwrap());
    let mails = store.notifications_of(uid_of(5)).await.unwrap();
    assert_eq!(mails[0].content.pictures.len(), 2);
    assert_eq!(mails, file.notifications_of(uid_of(5)).await.unwrap());
    assert_eq!(
        store.incident(uid_of(1)).await.unwrap().expect("it was copied"),
        file.incident(uid_of(1)).await.unwrap().expect("it is there")
    );
    let waiting = store.due_bundles(START, 0, 9).await.unwrap();
    assert_eq!(waiting, file.due_bundles(START, 0, 9).await.unwrap());
    assert_eq!(waiting[0].rows, [waits(1, "b@x")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_whose_source_gave_up_is_planned_by_whoever_looks_next() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    let other = open_at(&cluster.address(&name), 2).await;
    let holder = other.inner.writers.begin_holding(lock::INCIDENTS).await.unwrap();
    let given = Accept { claimed: true, ..waiting(event(1)) };
    let asked = store.clone();
    let source =
        tokio::spawn(
            async move { asked.accept_incidents(given, vec![incident()]).await.map(drop) },
        );
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    while cluster.ask(&name, waits) == "0" {
        tokio::task::yield_now().await;
    }
    source.abort();
    assert!(source.await.unwrap_err().is_cancelled());
    holder.end(Ok(())).await.unwrap();
    let mut claimed = Vec::new();
    while claimed.is_empty() {
        claimed = store.claim_events(9).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(claimed, [event(1)]);
    store.close().await;
    other.close().await;
}
