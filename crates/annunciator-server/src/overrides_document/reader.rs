//! JSON rows into owners and entries; every problem is gathered with its pointer.

use std::collections::{BTreeSet, HashMap};

use annunciator_api_types::FieldError;
use annunciator_channels::ChannelLayers;
use annunciator_core::Severity;
use annunciator_planner::{Entry, MatcherSet, Owned, Owner, Policy, Selector};
use annunciator_settings::{Problem, find_misplaced};
use serde_json::{Map, Value};

use super::{Layers, identity};
use crate::intake::json::push_key;
use crate::settings_document::unknown;

/// Most device groups, owners, and entries of one owner.
const ROWS_MAX: usize = 20_000;
/// Longest name of a policy, an application, a device, an event type, a group. Unit: characters.
const NAME_CHARS_MAX: usize = 1_024;
/// Longest storage term. Unit: days.
const TERM_DAYS_MAX: u64 = 36_500;

/// How secrets stand in a document.
pub(super) enum Secrets<'a> {
    /// As somebody typed them; `<secret>` leaves what there was, by identity.
    Typed(HashMap<String, &'a ChannelLayers>),
    /// Sealed; opened by place and text.
    Sealed(&'a dyn Fn(&str, &str) -> String),
}

/// What was found wrong so far, and where secrets come from.
pub(super) struct Reader<'a> {
    errors: Vec<FieldError>,
    secrets: Secrets<'a>,
}

/// An object of the document with its pointer.
#[derive(Clone, Copy)]
struct Row<'v> {
    pointer: &'v str,
    fields: &'v Map<String, Value>,
}

