//! The settings of a group as they stand in one layer become its fields, and a posted form the
//! merge patch of what was changed.

use std::collections::BTreeMap;

use annunciator_api_types::FieldError;
use serde_json::{Map, Value, json};

use super::condition::Condition;
use super::control::{Choosable, Control, text_of};
use super::definition::{Kind, Setting};
use super::field::Field;
use super::phrase;
use super::posted::{self, is_blank, unix_lines};
use crate::form::Form;
use crate::language::Language;

/// How one setting stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Standing {
    /// Its effective value; a secret masked.
    pub(crate) value: Value,
    /// Whether the layer that is edited sets it.
    pub(crate) is_set: bool,
    /// Where the value comes from, in words, when neither that layer nor the default gives it.
    pub(crate) origin: String,
    /// Why it cannot be changed here; nothing when it can.
    pub(crate) lock: Option<String>,
}

/// A group of settings in one layer, and the form about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sheet {
    /// The settings, in the order of their definition.
    pub(crate) settings: Vec<Setting>,
    /// How they stand, by key.
    pub(crate) standings: BTreeMap<String, Standing>,
    /// The form that came back, where one did.
    pub(crate) typed: Option<Form>,
    /// What is wrong with it; pointers such as `/email/port`.
    pub(crate) errors: Vec<FieldError>,
    /// What works but deserves a look.
    pub(crate) warnings: Vec<FieldError>,
    /// Conditions beyond those of the definitions, by key; they replace them.
    pub(crate) conditions: BTreeMap<String, Condition>,
    /// Texts that are chosen among things, by key.
    pub(crate) choices: BTreeMap<String, Vec<Choosable>>,
    /// Whether nothing can be changed by this visitor.
    pub(crate) is_read_only: bool,
}

impl Sheet {
    /// The setting of a key.
    pub(crate) fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// How it stands.
    pub(crate) fn standing(&self, key: &str) -> Standing {
        let found = self.standings.get(key).cloned();
        found.unwrap_or_else(|| Standing {
            value: self.setting(key).map_or(Value::Null, |setting| setting.default.clone()),
            ..Standing::default()
        })
    }

    /// The field of a setting; nothing when there is no such setting.
    pub(crate) fn field(&self, key: &str, language: Language) -> Option<Field> {
        let setting = self.setting(key)?;
        let standing = self.standing(key);
        let mut field = self.draw(setting, &standing, language);
        field.inner = setting
            .fields()
            .iter()
            .map(|inner| self.draw_inner(setting, inner, &standing, language))
            .collect();
        Some(field)
    }

    fn draw(&self, setting: &Setting, standing: &Standing, language: Language) -> Field {
        let name = setting.name();
        let error = self.words_at(&self.errors, setting, language);
        // What is wrong is never hidden.
        let is_wrong = !error.is_empty();
        let condition = if is_wrong { Condition::default() } else { self.condition(setting) };
        let is_resetting = self.is_resetting(setting);
        let can_reset = standing.is_set && !self.is_read_only && standing.lock.is_none();
        let has_default = !setting.default.is_null() && !setting.is_secret();
        Field {
            language,
            id: name.replace(['.', '_'], "-"),
            label: phrase::label(language, setting),
            help: phrase::help(language, setting),
            control: self.control(setting, &standing.value, language),
            inner: Vec::new(),
            is_set: standing.is_set,
            origin: standing.origin.clone(),
            default: has_default.then(|| default_words(language, setting)),
            reset: (can_reset && has_default).then(|| reset_of(setting)),
            is_resetting,
            error,
            warning: self.warning(setting, standing, language),
            shown_when: condition.text(),
            is_shown: condition.holds(|other| self.value_now(other, language)),
            lock: if self.is_read_only { Some(String::new()) } else { standing.lock.clone() },
            is_bare: false,
            name,
        }
    }

    /// A field of an object: it has no state of its own.
    fn draw_inner(
        &self,
        outer: &Setting,
        inner: &Setting,
        standing: &Standing,
        language: Language,
    ) -> Field {
        let key = inner.key.rsplit('.').next().unwrap_or_default();
        let value = standing.value.get(key).unwrap_or(&inner.default).clone();
        let of_inner = Standing { value, lock: standing.lock.clone(), ..Standing::default() };
        let mut field = self.draw(inner, &of_inner, language);
        if matches!(outer.kind, Kind::Optional(_)) {
            let condition = Condition::when(&outer.name(), &["on"]);
            field.shown_when = condition.text();
            field.is_shown = condition.holds(|other| self.value_now(other, language));
        }
        field.is_bare = true;
        field
    }

