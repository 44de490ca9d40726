//! The settings document: one object per group and the overrides, into a configuration and back.
//!
//! In: JSON as an administrator writes it, or as the store keeps it (secrets sealed).
//! Out: [`Configuration`], or every problem with its pointer.
//! Failure: a document is taken whole or not at all.

mod order;
pub mod plan;
mod retype;
pub mod whole;

use std::collections::BTreeMap;

use annunciator_api_types::FieldError;
use annunciator_certificates::CertificateBook;
use annunciator_settings::{
    Definition, LayerGroup, find_misplaced, reference_markdown, rows_schema,
};
use serde_json::{Map, Value, json};

use crate::configuration::{Configuration, ServerLayer};
use crate::overrides_document;
use crate::secrets::Sealer;
use crate::snapshot::{SettingsBook, Snapshot, field_errors};
use retype::{Given, find_secrets_to_retype, secrets_of};

/// A group of the document.
pub struct Group {
    /// Its key.
    pub name: &'static str,
    /// What it is, for the reference page.
    pub doc: &'static str,
}

impl Group {
    /// Its settings, in the order of the reference page.
    #[must_use]
    pub fn definitions(&self) -> Vec<&'static Definition> {
        let layer = ServerLayer::default();
        let group = layer.groups().into_iter().find(|(name, _)| *name == self.name);
        group.map(|(_, group)| group.rows()).unwrap_or_default()
    }

    /// The JSON schema of each setting.
    #[must_use]
    pub fn schemas(&self) -> Map<String, Value> {
        rows_schema(&self.definitions())
    }

    /// The Markdown table of its settings.
    #[must_use]
    pub fn reference(&self) -> String {
        reference_markdown(&format!("{}.", self.name), self.definitions())
    }
}

/// The groups, in the order of the reference page; their settings are in [`ServerLayer`].
pub const GROUPS: &[Group] = &[
    Group {
        name: "email",
        doc: "Notifications by e-mail: which events, who is told, in which words, over which relay.",
    },
    Group {
        name: "sms",
        doc: "Notifications by SMS: mail to a gateway that turns each into an SMS.",
    },
    Group {
        name: "mail_notifier",
        doc: "Incidents by mail to those who subscribe to them: the sender, and a relay of its own.",
    },
    Group { name: "executable", doc: "Notifications that start an executable of yours." },
    Group {
        name: "incidents",
        doc: "Incidents of detectors: their statuses, and who is told of them.",
    },
    Group { name: "names", doc: "How names of servers are resolved, for every relay." },
    Group { name: "delivery", doc: "How long and how often deliveries are tried." },
    Group { name: "retention", doc: "How long finished events stay in the ledger." },
    Group { name: "console", doc: "Where people reach the console." },
];

/// A merge patch over the server-wide layer; the overrides stay as they are.
///
/// # Errors
/// Every field that is wrong.
pub fn merge(
    current: &Configuration,
    patch: &Map<String, Value>,
) -> Result<Configuration, Vec<FieldError>> {
    let next = lay_over(current, patch)?;
    let errors = find_secrets_to_retype(current, &next, Given::Patch(patch));
    if errors.is_empty() { Ok(next) } else { Err(errors) }
}

/// As [`merge`], for what is neither saved nor sent: secrets may stay, whoever would get them.
///
/// # Errors
/// Every field that is wrong.
pub fn lay_over(
    current: &Configuration,
    patch: &Map<String, Value>,
) -> Result<Configuration, Vec<FieldError>> {
    let mut next = current.clone();
    let patch = &whole::take_version(patch)?;
    let mut errors = check_names(patch);
    for (name, value) in patch {
        let groups = next.server.groups_mut();
        let Some((_, group)) = groups.into_iter().find(|(known, _)| known == name) else {
            continue;
        };
        if value.is_null() {
            group.clear();
        } else if let Some(fields) = value.as_object() {
            // Unknown names are told above; the rest of the group is looked at all the same.
            let mut problems = find_misplaced(&group.rows(), fields, false);
            problems.extend(group.patch(value).err().into_iter().flatten());
            errors.extend(field_errors(name, problems));
        }
    }
    if errors.is_empty() { Ok(next) } else { Err(errors) }
}

