//! The page of the editor.

use std::collections::BTreeMap;

use annunciator_api_types::{EntryView, FieldError};
use askama::Template;
use serde_json::Value;

use super::inherited::{Inheritance, Inherited};
use super::subject::Subject;
use crate::form::Form;
use crate::page::{Page, Visitor};
use crate::pages::event_configuration::change::{RELAY, SWITCH, mode};
use crate::pages::event_configuration::owner::Owner;
use crate::pages::event_configuration::standing::{of_fields, origin_words, own_value, term_words};
use crate::pages::event_configuration::{SECTION, sections};
use crate::pages::silences::{FIELDS, MatcherRow, OPERATORS, matcher_rows};
use crate::refusal::Errors;
use crate::settings_form::{
    Choosable, Condition, Definitions, Field, Kind, Setting, Sheet, Standing, label, shown_value,
};

/// The channels as they are read.
const ORDER: [&str; 4] = ["email", "sms", "executable", "mail_notifier"];

/// A setting in the editor.
pub(super) struct Row {
    /// Its name in the form: `email.subject`.
    name: String,
    /// The same as an id.
    id: String,
    label: String,
    /// What it inherits, in words; empty where that differs from type to type.
    inherited: String,
    origin: String,
    /// How the form leaves it.
    mode: &'static str,
    /// Whether its value is on or off alone.
    is_switch: bool,
    field: Option<Field>,
    /// The policy that locks it; nothing where it can be set.
    locked_by: Option<String>,
    /// What is locked with it: `email.servers` for the whole relay.
    lock_name: String,
    is_locked_here: bool,
    error: String,
}

/// Rows below a heading.
struct Section {
    name: &'static str,
    rows: Vec<Row>,
}

/// The relay of a channel, whose settings are taken together.
struct Relay {
    row: Row,
    fields: Vec<Field>,
}

/// A channel.
struct Channel {
    name: String,
    switch: Row,
    sections: Vec<Section>,
    relay: Option<Relay>,
    /// How many of its settings are set here.
    set: usize,
    is_open: bool,
}

/// How long events are kept.
struct Term {
    inherited: String,
    origin: String,
    mode: &'static str,
    text: String,
    error: String,
}

#[derive(Template)]
#[template(path = "event_configuration/editor.html")]
pub(super) struct EditorPage {
    page: Page,
    owner_words: String,
    owner_path: String,
    subject: Subject,
    heading: String,
    /// Codes of the types, where there are several.
    types: Vec<String>,
    channels: Vec<Channel>,
    term: Term,
    why_path: Option<String>,
    another_path: Option<String>,
    condition_rows: Vec<MatcherRow>,
    fields: &'static [&'static str],
    operators: &'static [&'static str],
    errors: Errors,
    /// What is wrong and stands at no field.
    elsewhere: Vec<String>,
    /// Whether the form came back.
    is_typed: bool,
    /// Whether locks are shown: all overrides lock the same.
    shows_locks: bool,
    /// Whether the visitor may change something.
    may_change: bool,
}

/// What the page shows beside the overrides themselves.
pub(super) struct Beneath {
    /// What they inherit.
    pub(super) inherited: Inherited,
    /// Settings that name a thing, such as a certificate object, with the things there are.
    pub(super) choices: BTreeMap<String, Vec<Choosable>>,
}

/// What the rows of a page are made of.
struct Maker<'a> {
    page: &'a Page,
    subject: &'a Subject,
    inherited: &'a Inherited,
    choices: &'a BTreeMap<String, Vec<Choosable>>,
    typed: Option<&'a Form>,
    errors: Vec<FieldError>,
}

