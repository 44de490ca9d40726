//! Templates as JSON: the ready ones, and what a preview makes of some (spec 5).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::EventInput;

/// Templates to render without saving or sending anything (spec 5.4). What is absent is taken
/// from the saved server-wide settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PreviewRequest {
    /// The channel whose message is shown; `email` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "email")]
    pub channel: Option<String>,
    /// Subject template; the saved one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Message template; the saved one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// HTML template; the saved one when absent. The text always goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html_message: Option<String>,
    /// Language of the reader, `en` or `ru`; the saved one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Time zone of the reader, such as `Europe/Moscow`; the saved one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Form of times, `rfc3339` or `local`; the saved one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<String>,
    /// Other settings of the channel as they stand in a form, laid over the saved ones; the keys are
    /// those of `PATCH /api/v1/settings` under the channel's name. Nothing is saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Map<String, serde_json::Value>>,
    /// The event to show, by the ledger's id or the source's; a sample event when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The application that gave the source's id, when several use the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// An event that has not happened, in place of `event`; nothing of it is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypothetical: Option<EventInput>,
}

/// Rendered templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewResult {
    /// The channel.
    pub channel: String,
    /// Subject.
    pub subject: String,
    /// Plain text; it goes with the HTML too.
    pub text: String,
    /// HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Arguments of an executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Vec<String>>,
    /// How long each is.
    pub lengths: PreviewLengths,
}

/// How long rendered texts are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewLengths {
    /// Subject.
    pub subject: TextLength,
    /// Plain text.
    pub text: TextLength,
    /// HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<TextLength>,
    /// What the text costs as an SMS; absent for other channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<SegmentsView>,
}

/// What a text costs as an SMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SegmentsView {
    /// SMS that are paid for.
    pub count: u64,
    /// Its alphabet: `GSM-7` or `UCS-2`.
    pub alphabet: String,
    /// What it takes. Unit: septets of GSM-7, or code units of UCS-2.
    pub units: u64,
    /// What fits into the last segment still. Unit: the same.
    pub units_left: u64,
}

/// How long a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextLength {
    /// Characters.
    pub characters: u64,
    /// Octets in UTF-8.
    pub octets: u64,
}

/// Ready templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateList {
    /// The templates.
    pub templates: Vec<TemplateView>,
    /// The subject that was asked for, in each language that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<JoinedSubject>,
}

/// A ready template in one language; nothing of it is saved by reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    /// Its name, the same in every language.
    pub name: String,
    /// What it is: `subject` (a piece that can be joined with others), `message`, `html_message`
    /// or `sms`.
    pub kind: String,
    /// `en` or `ru`.
    pub language: String,
    /// Its name for people, in its language.
    pub title: String,
    /// What it is good for, a sentence in its language.
    pub purpose: String,
    /// What it needs to look right, a sentence in its language.
    pub needs: String,
    /// The parameters that it uses.
    pub parameters: Vec<String>,
    /// What stands before it when it follows another piece of a subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joiner: Option<String>,
    /// The template.
    pub text: String,
    /// What it renders to with a sample event.
    pub sample: String,
}

/// A subject that was joined from pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinedSubject {
    /// `en` or `ru`.
    pub language: String,
    /// The template.
    pub text: String,
    /// What it renders to with a sample event.
    pub sample: String,
}
