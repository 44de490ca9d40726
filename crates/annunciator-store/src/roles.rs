//! Roles that administrators make, as they are stored (spec 10.2).
//!
//! Knows nothing of: what a right allows, which roles are built in.

use async_trait::async_trait;

use crate::{NewAudit, Result};

/// Most roles.
pub const ROLES_MAX: usize = 100;

/// A role as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRecord {
    /// Its name.
    pub name: String,
    /// The words of its rights.
    pub rights: Vec<String>,
}

/// What became of a role that should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleDeletion {
    /// It is gone.
    Done,
    /// There is none of that name.
    NotFound,
    /// So many users and tokens have it.
    InUse {
        /// Users.
        users: usize,
        /// Tokens.
        tokens: usize,
    },
}

/// What the server asks of a store about roles.
#[async_trait]
pub trait Roles: Send + Sync + 'static {
    /// All roles by name.
    async fn roles(&self) -> Result<Vec<RoleRecord>>;

    /// Stores a role; one of the same name is replaced, and when the new one may do more, the
    /// one-time keys of its users end. False when there are [`ROLES_MAX`] others.
    async fn put_role(&self, role: RoleRecord, audit: NewAudit) -> Result<bool>;

    /// Removes a role that nobody has.
    async fn delete_role(&self, name: &str, audit: NewAudit) -> Result<RoleDeletion>;
}
