//! A change of many overrides at once into a new configuration.
//!
//! In: the request. Out: the configuration with every target changed, and where each target stands
//! in its document, so that problems found there are told with pointers into the request.
//! Knows nothing of: stores, what settings mean.
//! Standard: RFC 7396 (merge patch), a setting's value taken whole.

use std::collections::{HashMap, HashSet};

use annunciator_api_types::{FieldError, OverrideChange, OwnerInput, TargetInput};
use annunciator_channels::ChannelLayers;
use annunciator_planner::{Entry, MatcherSet, Owner, Selector};
use serde_json::{Map, Value, json};

use crate::configuration::Configuration;
use crate::intake::json::push_key;
use crate::overrides_document::read_target;
use crate::settings_document::{self, unknown};

/// Most targets of one change.
const TARGETS_MAX: usize = 10_000;
/// Most problems that one answer names.
const PROBLEMS_MAX: usize = 100;
/// Keys of an entry that say which events it is for.
const TARGET_KEYS: [&str; 3] = ["type", "severity", "conditions"];

/// What an entry is found by: its events, and the fingerprint of its conditions.
type EntryKey = (Selector, Option<u64>);

/// A change that was read.
#[derive(Debug)]
pub(super) struct Order {
    owner: Owner,
    targets: Vec<Target>,
    /// The merge patch; nothing to clear.
    change: Option<Map<String, Value>>,
    /// Other conditions, an empty list for none.
    conditions: Option<Value>,
}

#[derive(Debug)]
struct Target {
    key: EntryKey,
    /// Its row of the document, with the keys of [`TARGET_KEYS`].
    row: Map<String, Value>,
}

/// Where the targets stand in the document that was made.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<String, usize>);

impl Order {
    /// Reads a request.
    ///
    /// # Errors
    /// Everything that is wrong but for the values of settings.
    pub(super) fn read(
        request: OverrideChange,
        configuration: &Configuration,
    ) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let owner =
            read_owner(&request.owner, request.application.as_ref(), configuration, &mut errors);
        let targets = read_targets(request.targets, &mut errors);
        match (&request.change, request.use_administration_server_settings) {
            (Some(_), true) => {
                let detail = "give this or `change`, not both";
                let pointer = "/use_administration_server_settings";
                errors.push(FieldError::new(pointer, "conflict", detail));
            }
            (None, false) if request.conditions.is_none() => {
                let detail = "must be given: what to set; or clear the overrides with \
                              `use_administration_server_settings`";
                errors.push(FieldError::new("/change", "required", detail));
            }
            _ => {}
        }
        errors.extend(request.change.iter().flat_map(find_unknown_names));
        errors.extend(request.conditions.iter().flat_map(check_conditions));
        errors.truncate(PROBLEMS_MAX);
        let (conditions, clears) = (request.conditions, request.use_administration_server_settings);
        let change = (!clears).then(|| request.change.unwrap_or_default());
        match owner {
            Some(owner) if errors.is_empty() => Ok(Self { owner, targets, change, conditions }),
            _ => Err(errors),
        }
    }

    /// The application that it is about.
    pub(super) fn application(&self) -> &str {
        self.owner.application()
    }

    /// Whether overrides are cleared.
    pub(super) fn clears(&self) -> bool {
        self.change.is_none()
    }

    /// The event types among the targets, with the targets' positions.
    pub(super) fn types(&self) -> impl Iterator<Item = (usize, &str)> {
        self.targets.iter().enumerate().filter_map(|(at, target)| match &target.key.0 {
            Selector::Type(code) => Some((at, code.as_str())),
            _ => None,
        })
    }

    /// The configuration with all targets changed, and where they stand now.
    pub(super) fn apply(
        &self,
        current: &Configuration,
    ) -> (Result<Configuration, Vec<FieldError>>, Places) {
        let mut document = settings_document::shown(current);
        let places = self.edit(&mut document, current);
        (settings_document::replace(current, &document), places)
    }

    fn edit(&self, document: &mut Map<String, Value>, current: &Configuration) -> Places {
        let (key, owner_at) = place_of(&self.owner, document);
        let above = match owner_at {
            Some(at) => format!("/{key}/{at}/events"),
            None => format!("/{key}"),
        };
        let (rows, others) = match owner_at {
            Some(at) => (take_list(&mut document[key][at]["events"]), Vec::new()),
            // Event configurations of all applications share one list.
            None => {
                let list = document.entry(key).or_insert_with(|| json!([]));
                let is_own = |row: &Value| row["application"] == self.application();
                take_list(list).into_iter().partition(is_own)
            }
        };
        let (rows, targets) = self.change_rows(rows, current);
        let mut places = HashMap::new();
        for (at, target) in targets.into_iter().enumerate() {
            let pointer = format!("{above}/{}", others.len() + at);
            places.extend(target.map(|target| (pointer, target)));
        }
        let is_empty = rows.is_empty();
        let rows: Vec<Value> = others.into_iter().chain(rows).collect();
        match owner_at {
            // Application settings that set nothing are none.
            Some(at) if is_empty && matches!(self.owner, Owner::Application { .. }) => {
                document[key].as_array_mut().expect("a list of owners").remove(at);
            }
            Some(at) => document[key][at]["events"] = rows.into(),
            None => document[key] = rows.into(),
        }
        Places(places)
    }

    /// The rows of the owner as they are to be, and for each the target that it is.
    fn change_rows(
        &self,
        rows: Vec<Value>,
        current: &Configuration,
    ) -> (Vec<Value>, Vec<Option<usize>>) {
        let known: HashMap<EntryKey, usize> =
            entries_of(&self.owner, current).enumerate().map(|(at, e)| (key_of(e), at)).collect();
        let mut rows: Vec<(Option<Value>, Option<usize>)> =
            rows.into_iter().map(|row| (Some(row), None)).collect();
        for (position, target) in self.targets.iter().enumerate() {
            let at = known.get(&target.key).copied();
            let before = at.and_then(|at| rows[at].0.take());
            let before = before.unwrap_or_else(|| self.new_row(target));
            let mut after = self.change.as_ref().and_then(|change| lay_over(before, change));
            if let (Some(row), Some(conditions)) = (&mut after, &self.conditions) {
                row["conditions"] = conditions.clone();
            }
            match at {
                Some(at) => rows[at] = (after, Some(position)),
                None => rows.push((after, Some(position))),
            }
        }
        rows.into_iter().filter_map(|(row, target)| Some((row?, target))).unzip()
    }

    fn new_row(&self, target: &Target) -> Value {
        let mut row = target.row.clone();
        if let Owner::EventConfiguration { application } = &self.owner {
            row.insert("application".to_owned(), json!(application));
        }
        row.into()
    }
}