/// A whole document in place of the configuration; secrets given as `<secret>` stay.
///
/// # Errors
/// Every field that is wrong.
pub fn replace(
    current: &Configuration,
    document: &Map<String, Value>,
) -> Result<Configuration, Vec<FieldError>> {
    let is_override = |key: &String| overrides_document::KEYS.contains(&key.as_str());
    let groups: Map<String, Value> = document
        .iter()
        .filter(|(key, _)| !is_override(key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let mut errors = check_names(&groups);
    let mut next = Configuration { server: current.server.clone(), ..Configuration::default() };
    for (name, group) in next.server.groups_mut() {
        let Some(value) = groups.get(name).filter(|value| !value.is_null()) else {
            group.clear();
            continue;
        };
        let Some(fields) = value.as_object() else { continue };
        let mut problems = find_misplaced(&group.rows(), fields, false);
        problems.extend(group.replace_with(value).err().into_iter().flatten());
        errors.extend(field_errors(name, problems));
    }
    match overrides_document::read(document, &current.overrides) {
        Ok(overrides) => next.overrides = overrides,
        Err(found) => errors.extend(found),
    }
    if errors.is_empty() {
        errors = find_secrets_to_retype(current, &next, Given::Whole(document));
    }
    if errors.is_empty() { Ok(next) } else { Err(errors) }
}

/// Names that no group knows, with the nearest that one does.
fn check_names(patch: &Map<String, Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (name, value) in patch {
        let Some(group) = GROUPS.iter().find(|group| group.name == name) else {
            if overrides_document::KEYS.contains(&name.as_str()) {
                let detail = "is part of the whole document and not of a patch: give the whole \
                              document (`annunciator settings apply`)";
                errors.push(FieldError::new(format!("/{name}"), "misplaced", detail));
                continue;
            }
            let names: Vec<_> = GROUPS.iter().map(|group| group.name).collect();
            let elsewhere = find_group(name);
            errors.push(unknown(&format!("/{name}"), "group", name, &names, elsewhere));
            continue;
        };
        if value.is_null() {
            continue;
        }
        let Some(fields) = value.as_object() else {
            let detail = "must be an object with the settings of the group";
            errors.push(FieldError::new(format!("/{name}"), "type", detail));
            continue;
        };
        let known: Vec<_> = group.definitions().iter().map(|row| row.key).collect();
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let elsewhere = find_group(key);
            errors.push(unknown(&format!("/{name}/{key}"), "setting", key, &known, elsewhere));
        }
    }
    errors
}

/// The group that has a setting of that name.
fn find_group(key: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.definitions().iter().any(|row| row.key == key))
}

/// The error for a name that is not `known` here; `elsewhere` is a group that has a setting of that name.
pub(crate) fn unknown(
    pointer: &str,
    what: &str,
    name: &str,
    known: &[&str],
    elsewhere: Option<&Group>,
) -> FieldError {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(candidate, name), *candidate))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let remedy = match (elsewhere, nearest) {
        (Some(group), _) => format!("did you mean `{}.{name}`?", group.name),
        (None, Some((_, candidate))) => format!("did you mean `{candidate}`?"),
        (None, None) => format!("there are: {}", known.join(", ")),
    };
    let shown = annunciator_core::one_line(name, 100);
    FieldError::new(pointer, "unknown_field", format!("there is no {what} `{shown}`; {remedy}"))
}

/// The document for the store, secrets sealed.
#[must_use]
pub fn to_stored(configuration: &Configuration, sealer: &Sealer) -> String {
    let seal = |place: &str, clear: &str| sealer.seal(place, clear);
    let mut document = overrides_document::stored(&configuration.overrides, &seal);
    for (name, group) in configuration.server.groups() {
        let stored = group.stored(&mut |key, clear| seal(&place(name, key), clear));
        document.insert(name.to_owned(), Value::Object(stored));
    }
    Value::Object(document).to_string()
}

