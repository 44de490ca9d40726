//! Event configuration, policies and application settings as JSON; what holds for an event.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{FieldError, ParameterInput};

/// Everything that overrides the server-wide settings. Secrets show as `<secret>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OverrideList {
    /// Revision of the settings.
    pub revision: i64,
    /// Whose overrides there are, in the order of the document.
    pub owners: Vec<OwnerView>,
}

/// Whose overrides they are, with the overrides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnerView {
    /// Name among all; it stays while the owner keeps its name.
    pub id: String,
    /// `event_configuration`, `policy` or `application_settings`.
    pub kind: String,
    /// The application.
    pub application: String,
    /// The policy, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyView>,
    /// The device, when these are application settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What is set, for which events.
    pub events: Vec<EntryView>,
}

/// What one owner sets for some events: one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryView {
    /// Name of the layer among all; it stays while owner, events and conditions stay.
    pub id: String,
    /// The event type; absent for all types.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The severity; absent for all severities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Conditions on the event, all of which must hold; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub conditions: Option<Value>,
    /// Which events, in words.
    pub words: String,
    /// Settings whose values nothing nearer may override.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<String>,
    /// How long such events are kept, in days; 0 = not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_term_days: Option<u32>,
    /// Channel → setting → value, as set here.
    pub settings: Map<String, Value>,
}

/// A change of what overrides the server-wide settings, for many events at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OverrideChange {
    /// Whose overrides are changed: one of its fields.
    pub owner: OwnerInput,
    /// The application; needed but for policies, which know theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Which events, at least one row. An empty row stands for all events.
    pub targets: Vec<TargetInput>,
    /// A merge patch (RFC 7396) that is laid over the override of each target: channels with their
    /// settings, `storage_term_days`, `locked`; `null` clears. What sets nothing any more goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub change: Option<Map<String, Value>>,
    /// Other conditions for these overrides; an empty list takes them away. Secrets are then to be
    /// given again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub conditions: Option<Value>,
    /// Instead of a change: clears these overrides, so that what is farther holds again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub use_administration_server_settings: bool,
}

/// Whose overrides are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OwnerInput {
    /// The Administration Server's event configuration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub event_configuration: bool,
    /// A policy, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The settings of the application on a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_settings: Option<DeviceOwnerInput>,
}

/// A device whose application settings are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceOwnerInput {
    /// Name of the device.
    pub device: String,
}

/// Events of an override: of a type, of a severity, or all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetInput {
    /// The event type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Conditions on the event, all of which must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub conditions: Option<Value>,
}

/// A policy without its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// Name.
    pub name: String,
    /// The application whose events it is about.
    pub application: String,
    /// Path of the device group; empty = all devices.
    pub group: String,
    /// Whether it counts.
    pub enabled: bool,
    /// Whether policies of the groups above hold below it too.
    pub inherit: bool,
    /// Whether it holds in the groups below, whether or not policies there inherit.
    pub force_children: bool,
    /// How many overrides it has.
    pub event_count: usize,
}

/// The policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyList {
    /// Revision of the settings.
    pub revision: i64,
    /// In the order of the document.
    pub policies: Vec<PolicyView>,
}

/// A policy as it is to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyInput {
    /// A new name; absent = the name stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The application whose events it is about.
    pub application: String,
    /// Path of the device group; empty or absent = all devices.
    pub group: String,
    /// Whether it counts; true when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether policies of the groups above hold below it too; true when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inherit: Option<bool>,
    /// Whether it holds in the groups below, whether or not policies there inherit; false when
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_children: Option<bool>,
    /// Its overrides, as in the settings document; those that it has stay when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub events: Option<Vec<Value>>,
}

/// The tree of device groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceGroupList {
    /// Revision of the settings.
    pub revision: i64,
    /// Each group before those below it; the first is the root, whose path is empty.
    pub groups: Vec<DeviceGroupView>,
}

/// A device group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceGroupView {
    /// Path, such as `Plant A/Line 2`; empty for the root.
    pub path: String,
    /// Names of its policies.
    pub policies: Vec<String>,
}

/// A device group that policies may name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceGroupInput {
    /// Path, such as `Plant A/Line 2`; the groups above it are known with it.
    pub path: String,
}

/// Applications with settings of their own on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationSettingsList {
    /// Revision of the settings.
    pub revision: i64,
    /// In the order of the document.
    pub application_settings: Vec<ApplicationSettingsView>,
}

/// An application with settings of its own on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationSettingsView {
    /// The application.
    pub application: String,
    /// The device.
    pub device: String,
    /// How many overrides there are.
    pub event_count: usize,
}

/// Which event is asked about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EffectiveRequest {
    /// Name of the application.
    pub application: String,
    /// Event type code.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Severity; the last seen one of a known type when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Name of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Path of the device's group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Parameters, for conditions.
    pub parameters: std::collections::BTreeMap<String, ParameterInput>,
    /// Leaves out this override and all that are nearer: what is answered is what it inherits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beneath: Option<BeneathInput>,
}

/// An override, which need not be there, under which is looked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BeneathInput {
    /// Whose it is.
    pub owner: OwnerInput,
    /// For which events.
    pub target: TargetInput,
}

/// What holds for such an event, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveView {
    /// Revision of the settings.
    pub revision: i64,
    /// Severity of the event.
    pub severity: String,
    /// Layers that are about it, nearest first, and whether each applies.
    pub layers: Vec<ConsultedLayerView>,
    /// How long it is kept.
    pub storage_term: StorageTermView,
    /// What holds for each channel.
    pub channels: Vec<EffectiveChannelView>,
}

/// A layer that is about an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsultedLayerView {
    /// Name of the layer among all.
    pub id: String,
    /// Whose it is.
    pub origin: OriginView,
    /// Which events it is for, in words.
    pub events: String,
    /// `applies`, `condition_fails`, `policy_off` or `not_inherited`.
    pub standing: String,
    /// Settings that it sets in vain: a policy farther away locks them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overruled: Vec<String>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OriginView {
    /// `application`, `policy`, `event_configuration`, `server` or `compiled_default`.
    pub layer: String,
    /// Name of the policy, or application and device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In words.
    pub words: String,
}

/// How long an event is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageTermView {
    /// Days; 0 = not listed.
    pub days: u32,
    /// Where that comes from.
    pub origin: OriginView,
}

/// What holds for one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveChannelView {
    /// The channel.
    pub channel: String,
    /// Whether such events are notified.
    pub on: bool,
    /// Why, or why not.
    pub reason: String,
    /// What is missing to send anything; absent when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Every setting.
    pub settings: Vec<EffectiveSettingView>,
}

/// The effective value of a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveSettingView {
    /// The setting.
    pub key: String,
    /// Its value, a secret masked.
    pub value: Value,
    /// Where it comes from.
    pub origin: OriginView,
    /// Whether nothing nearer may override it.
    pub locked: bool,
    /// The layer that supplies it, when it is one of those that are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
}

/// An override was changed, or something that belongs to overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverridesSaved {
    /// The new revision of the settings.
    pub revision: i64,
    /// What works but deserves a look. Pointers are into the request where they begin with
    /// `/change` or `/targets`, else into the settings document.
    #[serde(default)]
    pub warnings: Vec<FieldError>,
}
