//! Documents of other detectors, as tables.

use annunciator_core::{Event, EventUid, Timestamp};
use annunciator_planner::{Incident, IncidentRules, IncidentSettings};
use annunciator_settings::{Rules, SettingValue as _};
use annunciator_store::NewIncident;
use serde_json::json;

use super::*;
use crate::intake::incidents::{Registration, validate};

const NOW: Timestamp = Timestamp(1_795_325_400_000);

fn mapping(changes: &Value) -> IncidentMapping {
    let mut document = json!({"name": "scada", "items": "/data", "id": "/nr",
        "detector_kind": "rule", "model": "/m/name", "top_tag": "/tag", "top_tag_value": "/v",
        "mse": "/e", "start": "/t", "status": "/state", "samples": "/course"});
    for (key, value) in changes.as_object().unwrap() {
        document[key] = value.clone();
    }
    IncidentMapping::parse(&document, &Rules::DEFAULT).expect("valid")
}

/// As the API does: read, check, and tell places in the document.
fn take(changes: &Value, body: &str) -> Result<Vec<(Event, NewIncident)>, Vec<FieldError>> {
    let errors = |refusal| match refusal {
        Refusal::Invalid(errors) => errors,
        other => panic!("{other:?}"),
    };
    let Mapped { batch, places, .. } = read(&mapping(changes), body.as_bytes()).map_err(errors)?;
    if batch.inputs.is_empty() {
        return Ok(Vec::new());
    }
    let rules = IncidentRules::new(&IncidentSettings::default());
    let registration = Registration { now: NOW, author: "token d", rules: &rules };
    validate(batch, registration, || EventUid::from_parts(1, [0; 10]))
        .map_err(|errors| errors.into_iter().map(|error| places.locate(error)).collect())
}

fn one(changes: &Value, document: &Value) -> (Event, NewIncident) {
    let taken =
        take(changes, &document.to_string()).unwrap_or_else(|e| panic!("{document}: {e:?}"));
    taken.into_iter().next().expect("one")
}

#[track_caller]
fn check_refused(changes: &Value, body: &str, expected: &[(&str, &str)]) {
    let errors = take(changes, body).err().unwrap_or_default();
    let found: Vec<_> = errors.iter().map(|one| (&*one.pointer, &*one.code)).collect();
    assert_eq!(found, expected, "{body}");
}

#[test]
fn a_document_of_another_detector_is_read_by_its_mapping() {
    let document = json!({"data": [{"nr": 17, "m": {"name": "Pump"}, "tag": "PI-1", "v": 3.5,
        "e": "0.5", "t": "2026-11-22T05:00:00Z", "state": null, "course": []}]});
    let (event, new) = one(&json!({}), &document);
    assert_eq!((&*event.id, &*event.event_type), ("17", "incident.rule"));
    assert_eq!((&*new.model, &*new.top_tag), ("Pump", "PI-1"));
    let incident = Incident::of(&event).unwrap();
    assert_eq!((incident.number("mse"), incident.number("top_tag_value")), (Some(0.5), Some(3.5)));
}

