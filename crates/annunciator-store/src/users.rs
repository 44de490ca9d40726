//! Users and their sessions as they are stored (spec 10.2).
//!
//! Knows nothing of: passwords in clear, cookies, what a role may do.

use annunciator_core::Timestamp;
use async_trait::async_trait;

use crate::{NewAudit, Result};

/// The role that somebody must always have: the system administrator's.
pub const ADMINISTRATOR: &str = "administrator";
/// Most users.
pub const USERS_MAX: usize = 1_000;
/// Most sessions of a user; beyond them the one that was used longest ago ends.
pub const SESSIONS_PER_USER_MAX: usize = 50;

/// A user as it is stored. Names are ASCII and compared without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Name to sign in with.
    pub name: String,
    /// Name for people, may be empty.
    pub full_name: String,
    /// Address, may be empty.
    pub email: String,
    /// Role: a built-in word or the name of a [`RoleRecord`](crate::RoleRecord).
    pub role: String,
    /// The password's hash, in the PHC form; none until one is set.
    pub password: Option<String>,
    /// Who gave the password; none when it is the user's own.
    pub password_giver: Option<String>,
    /// Whether signing in is refused.
    pub is_blocked: bool,
    /// Language of the console, may be empty.
    pub language: String,
    /// Time zone of the console, may be empty.
    pub time_zone: String,
    /// Colours of the console.
    pub theme: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When the user signed in last.
    pub last_sign_in_at: Option<Timestamp>,
    /// With what the user may set a password once.
    pub key: Option<OneTimeKey>,
}

/// What is kept of a one-time key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeKey {
    /// SHA-256 of the key.
    pub sha256: [u8; 32],
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of what the cookie holds.
    pub sha256: [u8; 32],
    /// For lists; of no use as a cookie.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_used_at: Timestamp,
    /// Where from.
    pub address: String,
    /// With which browser.
    pub user_agent: String,
}

/// Which sessions are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    /// They were used after this.
    pub used_after: Timestamp,
    /// They began after this.
    pub created_after: Timestamp,
}

impl Alive {
    /// Whether a session is in force.
    #[must_use]
    pub fn holds(self, session: &SessionRecord) -> bool {
        session.last_used_at > self.used_after && session.created_at > self.created_after
    }
}

/// What changes of a user; what is none stays.
///
/// A one-time key ends with a password, another role and a block: who has it was given no more
/// than the user had then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    /// Name for people.
    pub full_name: Option<String>,
    /// Address.
    pub email: Option<String>,
    /// Role.
    pub role: Option<String>,
    /// Whether signing in is refused.
    pub is_blocked: Option<bool>,
    /// Language.
    pub language: Option<String>,
    /// Time zone.
    pub time_zone: Option<String>,
    /// Colours.
    pub theme: Option<String>,
    /// The new password's hash; a one-time key is of no use then.
    pub password: Option<String>,
    /// Who gave that password; none when it is the user's own.
    pub password_giver: Option<String>,
    /// The hash that must still be the password's, of a user who is not blocked.
    pub proven: Option<String>,
    /// Whether the password goes, without another in its place.
    pub drops_password: bool,
    /// A new one-time key in place of the one before. Without it, another role and a block end the
    /// one that there is.
    pub key: Option<OneTimeKey>,
    /// Whether all sessions end.
    pub ends_sessions: bool,
    /// The session that takes the place of those that end.
    pub session: Option<SessionRecord>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOutcome {
    /// It is done.
    Done,
    /// There is no such user.
    NotFound,
    /// There is one of that name already, or, for the first, an administrator who can sign in.
    Exists,
    /// There are [`USERS_MAX`].
    Full,
    /// Nobody would be left who may do everything and can sign in.
    LastAdministrator,
    /// What was proven no longer holds: the password is another, or the user is blocked.
    Outdated,
}

/// Which sessions of a user end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All.
    All,
    /// The one of this id.
    Id(String),
}

/// What the server asks of a store about users and sessions.
///
/// Every write has reached the disk when its call returns; those with an audit line write it in the
/// same transaction, and not when nothing changes.
#[async_trait]
pub trait Users: Send + Sync + 'static {
    /// All users by name, with how many sessions each has in force.
    async fn users(&self, alive: Alive) -> Result<Vec<(UserRecord, usize)>>;

    /// One user.
    async fn user(&self, name: &str) -> Result<Option<UserRecord>>;

    /// Stores a new user; with `is_first` only when no administrator can sign in.
    async fn insert_user(
        &self,
        user: UserRecord,
        is_first: bool,
        audit: NewAudit,
    ) -> Result<UserOutcome>;

    /// Changes a user, unless that takes away the last administrator who can sign in.
    async fn change_user(
        &self,
        name: &str,
        change: UserChange,
        audit: NewAudit,
    ) -> Result<UserOutcome>;

    /// Removes a user with sessions and saved views, unless it is the last administrator.
    async fn delete_user(&self, name: &str, audit: NewAudit) -> Result<UserOutcome>;

    /// Stores a session in place of another, when its user is still there, is not blocked and
    /// still has the password of this hash; notes the sign-in.
    async fn start_session(
        &self,
        session: SessionRecord,
        password: &str,
        instead_of: Option<[u8; 32]>,
        audit: NewAudit,
    ) -> Result<bool>;

    /// Uses up a one-time key: the user of the session, not blocked and with that key, gets the
    /// password and the session, and all other sessions end. False when the key no longer holds.
    async fn use_key(
        &self,
        key_sha256: [u8; 32],
        password: &str,
        session: SessionRecord,
        audit: NewAudit,
    ) -> Result<bool>;

    /// The user whose one-time key has this hash.
    async fn user_of_key(&self, key_sha256: [u8; 32]) -> Result<Option<UserRecord>>;

    /// A session and its user.
    async fn session(&self, sha256: [u8; 32]) -> Result<Option<(SessionRecord, UserRecord)>>;

    /// The sessions of a user, the one used last first.
    async fn sessions_of(&self, user: &str) -> Result<Vec<SessionRecord>>;

    /// Ends sessions of a user; answers how many.
    async fn end_sessions(&self, user: &str, which: Ending, audit: NewAudit) -> Result<usize>;

    /// Notes when sessions were used; never back in time.
    async fn touch_sessions(&self, used: Vec<([u8; 32], Timestamp)>) -> Result<()>;

    /// Removes sessions that are no longer in force; answers how many.
    async fn forget_sessions(&self, alive: Alive) -> Result<usize>;
}