    fn control(&self, setting: &Setting, value: &Value, language: Language) -> Control {
        let typed = self.typed_of(setting);
        match self.choices.get(&setting.key) {
            Some(among) => {
                let stored = text_of(setting, value);
                let chosen = typed.map_or(stored, |form| form.trimmed(&setting.name()).to_owned());
                Control::pick(&chosen, among.clone())
            }
            None => Control::of(setting, value, typed, language),
        }
    }

    /// The form that came back, where it holds this setting.
    fn typed_of(&self, setting: &Setting) -> Option<&Form> {
        let form = self.typed.as_ref()?;
        let is_held = setting.is_secret()
            || form.has(&setting.name())
            || form.all("seen").contains(&setting.name().as_str());
        is_held.then_some(form)
    }

    /// When a setting matters.
    fn condition(&self, setting: &Setting) -> Condition {
        if let Some(condition) = self.conditions.get(&setting.key) {
            return condition.clone();
        }
        let Some((key, value)) = &setting.only_when else { return Condition::default() };
        let word = match value.as_str() {
            "true" => "on",
            "false" => "off",
            word => word,
        };
        Condition::when(&format!("{}.{key}", setting.group), &[word])
    }

    /// What stands in a field of the form now.
    fn value_now(&self, name: &str, language: Language) -> String {
        let key = name.split_once('.').map_or(name, |(_, key)| key);
        self.setting(key).map_or_else(String::new, |setting| {
            self.control(setting, &self.standing(key).value, language).value()
        })
    }

    /// Whether the form that came back asks for the default.
    fn is_resetting(&self, setting: &Setting) -> bool {
        self.typed.as_ref().is_some_and(|form| asks_for_default(setting, form))
    }

    /// What deserves a look: of what is saved, while it stands in the form; and a secret that was
    /// typed in vain, since a page never gives it back.
    fn warning(&self, setting: &Setting, standing: &Standing, language: Language) -> String {
        let Some(form) = &self.typed else {
            return self.words_at(&self.warnings, setting, language);
        };
        if setting.is_secret() && !form.text(&setting.name()).is_empty() {
            return language.say("settings-secret-again");
        }
        match self.change(setting, standing, form) {
            Some(_) => String::new(),
            None => self.words_at(&self.warnings, setting, language),
        }
    }

    fn words_at(&self, found: &[FieldError], setting: &Setting, language: Language) -> String {
        let (pointer, mut words) = (setting.pointer(), Vec::new());
        let inside = format!("{pointer}/");
        for problem in found {
            let text = phrase::problem_words(language, &self.settings, problem);
            if problem.pointer == pointer {
                words.push(text);
            } else if let Some(place) = problem.pointer.strip_prefix(&inside)
                && setting.fields().is_empty()
            {
                words.push(self.item_words(setting, place, text));
            }
        }
        words.join("; ")
    }

    /// What is wrong with one item of a list, with the item.
    fn item_words(&self, setting: &Setting, place: &str, words: String) -> String {
        let stored = || Some(self.standing(&setting.key).value);
        let value =
            self.typed.as_ref().and_then(|form| posted::read(setting, form)).or_else(stored);
        let at: Option<usize> = place.split('/').next().and_then(|at| at.parse().ok());
        match at.and_then(|at| value.as_ref()?.get(at)) {
            Some(Value::String(item)) => {
                let item = annunciator_core::one_line(item, 80);
                // Some words of the API begin with the item already.
                if words.starts_with(&item) { words } else { format!("{item}: {words}") }
            }
            Some(item) => format!("{item}: {words}"),
            None => words,
        }
    }

    /// What the form changes, by key: the new value, or null for what goes back to its default.
    pub(crate) fn changes(&self, form: &Form) -> Map<String, Value> {
        let change = |setting: &Setting| {
            let standing = self.standing(&setting.key);
            let new = self.change(setting, &standing, form)?;
            Some((setting.key.clone(), new))
        };
        let mut changes: Map<String, Value> = self.settings.iter().filter_map(change).collect();
        for key in self.stranded_secrets(form, &changes) {
            changes.insert(key, Value::Null);
        }
        changes
    }

