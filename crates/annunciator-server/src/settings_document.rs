//! The settings document: one object per group, into the typed layer and back.
//!
//! In: JSON as an administrator writes it, or as the store keeps it (secrets sealed).
//! Out: [`ServerLayer`], or every problem with its pointer.
//! Failure: a document is taken whole or not at all.

use std::sync::Arc;

use annunciator_api_types::FieldError;
use annunciator_certificates::CertificateBook;
use annunciator_channels::{MemoryKeeper, NamesLayer, NamesSettings, RelayLayer};
use annunciator_planner::NotifyLayer;
use annunciator_settings::{
    Definition, Origin, Problem, SECRET_MASK, SettingsGroup as _, SettingsLayer, group_schema,
    reference_markdown,
};
use serde_json::{Map, Value, json};

use crate::dispatcher::settings::DeliveryLayer;
use crate::secrets::Sealer;
use crate::snapshot::{ServerLayer, SettingsBook, Snapshot, field_errors};
use crate::upkeep::RetentionLayer;

/// A group of the document.
pub struct Group {
    /// Its key.
    pub name: &'static str,
    /// What it is, for the reference page.
    pub doc: &'static str,
    /// Its settings, by the types that hold them.
    parts: &'static [fn() -> &'static [Definition]],
}

impl Group {
    /// Its settings, in the order of the reference page.
    pub fn definitions(&self) -> impl Iterator<Item = &'static Definition> {
        self.parts.iter().flat_map(|part| part())
    }

    /// The JSON schema of each setting.
    #[must_use]
    pub fn schemas(&self) -> Map<String, Value> {
        let mut schemas = Map::new();
        for part in self.parts {
            if let Value::Object(properties) = group_schema(part())["properties"].take() {
                schemas.extend(properties);
            }
        }
        schemas
    }

    /// The Markdown table of its settings.
    #[must_use]
    pub fn reference(&self) -> String {
        reference_markdown(&format!("{}.", self.name), self.definitions())
    }
}

/// The groups, in the order of the reference page. A group not listed here is not settable.
pub const GROUPS: &[Group] = &[
    Group {
        name: "email",
        doc: "Notifications by e-mail: which events, who is told, in which words, over which relay.",
        parts: &[NotifyLayer::definitions, RelayLayer::definitions],
    },
    Group {
        name: "names",
        doc: "How names of servers are resolved, for every relay.",
        parts: &[NamesLayer::definitions],
    },
    Group {
        name: "delivery",
        doc: "How long and how often deliveries are tried.",
        parts: &[DeliveryLayer::definitions],
    },
    Group {
        name: "retention",
        doc: "How long finished events stay in the ledger.",
        parts: &[RetentionLayer::definitions],
    },
];

/// A merge patch over a layer.
///
/// # Errors
/// Every field that is wrong.
pub fn merge(
    layer: &ServerLayer,
    patch: &Map<String, Value>,
) -> Result<ServerLayer, Vec<FieldError>> {
    let mut next = layer.clone();
    let mut errors = check_names(patch);
    for (name, value) in patch {
        if value.is_null() {
            clear_group(&mut next, name);
            continue;
        }
        if !value.is_object() {
            continue;
        }
        let mut keep = |problems: Result<(), Vec<Problem>>| {
            if let Err(problems) = problems {
                errors.extend(field_errors(name, problems));
            }
        };
        // Unknown names are told above; the rest of the group is looked at all the same.
        match name.as_str() {
            "email" => {
                keep(next.email_notify.merge_patch(&only::<NotifyLayer>(value)));
                keep(next.email_relay.merge_patch(&only::<RelayLayer>(value)));
            }
            "names" => keep(next.names.merge_patch(&only::<NamesLayer>(value))),
            "delivery" => keep(next.delivery.merge_patch(&only::<DeliveryLayer>(value))),
            "retention" => keep(next.retention.merge_patch(&only::<RetentionLayer>(value))),
            _ => {}
        }
    }
    if errors.is_empty() {
        errors = find_secrets_to_retype(layer, &next, patch);
    }
    if errors.is_empty() { Ok(next) } else { Err(errors) }
}

