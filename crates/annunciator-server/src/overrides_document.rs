//! The part of the settings document that overrides the server-wide settings, into owners and
//! entries and back (spec 6).
//!
//! In: the keys `groups`, `event_configuration`, `policies` and `application_settings` of a
//! document; an absent key sets nothing. Out: [`Overrides`], or every problem with its pointer.
//! Failure: a document is taken whole or not at all. A secret given as `<secret>` stays as it was
//! for the same owner, selector and conditions.

mod reader;

use std::collections::{BTreeMap, HashMap};

use annunciator_api_types::FieldError;
use annunciator_channels::ChannelLayers;
use annunciator_planner::{Entry, MatcherSet, Overrides, Owner, Place, Selector};
use annunciator_settings::LayerGroup;
use serde_json::{Map, Value, json};

use reader::{Reader, Secrets};

/// The keys of a document that this part reads.
pub const KEYS: [&str; 4] = ["groups", "event_configuration", "policies", "application_settings"];

type Layers = Overrides<ChannelLayers>;
type Group<'a> = (&'static str, &'a dyn LayerGroup);

/// Reads the part of a document; secrets that stay come from `previous`.
///
/// # Errors
/// Everything that is wrong.
pub fn read(document: &Map<String, Value>, previous: &Layers) -> Result<Layers, Vec<FieldError>> {
    Reader::read(document, Secrets::Typed(by_identity(previous)))
}

/// Reads the keys of an entry that say which events it is for: `type` or `severity`, `conditions`.
///
/// # Errors
/// Everything that is wrong, with pointers below the row.
pub fn read_target(
    row: &Map<String, Value>,
) -> Result<(Selector, Option<MatcherSet>), Vec<FieldError>> {
    Reader::read_target(row)
}

/// What secrets are looked up by: owner, selector and conditions of an entry.
pub fn identity<C>(owner: &Owner, entry: &Entry<C>) -> String {
    let condition = entry.condition.as_ref().map(MatcherSet::fingerprint);
    format!("{}/{}/{condition:?}", owner.id(), entry.selector)
}

fn by_identity(overrides: &Layers) -> HashMap<String, &ChannelLayers> {
    let layers = overrides.layers();
    layers.map(|(owner, entry)| (identity(owner, entry), &entry.content)).collect()
}

/// The part as a document, secrets masked.
#[must_use]
pub fn shown(overrides: &Layers) -> Map<String, Value> {
    write(overrides, &mut |_, (_, group)| group.shown())
}

/// The part as the store keeps it; `seal` gets the place of a secret and its clear text.
pub fn stored(overrides: &Layers, seal: &dyn Fn(&str, &str) -> String) -> Map<String, Value> {
    write(overrides, &mut |place, (name, group)| {
        group.stored(&mut |key, clear| seal(&format!("{place}/{name}/{key}"), clear))
    })
}

/// Reads what [`stored`] wrote; `open` gets the place of a secret and its sealed text.
///
/// # Errors
/// What is wrong with it: the store was damaged.
pub fn from_stored(
    document: &Map<String, Value>,
    open: &dyn Fn(&str, &str) -> String,
) -> Result<Layers, Vec<FieldError>> {
    Reader::read(document, Secrets::Sealed(open))
}