impl EditorPage {
    pub(super) fn new(
        visitor: &Visitor,
        subject: Subject,
        beneath: &Beneath,
        definitions: &Definitions,
        form: Option<&Form>,
        errors: Errors,
    ) -> Self {
        let mut page = visitor.page("event-configuration-override", SECTION);
        let heading = heading(&page, &subject);
        page.title.clone_from(&heading);
        let maker = Maker {
            page: &page,
            subject: &subject,
            inherited: &beneath.inherited,
            choices: &beneath.choices,
            typed: form,
            errors: of_fields(&errors.fields),
        };
        let groups = definitions.groups().filter(|(_, s)| s.iter().any(|one| one.key == SWITCH));
        let channels = groups.map(|(name, settings)| maker.channel(name, settings));
        let mut channels: Vec<_> = channels.collect();
        channels.sort_by_key(|one| ORDER.iter().position(|name| *name == one.name));
        let term = maker.term();
        let elsewhere = maker.elsewhere(definitions);
        let condition_rows = form.map_or_else(|| subject.condition_rows(), matcher_rows);
        let codes = subject.targets.iter().filter_map(|target| target.event_type.clone());
        Self {
            owner_words: subject.owner.words(&page),
            owner_path: subject.owner.path(),
            heading,
            types: if subject.is_one() { vec![] } else { codes.collect() },
            channels,
            term,
            why_path: subject.why_path().filter(|_| visitor.may("explain")),
            another_path: subject.another_path(),
            condition_rows,
            fields: FIELDS,
            operators: OPERATORS,
            elsewhere,
            errors,
            is_typed: form.is_some(),
            shows_locks: subject.owner.can_lock() && same_locks(&subject.entries),
            may_change: visitor.may("change_settings"),
            page,
            subject,
        }
    }

    /// What is wrong with a condition.
    fn row_error(&self, at: &usize) -> String {
        let new = self.errors.at(&format!("/conditions/{at}"));
        let of_target = self.errors.at(&format!("/targets/0/conditions/{at}"));
        if new.is_empty() { of_target } else { new }
    }

    /// The pairs that name the owner.
    fn owner_fields(&self) -> Vec<(&'static str, &str)> {
        let mut pairs = self.subject.owner.pairs();
        if self.subject.owner == Owner::Server {
            pairs.push(("application", &self.subject.application));
        }
        pairs
    }
}

/// Which events are meant.
fn heading(page: &Page, subject: &Subject) -> String {
    let one = subject.targets.first().filter(|_| subject.is_one());
    let Some(target) = one else {
        let count = subject.targets.len();
        return page.t1("event-configuration-heading-several", "count", count);
    };
    match (&target.event_type, &target.severity) {
        (Some(code), _) => {
            let known = subject.types.iter().find(|view| view.event_type == *code);
            known
                .map(|view| view.type_name.clone())
                .filter(|n| !n.is_empty())
                .unwrap_or(code.clone())
        }
        (None, Some(severity)) => {
            let words = page.word("severity", severity);
            page.t1("event-configuration-events-severity", "severity", words)
        }
        (None, None) => page.t("event-configuration-events-all"),
    }
}

fn same_locks(entries: &[Option<EntryView>]) -> bool {
    let locks = |entry: &Option<EntryView>| entry.as_ref().map(|e| e.locked.clone());
    let mut all = entries.iter().map(|entry| locks(entry).unwrap_or_default());
    let first = all.next();
    all.all(|other| Some(&other) == first.as_ref())
}

