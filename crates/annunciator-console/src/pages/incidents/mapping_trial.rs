//! A mapping is tried on a document: what would come, what would be refused, what finds nothing.
//!
//! In: a mapping and the text of a document. Out: words beside fields. Nothing is stored.

use annunciator_api_types::{IncidentInput, MappingPreview};
use askama::Template;
use hyper::Method;
use serde_json::{Value, json};

use super::mapping_form::{MappingForm, field_of};
use super::mapping_trial as trial;
use crate::page::{Page, Visitor};
use crate::pages::events::parameter;
use crate::refusal::{Errors, Stop};

/// What came of a trial.
pub(super) struct Tried {
    pub(super) found: Option<MappingPreview>,
    pub(super) errors: Errors,
}

#[derive(Template)]
#[template(path = "incidents/mapping_trial.html")]
pub(super) struct Trial {
    pub(super) page: Page,
    pub(super) tried: Option<Tried>,
}

impl Tried {
    /// Asks the API; a text that is no document is told without it.
    pub(super) async fn ask(
        visitor: &Visitor,
        form: Option<&MappingForm>,
        name: &str,
        document: &str,
    ) -> Result<Self, Stop> {
        let document: Value = match serde_json::from_str(document) {
            Ok(document) => document,
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let places = [("line", line.into()), ("column", column.into())];
                let summary = match document.trim() {
                    "" => visitor.guest.language.say("mapping-no-document"),
                    _ => visitor.guest.language.say_with("mapping-no-json", &places),
                };
                let errors = Errors { summary, fields: Vec::new() };
                return Ok(Self { found: None, errors });
            }
        };
        let request = match form {
            Some(form) => json!({ "mapping": form.settings(), "document": document }),
            None => json!({ "name": name, "document": document }),
        };
        let path = "/api/v1/incidents/mapping-preview";
        match visitor.try_send(Method::POST, path, &request).await {
            Ok(reply) => {
                let found: MappingPreview =
                    reply.json(path).map_err(|refusal| visitor.stop(refusal))?;
                Ok(Self { found: Some(found), errors: Errors::default() })
            }
            Err(refusal) => Ok(Self { found: None, errors: Errors::of(&visitor.guest, refusal)? }),
        }
    }
}

/// What a field of ours is called in the form; its pointer where it has no name there.
pub(super) fn label(page: &Page, pointer: &str) -> String {
    field_of(pointer).map_or_else(|| pointer.to_owned(), |name| page.word("mapping", name))
}

/// Which incident of a list a pointer leads into, 1 for the first.
pub(super) fn number_of(pointer: &str) -> Option<usize> {
    let first = pointer.strip_prefix('/')?.split('/').next()?;
    first.parse::<usize>().ok().map(|position| position + 1)
}

/// What an incident holds, each with its label.
pub(super) fn facts(page: &Page, incident: &IncidentInput) -> Vec<(String, String)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |value: Option<f64>| value.map(|one| one.to_string()).unwrap_or_default();
    let asset = incident.asset.clone().unwrap_or_default();
    let tag = incident.top_tag.clone().unwrap_or_default();
    let samples = match incident.samples.len() {
        0 => String::new(),
        count => count.to_string(),
    };
    let facts = [
        ("id", incident.id.clone()),
        ("detector_kind", incident.detector.kind.clone()),
        ("detector_name", incident.detector.name.clone()),
        ("severity", incident.severity.clone()),
        ("status", incident.status.clone()),
        ("model", incident.model.clone()),
        ("asset", asset.name),
        ("asset_group", asset.group),
        ("start", text(&incident.start)),
        ("end", text(&incident.end)),
        ("history", incident.history.clone()),
        ("group", incident.group.clone()),
        ("description", incident.description.clone()),
        ("top_tag", tag.name),
        ("top_tag_description", tag.description),
        ("top_tag_value", tag.value.as_ref().map(parameter).unwrap_or_default()),
        ("top_tag_units", tag.units),
        ("samples", samples),
        ("mse", number(incident.mse)),
        ("threshold", number(incident.threshold)),
    ];
    let given = facts.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| (page.word("mapping", name), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_says_which_incident_of_a_list() {
        for (pointer, expected) in
            [("/0/model", Some(1)), ("/11", Some(12)), ("/model", None), ("", None)]
        {
            assert_eq!(number_of(pointer), expected, "{pointer}");
        }
    }
}
