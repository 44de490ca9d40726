//! Laws of whole documents: what leaves comes back the same, and secrets open where they belong.

use std::collections::HashMap;

use annunciator_certificates::{Authorities, CertificateObject};
use annunciator_settings::{Definition, Kind, Place};

use super::*;
use crate::settings_document::plan::plan;
use crate::settings_document::{from_stored, merge, shown, to_stored};

/// Texts for settings of every kind; each setting takes the first that its checks let pass.
const TEXTS: [&str; 17] = [
    "first 'line'\nsecond \"line\" of %EVENT%\\n\n",
    "some words",
    "mail.example.org",
    "robot@example.org",
    "192.0.2.1",
    "192.0.2.1:53",
    "https://login.example.org/token",
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    "+49 30 901820",
    "/usr/bin/true",
    "alerts2026",
    "GET",
    "2030-01-31",
    "DE",
    "Europe/Berlin",
    "%Y-%m-%d",
    "ru",
];

fn sealer(folder: &tempfile::TempDir, name: &str) -> Sealer {
    Sealer::open(&folder.path().join(name)).unwrap()
}

fn candidates(kind: &Kind) -> Vec<Value> {
    match kind {
        Kind::Bool => vec![json!(true), json!(false)],
        Kind::Integer { min, max, .. } => vec![json!(max), json!(min), json!(min + 1)],
        Kind::Text { .. } | Kind::Secret { .. } => TEXTS.iter().map(|text| json!(text)).collect(),
        Kind::Choice(choices) => choices.iter().map(|choice| json!(choice.value)).collect(),
        Kind::List { of, .. } => candidates(of).into_iter().map(|item| json!([item])).collect(),
        Kind::Severities => vec![json!(["critical", "info"])],
        Kind::Scalars { .. } => vec![json!(["text", 2.5, true])],
        Kind::Optional(of) => candidates(of),
        Kind::Object(fields) => {
            // The last text fits every field that must be given.
            let last =
                |field: &Definition| (field.default)().or_else(|| candidates(&field.kind()).pop());
            let field = |field: &Definition| Some((field.key.to_owned(), last(field)?));
            vec![Value::Object(fields.iter().filter_map(field).collect())]
        }
    }
}

/// Sets every setting of a group that can be set there to something else than its default.
fn fill(group: &mut dyn LayerGroup, not_at: Place) {
    let mut rows = group.rows();
    // Secrets last: a changed relay would ask for them again.
    rows.sort_by_key(|row| row.is_secret());
    for row in rows.into_iter().filter(|row| row.place() != not_at) {
        let is_set = candidates(&row.kind())
            .into_iter()
            .filter(|value| Some(value) != (row.default)().as_ref())
            .any(|value| group.patch(&json!({ row.key: value })).is_ok());
        assert!(is_set, "no text of the list is good for `{}`: add one", row.key);
    }
}

/// A configuration that uses every setting, in the server-wide layer and in overrides.
fn everything() -> Configuration {
    let rows = json!({
        "groups": ["Plant A/Line 2", "Büro \"quoted\""],
        "event_configuration": [
            {"application": "Guard", "type": "disk.full"},
            {"application": "Guard", "severity": "info", "storage_term_days": 0},
        ],
        "policies": [
            {"name": "Plant A", "application": "Guard", "group": "Plant A", "force_children": true,
             "events": [
                {"type": "disk.full", "locked": ["email.recipients"]},
                {"type": "disk.full",
                 "conditions": [{"field": "device", "op": "equals", "value": "pc-\"17\""}]},
                {},
             ]},
            {"name": "Empty", "application": "Guard", "enabled": false, "inherit": false},
        ],
        "application_settings": [
            {"application": "Guard", "device": "pc-17", "events": [{"severity": "critical"}]},
            {"application": "Guard", "device": "pc-18"},
        ],
    });
    let mut all = replace(&Configuration::default(), rows.as_object().unwrap()).unwrap();
    for (_, group) in all.server.groups_mut() {
        fill(group, Place::OverrideOnly);
    }
    for owned in &mut all.overrides.owned {
        for entry in &mut owned.entries {
            for (_, group) in entry.content.groups_mut() {
                fill(group, Place::ServerOnly);
            }
        }
    }
    all
}

