//! Every field × every rule, in rows.

use annunciator_core::Timestamp;
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp(1_795_325_400_007);

fn sample() -> Value {
    json!({
        "id": "a1", "type": "disk.full", "type_name": "Disk full", "severity": "critical",
        "application": {"name": "Storage Guard", "version": "1.4"},
        "device": {"name": "pc-17", "ip": "10.0.0.17", "connection_ip": "2001:db8::1",
                   "domain": "PLANT", "group": "Plant A/Line 2"},
        "task": "scan", "description": "Volume D: has 1 % left",
        "occurred_at": "2026-11-22T05:30:00.000Z", "parameters": {"free_percent": 1}
    })
}

fn sample_with(pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut event = sample();
    event.pointer_mut(parent).unwrap()[key] = value;
    event
}

fn validated(event: Value, is_list: bool) -> Result<Vec<Event>, Vec<FieldError>> {
    let batch = Batch { inputs: vec![serde_json::from_value(event).unwrap()], is_list };
    validate(batch, NOW, || EventUid::from_parts(1, [7; 10]))
}

/// Sets one field of a good event; expects these codes at its pointer and nothing else.
fn check(pointer: &str, value: impl Into<Value>, expected: &[&str]) {
    let value = value.into();
    let shown = annunciator_core::one_line(&value.to_string(), 40);
    let errors = validated(sample_with(pointer, value), false).err().unwrap_or_default();
    let found: Vec<(&str, &str)> =
        errors.iter().map(|e| (e.pointer.as_str(), e.code.as_str())).collect();
    let expected: Vec<(&str, &str)> = expected.iter().map(|code| (pointer, *code)).collect();
    assert_eq!(found, expected, "{pointer} = {shown}");
}

#[test]
fn a_whole_event_comes_through_as_it_was_given() {
    let event = validated(sample(), false).unwrap().remove(0);
    let mut stored = serde_json::to_value(&event).unwrap();
    let mut given = sample();
    // The stored form names the type otherwise and adds what is made here.
    given["event_type"] = given["type"].take();
    given.as_object_mut().unwrap().remove("type");
    assert_eq!(stored["registered_at"].take(), "2026-11-22T05:30:00.007Z");
    stored.as_object_mut().unwrap().retain(|key, _| key != "registered_at" && key != "uid");
    assert_eq!(stored, given);
}

#[test]
fn what_is_absent_is_made_or_left_empty() {
    let least = json!({"type": "t", "severity": "info", "application": {"name": "a"}});
    let event = validated(least, false).unwrap().remove(0);
    assert_eq!(event.id, event.uid.to_string());
    assert_eq!((event.occurred_at, event.registered_at), (NOW, NOW));
    assert_eq!(event.device, Device::default());
    assert!(event.parameters.is_empty());
}

#[test]
fn three_fields_are_required() {
    let errors = validated(json!({}), false).unwrap_err();
    let found: Vec<_> = errors.iter().map(|e| (e.pointer.as_str(), e.code.as_str())).collect();
    let expected =
        [("/type", "required"), ("/severity", "required"), ("/application/name", "required")];
    assert_eq!(found, expected);
    for pointer in ["/type", "/severity", "/application/name"] {
        check(pointer, "", &["required"]);
    }
    check("/type", " ", &["required"]);
    check("/application/name", "\t", &["required"]);
}

#[test]
fn a_severity_is_one_of_four_words() {
    for word in ["info", "warning", "failure", "critical"] {
        check("/severity", word, &[]);
    }
    for word in ["Critical", "error", "4", "critical ", "\u{0}"] {
        check("/severity", word, &["one_of"]);
    }
    let errors = validated(sample_with("/severity", "fatal".into()), false).unwrap_err();
    assert_eq!(errors[0].detail, "must be info, warning, failure or critical");
}

#[test]
fn every_text_has_its_longest_length_in_characters() {
    for (pointer, chars_max) in [
        ("/id", 256),
        ("/type", 256),
        ("/type_name", 100),
        ("/application/name", 256),
        ("/application/version", 256),
        ("/device/name", 256),
        ("/device/domain", 256),
        ("/device/group", 1_024),
        ("/task", 100),
        ("/description", 65_536),
        ("/parameters/free_percent", 16_384),
    ] {
        check(pointer, "ä".repeat(chars_max), &[]);
        check(pointer, "x".repeat(chars_max + 1), &["too_long"]);
        check(pointer, "ä".repeat(chars_max + 1), &["too_long"]);
    }
}

#[test]
fn names_hold_no_control_characters_and_prose_no_nul() {
    let controls = ["\u{0}", "\n", "\r", "\t", "\u{7f}", "\u{85}", "\u{1b}[31m"];
    for pointer in [
        "/id",
        "/type",
        "/type_name",
        "/application/name",
        "/application/version",
        "/device/name",
        "/device/domain",
        "/device/group",
        "/task",
    ] {
        for control in controls {
            check(pointer, format!("a{control}b"), &["control_character"]);
        }
        check(pointer, "Ünïcode – „ok“ 漢字 😀", &[]);
    }
    for pointer in ["/description", "/parameters/free_percent"] {
        for control in &controls[1..] {
            check(pointer, format!("a{control}b"), &[]);
        }
        check(pointer, "a\u{0}b", &["control_character"]);
    }
}

#[test]
fn addresses_are_ip_addresses() {
    for pointer in ["/device/ip", "/device/connection_ip"] {
        for (text, expected) in [
            ("", &[][..]),
            ("192.0.2.1", &[]),
            ("2001:db8::1", &[]),
            ("::ffff:192.0.2.1", &[]),
            ("192.0.2.256", &["format"]),
            ("192.0.2.1:80", &["format"]),
            ("[::1]", &["format"]),
            ("pc-17", &["format"]),
            ("192.0.2.1\n", &["format"]),
        ] {
            check(pointer, text, expected);
        }
    }
}

