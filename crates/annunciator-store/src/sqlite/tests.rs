//! What SQLite alone can break: files, locks, versions, failing disks, sizes.

mod counts;
mod disk;
mod searches;
mod soundness;

use std::path::Path;
use std::sync::Arc;

use annunciator_core::{DeliveryState, Lane, Timestamp};
use rusqlite::Connection;

use super::schema::{FILE_NAME, MIGRATIONS, Purpose, connect, migrate};
use super::{SqliteStore, key};
use crate::contract::PROMISES;
use crate::contract::samples::{
    START, accept, ask, audit, claim_all, commit, deliver, delivery_id_of, enqueue, event,
    first_page, in_flight, is_stale, planned, queued, settlement, time_of,
};
use crate::{
    ClaimAsk, DeliveryFilter, EventFilter, FigureAsk, Page, SilenceFilter, Silences as _, Store,
    StoreError,
};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn open(dir: &Path) -> Arc<SqliteStore> {
    SqliteStore::open(dir).unwrap()
}

/// Copies the files as they are on the disk now: what a killed process would leave.
fn copy_of(dir: &Path) -> tempfile::TempDir {
    let copy = folder();
    for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")] {
        std::fs::copy(dir.join(&name), copy.path().join(&name)).unwrap();
    }
    copy
}

#[tokio::test]
async fn the_contract_is_kept() {
    for promise in PROMISES {
        println!("{}", promise.name);
        let dir = folder();
        let store = open(dir.path());
        (promise.check)(&*store).await;
    }
}

#[test]
fn every_connection_waits_for_the_disk() {
    let dir = folder();
    drop(open(dir.path()));
    for purpose in [Purpose::Write, Purpose::Read, Purpose::Checkpoint] {
        let connection = connect(&dir.path().join(FILE_NAME), purpose).unwrap();
        for (pragma, expected) in [
            ("synchronous", "2"),
            ("journal_mode", "wal"),
            ("wal_autocheckpoint", "0"),
            ("query_only", if purpose == Purpose::Read { "1" } else { "0" }),
        ] {
            let got: rusqlite::types::Value =
                connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
            let got = match got {
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => panic!("{pragma}: {other:?}"),
            };
            assert_eq!(got, expected, "{pragma}");
        }
    }
}

#[tokio::test]
async fn what_was_answered_is_in_the_files() {
    let dir = folder();
    let store = open(dir.path());
    for number in 0..5 {
        let planned = enqueue(&*store, number, "a", 1, in_flight()).await;
        if number % 2 == 0 {
            deliver(&*store, &planned.deliveries[0], 1).await;
        }
        let copy = copy_of(dir.path());
        let other = open(copy.path());
        let row = other.delivery(delivery_id_of(number, 0)).await.unwrap().unwrap();
        let expected = if number % 2 == 0 { "delivered" } else { "queued" };
        assert_eq!(row.delivery.state.as_str(), expected, "event {number}");
    }
}

#[tokio::test]
async fn after_a_crash_what_was_in_flight_is_queued_in_its_order_and_marked() {
    let dir = folder();
    let store = open(dir.path());
    let first = enqueue(&*store, 1, "a", 1, in_flight()).await;
    enqueue(&*store, 3, "a", 1, queued(time_of(3))).await;
    enqueue(&*store, 2, "a", 1, queued(time_of(2))).await;
    enqueue(&*store, 4, "a", 1, queued(time_of(4))).await;
    let one = ClaimAsk { total_max: 1, ..ask(time_of(2)) };
    assert_eq!(store.claim_due(one).await.unwrap().orders.len(), 1);
    accept(&*store, vec![event(5)]).await;

    let copy = copy_of(dir.path());
    let other = open(copy.path());
    assert_eq!(other.queue_counts().await.unwrap().in_flight, 0);
    let claimed = claim_all(&*other, time_of(4)).await;
    let got: Vec<_> =
        claimed.iter().map(|c| (c.delivery.id, c.delivery.possibly_duplicated)).collect();
    let expected =
        [(1, true), (2, true), (3, false), (4, false)].map(|(n, d)| (delivery_id_of(n, 0), d));
    assert_eq!(got, expected);
    assert!(claimed[0].token > 1, "the old claim of 1 is over");
    let old = settlement(&first.deliveries[0], 1, DeliveryState::Delivered { at: START });
    assert!(is_stale(&*other, old).await);
    assert_eq!(other.claim_events(10).await.unwrap(), [event(5)], "its planner is gone");
}