/// Secrets that stay while names are resolved in another way: whoever answers for a name says
/// which server gets the secret, and a trust anchor says whom DANE verifies (spec 8, 10.3).
fn find_secrets_to_retype(
    before: &ServerLayer,
    after: &ServerLayer,
    patch: &Map<String, Value>,
) -> Vec<FieldError> {
    let policy = |layer: &ServerLayer| {
        NamesSettings::resolve(&[(Origin::Server, &layer.names)]).values.to_policy()
    };
    if policy(before) == policy(after) {
        return Vec::new();
    }
    let clear = |layer: &ServerLayer| layer.email_relay.to_stored_json(&mut |_, text| text.into());
    let (old, new) = (clear(before), clear(after));
    let stays = |row: &&Definition| {
        let typed = patch.get("email").and_then(|email| email[row.key].as_str());
        let is_typed = typed.is_some_and(|text| text != SECRET_MASK);
        let is_set = new[row.key].as_str().is_some_and(|text| !text.is_empty());
        row.is_secret() && is_set && old[row.key] == new[row.key] && !is_typed
    };
    let words = "the resolution of names changes, and with it may the server that gets this: type \
                 it again, or clear it with null";
    let error = |row: &Definition| FieldError::new(format!("/email/{}", row.key), "retype", words);
    RelayLayer::definitions().iter().filter(stays).map(error).collect()
}

fn clear_group(layer: &mut ServerLayer, name: &str) {
    match name {
        "email" => {
            layer.email_notify = NotifyLayer::default();
            layer.email_relay = RelayLayer::default();
        }
        "names" => layer.names = NamesLayer::default(),
        "delivery" => layer.delivery = DeliveryLayer::default(),
        "retention" => layer.retention = RetentionLayer::default(),
        _ => {}
    }
}

/// Names that no group knows, with the nearest that one does.
fn check_names(patch: &Map<String, Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (name, value) in patch {
        let Some(group) = GROUPS.iter().find(|group| group.name == name) else {
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
        let known: Vec<_> = group.definitions().map(|row| row.key).collect();
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let elsewhere = find_group(key);
            errors.push(unknown(&format!("/{name}/{key}"), "setting", key, &known, elsewhere));
        }
    }
    errors
}

/// The group that has a setting of that name.
fn find_group(key: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.definitions().any(|row| row.key == key))
}