/// The configuration of a stored document.
///
/// # Errors
/// What is wrong with it: the store was damaged.
pub fn from_stored(document: &str, sealer: &Sealer) -> Result<Configuration, Vec<FieldError>> {
    // A secret that does not open is left out: the server starts, takes events, and its relay
    // says that the password is wrong until somebody types it again.
    let open = |place: &str, sealed: &str| {
        sealer.open_secret(place, sealed).unwrap_or_else(|error| {
            let setting = place.trim_start_matches("server/").replace('/', ".");
            tracing::error!(%setting, %error, "a secret is left out");
            String::new()
        })
    };
    read_stored(document, &open)
}

/// Reads a stored document; `open` gets the place of a secret and its sealed text.
fn read_stored(
    document: &str,
    open: &dyn Fn(&str, &str) -> String,
) -> Result<Configuration, Vec<FieldError>> {
    let document: Map<String, Value> = serde_json::from_str(document)
        .map_err(|error| vec![FieldError::new("", "syntax", error.to_string())])?;
    let mut errors = Vec::new();
    let mut configuration = Configuration::default();
    for (name, group) in configuration.server.groups_mut() {
        let Some(stored) = document.get(name) else { continue };
        let mut open = |key: &str, sealed: &str| Ok(open(&place(name, key), sealed));
        if let Err(problems) = group.restore(stored, &mut open) {
            errors.extend(field_errors(name, problems));
        }
    }
    match overrides_document::from_stored(&document, open) {
        Ok(overrides) => configuration.overrides = overrides,
        Err(found) => errors.extend(found),
    }
    if errors.is_empty() { Ok(configuration) } else { Err(errors) }
}

/// A stored document for showing: secrets masked.
#[must_use]
pub fn masked(document: &str) -> Map<String, Value> {
    // What a secret is does not matter here, only that there is one.
    let configuration = read_stored(document, &|_, _| "set".to_owned());
    configuration.map(|configuration| shown(&configuration)).unwrap_or_default()
}

/// What a sealed secret of the server-wide layer belongs to.
fn place(group: &str, key: &str) -> String {
    format!("server/{group}/{key}")
}

/// The whole document, secrets masked; groups that set nothing are left out.
#[must_use]
pub fn shown(configuration: &Configuration) -> Map<String, Value> {
    let mut document = Map::new();
    for (name, group) in configuration.server.groups() {
        if !group.is_empty() {
            document.insert(name.to_owned(), Value::Object(group.shown()));
        }
    }
    document.extend(overrides_document::shown(&configuration.overrides));
    document
}

/// Every value of every layer by its name: `email.port`, `policy/Plant A/type x: email.port`.
/// Secrets are masked.
#[must_use]
pub fn flat(configuration: &Configuration) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    let mut add = |place: &str, groups: Vec<(&'static str, &dyn LayerGroup)>| {
        for (name, group) in groups {
            for (key, value) in group.shown() {
                add_named(&mut values, format!("{place}{name}.{key}"), value);
            }
        }
    };
    add("", configuration.server.groups());
    for (owner, entry) in configuration.overrides.layers() {
        add(&format!("{}/{}: ", owner.id(), entry.words()), entry.content.groups());
    }
    overrides_document::add_flat(&configuration.overrides, &mut values);
    values
}

/// Adds a value; of a list whose items have names each item, so that a change names what it is
/// about.
fn add_named(values: &mut BTreeMap<String, Value>, name: String, value: Value) {
    match (names_of(&value), value) {
        (Some(names), Value::Array(items)) => {
            let named = names.into_iter().zip(items);
            values.extend(named.map(|(item, value)| (format!("{name}/{item}"), value)));
        }
        (_, value) => {
            values.insert(name, value);
        }
    }
}

/// The names of a list's items; none where not all have one.
fn names_of(value: &Value) -> Option<Vec<String>> {
    let name_of = |item: &Value| {
        let name = item.get("name").or_else(|| item.get("code"))?;
        Some(annunciator_core::one_line(name.as_str()?, 100))
    };
    let names: Option<Vec<_>> = value.as_array()?.iter().map(name_of).collect();
    names.filter(|names| !names.is_empty())
}

