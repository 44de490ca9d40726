//! What who manages users can ask: list, make, change, block, delete; passwords, keys, sign-out.
//!
//! Knows nothing of: HTTP.
//! Failure: a request is checked whole, or nothing happens. Nobody gives rights that they do not
//! have, nor touches somebody who has more (spec 10.2); one administrator always remains.

use annunciator_api_types::{FieldError, NewUserRequest, UserPatch, UserSaved, UserView};
use annunciator_core::Timestamp;
use annunciator_store::{
    ADMINISTRATOR, Ending, NewAudit, OneTimeKey, USERS_MAX, UserChange, UserOutcome, UserRecord,
};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::sign_in::without_randomness;
use super::user_record::{blank_user, check_record};
use super::{AdminError, sessions};
use crate::identity::{Identity, LOCAL_OWNER, USER_OWNER, author_of};
use crate::passwords;
use crate::session_book::{alive, make_secret, sha256_of_secret};
use crate::shared::Shared;

/// How long a one-time key holds. Unit: milliseconds.
const KEY_LIFE_MS: i64 = 24 * 3_600_000;

/// All users, by name.
///
/// # Errors
/// What the store answers.
pub async fn list(shared: &Shared) -> Result<Vec<UserView>, AdminError> {
    let users = shared.store.users(alive(shared.clock.now())).await?;
    Ok(users.into_iter().map(|(user, sessions)| view(user, sessions)).collect())
}

/// One user.
///
/// # Errors
/// None of that name.
pub async fn show(shared: &Shared, name: &str) -> Result<UserView, AdminError> {
    let user = find(shared, name).await?;
    let alive = alive(shared.clock.now());
    let mut sessions = shared.store.sessions_of(name).await?;
    sessions.retain(|session| alive.holds(session));
    Ok(view(user, sessions.len()))
}

fn view(user: UserRecord, sessions: usize) -> UserView {
    UserView {
        name: user.name,
        full_name: user.full_name,
        email: user.email,
        role: user.role,
        blocked: user.is_blocked,
        language: user.language,
        time_zone: user.time_zone,
        theme: user.theme,
        created_at: user.created_at,
        created_by: user.created_by,
        last_sign_in_at: user.last_sign_in_at,
        sessions: u64::try_from(sessions).unwrap_or(u64::MAX),
        has_password: user.password.is_some(),
    }
}

pub(super) async fn find(shared: &Shared, name: &str) -> Result<UserRecord, AdminError> {
    shared.store.user(name).await?.ok_or_else(not_found)
}

fn not_found() -> AdminError {
    AdminError::NotFound("There is no user of this name.".to_owned())
}

/// Whether somebody may give a role, or touch somebody who has it.
///
/// # Errors
/// [`AdminError::Forbidden`].
pub fn check_reach(shared: &Shared, caller: &Identity, role: &str) -> Result<(), AdminError> {
    if caller.role == ADMINISTRATOR {
        return Ok(());
    }
    let own = shared.roles.rights_of(&caller.role);
    if role != ADMINISTRATOR && shared.roles.rights_of(role).are_within(own) {
        return Ok(());
    }
    Err(AdminError::Forbidden(format!(
        "The role {role} may do more than yours: only an administrator gives it, or changes who \
         has it."
    )))
}

/// Whoever finds a browser signed in must not take the user over with it.
fn check_not_oneself(user: &UserRecord, caller: &Identity) -> Result<(), AdminError> {
    if caller.name != author_of(&user.name) {
        return Ok(());
    }
    let words = "This is yourself: change your password with the one in force.";
    Err(AdminError::Conflict(words.to_owned()))
}

