//! Whole documents that leave the server and come back: their version, and their secrets masked or
//! sealed (ADR 0032).
//!
//! In: a configuration, or a document that somebody edited. Out: the document, or the
//! configuration that it asks for.
//! Failure: a sealed secret that does not open is refused with its pointer; a document is taken
//! whole or not at all.
//!
//! A sealed secret is bound to its place and to whatever decides which server gets it, as a stored
//! one is: who moves it elsewhere types it again (spec 4.3, 10.3).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use annunciator_api_types::FieldError;
use annunciator_certificates::CertificateBook;
use annunciator_channels::NamesSettings;
use annunciator_planner::{LayerNumber, Place};
use annunciator_settings::{LayerGroup, Origin, SEALED_PREFIX, SECRET_MASK, SettingsGroup as _};
use openssl::sha::Sha256;
use serde_json::{Map, Value, json};

use super::{CERTIFICATE_KEYS, place, read_stored, replace};
use crate::configuration::{Configuration, ServerLayer};
use crate::overrides_document;
use crate::secrets::{Sealer, to_hex};

/// Version of the document's form.
pub const VERSION: u64 = 1;
/// Its key.
pub const VERSION_KEY: &str = "version";
/// Most sealed secrets that one answer names.
const PROBLEMS_MAX: usize = 100;
/// Stands for a sealed secret while its document is read; the number of the secret follows.
const STAND_IN: &str = "\u{1}sealed ";

/// Opens and seals the secrets of documents.
pub struct DocumentSeal<'a> {
    /// The key.
    pub sealer: &'a Sealer,
    /// What a certificate object holds decides whom a server is believed to be.
    pub certificates: &'a CertificateBook,
}

/// A sealed secret of a document.
struct Sealed {
    pointer: String,
    text: String,
}

impl DocumentSeal<'_> {
    /// The whole document, secrets sealed; groups that set nothing are left out.
    #[must_use]
    pub fn write(&self, configuration: &Configuration) -> Map<String, Value> {
        let names = names_of(configuration);
        let seal = |place: &str, group: &dyn LayerGroup| {
            group.stored(&mut |key, clear| {
                let place = format!("{place}/{key}{}", self.binding(group, key, &names));
                self.sealer.seal_for_document(&place, clear)
            })
        };
        let overrides = &configuration.overrides;
        let mut document = overrides_document::write(overrides, &mut |place, (name, group)| {
            seal(&format!("{place}/{name}"), group)
        });
        for (name, group) in configuration.server.groups() {
            if !group.is_empty() {
                document.insert(name.to_owned(), seal(&place_of_group(name), group).into());
            }
        }
        document
    }

    /// The configuration that a whole document asks for: sealed secrets are opened, and those
    /// given as `<secret>` stay.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(
        &self,
        current: &Configuration,
        document: &Map<String, Value>,
    ) -> Result<Configuration, Vec<FieldError>> {
        let mut plain = take_version(document)?;
        let mut sealed = Vec::new();
        for_each_secret(&mut plain, "", &mut |pointer, value| {
            // A text that looks like a stand-in opens as little as any other.
            let is_sealed =
                |text: &&str| text.starts_with(SEALED_PREFIX) || text.starts_with(STAND_IN);
            if let Some(text) = value.as_str().filter(is_sealed) {
                let text = text.to_owned();
                *value = format!("{STAND_IN}{}", sealed.len()).into();
                sealed.push(Sealed { pointer, text });
            }
        });
        let mut next = replace(current, &plain)?;
        if sealed.is_empty() {
            return Ok(next);
        }
        let names = names_of(&next);
        let mut errors = Vec::new();
        for_each_group(&mut next, &mut |place, _, group| {
            if errors.len() < PROBLEMS_MAX {
                errors.extend(self.open_group(place, group, &names, &sealed));
            }
        });
        if errors.is_empty() { Ok(next) } else { Err(errors) }
    }

    /// Puts the sealed secrets of a group in clear; gives what does not open.
    fn open_group(
        &self,
        place: &str,
        group: &mut dyn LayerGroup,
        names: &Value,
        sealed: &[Sealed],
    ) -> Vec<FieldError> {
        let stand_ins: Vec<(&'static str, Option<&Sealed>)> = group
            .secrets()
            .into_iter()
            .filter_map(|(key, text)| Some((key, text.strip_prefix(STAND_IN)?)))
            .map(|(key, number)| (key, number.parse().ok().and_then(|at: usize| sealed.get(at))))
            .collect();
        let mut errors = Vec::new();
        for (key, sealed) in stand_ins {
            let place = format!("{place}/{key}{}", self.binding(group, key, names));
            let text = sealed.map_or("", |sealed| sealed.text.as_str());
            let opened = self.sealer.open_from_document(&place, text).ok();
            let is_set = opened.is_some_and(|clear| group.patch(&json!({ key: clear })).is_ok());
            if !is_set {
                let pointer = sealed.map_or("", |sealed| sealed.pointer.as_str());
                let detail = "this does not open: it was sealed with another key file, at another \
                              place, or for another server than is set here; type the secret, or \
                              write <secret> to leave the one that is saved";
                errors.push(FieldError::new(pointer, "sealed", detail));
            }
        }
        errors
    }

    /// What decides which server gets a secret, in a form that stays the same over versions:
    /// settings that hold their default are left out.
    fn binding(&self, group: &dyn LayerGroup, key: &str, names: &Value) -> String {
        let (rows, shown) = (group.rows(), group.shown());
        let unit = rows.iter().find(|row| row.key == key).and_then(|row| row.unit());
        let mut bound = BTreeMap::new();
        for row in rows.iter().filter(|row| row.binds_secrets() && row.unit() == unit) {
            let value = shown.get(row.key).filter(|value| Some(*value) != (row.default)().as_ref());
            if let Some(value) = value {
                bound.insert(row.key, self.bound_value(row.key, value));
            }
        }
        json!([bound, names]).to_string()
    }

    /// A setting's value; for a certificate object what it holds, not its name.
    fn bound_value(&self, key: &str, value: &Value) -> Value {
        let is_object = CERTIFICATE_KEYS.contains(&key);
        let id = value.as_str().filter(|_| is_object).unwrap_or_default();
        let Some(authorities) = self.certificates.authorities(id) else { return value.clone() };
        let mut digest = Sha256::new();
        for certificate in &authorities.certificates {
            digest.update(&certificate.len().to_be_bytes());
            digest.update(certificate);
        }
        to_hex(&digest.finish()).into()
    }
}

