//! Subscriptions to incidents: who is told of which, and pauses (spec 9.2).

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{FieldError, IncidentInput};

/// A subscription. Its settings are those of `incidents.subscriptions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionView {
    /// Its name.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// All its settings, as in `incidents.subscriptions`; what was not given holds its default.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Whether the caller is one of its users.
    pub is_own: bool,
    /// Users who have paused it.
    pub paused: Vec<PausedView>,
    /// Who of its users and addresses is told nothing, and why.
    pub left_out: Vec<LeftOutView>,
}

/// A user who has paused a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PausedView {
    /// Name of the user.
    pub user: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// Who is told nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOutView {
    /// Name of the subscription.
    pub subscription: String,
    /// User or address.
    pub who: String,
    /// Why, such as `is blocked`.
    pub reason: String,
}

/// The subscriptions, in the order they were configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionList {
    /// Revision of the settings.
    pub revision: i64,
    /// All of them, or those of the caller when it may not read settings.
    pub subscriptions: Vec<SubscriptionView>,
    /// Why nothing can be sent to anybody; empty when something can.
    pub cannot_send: String,
}

/// Answer to a saved subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionSaved {
    /// Revision of the settings.
    pub revision: i64,
    /// The subscription.
    pub subscription: SubscriptionView,
    /// What works but deserves a look.
    pub warnings: Vec<FieldError>,
}

/// Pauses one's own subscription, or goes on with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PauseRequest {
    /// Whether it is paused.
    #[schema(required = true)]
    pub paused: bool,
    /// Whose subscription, for those who may change settings; the caller's own when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
}

/// Asks who would be told of an incident: give `incident_id` or `incident`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AudienceRequest {
    /// A stored incident, by the ledger's id or the detector's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
    /// Name of its detector; needed when several used the same id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    /// An incident that could come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentInput>,
    /// Settings of a subscription that is not saved, as in `incidents.subscriptions`: the answer is
    /// as if it were. For those who may change settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<serde_json::Map<String, serde_json::Value>>,
    /// Name of the subscription that the draft takes the place of; that of the draft when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft_of: Option<String>,
}

/// Who would be told of an incident now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AudienceView {
    /// Why nobody is told although subscriptions are met: its status, a silence, or what the Mail
    /// Notifier lacks; empty when nothing stands against it.
    pub silent: String,
    /// Names of the subscriptions that it meets.
    pub subscriptions: Vec<String>,
    /// Who is told, each address once; only oneself for who may not read settings.
    pub addressees: Vec<AddresseeView>,
    /// How many more are told whom the caller may not see.
    #[serde(default)]
    pub others: u64,
    /// Who would be told and is not; only oneself for who may not read settings.
    pub left_out: Vec<LeftOutView>,
}

impl AudienceView {
    /// How many addresses are told, seen or not.
    #[must_use]
    pub fn told_count(&self) -> u64 {
        u64::try_from(self.addressees.len()).unwrap_or(u64::MAX).saturating_add(self.others)
    }
}

/// An address that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddresseeView {
    /// The address.
    pub address: String,
    /// Name of the subscription that decides when it is told.
    pub subscription: String,
    /// Language: `en` or `ru`.
    pub language: String,
    /// Time zone.
    pub time_zone: String,
    /// When it is told; absent: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
}
