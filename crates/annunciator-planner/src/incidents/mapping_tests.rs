//! What is refused of a mapping at save, as a table.

use annunciator_settings::{Rules, SettingValue as _};
use serde_json::{Value, json};

use super::*;
use crate::IncidentSettings;

#[test]
fn a_mapping_that_could_make_no_incident_is_refused_at_save() {
    let check = |changes: Value, expected: &[(&str, &str)]| {
        let mut mapping = json!({"name": "scada", "id": "/nr", "detector_kind": "rule"});
        for (key, value) in changes.as_object().unwrap() {
            mapping[key] = value.clone();
        }
        let mapping =
            IncidentMapping::parse(&mapping, &Rules::DEFAULT).expect("its types are right");
        let settings = IncidentSettings { mapping: vec![mapping], ..IncidentSettings::default() };
        let found = settings.find_problems();
        let found: Vec<_> = found.iter().map(|one| (one.pointer.as_str(), one.code)).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(pointer, code)| (format!("/mapping/0{pointer}"), *code))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(p, c)| (p.as_str(), *c)).collect();
        assert_eq!(found, expected, "{changes}");
    };
    check(json!({}), &[]);
    let constants = json!({"severity": "failure", "status": "Under review", "mse": "0.5",
        "history": "https://a.example/", "model": "Boiler", "top_tag_value": "7"});
    check(constants, &[]);
    check(json!({"id": "number"}), &[("/id", "format")]);
    check(json!({"id": ""}), &[("/id", "required")]);
    check(json!({"detector_kind": ""}), &[("/detector_kind", "required")]);
    check(json!({"detector_kind": "UPPER"}), &[("/detector_kind", "format")]);
    check(json!({"status": "nope"}), &[("/status", "format")]);
    check(json!({"severity": "worse"}), &[("/severity", "format")]);
    check(
        json!({"mse": "abc", "threshold": "inf"}),
        &[("/mse", "format"), ("/threshold", "format")],
    );
    check(json!({"history": "javascript:1"}), &[("/history", "format")]);
    check(json!({"model": "m".repeat(257)}), &[("/model", "format")]);
    for key in ["items", "start", "end", "samples"] {
        check(json!({key: "time"}), &[(&format!("/{key}"), "format")]);
    }
    for pointer in ["/a~", "/~2", "/~0/~1~"] {
        check(json!({"model": pointer}), &[("/model", "format")]);
    }
    check(json!({"items": "/", "model": "/~0/~1/"}), &[]);
    check(json!({"times": "local"}), &[("/time_zone", "required")]);
    check(json!({"times": "local", "time_zone": "Europe/Moscow"}), &[]);
    let row = |field: &str, from: &str, to: &str| json!({"field": field, "from": from, "to": to});
    check(
        json!({"values": [row("severity", "High", "critical"), row("severity", "3", "failure"),
        row("status", "high", "Ignore"), row("detector_kind", "Rule", "rule")]}),
        &[],
    );
    check(
        json!({"values": [row("severity", "High", "worst"), row("severity", " HIGH", "info"),
            row("status", "", "ignore")]}),
        &[
            ("/values/0/to", "format"),
            ("/values/1/from", "conflict"),
            ("/values/2/from", "required"),
        ],
    );
}
