//! Signing in: a password or a one-time key becomes a session.
//!
//! In: what a visitor shows. Out: a session with its cookie and that of the device.
//! Knows nothing of: HTTP.
//! Failure: an unknown user, a wrong password and a blocked user are told in the same words and
//! after the same time; who tries too often waits (see `throttle.rs`).

use std::net::IpAddr;

use annunciator_api_types::{FieldError, SetupRequest, SetupView, SignInRequest};
use annunciator_core::{Timestamp, one_line};
use annunciator_store::{ADMINISTRATOR, NewAudit, SessionRecord, UserChange, UserRecord};
use serde_json::json;
use zeroize::Zeroizing;

use super::AdminError;
use super::user_record::{blank_user, check_record};
use super::users;
use crate::devices::{self, DeviceNumber};
use crate::identity::author_of;
use crate::passwords::{self, PasswordError};
use crate::session_book::{alive, make_secret, sha256_of_secret};
use crate::shared::Shared;
use crate::throttle::Counter;

/// Longest text of a browser about itself that is kept. Unit: characters.
const USER_AGENT_CHARS_MAX: usize = 200;

/// Who comes, as far as the request tells.
#[derive(Clone, Default)]
pub struct Visitor {
    /// Where from; none over the owner's socket.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub user_agent: String,
    /// The device cookie.
    pub device: Option<Zeroizing<String>>,
    /// The cookie of the session that it has so far.
    pub session: Option<Zeroizing<String>>,
}

/// A session that has begun.
pub struct SignedIn {
    /// Whose it is.
    pub user: UserRecord,
    /// The session.
    pub session: SessionRecord,
    /// What the browser keeps for it.
    pub cookie: Zeroizing<String>,
    /// What the browser keeps to be known again; none when it has one that is good.
    pub device: Option<String>,
}

impl From<PasswordError> for AdminError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => {
                Self::Unavailable("Too many people sign in at once: try again.".to_owned())
            }
            PasswordError::Failed(reason) => {
                tracing::error!(%reason, "A password cannot be hashed");
                Self::Unavailable("The password cannot be looked at now.".to_owned())
            }
        }
    }
}

pub(super) fn without_randomness(error: getrandom::Error) -> AdminError {
    AdminError::Unavailable(format!("The system gives no random numbers: {error}."))
}

/// Signs in with a password.
///
/// # Errors
/// [`AdminError::Unauthenticated`], [`AdminError::Throttled`].
pub async fn sign_in(
    shared: &Shared,
    request: SignInRequest,
    visitor: &Visitor,
) -> Result<SignedIn, AdminError> {
    let password = Zeroizing::new(request.password);
    let user = shared.store.user(&request.user).await?;
    let known = visitor.device.as_ref().zip(user.as_ref().and_then(|user| user.password.as_ref()));
    let device =
        known.and_then(|(text, stored)| devices::read(&shared.sealer, text, &request.user, stored));
    let counters = counters_of(&request.user, device, visitor);
    begin(shared, &counters)?;
    let outcome = compare(shared, user, &password).await;
    let (user, stored) = settle(shared, &counters, outcome, visitor)?;
    let (session, cookie) = make_session(shared, &user.name, visitor)?;
    let instead_of = visitor.session.as_ref().and_then(|cookie| sha256_of_secret(cookie));
    let audit = note("session.start", &user.name, &session);
    let started = shared.store.start_session(session.clone(), &stored, instead_of, audit).await?;
    if !started {
        return Err(refused());
    }
    let device = match device {
        Some(_) => None,
        None => Some(make_device(shared, &user.name, &stored)?),
    };
    Ok(SignedIn { user, session, cookie, device })
}

fn counters_of(user: &str, device: Option<DeviceNumber>, visitor: &Visitor) -> Vec<Counter> {
    match device {
        Some(number) => vec![Counter::Device(number)],
        None => {
            let name = crate::tokens::sha256_of(&user.to_ascii_lowercase());
            let address = visitor.address.map(Counter::of_address);
            [Counter::Strangers(name)].into_iter().chain(address).collect()
        }
    }
}

pub(super) fn begin(shared: &Shared, counters: &[Counter]) -> Result<(), AdminError> {
    let begun = shared.throttle.begin(counters, shared.clock.now());
    begun.map_err(|wait_s| AdminError::Throttled { wait_s })
}

/// The user and the hash that the password fits; none when it fits none.
async fn compare(
    shared: &Shared,
    user: Option<UserRecord>,
    password: &str,
) -> Result<Option<(UserRecord, String)>, AdminError> {
    let stored = user.as_ref().and_then(|user| user.password.clone());
    let fits = shared.passwords.fits(password, stored.as_deref()).await?;
    let user = user.filter(|user| fits && !user.is_blocked);
    Ok(user.zip(stored))
}

