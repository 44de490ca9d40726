//! Settings as JSON. The keys themselves come from the setting definitions.

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The server-wide settings: effective values with their origins. Secrets show as `<secret>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingsView {
    /// Revision of the server-wide layer; 0 when nothing was saved yet.
    pub revision: i64,
    /// Group → setting → effective value.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// Group → setting → where the value comes from.
    pub origins: serde_json::Map<String, serde_json::Value>,
    /// What works but deserves a look, such as an empty sender.
    #[serde(default)]
    pub warnings: Vec<crate::FieldError>,
}

/// Settings were saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsSaved {
    /// The new revision.
    pub revision: i64,
    /// What works but deserves a look.
    #[serde(default)]
    pub warnings: Vec<crate::FieldError>,
}

/// A saved revision, without what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsRevisionLine {
    /// The revision.
    pub revision: i64,
    /// Who saved it.
    pub author: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub saved_at: Timestamp,
    /// Why.
    pub comment: String,
}

/// A saved revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingsRevisionView {
    /// Who saved it, when and why.
    #[serde(flatten)]
    pub line: SettingsRevisionLine,
    /// The layer as it was saved, secrets masked.
    pub values: serde_json::Map<String, serde_json::Value>,
}

/// Revisions, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingsHistory {
    /// The revisions.
    pub revisions: Vec<SettingsRevisionLine>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Ready settings for families of relays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PresetList {
    /// The presets.
    pub presets: Vec<PresetView>,
}

/// Ready settings for one family of relays; nothing of it is saved by reading it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PresetView {
    /// Its name.
    pub name: String,
    /// The family.
    pub title: String,
    /// Settings of the group `email`; `<name>` in a text stands for the answer of that name.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// Settings of the group that are to be `null` in the same patch, so that nothing of the relay
    /// before holds for this one.
    pub cleared: Vec<String>,
    /// What must be given.
    pub questions: Vec<PresetQuestion>,
    /// What to know and to do at the other end.
    pub note: String,
}

/// What a preset has to be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PresetQuestion {
    /// The name of a `<name>` in a value, or a setting of the group.
    pub name: String,
    /// What it is, and where it is found.
    pub detail: String,
}

/// One change of a plan. Secrets show as `<secret>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingChange {
    /// What changes: `email.port`, or `policy/Plant A/type disk.full: email.recipients`; an owner
    /// or an entry by itself where it comes or goes.
    pub name: String,
    /// Its value before; null = not set.
    pub from: serde_json::Value,
    /// Its value after; null = not set.
    pub to: serde_json::Value,
}

/// What a whole document, or a step back, changes or would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingsPlan {
    /// The revision in force: the new one after a change; the one before when nothing changes or
    /// nothing was saved.
    pub revision: i64,
    /// The changes; empty when everything is as asked for already.
    pub changes: Vec<SettingChange>,
    /// What works but deserves a look.
    #[serde(default)]
    pub warnings: Vec<crate::FieldError>,
}

/// A saved revision with what it changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingsRevisionDetail {
    /// The revision.
    #[serde(flatten)]
    pub saved: SettingsRevisionView,
    /// What it changed since the revision before it, as far as that one is kept.
    pub changes: Vec<SettingChange>,
}

/// A step back to an earlier revision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The revision to bring back.
    pub revision: i64,
    /// Why, at most 500 characters; kept in the history.
    #[serde(default)]
    pub comment: String,
    /// Answer the plan and save nothing.
    #[serde(default)]
    pub dry_run: bool,
}
