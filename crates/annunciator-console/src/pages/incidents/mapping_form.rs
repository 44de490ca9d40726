//! The form of a mapping, and the way to and from its settings.
//!
//! In: settings as the API shows them; a posted form. Out: settings, whole. Knows nothing of: what
//! a mapping may hold; the API says it.

use serde_json::{Map, Value};

use crate::form::Form;

/// Fields of a mapping, each with the pointer of the field of ours that it fills, by sections.
pub(super) const SECTIONS: [(&str, &[(&str, &str)]); 3] = [
    (
        "incident",
        &[
            ("id", "/id"),
            ("detector_kind", "/detector/kind"),
            ("detector_name", "/detector/name"),
            ("severity", "/severity"),
            ("status", "/status"),
            ("model", "/model"),
            ("asset", "/asset/name"),
            ("asset_group", "/asset/group"),
            ("start", "/start"),
            ("end", "/end"),
            ("history", "/history"),
            ("group", "/group"),
            ("description", "/description"),
        ],
    ),
    (
        "tag",
        &[
            ("top_tag", "/top_tag/name"),
            ("top_tag_description", "/top_tag/description"),
            ("top_tag_value", "/top_tag/value"),
            ("top_tag_units", "/top_tag/units"),
            ("samples", "/samples"),
        ],
    ),
    ("measure", &[("mse", "/mse"), ("threshold", "/threshold")]),
];
/// Those that stand before the sections.
const FIRST: [&str; 2] = ["name", "items"];

/// Names of all fields.
fn names() -> impl Iterator<Item = &'static str> {
    let others = SECTIONS.iter().flat_map(|(_, fields)| fields.iter().map(|(name, _)| *name));
    FIRST.into_iter().chain(others)
}

/// The field of a mapping that fills a field of ours, or something in it; the pointer may begin with
/// a position.
pub(super) fn field_of(pointer: &str) -> Option<&'static str> {
    let fields = || SECTIONS.iter().flat_map(|(_, fields)| fields.iter());
    let rest = pointer.trim_start_matches(|c: char| c == '/' || c.is_ascii_digit());
    let pointer = format!("/{rest}");
    let is_it = |ours: &str| pointer == ours || pointer.starts_with(&format!("{ours}/"));
    fields().find(|(_, ours)| is_it(ours)).map(|(name, _)| *name)
}

/// A mapping as it stands in the form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MappingForm(Vec<(&'static str, String)>);

impl MappingForm {
    /// As it is stored.
    pub(super) fn of_settings(settings: &Value) -> Self {
        let text = |name: &str| settings[name].as_str().unwrap_or_default().to_owned();
        Self(names().map(|name| (name, text(name))).collect())
    }

    /// As it was posted; nothing when its fields were not, as when they may not be changed.
    pub(super) fn of_posted(form: &Form) -> Option<Self> {
        let text = |name: &'static str| (name, form.trimmed(name).to_owned());
        form.has("name").then(|| Self(names().map(text).collect()))
    }

    /// One field.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The settings; what is empty is left out, but for what must be given.
    pub(super) fn settings(&self) -> Map<String, Value> {
        let is_given = |(name, value): &&(&str, String)| {
            !value.is_empty() || matches!(*name, "name" | "id" | "detector_kind")
        };
        let given = self.0.iter().filter(is_given);
        given.map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_posted_form_becomes_settings_and_they_the_same_form() {
        let posted = Form::parse(b"name=scada&items=%2Fdata&id=+%2Fnr+&model=&top_tag_value=%2Fv");
        let form = MappingForm::of_posted(&posted).unwrap();
        let settings = Value::Object(form.settings());
        let expected = json!({"name": "scada", "items": "/data", "id": "/nr",
            "detector_kind": "", "top_tag_value": "/v"});
        assert_eq!(settings, expected);
        assert_eq!(MappingForm::of_settings(&settings), form);
        assert_eq!(MappingForm::of_posted(&Form::parse(b"document=1")), None);
    }

    #[test]
    fn our_fields_lead_to_those_of_the_mapping() {
        let check = |pointer: &str, expected: Option<&str>| {
            assert_eq!(field_of(pointer), expected, "{pointer}");
        };
        check("/detector/kind", Some("detector_kind"));
        check("/12/top_tag/value", Some("top_tag_value"));
        check("/0/samples/3/at", Some("samples"));
        check("/0", None);
        check("", None);
        check("/idx", None);
    }
}
