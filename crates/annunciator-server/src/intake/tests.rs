//! Bodies as they are posted, and batches with repeats.

use annunciator_core::{Application, Device, EventUid, Severity, Timestamp};
use serde_json::json;

use super::http::{Headers, idempotency, read};
use super::*;

const EVENT: &str = r#"{"type":"t","severity":"info","application":{"name":"a"}}"#;

fn said(content_type: Option<&str>) -> Headers<'_> {
    Headers { content_type: content_type.map(str::as_bytes), ..Headers::default() }
}

/// What a body comes to: the number of events and whether they are a list, or the refusal.
fn shape(content_type: Option<&str>, body: &str) -> String {
    match read(said(content_type), body.as_bytes()) {
        Ok(batch) => {
            format!("{} {}", batch.inputs.len(), if batch.is_list { "list" } else { "one" })
        }
        Err(Refusal::Malformed(detail)) => format!("malformed: {detail}"),
        Err(Refusal::Invalid(errors)) => {
            let errors = errors.iter().map(|e| format!("{} {}", e.code, e.pointer));
            errors.collect::<Vec<_>>().join(", ")
        }
        Err(Refusal::UnsupportedMediaType(_)) => "media type".to_owned(),
        Err(Refusal::TooMany(count)) => format!("too many: {count}"),
        Err(other) => format!("{other:?}"),
    }
}

#[test]
fn one_object_an_array_and_lines_are_told_apart() {
    let check = |body: &str, expected: &str| assert_eq!(shape(None, body), expected, "{body}");
    check(EVENT, "1 one");
    check(&format!("\n  {EVENT}\r\n"), "1 one");
    check(&EVENT.replace(',', ",\n"), "1 one");
    check(&format!("[{EVENT}]"), "1 list");
    check(&format!("[{EVENT},\n{EVENT}]"), "2 list");
    check("[]", "0 list");
    check(&format!("{EVENT}\n{EVENT}"), "2 list");
    check(&format!("{EVENT}\r\n\r\n{EVENT}\r\n"), "2 list");
    check("", "malformed: The body is empty: it must hold an event.");
    check(" \n ", "malformed: The body is empty: it must hold an event.");
}

#[test]
fn the_media_type_is_json_or_ndjson() {
    let check = |media_type: Option<&str>, expected: &str| {
        assert_eq!(shape(media_type, EVENT), expected, "{media_type:?}");
    };
    check(None, "1 one");
    check(Some("application/json"), "1 one");
    check(Some("Application/JSON; charset=UTF-8"), "1 one");
    check(Some("application/json; profile=x"), "1 one");
    check(Some("application/x-ndjson"), "1 list");
    check(Some("application/ndjson; charset=\"utf-8\""), "1 list");
    check(Some("application/json; charset=latin1"), "media type");
    check(Some("text/plain"), "media type");
    check(Some("application/x-www-form-urlencoded"), "media type");
    check(Some(""), "media type");
    let gzip = Headers { content_encoding: Some(b"gzip"), ..Headers::default() };
    assert!(matches!(read(gzip, EVENT.as_bytes()), Err(Refusal::UnsupportedMediaType(_))));
    let plain = Headers { content_encoding: Some(b"Identity"), ..Headers::default() };
    assert!(read(plain, EVENT.as_bytes()).is_ok());
}

#[test]
fn broken_json_is_told_with_line_and_column() {
    let check = |body: &str, line: usize, column: usize| {
        let told = shape(None, body);
        let place = format!("at line {line}, column {column}.");
        assert!(told.starts_with("malformed: The body is not JSON: "), "{body}: {told}");
        assert!(told.ends_with(&place), "{body}: {told}, expected {place}");
    };
    check("{\"type\":}", 1, 9);
    check("{\n\"type\":}", 2, 8);
    check("\n\n {\"type\":}", 3, 10);
    check("[{}", 1, 3);
    check("{} x", 1, 4);
    check("nonsense", 1, 2);
    check(&format!("{EVENT}\n{{\"type\":}}\n"), 2, 9);
    check(&format!("\n{EVENT}\n\n{{\"type\":}}"), 4, 9);
    check("{\"type\":\"\u{1}\"}", 1, 10);
    check("{\"type\":\"\\ud800\"}", 1, 16);
    check("{\"parameters\":{\"a\":1e999}}", 1, 24);
}

