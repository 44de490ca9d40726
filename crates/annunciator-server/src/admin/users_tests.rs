//! Reach is looked at again when nobody can change it any more.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use super::*;
use crate::identity::Credential;
use crate::planner_task;
use crate::roles::{Right, Rights};

/// What the user becomes while the call waits must be out of the caller's reach.
async fn check<T>(shared: &Shared, name: &str, call: impl Future<Output = Result<T, AdminError>>) {
    let steady = shared.roles.steady().await;
    let mut call = pin!(call);
    // However slow the machine is, what waits for the roles waits here.
    let waits = tokio::time::timeout(Duration::from_millis(200), &mut call).await;
    assert!(waits.is_err(), "{name}: it was done while roles were held");
    let change = UserChange { role: Some(ADMINISTRATOR.to_owned()), ..UserChange::default() };
    let audit = note("user.change", name, &json!({}), "local root", shared.clock.now());
    finish(shared.store.change_user(name, change, audit).await.expect("answered")).expect("done");
    drop(steady);
    let refused = call.await.err();
    assert!(matches!(refused, Some(AdminError::Forbidden(_))), "{name}: {refused:?}");
    let user = shared.store.user(name).await.expect("read").expect("still there");
    assert_eq!((user.password.as_deref(), user.key), (Some("hash"), None), "{name}");
}

#[tokio::test]
async fn whoever_is_promoted_meanwhile_is_out_of_reach() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let shared = planner_task::tests::shared(folder.path()).await;
    shared.roles.replace("staff", Some(Rights::of([Right::ManageUsers])));
    let boss = Identity {
        name: "token boss".to_owned(),
        owner: "boss".to_owned(),
        role: "staff".to_owned(),
        credential: Credential::Token("boss".to_owned()),
    };
    for name in ["a", "b", "c", "d"] {
        let mut user = blank_user(name, "staff", "local root", shared.clock.now());
        user.password = Some("hash".to_owned());
        assert!(insert(&shared, user, false).await.expect("stored"));
    }
    check(&shared, "a", set_password(&shared, "a", "four words in a row", &boss)).await;
    check(&shared, "b", give_key(&shared, "b", &boss)).await;
    check(&shared, "c", delete(&shared, "c", &boss)).await;
    check(&shared, "d", sign_out(&shared, "d", &boss)).await;
}