fn check_conditions(conditions: &Value) -> Vec<FieldError> {
    let row = Map::from_iter([("conditions".to_owned(), conditions.clone())]);
    read_target(&row).err().unwrap_or_default()
}

/// Names of a merge patch that no entry knows. What is cleared must exist too.
fn find_unknown_names(change: &Map<String, Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let layers = ChannelLayers::default();
    let groups = layers.groups();
    let channels = groups.iter().map(|(name, _)| *name);
    let known: Vec<&str> = channels.chain(["storage_term_days", "locked"]).collect();
    for (key, value) in change {
        let mut pointer = "/change".to_owned();
        push_key(&mut pointer, key);
        if TARGET_KEYS.contains(&key.as_str()) {
            let detail = "says which events are meant: put it into `targets`";
            errors.push(FieldError::new(pointer, "misplaced", detail));
            continue;
        }
        if !known.contains(&key.as_str()) {
            errors.push(unknown(&pointer, "setting", key, &known, None));
            continue;
        }
        let Some((_, group)) = groups.iter().find(|(name, _)| name == key) else { continue };
        let rows: Vec<&str> = group.rows().iter().map(|row| row.key).collect();
        for key in value.as_object().into_iter().flat_map(Map::keys) {
            if !rows.contains(&key.as_str()) {
                let mut pointer = pointer.clone();
                push_key(&mut pointer, key);
                errors.push(unknown(&pointer, "setting", key, &rows, None));
            }
        }
    }
    errors
}

/// Lays a merge patch over an entry's row; nothing when it sets nothing any more.
fn lay_over(row: Value, change: &Map<String, Value>) -> Option<Value> {
    let Value::Object(mut row) = row else { return Some(row) };
    for (key, value) in change {
        match value {
            Value::Null => drop(row.remove(key)),
            // A channel: its settings one by one, each taken whole.
            Value::Object(settings) => {
                let group = row.entry(key).or_insert_with(|| json!({}));
                if let Some(group) = group.as_object_mut() {
                    for (key, value) in settings {
                        match value {
                            Value::Null => drop(group.remove(key)),
                            value => drop(group.insert(key.clone(), value.clone())),
                        }
                    }
                }
            }
            value => drop(row.insert(key.clone(), value.clone())),
        }
    }
    row.retain(|_, value| match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    });
    let says_which = |key: &String| TARGET_KEYS.contains(&key.as_str()) || key == "application";
    let sets = row.keys().any(|key| !says_which(key));
    sets.then_some(Value::Object(row))
}

fn key_of(entry: &Entry<ChannelLayers>) -> EntryKey {
    (entry.selector.clone(), entry.condition.as_ref().map(MatcherSet::fingerprint))
}

/// The entries of an owner, in the order of the document.
fn entries_of<'a>(
    owner: &'a Owner,
    configuration: &'a Configuration,
) -> impl Iterator<Item = &'a Entry<ChannelLayers>> {
    let layers = configuration.overrides.layers();
    layers.filter(move |(one, _)| one.id() == owner.id()).map(|(_, entry)| entry)
}