impl Reader<'_> {
    /// Reads the part of a document.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn read(
        document: &Map<String, Value>,
        secrets: Secrets<'_>,
    ) -> Result<Layers, Vec<FieldError>> {
        let mut reader = Reader { errors: Vec::new(), secrets };
        let overrides = reader.overrides(document);
        if reader.errors.is_empty() { Ok(overrides) } else { Err(reader.errors) }
    }

    /// Reads which events an entry is for.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn read_target(
        fields: &Map<String, Value>,
    ) -> Result<(Selector, Option<MatcherSet>), Vec<FieldError>> {
        let mut reader = Reader { errors: Vec::new(), secrets: Secrets::Typed(HashMap::new()) };
        let row = Row { pointer: "", fields };
        let target = (reader.selector(row), reader.condition(row));
        if reader.errors.is_empty() { Ok(target) } else { Err(reader.errors) }
    }

    fn add(&mut self, pointer: impl Into<String>, code: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, code, detail));
    }

    fn overrides(&mut self, document: &Map<String, Value>) -> Layers {
        let mut overrides = Layers::default();
        for (at, group) in self.list(document, "groups", "").into_iter().enumerate() {
            let pointer = format!("/groups/{at}");
            match group.as_str().map(check_group) {
                Some(Ok(path)) => {
                    overrides.groups.insert(path);
                }
                Some(Err(detail)) => self.add(pointer, "format", detail),
                None => self.add(pointer, "type", "must be the path of a group, as text"),
            }
        }
        self.rows(document, "event_configuration", "", &mut |reader, row| {
            let owner = Owner::EventConfiguration { application: reader.text(row, "application") };
            let entry = reader.entry(row, &owner, &["application"]);
            overrides.owned.push(Owned { owner, entries: vec![entry] });
        });
        self.rows(document, "policies", "", &mut |reader, row| {
            const KEYS: [&str; 7] =
                ["name", "application", "group", "enabled", "inherit", "force_children", "events"];
            reader.check_names(row, &KEYS);
            let group = reader.text(row, "group");
            let owner = Owner::Policy(Policy {
                name: reader.text(row, "name"),
                application: reader.text(row, "application"),
                group: check_group(&group).unwrap_or(group),
                enabled: reader.switch(row, "enabled", true),
                inherit: reader.switch(row, "inherit", true),
                force_children: reader.switch(row, "force_children", false),
            });
            let entries = reader.entries(row, &owner);
            overrides.owned.push(Owned { owner, entries });
        });
        self.rows(document, "application_settings", "", &mut |reader, row| {
            reader.check_names(row, &["application", "device", "events"]);
            let (application, device) =
                (reader.text(row, "application"), reader.text(row, "device"));
            let owner = Owner::Application { application, device };
            let entries = reader.entries(row, &owner);
            overrides.owned.push(Owned { owner, entries });
        });
        overrides
    }

    fn entries(&mut self, row: Row<'_>, owner: &Owner) -> Vec<Entry<ChannelLayers>> {
        let mut entries = Vec::new();
        self.rows(row.fields, "events", row.pointer, &mut |reader, row| {
            entries.push(reader.entry(row, owner, &[]));
        });
        entries
    }

    fn entry(&mut self, row: Row<'_>, owner: &Owner, others: &[&str]) -> Entry<ChannelLayers> {
        let mut content = ChannelLayers::default();
        let channels = content.groups().into_iter().map(|(name, _)| name);
        let own = ["type", "severity", "conditions", "locked", "storage_term_days"];
        let known: Vec<&str> = others.iter().copied().chain(own).chain(channels).collect();
        self.check_names(row, &known);
        let mut entry = Entry {
            selector: self.selector(row),
            condition: self.condition(row),
            locked: self.locked(row),
            storage_term_days: self.term(row),
            content: ChannelLayers::default(),
        };
        self.channels(row, &identity(owner, &entry), &mut content);
        entry.content = content;
        entry
    }

    fn channels(&mut self, row: Row<'_>, identity: &str, content: &mut ChannelLayers) {
        if let Secrets::Typed(previous) = &self.secrets
            && let Some(previous) = previous.get(identity)
        {
            *content = (*previous).clone();
        }
        for (name, group) in content.groups_mut() {
            let Some(value) = row.fields.get(name) else {
                group.clear();
                continue;
            };
            let pointer = format!("{}/{name}", row.pointer);
            let Some(fields) = value.as_object() else {
                self.add(pointer, "type", "must be an object with the settings of the channel");
                continue;
            };
            let known: Vec<_> = group.rows().iter().map(|row| row.key).collect();
            self.check_names(Row { pointer: &pointer, fields }, &known);
            let mut problems = find_misplaced(&group.rows(), fields, true);
            let read = match &self.secrets {
                Secrets::Typed(_) => group.replace_with(value),
                Secrets::Sealed(open) => group.restore(value, &mut |key, sealed| {
                    Ok(open(&format!("{identity}/{name}/{key}"), sealed))
                }),
            };
            problems.extend(read.err().into_iter().flatten());
            self.problems(&pointer, problems);
        }
    }

    fn selector(&mut self, row: Row<'_>) -> Selector {
        match (row.fields.contains_key("type"), row.fields.get("severity")) {
            (true, Some(_)) => {
                let detail = "give a type or a severity, not both: two entries can have both";
                self.add(format!("{}/severity", row.pointer), "conflict", detail);
                Selector::All
            }
            (true, None) => {
                let code = self.text(row, "type");
                if code.is_empty() {
                    let detail = "must be the code of an event type; leave it out for all events";
                    self.add(format!("{}/type", row.pointer), "required", detail);
                }
                Selector::Type(code)
            }
            (false, None) => Selector::All,
            (false, Some(value)) => {
                let severity: Option<Severity> = value.as_str().and_then(|word| word.parse().ok());
                if severity.is_none() {
                    let detail = "must be info, warning, failure or critical";
                    self.add(format!("{}/severity", row.pointer), "one_of", detail);
                }
                severity.map_or(Selector::All, Selector::Severity)
            }
        }
    }

    fn condition(&mut self, row: Row<'_>) -> Option<MatcherSet> {
        let value = row.fields.get("conditions")?;
        if value.as_array().is_some_and(Vec::is_empty) {
            return None;
        }
        match MatcherSet::from_json(value) {
            Ok(matchers) => Some(matchers),
            Err(problems) => {
                self.problems(&format!("{}/conditions", row.pointer), problems);
                None
            }
        }
    }

    fn locked(&mut self, row: Row<'_>) -> BTreeSet<String> {
        let mut locked = BTreeSet::new();
        for (at, value) in self.list(row.fields, "locked", row.pointer).into_iter().enumerate() {
            let pointer = format!("{}/locked/{at}", row.pointer);
            match value.as_str().map(|name| (name, check_lockable(name))) {
                Some((name, Ok(()))) => {
                    locked.insert(name.to_owned());
                }
                Some((_, Err(detail))) => self.add(pointer, "unknown_setting", detail),
                None => self.add(pointer, "type", "must be a setting such as `email.recipients`"),
            }
        }
        locked
    }

    fn term(&mut self, row: Row<'_>) -> Option<u32> {
        let value = row.fields.get("storage_term_days")?;
        let days = value.as_u64().filter(|days| *days <= TERM_DAYS_MAX);
        if days.is_none() {
            let detail =
                format!("must be a whole number of days, 0 (not listed) to {TERM_DAYS_MAX}");
            self.add(format!("{}/storage_term_days", row.pointer), "range", detail);
        }
        days.and_then(|days| u32::try_from(days).ok())
    }

    fn text(&mut self, row: Row<'_>, key: &str) -> String {
        let pointer = || format!("{}/{key}", row.pointer);
        match row.fields.get(key) {
            None => return String::new(),
            Some(Value::String(text)) if text.chars().any(char::is_control) => {
                self.add(pointer(), "format", "must not hold control characters");
            }
            Some(Value::String(text)) if text.chars().count() > NAME_CHARS_MAX => {
                let detail = format!("must have at most {NAME_CHARS_MAX} characters");
                self.add(pointer(), "too_long", detail);
            }
            Some(Value::String(text)) => return text.clone(),
            Some(_) => self.add(pointer(), "type", "must be text"),
        }
        String::new()
    }

    fn switch(&mut self, row: Row<'_>, key: &str, default: bool) -> bool {
        match row.fields.get(key) {
            None => default,
            Some(Value::Bool(value)) => *value,
            Some(_) => {
                self.add(format!("{}/{key}", row.pointer), "type", "must be true or false");
                default
            }
        }
    }

    fn list<'v>(
        &mut self,
        fields: &'v Map<String, Value>,
        key: &str,
        above: &str,
    ) -> Vec<&'v Value> {
        let pointer = format!("{above}/{key}");
        match fields.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) if items.len() > ROWS_MAX => {
                self.add(pointer, "too_many", format!("must have at most {ROWS_MAX} items"));
            }
            Some(Value::Array(items)) => return items.iter().collect(),
            Some(_) => self.add(pointer, "type", "must be a list"),
        }
        Vec::new()
    }

    fn rows(
        &mut self,
        fields: &Map<String, Value>,
        key: &str,
        above: &str,
        visit: &mut dyn FnMut(&mut Self, Row<'_>),
    ) {
        for (at, value) in self.list(fields, key, above).into_iter().enumerate() {
            let pointer = format!("{above}/{key}/{at}");
            match value.as_object() {
                Some(fields) => visit(self, Row { pointer: &pointer, fields }),
                None => self.add(pointer, "type", "must be an object"),
            }
        }
    }

    fn check_names(&mut self, row: Row<'_>, known: &[&str]) {
        for key in row.fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let mut pointer = row.pointer.to_owned();
            push_key(&mut pointer, key);
            self.errors.push(unknown(&pointer, "setting", key, known, None));
        }
    }

    fn problems(&mut self, pointer: &str, problems: Vec<Problem>) {
        for problem in problems {
            let pointer = format!("{pointer}{}", problem.pointer);
            self.errors.push(FieldError::new(pointer, problem.code, problem.detail));
        }
    }
}