#[test]
fn what_leaves_comes_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (sealer, other) = (sealer(&folder, "key"), sealer(&folder, "other"));
    let none = CertificateBook::default();
    let seal = DocumentSeal { sealer: &sealer, certificates: &none };
    let all = everything();
    assert_eq!(from_stored(&to_stored(&all, &sealer), &sealer).unwrap(), all);

    let masked = shown(&all);
    let again = seal.read(&all, &masked).unwrap();
    assert_eq!(again, all, "a document without secrets, given back");
    assert_eq!(plan(&all, &again), []);

    let sealed = seal.write(&all);
    assert_eq!(seal.read(&all, &sealed).unwrap(), all);
    let fresh = seal.read(&Configuration::default(), &sealed).unwrap();
    assert_eq!(fresh, all, "on a fresh server with the same key file");
    assert_eq!(seal.write(&fresh), sealed, "the same text again");

    let mut secrets = Vec::new();
    for_each_secret(&mut masked.clone(), "", &mut |pointer, _| secrets.push(pointer));
    assert!(secrets.len() >= 18, "{secrets:?}");
    let stranger = DocumentSeal { sealer: &other, certificates: &none };
    let refused = stranger.read(&Configuration::default(), &sealed).expect_err("another key file");
    let mut found: Vec<_> = refused.iter().map(|error| error.pointer.clone()).collect();
    found.sort();
    secrets.sort();
    assert_eq!(found, secrets);
    assert!(refused.iter().all(|error| error.code == "sealed"));
}

#[test]
fn a_plan_names_what_changes_and_nothing_else() {
    let all = everything();
    let change = |path: &str, value: Value| {
        let mut document = Value::Object(shown(&all));
        *document.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
        let next = replace(&all, document.as_object().unwrap()).unwrap();
        plan(&all, &next).into_iter().map(|one| (one.name, one.from, one.to)).collect::<Vec<_>>()
    };
    let one = |name: &str, from: Value, to: Value| vec![(name.to_owned(), from, to)];
    let subject = json!("short");
    let before = shown(&all)["email"]["subject"].clone();
    assert_eq!(
        change("/email/subject", subject.clone()),
        one("email.subject", before.clone(), subject.clone())
    );
    let name = "policy/Plant A/type disk.full: email.subject";
    assert_eq!(
        change("/policies/0/events/0/email/subject", subject.clone()),
        one(name, before, subject)
    );
    assert_eq!(
        change("/policies/0/events/0/locked", json!([])),
        one("policy/Plant A/type disk.full: locked", json!(["email.recipients"]), Value::Null)
    );
    let secret = change("/email/password", json!("another"));
    assert_eq!(secret, one("email.password", json!("<secret>"), json!("<secret>")));
    assert_eq!(
        change("/groups/0", json!("Büro")),
        [
            one("groups/Büro", Value::Null, json!(true)),
            one("groups/Büro \"quoted\"", json!(true), Value::Null)
        ]
        .concat()
    );
    assert_eq!(
        change(
            "/application_settings",
            json!([{"application": "Guard", "device": "pc-17",
            "events": []}])
        )
        .first()
        .map(|(name, ..)| name.clone()),
        Some("application/Guard@pc-17/severity critical".to_owned())
    );
    let empty =
        change("/application_settings/1", json!({"application": "Guard", "device": "pc-19"}));
    assert_eq!(
        empty,
        [
            one("application/Guard@pc-18", json!(true), Value::Null),
            one("application/Guard@pc-19", Value::Null, json!(true))
        ]
        .concat()
    );
    let mut document = shown(&all);
    document["event_configuration"].as_array_mut().unwrap().reverse();
    let next = replace(&all, &document).unwrap();
    let names: Vec<_> = plan(&all, &next).into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["order of entries"]);
}

/// A relay with a password and a private authority.
fn relay(authority: &str) -> Configuration {
    let relay = json!({
        "email": {"servers": ["mail.example.org"], "port": 587, "auth": "password",
                  "username": "u", "password": "canary", "ca_certificates": authority},
        "names": {"dns_servers": ["192.0.2.1"]},
    });
    merge(&Configuration::default(), relay.as_object().unwrap()).unwrap()
}

fn book(id: &str, certificate: &[u8]) -> CertificateBook {
    let authorities = Authorities { certificates: vec![certificate.to_vec()] };
    CertificateBook::new(HashMap::from([(
        id.to_owned(),
        CertificateObject::Authorities(authorities),
    )]))
}

