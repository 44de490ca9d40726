//! Incidents: as detectors hand them in, and as they are shown (spec 9).

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DeviceInput, EventView, FieldError, ParameterInput};

/// An incident as a detector hands it in. Only `detector.kind` is required.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentInput {
    /// The detector's id of the incident, at most 256 characters; the same id again (per detector)
    /// is the same incident. Made here when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Who registers it.
    #[schema(required = true)]
    pub detector: DetectorInput,
    /// Name of the model, at most 256 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// `info`, `warning`, `failure` or `critical`; `warning` when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub severity: String,
    /// The asset that is monitored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<DeviceInput>,
    /// The tag that deviates most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_tag: Option<TopTagInput>,
    /// Mean squared error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mse: Option<f64>,
    /// The threshold that was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// When it began, RFC 3339; the time of registration when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub start: Option<String>,
    /// When it ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub end: Option<String>,
    /// Status, by its code or its name; the first status of the settings when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Link to the history at the start of the incident, `https://` or `http://`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub history: String,
    /// What similar incidents share, at most 256 characters; found here when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Description, at most 65,536 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The course of the top tag around the incident, at most 2,000 samples.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<SampleInput>,
}

/// Who registers an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorInput {
    /// Kind: `forecaster`, `limit`, `rule`, `stream`, or another word of small letters, digits, `_`
    /// and `-`.
    #[schema(required = true, example = "forecaster")]
    pub kind: String,
    /// Name, at most 256 characters; the kind when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Version, at most 256 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// The tag that deviates most.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TopTagInput {
    /// Name, 1 to 256 characters.
    #[schema(required = true)]
    pub name: String,
    /// Description, at most 1,000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<ParameterInput>,
    /// Units of the value, at most 100 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub units: String,
}

/// A value of the top tag at a time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SampleInput {
    /// When it was measured, RFC 3339.
    #[schema(required = true, format = DateTime)]
    pub at: String,
    /// The value.
    #[schema(required = true)]
    pub value: f64,
}

/// Answer to accepted incidents: they are on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedIncidents {
    /// One entry per incident, in the order of the request.
    pub incidents: Vec<AcceptedIncident>,
}

/// One accepted incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptedIncident {
    /// The detector's id, or the one made here.
    pub id: String,
    /// The ledger's id of the incident and of its event.
    pub uid: String,
    /// Whether the incident was known already, so that nothing more will happen.
    pub duplicate: bool,
    /// Whether it was known already and says something else now; the first words are kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub differs: bool,
    /// What to do then.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentView {
    /// The ledger's id of the incident and of its event.
    pub uid: String,
    /// The detector's id.
    pub id: String,
    /// Who registered it.
    pub detector: DetectorInput,
    /// Name of the model, may be empty.
    pub model: String,
    /// `info`, `warning`, `failure` or `critical`.
    pub severity: String,
    /// The asset that is monitored.
    pub asset: DeviceInput,
    /// The tag that deviates most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_tag: Option<TopTagInput>,
    /// Mean squared error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mse: Option<f64>,
    /// The threshold that was passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end: Option<Timestamp>,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub registered_at: Timestamp,
    /// Its status now.
    pub status: IncidentStatusView,
    /// When the status changed last.
    #[schema(value_type = String, format = DateTime)]
    pub status_changed_at: Timestamp,
    /// Whether subscribers were told of it, as far as its statuses allowed it.
    pub told: bool,
    /// Link to the history, may be empty.
    pub history: String,
    /// Its group.
    pub group: String,
    /// Description, may be empty.
    pub description: String,
    /// How many samples of the top tag there are.
    pub sample_count: u64,
}

/// A status of incidents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentStatusView {
    /// Its name for programs.
    pub code: String,
    /// Its name in English; the code when the settings do not know it any more.
    pub name: String,
    /// Its name in Russian.
    pub name_ru: String,
    /// Whether incidents with it are told.
    pub notify: bool,
}