#[tokio::test]
async fn a_flight_is_found_after_a_crash_however_many_landed_since() {
    let dir = folder();
    let store = open(dir.path());
    let old = enqueue(&*store, 1, "a", 1, in_flight()).await;
    // More groups than the floor waits for, and ids older and younger than the one in flight.
    for number in 2..600 {
        let planned = enqueue(&*store, number, "a", 1, in_flight()).await;
        deliver(&*store, &planned.deliveries[0], 1).await;
    }
    let young = enqueue(&*store, 0, "a", 1, in_flight()).await;
    let copy = copy_of(dir.path());
    let other = open(copy.path());
    let claimed = claim_all(&*other, START.plus_ms(1000)).await;
    let ids: Vec<_> = claimed.iter().map(|claimed| claimed.delivery.id).collect();
    assert_eq!(ids, [young.deliveries[0].id, old.deliveries[0].id]);
}

#[tokio::test]
async fn a_closed_store_leaves_one_file_and_opens_again() {
    let dir = folder();
    let store = open(dir.path());
    enqueue(&*store, 1, "a", 1, queued(START)).await;
    store.close().await;
    let log = std::fs::metadata(dir.path().join(format!("{FILE_NAME}-wal"))).map_or(0, |m| m.len());
    assert_eq!(log, 0, "everything is in the database file");
    let again = open(dir.path());
    assert_eq!(claim_all(&*again, START).await.len(), 1);
}

#[test]
fn a_second_process_is_refused() {
    let dir = folder();
    let store = open(dir.path());
    let error = SqliteStore::open(dir.path()).err().unwrap();
    assert!(matches!(&error, StoreError::Busy(words) if words.contains("another process")));
    drop(store);
    open(dir.path());
}

#[test]
fn a_newer_or_foreign_file_is_refused_with_words() {
    let dir = folder();
    drop(open(dir.path()));
    let file = dir.path().join(FILE_NAME);
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = SqliteStore::open(dir.path()).err().unwrap();
    assert!(
        matches!(&error, StoreError::Corrupt(words) if words.contains("version 99")),
        "{error}"
    );

    let dir = folder();
    std::fs::write(dir.path().join(FILE_NAME), "this is a text and no database ".repeat(99))
        .unwrap();
    let error = SqliteStore::open(dir.path()).err().unwrap();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
}

#[test]
fn migrations_take_each_step_once_and_a_broken_one_changes_nothing() {
    let dir = folder();
    let mut connection = connect(&dir.path().join("x"), Purpose::Write).unwrap();
    let version = |connection: &Connection| -> i64 {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    };
    let (one, two) = ("CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y; CREATE TABLE b (x)");
    migrate(&mut connection, &[one]).unwrap();
    migrate(&mut connection, &[one]).unwrap();
    assert_eq!(version(&connection), 1);
    assert!(migrate(&mut connection, &[one, "CREATE TABLE c (x); nonsense"]).is_err());
    assert_eq!(version(&connection), 1);
    assert!(connection.prepare("SELECT x FROM c").is_err(), "the half step is undone");
    migrate(&mut connection, &[one, two]).unwrap();
    assert_eq!(version(&connection), 2);
    connection.prepare("SELECT a.y FROM a, b").unwrap();
    assert_eq!(MIGRATIONS.len(), 15, "a new step needs a test from the old files");
}

