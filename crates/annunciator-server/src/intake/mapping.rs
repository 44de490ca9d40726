//! Documents of other detectors become incidents, field by field (spec 9.1).
//!
//! In: a JSON document, a mapping of the settings. Out: incidents as our own detectors write them,
//! and where in the document each of their fields comes from.
//! Standard: RFC 6901 (JSON pointers).
//! Knows nothing of: what the fields must hold; that is looked at as for every incident.
//! Failure: what is wrong is told with its place in the document as it was sent, and our field.

use std::borrow::Cow;

use annunciator_api_types::{
    DetectorInput, DeviceInput, FieldError, IncidentInput, ParameterInput, SampleInput, TopTagInput,
};
use annunciator_planner::{IncidentMapping, MappedField};
use annunciator_template::TimeZone;
use serde_json::Value;

use super::Refusal;
use super::incidents::{IncidentBatch, refuse};
use super::json::{Document, outside_strings, parse_open};
use super::validation::ERRORS_MAX;

mod moment;
mod places;

pub use places::Places;

/// Most values of a document, names of fields counted too: a tree of them takes far more memory
/// than their text.
const VALUES_MAX: usize = 200_000;

impl Document for Value {
    fn fields(_path: &[&str]) -> &'static [&'static str] {
        &[]
    }
}

/// Most places that are noted as finding nothing.
pub const GAPS_MAX: usize = 100;

/// What a mapping makes of a document.
#[derive(Debug, Default)]
pub struct Mapped {
    /// The incidents; of no use when something is wrong.
    pub batch: IncidentBatch,
    /// Where their fields stand in the document.
    pub places: Places,
    /// What cannot be taken, with pointers into the document.
    pub errors: Vec<FieldError>,
    /// Pointers of the mapping that find nothing, at most [`GAPS_MAX`].
    pub gaps: Vec<Gap>,
}

/// A pointer of a mapping that finds nothing in an incident of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Which incident, 0 for the first.
    pub position: usize,
    /// Our field.
    pub field: &'static str,
    /// Where the mapping looks.
    pub from: String,
}

/// Reads the incidents of a document.
///
/// # Errors
/// No JSON, too deep, or too many values; no list where the mapping says that it stands, or items
/// that are no objects; no id; values of a wrong type.
pub fn read(mapping: &IncidentMapping, body: &[u8]) -> Result<Mapped, Refusal> {
    let document = document(body)?;
    let mut mapped = map(mapping, &document)?;
    mapped.errors.truncate(ERRORS_MAX);
    match mapped.errors.is_empty() {
        true => Ok(mapped),
        false => Err(Refusal::Invalid(mapped.errors)),
    }
}

/// Maps a document, whatever is wrong with its incidents.
///
/// # Errors
/// Nothing stands where the mapping looks for incidents; too many.
pub fn map(mapping: &IncidentMapping, document: &Value) -> Result<Mapped, Refusal> {
    let place = document.pointer(&mapping.items).ok_or_else(|| {
        let detail = format!("the mapping `{}` looks for incidents here", mapping.name);
        Refusal::Invalid(vec![FieldError::new(mapping.items.as_str(), "required", detail)])
    })?;
    let (items, is_list) = match place {
        Value::Array(items) => (items.as_slice(), true),
        // Where a list is named, nothing there is a list of none.
        Value::Null if !mapping.items.is_empty() => (&[][..], true),
        one => (std::slice::from_ref(one), false),
    };
    if items.len() > super::EVENTS_MAX {
        return Err(Refusal::TooMany(items.len()));
    }
    let places = Places::of(mapping, is_list);
    let zone = TimeZone::named(&mapping.time_zone).ok();
    let (mut errors, mut gaps) = (Vec::new(), Vec::new());
    let mut inputs = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let place = places.of_item(at);
        if !item.is_object() {
            errors.push(FieldError::new(place, "type", "must be an object: an incident"));
        } else {
            let zone = zone.as_ref();
            inputs.push(Item { mapping, item, place, zone, errors: &mut errors }.incident());
            gaps.extend(places.gaps_of(at, item).take(GAPS_MAX - gaps.len()));
        }
        if errors.len() >= ERRORS_MAX {
            break;
        }
    }
    Ok(Mapped { batch: IncidentBatch { inputs, is_list }, places, errors, gaps })
}

fn document(body: &[u8]) -> Result<Value, Refusal> {
    let text = body.trim_ascii();
    if text.is_empty() {
        let words = "The body is empty: it must hold a document.";
        return Err(Refusal::Malformed(words.to_owned()));
    }
    let marks = outside_strings(text).filter(|byte| matches!(byte, b'{' | b'[' | b',' | b':'));
    let count = marks.count();
    if count > VALUES_MAX {
        let detail = format!(
            "must hold at most {VALUES_MAX} values; it has about {count}: send fewer incidents or \
             samples at once"
        );
        return Err(Refusal::Invalid(vec![FieldError::new("", "too_many", detail)]));
    }
    parse_open(text).map_err(refuse)
}

/// One incident of the document.
struct Item<'a> {
    mapping: &'a IncidentMapping,
    item: &'a Value,
    /// Pointer to it in the document.
    place: String,
    zone: Option<&'a TimeZone>,
    errors: &'a mut Vec<FieldError>,
}

