//! Promises about certificate objects and kept texts.

use super::samples::{START, all_at_once, audit, audited};
use crate::{CertificateRecord, KEPT_MAX, KeptText, Store};

pub(super) async fn objects_come_change_and_go_with_their_audit_lines(store: &dyn Store) {
    let record = |id: &str, at: i64| CertificateRecord {
        id: id.to_owned(),
        name: format!("object {id}"),
        kind: "client".to_owned(),
        public: vec![vec![0x30, 0], Vec::new(), vec![7; 70_000]],
        sealed_key: Some("sealed:v1:00".to_owned()),
        created_at: START.plus_ms(at),
        created_by: "admin".to_owned(),
        replaced_at: None,
    };
    let (first, second) = (record("b", 0), record("a", 1));
    for one in [&second, &first] {
        store.put_certificate(one.clone(), audit("certificate.upload")).await.expect("stored");
    }
    assert_eq!(store.certificates().await.expect("read"), [first.clone(), second.clone()]);
    let changed = CertificateRecord {
        public: vec![vec![1]],
        sealed_key: None,
        replaced_at: Some(START.plus_ms(9)),
        ..first
    };
    store.put_certificate(changed.clone(), audit("certificate.replace")).await.expect("stored");
    assert_eq!(store.certificates().await.expect("read"), [changed, second]);
    for (id, expected) in [("b", true), ("b", false), ("unknown", false)] {
        let deleted = store.delete_certificate(id, audit("certificate.delete")).await;
        assert_eq!(deleted.expect("answered"), expected, "{id}");
    }
    assert_eq!(store.certificates().await.expect("read").len(), 1);
    store.note(audit("certificate.download_key")).await.expect("noted");
    let expected = [
        "certificate.download_key",
        "certificate.delete",
        "certificate.replace",
        "certificate.upload",
        "certificate.upload",
    ];
    assert_eq!(audited(store).await, expected);
}

fn text(text: &str, at: i64) -> KeptText {
    KeptText { text: text.to_owned(), saved_at: START.plus_ms(at) }
}

pub(super) async fn a_kept_text_is_the_newest_of_its_place(store: &dyn Store) {
    assert_eq!(store.kept("a").await.expect("read"), None);
    for (place, kept) in [("a", text("one", 0)), ("b", text("two", 1)), ("a", text("", 2))] {
        store.keep(place, kept).await.expect("kept");
    }
    assert_eq!(store.kept("a").await.expect("read"), Some(text("", 2)));
    assert_eq!(store.kept("b").await.expect("read"), Some(text("two", 1)));
}

pub(super) async fn the_first_of_a_place_stays(store: &dyn Store) {
    let keep = |at: i64| async move {
        store.keep_first("a", text(&format!("{at}"), at)).await.expect("kept")
    };
    let told = all_at_once((0..10).map(keep)).await;
    let there = store.kept("a").await.expect("read").expect("one is kept");
    assert!(told.iter().all(|one| *one == there), "{there:?}: {told:?}");
    store.keep("a", text("later", 20)).await.expect("kept");
    assert_eq!(keep(21).await, text("later", 20));
    assert_eq!(store.keep_first("b", text("x", 22)).await.expect("kept"), text("x", 22));
}

pub(super) async fn the_oldest_kept_texts_go_beyond_the_bound(store: &dyn Store) {
    let count = i64::try_from(KEPT_MAX).expect("small") + 2;
    let keep = |at: i64| async move {
        store.keep(&format!("place {at}"), text("x", at)).await.expect("kept");
    };
    for from in (0..count).step_by(500) {
        all_at_once((from..(from + 500).min(count)).map(keep)).await;
    }
    for (at, is_there) in [(0, false), (1, false), (2, true), (count - 1, true)] {
        let found = store.kept(&format!("place {at}")).await.expect("read");
        assert_eq!(found.is_some(), is_there, "{at}");
    }
}
