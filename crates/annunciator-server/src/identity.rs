//! Who asks: the outcome of authentication.
//!
//! Knows nothing of: how it was proven, what its role may do.

/// What begins the owner of an identity that the owner's socket vouches for.
pub const LOCAL_OWNER: &str = "local:";
/// What begins the owner of a user's identity; no id of a token holds a colon.
pub const USER_OWNER: &str = "user:";

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// For the audit log, such as `user anna`, `token ops-1` or `local root`.
    pub name: String,
    /// Owner of idempotency keys; unique among all identities.
    pub owner: String,
    /// The name of its role.
    pub role: String,
    /// What it was proven with.
    pub credential: Credential,
}

/// What an identity was proven with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The owner's socket: the system vouches for the peer.
    Local,
    /// The API token of this id.
    Token(String),
    /// A session.
    Session {
        /// Name of the user.
        user: String,
        /// SHA-256 of the cookie.
        sha256: [u8; 32],
    },
}

impl Identity {
    /// Somebody who has signed in.
    #[must_use]
    pub fn of_user(user: &str, role: &str, sha256: [u8; 32]) -> Self {
        Self {
            name: author_of(user),
            owner: format!("{USER_OWNER}{}", user.to_ascii_lowercase()),
            role: role.to_owned(),
            credential: Credential::Session { user: user.to_owned(), sha256 },
        }
    }
}

/// A user in the audit log.
#[must_use]
pub fn author_of(user: &str) -> String {
    format!("user {user}")
}
