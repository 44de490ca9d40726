//! Matchers as people type them into JSON: `device=pc-17`, `severity>=failure`.
//!
//! Knows nothing of: which fields there are, which value fits which; the server says so.
//! Failure: a text without an operator is refused with the forms that there are.

use serde_json::{Map, Value, json};

/// What the help of a command says about matchers.
pub(crate) const HELP: &str = "\
Matchers (all of them must hold):
  FIELD=VALUE  FIELD!=VALUE         is, is not
  FIELD~TEXT                        contains; with * or ? it is a pattern for the whole text
  FIELD<VALUE  <=  >  >=            severities and numbers, in their order
  FIELD in A,B  FIELD not in A,B    one of, none of
  'group within Plant A'            that device group and those below it
  'FIELD exists'  'FIELD absent'    given, not given

Fields: application, version, type, type_name, severity, device, group, domain, ip,
connection_ip, task, description, parameters.NAME.
A parameter compares with a number where the value is one; \"5\" in quotes is a text.
A matcher may be JSON too: '{\"field\":\"device\",\"op\":\"ends_with\",\"value\":\"-17\"}'.";

/// What stands between field and value, and the operation it names; the longer first.
const SIGNS: [(&str, &str); 10] = [
    (" not in ", "none_of"),
    (" within ", "within"),
    (" in ", "one_of"),
    ("!=", "not_equals"),
    ("<=", "less_or_equal"),
    (">=", "greater_or_equal"),
    ("=", "equals"),
    ("~", "contains"),
    ("<", "less"),
    (">", "greater"),
];

/// Reads a matcher.
///
/// # Errors
/// The text has no operator, or is JSON that cannot be read.
pub(crate) fn parse_matcher(text: &str) -> Result<Value, String> {
    let text = text.trim();
    if text.starts_with('{') {
        let read = serde_json::from_str::<Map<String, Value>>(text).map(Value::from);
        return read.map_err(|error| format!("this JSON cannot be read: {error}"));
    }
    for (word, op) in [(" exists", "exists"), (" absent", "absent")] {
        if let Some(field) = text.strip_suffix(word) {
            return Ok(json!({"field": field.trim(), "op": op}));
        }
    }
    // The first sign decides; of two at the same place the longer one.
    let found = SIGNS.iter().filter_map(|row| Some((text.find(row.0)?, row)));
    let Some((at, (sign, op))) = found.min_by_key(|(at, _)| *at) else {
        return Err(format!(
            "`{text}` is no matcher: write FIELD=VALUE, such as device=pc-17; --help shows more"
        ));
    };
    let (field, value) = (text[..at].trim(), text[at + sign.len()..].trim());
    if field.is_empty() {
        return Err(format!("`{text}` names no field: write FIELD{sign}VALUE"));
    }
    let op = if *op == "contains" && value.contains(['*', '?']) { "matches" } else { op };
    let value = match op {
        "one_of" | "none_of" => {
            value.split(',').map(|item| read_value(field, op, item.trim())).collect()
        }
        _ => read_value(field, op, value),
    };
    Ok(json!({"field": field, "op": op, "value": value}))
}

/// A value: what stands in quotes is text, and a number is one where the field is a parameter.
fn read_value(field: &str, op: &str, text: &str) -> Value {
    let is_scalar = field.starts_with("parameters.") && !matches!(op, "contains" | "matches");
    match serde_json::from_str::<Value>(text) {
        Ok(Value::String(text)) => text.into(),
        Ok(value @ (Value::Number(_) | Value::Bool(_))) if is_scalar => value,
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_is_read_as_people_type_it() {
        let check = |text: &str, field: &str, op: &str, value: Value| {
            let expected = json!({"field": field, "op": op, "value": value});
            assert_eq!(parse_matcher(text), Ok(expected), "{text}");
        };
        check("device=pc-17", "device", "equals", json!("pc-17"));
        check(" device = pc-17 ", "device", "equals", json!("pc-17"));
        check("device=17", "device", "equals", json!("17"));
        check("device=", "device", "equals", json!(""));
        check("device!=pc-17", "device", "not_equals", json!("pc-17"));
        check("severity>=failure", "severity", "greater_or_equal", json!("failure"));
        check("parameters.free<5", "parameters.free", "less", json!(5));
        check("parameters.free<=5.5", "parameters.free", "less_or_equal", json!(5.5));
        check("parameters.free>-1", "parameters.free", "greater", json!(-1));
        check("parameters.free=\"5\"", "parameters.free", "equals", json!("5"));
        check("parameters.on=true", "parameters.on", "equals", json!(true));
        check("parameters.free~5", "parameters.free", "contains", json!("5"));
        check("description~disk = full", "description", "contains", json!("disk = full"));
        check("device~pc-*", "device", "matches", json!("pc-*"));
        check("task=\"a b\"", "task", "equals", json!("a b"));
        check("group within Plant A", "group", "within", json!("Plant A"));
        check(
            "severity in failure, critical",
            "severity",
            "one_of",
            json!(["failure", "critical"]),
        );
        check("parameters.x not in 1,a", "parameters.x", "none_of", json!([1, "a"]));
        check("description=a in b", "description", "equals", json!("a in b"));
        for op in ["exists", "absent"] {
            let expected = json!({"field": "task", "op": op});
            assert_eq!(parse_matcher(&format!("task {op}")), Ok(expected));
        }
        let written = json!({"field": "device", "op": "ends_with", "value": "-17"});
        assert_eq!(parse_matcher(&written.to_string()), Ok(written));
    }

    #[test]
    fn what_is_no_matcher_is_told_the_forms() {
        for (text, words) in [
            ("", "FIELD=VALUE"),
            ("pc-17", "FIELD=VALUE"),
            ("=pc-17", "names no field"),
            ("{\"field\":", "JSON"),
        ] {
            let refusal = parse_matcher(text).expect_err("it is none");
            assert!(refusal.contains(words), "{text}: {refusal}");
        }
    }
}