#[test]
fn wrong_types_and_unknown_names_are_told_with_a_pointer() {
    let check = |body: &str, expected: &str| assert_eq!(shape(None, body), expected, "{body}");
    check(r#"{"type":1}"#, "type /type");
    check(r#"{"type":null}"#, "type /type");
    check(r#"{"type":["t"]}"#, "type /type");
    check(r#"{"application":"a"}"#, "type /application");
    check(r#"{"application":{"name":7}}"#, "type /application/name");
    check(r#"{"application":["a"]}"#, "type /application");
    check(r#"{"device":["pc"]}"#, "type /device");
    check(r#"{"device":{"ip":{}}}"#, "type /device/ip");
    check(r#"{"parameters":[]}"#, "type /parameters");
    check(r#"{"parameters":{"a":null}}"#, "type /parameters/a");
    check(r#"{"parameters":{"a/b":[1]}}"#, "type /parameters/a~1b");
    check(r#"{"severty":"info"}"#, "unknown_field /severty");
    check(r#"{"application":{"nam":"a"}}"#, "unknown_field /application/nam");
    check(r#"{"device":{"hostname":"a"}}"#, "unknown_field /device/hostname");
    check(r#"[{},{"type":1}]"#, "type /1/type");
    check(r#"[{},{"device":{"x":1}}]"#, "unknown_field /1/device/x");
    check(r#"[{},["t"]]"#, "type /1");
    check(r#"[[]]"#, "type /0");
    check("[1]", "type /0");
    check("{}\n{\"type\":1}", "type /1/type");
    check("{}\n[]", "malformed: The body is not JSON: trailing characters at line 2, column 1.");
    check("7", "type ");
    check("\"text\"", "type ");
    check("null", "type ");
}

#[test]
fn lists_within_texts_are_no_lists() {
    let event = r#"{"type":"[t]","task":"\"[","severity":"info"}"#;
    assert_eq!(shape(None, event), "1 one");
    assert_eq!(shape(None, &format!("[{event}]")), "1 list");
}

#[test]
fn an_unknown_name_is_told_the_nearest_known_one() {
    let told = |body: &str| match read(said(None), body.as_bytes()) {
        Err(Refusal::Invalid(errors)) => errors[0].detail.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(r#"{"severty":"info"}"#), "`severty` is not known; did you mean `severity`?");
    let far = told(r#"{"zzz":"info"}"#);
    assert!(far.starts_with("`zzz` is not known; known are id, type, "), "{far}");
    let parameter = told(r#"{"parameters":{"a":null}}"#);
    assert_eq!(parameter, "must be text, a number, true or false");
}

#[test]
fn deep_nesting_is_refused_without_a_crash() {
    for depth in [65, 127, 5_000, 100_000] {
        let body = format!("{{\"parameters\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(shape(None, &body), "too_deep ", "{depth}");
        let body = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(shape(None, &body), "too_deep ", "{depth}");
    }
}

#[test]
fn at_most_1000_events_are_taken_at_once() {
    let list = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    let lines = |count: usize| vec!["{}"; count].join("\n");
    assert_eq!(shape(None, &list(1_000)), "1000 list");
    assert_eq!(shape(None, &list(1_001)), "too many: 1001");
    assert_eq!(shape(None, &lines(1_000)), "1000 list");
    assert_eq!(shape(None, &lines(1_002)), "too many: 1002");
}

#[test]
fn every_field_of_the_wire_type_is_known_to_the_messages() {
    use json::Document;
    let whole = json!({
        "id": "x", "type": "x", "type_name": "x", "severity": "x", "task": "x",
        "application": {"name": "x", "version": "x"},
        "device": {"name": "x", "ip": "x", "connection_ip": "x", "domain": "x", "group": "x"},
        "description": "x", "occurred_at": "x", "parameters": {"x": 1}
    });
    let input: EventInput = serde_json::from_value(whole).unwrap();
    let written = serde_json::to_value(&input).unwrap();
    for path in [&[][..], &["application"], &["device"]] {
        let object = path.iter().fold(&written, |value, key| &value[key]);
        let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
        let mut known = EventInput::fields(path).to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, names, "{path:?}");
    }
}

#[test]
fn an_idempotency_key_is_visible_ascii() {
    let check = |key: &[u8], expected: bool| {
        let said = Headers { idempotency_key: Some(key), ..Headers::default() };
        let found = idempotency(said, "t1", b"body");
        assert_eq!(found.is_ok(), expected, "{}", String::from_utf8_lossy(key));
    };
    check(b"k", true);
    check(&[b'k'; 255], true);
    check(b"019aaa36-5c11/7cc4:!~", true);
    check(b"", false);
    check(&[b'k'; 256], false);
    check(b"a b", false);
    check("ä".as_bytes(), false);
    check(b"a\tb", false);
    assert_eq!(idempotency(said(None), "t1", b"body").unwrap(), None);
    let said = Headers { idempotency_key: Some(b"k"), ..Headers::default() };
    let kept = idempotency(said, "t1", b"body").unwrap().unwrap();
    assert_eq!((kept.owner.as_str(), kept.key.as_str()), ("t1", "k"));
    assert_eq!(kept.body_sha256, openssl::sha::sha256(b"body"));
}

fn event(application: &str, id: &str, number: u64) -> Event {
    Event {
        uid: EventUid::from_parts(number, [0; 10]),
        id: id.to_owned(),
        event_type: "t".to_owned(),
        type_name: String::new(),
        severity: Severity::Info,
        application: Application { name: application.to_owned(), version: String::new() },
        device: Device::default(),
        task: String::new(),
        description: String::new(),
        occurred_at: Timestamp(0),
        registered_at: Timestamp(0),
        parameters: std::collections::BTreeMap::new(),
    }
}

#[test]
fn an_id_that_repeats_within_a_batch_is_stored_once_and_answered_twice() {
    let check = |given: &[(&str, &str)], stored: &[&str], answered: &[(&str, u64, bool)]| {
        let events: Vec<Event> = (1..)
            .zip(given)
            .map(|(number, (application, id))| event(application, id, number))
            .collect();
        let (kept, repeats) = without_repeats(events);
        let ids: Vec<&str> = kept.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, stored, "{given:?}");
        let accepted: Vec<Accepted> = kept
            .iter()
            .map(|event| Accepted { id: event.id.clone(), uid: event.uid, duplicate: false })
            .collect();
        let accepted = match &repeats {
            None => accepted,
            Some(repeats) => with_repeats(&accepted, repeats),
        };
        let found: Vec<_> = accepted.iter().map(|a| (a.id.as_str(), a.uid, a.duplicate)).collect();
        let answered: Vec<_> = answered
            .iter()
            .map(|(id, number, duplicate)| {
                (*id, EventUid::from_parts(*number, [0; 10]), *duplicate)
            })
            .collect();
        assert_eq!(found, answered, "{given:?}");
    };
    check(&[("a", "1")], &["1"], &[("1", 1, false)]);
    check(&[("a", "1"), ("a", "2")], &["1", "2"], &[("1", 1, false), ("2", 2, false)]);
    check(&[("a", "1"), ("b", "1")], &["1", "1"], &[("1", 1, false), ("1", 2, false)]);
    check(
        &[("a", "1"), ("a", "1"), ("a", "2"), ("a", "1")],
        &["1", "2"],
        &[("1", 1, false), ("1", 1, true), ("2", 3, false), ("1", 1, true)],
    );
}

#[test]
fn every_intake_has_a_name_and_an_entrance_of_its_own() {
    for (position, intake) in INTAKES.iter().enumerate() {
        assert!(!intake.name.is_empty() && !intake.doc.is_empty());
        let others = &INTAKES[position + 1..];
        assert!(others.iter().all(|o| o.name != intake.name && o.entrance != intake.entrance));
    }
}
