//! A week goes whole, in its time.

use annunciator_core::{Event, EventUid, Severity, SilenceId, Timestamp};
use annunciator_testkit::postgres::PostgresCluster;

use super::{database, open_at, set_clock_ahead};
use crate::contract::samples::{
    START, accept, audit, claim_all, commit, deliver, event, notification_id_of, planned, queued,
};
use crate::postgres::partitions::{TABLES, Week, make_ahead, make_soon};
use crate::{
    Accept, Acceptance, EventFilter, Idempotency, RetentionRule, SilenceRecord, Silences as _,
    Store, StoreError,
};

const DAY_MS: i64 = 86_400_000;

fn rule(now: Timestamp) -> RetentionRule {
    let term_days = [30, 90, 180, 180];
    RetentionRule { now, term_days, events_max: 1_000, audit_max: 1_000, step_max: 100 }
}

async fn removed(store: &dyn Store, rule: RetentionRule) -> u64 {
    let mut count = 0;
    for _ in 0..100 {
        let step = store.retain(rule.clone()).await.unwrap();
        count += step.events_removed;
        if !step.has_more {
            return count;
        }
    }
    panic!("upkeep does not come to an end");
}

/// An event of a time, finished with one delivery whose id is of a later time.
async fn finish(store: &dyn Store, number: u32, at: Timestamp, severity: Severity) -> EventUid {
    let ms = u64::try_from(at.0).unwrap();
    let uid = EventUid::from_parts(ms, [u8::try_from(number % 251).unwrap(); 10]);
    let event = Event { uid, registered_at: at, severity, ..event(number) };
    accept(store, vec![event.clone()]).await;
    commit(store, &event, vec![planned(&event, number, "a", 1, &queued(START))]).await;
    for claimed in claim_all(store, START.plus_ms(90_000_000)).await {
        deliver(store, &claimed.delivery, claimed.token).await;
    }
    uid
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_week_is_dropped_when_its_last_event_is_over() {
    let Some((cluster, name)) = database() else { return };
    set_clock_ahead(&cluster, &name);
    let store = open_at(&cluster.address(&name), 1).await;
    let week = Week::of(START);
    let db = store.inner.writers.begin().await.unwrap();
    let made = make_ahead(&db, START).await;
    assert!(db.end(made).await.unwrap() > 0, "weeks of then are made");
    let (begin, end) = (week.begin(), week.end());
    let info = finish(&*store, 1, begin.plus_ms(5), Severity::Info).await;
    // Its notification has the time of START, its own is a week and a bit before.
    let first = finish(&*store, 2, begin.plus_ms(5), Severity::Critical).await;
    let last = finish(&*store, 3, end.plus_ms(-5), Severity::Failure).await;
    // What tells it comes after it, in its own week.
    let next = finish(&*store, 70_000_000, end.plus_ms(5), Severity::Critical).await;
    let told = format!(
        "INSERT INTO incident_told (incident, bundle, address, is_told, at)
         VALUES ('{first}', '{next}', 'a@x', true, 0), ('{next}', '{last}', 'a@x', true, 0),
           ('{next}', '{next}', 'a@x', true, 0)"
    );
    let _ = cluster.ask(&name, &told);
    let left = async || {
        let page = crate::contract::samples::first_page();
        let rows = store.events(EventFilter::default(), page).await.unwrap().rows;
        rows.into_iter().rev().map(|row| row.event.uid).collect::<Vec<_>>()
    };
    let tables = || {
        cluster.ask(
            &name,
            "SELECT count(*) FROM pg_class
             WHERE relkind = 'r' AND relname LIKE 'events_w%'",
        )
    };
    let before: u32 = tables().parse().unwrap();
    assert_eq!(removed(&*store, rule(begin.plus_ms(31 * DAY_MS))).await, 1, "one by one");
    assert_eq!(left().await, [first, last, next]);
    assert!(store.event(info).await.unwrap().is_none());
    // The first is over, and waits for the others of its week.
    assert_eq!(removed(&*store, rule(begin.plus_ms(180 * DAY_MS + 10))).await, 0);
    assert_eq!(left().await, [first, last, next]);
    assert_eq!(removed(&*store, rule(end.plus_ms(180 * DAY_MS - 5))).await, 2);
    assert_eq!(left().await, [next]);
    assert_eq!(tables().parse::<u32>().unwrap(), before - 1, "it went whole");
    let orphans = "SELECT (SELECT count(*) FROM notifications) + (SELECT count(*) FROM deliveries)
        + (SELECT count(*) FROM attempts) + (SELECT count(*) FROM event_ids)";
    assert_eq!(cluster.ask(&name, orphans), "4", "one of each is left");
    let told = cluster.ask(&name, "SELECT incident, bundle FROM incident_told");
    assert_eq!(told, format!("{next}|{next}"), "what a week told, or of it, is forgotten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_ahead_removes_nothing_of_the_others() {
    let Some((cluster, name)) = database() else { return };
    let address = cluster.address(&name);
    let (first, second) = (open_at(&address, 1).await, open_at(&address, 2).await);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = Timestamp(i64::try_from(since.as_millis()).unwrap());
    let ahead = now.plus_ms(200 * DAY_MS);
    let uid = finish(&*first, 1, now.plus_ms(-7 * DAY_MS), Severity::Info).await;
    let ask = |number: u32, now: Timestamp| Accept {
        events: vec![event(number)],
        idempotency: Some(Idempotency {
            owner: "a".to_owned(),
            key: "k".to_owned(),
            body_sha256: [1; 32],
        }),
        claimed: false,
        now,
    };
    let accepted = first.accept(ask(2, now)).await.unwrap();
    assert!(matches!(accepted, Acceptance::Accepted(_)), "{accepted:?}");
    let again = second.accept(ask(3, ahead)).await.unwrap();
    assert!(matches!(again, Acceptance::Replayed(_)), "the key is of today: {again:?}");
    assert_eq!(removed(&*second, rule(ahead)).await, 0, "no term is over");
    assert!(first.event(uid).await.unwrap().is_some());
    let again = first.accept(ask(4, now)).await.unwrap();
    assert!(matches!(again, Acceptance::Replayed(_)), "the key is kept: {again:?}");
    let unlisted = RetentionRule { term_days: [0; 4], ..rule(now) };
    assert_eq!(removed(&*first, unlisted).await, 1, "by both clocks");

    // Nor is a key that such a node stores kept for longer.
    let _ = cluster.ask(&name, "DELETE FROM idempotency");
    let accepted = second.accept(ask(5, ahead)).await.unwrap();
    assert!(matches!(accepted, Acceptance::Accepted(_)), "{accepted:?}");
    let stored = cluster.ask(&name, "SELECT at FROM idempotency").parse::<i64>().unwrap();
    assert!(stored < now.plus_ms(DAY_MS).0, "{stored}");

    let silence = SilenceRecord {
        id: SilenceId::from_parts(1, [7; 10]),
        matchers: "[]".to_owned(),
        channels: Vec::new(),
        author: "a".to_owned(),
        comment: String::new(),
        created_at: now,
        starts_at: now,
        ends_at: now.plus_ms(DAY_MS),
        ended_by: None,
    };
    assert!(first.put_silence(silence, audit("silence.create")).await.unwrap());
    let forgotten = second.forget_silences(ahead.plus_ms(-90 * DAY_MS), ahead).await.unwrap();
    assert_eq!(forgotten, 0, "it is in force");
}

/// Whenever attempts are deleted, all deliveries of the ledger are revived before, as by an operator.
const REVIVE: &str = "CREATE FUNCTION revive() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       WITH back AS (DELETE FROM deliveries RETURNING *)
       INSERT INTO queue (id, event, notification, channel, lane, due_at, claims, created_at,
         expires_at, attempts, retries, possibly_duplicated, put_off, role, address, failure)
       SELECT id, event, notification, channel, lane, due_at, claims, created_at, expires_at,
         attempts, 0, possibly_duplicated, false, role, address, failure FROM back;
       RETURN NULL; END $$;
     CREATE TRIGGER revive BEFORE DELETE ON attempts FOR EACH STATEMENT
       EXECUTE FUNCTION revive()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_week_stays_when_a_delivery_of_it_is_revived_meanwhile() {
    // A notification in the week of its event, and one beyond it.
    for number in [1, 70_000_000] {
        let Some((cluster, name)) = database() else { return };
        set_clock_ahead(&cluster, &name);
        let store = open_at(&cluster.address(&name), 1).await;
        let db = store.inner.writers.begin().await.unwrap();
        let made = make_ahead(&db, START).await;
        assert!(db.end(made).await.unwrap() > 0, "weeks of then are made");
        let week = Week::of(START);
        finish(&*store, number, week.begin().plus_ms(5), Severity::Info).await;
        let _ = cluster.ask(&name, REVIVE);
        let over = rule(week.end().plus_ms(180 * DAY_MS));
        assert_eq!(removed(&*store, over.clone()).await, 0, "{number}: it is not finished");
        let kept = store.notification(notification_id_of(number)).await.unwrap();
        assert!(kept.is_some(), "{number}: what the delivery says is there");
        let _ = cluster.ask(&name, "DROP TRIGGER revive ON attempts");
        assert_eq!(removed(&*store, over).await, 1, "{number}: nobody revives it any more");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_week_is_read_before_it_is_locked_and_all_its_locks_have_one_bound() {
    let Some(cluster) = PostgresCluster::start(&["log_statement=all"]) else { return };
    let name = cluster.database("template0");
    set_clock_ahead(&cluster, &name);
    let store = open_at(&cluster.address(&name), 1).await;
    let db = store.inner.writers.begin().await.unwrap();
    let made = make_ahead(&db, START).await;
    assert!(db.end(made).await.unwrap() > 0, "weeks of then are made");
    let week = Week::of(START);
    finish(&*store, 1, week.begin().plus_ms(5), Severity::Info).await;
    assert_eq!(removed(&*store, rule(week.end().plus_ms(180 * DAY_MS))).await, 1);

    let output = cluster.output();
    let lock = output.lines().position(|line| line.contains(": LOCK TABLE")).unwrap();
    let process = output.lines().nth(lock).and_then(|line| line.split(['[', ']']).nth(1)).unwrap();
    let process = format!("[{process}] LOG:  ");
    let said: Vec<&str> = output.lines().filter(|line| line.contains(&process)).collect();
    let lock = said.iter().position(|line| line.contains(": LOCK TABLE")).unwrap();
    assert!(said[lock - 1].ends_with("SET LOCAL statement_timeout = '200ms'"), "{said:#?}");
    let held = said[lock + 1..].iter().take_while(|line| !line.ends_with(": COMMIT"));
    let held: Vec<&&str> = held.collect();
    let is_short = |line: &&&str| {
        ["SET LOCAL", "SELECT 1 WHERE EXISTS", "DROP TABLE"].iter().any(|one| line.contains(one))
    };
    assert_eq!(held.iter().filter(|line| is_short(line)).count(), held.len(), "{held:#?}");
    assert!(held.iter().any(|line| line.contains("SET LOCAL statement_timeout = '2s'")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_for_long_holds_up_neither_a_node_nor_others() {
    let Some((cluster, name)) = database() else { return };
    set_clock_ahead(&cluster, &name);
    let store = open_at(&cluster.address(&name), 1).await;
    let db = store.inner.writers.begin().await.unwrap();
    let made = make_ahead(&db, START).await;
    assert!(db.end(made).await.unwrap() > 0, "weeks of then are made");
    let week = Week::of(START);
    finish(&*store, 1, week.begin().plus_ms(5), Severity::Info).await;
    let newest = "SELECT max(substr(relname, 9)::bigint) FROM pg_class
                  WHERE relkind = 'r' AND relname LIKE 'events\\_w%'";
    let newest = cluster.ask(&name, newest);
    for table in TABLES {
        let _ = cluster.ask(&name, &format!("DROP TABLE {table}_w{newest}"));
    }

    // As pg_dump does.
    let reader = store.inner.readers.begin().await.unwrap();
    let patient = "SET LOCAL idle_in_transaction_session_timeout = 0";
    reader.batch(patient).await.unwrap();
    let read = format!("SELECT FROM events_other, events_w{}", week.number());
    let _ = reader.rows(&read, &[]).await.unwrap();
    let refused = make_soon(&store.inner.keeper).await;
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    assert!(store.claim_era().is_some() && store.health().await.writable);
    let over = rule(week.end().plus_ms(180 * DAY_MS));
    assert_eq!(removed(&*store, over.clone()).await, 0, "the week is in use");

    reader.end(Ok(())).await.unwrap();
    assert_eq!(make_soon(&store.inner.keeper).await.unwrap(), 1);
    assert_eq!(removed(&*store, over).await, 1, "it went whole");
    let gone = format!("SELECT to_regclass('events_w{}') IS NULL", week.number());
    assert_eq!(cluster.ask(&name, &gone), "t");
}
