//! Promises about users, their sessions, roles and saved views.

use annunciator_core::Timestamp;

use super::samples::{START, audit, audited};
use crate::{
    Alive, Ending, NewAudit, OneTimeKey, ROLES_MAX, RoleDeletion, RoleRecord,
    SESSIONS_PER_USER_MAX, SavedView, SessionRecord, Store, TokenRecord, UserChange, UserOutcome,
    UserRecord, VIEWS_PER_USER_MAX,
};

fn user(name: &str, role: &str) -> UserRecord {
    UserRecord {
        name: name.to_owned(),
        full_name: format!("{name} of the plant"),
        email: format!("{name}@example.org"),
        role: role.to_owned(),
        password: Some(format!("hash of {name}")),
        password_giver: None,
        is_blocked: false,
        language: "ru".to_owned(),
        time_zone: "Europe/Moscow".to_owned(),
        theme: "dark".to_owned(),
        created_at: START,
        created_by: "local root".to_owned(),
        last_sign_in_at: None,
        key: None,
    }
}

fn session(user: &str, number: u8, after_ms: i64) -> SessionRecord {
    SessionRecord {
        sha256: [number; 32],
        id: format!("session {number}"),
        user: user.to_owned(),
        created_at: START.plus_ms(after_ms),
        last_used_at: START.plus_ms(after_ms),
        address: "192.0.2.1".to_owned(),
        user_agent: "browser".to_owned(),
    }
}

fn alive(used_after_ms: i64, created_after_ms: i64) -> Alive {
    Alive {
        used_after: START.plus_ms(used_after_ms),
        created_after: START.plus_ms(created_after_ms),
    }
}

async fn insert(store: &dyn Store, user: UserRecord) {
    let outcome = store.insert_user(user, false, audit("user.create")).await.expect("answered");
    assert_eq!(outcome, UserOutcome::Done);
}

async fn start(store: &dyn Store, session: SessionRecord) {
    let password = format!("hash of {}", session.user);
    let started = store.start_session(session, &password, None, audit("session.start")).await;
    assert!(started.expect("answered"));
}

async fn change(store: &dyn Store, name: &str, change: UserChange) -> UserOutcome {
    store.change_user(name, change, audit("user.change")).await.expect("answered")
}

async fn numbers(store: &dyn Store, user: &str) -> Vec<u8> {
    let sessions = store.sessions_of(user).await.expect("read");
    sessions.iter().map(|session| session.sha256[0]).collect()
}

pub(super) async fn users_come_change_and_go_with_their_audit_lines(store: &dyn Store) {
    insert(store, user("anna", "viewer")).await;
    for (name, is_first, expected) in [
        ("ANNA", false, UserOutcome::Exists),
        ("anna", true, UserOutcome::Exists),
        ("boris", false, UserOutcome::Done),
    ] {
        let made = store.insert_user(user(name, "viewer"), is_first, audit("user.create")).await;
        assert_eq!(made.expect("answered"), expected, "{name} {is_first}");
    }
    assert_eq!(store.user("Anna").await.expect("read"), Some(user("anna", "viewer")));
    let key = OneTimeKey { sha256: [9; 32], expires_at: START.plus_ms(5) };
    let all = UserChange {
        full_name: Some("A".to_owned()),
        email: Some("B".to_owned()),
        role: Some("operator".to_owned()),
        is_blocked: Some(true),
        language: Some("C".to_owned()),
        time_zone: Some("D".to_owned()),
        theme: Some("E".to_owned()),
        password: Some("F".to_owned()),
        password_giver: Some("token".to_owned()),
        key: Some(key.clone()),
        ..UserChange::default()
    };
    assert_eq!(change(store, "aNNa", all).await, UserOutcome::Done);
    let expected = UserRecord {
        full_name: "A".to_owned(),
        email: "B".to_owned(),
        role: "operator".to_owned(),
        is_blocked: true,
        language: "C".to_owned(),
        time_zone: "D".to_owned(),
        theme: "E".to_owned(),
        password: Some("F".to_owned()),
        password_giver: Some("token".to_owned()),
        key: Some(key),
        ..user("anna", "viewer")
    };
    assert_eq!(store.user("anna").await.expect("read"), Some(expected.clone()));
    assert_eq!(change(store, "anna", UserChange::default()).await, UserOutcome::Done);
    assert_eq!(store.user("anna").await.expect("read"), Some(expected), "nothing else changes");
    let password = UserChange { password: Some("G".to_owned()), ..UserChange::default() };
    assert_eq!(change(store, "anna", password).await, UserOutcome::Done);
    assert_eq!(store.user_of_key([9; 32]).await.expect("read"), None, "a password ends the key");
    assert_eq!(change(store, "nobody", UserChange::default()).await, UserOutcome::NotFound);
    for (name, expected) in [("ANNA", UserOutcome::Done), ("anna", UserOutcome::NotFound)] {
        let deleted = store.delete_user(name, audit("user.delete")).await.expect("answered");
        assert_eq!(deleted, expected);
    }
    let users = store.users(alive(-1, -1)).await.expect("read");
    assert_eq!(users, [(user("boris", "viewer"), 0)]);
    let changes = ["user.change"; 3];
    let expected = [&["user.delete"][..], &changes, &["user.create"; 2]].concat();
    assert_eq!(audited(store).await, expected, "refusals leave no line");
}

