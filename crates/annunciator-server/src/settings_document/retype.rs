//! The secrets of a configuration, and those that must be typed again before a change is saved.
//!
//! In: the configurations before and after a change, and what somebody gave. Out: the secrets that
//! would go along untouched although the names of their servers are resolved in another way.

use std::collections::BTreeMap;

use annunciator_api_types::FieldError;
use annunciator_channels::NamesSettings;
use annunciator_settings::{LayerGroup, Origin, SECRET_MASK, SettingsGroup as _};
use serde_json::{Map, Value};

use crate::configuration::Configuration;
use crate::overrides_document::{identity, pointers_of_layers};

/// Most secrets that one answer names.
const PROBLEMS_MAX: usize = 100;

/// What was given.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    /// Some settings of the server-wide layer.
    Patch(&'a Map<String, Value>),
    /// A whole document.
    Whole(&'a Map<String, Value>),
}

/// Secrets that stay while names are resolved in another way: whoever answers for a name says
/// which server gets the secret, and a trust anchor says whom DANE verifies (spec 8, 10.3).
pub(super) fn find_secrets_to_retype(
    before: &Configuration,
    after: &Configuration,
    given: Given<'_>,
) -> Vec<FieldError> {
    let policy = |configuration: &Configuration| {
        let names = &configuration.server.names;
        NamesSettings::resolve(&[(Origin::Server, names)]).values.to_policy()
    };
    if policy(before) == policy(after) {
        return Vec::new();
    }
    let mut old = BTreeMap::new();
    for_each_secret(before, &mut |secret| {
        old.insert(secret.identity(), secret.clear.to_owned());
    });
    let pointers = pointers_of_layers(&after.overrides);
    let mut errors = Vec::new();
    for_each_secret(after, &mut |secret| {
        let above = secret.layer.map_or("", |layer| &pointers[layer]);
        let pointer = format!("{above}/{}/{}", secret.group, secret.key);
        let is_kept = old.get(&secret.identity()).is_some_and(|old| old == secret.clear);
        if is_kept && !is_typed(given, &pointer) && errors.len() < PROBLEMS_MAX {
            errors.push(FieldError::new(pointer, "retype", remedy(given, secret.layer.is_some())));
        }
    });
    errors
}

/// Whether somebody typed the secret at a pointer, even if it is the same as before.
fn is_typed(given: Given<'_>, pointer: &str) -> bool {
    let (Given::Patch(document) | Given::Whole(document)) = given;
    // Neither the keys of a document nor the places in its lists need an escape.
    let (key, rest) = pointer[1..].split_once('/').unwrap_or((&pointer[1..], ""));
    let typed = document.get(key).and_then(|value| value.pointer(&format!("/{rest}")));
    typed.and_then(Value::as_str).is_some_and(|text| text != SECRET_MASK)
}

fn remedy(given: Given<'_>, is_override: bool) -> &'static str {
    match given {
        Given::Patch(_) if is_override => {
            "the resolution of names changes, and with it may the server that gets this: a patch \
             cannot hold it, so use `annunciator settings apply` with the passwords typed again"
        }
        _ => {
            "the resolution of names changes, and with it may the server that gets this: type it \
             again, or clear it with null"
        }
    }
}

/// A secret in clear, and where it stands.
struct Held<'a> {
    /// The position of its layer among the overrides; none for the server-wide layer.
    layer: Option<usize>,
    /// What stands in front of its setting's name in [`super::flat`].
    place: &'a str,
    /// What its entry is known by, wherever it stands in the document.
    entry: &'a str,
    group: &'static str,
    key: &'static str,
    clear: &'a str,
}

impl Held<'_> {
    /// What tells it from every other secret.
    fn identity(&self) -> (String, &'static str, &'static str) {
        (self.entry.to_owned(), self.group, self.key)
    }
}

fn for_each_secret(configuration: &Configuration, visit: &mut dyn FnMut(Held<'_>)) {
    let mut look =
        |layer, place: &str, entry: &str, groups: Vec<(&'static str, &dyn LayerGroup)>| {
            for (group, values) in groups {
                for (key, clear) in values.secrets() {
                    visit(Held { layer, place, entry, group, key, clear });
                }
            }
        };
    look(None, "", "", configuration.server.groups());
    for (at, (owner, entry)) in configuration.overrides.layers().enumerate() {
        let place = format!("{}/{}: ", owner.id(), entry.words());
        look(Some(at), &place, &identity(owner, entry), entry.content.groups());
    }
}

/// The secrets of all layers in clear, by the names of [`super::flat`].
pub(super) fn secrets_of(configuration: &Configuration) -> BTreeMap<String, String> {
    let mut secrets = BTreeMap::new();
    for_each_secret(configuration, &mut |secret| {
        let name = format!("{}{}.{}", secret.place, secret.group, secret.key);
        secrets.insert(name, secret.clear.to_owned());
    });
    secrets
}
