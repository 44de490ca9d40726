//! A file becomes a database with all that is in it.

use annunciator_core::DeliveryState;

use super::{database, open_at};
use crate::contract::samples::{
    START, accept, audit, audited, claim_all, deliver, delivery_id_of, enqueue, event, first_page,
    in_flight, queued, uid_of,
};
use crate::postgres::{CopyEnd, copy_to_database};
use crate::sqlite::SqliteStore;
use crate::{
    CertificateRecord, DeliveryFilter, EventFilter, SettingsChange, Store as _, StoreError,
    TokenRecord,
};

/// Something in many tables.
async fn fill(store: &SqliteStore) {
    for number in 0..5 {
        let planned = enqueue(store, number, "a", 2, in_flight()).await;
        deliver(store, &planned.deliveries[0], 1).await;
    }
    enqueue(store, 6, "b", 1, queued(START.plus_ms(7))).await;
    let mut odd = event(7);
    odd.id = uid_of(7).to_string();
    odd.description = "a\0b".to_owned();
    accept(store, vec![odd]).await;
    let change = SettingsChange {
        layer: "server".to_owned(),
        document: "{\"a\":1}".to_owned(),
        expected_revision: None,
        comment: String::new(),
        audit: audit("settings.save"),
    };
    store.save_settings(change).await.unwrap();
    let token = TokenRecord {
        id: "t".to_owned(),
        name: "t".to_owned(),
        role: "ingest".to_owned(),
        secret_sha256: [7; 32],
        created_at: START,
        created_by: "admin".to_owned(),
        expires_at: None,
        last_used_at: Some(START),
    };
    store.insert_token(token, audit("token.create")).await.unwrap();
    let certificate = CertificateRecord {
        id: "c".to_owned(),
        name: "c".to_owned(),
        kind: "authorities".to_owned(),
        public: vec![vec![1, 2, 0], vec![255]],
        sealed_key: None,
        created_at: START,
        created_by: "admin".to_owned(),
        replaced_at: None,
    };
    store.put_certificate(certificate, audit("certificate.upload")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_becomes_a_database_with_all_that_is_in_it() {
    let Some((cluster, name)) = database() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(folder.path()).unwrap();
    fill(&file).await;
    let address = cluster.address(&name).parse().unwrap();
    let busy = copy_to_database(folder.path(), &address, CopyEnd::Keep, |_| {}).await;
    assert!(matches!(busy, Err(StoreError::Busy(_))), "a server uses it");
    file.close().await;
    let mut told = 0;
    let trial = copy_to_database(folder.path(), &address, CopyEnd::Undo, |_| {}).await.unwrap();
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(cluster.ask(&name, tables), "0", "a trial leaves nothing");
    let copied = copy_to_database(folder.path(), &address, CopyEnd::Keep, |_| told += 1).await;
    let copied = copied.unwrap();
    assert_eq!(copied, trial);
    let rows = |table: &str| copied.iter().find(|one| one.table == table).unwrap().rows;
    let counts = ["events", "event_ids", "inbox", "plans", "queue", "deliveries", "attempts"];
    assert_eq!(counts.map(rows), [7, 6, 1, 6, 6, 5, 5]);
    assert!(told >= counts.len());

    let file = SqliteStore::open(folder.path()).unwrap();
    let store = open_at(&cluster.address(&name), 1).await;
    for number in 0..8 {
        let of_file = file.event(uid_of(number)).await.unwrap();
        let Some(of_file) = of_file else { continue };
        let of_database = store.event(uid_of(number)).await.unwrap().expect("it was copied");
        assert_eq!(of_database.state, of_file.state, "{number}");
        assert_eq!(of_database.decisions, of_file.decisions, "{number}");
        assert_eq!(of_database.deliveries, of_file.deliveries, "{number}");
        assert_eq!(
            store.notifications_of(uid_of(number)).await.unwrap(),
            file.notifications_of(uid_of(number)).await.unwrap()
        );
        let id = delivery_id_of(number, 0);
        assert_eq!(store.attempts_of(id).await.unwrap(), file.attempts_of(id).await.unwrap());
    }
    assert_eq!(store.tokens().await.unwrap(), file.tokens().await.unwrap());
    assert_eq!(store.certificates().await.unwrap(), file.certificates().await.unwrap());
    assert_eq!(store.settings("server").await.unwrap(), file.settings("server").await.unwrap());
    assert_eq!(audited(&*store).await, audited(&*file).await);
    store.note(audit("later")).await.unwrap();
    assert_eq!(audited(&*store).await[0], "later", "numbers go on");
    let all = store.deliveries(DeliveryFilter::default(), first_page()).await.unwrap().rows;
    assert_eq!(all.len(), 11);
    let lost = all.iter().filter(|row| row.delivery.possibly_duplicated).count();
    assert_eq!(lost, 5, "what was in flight waits again");
    let claimed = claim_all(&*store, START.plus_ms(1_000)).await;
    assert_eq!(claimed.len(), 6);
    assert!(matches!(claimed[0].delivery.state, DeliveryState::InFlight { .. }));
    assert_eq!(store.claim_events(9).await.unwrap().len(), 1);
    assert_eq!(store.events(EventFilter::default(), first_page()).await.unwrap().rows.len(), 7);
    file.close().await;
    let again = copy_to_database(folder.path(), &address, CopyEnd::Keep, |_| {}).await;
    let Err(StoreError::BadRequest(words)) = again else { panic!("it is not empty") };
    assert!(words.contains("a store in the database already"), "{words}");
}