pub(super) async fn one_administrator_who_can_sign_in_remains(store: &dyn Store) {
    let blocked = UserChange { is_blocked: Some(true), ..UserChange::default() };
    let demoted = UserChange { role: Some("viewer".to_owned()), ..UserChange::default() };
    let renamed = UserChange { full_name: Some("x".to_owned()), ..UserChange::default() };
    let last = UserOutcome::LastAdministrator;
    insert(store, user("anna", "administrator")).await;
    insert(store, user("boris", "operator")).await;
    insert(store, UserRecord { password: None, ..user("new", "administrator") }).await;
    assert_eq!(change(store, "Anna", blocked.clone()).await, last);
    assert_eq!(change(store, "Anna", demoted.clone()).await, last);
    assert_eq!(store.delete_user("Anna", audit("x")).await.expect("answered"), last);
    assert_eq!(change(store, "anna", renamed).await, UserOutcome::Done);
    assert_eq!(change(store, "boris", blocked.clone()).await, UserOutcome::Done);
    insert(store, user("clara", "administrator")).await;
    assert_eq!(change(store, "anna", blocked).await, UserOutcome::Done);
    assert_eq!(change(store, "clara", demoted).await, last, "the other one is blocked");
    assert_eq!(store.delete_user("anna", audit("x")).await.expect("answered"), UserOutcome::Done);
    assert_eq!(store.delete_user("new", audit("x")).await.expect("answered"), UserOutcome::Done);
}

pub(super) async fn a_session_is_found_with_its_user_until_it_ends(store: &dyn Store) {
    insert(store, user("anna", "viewer")).await;
    insert(store, user("boris", "viewer")).await;
    for (number, after_ms) in [(1, 0), (2, 10), (3, 20)] {
        start(store, session("anna", number, after_ms)).await;
    }
    start(store, session("boris", 4, 0)).await;
    let expected =
        UserRecord { last_sign_in_at: Some(START.plus_ms(20)), ..user("anna", "viewer") };
    let found = store.session([2; 32]).await.expect("read");
    assert_eq!(found, Some((session("anna", 2, 10), expected)));
    assert_eq!(store.session([7; 32]).await.expect("read"), None);
    assert_eq!(numbers(store, "ANNA").await, [3, 2, 1]);
    let used = |number, after_ms| vec![([number; 32], START.plus_ms(after_ms))];
    for touch in [used(1, 50), used(1, 40), used(7, 9)] {
        store.touch_sessions(touch).await.expect("noted");
    }
    assert_eq!(numbers(store, "anna").await, [1, 3, 2], "the one used last first");
    let (found, _) = store.session([1; 32]).await.expect("read").expect("there");
    assert_eq!(found.last_used_at, START.plus_ms(50), "never back in time");
    let counts =
        |users: Vec<(UserRecord, usize)>| users.iter().map(|row| row.1).collect::<Vec<_>>();
    for (alive, expected) in
        [(alive(-1, -1), [3, 1]), (alive(10, -1), [2, 0]), (alive(10, 0), [1, 0])]
    {
        assert_eq!(counts(store.users(alive).await.expect("read")), expected, "{alive:?}");
    }
    let end = |which| store.end_sessions("Anna", which, audit("session.end"));
    assert_eq!(end(Ending::Id("session 4".to_owned())).await.expect("answered"), 0, "not hers");
    assert_eq!(end(Ending::Id("session 2".to_owned())).await.expect("answered"), 1);
    assert_eq!(store.forget_sessions(alive(10, 0)).await.expect("answered"), 2);
    assert_eq!(numbers(store, "anna").await, [3]);
    assert_eq!(end(Ending::All).await.expect("answered"), 1);
    assert_eq!(end(Ending::All).await.expect("answered"), 0);
    assert_eq!(audited(store).await[..3], ["session.end", "session.end", "session.start"]);
}

