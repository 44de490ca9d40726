//! What a look at a database finds, and what brings it to today's version.

use super::{database, open_at};
use crate::contract::samples::{
    START, accept, claim_all, deliver, enqueue, event, in_flight, queued,
};
use crate::postgres::{PostgresAddress, examine, migrate};
use crate::{Migration, Store as _, StoreError};

/// Of no event, notification or delivery.
const NOBODY: &str = "'00000000-0000-0000-0000-000000000001'";

/// What breaks a database of this name, and the words that tell it.
const BROKEN: &[(&str, &[&str])] = &[
    ("", &[]),
    (
        "DELETE FROM plans WHERE event = (SELECT event FROM plans LIMIT 1)",
        &["1 events neither wait for planning"],
    ),
    (
        "INSERT INTO inbox (event, registered_at, tries) SELECT event, 0, 0 FROM plans LIMIT 1",
        &["1 events are planned and wait for planning"],
    ),
    (
        "INSERT INTO parked (event, tries, reason) VALUES (NOBODY, 0, '')",
        &["1 rows of inbox, plans, parked and event_ids"],
    ),
    ("DELETE FROM events WHERE uid IN (SELECT event FROM inbox)", &["2 rows of inbox"]),
    (
        "UPDATE notifications SET event = NOBODY
         WHERE id = (SELECT notification FROM queue LIMIT 1)",
        &["1 notifications are of events"],
    ),
    (
        "DELETE FROM notifications WHERE id IN (SELECT notification FROM queue)",
        &["1 deliveries in the queue have no notification"],
    ),
    (
        "DELETE FROM notifications WHERE id IN (SELECT notification FROM deliveries)",
        &["2 deliveries in the ledger have no notification"],
    ),
    (
        "INSERT INTO queue (id, event, notification, channel, lane, due_at, claims, created_at,
           expires_at, attempts, retries, possibly_duplicated, put_off, role, address)
         SELECT id, event, notification, channel, lane, 0, claims, 0, 0, 0, 0, false, false, role,
           address FROM deliveries LIMIT 1",
        &["1 deliveries are finished and stand in the queue"],
    ),
    ("DELETE FROM queue", &["1 deliveries of notifications stand neither"]),
    (
        "DELETE FROM deliveries",
        &["2 deliveries of notifications stand neither", "2 attempts are of deliveries"],
    ),
    (
        "DO $$ DECLARE week text; BEGIN
           FOR week IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '_w[0-9]+$'
           LOOP EXECUTE 'DROP TABLE ' || week; END LOOP; END $$",
        &["no tables for this week or the next"],
    ),
    ("ALTER DATABASE OURS SET synchronous_commit = off", &["synchronous_commit is off"]),
    (
        "ALTER DATABASE OURS CONNECTION LIMIT 19",
        &["19 connections are allowed, and 1 nodes need up to 20"],
    ),
    ("UPDATE schema_version SET version = 99", &["have version 99"]),
    ("UPDATE schema_version SET version = 0", &["have version 0"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_database_is_found() {
    let Some((cluster, ready)) = database() else { return };
    let store = open_at(&cluster.address(&ready), 1).await;
    for number in 0..2 {
        let planned = enqueue(&*store, number, "a", 1, in_flight()).await;
        deliver(&*store, &planned.deliveries[0], 1).await;
    }
    enqueue(&*store, 6, "b", 1, queued(START.plus_ms(7))).await;
    accept(&*store, vec![event(7)]).await;
    assert!(claim_all(&*store, START).await.is_empty());
    store.close().await;
    for (breaking, expected) in BROKEN {
        let name = cluster.database(&ready);
        let breaking = breaking.replace("OURS", &name).replace("NOBODY", NOBODY);
        let _ = cluster.ask(&name, &breaking);
        let found = examine(&cluster.address(&name).parse().unwrap()).await.unwrap();
        let told: Vec<&str> = found.flaws.iter().map(|flaw| flaw.what.as_str()).collect();
        assert_eq!(told.len(), expected.len(), "{breaking}: {told:?}");
        for (told, expected) in told.iter().zip(*expected) {
            assert!(told.contains(expected), "{breaking}: {told}");
        }
        let rows = |table: &str| found.tables.iter().find(|one| one.table == table).map(|t| t.rows);
        assert!(rows("audit").is_some() && rows("events_other").is_none(), "whole tables");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_suit_is_told() {
    let Some((cluster, ready)) = database() else { return };
    let make = "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' \
                LC_CTYPE 'C'";
    let _ = cluster.ask("postgres", make);
    let latin: PostgresAddress = cluster.address("latin").parse().unwrap();
    let told = |found: &crate::Examination| -> Vec<String> {
        found.flaws.iter().map(|flaw| flaw.what.clone()).collect()
    };
    let flaws = told(&examine(&latin).await.unwrap());
    assert!(flaws[0].contains("encoding LATIN1") && flaws[1].contains("version 0"), "{flaws:?}");
    assert!(matches!(migrate(&latin).await, Err(StoreError::BadRequest(_))));

    open_at(&cluster.address(&ready), 1).await.close().await;
    let _ = cluster.ask(
        &ready,
        "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    );
    let reader = cluster.address(&ready).replace("postgres@", "reader@").parse().unwrap();
    let flaws = told(&examine(&reader).await.unwrap());
    assert_eq!(flaws, ["the user reader may not make tables, which each week needs"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_is_brought_to_this_version_once_whoever_comes_first() {
    let Some((cluster, name)) = database() else { return };
    let address: PostgresAddress = cluster.address(&name).parse().unwrap();
    let all: Vec<_> = (0..6)
        .map(|_| {
            let address = address.clone();
            tokio::spawn(async move { migrate(&address).await })
        })
        .collect();
    let mut made = 0;
    for one in all {
        let Migration { from, to } = one.await.unwrap().unwrap();
        made += u32::from(from == 0);
        assert!(from == 0 || from == to);
    }
    assert_eq!(made, 1, "one of them made the tables");
    assert_eq!(examine(&address).await.unwrap().flaws, []);
    let _ = cluster.ask(&name, "UPDATE schema_version SET version = 99");
    assert!(matches!(migrate(&address).await, Err(StoreError::Corrupt(_))));
}
