//! What a look at a file finds, and what brings it to today's version.

use rusqlite::Connection;

use crate::contract::samples::{START, accept, deliver, enqueue, event, in_flight, queued};
use crate::sqlite::schema::{FILE_NAME, MIGRATIONS, migrate as step};
use crate::sqlite::{SqliteStore, examine, migrate};
use crate::{Migration, Store as _, StoreError};

/// What breaks a file, and the words that tell it.
const BROKEN: &[(&str, &[&str])] = &[
    ("", &[]),
    (
        "DELETE FROM plans WHERE event = (SELECT event FROM plans LIMIT 1)",
        &["1 events neither wait for planning"],
    ),
    (
        "INSERT INTO inbox (event, tries) SELECT event, 0 FROM plans LIMIT 1",
        &["1 events are planned and wait for planning"],
    ),
    (
        "DELETE FROM events WHERE key IN (SELECT event FROM inbox)",
        &["1 rows of inbox, plans and parked"],
    ),
    (
        "UPDATE notifications SET event = 9999 WHERE key = (SELECT max(key) FROM notifications)",
        &["1 notifications are of events"],
    ),
    ("DELETE FROM notifications", &["3 deliveries have no notification"]),
    ("DELETE FROM lanes", &["3 deliveries have no notification or no lane"]),
    (
        "DELETE FROM deliveries",
        &["3 notifications miss deliveries", "2 attempts are of deliveries"],
    ),
    ("DELETE FROM events; DELETE FROM inbox; DELETE FROM plans", &["3 notifications"]),
    ("PRAGMA user_version = 99", &["have version 99"]),
    ("PRAGMA user_version = 3", &["have version 3"]),
];

#[tokio::test]
async fn what_is_wrong_with_a_file_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let none = examine(folder.path());
    assert!(matches!(none, Err(StoreError::BadRequest(_))));
    assert!(!folder.path().join(FILE_NAME).exists(), "a look makes nothing");
    let store = SqliteStore::open(folder.path()).unwrap();
    for number in 0..2 {
        let planned = enqueue(&*store, number, "a", 1, in_flight()).await;
        deliver(&*store, &planned.deliveries[0], 1).await;
    }
    enqueue(&*store, 6, "b", 1, queued(START.plus_ms(7))).await;
    accept(&*store, vec![event(7)]).await;
    let found = examine(folder.path()).unwrap();
    assert_eq!(found.flaws, [], "while a server uses it");
    let rows = |table: &str| found.tables.iter().find(|one| one.table == table).unwrap().rows;
    assert_eq!((rows("events"), rows("deliveries"), rows("inbox")), (4, 3, 1));
    store.close().await;
    for (breaking, expected) in BROKEN {
        let broken = tempfile::tempdir().unwrap();
        let file = broken.path().join(FILE_NAME);
        let source = Connection::open(folder.path().join(FILE_NAME)).unwrap();
        source.execute("VACUUM INTO ?1", [file.to_str().unwrap()]).unwrap();
        Connection::open(&file).unwrap().execute_batch(breaking).unwrap();
        let found = examine(broken.path()).unwrap();
        let told: Vec<&str> = found.flaws.iter().map(|flaw| flaw.what.as_str()).collect();
        assert_eq!(told.len(), expected.len(), "{breaking}: {told:?}");
        for (told, expected) in told.iter().zip(*expected) {
            assert!(told.contains(expected), "{breaking}: {told}");
        }
    }
}

#[tokio::test]
async fn damage_to_the_file_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    accept(&*store, (0..200).map(event).collect()).await;
    store.close().await;
    let file = folder.path().join(FILE_NAME);
    let connection = Connection::open(&file).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'events_uid'";
    let page: usize = connection.query_row(root, [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut octets = std::fs::read(&file).unwrap();
    let begin = (page - 1) * 4096;
    octets[begin + 8..begin + 1_000].fill(0x55);
    std::fs::write(&file, &octets).unwrap();
    let found = examine(folder.path()).unwrap();
    assert!(!found.flaws.is_empty());
    assert!(found.flaws[0].what.contains("the file is damaged"), "{:?}", found.flaws);
    std::fs::write(&file, "no database, and longer than a header would be".repeat(9)).unwrap();
    let found = examine(folder.path()).unwrap();
    assert!(found.flaws[0].what.contains("not a database"), "{:?}", found.flaws);
}

#[tokio::test]
async fn a_folder_is_brought_to_this_version() {
    let folder = tempfile::tempdir().unwrap();
    let to = u64::try_from(MIGRATIONS.len()).unwrap();
    let mut old = Connection::open(folder.path().join(FILE_NAME)).unwrap();
    step(&mut old, &MIGRATIONS[..3]).unwrap();
    drop(old);
    assert_eq!(migrate(folder.path()).unwrap(), Migration { from: 3, to });
    assert_eq!(migrate(folder.path()).unwrap(), Migration { from: to, to });
    assert_eq!(examine(folder.path()).unwrap().flaws, []);
    let store = SqliteStore::open(folder.path()).unwrap();
    assert!(matches!(migrate(folder.path()), Err(StoreError::Busy(_))), "a server uses it");
    store.close().await;
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(migrate(empty.path()).unwrap(), Migration { from: 0, to });
    let newer = Connection::open(empty.path().join(FILE_NAME)).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(newer);
    assert!(matches!(migrate(empty.path()), Err(StoreError::Corrupt(_))));
}
