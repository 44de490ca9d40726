//! What is no event is refused with the field and its problem, and nothing of it is stored.

use annunciator_testkit::events::event;
use annunciator_testkit::http::Response;
use serde_json::{Value, json};

use crate::support::{Site, answer, critical, field_errors};

const PATH: &str = "/api/v1/events";

fn send(site: &Site, content_type: &str, body: &[u8]) -> Response {
    answer(site.server.client().send("POST", PATH, &[("Content-Type", content_type)], body))
}

/// A body, its answer's status, and the pointers and codes in it.
fn check(site: &Site, body: &[u8], status: u16, expected: &[(&str, &str)]) {
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    let response = send(site, "application/json", body);
    assert_eq!(response.status, status, "{shown}: {response}");
    assert_eq!(response.header("Content-Type"), Some("application/problem+json"), "{shown}");
    let problem = response.json();
    assert_eq!(problem["status"], status, "{shown}");
    assert!(problem["title"].is_string(), "{problem}");
    let found = field_errors(&problem);
    let found = found.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str()));
    let found: Vec<_> = found.collect();
    assert_eq!(found, expected, "{shown}: {problem}");
}

fn check_json(site: &Site, body: impl Into<Value>, expected: &[(&str, &str)]) {
    check(site, body.into().to_string().as_bytes(), 422, expected);
}

#[test]
fn bad_fields_are_named_all_at_once() {
    let site = Site::start();
    let x = || event("x");
    for (body, expected) in [
        (x().with("colour", "red"), &[("/colour", "unknown_field")][..]),
        (x().with("severity", 7), &[("/severity", "type")]),
        (x().with("type", Value::Null), &[("/type", "type")]),
        (x().with("device", "pc-17"), &[("/device", "type")]),
        (x().with("device", json!({"nmae": "a"})), &[("/device/nmae", "unknown_field")]),
        (x().severity("fatal"), &[("/severity", "one_of")]),
        (x().severity(""), &[("/severity", "required")]),
        (
            x().without("severity").without("type"),
            &[("/type", "required"), ("/severity", "required")],
        ),
        (x().without("application"), &[("/application/name", "required")]),
        (x().type_name(&"ä".repeat(101)), &[("/type_name", "too_long")]),
        (x().device(&"d".repeat(257)), &[("/device/name", "too_long")]),
        (x().task(&"t".repeat(101)), &[("/task", "too_long")]),
        (x().description(&"d".repeat(65_537)), &[("/description", "too_long")]),
        (x().id(&"i".repeat(257)), &[("/id", "too_long")]),
        (x().device_ip("10.0.0.300"), &[("/device/ip", "format")]),
        (x().with("type", "incident.forecaster"), &[("/type", "reserved")]),
        (
            x().with("type", "incident_status.forecaster").severity("fatal"),
            &[("/type", "reserved"), ("/severity", "one_of")],
        ),
        (x().occurred_at("yesterday"), &[("/occurred_at", "format")]),
        (x().occurred_at("2026-11-22T05:30:00"), &[("/occurred_at", "format")]),
        (x().occurred_at("2026-13-22T05:30:00Z"), &[("/occurred_at", "format")]),
        (x().occurred_at("1969-12-31T23:59:59Z"), &[("/occurred_at", "range")]),
        (x().description("a\0b"), &[("/description", "control_character")]),
        (x().device("a\r\nb"), &[("/device/name", "control_character")]),
        (x().parameter("a b", 1), &[("/parameters/a b", "format")]),
        (x().parameter("list", json!([1])), &[("/parameters/list", "type")]),
        (
            x().severity("fatal").device_ip("x").occurred_at("y"),
            &[("/severity", "one_of"), ("/device/ip", "format"), ("/occurred_at", "format")],
        ),
    ] {
        check_json(&site, body, expected);
    }
    let mut many = x();
    for number in 0..257 {
        many = many.parameter(&format!("p{number}"), number);
    }
    check_json(&site, many, &[("/parameters", "too_many")]);
    assert_eq!(site.events(), [Value::Null; 0], "nothing was stored");
}

#[test]
fn bodies_that_are_no_events_are_refused() {
    let site = Site::start();
    for body in [
        &b""[..],
        b"  \n",
        b"{",
        b"{\"type\":}",
        b"nonsense",
        b"{\"type\":\"x\"} trailing",
        b"\xff\xfe",
    ] {
        check(&site, body, 400, &[]);
    }
    let deep = format!("{{\"type\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    check(&site, deep.as_bytes(), 422, &[("", "too_deep")]);
    check_json(&site, json!([]), &[("", "required")]);
    check_json(&site, json!([event("x").json(), 1]), &[("/1", "type")]);
    check_json(&site, json!("text"), &[("", "type")]);
    let events: Vec<Value> = (0..1_001).map(|_| event("x").json()).collect();
    let answer_to_many = send(&site, "application/json", json!(events).to_string().as_bytes());
    let problem = answer_to_many.expect_status(422).json();
    assert_eq!(problem["type"], "urn:annunciator:too-many");
    let long = format!("{}{}", " ".repeat(9 << 20), event("x").json());
    assert_eq!(send(&site, "application/json", long.as_bytes()).status, 413);
    let good = event("x").json().to_string();
    for content_type in ["text/plain", "application/xml", "application/json; charset=latin1"] {
        assert_eq!(send(&site, content_type, good.as_bytes()).status, 415, "{content_type}");
    }
    let compressed = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    let compressed = site.server.client().send("POST", PATH, &compressed, good.as_bytes());
    assert_eq!(answer(compressed).status, 415);
    assert_eq!(site.events(), [Value::Null; 0], "nothing was stored");
}

#[test]
fn a_batch_is_accepted_whole_or_not_at_all() {
    let site = Site::start();
    let good = |id: &str| critical("x").id(id).json();
    let bad = event("x").severity("fatal").json();
    check_json(&site, json!([good("a"), bad, good("b")]), &[("/1/severity", "one_of")]);
    let lines = format!("{}\n{}\n", good("a"), bad);
    let response = send(&site, "application/x-ndjson", lines.as_bytes()).expect_status(422);
    assert_eq!(field_errors(&response.json()), [("/1/severity".into(), "one_of".into())]);
    assert_eq!(site.events(), [Value::Null; 0], "nothing was stored");

    let batch = site.server.submit(json!([good("a"), good("b"), good("a")])).json();
    let expected = json!({"events": [
        {"id": "a", "duplicate": false}, {"id": "b", "duplicate": false}, {"id": "a", "duplicate": true}
    ]});
    assert_eq!(batch, expected);
    let lines = format!("{}\n\n{}", good("c"), good("b"));
    let response = send(&site, "application/x-ndjson", lines.as_bytes()).expect_status(202);
    let expected = json!({"events": [
        {"id": "c", "duplicate": false}, {"id": "b", "duplicate": true}
    ]});
    assert_eq!(response.json(), expected);
    assert_eq!(site.events().len(), 3);
    let full: Vec<Value> = (0..1_000).map(|number| good(&format!("n{number}"))).collect();
    assert_eq!(site.server.submit(full).json()["events"].as_array().map(Vec::len), Some(1_000));
    assert_eq!(site.events().len(), 1_003);
}