/// Makes a user; without a password a one-time key, with which the user sets one.
///
/// # Errors
/// Everything that is wrong with the request; another user of that name; too many.
pub async fn create(
    shared: &Shared,
    request: NewUserRequest,
    caller: &Identity,
) -> Result<UserSaved, AdminError> {
    let now = shared.clock.now();
    let password = request.password.map(Zeroizing::new);
    let mut user = blank_user(&request.name, &request.role, &caller.name, now);
    user.full_name = request.full_name;
    user.email = request.email;
    user.language = request.language;
    user.time_zone = request.time_zone;
    let mut errors = check_record(&user, "/name");
    errors.extend(check_role(shared, &user.role));
    let chosen =
        password.as_ref().map(|password| passwords::check(password, &user.name, "/password"));
    errors.extend(chosen.flatten());
    if !errors.is_empty() {
        return Err(AdminError::Invalid(errors));
    }
    let mut sign_in_link_key = None;
    if let Some(password) = &password {
        user.password = Some(shared.passwords.hash(password).await?);
        user.password_giver = Some(caller.owner.clone());
    } else {
        let (key, kept) = make_key(now)?;
        user.key = Some(kept);
        sign_in_link_key = Some(key.to_string());
    }
    // A role that is being deleted must not be given away meanwhile.
    let _steady = shared.roles.steady().await;
    if let Some(error) = check_role(shared, &user.role) {
        return Err(AdminError::Invalid(vec![error]));
    }
    check_reach(shared, caller, &user.role)?;
    if !insert(shared, user.clone(), false).await? {
        let words = format!("There is a user of the name {} already.", user.name);
        return Err(AdminError::Conflict(words));
    }
    Ok(UserSaved { user: view(user, 0), sign_in_link_key })
}

/// Stores a new user; false when there is one of that name, or any when this should be the first.
pub(super) async fn insert(
    shared: &Shared,
    user: UserRecord,
    is_first: bool,
) -> Result<bool, AdminError> {
    let detail = json!({ "role": user.role, "full_name": user.full_name, "email": user.email });
    let audit = note("user.create", &user.name, &detail, &user.created_by, user.created_at);
    let name = user.name.clone();
    match shared.store.insert_user(user, is_first, audit).await? {
        UserOutcome::Exists => Ok(false),
        outcome => {
            finish(outcome)?;
            end_setup(shared, &name).await?;
            Ok(true)
        }
    }
}

/// The first start is over as soon as an administrator can sign in.
pub(super) async fn end_setup(shared: &Shared, name: &str) -> Result<(), AdminError> {
    if !shared.setup.is_needed() {
        return Ok(());
    }
    if shared.store.user(name).await?.is_some_and(|user| is_able_administrator(&user)) {
        shared.setup.end();
    }
    Ok(())
}

/// Whether somebody may do everything and can sign in.
pub(crate) fn is_able_administrator(user: &UserRecord) -> bool {
    user.role == ADMINISTRATOR && !user.is_blocked && user.password.is_some()
}

/// Changes a user.
///
/// A role that may do more ends the one-time key, and a password that somebody gave who could not
/// give that role: else whoever knows them would have it too.
///
/// # Errors
/// Everything that is wrong with the request; the last administrator stays one.
pub async fn change(
    shared: &Shared,
    name: &str,
    patch: UserPatch,
    caller: &Identity,
) -> Result<UserView, AdminError> {
    let _steady = shared.roles.steady().await;
    let old = find(shared, name).await?;
    check_reach(shared, caller, &old.role)?;
    let loses_rights = patch.role.as_deref().is_some_and(|role| {
        !shared.roles.rights_of(&old.role).are_within(shared.roles.rights_of(role))
    });
    let drops_password = match &patch.role {
        Some(role) => is_password_beneath(shared, &old, role, caller).await?,
        None => false,
    };
    let change = UserChange {
        full_name: patch.full_name,
        email: patch.email,
        role: patch.role,
        is_blocked: patch.blocked,
        language: patch.language,
        time_zone: patch.time_zone,
        theme: patch.theme,
        drops_password,
        ends_sessions: patch.blocked == Some(true) || loses_rights || drops_password,
        ..UserChange::default()
    };
    if let Some(role) = &change.role {
        if let Some(error) = check_role(shared, role) {
            return Err(AdminError::Invalid(vec![error]));
        }
        check_reach(shared, caller, role)?;
    }
    save(shared, &old, change, &caller.name).await?;
    end_setup(shared, name).await?;
    show(shared, name).await
}