    /// Stored secrets of a unit whose connection changes, and that no longer matter: they are not
    /// handed on, and there is no field in which they could be typed again.
    fn stranded_secrets(&self, form: &Form, changes: &Map<String, Value>) -> Vec<String> {
        let after = Self { typed: Some(form.clone()), ..self.clone() };
        let is_moved = |unit: &Option<String>| {
            self.settings.iter().any(|other| {
                other.binds_secrets && other.unit == *unit && changes.contains_key(&other.key)
            })
        };
        let is_stranded = |setting: &&Setting| {
            setting.is_secret()
                && setting.unit.is_some()
                && !is_blank(&self.standing(&setting.key).value)
                && !changes.contains_key(&setting.key)
                && is_moved(&setting.unit)
                && !after.matters(setting)
        };
        self.settings.iter().filter(is_stranded).map(|setting| setting.key.clone()).collect()
    }

    /// Whether a setting matters with what stands in the form.
    fn matters(&self, setting: &Setting) -> bool {
        // Words of a language decide nothing here.
        self.condition(setting).holds(|other| self.value_now(other, Language::English))
    }

    fn change(&self, setting: &Setting, standing: &Standing, form: &Form) -> Option<Value> {
        if standing.lock.is_some() || self.is_read_only {
            return None;
        }
        if standing.is_set && asks_for_default(setting, form) {
            return Some(Value::Null);
        }
        let new = posted::read(setting, form)?;
        if setting.is_secret() {
            let clears_nothing = new.is_null() && is_blank(&standing.value);
            return (!clears_nothing).then_some(new);
        }
        let was_typed = || Some(unix_lines(form.text(&setting.name())));
        let is_text = matches!(setting.kind, Kind::Text { .. } | Kind::List { .. });
        let stands = text_of(setting, &standing.value);
        if new == standing.value || (is_text && was_typed() == Some(unix_lines(&stands))) {
            return None;
        }
        // What is emptied is not set, where its default is nothing as well.
        let is_nothing = is_blank(&new) && (is_blank(&setting.default) || is_plain(setting));
        Some(if is_nothing { Value::Null } else { new })
    }
}

/// Whether an empty text of this setting says nothing: only templates may be empty on purpose.
fn is_plain(setting: &Setting) -> bool {
    match &setting.kind {
        Kind::Text { format, .. } => format != "template" && format != "text",
        Kind::List { of, .. } => matches!(of.as_ref(), Kind::Integer { .. }),
        _ => false,
    }
}

/// Whether a form takes a setting back to its default: it was asked to, and the default still
/// stands in the field.
fn asks_for_default(setting: &Setting, form: &Form) -> bool {
    let is_asked = form.is_on(&format!("reset.{}", setting.name()));
    is_asked
        && posted::read(setting, form)
            .is_none_or(|typed| typed == setting.default || text_matches(setting, &typed))
}

fn text_matches(setting: &Setting, typed: &Value) -> bool {
    unix_lines(&text_of(setting, typed)) == unix_lines(&text_of(setting, &setting.default))
}

/// What "reset" fills into the form.
fn reset_of(setting: &Setting) -> String {
    let name = setting.name();
    let mut fields = Map::new();
    match (&setting.kind, &setting.default) {
        (Kind::Severities, Value::Array(words)) => {
            fields.insert(name.clone(), "some".into());
            fields.insert(format!("{name}.severity"), json!(words));
        }
        (Kind::Bool, default) => {
            let value = if *default == true { json!(["on"]) } else { json!([]) };
            fields.insert(name.clone(), value);
        }
        (Kind::Optional(_) | Kind::Object(_), default) => {
            let value = if default.is_object() { json!(["on"]) } else { json!([]) };
            fields.insert(name.clone(), value);
        }
        (_, default) => {
            fields.insert(name.clone(), text_of(setting, default).into());
        }
    }
    fields.insert(format!("reset.{name}"), "on".into());
    Value::Object(fields).to_string()
}

fn default_words(language: Language, setting: &Setting) -> String {
    let is_long = setting.default.as_str().is_some_and(|text| text.contains('\n'));
    if is_long {
        return language.say("settings-value-standard-text");
    }
    phrase::shown_value(language, setting, &setting.default)
}