/// How names are resolved, without what holds its default.
fn names_of(configuration: &Configuration) -> Value {
    let resolved = NamesSettings::resolve(&[(Origin::Server, &configuration.server.names)]);
    let values = resolved.values.to_json();
    let rows = NamesSettings::definitions().iter();
    let set = rows.filter(|row| values.get(row.key) != (row.default)().as_ref());
    set.map(|row| (row.key.to_owned(), values[row.key].clone())).collect()
}

/// The place of a group of the server-wide layer.
fn place_of_group(name: &str) -> String {
    let place = place(name, "");
    place.trim_end_matches('/').to_owned()
}

/// The document without its version.
///
/// # Errors
/// It is of another version than ours.
pub fn take_version(document: &Map<String, Value>) -> Result<Map<String, Value>, Vec<FieldError>> {
    let mut document = document.clone();
    let words = match document.remove(VERSION_KEY) {
        None => return Ok(document),
        Some(version) if version == json!(VERSION) => return Ok(document),
        Some(version) => match version.as_u64() {
            Some(number) if number > VERSION => format!(
                "this document has version {number}, and this server knows version {VERSION}: \
                 use a newer server, or one of its own exports"
            ),
            _ => format!("must be {VERSION}, the version of the document's form"),
        },
    };
    Err(vec![FieldError::new(format!("/{VERSION_KEY}"), "version", words)])
}

/// Refuses a document that does not say its version: an empty or cut file would clear everything
/// that it leaves out.
///
/// # Errors
/// It has no version, or another than ours.
pub fn check_version(document: &Map<String, Value>) -> Result<(), Vec<FieldError>> {
    if document.contains_key(VERSION_KEY) {
        return take_version(document).map(drop);
    }
    let words = format!(
        "required: write {VERSION}, as an export does; it says that the document is whole, for \
         what it leaves out is cleared"
    );
    Err(vec![FieldError::new(format!("/{VERSION_KEY}"), "required", words)])
}

/// Puts texts in place of secrets that only a server can have; gives the pointers of those.
pub fn stand_in_for_secrets(document: &mut Map<String, Value>) -> Vec<String> {
    let mut pointers = Vec::new();
    for_each_secret(document, "", &mut |pointer, value| {
        let is_held = |text: &&str| *text == SECRET_MASK || text.starts_with(SEALED_PREFIX);
        if value.as_str().filter(is_held).is_some() {
            *value = STAND_IN.into();
            pointers.push(pointer);
        }
    });
    pointers
}