#[test]
fn nothing_but_objects_with_an_id_becomes_an_incident() {
    let whole = json!({"items": ""});
    for body in ["null", "42", "\"hello\"", "true"] {
        check_refused(&whole, body, &[("", "type")]);
    }
    check_refused(&whole, "{}", &[("/nr", "required")]);
    check_refused(&whole, r#"{"other": {"nr": 1}}"#, &[("/nr", "required")]);
    check_refused(&whole, "[null, {\"nr\": 1}, []]", &[("/0", "type"), ("/2", "type")]);
    let below = json!({"items": "/data/alarms"});
    check_refused(&below, r#"{"data": {}}"#, &[("/data/alarms", "required")]);
    for value in ["\"none\"", "0", "false"] {
        let body = format!(r#"{{"data": {{"alarms": {value}}}}}"#);
        check_refused(&below, &body, &[("/data/alarms", "type")]);
    }
    check_refused(&below, r#"{"data": {"alarms": [[]]}}"#, &[("/data/alarms/0", "type")]);
    for id in ["null", "\" \""] {
        let body = format!(r#"{{"data": {{"alarms": {{"nr": {id}}}}}}}"#);
        check_refused(&below, &body, &[("/data/alarms/nr", "required")]);
    }
    for (changes, body) in [
        (&below, r#"{"data": {"alarms": null}}"#),
        (&below, r#"{"data": {"alarms": []}}"#),
        (&whole, "[]"),
    ] {
        assert_eq!(take(changes, body), Ok(Vec::new()), "{body}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place_in_the_document() {
    let check = |document: Value, expected: &[(&str, &str)]| {
        check_refused(&json!({}), &document.to_string(), expected);
    };
    check(json!({"items": []}), &[("/data", "required")]);
    check(json!({"data": {"nr": [1], "e": "high"}}), &[("/data/nr", "type"), ("/data/e", "type")]);
    check(json!({"data": [{"nr": 1}, {"nr": 2, "course": 5}]}), &[("/data/1/course", "type")]);
    check(json!({"data": [{"nr": 1}, {"nr": 2, "t": "soon"}]}), &[("/data/1/t", "format")]);
    check(
        json!({"data": {"nr": 1, "m": {"name": "a\u{7}"}}}),
        &[("/data/m/name", "control_character")],
    );
    let course = json!([{"at": "2026-11-22T05:00:00Z", "value": 1}, {"at": "x", "value": 2}]);
    check(json!({"data": [{"nr": 1, "course": course}]}), &[("/data/0/course/1/at", "format")]);
    let course = json!([{"at": 5, "value": 1}, {"value": 2}, {"at": "x", "value": "y"}]);
    let places = [
        ("/data/0/course/0/at", "type"),
        ("/data/0/course/1/at", "required"),
        ("/data/0/course/2/value", "type"),
    ];
    check(json!({"data": [{"nr": 1, "course": course}]}), &places);
    let kind = json!({"detector_kind": "/kind"});
    check_refused(&kind, r#"{"data": [{"nr": 1}]}"#, &[("/data/0/kind", "required")]);
    let errors = take(&json!({}), r#"{"data": [{"nr": 1, "t": "soon"}]}"#).unwrap_err();
    assert!(errors[0].detail.starts_with("`start` must be an RFC 3339 time"), "{errors:?}");
    let constant = json!({"status": "gone"});
    check_refused(&constant, r#"{"data": [{"nr": 1}]}"#, &[("/data/0", "one_of")]);
}

#[test]
fn words_of_the_document_are_translated() {
    let row = |field: &str, from: &str, to: &str| json!({"field": field, "from": from, "to": to});
    let changes = json!({"severity": "/s", "detector_kind": "/k", "values": [
        row("severity", "High", "critical"), row("severity", "3", "failure"),
        row("status", "closed", "problem_closed"), row("detector_kind", "LIM", "limit")]});
    let check = |item: Value, expected: (&str, &str, &str)| {
        let (event, new) = one(&changes, &json!({ "data": item }));
        assert_eq!((event.severity.as_str(), &*new.status, &*new.kind), expected, "{item}");
    };
    let under_review = "under_review";
    check(
        json!({"nr": 1, "k": "lim", "s": "HIGH", "state": "Closed"}),
        ("critical", "problem_closed", "limit"),
    );
    check(json!({"nr": 1, "k": "Rule", "s": 3}), ("failure", under_review, "rule"));
    check(
        json!({"nr": 1, "k": "rule", "s": "Info", "state": "Ignore"}),
        ("info", "ignore", "rule"),
    );
    let body = r#"{"data": {"nr": 1, "k": "rule", "s": "low"}}"#;
    check_refused(&changes, body, &[("/data/s", "one_of")]);
}

#[test]
fn times_are_read_as_the_mapping_says() {
    let start = |times: &str, zone: &str, time: &Value| {
        let changes = json!({"times": times, "time_zone": zone});
        let body = json!({"data": {"nr": 1, "t": time,
            "course": [{"at": time, "value": 1}]}});
        let taken = take(&changes, &body.to_string());
        taken.map(|taken| {
            let (event, new) = &taken[0];
            assert_eq!(new.samples[0].at, event.occurred_at, "samples are alike");
            event.occurred_at.to_string()
        })
    };
    let check = |times: &str, zone: &str, time: Value, expected: &str| {
        assert_eq!(start(times, zone, &time).as_deref(), Ok(expected), "{times} {time}");
    };
    const AT: &str = "2026-11-30T10:46:00.000Z";
    let seconds = 1_796_035_560_i64;
    check("rfc3339", "", json!("2026-11-30T13:46:00+03:00"), AT);
    check("epoch_s", "", json!(seconds), AT);
    check("epoch_s", "", json!("1796035560.250"), "2026-11-30T10:46:00.250Z");
    check("epoch_ms", "", json!(seconds * 1_000), AT);
    check("local", "Europe/Moscow", json!("30.11.2026 13:46"), AT);
    check("auto", "", json!(seconds), AT);
    check("auto", "", json!(seconds * 1_000), AT);
    check("auto", "", json!("1796035560"), AT);
    check("auto", "Europe/Moscow", json!("30.11.2026 13:46"), AT);
    check("auto", "Europe/Moscow", json!("2026-11-30T10:46:00Z"), AT);
    for (times, zone, time, code) in [
        ("rfc3339", "", json!(seconds), "type"),
        ("rfc3339", "Europe/Moscow", json!("30.11.2026 13:46"), "format"),
        ("epoch_s", "", json!("soon"), "type"),
        ("epoch_s", "", json!(-1), "range"),
        ("epoch_ms", "", json!(1e300), "range"),
        ("epoch_ms", "", json!("NaN"), "range"),
        ("local", "Europe/Moscow", json!("31.11.2026 13:46"), "format"),
        ("local", "Europe/Moscow", json!(seconds), "type"),
        ("auto", "", json!("30.11.2026 13:46"), "format"),
        ("auto", "", json!("2026"), "format"),
        ("auto", "", json!([]), "type"),
    ] {
        let errors = start(times, zone, &time).unwrap_err();
        assert_eq!((&*errors[0].pointer, &*errors[0].code), ("/data/t", code), "{times} {time}");
    }
}

#[test]
fn a_document_is_bounded_before_it_is_taken_to_pieces() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 2), "]".repeat(levels - 2));
        format!(r#"{{"data": {{"nr": 1, "more": {open}{close}}}}}"#)
    };
    assert!(take(&json!({}), &nested(64)).is_ok());
    check_refused(&json!({}), &nested(65), &[("", "too_deep")]);
    let many = format!("[{}[]]", "[],".repeat(VALUES_MAX / 2));
    check_refused(&json!({"items": ""}), &many, &[("", "too_many")]);
    let words = format!(r#"{{"data": {{"nr": 1, "more": "{}"}}}}"#, "[,".repeat(VALUES_MAX));
    assert!(take(&json!({}), &words).is_ok(), "text is not counted");
    for body in ["", "{", "{\"data\": 1"] {
        let refusal = read(&mapping(&json!({})), body.as_bytes()).unwrap_err();
        assert!(matches!(refusal, Refusal::Malformed(_)), "{body}: {refusal:?}");
    }
}