/// Counts how a try ended.
fn settle<T>(
    shared: &Shared,
    counters: &[Counter],
    outcome: Result<Option<T>, AdminError>,
    visitor: &Visitor,
) -> Result<T, AdminError> {
    match outcome {
        Ok(Some(found)) => {
            shared.throttle.succeed(counters);
            Ok(found)
        }
        Ok(None) => {
            // Not the name: people type their password into the wrong field.
            let address = visitor.address.map(|address| address.to_string());
            tracing::warn!(
                address = address.as_deref().unwrap_or("local"),
                "A sign-in was refused"
            );
            Err(refused())
        }
        Err(error) => {
            shared.throttle.withdraw(counters);
            Err(error)
        }
    }
}

fn refused() -> AdminError {
    AdminError::Unauthenticated("The user name or the password is wrong.".to_owned())
}

/// The hash of the password that somebody who has signed in shows again; none when it is wrong.
///
/// # Errors
/// [`AdminError::Throttled`].
pub(super) async fn prove(
    shared: &Shared,
    user: &str,
    password: &str,
) -> Result<Option<String>, AdminError> {
    let counters = [Counter::Proof(author_of(&user.to_ascii_lowercase()))];
    begin(shared, &counters)?;
    let outcome = match shared.store.user(user).await {
        Ok(user) => compare(shared, user, password).await,
        Err(error) => Err(error.into()),
    };
    match &outcome {
        Ok(Some(_)) => shared.throttle.succeed(&counters),
        Ok(None) => {}
        Err(_) => shared.throttle.withdraw(&counters),
    }
    Ok(outcome?.map(|(_, stored)| stored))
}

/// Whether the first administrator is still to be made.
///
/// # Errors
/// What the store answers.
pub async fn show_setup(shared: &Shared) -> Result<SetupView, AdminError> {
    let needed = shared.setup.is_needed();
    let has_users = !needed || !shared.store.users(alive(shared.clock.now())).await?.is_empty();
    Ok(SetupView { needed, has_users })
}

/// Makes the system administrator with the one-time key of the start, and signs in.
///
/// # Errors
/// An administrator can sign in already; a wrong key; a name or password that is not taken.
pub async fn set_up(
    shared: &Shared,
    request: SetupRequest,
    visitor: &Visitor,
) -> Result<SignedIn, AdminError> {
    let (key, password) = (Zeroizing::new(request.key), Zeroizing::new(request.password));
    let is_there =
        || AdminError::Conflict("The administrator has been made already: sign in.".to_owned());
    if !shared.setup.is_needed() {
        return Err(is_there());
    }
    check_key(shared, visitor, shared.setup.fits(&key))?;
    let now = shared.clock.now();
    let mut user = blank_user(&request.user, ADMINISTRATOR, &author_of(&request.user), now);
    user.full_name = request.full_name;
    user.email = request.email;
    let mut errors = check_record(&user, "/user");
    errors.extend(passwords::check(&password, &user.name, "/password"));
    if !errors.is_empty() {
        return Err(AdminError::Invalid(errors));
    }
    let stored = shared.passwords.hash(&password).await?;
    user.password = Some(stored.clone());
    if !users::insert(shared, user.clone(), true).await? {
        if shared.setup.is_needed() {
            let words = format!("There is a user of the name {} already.", user.name);
            return Err(AdminError::Conflict(words));
        }
        return Err(is_there());
    }
    let (session, cookie) = make_session(shared, &user.name, visitor)?;
    let audit = note("session.start", &user.name, &session);
    if !shared.store.start_session(session.clone(), &stored, None, audit).await? {
        return Err(refused());
    }
    let device = Some(make_device(shared, &user.name, &stored)?);
    Ok(SignedIn { user, session, cookie, device })
}

/// Counts a key against the address that shows it.
fn check_key(shared: &Shared, visitor: &Visitor, fits: bool) -> Result<(), AdminError> {
    let counters: Vec<Counter> = visitor.address.map(Counter::of_address).into_iter().collect();
    // A key cannot be guessed, so that a right one need not wait for those who try.
    if fits {
        return Ok(());
    }
    begin(shared, &counters)?;
    let words = "The key is not known, was used, or its time has ended: ask an administrator for a \
                 new link; the first administrator's stands in the server's log.";
    Err(AdminError::Forbidden(words.to_owned()))
}

