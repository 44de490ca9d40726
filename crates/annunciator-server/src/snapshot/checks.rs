//! What must not be saved, and what works but deserves a look, over all layers of a snapshot.
//!
//! In: a compiled snapshot. Out: field errors with pointers into the settings document.
//! Knows nothing of: what a channel's settings mean; it asks the channels.

use annunciator_api_types::FieldError;
use annunciator_channels::check_address;
use annunciator_planner::{
    IncidentSettings, LayerNumber, Place, find_override_problems, find_override_warnings,
};
use annunciator_settings::Problem;

use super::{Snapshot, field_errors};
use crate::overrides_document::pointer_of;

/// Most problems that one answer names.
const PROBLEMS_MAX: usize = 100;

/// What is wrong, the server-wide settings first.
pub(super) fn find_problems(snapshot: &Snapshot) -> Vec<FieldError> {
    let basis = snapshot.profiles.basis();
    let server = snapshot.profiles.views(&[]);
    let mut errors = Vec::new();
    let mut of_server = Vec::new();
    for channel in snapshot.channels().iter() {
        let problems = channel.find_problems(&server, basis);
        errors.extend(field_errors(channel.name().as_str(), problems.clone()));
        of_server.push(problems);
    }
    errors.extend(field_errors("incidents", find_incident_problems(&snapshot.incidents.values)));
    errors.extend(field_errors("names", snapshot.names.values.find_conflicts()));
    let overrides = &snapshot.configuration.overrides;
    let found = find_override_problems(overrides, &|content, key| content.sets(key));
    // No more is looked up than is shown.
    let room = PROBLEMS_MAX.saturating_sub(errors.len());
    errors.extend(found.into_iter().take(room).map(|(place, problem)| {
        let pointer = format!("{}{}", pointer_of(overrides, place), problem.pointer);
        FieldError::new(pointer, problem.code, problem.detail)
    }));
    let layers = overrides.layers().enumerate();
    for (at, (_, entry)) in layers {
        let number = LayerNumber::try_from(at).unwrap_or(LayerNumber::MAX);
        let views = snapshot.profiles.views(&[number]);
        let groups = entry.content.groups();
        for (channel, of_server) in snapshot.channels().iter().zip(&of_server) {
            let name = channel.name();
            let group = groups.iter().find(|(group, _)| *group == name.as_str());
            let Some((_, group)) = group.filter(|(_, group)| !group.is_empty()) else { continue };
            let mut problems = group.incomplete_units();
            // What is wrong with the server's own settings is told there.
            let own = channel.find_problems(&views, basis);
            problems.extend(own.into_iter().filter(|problem| !of_server.contains(problem)));
            if !problems.is_empty() {
                let place = pointer_of(overrides, Place::Layer(number));
                errors.extend(below(&place, name.as_str(), problems));
            }
        }
        if errors.len() >= PROBLEMS_MAX {
            break;
        }
    }
    errors.truncate(PROBLEMS_MAX);
    errors
}

fn below(place: &str, group: &str, problems: Vec<Problem>) -> Vec<FieldError> {
    let mut errors = field_errors(group, problems);
    for error in &mut errors {
        error.pointer.insert_str(0, place);
    }
    errors
}

/// What is wrong with the settings about incidents, their addresses among it.
pub(crate) fn find_incident_problems(settings: &IncidentSettings) -> Vec<Problem> {
    let mut problems = settings.find_problems();
    for (at, subscription) in settings.subscriptions.iter().enumerate() {
        for (place, address) in subscription.addresses.iter().enumerate() {
            if let Err(detail) = check_address(address) {
                let problem = Problem::new("format", detail).under(&place.to_string());
                let problem = problem.under("addresses").under(&at.to_string());
                problems.push(problem.under("subscriptions"));
            }
        }
    }
    problems.truncate(PROBLEMS_MAX);
    problems
}

/// What works but deserves a look.
pub(super) fn find_warnings(snapshot: &Snapshot) -> Vec<FieldError> {
    let server = snapshot.profiles.views(&[]);
    let mut warnings = Vec::new();
    for channel in snapshot.channels().iter() {
        warnings.extend(field_errors(
            channel.name().as_str(),
            channel.find_warnings(&server, &snapshot.certificates),
        ));
    }
    warnings.extend(field_errors("incidents", snapshot.incidents.values.find_warnings()));
    let overrides = &snapshot.configuration.overrides;
    let found = find_override_warnings(overrides, &|content, key| content.sets(key));
    // No more is looked up than is shown.
    let room = PROBLEMS_MAX.saturating_sub(warnings.len());
    warnings.extend(found.into_iter().take(room).map(|(place, problem)| {
        let pointer = format!("{}{}", pointer_of(overrides, place), problem.pointer);
        FieldError::new(pointer, problem.code, problem.detail)
    }));
    warnings.truncate(PROBLEMS_MAX);
    warnings
}