/// A page of incidents, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentList {
    /// The incidents.
    pub incidents: Vec<IncidentView>,
    /// Give it as `after` for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Until when a search looked back before its time was up; absent when the page is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub searched_until: Option<Timestamp>,
    /// All statuses there are, for choosing.
    pub statuses: Vec<IncidentStatusView>,
}

/// An incident, the statuses it had, and its samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDetail {
    /// The incident.
    #[serde(flatten)]
    pub incident: IncidentView,
    /// The statuses that it had, first to last.
    pub statuses: Vec<IncidentStatusEntry>,
    /// The course of its top tag.
    pub samples: Vec<SampleView>,
    /// Its event, with what was decided about it.
    pub event: EventView,
    /// How many addresses were told of it in bundles whose events are still kept.
    #[serde(default)]
    pub told_in_bundles: u64,
    /// The last bundles it was in, newest first, at most 20; each address has a bundle of its own.
    #[serde(default)]
    pub bundles: Vec<IncidentBundleView>,
}

/// A bundle that an incident was in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentBundleView {
    /// The ledger's id of the event about the bundle.
    pub event: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether it told the incident; else its event says why not.
    pub told: bool,
}

/// A status that an incident had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentStatusEntry {
    /// When it got it.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who gave it.
    pub author: String,
    /// The status.
    pub status: IncidentStatusView,
    /// Why, may be empty.
    pub comment: String,
    /// The ledger's id of the event that tells it.
    pub event: String,
}

/// A value of the top tag at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampleView {
    /// When it was measured.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The value.
    pub value: f64,
}

/// A change of an incident's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentStatusRequest {
    /// The status, by its code or its name.
    #[schema(required = true, example = "under_review")]
    pub status: String,
    /// Why, at most 1,000 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The code of the status that it is changed from: refused with 409 when it has another one by
    /// now. Nothing: changed from whatever it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
}

/// Answer to a change of status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentStatusResult {
    /// The incident as it is now.
    pub incident: IncidentView,
    /// Whether the status is another one than before.
    pub changed: bool,
    /// What is told of the change: `late` (the incident is told for the first time), `follow_up`
    /// (to subscriptions with follow-ups), `silent` (to nobody); absent when nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// Incidents of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentGroupView {
    /// Its name.
    pub group: String,
    /// How many there are.
    pub count: u64,
    /// When the first began.
    #[schema(value_type = String, format = DateTime)]
    pub first_start: Timestamp,
    /// When the last began.
    #[schema(value_type = String, format = DateTime)]
    pub last_start: Timestamp,
    /// Model of the newest.
    pub model: String,
    /// Top tag of the newest.
    pub top_tag: String,
    /// The worst severity.
    pub severity: String,
}

/// A page of groups, that of the newest incident first; incidents that are alone are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentGroupList {
    /// The groups.
    pub groups: Vec<IncidentGroupView>,
    /// Give it as `after` for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Tries a mapping on a document: give `mapping` or `name`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MappingPreviewRequest {
    /// Settings of a mapping, as in `incidents.mapping`; it need not be saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping: Option<serde_json::Map<String, serde_json::Value>>,
    /// Name of a mapping that is saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The document as the detector would post it.
    #[schema(required = true)]
    pub document: serde_json::Value,
}

/// What a mapping makes of a document. Nothing is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MappingPreview {
    /// How many incidents the document holds.
    pub count: u64,
    /// The incidents, at most 20.
    pub incidents: Vec<IncidentInput>,
    /// What would be refused, with pointers to our fields; empty when all would be accepted.
    pub errors: Vec<FieldError>,
    /// Pointers of the mapping that find nothing, at most 100; each leaves its field empty.
    pub missing: Vec<MappingGapView>,
}

/// A pointer of a mapping that finds nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MappingGapView {
    /// In which incident of the document, 0 for the first.
    pub incident: u64,
    /// Which of our fields stays empty, such as `/top_tag/value`.
    pub field: String,
    /// Where the mapping looks.
    pub from: String,
}