#[test]
fn a_sealed_secret_opens_for_the_server_that_it_was_typed_for_alone() {
    let folder = tempfile::tempdir().unwrap();
    let sealer = sealer(&folder, "key");
    let here = book("one", b"root");
    let sealed = DocumentSeal { sealer: &sealer, certificates: &here }.write(&relay("one"));
    let check = |path: &str, value: Value, certificates: &CertificateBook, opens: bool| {
        let mut document = Value::Object(sealed.clone());
        if !path.is_empty() {
            let (above, key) = path.rsplit_once('/').unwrap();
            document.pointer_mut(above).unwrap()[key] = value;
        }
        let seal = DocumentSeal { sealer: &sealer, certificates };
        let found = seal.read(&Configuration::default(), document.as_object().unwrap());
        let pointers = found.map_err(|errors| errors[0].pointer.clone()).map(|_| ());
        let expected = if opens { Ok(()) } else { Err("/email/password".to_owned()) };
        assert_eq!(pointers, expected, "{path}");
    };
    check("", Value::Null, &here, true);
    check("/email/subject", json!("x"), &here, true);
    check("/email/port", json!(465), &here, false);
    check("/email/servers", json!(["evil.example.org"]), &here, false);
    check("/email/allow_auth_without_tls", json!(true), &here, false);
    check("/names/dns_servers", json!(["198.51.100.1"]), &here, false);
    // The object is what it holds, not what it is called.
    check("/email/ca_certificates", json!("two"), &book("two", b"root"), true);
    check("", Value::Null, &book("one", b"toor"), false);
    check("/email/password", json!("<sealed:v1:AAAA>"), &here, false);
    check("/email/password", json!("\u{1}sealed 7"), &here, false);
    check("/email/password", json!("typed"), &book("one", b"toor"), true);
}

#[test]
fn a_changed_resolver_asks_for_a_secret_that_is_not_typed() {
    let before = relay("");
    let check = |password: &str, expected: Option<&str>| {
        let mut document = shown(&before);
        document["names"]["dns_servers"] = json!(["198.51.100.1"]);
        document["email"]["password"] = json!(password);
        let found = replace(&before, &document).err().map(|errors| errors[0].code.clone());
        assert_eq!(found.as_deref(), expected, "{password}");
    };
    check("<secret>", Some("retype"));
    check("another", None);
    check("canary", None);
}

#[test]
fn a_sealed_secret_of_a_patch_is_no_password() {
    let patch = json!({"email": {"password": "<sealed:v1:AAAA>"}});
    let refused =
        merge(&Configuration::default(), patch.as_object().unwrap()).expect_err("refused");
    assert_eq!(refused[0].code, "sealed");
    let patch = json!({"version": 1, "policies": []});
    let refused =
        merge(&Configuration::default(), patch.as_object().unwrap()).expect_err("refused");
    assert_eq!((refused[0].pointer.as_str(), refused.len()), ("/policies", 1));
    assert!(refused[0].detail.contains("settings apply"), "{}", refused[0].detail);
}

#[test]
fn a_newer_form_is_refused_with_words() {
    let check = |version: Value, expected: Option<&str>| {
        let document = Map::from_iter([(VERSION_KEY.to_owned(), version.clone())]);
        let found = take_version(&document).map_err(|errors| errors[0].detail.clone());
        match (found, expected) {
            (Ok(rest), None) => assert!(rest.is_empty()),
            (Err(words), Some(expected)) => assert!(words.contains(expected), "{words}"),
            (found, _) => panic!("{version}: {found:?}"),
        }
    };
    check(json!(1), None);
    check(json!(2), Some("use a newer server"));
    check(json!(0), Some("must be 1"));
    check(json!("1"), Some("must be 1"));
    assert_eq!(take_version(&Map::new()), Ok(Map::new()));
    let missing = check_version(&Map::new()).expect_err("a whole document says its version");
    assert_eq!((missing[0].pointer.as_str(), missing[0].code.as_str()), ("/version", "required"));
}

#[test]
fn a_revision_comes_back_with_the_secrets_that_still_open() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (sealer(&folder, "key"), sealer(&folder, "other"));
    let all = everything();
    let stored = to_stored(&all, &ours);
    let opened = open_stored(&stored, &ours, &|_| false).unwrap();
    assert_eq!((opened.configuration, opened.lost), (all.clone(), vec![]));

    let mut secrets = Vec::new();
    for_each_secret(&mut shown(&all), "", &mut |pointer, _| secrets.push(pointer));
    let check = |opened: Opened| {
        let mut lost = opened.lost;
        lost.sort();
        let mut expected = secrets.clone();
        expected.sort();
        assert_eq!(lost, expected);
        assert!(!opened.configuration.holds_secret());
        let mut rest = all.clone();
        for_each_group(&mut rest, &mut |_, _, group| {
            let keys: Vec<_> = group.secrets().into_iter().map(|(key, _)| key).collect();
            for key in keys {
                group.patch(&json!({ key: null })).unwrap();
            }
        });
        assert_eq!(opened.configuration, rest, "nothing else is lost");
    };
    check(open_stored(&stored, &other, &|_| false).unwrap());
    check(open_stored(&stored, &ours, &|_| true).unwrap());
}
