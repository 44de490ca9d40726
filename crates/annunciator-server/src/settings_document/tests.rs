//! Rules of the settings document, without a server.

use annunciator_channels::RelayLayer;
use annunciator_settings::{SECRET_MASK, SettingsLayer as _};

use super::*;

fn patched(patch: Value) -> Result<Configuration, Vec<FieldError>> {
    let Value::Object(patch) = patch else { panic!("an object") };
    merge(&Configuration::default(), &patch)
}

#[test]
fn a_wrong_document_names_every_field_and_the_remedy() {
    for (patch, pointer, code, remedy) in [
        (json!({"mail": {}}), "/mail", "unknown_field", "did you mean `email`?"),
        (json!({"email": {"server": []}}), "/email/server", "unknown_field", "`servers`"),
        (json!({"port": 25}), "/port", "unknown_field", "did you mean `email.port`?"),
        (json!({"email": {"dnssec": "off"}}), "/email/dnssec", "unknown_field", "`names.dnssec`"),
        (json!({"email": {"port": 70000}}), "/email/port", "range", "65535"),
        (json!({"email": 5}), "/email", "type", "object"),
        (json!({"email": {"tls": "maybe"}}), "/email/tls", "one_of", "required"),
        (json!({"email": {"subject": "100 %"}}), "/email/subject", "format", "%%"),
        (json!({"delivery": {"lifetime_s": 1}}), "/delivery/lifetime_s", "range", "60"),
    ] {
        let errors = patched(patch.clone()).expect_err("refused");
        assert_eq!(errors.len(), 1, "{patch}: {errors:?}");
        assert_eq!((errors[0].pointer.as_str(), errors[0].code.as_str()), (pointer, code));
        assert!(errors[0].detail.contains(remedy), "{}", errors[0].detail);
    }
    let errors = patched(json!({"email": {"port": 0, "tls": 3, "x": 1}})).expect_err("refused");
    assert_eq!(errors.len(), 3, "all problems are told at once");
}

#[test]
fn without_a_server_an_unknown_certificate_is_a_warning() {
    let check = |document: Value| {
        let Value::Object(document) = document else { panic!("an object") };
        let pointers = |errors: &[FieldError]| -> Vec<String> {
            errors.iter().map(|error| error.pointer.clone()).collect()
        };
        let verdict = super::check(&document);
        (pointers(&verdict.errors), pointers(&verdict.warnings))
    };
    let (none, email) = (Vec::<String>::new(), "/email/ca_certificates".to_owned());
    let id = json!("019aaa36");
    assert_eq!(check(json!({"email": {"port": 26}})), (none.clone(), none.clone()));
    let found = check(json!({"email": {"ca_certificates": id}}));
    assert_eq!(found, (none.clone(), vec![email.clone()]));
    let found = check(json!({"email": {"ca_certificates": id, "auth": "external"}}));
    assert_eq!(found, (vec!["/email/client_certificate".to_owned()], vec![email]));
    // Overrides and secrets too.
    let relay = json!({"servers": ["mail.example.org"], "auth": "password", "username": "u",
        "password": "<sealed:v1:AAAA>", "ca_certificates": id});
    let policy = json!({"name": "P", "application": "A", "events": [{"email": relay}]});
    let found = check(json!({"version": 1, "policies": [policy]}));
    let below = |key: &str| format!("/policies/0/events/0/email/{key}");
    assert_eq!(found, (none.clone(), vec![below("ca_certificates"), below("password")]));
    assert_eq!(check(json!({"version": 2})), (vec!["/version".to_owned()], none));
}

#[test]
fn the_settings_that_use_an_object_are_named() {
    let layer = patched(json!({"email": {"ca_certificates": "a", "dkim_key": "b",
        "client_certificate": "a"}}))
    .unwrap();
    let uses = ["email.ca_certificates", "email.client_certificate"];
    assert_eq!(uses_of_certificate(&layer, "a"), uses);
    assert_eq!(uses_of_certificate(&layer, "c"), Vec::<String>::new());
    assert!(!layer.holds_secret());
    assert!(patched(json!({"email": {"oauth_refresh_token": "x"}})).unwrap().holds_secret());
    // Every setting that holds the id of an object is looked at.
    let documented = |row: &&Definition| row.doc().starts_with("Certificate object");
    let keys: Vec<_> =
        RelayLayer::definitions().iter().filter(documented).map(|row| row.key).collect();
    assert_eq!(keys, CERTIFICATE_KEYS);
}