pub(super) async fn a_session_begins_only_with_what_still_holds(store: &dyn Store) {
    insert(store, user("anna", "viewer")).await;
    start(store, session("anna", 1, 0)).await;
    let try_it = |user: &'static str, number, password: &'static str, instead_of| async move {
        let session = session(user, number, 1);
        let audit = audit("session.start");
        store.start_session(session, password, instead_of, audit).await.expect("answered")
    };
    assert!(!try_it("anna", 2, "an old hash", Some([1; 32])).await, "changed meanwhile");
    assert!(!try_it("nobody", 2, "hash of nobody", None).await);
    assert_eq!(numbers(store, "anna").await, [1]);
    assert!(try_it("anna", 2, "hash of anna", Some([1; 32])).await);
    assert_eq!(numbers(store, "anna").await, [2], "in place of the other");
    let renewed = UserChange {
        password: Some("hash".to_owned()),
        ends_sessions: true,
        session: Some(session("anna", 3, 2)),
        ..UserChange::default()
    };
    assert_eq!(change(store, "anna", renewed).await, UserOutcome::Done);
    assert_eq!(numbers(store, "anna").await, [3]);
    let blocked = UserChange { is_blocked: Some(true), ..UserChange::default() };
    assert_eq!(change(store, "anna", blocked).await, UserOutcome::Done);
    assert!(!try_it("anna", 4, "hash", None).await, "blocked");
    store.delete_user("anna", audit("user.delete")).await.expect("answered");
    assert_eq!(store.session([3; 32]).await.expect("read"), None, "gone with the user");
}

pub(super) async fn the_session_used_longest_ago_goes_beyond_the_bound(store: &dyn Store) {
    insert(store, user("anna", "viewer")).await;
    let most = u8::try_from(SESSIONS_PER_USER_MAX).expect("small");
    for number in 1..=most {
        start(store, session("anna", number, i64::from(number))).await;
    }
    store.touch_sessions(vec![([1; 32], START.plus_ms(1_000))]).await.expect("noted");
    start(store, session("anna", most + 1, 500)).await;
    let kept = numbers(store, "anna").await;
    assert_eq!(kept.len(), SESSIONS_PER_USER_MAX);
    assert_eq!([1, 2, 3, most + 1].map(|number| kept.contains(&number)), [true, false, true, true]);
}

pub(super) async fn a_one_time_key_is_good_once_and_in_its_time(store: &dyn Store) {
    let key = OneTimeKey { sha256: [9; 32], expires_at: START.plus_ms(10) };
    insert(store, UserRecord { key: Some(key.clone()), ..user("anna", "viewer") }).await;
    start(store, session("anna", 1, 0)).await;
    let found = store.user_of_key([9; 32]).await.expect("read");
    assert_eq!(found.map(|user| user.name).as_deref(), Some("anna"));
    assert_eq!(store.user_of_key([8; 32]).await.expect("read"), None);
    let try_it = |sha256: [u8; 32], after_ms: i64| async move {
        let at: Timestamp = START.plus_ms(after_ms);
        let audit = NewAudit { at, ..audit("user.use_key") };
        store.use_key(sha256, "new", session("anna", 2, after_ms), audit).await.expect("answered")
    };
    assert!(!try_it([8; 32], 0).await);
    assert!(!try_it([9; 32], 10).await, "its time has ended");
    let blocked = |is_blocked| UserChange { is_blocked: Some(is_blocked), ..UserChange::default() };
    change(store, "anna", UserChange { key: Some(key), ..blocked(true) }).await;
    assert!(!try_it([9; 32], 9).await, "blocked");
    change(store, "anna", blocked(false)).await;
    assert_eq!(numbers(store, "anna").await, [1], "nothing ended so far");
    assert!(try_it([9; 32], 9).await);
    assert!(!try_it([9; 32], 9).await, "used");
    assert_eq!(numbers(store, "anna").await, [2], "other sessions end");
    let found = store.user("anna").await.expect("read").expect("there");
    assert_eq!((found.password.as_deref(), found.key), (Some("new"), None));
}

