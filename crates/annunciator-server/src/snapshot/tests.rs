//! Which value holds, and whose it is: situations with what must come out, written by hand.

mod law;
mod relay;
mod situations;

use annunciator_certificates::CertificateBook;
use annunciator_core::{Application, Device, Event, EventUid, ParameterValue, Severity, Timestamp};
use serde_json::{Map, Value, json};

use super::{SettingsBook, Snapshot};
use crate::configuration::Configuration;
use crate::settings_document;

/// A configuration of the application `Guard` in its parts.
#[derive(Clone, Default)]
struct Situation {
    name: &'static str,
    document: Map<String, Value>,
    /// What differs from [`usual_event`].
    event: Value,
}

/// Begins a situation: the server's own subject is `server`.
fn situation(name: &'static str) -> Situation {
    let groups = json!(["A/B/C", "A/D", "E"]);
    let email = json!({"subject": "server", "servers": "server.example.org"});
    let document = Map::from_iter([("groups".into(), groups), ("email".into(), email)]);
    Situation { name, document, event: json!({}) }
}

/// `"*"` for all events, `"!info"` for a severity, else a type.
fn selector(word: &str) -> Map<String, Value> {
    let pair = match word.strip_prefix('!') {
        Some(severity) => ("severity", severity),
        None if word == "*" => return Map::new(),
        None => ("type", word),
    };
    Map::from_iter([(pair.0.to_owned(), json!(pair.1))])
}

/// An entry that sets the subject.
fn subject(events: &str, text: &str) -> Value {
    entry(events, json!({"email": {"subject": text}}))
}

/// An entry that sets the subject and locks it.
fn fixed(events: &str, text: &str) -> Value {
    entry(events, json!({"email": {"subject": text}, "locked": ["email.subject"]}))
}

/// An entry that turns e-mail on or off.
fn notify(events: &str, on: bool) -> Value {
    entry(events, json!({"email": {"notify": on}}))
}

fn entry(events: &str, sets: Value) -> Value {
    let mut row = selector(events);
    row.extend(object(sets));
    row.into()
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("an object") };
    fields
}

/// The same entry under a condition on the parameter `free`.
fn when_free_is_below(limit: u32, mut entry: Value) -> Value {
    entry["conditions"] = json!([{"field": "parameters.free", "op": "less", "value": limit}]);
    entry
}

impl Situation {
    fn push(mut self, key: &str, row: Value) -> Self {
        let list = self.document.entry(key).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().push(row);
        self
    }

    /// Sets something of the server-wide e-mail settings.
    fn server(mut self, key: &str, value: Value) -> Self {
        self.document["email"][key] = value;
        self
    }

    /// An entry of the event configuration of `Guard`.
    fn events(self, mut entry: Value) -> Self {
        entry["application"] = json!("Guard");
        self.push("event_configuration", entry)
    }

    /// A policy for `Guard`, named like its group.
    fn policy(self, group: &str, entries: Value) -> Self {
        self.policy_with(group, json!({}), entries)
    }

    fn policy_with(self, group: &str, attributes: Value, entries: Value) -> Self {
        let name = if group.is_empty() { "root" } else { group };
        let mut row = object(attributes);
        for (key, value) in [("name", name), ("application", "Guard"), ("group", group)] {
            row.entry(key).or_insert_with(|| json!(value));
        }
        row.insert("events".to_owned(), entries);
        self.push("policies", row.into())
    }

    /// Settings of `Guard` on a device.
    fn on(self, device: &str, entries: Value) -> Self {
        let mut row = object(json!({"application": "Guard", "device": device}));
        row.insert("events".to_owned(), entries);
        self.push("application_settings", row.into())
    }

    /// An event that differs in this.
    fn event(mut self, key: &str, value: Value) -> Self {
        self.event[key] = value;
        self
    }

    fn configuration(&self) -> Configuration {
        settings_document::replace(&Configuration::default(), &self.document)
            .unwrap_or_else(|errors| panic!("{}: {errors:?}", self.name))
    }

    fn snapshot(&self) -> Snapshot {
        let book = SettingsBook::offline();
        let certificates = CertificateBook::default();
        Snapshot::check(book.channels(), &certificates, self.configuration(), 1)
            .unwrap_or_else(|errors| panic!("{}: {errors:?}", self.name))
    }

    /// Checks values and origins: `("subject", "text", "policy A")`, an origin behind which `!`
    /// stands is locked.
    fn expect(self, expected: &[(&str, Value, &str)]) {
        let (snapshot, event) = (self.snapshot(), usual_event(&self.event));
        let holding = snapshot.holding(&event);
        let at = snapshot.channels().iter().position(|one| one.name().as_str() == "email");
        let values = snapshot.effective(at.unwrap(), &holding.layers);
        for (key, value, origin) in expected {
            let found = match *key {
                "on" => {
                    let (on, reason) = holding.profiles[0].switch.decide(event.severity);
                    assert_eq!(json!(on), *value, "{}: {reason}", self.name);
                    assert!(reason.contains(origin), "{}: {reason}", self.name);
                    continue;
                }
                "storage_term_days" => {
                    let term = snapshot.storage_term(&holding.layers);
                    term.map(|(days, origin)| (json!(days), short(&origin.to_string(), false)))
                }
                key => values
                    .iter()
                    .find(|one| one.key == key)
                    .map(|one| (one.value.clone(), short(&one.origin.to_string(), one.locked))),
            };
            let wanted = (!value.is_null()).then(|| (value.clone(), (*origin).to_owned()));
            assert_eq!(found, wanted, "{}: {key}", self.name);
        }
    }
}

/// `from policy A` → `policy A`, and so on.
fn short(words: &str, is_locked: bool) -> String {
    let short = match words {
        "compiled default" => "default",
        "server-wide settings" => "server",
        "event configuration" => "events",
        words if words.starts_with("from application") => "app",
        words => words.trim_start_matches("from "),
    };
    format!("{short}{}", if is_locked { "!" } else { "" })
}

/// A critical `disk.full` of `Guard` on pc-17 in A/B, with 3 free, but for what is given.
fn usual_event(given: &Value) -> Event {
    let text =
        |key: &str, usual: &str| given.get(key).and_then(Value::as_str).unwrap_or(usual).to_owned();
    let severity: Severity = text("severity", "critical").parse().unwrap();
    let free = given.get("free").and_then(Value::as_i64).unwrap_or(3);
    Event {
        uid: EventUid::from_parts(1, [0; 10]),
        id: "1".into(),
        event_type: text("type", "disk.full"),
        type_name: String::new(),
        severity,
        application: Application { name: text("application", "Guard"), version: String::new() },
        device: Device {
            name: text("device", "pc-17"),
            group: text("group", "A/B"),
            ..Device::default()
        },
        task: String::new(),
        description: String::new(),
        occurred_at: Timestamp(0),
        registered_at: Timestamp(0),
        parameters: [("free".to_owned(), ParameterValue::Integer(free))].into(),
    }
}

#[test]
fn no_claim_is_longer_than_stores_reckon_with() {
    let with = |attempt_s_max: u32| {
        let mut situation = situation("the longest attempt");
        let delivery = json!({"attempt_s_max": attempt_s_max});
        situation.document.insert("delivery".to_owned(), delivery);
        situation
    };
    assert_eq!(with(7_200).snapshot().claim_ms(), annunciator_store::LEASE_MS_MAX);
    let longer = settings_document::replace(&Configuration::default(), &with(7_201).document);
    assert!(longer.is_err(), "it is refused");
}