/// A name that is not `known` here; `elsewhere` is a group that has a setting of that name.
fn unknown(
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

/// The part of a group's object that a layer type knows.
fn only<L: SettingsLayer>(value: &Value) -> Value {
    let fields = value.as_object().cloned().unwrap_or_default();
    let known = L::definitions();
    let is_known = |key: &String| known.iter().any(|definition| definition.key == key);
    Value::Object(fields.into_iter().filter(|(key, _)| is_known(key)).collect())
}

/// The document for the store, secrets sealed.
#[must_use]
pub fn to_stored(layer: &ServerLayer, sealer: &Sealer) -> String {
    let mut seal = |key: &str, clear: &str| sealer.seal(&place(key), clear);
    let mut email = layer.email_notify.to_stored_json(&mut seal);
    let relay = layer.email_relay.to_stored_json(&mut seal);
    if let (Value::Object(email), Value::Object(relay)) = (&mut email, relay) {
        email.extend(relay);
    }
    json!({
        "email": email,
        "names": layer.names.to_json(),
        "delivery": layer.delivery.to_json(),
        "retention": layer.retention.to_json(),
    })
    .to_string()
}

/// The layer of a stored document.
///
/// # Errors
/// What is wrong with it: the store was damaged.
pub fn from_stored(document: &str, sealer: &Sealer) -> Result<ServerLayer, Vec<FieldError>> {
    let document: Value = serde_json::from_str(document)
        .map_err(|error| vec![FieldError::new("", "syntax", error.to_string())])?;
    // A secret that does not open is left out: the server starts, takes events, and its relay
    // says that the password is wrong until somebody types it again.
    let mut open = |key: &str, sealed: &str| {
        let opened = sealer.open_secret(&place(key), sealed);
        Ok(opened.unwrap_or_else(|error| {
            tracing::error!(setting = %format!("email.{key}"), %error, "a secret is left out");
            String::new()
        }))
    };
    let mut errors = Vec::new();
    let empty = json!({});
    let email = document.get("email").unwrap_or(&empty);
    let layer = ServerLayer {
        email_notify: read("email", &only::<NotifyLayer>(email), &mut open, &mut errors),
        email_relay: read("email", &only::<RelayLayer>(email), &mut open, &mut errors),
        names: read("names", document.get("names").unwrap_or(&empty), &mut open, &mut errors),
        delivery: read(
            "delivery",
            document.get("delivery").unwrap_or(&empty),
            &mut open,
            &mut errors,
        ),
        retention: read(
            "retention",
            document.get("retention").unwrap_or(&empty),
            &mut open,
            &mut errors,
        ),
    };
    if errors.is_empty() { Ok(layer) } else { Err(errors) }
}

fn read<L: SettingsLayer>(
    group: &str,
    stored: &Value,
    open: &mut dyn FnMut(&str, &str) -> Result<String, String>,
    errors: &mut Vec<FieldError>,
) -> L {
    L::from_stored_json(stored, open).unwrap_or_else(|problems| {
        errors.extend(field_errors(group, problems));
        L::default()
    })
}

/// What a sealed secret belongs to.
fn place(key: &str) -> String {
    format!("server/email/{key}")
}

/// A stored document for showing: secrets masked.
#[must_use]
pub fn masked(document: &str) -> Map<String, Value> {
    let Ok(Value::Object(mut groups)) = serde_json::from_str(document) else {
        return Map::new();
    };
    for group in GROUPS {
        let Some(Value::Object(fields)) = groups.get_mut(group.name) else { continue };
        for definition in group.definitions().filter(|row| row.is_secret()) {
            if let Some(value) = fields.get_mut(definition.key) {
                *value = SECRET_MASK.into();
            }
        }
    }
    groups
}

/// What a change changes, for the audit log: per setting its value before and after, secrets
/// masked.
#[must_use]
pub fn difference(before: &ServerLayer, after: &ServerLayer) -> Value {
    let (old, new) = (shown(before), shown(after));
    let mut changes = Map::new();
    for group in GROUPS {
        for definition in group.definitions() {
            let key = definition.key;
            let (from, to) = (&old[group.name][key], &new[group.name][key]);
            if from != to {
                changes.insert(format!("{}.{key}", group.name), json!({"from": from, "to": to}));
            }
        }
    }
    let clear = |layer: &ServerLayer| layer.email_relay.to_stored_json(&mut |_, text| text.into());
    let (old, new) = (clear(before), clear(after));
    for definition in RelayLayer::definitions().iter().filter(|row| row.is_secret()) {
        if old[definition.key] != new[definition.key] {
            changes.insert(format!("email.{}", definition.key), json!("changed"));
        }
    }
    Value::Object(changes)
}

fn shown(layer: &ServerLayer) -> Value {
    let mut email = layer.email_notify.to_json();
    if let (Value::Object(email), Value::Object(relay)) = (&mut email, layer.email_relay.to_json())
    {
        email.extend(relay);
    }
    json!({
        "email": email,
        "names": layer.names.to_json(),
        "delivery": layer.delivery.to_json(),
        "retention": layer.retention.to_json(),
    })
}

/// Settings whose value is the id of a certificate object.
const CERTIFICATE_KEYS: [&str; 3] = ["ca_certificates", "client_certificate", "dkim_key"];

/// The settings of a layer that use a certificate object, such as `email.client_certificate`.
#[must_use]
pub fn uses_of_certificate(layer: &ServerLayer, id: &str) -> Vec<String> {
    let shown = shown(layer);
    let mut uses = Vec::new();
    for group in GROUPS {
        for key in CERTIFICATE_KEYS {
            if shown[group.name][key] == id {
                uses.push(format!("{}.{key}", group.name));
            }
        }
    }
    uses
}

/// Whether a layer holds a secret that goes to a server.
#[must_use]
pub fn holds_secret(layer: &ServerLayer) -> bool {
    let clear = layer.email_relay.to_stored_json(&mut |_, text| text.into());
    let is_set = |row: &&Definition| clear[row.key].as_str().is_some_and(|text| !text.is_empty());
    RelayLayer::definitions().iter().filter(|row| row.is_secret()).any(|row| is_set(&row))
}

/// What a check without a server found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What is wrong.
    pub errors: Vec<FieldError>,
    /// What only a server can tell: certificate objects are known by id there alone.
    pub warnings: Vec<FieldError>,
}

/// Checks a settings document without a server; nothing is stored and nobody is asked.
#[must_use]
pub fn check(document: &Map<String, Value>) -> Verdict {
    let book = SettingsBook::new("localhost", &(Arc::new(MemoryKeeper::default()) as _));
    let compiled = merge(&ServerLayer::default(), document)
        .and_then(|layer| Snapshot::check(book.channels(), &CertificateBook::default(), layer, 0));
    let found = compiled.err().unwrap_or_default();
    let (mut warnings, errors): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|error| error.code == "unknown_certificate");
    for warning in &mut warnings {
        warning.detail =
            "only the server knows whether it has this certificate object: it is looked up when \
             the settings are saved"
                .to_owned();
    }
    Verdict { errors, warnings }
}

#[cfg(test)]
mod tests;
