//! A mapping of another detector's documents is tried before it is used.
//!
//! In: a mapping, saved or not; a document. Out: the incidents that would come, what would be
//! refused, and which pointers find nothing. Nothing is stored.
//! Knows nothing of: HTTP.
//! Standard: spec 9.1.

use annunciator_api_types::{FieldError, MappingGapView, MappingPreview, MappingPreviewRequest};
use annunciator_planner::{IncidentMapping, IncidentRules};

use super::{AdminError, incident_drafts};
use crate::intake::incidents::{Registration, validate};
use crate::intake::mapping::{Mapped, map};
use crate::intake::{EVENTS_MAX, Refusal};
use crate::shared::Shared;

/// Most incidents that an answer holds.
const SHOWN_MAX: usize = 20;
/// Most errors that an answer holds.
const ERRORS_MAX: usize = 100;

/// What a mapping makes of a document.
///
/// # Errors
/// No mapping of that name; a mapping that a save would refuse.
pub fn preview(
    shared: &Shared,
    request: &MappingPreviewRequest,
) -> Result<MappingPreview, AdminError> {
    let snapshot = shared.settings.current();
    let mapping = mapping_of(&snapshot.incidents.values.mapping, request)?;
    let found = match map(&mapping, &request.document) {
        Ok(mapped) => mapped,
        Err(refusal) => Mapped { errors: errors_of(refusal), ..Mapped::default() },
    };
    Ok(look(shared, &snapshot.incident_rules, found))
}

fn mapping_of(
    known: &[IncidentMapping],
    request: &MappingPreviewRequest,
) -> Result<IncidentMapping, AdminError> {
    match (&request.mapping, &request.name) {
        (Some(settings), None) => {
            let below = |mut error: FieldError| {
                error.pointer.insert_str(0, "/mapping");
                error
            };
            incident_drafts::mapping(settings)
                .map_err(|errors| AdminError::Invalid(errors.into_iter().map(below).collect()))
        }
        (None, Some(name)) => {
            let found = known.iter().find(|one| one.name == *name).cloned();
            let words = "There is no mapping of this name.";
            found.ok_or_else(|| AdminError::NotFound(words.to_owned()))
        }
        _ => {
            let detail = "give `mapping` or `name`, one of them";
            Err(AdminError::Invalid(vec![FieldError::new("/mapping", "required", detail)]))
        }
    }
}

fn errors_of(refusal: Refusal) -> Vec<FieldError> {
    match refusal {
        Refusal::Invalid(errors) => errors,
        Refusal::TooMany(count) => {
            let detail = format!("{count} incidents: {EVENTS_MAX} are taken at most");
            vec![FieldError::new("", "too_many", detail)]
        }
        _ => Vec::new(),
    }
}

/// Checks the incidents as those that are handed in.
fn look(shared: &Shared, rules: &IncidentRules, found: Mapped) -> MappingPreview {
    let Mapped { batch, places, mut errors, gaps } = found;
    let now = shared.clock.now();
    let mut incidents = batch.inputs.clone();
    let count = incidents.len();
    if errors.is_empty() {
        let registration = Registration { now, author: "preview", rules };
        let checked = validate(batch, registration, || shared.ids.event(now));
        let found = checked.err().unwrap_or_default().into_iter();
        errors = found.map(|error| places.locate(error)).collect();
    }
    incidents.truncate(SHOWN_MAX);
    errors.truncate(ERRORS_MAX);
    let gap = |one: crate::intake::mapping::Gap| MappingGapView {
        incident: u64::try_from(one.position).unwrap_or(u64::MAX),
        field: one.field.to_owned(),
        from: one.from,
    };
    MappingPreview {
        count: u64::try_from(count).unwrap_or(u64::MAX),
        incidents,
        errors,
        missing: gaps.into_iter().map(gap).collect(),
    }
}