impl<'a> Item<'a> {
    fn incident(mut self) -> IncidentInput {
        let mapping = self.mapping;
        IncidentInput {
            id: self.id(),
            detector: DetectorInput {
                kind: self.word(MappedField::DetectorKind, "detector.kind", &mapping.detector_kind),
                name: self.text("detector.name", &mapping.detector_name),
                version: String::new(),
            },
            model: self.text("model", &mapping.model),
            severity: self.word(MappedField::Severity, "severity", &mapping.severity),
            asset: self.asset(),
            top_tag: self.top_tag(),
            mse: self.number("mse", &mapping.mse),
            threshold: self.number("threshold", &mapping.threshold),
            start: self.time("start", &mapping.start),
            end: self.time("end", &mapping.end),
            status: self.word(MappedField::Status, "status", &mapping.status),
            history: self.text("history", &mapping.history),
            group: self.text("group", &mapping.group),
            description: self.text("description", &mapping.description),
            samples: self.samples(),
        }
    }

    /// The id, without which each repeat of the request would be another incident.
    fn id(&mut self) -> String {
        let count = self.errors.len();
        let id = self.text("id", &self.mapping.id);
        if id.trim().is_empty() && self.errors.len() == count {
            self.refuse("id", &self.mapping.id, ("required", "must be given and not be empty"));
        }
        id
    }

    fn asset(&mut self) -> Option<DeviceInput> {
        let name = self.text("asset.name", &self.mapping.asset);
        let group = self.text("asset.group", &self.mapping.asset_group);
        let is_given = !name.is_empty() || !group.is_empty();
        is_given.then(|| DeviceInput { name, group, ..DeviceInput::default() })
    }

    fn top_tag(&mut self) -> Option<TopTagInput> {
        let mapping = self.mapping;
        let name = self.some_text("top_tag.name", &mapping.top_tag)?;
        Some(TopTagInput {
            name,
            description: self.text("top_tag.description", &mapping.top_tag_description),
            value: self.value("top_tag.value", &mapping.top_tag_value),
            units: self.text("top_tag.units", &mapping.top_tag_units),
        })
    }

    /// What a field of the mapping stands for; nothing when it is empty or finds nothing.
    fn find(&self, from: &str) -> Option<Cow<'a, Value>> {
        match from {
            "" => None,
            pointer if pointer.starts_with('/') => {
                self.item.pointer(pointer).filter(|value| !value.is_null()).map(Cow::Borrowed)
            }
            constant => Some(Cow::Owned(constant.into())),
        }
    }

    /// Notes what is wrong with what a field comes from.
    fn refuse(&mut self, field: &str, from: &str, (code, must): (&str, &str)) {
        let below = if from.starts_with('/') { from } else { "" };
        let pointer = format!("{}{below}", self.place);
        self.errors.push(FieldError::new(pointer, code, format!("`{field}` {must}")));
    }

    fn text(&mut self, field: &str, from: &str) -> String {
        self.some_text(field, from).unwrap_or_default()
    }

    fn some_text(&mut self, field: &str, from: &str) -> Option<String> {
        match self.find(from)?.as_ref() {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => {
                self.refuse(field, from, ("type", "must be a text or a number"));
                None
            }
        }
    }

    /// A word of ours: what the mapping says that it means, else itself in small letters.
    fn word(&mut self, means: MappedField, field: &str, from: &str) -> String {
        let text = self.text(field, from);
        let is_constant = !from.starts_with('/');
        match self.mapping.translate(means, &text).filter(|_| !is_constant) {
            Some(word) => word.to_owned(),
            None => text.to_lowercase(),
        }
    }

    fn number(&mut self, field: &str, from: &str) -> Option<f64> {
        let value = self.find(from)?;
        let number = match value.as_ref() {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok().filter(|value: &f64| value.is_finite()),
            _ => None,
        };
        if number.is_none() {
            self.refuse(field, from, ("type", "must be a number"));
        }
        number
    }

    fn value(&mut self, field: &str, from: &str) -> Option<ParameterInput> {
        match serde_json::from_value(self.find(from)?.into_owned()) {
            Ok(value) => Some(value),
            Err(_) => {
                self.refuse(field, from, ("type", "must be text, a number, true or false"));
                None
            }
        }
    }

    fn time(&mut self, field: &str, from: &str) -> Option<String> {
        let value = self.find(from)?;
        match moment::read(self.mapping.times, self.zone, &value) {
            Ok(text) => Some(text),
            Err(wrong) => {
                self.refuse(field, from, wrong);
                None
            }
        }
    }

    fn samples(&mut self) -> Vec<SampleInput> {
        let from = &self.mapping.samples;
        let Some(value) = self.find(from) else { return Vec::new() };
        let Value::Array(list) = value.as_ref() else {
            let must = "must be a list of objects with `at` and `value`";
            self.refuse("samples", from, ("type", must));
            return Vec::new();
        };
        let mut samples = Vec::with_capacity(list.len());
        for (position, sample) in list.iter().enumerate() {
            let below = |key: &str| format!("{from}/{position}/{key}");
            let time = sample.get("at").map(|at| moment::read(self.mapping.times, self.zone, at));
            let value = sample.get("value").and_then(Value::as_f64);
            match (time, value) {
                (Some(Ok(at)), Some(value)) => samples.push(SampleInput { at, value }),
                (Some(Err(wrong)), _) => self.refuse("at", &below("at"), wrong),
                (None, _) => self.refuse("at", &below("at"), ("required", "must be given")),
                (_, None) => self.refuse("value", &below("value"), ("type", "must be a number")),
            }
            if self.errors.len() >= ERRORS_MAX {
                break;
            }
        }
        samples
    }
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