/// Whether a user's password was given by somebody who could not give a role that does more.
async fn is_password_beneath(
    shared: &Shared,
    user: &UserRecord,
    role: &str,
    caller: &Identity,
) -> Result<bool, AdminError> {
    let rights = shared.roles.rights_of(role);
    let Some(giver) = user.password_giver.as_ref().filter(|giver| **giver != caller.owner) else {
        return Ok(false);
    };
    if user.password.is_none() || rights.are_within(shared.roles.rights_of(&user.role)) {
        return Ok(false);
    }
    let role_of_giver = if giver.starts_with(LOCAL_OWNER) {
        Some(ADMINISTRATOR.to_owned())
    } else if let Some(name) = giver.strip_prefix(USER_OWNER) {
        shared.store.user(name).await?.map(|giver| giver.role)
    } else {
        shared.tokens.role_of(giver)
    };
    // Who has gone by now is not known to have had the rights.
    let rights_of_giver = role_of_giver.map(|role| shared.roles.rights_of(&role));
    Ok(!rights_of_giver.is_some_and(|of_giver| rights.are_within(of_giver)))
}

/// Saves a change that was checked, but for what the user says about themselves.
pub(super) async fn save(
    shared: &Shared,
    old: &UserRecord,
    change: UserChange,
    author: &str,
) -> Result<(), AdminError> {
    let mut new = old.clone();
    for (field, value) in [
        (&mut new.full_name, &change.full_name),
        (&mut new.email, &change.email),
        (&mut new.language, &change.language),
        (&mut new.time_zone, &change.time_zone),
        (&mut new.theme, &change.theme),
    ] {
        if let Some(value) = value {
            field.clone_from(value);
        }
    }
    let errors = check_record(&new, "/name");
    if !errors.is_empty() {
        return Err(AdminError::Invalid(errors));
    }
    let detail = differences(old, &change);
    let audit = note("user.change", &old.name, &detail, author, shared.clock.now());
    finish(shared.store.change_user(&old.name, change, audit).await?)
}

/// What a change changes, for the audit log.
fn differences(old: &UserRecord, change: &UserChange) -> Value {
    let (mut before, mut after) = (Map::new(), Map::new());
    let mut note = |name: &str, old: Value, new: Option<Value>| {
        if let Some(new) = new.filter(|new| *new != old) {
            before.insert(name.to_owned(), old);
            after.insert(name.to_owned(), new);
        }
    };
    note("role", json!(old.role), change.role.as_ref().map(|value| json!(value)));
    note("blocked", json!(old.is_blocked), change.is_blocked.map(|value| json!(value)));
    note(
        "has_password",
        json!(old.password.is_some()),
        change.drops_password.then_some(Value::Bool(false)),
    );
    for (name, old, new) in [
        ("full_name", &old.full_name, &change.full_name),
        ("email", &old.email, &change.email),
        ("language", &old.language, &change.language),
        ("time_zone", &old.time_zone, &change.time_zone),
        ("theme", &old.theme, &change.theme),
    ] {
        note(name, json!(old), new.as_ref().map(|value| json!(value)));
    }
    json!({ "before": before, "after": after })
}

/// Deletes a user with sessions and saved views.
///
/// # Errors
/// None of that name; the last administrator stays.
pub async fn delete(shared: &Shared, name: &str, caller: &Identity) -> Result<(), AdminError> {
    let _steady = shared.roles.steady().await;
    let old = find(shared, name).await?;
    check_reach(shared, caller, &old.role)?;
    let detail = json!({ "role": old.role });
    let audit = note("user.delete", &old.name, &detail, &caller.name, shared.clock.now());
    finish(shared.store.delete_user(&old.name, audit).await?)?;
    super::subscriptions::forget_pauses(shared, &old.name, &caller.name).await
}