#[test]
fn incidents_of_before_were_told_by_the_event_that_registered_them() {
    let dir = folder();
    let mut old = connect(&dir.path().join(FILE_NAME), Purpose::Write).unwrap();
    migrate(&mut old, &MIGRATIONS[..13]).unwrap();
    for (key, told) in [(1, 1), (2, 0)] {
        let row = format!(
            "INSERT INTO incidents VALUES ({key}, x'0{key}', 'i', 'd', 'k', 'm', 't', '', 1, 'g', 0,
               's', {told}, 0, 0, NULL)"
        );
        old.execute_batch(&row).unwrap();
    }
    migrate(&mut old, MIGRATIONS).unwrap();
    let mut told_by = old.prepare("SELECT told_by FROM incidents ORDER BY event").unwrap();
    let told_by = told_by.query_map([], |row| row.get(0)).unwrap();
    let told_by: Vec<Option<Vec<u8>>> = told_by.map(Result::unwrap).collect();
    assert_eq!(told_by, [Some(vec![1]), None]);
}

#[tokio::test]
async fn a_file_of_the_first_version_is_brought_to_today_with_what_it_holds() {
    let dir = folder();
    let mut old = connect(&dir.path().join(FILE_NAME), Purpose::Write).unwrap();
    migrate(&mut old, &MIGRATIONS[..1]).unwrap();
    let token =
        "INSERT INTO tokens VALUES ('a', 'old', 'viewer', zeroblob(32), 1, 'admin', NULL, NULL)";
    old.execute_batch(token).unwrap();
    drop(old);
    for _ in 0..2 {
        let store = open(dir.path());
        assert_eq!(store.tokens().await.unwrap()[0].name, "old");
        assert_eq!(store.certificates().await.unwrap(), []);
        assert!(crate::Limits::limited_keys(&*store).await.unwrap().is_empty());
        assert_eq!(crate::Limits::release_put_off(&*store, START).await.unwrap(), 0);
        assert!(crate::Limits::limit_clock(&*store).await.unwrap().0.is_none());
        let kept = crate::KeptText { text: "x".to_owned(), saved_at: START };
        store.keep("a", kept.clone()).await.unwrap();
        assert_eq!(store.kept("a").await.unwrap(), Some(kept));
        let ask = FigureAsk { since: Timestamp(0), until: START, step_ms: crate::BUCKET_MS };
        assert_eq!(store.figures(ask).await.unwrap(), []);
        let uid = "01a22c1b-b217-7000-8000-000000000001".parse().unwrap();
        assert_eq!(
            crate::Bundles::told_in_bundles(&*store, uid).await.unwrap(),
            Default::default()
        );
        let page = Page { after: None, count_max: 1 };
        assert_eq!(store.silences(SilenceFilter::default(), page.clone()).await.unwrap().rows, []);
        let alive = crate::Alive { used_after: START, created_after: START };
        assert_eq!(crate::Users::users(&*store, alive).await.unwrap(), []);
        assert_eq!(crate::Roles::roles(&*store).await.unwrap(), []);
        let incidents = crate::Incidents::incidents(&*store, Default::default(), page);
        assert_eq!(incidents.await.unwrap().rows, []);
        assert_eq!(crate::SavedViews::saved_views(&*store, "a", None).await.unwrap(), []);
        store.close().await;
    }
}

#[tokio::test]
async fn a_refused_command_spoils_nobody() {
    let dir = folder();
    let store = open(dir.path());
    let orphan = planned(&event(9), 9, "new lane", 1, &queued(START));
    let (refused, accepted) = tokio::join!(
        store.insert_notification(orphan, audit("resend")),
        accept(&*store, vec![event(1)]),
    );
    assert!(matches!(refused, Err(StoreError::BadRequest(_))));
    assert!(!accepted[0].duplicate);
    enqueue(&*store, 2, "new lane", 1, queued(START)).await;
    assert_eq!(claim_all(&*store, START).await[0].delivery.lane, Lane::new("new lane"));
}

