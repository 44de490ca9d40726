//! A posted form becomes a merge patch of overrides.
//!
//! In: for each setting a field `mode.NAME`: `own` with the value in `NAME`, `on` or `off` for a
//! switch, `inherit`, or `keep` where several overrides differ. Out: the patch.
//! Failure: what cannot be read as its kind goes to the API as it was typed.

use annunciator_api_types::EntryView;
use serde_json::{Map, Value};

use super::standing::own_value;
use crate::form::Form;
use crate::settings_form::{Definitions, Kind, Place, Setting, is_blank, read};

/// The key of the switch of a channel.
pub(super) const SWITCH: &str = "notify";
/// The name under which a form has the mode of all settings of a channel's relay.
pub(super) const RELAY: &str = "relay";

/// How a form leaves a setting: `own`, `on`, `off`, `inherit`, `keep`, or empty where the form has
/// no such field.
pub(super) fn mode<'f>(form: &'f Form, group: &str, key: &str) -> &'f str {
    form.text(&format!("mode.{group}.{key}"))
}

/// The patch of a form; `entries` are the overrides as they are.
pub(super) fn of_form(
    form: &Form,
    definitions: &Definitions,
    entries: &[Option<EntryView>],
) -> Map<String, Value> {
    let mut change = Map::new();
    for (group, settings) in definitions.groups() {
        let settings = settings.iter().filter(|setting| setting.place != Place::ServerOnly);
        let one = |setting: &Setting| {
            let is_set = is_set(entries, group, &setting.key);
            Some((setting.key.clone(), of_setting(form, setting, is_set)?))
        };
        let patch: Map<String, Value> = settings.filter_map(one).collect();
        if !patch.is_empty() {
            change.insert(group.to_owned(), patch.into());
        }
    }
    change.extend(term(form, entries).map(|days| ("storage_term_days".to_owned(), days)));
    change.extend(locks(form, entries).map(|keys| ("locked".to_owned(), keys)));
    change
}

/// Whether one of the overrides sets it.
fn is_set(entries: &[Option<EntryView>], group: &str, key: &str) -> bool {
    entries.iter().flatten().any(|entry| own_value(entry, group, key).is_some())
}

fn of_setting(form: &Form, setting: &Setting, is_set: bool) -> Option<Value> {
    let is_of_relay = setting.unit.is_some();
    let key = if is_of_relay { RELAY } else { &setting.key };
    match mode(form, &setting.group, key) {
        "inherit" => is_set.then_some(Value::Null),
        "on" => Some(true.into()),
        "off" => Some(false.into()),
        "own" if is_of_relay => of_relay(form, setting, is_set),
        // An emptied number would clear the setting instead of telling that it is missing.
        "own" => Some(match (read(setting, form)?, &setting.kind) {
            (Value::Null, Kind::Integer { .. }) => "".into(),
            (value, _) => value,
        }),
        _ => None,
    }
}

/// A setting of a relay of its own: what is as the default is not set, since no other layer gives
/// it.
fn of_relay(form: &Form, setting: &Setting, is_set: bool) -> Option<Value> {
    let value = read(setting, form)?;
    let says_nothing = value == setting.default || is_blank(&value);
    if says_nothing { is_set.then_some(Value::Null) } else { Some(value) }
}

fn term(form: &Form, entries: &[Option<EntryView>]) -> Option<Value> {
    let is_set = entries.iter().flatten().any(|entry| entry.storage_term_days.is_some());
    match form.text("mode.storage") {
        "inherit" => is_set.then_some(Value::Null),
        "own" => {
            let text = form.trimmed("storage_term_days");
            Some(text.parse::<u64>().map_or_else(|_| text.into(), Value::from))
        }
        _ => None,
    }
}

