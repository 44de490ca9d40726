//! Rows of `incidents` that are not saved yet: a subscription to be tried, a mapping to be tried.
//!
//! In: the settings of one row. Out: the row as it would be in force, or what is wrong with it, with
//! pointers below the row. Knows nothing of: other rows, users, the store.

use annunciator_api_types::FieldError;
use annunciator_planner::{IncidentMapping, IncidentSettings, Subscription};
use annunciator_settings::{Problem, Rules, SettingValue};
use serde_json::{Map, Value};

use crate::snapshot::find_incident_problems;

/// A subscription as it would be in force.
///
/// # Errors
/// Everything that a save would refuse.
pub(super) fn subscription(settings: &Map<String, Value>) -> Result<Subscription, Vec<FieldError>> {
    let mut errors = Vec::new();
    let row: Subscription = match read(settings) {
        Ok(row) => row,
        Err(found) => {
            // The rest is looked at all the same, so that all is told at once.
            let mut rest = settings.clone();
            found.iter().for_each(|error| drop(rest.remove(first(error))));
            errors = found;
            let Ok(row) = read(&rest) else { return Err(errors) };
            row
        }
    };
    let subscriptions = vec![row.clone()];
    let settings = IncidentSettings { subscriptions, ..IncidentSettings::default() };
    let found = check("subscriptions", &settings).err().unwrap_or_default();
    let is_new = |one: &FieldError| !errors.iter().any(|known| first(known) == first(one));
    let found: Vec<_> = found.into_iter().filter(is_new).collect();
    errors.extend(found);
    if errors.is_empty() { Ok(row) } else { Err(errors) }
}

/// The setting that an error is about.
fn first(error: &FieldError) -> &str {
    error.pointer.split('/').nth(1).unwrap_or_default()
}

/// A mapping as it would be in force.
///
/// # Errors
/// Everything that a save would refuse.
pub(super) fn mapping(settings: &Map<String, Value>) -> Result<IncidentMapping, Vec<FieldError>> {
    let row: IncidentMapping = read(settings)?;
    let mapping = vec![row.clone()];
    check("mapping", &IncidentSettings { mapping, ..IncidentSettings::default() })?;
    Ok(row)
}

fn read<T: SettingValue>(settings: &Map<String, Value>) -> Result<T, Vec<FieldError>> {
    let read = T::parse(&Value::Object(settings.clone()), &Rules::DEFAULT);
    read.map_err(|problems| problems.into_iter().map(to_error).collect())
}

fn to_error(problem: Problem) -> FieldError {
    FieldError::new(problem.pointer, problem.code, problem.detail)
}

fn check(list: &str, settings: &IncidentSettings) -> Result<(), Vec<FieldError>> {
    let above = format!("/{list}/0");
    let below = |mut problem: Problem| {
        if let Some(rest) = problem.pointer.strip_prefix(&above) {
            problem.pointer = rest.to_owned();
        }
        to_error(problem)
    };
    let errors: Vec<_> = find_incident_problems(settings).into_iter().map(below).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors_of<T>(read: Result<T, Vec<FieldError>>) -> Vec<(String, String)> {
        let errors = read.err().unwrap_or_default().into_iter();
        errors.map(|one| (one.pointer, one.code)).collect()
    }

    #[test]
    fn a_row_is_refused_as_a_save_would_with_pointers_below_it() {
        let check = |draft: &Value, expected: &[(&str, &str)]| {
            let found = errors_of(subscription(draft.as_object().unwrap()));
            let found: Vec<_> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!(found, expected, "{draft}");
        };
        check(&json!({"name": "A", "addresses": "a@x.example"}), &[]);
        check(&json!({"name": "A", "quiet_from": "22:00"}), &[("/quiet_until", "required")]);
        check(&json!({"name": "A", "delivery": "hourly"}), &[("/delivery", "one_of")]);
        check(&json!({"name": ""}), &[("/name", "required")]);
        // All at once: what cannot be read, and what does not fit.
        let wrong = json!({"name": "", "delivery": "hourly", "addresses": ["no one"],
            "quiet_from": "22:00"});
        check(
            &wrong,
            &[
                ("/delivery", "one_of"),
                ("/name", "required"),
                ("/quiet_until", "required"),
                ("/addresses/0", "format"),
            ],
        );
        let daily =
            json!({"name": "A", "delivery": "daily", "daily_at": "", "quiet_from": "22:00"});
        check(&daily, &[("/quiet_until", "required"), ("/daily_at", "required")]);
        let mapped = |draft: Value| errors_of(mapping(draft.as_object().unwrap()));
        assert_eq!(mapped(json!({"name": "a", "id": "/id", "detector_kind": "rule"})), []);
        let without = mapped(json!({"name": "a", "id": "", "detector_kind": "rule"}));
        assert_eq!(without, [("/id".to_owned(), "required".to_owned())]);
        let wrong = mapped(json!({"name": "a", "id": "/n", "detector_kind": "r", "items": "x"}));
        assert_eq!(wrong[0].0, "/items");
    }
}
