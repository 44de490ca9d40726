//! Incidents as they are posted, as tables.

use annunciator_planner::{Incident, IncidentSettings};
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp(1_795_325_400_000);

fn taken(batch: IncidentBatch) -> Result<Vec<(Event, NewIncident)>, Vec<FieldError>> {
    let rules = IncidentRules::new(&IncidentSettings::default());
    let registration = Registration { now: NOW, author: "token d", rules: &rules };
    validate(batch, registration, || EventUid::from_parts(1, [0; 10]))
}

fn refusals(refusal: Refusal) -> Vec<(String, String)> {
    match refusal {
        Refusal::Invalid(errors) => {
            errors.into_iter().map(|error| (error.pointer, error.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_refused(body: &Value, expected: &[(&str, &str)]) {
    let read = read(body.to_string().as_bytes());
    let found = match read.map(taken) {
        Err(refusal) => refusals(refusal),
        Ok(Err(errors)) => refusals(Refusal::Invalid(errors)),
        Ok(Ok(_)) => Vec::new(),
    };
    let found: Vec<_> = found.iter().map(|(p, c)| (p.as_str(), c.as_str())).collect();
    assert_eq!(found, expected, "{body}");
}

fn whole() -> Value {
    json!({
        "id": "i-1", "detector": {"kind": "forecaster", "name": "MLAD", "version": "5.0"},
        "model": "Boiler 3", "severity": "critical",
        "asset": {"name": "boiler-3", "group": "Plant A"},
        "top_tag": {"name": "TI-101", "description": "Steam temperature", "value": 571.5,
                    "units": "°C"},
        "mse": 0.25, "threshold": 0.125, "start": "2026-11-22T05:00:00Z",
        "end": "2026-11-22T05:20:00+00:00", "status": "Cause unknown",
        "history": "https://mlad.example/h?t=1", "group": "G", "description": "It deviates.",
        "samples": [{"at": "2026-11-22T05:01:00Z", "value": 2},
                    {"at": "2026-11-22T05:00:00Z", "value": 1.5}],
    })
}

#[test]
fn an_incident_becomes_an_event_whose_parameters_are_its_facts() {
    let batch = read(whole().to_string().as_bytes()).unwrap();
    let (event, new) = taken(batch).unwrap().remove(0);
    assert_eq!(event.event_type, "incident.forecaster");
    assert_eq!((&*event.application.name, &*event.application.version), ("MLAD", "5.0"));
    assert_eq!((&*event.device.name, &*event.device.group), ("boiler-3", "Plant A"));
    assert_eq!((event.severity, &*event.id), (Severity::Critical, "i-1"));
    assert_eq!(event.occurred_at, "2026-11-22T05:00:00Z".parse().unwrap());
    let incident = Incident::of(&event).expect("the planner knows it");
    for (name, expected) in [
        ("incident_id", "i-1"),
        ("incident_uid", &*event.uid.to_string()),
        ("detector", "MLAD"),
        ("model", "Boiler 3"),
        ("top_tag", "TI-101"),
        ("top_tag_units", "°C"),
        ("start", "2026-11-22T05:00:00.000Z"),
        ("end", "2026-11-22T05:20:00.000Z"),
        ("status", "cause_unknown"),
        ("history", "https://mlad.example/h?t=1"),
    ] {
        assert_eq!(incident.text(name), expected, "{name}");
    }
    assert_eq!(incident.number("top_tag_value"), Some(571.5));
    assert_eq!(incident.number("samples"), Some(2.0));
    let times: Vec<_> = new.samples.iter().map(|sample| sample.value).collect();
    assert_eq!(times, [1.5, 2.0], "in the order of time");
    assert_eq!((&*new.status, new.told, &*new.group), ("cause_unknown", true, "G"));
}

#[test]
fn a_kind_is_enough() {
    let batch = read(br#"[{"detector":{"kind":"rule"}}]"#).unwrap();
    let (event, new) = taken(batch).unwrap().remove(0);
    assert_eq!(event.id, event.uid.to_string());
    assert_eq!((&*event.application.name, event.severity), ("rule", Severity::Warning));
    assert_eq!((event.occurred_at, new.starts_at), (NOW, NOW));
    assert_eq!((&*new.status, new.told), ("under_review", true));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let with = |key: &str, value: Value| {
        let mut incident = whole();
        incident[key] = value;
        incident
    };
    check_refused(&whole(), &[]);
    check_refused(&json!({}), &[("/detector/kind", "required")]);
    check_refused(&json!([]), &[("", "required")]);
    check_refused(
        &with("detector", json!({"kind": "Fore caster"})),
        &[("/detector/kind", "format")],
    );
    check_refused(&with("severity", json!("bad")), &[("/severity", "one_of")]);
    check_refused(&with("status", json!("closed")), &[("/status", "one_of")]);
    check_refused(&with("start", json!("yesterday")), &[("/start", "format")]);
    check_refused(&with("end", json!("2026-11-22T04:00:00Z")), &[("/end", "range")]);
    check_refused(&with("history", json!("javascript:alert(1)")), &[("/history", "format")]);
    check_refused(&with("top_tag", json!({"value": 1})), &[("/top_tag/name", "required")]);
    check_refused(
        &with("top_tag", json!({"name": "a", "value": []})),
        &[("/top_tag/value", "type")],
    );
    check_refused(&with("asset", json!({"ip": "x"})), &[("/asset/ip", "format")]);
    check_refused(&with("mse", json!("high")), &[("/mse", "type")]);
    check_refused(&with("tag", json!("x")), &[("/tag", "unknown_field")]);
    check_refused(
        &with("samples", json!([{"at": "x", "value": 1}])),
        &[("/samples/0/at", "format")],
    );
    check_refused(&with("samples", json!([[["x", 1]]])), &[("", "type")]);
    let sample = json!({"at": "2026-11-22T05:00:00Z", "value": 1});
    let many = vec![sample; Sample::COUNT_MAX + 1];
    check_refused(&with("samples", many.into()), &[("/samples", "too_many")]);
    check_refused(&json!([whole(), {"detector": {}}]), &[("/1/detector/kind", "required")]);
    check_refused(&json!([whole(), {"modle": ""}]), &[("/1/modle", "unknown_field")]);
}

#[test]
fn an_incident_that_comes_again_differs_when_a_fact_does() {
    let event = |changes: Value, at: i64| {
        let mut body = whole();
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        let batch = read(body.to_string().as_bytes()).unwrap();
        let rules = IncidentRules::new(&IncidentSettings::default());
        let registration = Registration { now: NOW.plus_ms(at), author: "d", rules: &rules };
        let uid = EventUid::from_parts(u64::try_from(at).unwrap(), [0; 10]);
        validate(batch, registration, || uid).unwrap().remove(0).0
    };
    let check = |first: Value, again: Value, expected: bool| {
        let differs = repeats::differs(&event(again.clone(), 9), &event(first.clone(), 1));
        assert_eq!(differs, expected, "{first} {again}");
    };
    let no_start = json!({"start": null, "end": null});
    check(json!({}), json!({}), false);
    check(no_start.clone(), no_start.clone(), false);
    check(json!({"end": null}), no_start.clone(), false);
    check(no_start, json!({"end": null}), true);
    for (key, value) in [
        ("end", json!("2026-11-22T06:00:00Z")),
        ("mse", json!(0.5)),
        ("severity", json!("failure")),
        ("description", json!("It deviates more.")),
        ("asset", json!({"name": "boiler-4"})),
        ("top_tag", json!({"name": "TI-102"})),
        ("status", json!("ignore")),
    ] {
        check(json!({}), json!({key: value}), true);
    }
}
