//! Users, their sessions, roles and saved views.

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether the first administrator is still to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetupView {
    /// While no administrator can sign in.
    pub needed: bool,
    /// Whether there are users all the same, who may sign in.
    #[serde(default)]
    pub has_users: bool,
}

/// Makes the system administrator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// The one-time key of the link that the server logs when it starts.
    pub key: String,
    /// Name to sign in with: 1 to 64 letters, digits, `.`, `-`, `_`, `@`.
    pub user: String,
    /// 12 to 256 characters.
    pub password: String,
    /// Name for people.
    #[serde(default)]
    pub full_name: String,
    /// Address.
    #[serde(default)]
    pub email: String,
}

/// Signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// Name of the user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Sets a password with a one-time key and signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySignInRequest {
    /// The one-time key.
    pub key: String,
    /// The new password, 12 to 256 characters.
    pub password: String,
}

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Name of the user; null for a token and for the owner's socket.
    pub user: Option<String>,
    /// The name in the audit log, such as `user anna`.
    pub name: String,
    /// Name for people.
    pub full_name: String,
    /// Address.
    pub email: String,
    /// Role.
    pub role: String,
    /// The words of its rights.
    pub rights: Vec<String>,
    /// `en`, `ru`, or empty: as the browser says.
    pub language: String,
    /// Name in the IANA database, or empty: as the browser says.
    pub time_zone: String,
    /// `auto`, `light` or `dark`.
    pub theme: String,
    /// When the session ends unless it is used; absent for a token and for the owner's socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// Changes one's own preferences; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PreferencesPatch {
    /// `en`, `ru` or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Name in the IANA database, or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// `auto`, `light` or `dark`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    /// Name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Changes one's own password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password in force.
    pub current: String,
    /// The new one, 12 to 256 characters.
    pub new: String,
}

/// A session as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionLine {
    /// Id, for ending it.
    pub id: String,
    /// When the user signed in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    #[schema(value_type = String, format = DateTime)]
    pub last_used_at: Timestamp,
    /// Where the user signed in from.
    pub address: String,
    /// What the browser called itself.
    pub user_agent: String,
    /// Whether it is the one of this request.
    pub current: bool,
}

/// Sessions, the one used last first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    /// The sessions.
    pub sessions: Vec<SessionLine>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// Name to sign in with.
    pub name: String,
    /// Name for people.
    pub full_name: String,
    /// Address.
    pub email: String,
    /// Role.
    pub role: String,
    /// Whether signing in is refused.
    pub blocked: bool,
    /// `en`, `ru` or empty.
    pub language: String,
    /// Name in the IANA database, or empty.
    pub time_zone: String,
    /// `auto`, `light` or `dark`.
    pub theme: String,
    /// When the user was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When the user signed in last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_sign_in_at: Option<Timestamp>,
    /// How many sessions are in force.
    pub sessions: u64,
    /// Whether a password is set: without one nobody can sign in as this user.
    #[serde(default)]
    pub has_password: bool,
}

/// All users, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserList {
    /// The users.
    pub users: Vec<UserView>,
}

/// Asks for a new user.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserRequest {
    /// Name to sign in with: 1 to 64 letters, digits, `.`, `-`, `_`, `@`; compared without case.
    pub name: String,
    /// Role: a built-in one or one of yours.
    pub role: String,
    /// 12 to 256 characters; without one a key is answered with which the user sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub full_name: String,
    /// Address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// `en`, `ru` or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Name in the IANA database, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
}

/// A user who was made, or who may set a new password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserSaved {
    /// The user.
    pub user: UserView,
    /// With this the user sets a password within 24 hours, once; the only time that it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_link_key: Option<String>,
}

/// Changes a user; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserPatch {
    /// Role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether signing in is refused; blocking ends all sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
    /// Name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `en`, `ru` or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Name in the IANA database, or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// `auto`, `light` or `dark`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
}

/// Sets a user's password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordSet {
    /// 12 to 256 characters.
    pub password: String,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleView {
    /// Name.
    pub name: String,
    /// Whether it is built in and stays as it is.
    pub built_in: bool,
    /// The words of its rights.
    pub rights: Vec<String>,
    /// How many users have it.
    pub users: u64,
    /// How many tokens have it.
    pub tokens: u64,
}

/// A right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RightView {
    /// Its word, such as `read_events`.
    pub name: String,
    /// What it allows, in English: "may …".
    pub words: String,
}

/// All roles, the built-in ones first, and all rights there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleList {
    /// The roles.
    pub roles: Vec<RoleView>,
    /// The rights.
    pub rights: Vec<RightView>,
}

/// What a role of yours may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleInput {
    /// The words of its rights.
    pub rights: Vec<String>,
}

/// A saved view of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavedViewView {
    /// The page it belongs to, such as `ledger`.
    pub page: String,
    /// Its name.
    pub name: String,
    /// What it shows: the query of the page.
    pub query: String,
    /// Whether others see it.
    pub shared: bool,
    /// Whose it is.
    pub owner: String,
}

/// Saved views: one's own first, then those that others share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavedViewList {
    /// The views.
    pub views: Vec<SavedViewView>,
}

/// What a saved view shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedViewInput {
    /// The query of the page, at most 2,000 characters.
    pub query: String,
    /// Whether others see it.
    #[serde(default)]
    pub shared: bool,
}