/// What is locked, where the form shows it and says something else than what is.
fn locks(form: &Form, entries: &[Option<EntryView>]) -> Option<Value> {
    if !form.is_on("locks") {
        return None;
    }
    let mut asked: Vec<&str> = form.all("lock");
    asked.sort_unstable();
    asked.dedup();
    let none = Vec::new();
    let is_as_it_is = entries.iter().all(|entry| {
        let known = entry.as_ref().map_or(&none, |entry| &entry.locked);
        known.iter().map(String::as_str).eq(asked.iter().copied())
    });
    if is_as_it_is {
        return None;
    }
    Some(if asked.is_empty() { Value::Null } else { asked.into() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definitions() -> Definitions {
        let row = |key: &str, default: Value, schema: Value| json!({"key": key, "doc": "Words.", "default": default, "schema": schema});
        let text = json!({"x-kind": "text", "maxLength": 99, "x-format": "line"});
        let mut servers = text.clone();
        servers["x-unit"] = "relay".into();
        let mut port = json!({"x-kind": "integer", "minimum": 1, "maximum": 65_535});
        port["x-unit"] = "relay".into();
        let about = json!({"x-kind": "severities", "x-place": "server"});
        let days = json!({"x-kind": "integer", "minimum": 0, "maximum": 9});
        Definitions::parse(&json!({"groups": {"email": [
            row("notify_about", json!("all"), about),
            row("notify", json!(false), json!({"x-kind": "bool", "x-place": "override"})),
            row("sender", json!(""), text),
            row("segments_max", json!(3), days),
            row("servers", json!(""), servers),
            row("port", json!(25), port),
        ]}}))
    }

    fn entry(email: Value, locked: &[&str]) -> Option<EntryView> {
        Some(EntryView {
            id: String::new(),
            event_type: Some("disk.full".to_owned()),
            severity: None,
            conditions: None,
            words: String::new(),
            locked: locked.iter().map(|&key| key.to_owned()).collect(),
            storage_term_days: None,
            settings: Map::from_iter([("email".to_owned(), email)]),
        })
    }

    #[test]
    fn a_form_changes_what_its_modes_say() {
        let check = |posted: &str, before: Option<EntryView>, expected: Value| {
            let form = Form::parse(posted.as_bytes());
            let found = of_form(&form, &definitions(), &[before]);
            assert_eq!(Value::from(found), expected, "{posted}");
        };
        let set = || entry(json!({"notify": true, "sender": "a@b.c"}), &["email.sender"]);
        check("", set(), json!({}));
        check("mode.email.notify=keep&mode.email.sender=keep&email.sender=x", set(), json!({}));
        check("mode.email.notify=off", set(), json!({"email": {"notify": false}}));
        check("mode.email.notify=inherit", set(), json!({"email": {"notify": null}}));
        check("mode.email.notify=inherit", None, json!({}));
        check("mode.email.notify_about=inherit", set(), json!({}));
        let own = "mode.email.sender=own&email.sender=";
        check(own, None, json!({"email": {"sender": ""}}));
        let emptied = "mode.email.segments_max=own&email.segments_max=";
        check(emptied, None, json!({"email": {"segments_max": ""}}));
        check("mode.storage=own&storage_term_days=7", None, json!({"storage_term_days": 7}));
        check("mode.storage=own&storage_term_days=x", None, json!({"storage_term_days": "x"}));
        check("mode.storage=inherit", set(), json!({}));
    }

    #[test]
    fn a_relay_of_its_own_sets_what_differs_from_the_defaults() {
        let own = "mode.email.relay=own&email.servers=mx&email.port=25";
        let before = entry(json!({"servers": "old", "port": 587}), &[]);
        let found = of_form(&Form::parse(own.as_bytes()), &definitions(), &[before]);
        assert_eq!(Value::from(found), json!({"email": {"servers": "mx", "port": null}}));
        let back = Form::parse(b"mode.email.relay=inherit");
        let before = entry(json!({"servers": "old"}), &[]);
        let found = of_form(&back, &definitions(), &[before]);
        assert_eq!(Value::from(found), json!({"email": {"servers": null}}));
    }

    #[test]
    fn locks_are_named_whole_where_the_form_shows_them() {
        let check = |posted: &str, expected: Value| {
            let before = entry(json!({"sender": "a@b.c"}), &["email.sender"]);
            let found = of_form(&Form::parse(posted.as_bytes()), &definitions(), &[before]);
            assert_eq!(found.get("locked").cloned().unwrap_or(json!("unchanged")), expected);
        };
        check("lock=email.notify", json!("unchanged"));
        check("locks=on&lock=email.sender", json!("unchanged"));
        check("locks=on", json!(null));
        let both = json!(["email.notify", "email.sender"]);
        check("locks=on&lock=email.sender&lock=email.notify", both);
    }
}