#[test]
fn times_are_rfc_3339_in_sane_years() {
    for (text, expected) in [
        ("2026-11-22T05:30:00Z", &[][..]),
        ("2026-11-22t05:30:00.123456789z", &[]),
        ("2026-11-22 05:30:00+03:00", &[]),
        ("1970-01-01T00:00:00Z", &[]),
        ("9999-12-30T00:00:00Z", &[]),
        ("9999-12-31T23:59:59.999Z", &[]),
        ("9999-12-31T23:59:59-05:00", &[]),
        ("9999-12-31T25:00:00Z", &["format"]),
        ("9999-12-32T00:00:00Z", &["format"]),
        ("1969-12-31T23:59:59Z", &["range"]),
        ("0001-01-01T00:00:00Z", &["range"]),
        ("", &["format"]),
        ("2026-11-22", &["format"]),
        ("2026-11-22T05:30:00", &["format"]),
        ("2026-11-22T05:30Z", &["format"]),
        ("2026-11-22T05:30:00.Z", &["format"]),
        ("2026-13-22T05:30:00Z", &["format"]),
        ("2026-02-30T05:30:00Z", &["format"]),
        ("2026-11-22T25:30:00Z", &["format"]),
        ("2026-11-22T05:30:00+0300", &["format"]),
        ("2026-11-22T05:30:00+03:00[Europe/Moscow]", &["format"]),
        ("+02026-11-22T05:30:00Z", &["format"]),
        ("1795325400", &["format"]),
        ("yesterday", &["format"]),
    ] {
        check("/occurred_at", text, expected);
    }
}

#[test]
fn parameters_are_named_with_letters_digits_and_three_marks() {
    let long = "n".repeat(101);
    for (name, expected) in [
        ("free_percent", None),
        ("a.b-c_9", None),
        ("Füllstand", None),
        (&long[1..], None),
        ("", Some(("/parameters/", "format"))),
        ("a b", Some(("/parameters/a b", "format"))),
        ("a/b", Some(("/parameters/a~1b", "format"))),
        ("a~b", Some(("/parameters/a~0b", "format"))),
        ("a%b", Some(("/parameters/a%b", "format"))),
        ("a\nb", Some(("/parameters/a b", "format"))),
        (&long, Some(("", "too_long"))),
    ] {
        let event = sample_with("/parameters", json!({ name: "value" }));
        let errors = validated(event, false).err().unwrap_or_default();
        assert_eq!(errors.len(), usize::from(expected.is_some()), "{name:?}: {errors:?}");
        for (error, (pointer, code)) in errors.iter().zip(expected) {
            assert_eq!(error.code, code, "{name:?}");
            assert!(error.pointer.starts_with(pointer), "{name:?}: {}", error.pointer);
        }
    }
}

#[test]
fn parameters_hold_all_plain_values_and_no_more_than_256() {
    check("/parameters", json!({"a": true, "b": -3, "c": 0.5, "d": "text", "e": u64::MAX}), &[]);
    let many = |count: usize| -> Value {
        (0..count).map(|n| (format!("p{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into()
    };
    check("/parameters", many(256), &[]);
    check("/parameters", many(257), &["too_many"]);
    let mut errors = Findings { errors: Vec::new(), position: None };
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308] {
        parameter("n", ParameterInput::Number(number), &mut errors);
    }
    let codes: Vec<&str> = errors.errors.iter().map(|error| error.code.as_str()).collect();
    assert_eq!(codes, ["range"; 3]);
}

#[test]
fn all_errors_of_all_events_are_told_with_their_positions() {
    let input = |event: Value| serde_json::from_value(event).unwrap();
    let batch = Batch {
        inputs: vec![
            input(sample_with("/severity", "fatal".into())),
            input(sample()),
            input(sample_with("/device/ip", "nowhere".into())),
        ],
        is_list: true,
    };
    let errors = validate(batch, NOW, || EventUid::from_parts(1, [7; 10])).unwrap_err();
    let found: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(found, ["/0/severity", "/2/device/ip"]);
}

#[test]
fn errors_are_told_up_to_a_bound() {
    let input: EventInput = serde_json::from_value(json!({})).unwrap();
    let batch = Batch { inputs: vec![input; 1_000], is_list: true };
    let errors = validate(batch, NOW, || EventUid::from_parts(1, [7; 10])).unwrap_err();
    assert_eq!(errors.len(), ERRORS_MAX);
}

#[test]
fn types_of_incidents_are_not_taken_from_outside() {
    let check = |event_type: &str, expected: Option<&str>| {
        let inputs = vec![
            serde_json::from_value(sample()).unwrap(),
            serde_json::from_value(sample_with("/type", event_type.into())).unwrap(),
        ];
        let errors = find_reserved_types(&Batch { inputs, is_list: true });
        let found: Vec<_> = errors.iter().map(|e| (&*e.pointer, &*e.code)).collect();
        let place = expected.map(|_| ("/1/type", "reserved"));
        assert_eq!(found, place.into_iter().collect::<Vec<_>>(), "{event_type}");
        assert!(errors.first().is_none_or(|e| e.detail.contains(expected.unwrap())), "{errors:?}");
    };
    check("incident.forecaster", Some("POST /api/v1/incidents"));
    check("incident.", Some("POST /api/v1/incidents"));
    check("incident_status.forecaster", Some("POST /api/v1/incidents/ID/status"));
    for event_type in ["incident", "incidents.new", "incident_status", "my.incident.x"] {
        check(event_type, None);
    }
}