/// The path of a device group: names with `/` between them.
fn check_group(path: &str) -> Result<String, String> {
    let is_name = |name: &str| !name.is_empty() && name.trim() == name;
    if path.chars().count() > NAME_CHARS_MAX || path.chars().any(char::is_control) {
        return Err(format!("must be a path of at most {NAME_CHARS_MAX} plain characters"));
    }
    if !path.split('/').all(is_name) {
        return Err("must be names with `/` between them, such as `Plant A/Line 2`".to_owned());
    }
    Ok(path.to_owned())
}

/// Whether a setting of that name can be locked.
fn check_lockable(name: &str) -> Result<(), String> {
    let layers = ChannelLayers::default();
    let (group, key) = name.split_once('.').unwrap_or((name, ""));
    let Some((_, layer)) = layers.groups().into_iter().find(|(known, _)| *known == group) else {
        let known: Vec<_> = layers.groups().into_iter().map(|(known, _)| known).collect();
        return Err(format!(
            "must be a setting of {}, such as `email.recipients`",
            known.join(", ")
        ));
    };
    let rows = layer.rows();
    let Some(row) = rows.iter().find(|row| row.key == key) else {
        let known: Vec<_> = rows.iter().map(|row| row.key).collect();
        return Err(unknown("", "setting", key, &known, None).detail);
    };
    let leader = rows.iter().find(|other| other.unit() == row.unit() && other.leads_unit());
    match leader.filter(|leader| row.unit().is_some() && leader.key != key) {
        Some(leader) => Err(format!(
            "`{key}` belongs to the unit of `{}` and is locked with it: lock `{group}.{}`",
            leader.key, leader.key
        )),
        None => Ok(()),
    }
}