/// Sets a password with a one-time key, and signs in.
///
/// # Errors
/// A key that does not hold; a password that is not taken.
pub async fn use_key(
    shared: &Shared,
    key: &str,
    password: &str,
    visitor: &Visitor,
) -> Result<SignedIn, AdminError> {
    let now = shared.clock.now();
    let sha256 = sha256_of_secret(key);
    let user = match sha256 {
        Some(sha256) => shared.store.user_of_key(sha256).await?,
        None => None,
    };
    let holds = |user: &UserRecord| {
        !user.is_blocked && user.key.as_ref().is_some_and(|key| key.expires_at > now)
    };
    let found = sha256.zip(user.filter(holds));
    check_key(shared, visitor, found.is_some())?;
    let Some((sha256, user)) = found else { return Err(refused()) };
    if let Some(error) = passwords::check(password, &user.name, "/password") {
        return Err(AdminError::Invalid(vec![error]));
    }
    let stored = shared.passwords.hash(password).await?;
    let (session, cookie) = make_session(shared, &user.name, visitor)?;
    let audit = note("user.use_key", &user.name, &session);
    if !shared.store.use_key(sha256, &stored, session.clone(), audit).await? {
        check_key(shared, visitor, false)?;
    }
    users::end_setup(shared, &user.name).await?;
    let device = Some(make_device(shared, &user.name, &stored)?);
    Ok(SignedIn { user, session, cookie, device })
}

/// Changes one's own password; every other session ends, and this one gets a new cookie.
///
/// # Errors
/// A wrong password, or a new one that is not taken.
pub async fn change_password(
    shared: &Shared,
    user: &str,
    current: &str,
    new: &str,
    visitor: &Visitor,
) -> Result<SignedIn, AdminError> {
    if let Some(error) = passwords::check(new, user, "/new") {
        return Err(AdminError::Invalid(vec![error]));
    }
    let proven = prove_to_change(shared, user, current, visitor).await?;
    let stored = shared.passwords.hash(new).await?;
    let (session, cookie) = make_session(shared, user, visitor)?;
    let audit = note("user.change_password", user, &session);
    let change = UserChange {
        password: Some(stored.clone()),
        proven: Some(proven),
        ends_sessions: true,
        session: Some(session.clone()),
        ..UserChange::default()
    };
    users::finish(shared.store.change_user(user, change, audit).await?)?;
    let user = users::find(shared, user).await?;
    let device = Some(make_device(shared, &user.name, &stored)?);
    Ok(SignedIn { user, session, cookie, device })
}

/// The hash of the password in force; whoever shows another leaves a line, for whoever finds a
/// browser signed in may try there.
async fn prove_to_change(
    shared: &Shared,
    user: &str,
    current: &str,
    visitor: &Visitor,
) -> Result<String, AdminError> {
    let refusal = match prove(shared, user, current).await {
        Ok(Some(stored)) => return Ok(stored),
        Ok(None) => {
            let detail = "is not the password in force";
            AdminError::Invalid(vec![FieldError::new("/current", "wrong", detail)])
        }
        Err(error @ AdminError::Throttled { .. }) => error,
        Err(error) => return Err(error),
    };
    let address = visitor.address.map(|address| address.to_string()).unwrap_or_default();
    tracing::warn!(user, address, "A change of password was refused");
    let audit = NewAudit {
        at: shared.clock.now(),
        author: author_of(user),
        action: "user.change_password.refused".to_owned(),
        target: user.to_owned(),
        detail: json!({ "address": address }).to_string(),
    };
    shared.store.note(audit).await?;
    Err(refusal)
}

fn make_session(
    shared: &Shared,
    user: &str,
    visitor: &Visitor,
) -> Result<(SessionRecord, Zeroizing<String>), AdminError> {
    let cookie = make_secret().map_err(without_randomness)?;
    let now: Timestamp = shared.clock.now();
    let session = SessionRecord {
        sha256: sha256_of_secret(&cookie).expect("it was just made"),
        id: shared.ids.certificate(now),
        user: user.to_owned(),
        created_at: now,
        last_used_at: now,
        address: visitor.address.map(|address| address.to_string()).unwrap_or_default(),
        user_agent: one_line(&visitor.user_agent, USER_AGENT_CHARS_MAX),
    };
    Ok((session, cookie))
}

fn make_device(shared: &Shared, user: &str, password: &str) -> Result<String, AdminError> {
    let made = devices::make(&shared.sealer, user, password).map_err(without_randomness)?;
    Ok(made.0)
}

fn note(action: &str, user: &str, session: &SessionRecord) -> NewAudit {
    NewAudit {
        at: session.created_at,
        author: author_of(user),
        action: action.to_owned(),
        target: user.to_owned(),
        detail: json!({ "address": session.address, "session": session.id }).to_string(),
    }
}