#[test]
fn a_changed_resolver_asks_for_the_secrets_again() {
    let layer = patched(json!({"email": {
        "servers": "mail.example.org", "auth": "password", "username": "u", "password": "p"}}))
    .unwrap();
    let change = |patch: Value| {
        let Value::Object(patch) = patch else { panic!("an object") };
        merge(&layer, &patch)
            .err()
            .map(|errors| (errors[0].pointer.clone(), errors[0].code.clone()))
    };
    let refused = Some(("/email/password".to_owned(), "retype".to_owned()));
    for (patch, expected) in [
        (json!({"names": {"dns_servers": ["192.0.2.1"]}}), refused.clone()),
        (json!({"names": {"trust_anchors": [". IN DS 1 13 2 AB"]}}), refused.clone()),
        (
            json!({"names": {"dns_servers": ["192.0.2.1"]}, "email": {"password": "<secret>"}}),
            refused,
        ),
        (json!({"names": {"dns_servers": ["192.0.2.1"]}, "email": {"password": "p"}}), None),
        (json!({"names": {"dns_servers": ["192.0.2.1"]}, "email": {"password": null}}), None),
        (json!({"names": {"dnssec": "validate"}}), None),
        (json!({"email": {"port": 25}}), None),
    ] {
        assert_eq!(change(patch.clone()), expected, "{patch}");
    }
}

#[test]
fn a_changed_resolver_asks_for_the_secrets_of_overrides_too() {
    let relay = |password: &str| {
        json!({"servers": ["mail.example.org"], "auth": "password", "username": "u",
            "password": password})
    };
    let whole = |names: Value, row: &str, policy: &str| {
        let document = json!({
            "names": names,
            "event_configuration": [
                {"application": "A", "type": "x", "sms": {"notify": false}},
                {"application": "A", "type": "disk.full", "email": relay(row)},
            ],
            "policies": [{"name": "P", "application": "A", "events": [
                {"sms": {"notify": false}},
                {"type": "disk.full", "email": relay(policy)},
            ]}],
        });
        let Value::Object(document) = document else { panic!("an object") };
        document
    };
    let current = replace(&Configuration::default(), &whole(json!({}), "p", "q")).unwrap();
    let told = |made: Result<Configuration, Vec<FieldError>>| -> Vec<String> {
        let errors = made.err().unwrap_or_default();
        assert!(errors.iter().all(|error| error.code == "retype"), "{errors:?}");
        errors.into_iter().map(|error| error.pointer + " " + &error.detail).collect()
    };
    let (row, policy) =
        ("/event_configuration/1/email/password", "/policies/0/events/1/email/password");
    let other = json!({"dns_servers": ["192.0.2.1"]});
    for (names, of_row, of_policy, refused) in [
        (json!({}), "<secret>", "<secret>", vec![]),
        (other.clone(), "p", "q", vec![]),
        (other.clone(), "other", "q", vec![]),
        (other.clone(), "<secret>", "q", vec![row]),
        (other.clone(), "p", "<secret>", vec![policy]),
        (other.clone(), "<secret>", "<secret>", vec![row, policy]),
    ] {
        let found = told(replace(&current, &whole(names, of_row, of_policy)));
        assert_eq!(found.len(), refused.len(), "{found:?}");
        for (found, pointer) in found.iter().zip(refused) {
            assert!(found.starts_with(&format!("{pointer} ")), "{found}");
            assert!(found.contains("type it again"), "{found}");
        }
    }
    // A patch has no place for them.
    let Value::Object(patch) = json!({"names": other}) else { panic!("an object") };
    let found = told(merge(&current, &patch));
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with(row) && found[0].contains("`annunciator settings apply`"));
    assert!(lay_over(&current, &patch).is_ok(), "what sends nothing needs no secret again");
}

#[test]
fn a_document_survives_the_store_and_its_secrets_are_sealed_there() {
    let folder = tempfile::tempdir().unwrap();
    let sealer = Sealer::open(&folder.path().join("key")).unwrap();
    let layer = patched(json!({
        "email": {"servers": "mail.example.org", "recipients": ["a@example.org"],
                  "auth": "password", "username": "u", "password": "canary"},
        "delivery": {"lifetime_s": 3600},
    }))
    .unwrap();
    let stored = to_stored(&layer, &sealer);
    assert!(!stored.contains("canary"));
    assert_eq!(from_stored(&stored, &sealer).unwrap(), layer);
    assert_eq!(masked(&stored)["email"]["password"], SECRET_MASK);
    let audit = Value::Object(difference(&Configuration::default(), &layer)).to_string();
    assert!(audit.contains("email.password") && !audit.contains("canary"));
}

#[test]
fn a_lost_key_loses_the_secret_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let sealer = Sealer::open(&folder.path().join("key")).unwrap();
    let layer = patched(json!({
        "email": {"servers": "mail.example.org", "auth": "password", "username": "u",
                  "password": "canary"},
    }))
    .unwrap();
    let stored = to_stored(&layer, &sealer);
    let other = Sealer::open(&folder.path().join("other")).unwrap();
    let opened = from_stored(&stored, &other).unwrap();
    let mut expected = layer;
    expected.server.channels.email.relay.password = Some(annunciator_settings::Secret::default());
    assert_eq!(opened, expected);
    let book = SettingsBook::offline();
    let (channels, none) = (book.channels(), CertificateBook::default());
    assert_eq!(Snapshot::compile(channels, &none, opened.clone(), 1).revision, 1, "it starts");
    let refused = Snapshot::check(channels, &none, opened, 1).err().expect("nobody can save it");
    assert_eq!(refused[0].pointer, "/email/password");
}
