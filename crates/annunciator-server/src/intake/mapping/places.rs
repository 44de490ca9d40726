//! Fields of incidents into their places in the document that a detector sent.
//!
//! In: a mapping; errors with pointers to our fields. Out: the same errors with pointers into the
//! document, our field named in their words.

use annunciator_api_types::FieldError;
use annunciator_planner::IncidentMapping;
use serde_json::Value;

use super::Gap;

/// Where the fields of a document's incidents come from.
#[derive(Debug, Default)]
pub struct Places {
    /// Pointer to the list, or to the only incident.
    items: String,
    is_list: bool,
    /// Pointer to our field, pointer into an item.
    fields: Vec<(&'static str, String)>,
}

impl Places {
    pub(super) fn of(mapping: &IncidentMapping, is_list: bool) -> Self {
        let fields = [
            ("/id", &mapping.id),
            ("/detector/kind", &mapping.detector_kind),
            ("/detector/name", &mapping.detector_name),
            ("/model", &mapping.model),
            ("/severity", &mapping.severity),
            ("/asset/name", &mapping.asset),
            ("/asset/group", &mapping.asset_group),
            ("/top_tag/name", &mapping.top_tag),
            ("/top_tag/description", &mapping.top_tag_description),
            ("/top_tag/value", &mapping.top_tag_value),
            ("/top_tag/units", &mapping.top_tag_units),
            ("/mse", &mapping.mse),
            ("/threshold", &mapping.threshold),
            ("/start", &mapping.start),
            ("/end", &mapping.end),
            ("/status", &mapping.status),
            ("/history", &mapping.history),
            ("/group", &mapping.group),
            ("/description", &mapping.description),
            ("/samples", &mapping.samples),
        ];
        let pointers = fields.into_iter().filter(|(_, from)| from.starts_with('/'));
        let fields = pointers.map(|(field, from)| (field, from.clone())).collect();
        Self { items: mapping.items.clone(), is_list, fields }
    }

    /// Pointer to an incident in the document.
    pub(super) fn of_item(&self, position: usize) -> String {
        match self.is_list {
            true => format!("{}/{position}", self.items),
            false => self.items.clone(),
        }
    }

    /// The pointers of the mapping that find nothing in an incident.
    pub(super) fn gaps_of(&self, position: usize, item: &Value) -> impl Iterator<Item = Gap> {
        let is_gap = |from: &str| item.pointer(from).is_none_or(Value::is_null);
        let gaps = self.fields.iter().filter(move |(_, from)| is_gap(from));
        gaps.map(move |(field, from)| Gap { position, field, from: from.clone() })
    }

    /// The error with its place in the document; that of the whole incident for what does not come
    /// from there.
    #[must_use]
    pub fn locate(&self, error: FieldError) -> FieldError {
        let (item, field) = match self.is_list.then(|| split_position(&error.pointer)).flatten() {
            Some((position, field)) => (self.of_item(position), field),
            None => (self.items.clone(), error.pointer.as_str()),
        };
        let from = self.fields.iter().find_map(|(known, from)| {
            let below = field.strip_prefix(known)?;
            (below.is_empty() || below.starts_with('/')).then(|| format!("{from}{below}"))
        });
        let pointer = format!("{item}{}", from.unwrap_or_default());
        let detail = match field.trim_start_matches('/') {
            "" => error.detail,
            name => format!("`{}` {}", name.replace('/', "."), error.detail),
        };
        FieldError { pointer, detail, ..error }
    }
}

/// A pointer such as `/3/start` into the position and the rest.
fn split_position(pointer: &str) -> Option<(usize, &str)> {
    let below = pointer.strip_prefix('/')?;
    let end = below.find('/').unwrap_or(below.len());
    Some((below[..end].parse().ok()?, &below[end..]))
}