/// What a change changes, for the audit log and for a plan: per setting its value before and
/// after, secrets masked.
#[must_use]
pub fn difference(before: &Configuration, after: &Configuration) -> Map<String, Value> {
    let (old, new) = (flat(before), flat(after));
    let mut changes = Map::new();
    for name in old.keys().chain(new.keys()) {
        let value = |values: &BTreeMap<String, Value>| values.get(name).cloned();
        let (from, to) = (value(&old), value(&new));
        if from != to {
            changes.insert(name.clone(), json!({"from": from, "to": to}));
        }
    }
    let (old, new) = (secrets_of(before), secrets_of(after));
    for name in old.keys().chain(new.keys()) {
        if old.get(name) != new.get(name) {
            changes.insert(name.clone(), json!("changed"));
        }
    }
    for (name, from, to) in order::find_moves(before, after) {
        changes.insert(name, json!({"from": from, "to": to}));
    }
    changes
}

/// Settings whose value is the id of a certificate object.
const CERTIFICATE_KEYS: [&str; 3] = ["ca_certificates", "client_certificate", "dkim_key"];

/// The settings that use a certificate object, such as `email.client_certificate`.
#[must_use]
pub fn uses_of_certificate(configuration: &Configuration, id: &str) -> Vec<String> {
    let values = configuration.values_of(&CERTIFICATE_KEYS);
    values.into_iter().filter(|(_, value)| value == id).map(|(name, _)| name).collect()
}

/// What a check without a server found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What is wrong.
    pub errors: Vec<FieldError>,
    /// What only a server can tell: certificate objects are known by id there alone.
    pub warnings: Vec<FieldError>,
}

/// Codes of what only a server can tell.
const KNOWN_BY_SERVER: [&str; 2] = ["unknown_certificate", "executable"];

/// Checks a settings document without a server; nothing is stored and nobody is asked.
#[must_use]
pub fn check(document: &Map<String, Value>) -> Verdict {
    let book = SettingsBook::offline();
    let certificates = CertificateBook::default();
    let mut held = Vec::new();
    let compiled = whole::take_version(document).and_then(|mut document| {
        held = whole::stand_in_for_secrets(&mut document);
        let configuration = replace(&Configuration::default(), &document)?;
        Snapshot::check(book.channels(), &certificates, configuration, 0)
    });
    let found = compiled.err().unwrap_or_default();
    let (mut warnings, errors): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|error| KNOWN_BY_SERVER.contains(&error.code.as_str()));
    for warning in &mut warnings {
        let what = match warning.code.as_str() {
            "executable" => "may start this executable",
            _ => "has this certificate object",
        };
        warning.detail = format!(
            "only the server knows whether it {what}: it is looked at when the settings are saved"
        );
    }
    let words = "only the server knows whether it has this secret: it is looked up, or opened, \
                 when the settings are applied";
    let held = held.into_iter().map(|pointer| FieldError::new(pointer, "unknown_secret", words));
    warnings.extend(held);
    Verdict { errors, warnings }
}

/// A settings document into a snapshot, without a server.
///
/// # Errors
/// Everything that is wrong.
#[doc(hidden)]
pub fn compile(document: &Map<String, Value>) -> Result<Snapshot, Vec<FieldError>> {
    let book = SettingsBook::offline();
    let certificates = CertificateBook::default();
    let configuration = replace(&Configuration::default(), document)?;
    Snapshot::check(book.channels(), &certificates, configuration, 0)
}

/// The groups and their settings, in the order of the reference page.
#[must_use]
pub fn order() -> Vec<(&'static str, Vec<&'static str>)> {
    let keys = |group: &Group| group.definitions().into_iter().map(|row| row.key).collect();
    GROUPS.iter().map(|group| (group.name, keys(group))).collect()
}

#[cfg(test)]
mod tests;
