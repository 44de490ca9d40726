//! Two configurations into the changes between them, one line per name.
//!
//! Out: names as of [`flat`], with their values before and after, secrets masked; owners and
//! entries that come or go have a line of their own.

use std::collections::{BTreeMap, BTreeSet};

use annunciator_api_types::SettingChange;
use annunciator_planner::Owner;
use serde_json::{Value, json};

use super::flat;
use super::order::{find_moves, is_moved};
use super::retype::secrets_of;
use crate::configuration::Configuration;

/// What a change changes; empty only when the configurations are equal.
#[must_use]
pub fn plan(before: &Configuration, after: &Configuration) -> Vec<SettingChange> {
    let (old, new) = (named(before), named(after));
    let (old_secrets, new_secrets) = (secrets_of(before), secrets_of(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let (from, to) = (old.get(name), new.get(name));
        // Masks are equal; what they hide may not be.
        if from == to && old_secrets.get(name) == new_secrets.get(name) {
            continue;
        }
        let value = |value: Option<&Value>| value.cloned().unwrap_or_default();
        changes.push(SettingChange { name: name.clone(), from: value(from), to: value(to) });
    }
    let moves = find_moves(before, after).into_iter();
    changes.extend(moves.map(|(name, from, to)| SettingChange { name, from, to }));
    let (from, to) = (order_of(before), order_of(after));
    if is_moved(&from, &to) || (changes.is_empty() && before != after) {
        let (from, to) = (json!(from), json!(to));
        changes.push(SettingChange { name: "order of entries".to_owned(), from, to });
    }
    changes
}

/// [`flat`] with a name for each owner and entry, and without what an entry does not set.
fn named(configuration: &Configuration) -> BTreeMap<String, Value> {
    let mut values = flat(configuration);
    values.retain(|name, value| {
        let is_unset = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        !(is_unset && (name.ends_with(": locked") || name.ends_with(": storage_term_days")))
    });
    for owned in &configuration.overrides.owned {
        if !matches!(owned.owner, Owner::EventConfiguration { .. }) {
            values.insert(owned.owner.id(), true.into());
        }
    }
    values.extend(order_of(configuration).into_iter().map(|name| (name, true.into())));
    values
}

/// The entries by their names, in the order in which they are looked at.
fn order_of(configuration: &Configuration) -> Vec<String> {
    let layers = configuration.overrides.layers();
    layers.map(|(owner, entry)| format!("{}/{}", owner.id(), entry.words())).collect()
}