impl Maker<'_> {
    fn channel(&self, name: &str, settings: &[Setting]) -> Channel {
        let sheet = self.sheet(name, settings);
        let switch = settings.iter().find(|setting| setting.key == SWITCH);
        let switch = self.row(switch.expect("groups without it are left out"), &sheet);
        let switch = Row { label: self.page.word("channel", name), ..switch };
        let section = |(name, settings): (&'static str, Vec<&Setting>)| Section {
            name,
            rows: settings.iter().map(|one| self.row(one, &sheet)).collect(),
        };
        let sections: Vec<_> = sections::arrange(settings).into_iter().map(section).collect();
        let relay = self.relay(name, settings, &sheet);
        let rows = sections.iter().flat_map(|section| &section.rows);
        let rows = rows.chain(relay.iter().map(|relay| &relay.row));
        let set = rows.clone().filter(|row| row.is_set()).count();
        Channel {
            is_open: rows.clone().any(Row::is_open),
            name: name.to_owned(),
            set,
            switch,
            sections,
            relay,
        }
    }

    /// The settings as they stand: own values, else inherited ones to begin with.
    fn sheet(&self, group: &str, settings: &[Setting]) -> Sheet {
        let standing = |setting: &Setting| {
            let own = self.first_own(group, &setting.key);
            let beneath = self.inherited.of(group, &setting.key).map(|found| &found.value);
            let start = if setting.unit.is_some() { None } else { beneath };
            let value = own.or(start).unwrap_or(&setting.default).clone();
            (setting.key.clone(), Standing { value, is_set: own.is_some(), ..Standing::default() })
        };
        let free = settings.iter().filter(|setting| setting.unit.is_none());
        let is_there = |key: &String| settings.iter().any(|setting| setting.key == *key);
        let choices = self.choices.iter().filter(|(key, _)| is_there(key));
        Sheet {
            standings: settings.iter().map(standing).collect(),
            // What another setting says does not hide a value of one's own.
            conditions: free.map(|one| (one.key.clone(), Condition::default())).collect(),
            settings: settings.to_vec(),
            choices: choices.map(|(key, among)| (key.clone(), among.clone())).collect(),
            typed: self.typed.cloned(),
            errors: self.errors.clone(),
            ..Sheet::default()
        }
    }

    fn first_own(&self, group: &str, key: &str) -> Option<&Value> {
        let mut entries = self.subject.entries.iter().flatten();
        entries.find_map(|entry| own_value(entry, group, key))
    }

    fn row(&self, setting: &Setting, sheet: &Sheet) -> Row {
        let language = self.page.language;
        let is_switch = matches!(setting.kind, Kind::Bool);
        let beneath = self.inherited.of(&setting.group, &setting.key);
        let field = sheet.field(&setting.key, language).filter(|_| !is_switch);
        let field = field.map(|field| Field { is_bare: true, ..field });
        let words = |found: &Inheritance| {
            if is_switch {
                let key = if found.value == true { "on" } else { "off" };
                return self.page.t(&format!("event-configuration-{key}"));
            }
            shown_value(language, setting, &found.value)
        };
        let name = setting.name();
        Row {
            id: name.replace(['.', '_'], "-"),
            label: label(language, setting),
            inherited: beneath.map(words).unwrap_or_default(),
            origin: beneath.map(|found| origin_words(self.page, &found.origin)).unwrap_or_default(),
            mode: self.mode(&setting.group, &setting.key, is_switch),
            is_switch,
            error: field
                .as_ref()
                .map_or_else(|| self.error_at(&setting.pointer()), |_| String::new()),
            field,
            locked_by: self.locked_by(beneath),
            is_locked_here: self.is_locked_here(&name),
            lock_name: name.clone(),
            name,
        }
    }

    fn locked_by(&self, beneath: Option<&Inheritance>) -> Option<String> {
        let found = beneath.filter(|found| found.is_locked)?;
        Some(origin_words(self.page, &found.origin))
    }

    fn error_at(&self, pointer: &str) -> String {
        let of_field = self.errors.iter().filter(|error| error.pointer == pointer);
        of_field.map(|error| error.detail.clone()).collect::<Vec<_>>().join("; ")
    }

    fn is_locked_here(&self, name: &str) -> bool {
        if let Some(form) = self.typed.filter(|form| form.is_on("locks")) {
            return form.all("lock").contains(&name);
        }
        let first = self.subject.entries.first().and_then(Option::as_ref);
        first.is_some_and(|entry| entry.locked.iter().any(|key| key == name))
    }

    fn mode(&self, group: &str, key: &str, is_switch: bool) -> &'static str {
        let typed = self.typed.map(|form| mode(form, group, key));
        if let Some(typed) = typed.filter(|word| !word.is_empty()) {
            let words = ["own", "on", "off", "inherit", "keep"];
            return words.into_iter().find(|word| *word == typed).unwrap_or("inherit");
        }
        let of_entry = |entry: &Option<EntryView>| {
            entry.as_ref().and_then(|entry| own_value(entry, group, key)).cloned()
        };
        let values: Vec<_> = self.subject.entries.iter().map(of_entry).collect();
        self.mode_of(&values, is_switch)
    }

    /// The mode of values that are all the same, or are kept.
    fn mode_of(&self, values: &[Option<Value>], is_switch: bool) -> &'static str {
        let first = values.first().cloned().flatten();
        match first {
            _ if values.iter().any(|value| *value != first) => "keep",
            None if self.subject.is_one() => "inherit",
            None => "keep",
            Some(Value::Bool(true)) if is_switch => "on",
            Some(Value::Bool(false)) if is_switch => "off",
            Some(_) => "own",
        }
    }

    fn relay(&self, group: &str, settings: &[Setting], sheet: &Sheet) -> Option<Relay> {
        let of_relay = sections::relay(settings);
        let leader = of_relay.iter().find(|setting| setting.leads_unit)?;
        let row = self.row(leader, sheet);
        let typed = self.typed.map(|form| mode(form, group, RELAY)).unwrap_or_default();
        let own = ["own", "inherit", "keep"].into_iter().find(|word| *word == typed);
        let name = format!("{group}.{RELAY}");
        let of_entry = |entry: &Option<EntryView>| {
            entry.as_ref().and_then(|entry| own_value(entry, group, &leader.key)).cloned()
        };
        let values: Vec<_> = self.subject.entries.iter().map(of_entry).collect();
        let row = Row {
            mode: own.unwrap_or_else(|| self.mode_of(&values, false)),
            id: format!("{group}-{RELAY}"),
            label: self.page.t("event-configuration-section-relay"),
            field: None,
            is_locked_here: self.is_locked_here(&leader.name()),
            name,
            ..row
        };
        let language = self.page.language;
        let fields = of_relay.iter().filter_map(|setting| sheet.field(&setting.key, language));
        Some(Relay { row, fields: fields.collect() })
    }

    fn term(&self) -> Term {
        let days = |entry: &Option<EntryView>| {
            Some(Value::from(entry.as_ref().and_then(|entry| entry.storage_term_days)?))
        };
        let values: Vec<_> = self.subject.entries.iter().map(days).collect();
        let first = values.iter().flatten().next().cloned();
        let typed = self.typed.map(|form| form.text("mode.storage"));
        let own = ["own", "inherit", "keep"].into_iter().find(|word| Some(*word) == typed);
        let beneath = self.inherited.term.as_ref();
        let text = match self.typed.filter(|form| form.has("storage_term_days")) {
            Some(form) => form.text("storage_term_days").to_owned(),
            None => first.map_or_else(
                || beneath.map_or_else(String::new, |term| term.days.to_string()),
                |days| days.to_string(),
            ),
        };
        Term {
            inherited: beneath.map(|term| term_words(self.page, term.days)).unwrap_or_default(),
            origin: beneath.map(|term| origin_words(self.page, &term.origin)).unwrap_or_default(),
            mode: own.unwrap_or_else(|| self.mode_of(&values, false)),
            text,
            error: self.error_at("/storage_term_days"),
        }
    }

    /// What is wrong and stands at no field of the page.
    fn elsewhere(&self, definitions: &Definitions) -> Vec<String> {
        let is_at_field = |error: &&FieldError| {
            let mut names = error.pointer.split('/').skip(1);
            let (first, second) = (names.next().unwrap_or_default(), names.next());
            let of_group = definitions.group(first);
            let is_setting = of_group.iter().any(|setting| Some(setting.key.as_str()) == second);
            let is_condition = first == "conditions" || error.pointer.contains("/conditions/");
            is_setting || is_condition || first == "storage_term_days"
        };
        let others = self.errors.iter().filter(|error| !is_at_field(error));
        others.map(|error| error.detail.clone()).collect()
    }
}

impl Row {
    fn is_set(&self) -> bool {
        matches!(self.mode, "own" | "on" | "off") && self.locked_by.is_none()
    }

    /// Whether it is worth being seen at once.
    fn is_open(&self) -> bool {
        let is_wrong = self.field.as_ref().is_some_and(|field| !field.error.is_empty());
        let is_locked = self.locked_by.is_some() || self.is_locked_here;
        self.is_set() || is_locked || is_wrong || !self.error.is_empty()
    }
}

/// Saved, with what deserves a look.
#[derive(Template)]
#[template(path = "event_configuration/saved.html")]
pub(super) struct SavedPage {
    page: Page,
    owner_words: String,
    owner_path: String,
    warnings: Vec<FieldError>,
}

impl SavedPage {
    pub(super) fn new(visitor: &Visitor, owner: &Owner, warnings: Vec<FieldError>) -> Self {
        let page = visitor.page("event-configuration-saved-title", SECTION);
        Self { owner_words: owner.words(&page), owner_path: owner.path(), warnings, page }
    }
}
