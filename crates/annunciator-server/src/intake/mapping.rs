//! Documents of other detectors become incidents, field by field (spec 9.1).
//!
//! In: a JSON document, a mapping of the settings. Out: incidents as our own detectors write them.
//! Standard: RFC 6901 (JSON pointers).
//! Knows nothing of: what the fields must hold; that is looked at as for every incident.
//! Failure: what a mapping finds and cannot take is told with our field's pointer.

use annunciator_api_types::{
    DetectorInput, DeviceInput, FieldError, IncidentInput, ParameterInput, SampleInput, TopTagInput,
};
use annunciator_planner::IncidentMapping;
use serde_json::Value;

use super::Refusal;
use super::incidents::IncidentBatch;

/// Most places that are noted as finding nothing.
pub const GAPS_MAX: usize = 100;

/// What a mapping makes of a document.
#[derive(Debug, Default)]
pub struct Mapped {
    /// The incidents; of no use when something is wrong.
    pub batch: IncidentBatch,
    /// What cannot be taken, with pointers to our fields.
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
/// No JSON; no list where the mapping says that it stands; values of a wrong type.
pub fn read(mapping: &IncidentMapping, body: &[u8]) -> Result<IncidentBatch, Refusal> {
    let document: Value = serde_json::from_slice(body.trim_ascii())
        .map_err(|error| Refusal::Malformed(format!("The body is not JSON: {error}.")))?;
    let mut mapped = map(mapping, &document)?;
    mapped.errors.truncate(super::validation::ERRORS_MAX);
    match mapped.errors.is_empty() {
        true => Ok(mapped.batch),
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
        one => (std::slice::from_ref(one), false),
    };
    if items.len() > super::EVENTS_MAX {
        return Err(Refusal::TooMany(items.len()));
    }
    let (mut errors, mut gaps) = (Vec::new(), Vec::new());
    let mut inputs = Vec::with_capacity(items.len());
    for (position, item) in items.iter().enumerate() {
        let above = if is_list { format!("/{position}") } else { String::new() };
        let (errors, gaps) = (&mut errors, &mut gaps);
        inputs.push(Item { item, position, above, errors, gaps }.incident(mapping));
    }
    Ok(Mapped { batch: IncidentBatch { inputs, is_list }, errors, gaps })
}

/// One incident of the document.
struct Item<'a> {
    item: &'a Value,
    position: usize,
    above: String,
    errors: &'a mut Vec<FieldError>,
    gaps: &'a mut Vec<Gap>,
}

impl Item<'_> {
    fn incident(mut self, mapping: &IncidentMapping) -> IncidentInput {
        IncidentInput {
            id: self.text("/id", &mapping.id),
            detector: DetectorInput {
                kind: self.text("/detector/kind", &mapping.detector_kind).to_lowercase(),
                name: self.text("/detector/name", &mapping.detector_name),
                version: String::new(),
            },
            model: self.text("/model", &mapping.model),
            severity: self.text("/severity", &mapping.severity).to_lowercase(),
            asset: self.asset(mapping),
            top_tag: self.top_tag(mapping),
            mse: self.number("/mse", &mapping.mse),
            threshold: self.number("/threshold", &mapping.threshold),
            start: self.some_text("/start", &mapping.start),
            end: self.some_text("/end", &mapping.end),
            status: self.text("/status", &mapping.status),
            history: self.text("/history", &mapping.history),
            group: self.text("/group", &mapping.group),
            description: self.text("/description", &mapping.description),
            samples: self.samples(&mapping.samples),
        }
    }

    fn asset(&mut self, mapping: &IncidentMapping) -> Option<DeviceInput> {
        let name = self.text("/asset/name", &mapping.asset);
        let group = self.text("/asset/group", &mapping.asset_group);
        let is_given = !name.is_empty() || !group.is_empty();
        is_given.then(|| DeviceInput { name, group, ..DeviceInput::default() })
    }

    fn top_tag(&mut self, mapping: &IncidentMapping) -> Option<TopTagInput> {
        let name = self.some_text("/top_tag/name", &mapping.top_tag)?;
        Some(TopTagInput {
            name,
            description: self.text("/top_tag/description", &mapping.top_tag_description),
            value: self.value("/top_tag/value", &mapping.top_tag_value),
            units: self.text("/top_tag/units", &mapping.top_tag_units),
        })
    }

    /// What a field of the mapping stands for; nothing when it is empty or finds nothing.
    fn find(&mut self, field: &'static str, from: &str) -> Option<Value> {
        match from {
            "" => None,
            pointer if pointer.starts_with('/') => {
                let found = self.item.pointer(pointer).filter(|value| !value.is_null());
                if found.is_none() && self.gaps.len() < GAPS_MAX {
                    let from = pointer.to_owned();
                    self.gaps.push(Gap { position: self.position, field, from });
                }
                found.cloned()
            }
            constant => Some(constant.into()),
        }
    }

    fn refuse(&mut self, pointer: &str, must: &str, from: &str) {
        let detail = format!("{must}; the mapping takes it from `{from}`");
        self.errors.push(FieldError::new(format!("{}{pointer}", self.above), "type", detail));
    }

    fn text(&mut self, pointer: &'static str, from: &str) -> String {
        self.some_text(pointer, from).unwrap_or_default()
    }

    fn some_text(&mut self, pointer: &'static str, from: &str) -> Option<String> {
        match self.find(pointer, from)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => {
                self.refuse(pointer, "must be a text or a number", from);
                None
            }
        }
    }

    fn number(&mut self, pointer: &'static str, from: &str) -> Option<f64> {
        let value = self.find(pointer, from)?;
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok().filter(|value: &f64| value.is_finite()),
            _ => None,
        };
        if number.is_none() {
            self.refuse(pointer, "must be a number", from);
        }
        number
    }

    fn value(&mut self, pointer: &'static str, from: &str) -> Option<ParameterInput> {
        match serde_json::from_value(self.find(pointer, from)?) {
            Ok(value) => Some(value),
            Err(_) => {
                self.refuse(pointer, "must be text, a number, true or false", from);
                None
            }
        }
    }

    fn samples(&mut self, from: &str) -> Vec<SampleInput> {
        let Some(value) = self.find("/samples", from) else { return Vec::new() };
        serde_json::from_value(value).unwrap_or_else(|_| {
            self.refuse("/samples", "must be a list of objects with `at` and `value`", from);
            Vec::new()
        })
    }
}