#[tokio::test]
async fn ids_that_want_the_same_key_are_told_apart() {
    let dir = folder();
    let store = open(dir.path());
    // 100,000 ids of one millisecond in 2,097,152 places: thousands meet.
    let event = event(1);
    accept(&*store, vec![event.clone()]).await;
    let mut work = planned(&event, 1, "a", 1, &in_flight());
    let one = work.deliveries[0].clone();
    work.deliveries = (0..100_000)
        .map(|index| {
            let mut delivery = one.clone();
            delivery.id = delivery_id_of(1, 0);
            let bytes = delivery.id.0.as_u64_pair();
            let low = bytes.1 ^ u64::from(index as u32).wrapping_mul(0x1357_9BDF_0246_8ACE >> 3);
            delivery.id = annunciator_core::DeliveryId(uuid::Uuid::from_u64_pair(bytes.0, low));
            delivery
        })
        .collect();
    let mut keys: Vec<i64> = work.deliveries.iter().map(|each| key::key_of(each.id)).collect();
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() < 99_500, "{} keys: the case is there", keys.len());
    commit(&*store, &event, vec![work.clone()]).await;
    for delivery in work.deliveries.iter().step_by(97) {
        let row = store.delivery(delivery.id).await.unwrap().unwrap();
        assert_eq!(row.delivery.id, delivery.id);
    }
    let all = DeliveryFilter { event: Some(event.uid), ..DeliveryFilter::default() };
    let mut page = Page { after: None, count_max: 1000 };
    let mut count = 0;
    loop {
        let got = store.deliveries(all.clone(), page.clone()).await.unwrap();
        count += got.rows.len();
        page.after = got.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(count, work.deliveries.len());
}

#[tokio::test]
async fn a_backlog_of_100_000_is_claimed_in_its_order() {
    let dir = folder();
    let store = open(dir.path());
    let mut plans = Vec::new();
    for number in 0..100_000_u32 {
        let lane = ["a", "b", "c"][number as usize % 3];
        let event = event(number);
        let work = planned(&event, number, lane, 1, &queued(time_of(number)));
        plans.push((event, work));
        if plans.len() == 1000 {
            let batch = std::mem::take(&mut plans);
            accept(&*store, batch.iter().map(|(event, _)| event.clone()).collect()).await;
            let commits = batch.into_iter().map(|(event, work)| {
                let (notifications, decisions) = (vec![work], Vec::new());
                let verdict = crate::PlanVerdict::Planned {
                    notifications,
                    decisions,
                    term_days: None,
                    postponed: Vec::new(),
                };
                crate::PlanCommit { event: event.uid, verdict }
            });
            store.commit_plans(commits.collect()).await.unwrap();
        }
    }
    assert_eq!(store.queue_counts().await.unwrap().queued.len(), 3);
    let ask = ClaimAsk { per_lane_max: 100, total_max: 300, ..ask(START.plus_ms(1_000_000)) };
    let mut last = std::collections::HashMap::new();
    for turn in 0..20 {
        let claims = store.claim_due(ask.clone()).await.unwrap();
        assert_eq!(claims.lanes_with_more.len(), 3);
        let all: Vec<_> = claims.orders.into_iter().flat_map(|order| order.deliveries).collect();
        assert_eq!(all.len(), 300, "turn {turn}");
        for claimed in all {
            let before = last.insert(claimed.delivery.lane, claimed.delivery.created_at);
            assert!(before < Some(claimed.delivery.created_at));
        }
    }
    assert!(last.values().all(|at| *at >= time_of(5990)), "each lane got its third");
    let filter = DeliveryFilter { recipient: Some("nobody".to_owned()), ..Default::default() };
    let page = store.deliveries(filter, first_page()).await.unwrap();
    assert!(page.rows.is_empty());
    let text = Some("nothing like it".to_owned());
    let filter = EventFilter { text, ..EventFilter::default() };
    let (mut page, mut searched_until) = (first_page(), Timestamp::MAX);
    loop {
        let got = store.events(filter.clone(), page.clone()).await.unwrap();
        assert!(got.rows.is_empty());
        assert_eq!(got.searched_until.is_some(), got.next.is_some(), "it was looked for in vain");
        page.after = got.next;
        let Some(until) = got.searched_until else { break };
        assert!(until < searched_until, "further back each time");
        searched_until = until;
    }
}

