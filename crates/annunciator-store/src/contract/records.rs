//! Promises about settings, tokens and the audit log.

use super::samples::{START, audit, audited, first_page};
use crate::{
    AuditFilter, NewAudit, Page, REVISIONS_MAX, SettingsChange, SettingsSave, Store, TokenRecord,
};

pub(super) async fn settings_are_revisions_and_conflicts_are_seen(store: &dyn Store) {
    let change = |layer: &str, document: &str, expected_revision| SettingsChange {
        layer: layer.to_owned(),
        document: document.to_owned(),
        expected_revision,
        comment: "why".to_owned(),
        audit: audit(document),
    };
    for (given, expected) in [
        (change("server", "one", Some(0)), SettingsSave::Saved(1)),
        (change("server", "two", Some(0)), SettingsSave::Conflict(1)),
        (change("server", "three", Some(1)), SettingsSave::Saved(2)),
        (change("policy", "four", Some(0)), SettingsSave::Saved(3)),
        (change("server", "five", None), SettingsSave::Saved(4)),
        (change("server", "six", Some(3)), SettingsSave::Conflict(4)),
    ] {
        assert_eq!(store.save_settings(given).await.expect("answered"), expected);
    }
    let newest = store.settings("server").await.expect("read").expect("there");
    assert_eq!((newest.revision, newest.document.as_str()), (4, "five"));
    assert_eq!((newest.author.as_str(), newest.saved_at), ("admin", START));
    assert_eq!(newest.comment, "why");
    let mut page = Page { after: None, count_max: 2 };
    let first = store.settings_history("server", page.clone()).await.expect("read");
    let revisions =
        |rows: &[crate::SavedSettings]| rows.iter().map(|saved| saved.revision).collect::<Vec<_>>();
    assert_eq!(revisions(&first.rows), [4, 2]);
    page.after = first.next;
    let second = store.settings_history("server", page).await.expect("read");
    assert_eq!((revisions(&second.rows), second.next), (vec![1], None));
    assert_eq!(audited(store).await, ["five", "four", "three", "one"], "conflicts leave no line");
    let numbers = store.audit(AuditFilter::default(), first_page()).await.expect("read").rows;
    assert_eq!(numbers.iter().map(|row| row.number).collect::<Vec<_>>(), [4, 3, 2, 1]);
}

pub(super) async fn audit_filters_find_what_they_say(store: &dyn Store) {
    for (author, action, target, detail) in [
        ("anna", "settings.save", "server", r#"{"email.port":{"from":25,"to":587}}"#),
        ("Annabel", "token.create", "t-1", r#"{"name":"Сборка"}"#),
        ("token ci", "settings.save", "server", "{}"),
    ] {
        let line = NewAudit {
            author: author.to_owned(),
            target: target.to_owned(),
            detail: detail.to_owned(),
            ..audit(action)
        };
        store.note(line).await.expect("noted");
    }
    for (author, action, text, expected) in [
        ("", "", "", &[3, 2, 1][..]),
        ("ANNA", "", "", &[2, 1]),
        ("", "settings.save", "", &[3, 1]),
        ("", "settings", "", &[]),
        ("", "", "587", &[1]),
        ("", "", "СБОРКА", &[2]),
        ("", "", "t-1", &[2]),
        ("anna", "settings.save", "email", &[1]),
        ("anna", "", "%", &[]),
    ] {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (author, action, text) = (some(author), some(action), some(text));
        let filter = AuditFilter { author, action, text, since: None };
        let mut found = Vec::new();
        let mut page = Page { after: None, count_max: 1 };
        loop {
            let list = store.audit(filter.clone(), page.clone()).await.expect("read");
            found.extend(list.rows.iter().map(|row| row.number));
            page.after = list.next;
            if page.after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{filter:?}");
    }
}

pub(super) async fn the_oldest_revisions_go_beyond_the_bound(store: &dyn Store) {
    let change = |layer: &str| SettingsChange {
        layer: layer.to_owned(),
        document: "{}".to_owned(),
        expected_revision: None,
        comment: String::new(),
        audit: audit("save"),
    };
    let revisions = |found: Vec<crate::SavedSettings>| -> Vec<i64> {
        found.iter().map(|saved| saved.revision).collect()
    };
    store.save_settings(change("policy")).await.expect("saved");
    let most = i64::try_from(REVISIONS_MAX).expect("a small number");
    for number in 0..most + 2 {
        let saved = store.save_settings(change("server")).await.expect("saved");
        assert_eq!(saved, SettingsSave::Saved(number + 2));
    }
    for (layer, revision, expected) in [
        ("server", most + 3, vec![most + 3, most + 2]),
        ("server", 5, vec![5, 4]),
        ("server", 4, vec![4]),
        ("server", 3, vec![]),
        ("server", 2, vec![]),
        ("server", most + 4, vec![]),
        ("policy", 1, vec![1]),
        ("server", 1, vec![]),
    ] {
        let found = store.settings_revision(layer, revision).await.expect("read");
        assert_eq!(revisions(found), expected, "{layer} {revision}");
    }
    let newest = store.settings("server").await.expect("read").expect("there");
    assert_eq!(newest.revision, most + 3);
}

pub(super) async fn tokens_come_and_go_with_their_audit_lines(store: &dyn Store) {
    let token = |id: &str, expires_at| TokenRecord {
        id: id.to_owned(),
        name: format!("token {id}"),
        role: "ingest".to_owned(),
        secret_sha256: [7; 32],
        created_at: START,
        created_by: "admin".to_owned(),
        expires_at,
        last_used_at: None,
    };
    let (a, b) = (token("a", None), token("b", Some(START.plus_ms(5))));
    for token in [&a, &b] {
        store.insert_token(token.clone(), audit("token.create")).await.expect("stored");
    }
    assert_eq!(store.tokens().await.expect("read"), [a.clone(), b.clone()]);
    for at in [START.plus_ms(9), START.plus_ms(3)] {
        let used = vec![("b".to_owned(), at), ("unknown".to_owned(), at)];
        store.touch_tokens(used).await.expect("noted");
    }
    let last_used_at = store.tokens().await.expect("read")[1].last_used_at;
    assert_eq!(last_used_at, Some(START.plus_ms(9)), "never back in time");
    for (id, expected) in [("a", true), ("a", false), ("unknown", false)] {
        let deleted = store.delete_token(id, audit("token.delete")).await.expect("answered");
        assert_eq!(deleted, expected, "{id}");
    }
    assert_eq!(store.tokens().await.expect("read").len(), 1);
    assert_eq!(audited(store).await, ["token.delete", "token.create", "token.create"]);
}