/// Visits the secrets of the groups of a document and of the rows below it.
fn for_each_secret(
    fields: &mut Map<String, Value>,
    pointer: &str,
    visit: &mut dyn FnMut(String, &mut Value),
) {
    let layer = ServerLayer::default();
    let groups = layer.groups();
    let mut secrets = BTreeMap::new();
    for (name, group) in &groups {
        let rows = group.rows().into_iter().filter(|row| row.is_secret());
        secrets.insert(*name, rows.map(|row| row.key).collect::<Vec<_>>());
    }
    visit_secrets(fields, pointer, &secrets, visit);
}

fn visit_secrets(
    fields: &mut Map<String, Value>,
    pointer: &str,
    secrets: &BTreeMap<&str, Vec<&str>>,
    visit: &mut dyn FnMut(String, &mut Value),
) {
    for (name, value) in fields {
        match value {
            Value::Object(group) => {
                for key in secrets.get(name.as_str()).into_iter().flatten() {
                    if let Some(secret) = group.get_mut(*key) {
                        visit(format!("{pointer}/{name}/{key}"), secret);
                    }
                }
            }
            Value::Array(rows) => {
                let rows = rows.iter_mut().map(Value::as_object_mut).enumerate();
                for (at, row) in rows.filter_map(|(at, row)| Some((at, row?))) {
                    visit_secrets(row, &format!("{pointer}/{name}/{at}"), secrets, visit);
                }
            }
            _ => {}
        }
    }
}

/// What looks at a group: its place, its layer (none for the server-wide one), and the group.
type Visit<'a> = dyn FnMut(&str, Option<LayerNumber>, &mut dyn LayerGroup) + 'a;

/// Visits the groups of all layers.
fn for_each_group(configuration: &mut Configuration, visit: &mut Visit<'_>) {
    for (name, group) in configuration.server.groups_mut() {
        visit(&place_of_group(name), None, group);
    }
    let mut number: LayerNumber = 0;
    for owned in &mut configuration.overrides.owned {
        for entry in &mut owned.entries {
            let place = overrides_document::identity(&owned.owner, entry);
            for (name, group) in entry.content.groups_mut() {
                visit(&format!("{place}/{name}"), Some(number), group);
            }
            number += 1;
        }
    }
}

/// A saved revision, opened.
pub struct Opened {
    /// What it holds; secrets that do not open are left out.
    pub configuration: Configuration,
    /// The secrets that were left out, by their pointers.
    pub lost: Vec<String>,
}

/// Opens a stored document; `is_changed` tells certificate objects that hold something else by now,
/// so that what was typed for them is left out too.
///
/// # Errors
/// What is wrong with it.
pub fn open_stored(
    document: &str,
    sealer: &Sealer,
    is_changed: &dyn Fn(&str) -> bool,
) -> Result<Opened, Vec<FieldError>> {
    let closed = RefCell::new(BTreeSet::new());
    let mut configuration = read_stored(document, &|place, sealed| {
        sealer.open_secret(place, sealed).unwrap_or_else(|_| {
            closed.borrow_mut().insert(place.to_owned());
            // Cleared below.
            STAND_IN.to_owned()
        })
    })?;
    let closed = closed.into_inner();
    let mut lost = Vec::new();
    for_each_group(&mut configuration, &mut |place, number, group| {
        let (rows, shown) = (group.rows(), group.shown());
        let binds = rows.iter().filter(|row| row.binds_secrets());
        let mut objects = binds.filter(|row| CERTIFICATE_KEYS.contains(&row.key));
        let is_moved =
            objects.any(|row| shown.get(row.key).and_then(Value::as_str).is_some_and(is_changed));
        let keys: Vec<&'static str> = group.secrets().into_iter().map(|(key, _)| key).collect();
        for key in keys {
            if is_moved || closed.contains(&format!("{place}/{key}")) {
                group.patch(&json!({ key: null })).expect("null clears a setting");
                lost.push((number, place.rsplit('/').next().unwrap_or_default().to_owned(), key));
            }
        }
    });
    let overrides = &configuration.overrides;
    let pointer = |(number, group, key): (Option<LayerNumber>, String, &str)| {
        let above = number
            .map(Place::Layer)
            .map_or_else(String::new, |layer| overrides_document::pointer_of(overrides, layer));
        format!("{above}/{group}/{key}")
    };
    let lost = lost.into_iter().map(pointer).collect();
    Ok(Opened { configuration, lost })
}

#[cfg(test)]
mod tests;