#[test]
fn what_must_be_fast_uses_its_index() {
    let dir = folder();
    drop(open(dir.path()));
    let connection = connect(&dir.path().join(FILE_NAME), Purpose::Read).unwrap();
    for (text, expected) in [
        (
            "SELECT lane, due_at FROM deliveries WHERE state = 0 AND lane > 1
             ORDER BY lane, due_at LIMIT 1",
            "COVERING INDEX deliveries_due",
        ),
        (
            "SELECT * FROM deliveries d WHERE d.state = 0 AND d.lane = 1 AND d.due_at <= 2
             ORDER BY d.due_at, d.key LIMIT 3",
            "INDEX deliveries_due",
        ),
        (
            "SELECT * FROM deliveries d WHERE d.state = 0 AND d.expires_at <= 1
             ORDER BY d.expires_at LIMIT 2",
            "INDEX deliveries_expiry",
        ),
        (
            "SELECT * FROM deliveries d WHERE d.state <> 1 AND d.state <> 2 AND d.state = 3 AND
             d.key < 9 AND d.key >= 1 ORDER BY d.key DESC LIMIT 5",
            "INDEX deliveries_rare",
        ),
        (
            "SELECT key FROM deliveries WHERE put_off = 1 AND key > 1 ORDER BY key LIMIT 2",
            "INDEX deliveries_put_off",
        ),
        (
            "SELECT i.event, e.registered_at FROM incidents i
             CROSS JOIN events e ON e.key = i.event
             WHERE i.group_name = 'a' AND i.event < 9 ORDER BY i.event DESC",
            "INDEX incidents_group",
        ),
        ("SELECT uid FROM events WHERE id = 'a' AND application = 'b'", "INDEX events_id"),
        ("SELECT key FROM deliveries WHERE key BETWEEN 1 AND 64 AND id = x'00'", "PRIMARY KEY"),
        ("SELECT 1 FROM deliveries WHERE state = 1 AND key >= 7", "PRIMARY KEY"),
    ] {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let plan: Vec<String> =
            explain.query_map([], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        let plan = plan.join("; ");
        assert!(plan.contains(expected), "{text}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{text} sorts: {plan}");
    }
}

#[tokio::test]
async fn the_log_stays_small_under_load() {
    let dir = folder();
    let store = open(dir.path());
    let mut largest = 0;
    for number in 0..400 {
        let events = (0..25)
            .map(|step| {
                let mut event = event(number * 25 + step);
                event.description = "x".repeat(8_000);
                event
            })
            .collect();
        accept(&*store, events).await;
        let log = dir.path().join(format!("{FILE_NAME}-wal"));
        largest = largest.max(std::fs::metadata(log).unwrap().len());
    }
    assert!(largest > 8 << 20, "80 MB went through it");
    assert!(largest < 48 << 20, "{largest} octets");
}

#[tokio::test]
async fn what_counts_against_a_limit_outlives_a_kill() {
    use annunciator_core::{HeldTime, LimitKey, LimitRule, NotificationLimit};

    use crate::contract::samples::{notification_id_of, uid_of};
    use crate::{Limits as _, SlotAnswer, SlotAsk};

    let dir = folder();
    let store = open(dir.path());
    let ask = |number, now| SlotAsk {
        limit: NotificationLimit {
            key: LimitKey("a".into()),
            rule: LimitRule { count: 1, period_ms: 1_000 },
            origin: String::new(),
        },
        notification: notification_id_of(number),
        event: uid_of(number),
        planned_at: START,
        was_tried: false,
        may_have_arrived: false,
        now: HeldTime(now),
    };
    assert!(matches!(store.take_slot(ask(0, 0)).await.unwrap(), SlotAnswer::Taken(_)));
    let copy = copy_of(dir.path());
    let again = open(copy.path());
    // Nobody knows when the attempt ended; that it has is known at the start.
    assert_eq!(again.take_slot(ask(1, 90_000)).await.unwrap(), SlotAnswer::Full);
    assert_eq!(again.free_lost_slots(HeldTime(90_000)).await.unwrap(), 1);
    assert_eq!(again.take_slot(ask(1, 90_999)).await.unwrap(), SlotAnswer::Full);
    assert!(matches!(again.take_slot(ask(1, 91_000)).await.unwrap(), SlotAnswer::Taken(_)));
}