pub(super) async fn a_key_ends_with_what_its_user_was_when_it_was_given(store: &dyn Store) {
    let check = |number: u8, later: UserChange, expected: bool| async move {
        let (name, sha256) = (format!("user{number}"), [number; 32]);
        let key = OneTimeKey { sha256, expires_at: START.plus_ms(10) };
        insert(store, UserRecord { key: Some(key), ..user(&name, "viewer") }).await;
        assert_eq!(change(store, &name, later.clone()).await, UserOutcome::Done);
        let found = store.user_of_key(sha256).await.expect("read");
        assert_eq!(found.is_some(), expected, "{later:?}");
        let unblocked = UserChange { is_blocked: Some(false), ..UserChange::default() };
        assert_eq!(change(store, &name, unblocked).await, UserOutcome::Done);
        let begun = session(&name, 100 + number, 1);
        let used = store.use_key(sha256, "new", begun, audit("user.use_key")).await;
        assert_eq!(used.expect("answered"), expected, "{later:?}");
    };
    let role = |role: &str| UserChange { role: Some(role.to_owned()), ..UserChange::default() };
    let blocked = |is_blocked| UserChange { is_blocked: Some(is_blocked), ..UserChange::default() };
    let renamed = UserChange { full_name: Some("x".to_owned()), ..UserChange::default() };
    check(1, renamed, true).await;
    check(2, role("viewer"), true).await;
    check(3, role("administrator"), false).await;
    check(4, role("ingest"), false).await;
    check(5, blocked(true), false).await;
    check(6, blocked(false), true).await;
}

pub(super) async fn a_password_is_changed_only_by_who_still_has_proven_it(store: &dyn Store) {
    insert(store, UserRecord { password_giver: Some("x".to_owned()), ..user("anna", "viewer") })
        .await;
    let proven = |hash: &str, new: &str| UserChange {
        password: Some(new.to_owned()),
        proven: Some(hash.to_owned()),
        ..UserChange::default()
    };
    let blocked = |is_blocked| UserChange { is_blocked: Some(is_blocked), ..UserChange::default() };
    let drops = UserChange { drops_password: true, ..UserChange::default() };
    let (done, outdated) = (UserOutcome::Done, UserOutcome::Outdated);
    for (what, expected) in [
        (proven("an old hash", "A"), outdated),
        (blocked(true), done),
        (proven("hash of anna", "A"), outdated),
        (blocked(false), done),
        (proven("hash of anna", "A"), done),
        (proven("hash of anna", "B"), outdated),
    ] {
        assert_eq!(change(store, "anna", what.clone()).await, expected, "{what:?}");
    }
    let password = || async { store.user("anna").await.expect("read").expect("there").password };
    assert_eq!(password().await.as_deref(), Some("A"));
    let giver = store.user("anna").await.expect("read").expect("there").password_giver;
    assert_eq!(giver, None, "it is her own");
    assert_eq!(change(store, "anna", drops).await, done);
    assert_eq!(password().await, None);
}

pub(super) async fn the_first_administrator_is_one_who_can_sign_in(store: &dyn Store) {
    let check = |user: UserRecord, is_first: bool, expected: UserOutcome| async move {
        let name = user.name.clone();
        let made = store.insert_user(user, is_first, audit("user.create")).await;
        assert_eq!(made.expect("answered"), expected, "{name}");
    };
    let root = || user("root", "administrator");
    check(user("viewer", "viewer"), false, UserOutcome::Done).await;
    check(UserRecord { password: None, ..root() }, false, UserOutcome::Done).await;
    check(UserRecord { is_blocked: true, ..user("b", "administrator") }, true, UserOutcome::Done)
        .await;
    check(user("anna", "administrator"), true, UserOutcome::Done).await;
    check(user("boris", "administrator"), true, UserOutcome::Exists).await;
}