/// A new one-time key for a user, in place of the one before. It ends nothing until it is used.
///
/// # Errors
/// None of that name.
pub async fn give_key(
    shared: &Shared,
    name: &str,
    caller: &Identity,
) -> Result<UserSaved, AdminError> {
    let _steady = shared.roles.steady().await;
    let old = find(shared, name).await?;
    check_reach(shared, caller, &old.role)?;
    check_not_oneself(&old, caller)?;
    let now = shared.clock.now();
    let (key, kept) = make_key(now)?;
    let detail = json!({ "expires_at": kept.expires_at });
    let audit = note("user.give_key", &old.name, &detail, &caller.name, now);
    let change = UserChange { key: Some(kept), ..UserChange::default() };
    finish(shared.store.change_user(&old.name, change, audit).await?)?;
    Ok(UserSaved { user: show(shared, name).await?, sign_in_link_key: Some(key.to_string()) })
}

/// Sets a user's password; all sessions of the user end.
///
/// # Errors
/// None of that name; a password that is not taken.
pub async fn set_password(
    shared: &Shared,
    name: &str,
    password: &str,
    caller: &Identity,
) -> Result<(), AdminError> {
    let known = find(shared, name).await?;
    check_reach(shared, caller, &known.role)?;
    check_not_oneself(&known, caller)?;
    if let Some(error) = passwords::check(password, &known.name, "/password") {
        return Err(AdminError::Invalid(vec![error]));
    }
    let stored = shared.passwords.hash(password).await?;
    // Hashing takes a while, in which the user may have got a role that is out of reach.
    let _steady = shared.roles.steady().await;
    let old = find(shared, name).await?;
    check_reach(shared, caller, &old.role)?;
    let change = UserChange {
        password: Some(stored),
        password_giver: Some(caller.owner.clone()),
        ends_sessions: true,
        ..UserChange::default()
    };
    let detail = json!({});
    let audit = note("user.set_password", &old.name, &detail, &caller.name, shared.clock.now());
    finish(shared.store.change_user(&old.name, change, audit).await?)?;
    end_setup(shared, &old.name).await
}

/// Ends all sessions of a user.
///
/// # Errors
/// None of that name.
pub async fn sign_out(shared: &Shared, name: &str, caller: &Identity) -> Result<(), AdminError> {
    let _steady = shared.roles.steady().await;
    let old = find(shared, name).await?;
    check_reach(shared, caller, &old.role)?;
    sessions::end(shared, &old.name, Ending::All, caller.name.clone()).await?;
    Ok(())
}

pub(super) fn finish(outcome: UserOutcome) -> Result<(), AdminError> {
    let conflict = |words: String| Err(AdminError::Conflict(words));
    match outcome {
        UserOutcome::Done => Ok(()),
        UserOutcome::NotFound => Err(not_found()),
        UserOutcome::Exists => conflict("There is a user of this name already.".to_owned()),
        UserOutcome::Full => conflict(format!("There are {USERS_MAX} users: delete some first.")),
        UserOutcome::Outdated => conflict(
            "The password was changed, or the user blocked, in this moment: nothing was done."
                .to_owned(),
        ),
        UserOutcome::LastAdministrator => conflict(
            "This is the last administrator who can sign in: make another one first.".to_owned(),
        ),
    }
}

fn make_key(now: Timestamp) -> Result<(Zeroizing<String>, OneTimeKey), AdminError> {
    let key = make_secret().map_err(without_randomness)?;
    let sha256 = sha256_of_secret(&key).expect("it was just made");
    Ok((key, OneTimeKey { sha256, expires_at: now.plus_ms(KEY_LIFE_MS) }))
}

fn check_role(shared: &Shared, role: &str) -> Option<FieldError> {
    shared.roles.find(role).is_none().then(|| {
        let detail = "is no role: see the list of roles, or make it first";
        FieldError::new("/role", "unknown", detail)
    })
}

fn note(action: &str, name: &str, detail: &Value, author: &str, at: Timestamp) -> NewAudit {
    NewAudit {
        at,
        author: author.to_owned(),
        action: action.to_owned(),
        target: name.to_owned(),
        detail: detail.to_string(),
    }
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
