//! Settings, tokens, audit, upkeep: the small tables.

use annunciator_core::Timestamp;

/// Most revisions of a layer that are kept.
pub const REVISIONS_MAX: usize = 1_000;

/// One saved revision of a layer. Secrets in it are sealed before they come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSettings {
    /// 1 for the first revision of any layer, then counting over all layers.
    pub revision: i64,
    /// The layer, such as `server`.
    pub layer: String,
    /// JSON text.
    pub document: String,
    /// Who saved it.
    pub author: String,
    /// When.
    pub saved_at: Timestamp,
    /// Why, may be empty.
    pub comment: String,
}

/// A change of a layer.
#[derive(Debug, Clone)]
pub struct SettingsChange {
    /// The layer.
    pub layer: String,
    /// JSON text of the whole layer.
    pub document: String,
    /// The revision the change was made from; 0 when there was none; none = whatever is there.
    pub expected_revision: Option<i64>,
    /// Why, may be empty.
    pub comment: String,
    /// Who, when, and what changed, without secrets.
    pub audit: NewAudit,
}

/// Answer to [`SettingsChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsSave {
    /// Saved as this revision.
    Saved(i64),
    /// Somebody saved this revision in between; nothing was changed.
    Conflict(i64),
}

/// An API token as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Public id, part of the token.
    pub id: String,
    /// Name given by its maker.
    pub name: String,
    /// Role.
    pub role: String,
    /// SHA-256 of the secret part.
    pub secret_sha256: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Where the mark of the key that secrets are sealed with is kept.
pub const KEY_MARK_PLACE: &str = "key/mark";
/// Most texts that are kept.
pub const KEPT_MAX: usize = 10_000;

/// A certificate object as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRecord {
    /// Id, which settings name.
    pub id: String,
    /// Name given by its maker.
    pub name: String,
    /// Kind, such as `authorities`.
    pub kind: String,
    /// What everybody may see, DER: certificates, or the public half of a key.
    pub public: Vec<Vec<u8>>,
    /// The key, sealed before it comes here; none when the object has none.
    pub sealed_key: Option<String>,
    /// When it was uploaded first.
    pub created_at: Timestamp,
    /// Who did.
    pub created_by: String,
    /// When its content was replaced last.
    pub replaced_at: Option<Timestamp>,
}

/// A text that outlives a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptText {
    /// The text, sealed where it is a secret.
    pub text: String,
    /// When it was kept.
    pub saved_at: Timestamp,
}

/// An entry for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub author: String,
    /// What was done, such as `settings.save`.
    pub action: String,
    /// To what.
    pub target: String,
    /// JSON text with the difference, without secrets.
    pub detail: String,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Counts from 1.
    pub number: i64,
    /// The entry.
    pub entry: NewAudit,
}

/// Most entries of the audit log that are kept.
pub const AUDIT_MAX: u64 = 1_000_000;

/// Which entries of the audit log; every field that is set must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Somewhere in the author's name, without case (ASCII).
    pub author: Option<String>,
    /// What was done, whole.
    pub action: Option<String>,
    /// Text somewhere in author, action, target or difference, without case.
    pub text: Option<String>,
    /// Done then or later: where the list ends, nothing older is read.
    pub since: Option<Timestamp>,
}

/// What is kept (spec 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// Now; a store that several nodes share goes by its own clock when that is behind.
    pub now: Timestamp,
    /// Storage terms in days for info, warning, failure, critical; an event type's own goes first.
    pub term_days: [u32; 4],
    /// Most finished events that are kept.
    pub events_max: u64,
    /// Most entries of the audit log that are kept; the oldest go first.
    pub audit_max: u64,
    /// Most events that one call removes.
    pub step_max: usize,
}

/// What one step of upkeep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Events removed, with all that hangs on them.
    pub events_removed: u64,
    /// Whether another step would find more.
    pub has_more: bool,
}

/// State of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreHealth {
    /// Whether writes go through.
    pub writable: bool,
    /// Why not.
    pub reason: String,
    /// Free room on its disk. Unit: octets.
    pub free_bytes: u64,
    /// Below this much free room no event is accepted; settlements go on. Unit: octets.
    pub reserve_bytes: u64,
    /// Size of its files. Unit: octets.
    pub size_bytes: u64,
}