pub(super) async fn a_role_that_somebody_has_stays(store: &dyn Store) {
    let role = |name: &str, rights: &[&str]| RoleRecord {
        name: name.to_owned(),
        rights: rights.iter().map(|right| (*right).to_owned()).collect(),
    };
    let put = |role| store.put_role(role, audit("role.save"));
    assert!(put(role("b", &["read_audit"])).await.expect("answered"));
    assert!(put(role("a", &[])).await.expect("answered"));
    let key = OneTimeKey { sha256: [9; 32], expires_at: START.plus_ms(5) };
    insert(store, UserRecord { key: Some(key), ..user("boris", "b") }).await;
    assert!(put(role("b", &[])).await.expect("answered"));
    let has_key = || async { store.user_of_key([9; 32]).await.expect("read").is_some() };
    assert!(has_key().await, "a role that may do less ends no key");
    assert!(put(role("b", &["read_events", "explain"])).await.expect("answered"));
    assert!(!has_key().await, "whoever has the key was given less");
    store.delete_user("boris", audit("user.delete")).await.expect("answered");
    let expected = [role("a", &[]), role("b", &["read_events", "explain"])];
    assert_eq!(store.roles().await.expect("read"), expected);
    insert(store, user("anna", "b")).await;
    let token = TokenRecord {
        id: "t".to_owned(),
        name: "t".to_owned(),
        role: "b".to_owned(),
        secret_sha256: [7; 32],
        created_at: START,
        created_by: "admin".to_owned(),
        expires_at: None,
        last_used_at: None,
    };
    store.insert_token(token, audit("token.create")).await.expect("stored");
    let delete = |name: &'static str| async move {
        store.delete_role(name, audit("role.delete")).await.expect("answered")
    };
    assert_eq!(delete("b").await, RoleDeletion::InUse { users: 1, tokens: 1 });
    store.delete_user("anna", audit("user.delete")).await.expect("answered");
    assert_eq!(delete("b").await, RoleDeletion::InUse { users: 0, tokens: 1 });
    store.delete_token("t", audit("token.delete")).await.expect("answered");
    assert_eq!(delete("b").await, RoleDeletion::Done);
    assert_eq!(delete("b").await, RoleDeletion::NotFound);
    assert_eq!(audited(store).await[..2], ["role.delete", "token.delete"]);
    for number in 1..ROLES_MAX {
        assert!(put(role(&number.to_string(), &[])).await.expect("answered"));
    }
    assert!(!put(role("one more", &[])).await.expect("answered"));
    assert!(put(role("a", &["explain"])).await.expect("answered"), "one of them may change");
}

pub(super) async fn views_are_their_owners_unless_they_are_shared(store: &dyn Store) {
    let view = |owner: &str, page: &str, name: &str, is_shared| SavedView {
        owner: owner.to_owned(),
        page: page.to_owned(),
        name: name.to_owned(),
        query: format!("q={name}"),
        is_shared,
    };
    let put = |view| store.put_view(view, audit("view.save"));
    let views = [
        view("boris", "ledger", "a", true),
        view("boris", "ledger", "b", false),
        view("anna", "ledger", "c", false),
        view("anna", "events", "d", false),
    ];
    for view in &views {
        assert!(put(view.clone()).await.expect("answered"));
    }
    let [shared, private, ledger, events] = &views;
    let list = |owner, page| store.saved_views(owner, page);
    let found = list("ANNA", None).await.expect("read");
    assert_eq!(found, [events.clone(), ledger.clone(), shared.clone()], "one's own first");
    let found = list("anna", Some("ledger")).await.expect("read");
    assert_eq!(found, [ledger.clone(), shared.clone()]);
    let changed = SavedView { query: "other".to_owned(), is_shared: true, ..private.clone() };
    assert!(put(changed.clone()).await.expect("answered"));
    let found = list("boris", Some("ledger")).await.expect("read");
    assert_eq!(found, [shared.clone(), changed]);
    for (owner, expected) in [("anna", false), ("Boris", true), ("boris", false)] {
        let deleted = store.delete_view(owner, "ledger", "b", audit("view.delete")).await;
        assert_eq!(deleted.expect("answered"), expected, "{owner}");
    }
    for number in 1..VIEWS_PER_USER_MAX {
        assert!(put(view("boris", "many", &number.to_string(), false)).await.expect("answered"));
    }
    assert!(!put(view("boris", "one", "more", false)).await.expect("answered"));
    assert!(put(view("boris", "ledger", "a", false)).await.expect("answered"), "it is there");
    insert(store, user("boris", "viewer")).await;
    store.delete_user("boris", audit("user.delete")).await.expect("answered");
    assert_eq!(list("boris", None).await.expect("read"), [], "gone with the owner");
}
