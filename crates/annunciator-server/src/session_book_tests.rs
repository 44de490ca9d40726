//! How long sessions hold, with a clock moved by hand and a store of SQLite.

use std::sync::Arc;

use annunciator_store::sqlite::SqliteStore;
use annunciator_store::{Ending, NewAudit, UserChange, UserOutcome, Users};

use super::*;

const MINUTE: i64 = MINUTE_MS;
const HOUR: i64 = 60 * MINUTE;
const START: Timestamp = Timestamp(1_795_325_400_000);

fn audit() -> NewAudit {
    let (author, action, target) = ("user anna".into(), "test".into(), "anna".into());
    NewAudit { at: START, author, action, target, detail: "{}".into() }
}

fn user() -> UserRecord {
    UserRecord {
        name: "anna".into(),
        full_name: String::new(),
        email: String::new(),
        role: "viewer".into(),
        password_giver: None,
        password: Some("hash".into()),
        is_blocked: false,
        language: String::new(),
        time_zone: String::new(),
        theme: "auto".into(),
        created_at: START,
        created_by: "local root".into(),
        last_sign_in_at: None,
        key: None,
    }
}

/// A store with a user who signs in at the start; gives the cookie.
async fn signed_in(folder: &tempfile::TempDir) -> (Arc<SqliteStore>, Zeroizing<String>) {
    let store = SqliteStore::open(folder.path()).unwrap();
    let made = Users::insert_user(store.as_ref(), user(), true, audit()).await;
    assert_eq!(made.unwrap(), UserOutcome::Done);
    let cookie = make_secret().unwrap();
    let session = SessionRecord {
        sha256: sha256_of_secret(&cookie).unwrap(),
        id: "1".into(),
        user: "anna".into(),
        created_at: START,
        last_used_at: START,
        address: String::new(),
        user_agent: String::new(),
    };
    let started = Users::start_session(&*store, session, "hash", None, audit()).await;
    assert!(started.unwrap());
    (store, cookie)
}

async fn is_in(book: &SessionBook, store: &SqliteStore, cookie: &str, after_ms: i64) -> bool {
    book.find(store, cookie, START.plus_ms(after_ms)).await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_ends_when_it_was_not_used_for_twelve_hours() {
    let folder = tempfile::tempdir().unwrap();
    let (store, cookie) = signed_in(&folder).await;
    let book = SessionBook::default();
    assert!(is_in(&book, &store, &cookie, 12 * HOUR - 1).await);
    assert!(is_in(&book, &store, &cookie, 24 * HOUR - 2).await, "it was used since");
    assert!(!is_in(&book, &store, &cookie, 36 * HOUR - 2).await);
    let mut session = Users::sessions_of(&*store, "anna").await.unwrap().remove(0);
    book.refresh(&mut session);
    assert_eq!(end_of(&session), START.plus_ms(36 * HOUR - 2));
    // Another server on the same store knows of the use when it was told.
    assert!(!is_in(&SessionBook::default(), &store, &cookie, 13 * HOUR).await);
    book.tend(&*store, START.plus_ms(24 * HOUR)).await.unwrap();
    assert!(is_in(&SessionBook::default(), &store, &cookie, 35 * HOUR).await);
}

#[tokio::test]
async fn a_session_ends_after_seven_days_however_often_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let (store, cookie) = signed_in(&folder).await;
    let book = SessionBook::default();
    for hours in (6..7 * 24).step_by(6) {
        assert!(is_in(&book, &store, &cookie, hours * HOUR).await, "{hours} h");
    }
    assert!(is_in(&book, &store, &cookie, LIFE_MS_MAX - 1).await);
    assert!(!is_in(&book, &store, &cookie, LIFE_MS_MAX).await);
    book.tend(&*store, START.plus_ms(LIFE_MS_MAX)).await.unwrap();
    let left = Users::sessions_of(&*store, "anna").await.unwrap();
    assert_eq!(left, [], "and is forgotten");
}

#[tokio::test]
async fn only_the_whole_cookie_of_a_user_who_may_is_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let (store, cookie) = signed_in(&folder).await;
    let book = SessionBook::default();
    let other = make_secret().unwrap();
    let hash = crate::tokens::hex(&sha256_of_secret(&cookie).unwrap());
    for wrong in ["", "x", &cookie[1..], other.as_str(), &hash, &format!("{}0", cookie.as_str())] {
        assert!(!is_in(&book, &store, wrong, 0).await, "{wrong}");
    }
    let block = |is_blocked| {
        let change = UserChange { is_blocked: Some(is_blocked), ..UserChange::default() };
        Users::change_user(&*store, "anna", change, audit())
    };
    block(true).await.unwrap();
    assert!(!is_in(&book, &store, &cookie, 0).await, "blocked");
    block(false).await.unwrap();
    assert!(is_in(&book, &store, &cookie, 0).await);
    let ended = Users::end_sessions(&*store, "ANNA", Ending::All, audit()).await;
    assert_eq!(ended.unwrap(), 1);
    assert!(!is_in(&book, &store, &cookie, 0).await, "ended");
}