/// The part as a document; `group_json` gets the place of a group and what is set in it.
pub fn write(
    overrides: &Layers,
    group_json: &mut dyn FnMut(&str, Group<'_>) -> Map<String, Value>,
) -> Map<String, Value> {
    let mut document = Map::new();
    let mut push = |key: &str, row: Value| {
        let list = document.entry(key).or_insert_with(|| json!([]));
        list.as_array_mut().expect("made as a list").push(row);
    };
    for group in &overrides.groups {
        push("groups", group.as_str().into());
    }
    for owned in &overrides.owned {
        let mut events: Vec<Map<String, Value>> = owned
            .entries
            .iter()
            .map(|entry| write_entry(&identity(&owned.owner, entry), entry, group_json))
            .collect();
        match &owned.owner {
            Owner::EventConfiguration { application } => {
                for entry in &mut events {
                    let mut row = Map::from_iter([("application".to_owned(), json!(application))]);
                    row.append(entry);
                    push("event_configuration", row.into());
                }
            }
            Owner::Policy(policy) => {
                push(
                    "policies",
                    json!({
                        "name": policy.name, "application": policy.application, "group": policy.group,
                        "enabled": policy.enabled, "inherit": policy.inherit,
                        "force_children": policy.force_children, "events": events,
                    }),
                );
            }
            Owner::Application { application, device } => {
                let row = json!({"application": application, "device": device, "events": events});
                push("application_settings", row);
            }
        }
    }
    document
}

fn write_entry(
    place: &str,
    entry: &Entry<ChannelLayers>,
    group_json: &mut dyn FnMut(&str, Group<'_>) -> Map<String, Value>,
) -> Map<String, Value> {
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
    match &entry.selector {
        Selector::Type(code) => put("type", json!(code)),
        Selector::Severity(severity) => put("severity", json!(severity.as_str())),
        Selector::All => None,
    };
    if let Some(condition) = &entry.condition {
        put("conditions", condition.to_json());
    }
    if !entry.locked.is_empty() {
        put("locked", json!(entry.locked));
    }
    if let Some(days) = entry.storage_term_days {
        put("storage_term_days", json!(days));
    }
    for (name, group) in entry.content.groups().into_iter().filter(|(_, group)| !group.is_empty()) {
        put(name, Value::Object(group_json(place, (name, group))));
    }
    row
}

/// Adds what is no channel's setting to the values of a configuration by their names.
pub fn add_flat(overrides: &Layers, values: &mut BTreeMap<String, Value>) {
    for group in &overrides.groups {
        values.insert(format!("groups/{group}"), true.into());
    }
    for owned in &overrides.owned {
        let id = owned.owner.id();
        if let Owner::Policy(policy) = &owned.owner {
            for (key, value) in [
                ("application", json!(policy.application)),
                ("group", json!(policy.group)),
                ("enabled", json!(policy.enabled)),
                ("inherit", json!(policy.inherit)),
                ("force_children", json!(policy.force_children)),
            ] {
                values.insert(format!("{id}: {key}"), value);
            }
        }
        for entry in &owned.entries {
            let place = format!("{id}/{}", entry.words());
            values.insert(format!("{place}: locked"), json!(entry.locked));
            values.insert(format!("{place}: storage_term_days"), json!(entry.storage_term_days));
        }
    }
}

/// Where an owner or an entry stands in the document that [`shown`] writes.
#[must_use]
pub fn pointer_of(overrides: &Layers, place: Place) -> String {
    let mut found = String::new();
    for_each_owner(overrides, &mut |at, first, key, count| {
        let owned = &overrides.owned[at];
        match place {
            Place::Owner(wanted) if wanted == at => found = format!("/{key}/{count}"),
            Place::Layer(number) => {
                let entry = (number as usize).checked_sub(first);
                if let Some(entry) = entry.filter(|entry| *entry < owned.entries.len()) {
                    found = pointer_of_entry(&owned.owner, &format!("/{key}/{count}"), entry);
                }
            }
            Place::Owner(_) => {}
        }
    });
    found
}

/// Where every entry stands in the document that [`shown`] writes, by its number.
#[must_use]
pub fn pointers_of_layers(overrides: &Layers) -> Vec<String> {
    let mut pointers = Vec::new();
    for_each_owner(overrides, &mut |at, _, key, count| {
        let owned = &overrides.owned[at];
        let owner = format!("/{key}/{count}");
        let entries = 0..owned.entries.len();
        pointers.extend(entries.map(|entry| pointer_of_entry(&owned.owner, &owner, entry)));
    });
    pointers
}

fn pointer_of_entry(owner: &Owner, pointer: &str, entry: usize) -> String {
    match owner {
        Owner::EventConfiguration { .. } => pointer.to_owned(),
        _ => format!("{pointer}/events/{entry}"),
    }
}

/// Visits the owners: position, number of the first entry, key of the list and place in it.
fn for_each_owner(overrides: &Layers, visit: &mut dyn FnMut(usize, usize, &'static str, usize)) {
    let mut counts: HashMap<&'static str, usize> = HashMap::new();
    let mut first = 0;
    for (at, owned) in overrides.owned.iter().enumerate() {
        let key = match owned.owner {
            Owner::EventConfiguration { .. } => "event_configuration",
            Owner::Policy(_) => "policies",
            Owner::Application { .. } => "application_settings",
        };
        let count = counts.entry(key).or_default();
        visit(at, first, key, *count);
        *count += 1;
        first += owned.entries.len();
    }
}

#[cfg(test)]
mod tests;
