//! What somebody can ask about themselves: who they are, their preferences, their sessions.
//!
//! Knows nothing of: HTTP.

use annunciator_api_types::{PreferencesPatch, SessionLine, SessionList, SessionView};
use annunciator_core::Timestamp;
use annunciator_store::{Ending, NewAudit, SessionRecord, UserChange, UserRecord};
use serde_json::json;

use super::AdminError;
use super::user_record::THEMES;
use super::users;
use crate::identity::{Credential, Identity, author_of};
use crate::session_book::{alive, end_of};
use crate::shared::Shared;

/// Times of last use are told to the minute.
const MINUTE_MS: i64 = 60_000;

/// Who asks, and what they may do.
///
/// # Errors
/// What the store answers; the user has gone in this moment.
pub async fn show(shared: &Shared, identity: &Identity) -> Result<SessionView, AdminError> {
    if let Credential::Session { user, sha256 } = &identity.credential {
        let user = users::find(shared, user).await?;
        let session = shared.store.session(*sha256).await?.map(|(mut session, _)| {
            shared.sessions.refresh(&mut session);
            session
        });
        return Ok(view(shared, &user, session.as_ref()));
    }
    Ok(SessionView {
        user: None,
        name: identity.name.clone(),
        full_name: String::new(),
        email: String::new(),
        role: identity.role.clone(),
        rights: shared.roles.rights_of(&identity.role).to_words(),
        language: String::new(),
        time_zone: String::new(),
        theme: THEMES[0].to_owned(),
        expires_at: None,
    })
}

/// A user's session for the one who has it.
#[must_use]
pub fn view(shared: &Shared, user: &UserRecord, session: Option<&SessionRecord>) -> SessionView {
    SessionView {
        user: Some(user.name.clone()),
        name: author_of(&user.name),
        full_name: user.full_name.clone(),
        email: user.email.clone(),
        role: user.role.clone(),
        rights: shared.roles.rights_of(&user.role).to_words(),
        language: user.language.clone(),
        time_zone: user.time_zone.clone(),
        theme: user.theme.clone(),
        expires_at: session.map(end_of),
    }
}

/// Changes one's own preferences.
///
/// # Errors
/// Everything that is wrong with them.
pub async fn set_preferences(
    shared: &Shared,
    user: &str,
    patch: PreferencesPatch,
) -> Result<(), AdminError> {
    let old = users::find(shared, user).await?;
    let change = UserChange {
        full_name: patch.full_name,
        email: patch.email,
        language: patch.language,
        time_zone: patch.time_zone,
        theme: patch.theme,
        ..UserChange::default()
    };
    users::save(shared, &old, change, &author_of(user)).await?;
    Ok(())
}

/// One's own sessions in force, the one used last first.
///
/// # Errors
/// What the store answers.
pub async fn list(
    shared: &Shared,
    user: &str,
    current: [u8; 32],
) -> Result<SessionList, AdminError> {
    let alive = alive(shared.clock.now());
    let mut sessions = shared.store.sessions_of(user).await?;
    sessions.iter_mut().for_each(|session| shared.sessions.refresh(session));
    sessions.retain(|session| alive.holds(session));
    sessions.sort_by_key(|session| std::cmp::Reverse((session.last_used_at, session.created_at)));
    let minute = |at: Timestamp| Timestamp(at.0 - at.0.rem_euclid(MINUTE_MS));
    let lines = sessions.into_iter().map(|session| SessionLine {
        current: session.sha256 == current,
        id: session.id,
        created_at: session.created_at,
        last_used_at: minute(session.last_used_at),
        address: session.address,
        user_agent: session.user_agent,
    });
    Ok(SessionList { sessions: lines.collect() })
}

/// Signs out: ends the session of this request.
///
/// # Errors
/// What the store answers.
pub async fn sign_out(shared: &Shared, user: &str, sha256: [u8; 32]) -> Result<(), AdminError> {
    let Some((session, _)) = shared.store.session(sha256).await? else { return Ok(()) };
    end(shared, user, Ending::Id(session.id), author_of(user)).await?;
    Ok(())
}

/// Ends one of one's own sessions.
///
/// # Errors
/// None of that id.
pub async fn end_one(shared: &Shared, user: &str, id: &str) -> Result<(), AdminError> {
    match end(shared, user, Ending::Id(id.to_owned()), author_of(user)).await? {
        0 => Err(AdminError::NotFound("There is no session of this id.".to_owned())),
        _ => Ok(()),
    }
}

/// Signs out everywhere.
///
/// # Errors
/// What the store answers.
pub async fn end_all(shared: &Shared, user: &str) -> Result<(), AdminError> {
    end(shared, user, Ending::All, author_of(user)).await?;
    Ok(())
}

/// Ends sessions of a user; answers how many.
pub(super) async fn end(
    shared: &Shared,
    user: &str,
    which: Ending,
    author: String,
) -> Result<usize, AdminError> {
    let detail = match &which {
        Ending::All => json!({ "sessions": "all" }),
        Ending::Id(id) => json!({ "session": id }),
    };
    let audit = NewAudit {
        at: shared.clock.now(),
        author,
        action: "session.end".to_owned(),
        target: user.to_owned(),
        detail: detail.to_string(),
    };
    Ok(shared.store.end_sessions(user, which, audit).await?)
}