/// The list of the document that an owner stands in and its position there; it is added when it
/// is not there. Event configuration has rows instead of owners, and no position.
fn place_of(owner: &Owner, document: &mut Map<String, Value>) -> (&'static str, Option<usize>) {
    let (key, identity) = match owner {
        Owner::EventConfiguration { .. } => return ("event_configuration", None),
        Owner::Policy(policy) => ("policies", json!({"name": policy.name})),
        Owner::Application { application, device } => {
            ("application_settings", json!({"application": application, "device": device}))
        }
    };
    let fields = identity.as_object().into_iter().flatten();
    let is_owner = |row: &Value| fields.clone().all(|(key, value)| row[key] == *value);
    let list = document.entry(key).or_insert_with(|| json!([]));
    let list = list.as_array_mut().expect("written as a list");
    let at = list.iter().position(is_owner).unwrap_or_else(|| {
        list.push(identity.clone());
        list.len() - 1
    });
    (key, Some(at))
}

fn take_list(list: &mut Value) -> Vec<Value> {
    match list.take() {
        Value::Array(rows) => rows,
        _ => Vec::new(),
    }
}

/// The owner that an input means.
pub(super) fn read_owner(
    input: &OwnerInput,
    application: Option<&String>,
    configuration: &Configuration,
    errors: &mut Vec<FieldError>,
) -> Option<Owner> {
    let mut add = |pointer: &str, code: &str, detail: &str| {
        errors.push(FieldError::new(pointer, code, detail));
    };
    const NEEDED: &str = "must be given: the name that events carry";
    let named = application.filter(|name| !name.is_empty()).cloned();
    match (input.event_configuration, &input.policy, &input.application_settings) {
        (true, None, None) => match named {
            Some(application) => Some(Owner::EventConfiguration { application }),
            None => {
                add("/application", "required", NEEDED);
                None
            }
        },
        (false, None, Some(on)) => {
            if on.device.is_empty() {
                let detail = "must be given: a device's name";
                add("/owner/application_settings/device", "required", detail);
            }
            if named.is_none() {
                add("/application", "required", NEEDED);
            }
            Some(Owner::Application { application: named?, device: on.device.clone() })
        }
        (false, Some(name), None) => {
            let owners = configuration.overrides.owned.iter().map(|owned| &owned.owner);
            let mut policies = owners
                .filter(|owner| matches!(owner, Owner::Policy(policy) if policy.name == *name));
            let Some(owner) = policies.next() else {
                let detail = format!("there is no policy `{name}`: make it first");
                add("/owner/policy", "unknown_policy", &detail);
                return None;
            };
            if named.as_ref().is_some_and(|named| named != owner.application()) {
                let of = owner.application();
                let detail = format!("policy `{name}` is about `{of}`: leave this out");
                add("/application", "conflict", &detail);
            }
            Some(owner.clone())
        }
        _ => {
            let detail = "must be one of `event_configuration`: true, `policy`: a name, and \
                          `application_settings`: a device";
            add("/owner", "required", detail);
            None
        }
    }
}

fn read_targets(inputs: Vec<TargetInput>, errors: &mut Vec<FieldError>) -> Vec<Target> {
    if inputs.is_empty() || inputs.len() > TARGETS_MAX {
        let detail = format!("must be 1 to {TARGETS_MAX} rows; an empty row is for all events");
        errors.push(FieldError::new("/targets", "range", detail));
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut targets = Vec::new();
    for (at, input) in inputs.into_iter().enumerate() {
        let mut row = Map::new();
        row.extend(input.event_type.map(|code| ("type".to_owned(), code.into())));
        row.extend(input.severity.map(|word| ("severity".to_owned(), word.into())));
        row.extend(input.conditions.map(|rows| ("conditions".to_owned(), rows)));
        match read_target(&row) {
            Ok((selector, condition)) => {
                let key = (selector, condition.as_ref().map(MatcherSet::fingerprint));
                if !seen.insert(key.clone()) {
                    let detail = "is given twice: leave it out";
                    errors.push(FieldError::new(format!("/targets/{at}"), "duplicate", detail));
                }
                targets.push(Target { key, row });
            }
            Err(found) => errors.extend(found.into_iter().map(|mut error| {
                error.pointer.insert_str(0, &format!("/targets/{at}"));
                error
            })),
        }
    }
    targets
}

impl Places {
    /// The same problems with pointers into the request, those of all targets once.
    pub(super) fn translate(&self, errors: Vec<FieldError>) -> Vec<FieldError> {
        let mut seen = HashSet::new();
        let translated = errors.into_iter().map(|mut error| {
            error.pointer = self.pointer(&error.pointer).unwrap_or(error.pointer);
            error
        });
        translated
            .filter(|error| seen.insert((error.pointer.clone(), error.detail.clone())))
            .collect()
    }

    fn pointer(&self, pointer: &str) -> Option<String> {
        let cuts = pointer.match_indices('/').map(|(at, _)| at).chain([pointer.len()]);
        // The deepest row that holds the place.
        let cut = cuts.rev().find(|at| self.0.contains_key(&pointer[..*at]))?;
        let (target, rest) = (self.0[&pointer[..cut]], &pointer[cut..]);
        let key = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
        Some(match key {
            "application" => rest.to_owned(),
            key if key.is_empty() || TARGET_KEYS.contains(&key) => {
                format!("/targets/{target}{rest}")
            }
            _ => format!("/change{rest}"),
        })
    }
}
