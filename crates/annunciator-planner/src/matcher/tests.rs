//! Rules of matchers, as tables.

use annunciator_core::{Event, ParameterValue, Severity};
use annunciator_settings::{SettingsLayer as _, find_faults, group_schema, reference_markdown};
use serde_json::{Value, json};

use super::*;
use crate::tests::event;

fn set(matchers: &Value) -> MatcherSet {
    MatcherSet::from_json(matchers).unwrap_or_else(|problems| panic!("{matchers}: {problems:?}"))
}

fn sample() -> Event {
    let mut event = event(Severity::Failure);
    event.device.group = "Plant A/Line 2".into();
    event.parameters = [
        ("free", ParameterValue::Integer(5)),
        ("ratio", ParameterValue::Number(0.5)),
        ("count", ParameterValue::Text("12".into())),
        ("big", ParameterValue::Integer(9_007_199_254_740_993)),
        ("on", ParameterValue::Bool(true)),
        ("volume", ParameterValue::Text("D:".into())),
        ("note", ParameterValue::Text(String::new())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    event
}

fn check(field: &str, op: &str, value: &Value, expected: bool) {
    let matcher = json!([{"field": field, "op": op, "value": value}]);
    assert_eq!(set(&matcher).holds(&sample()), expected, "{matcher}");
}

#[test]
fn texts_compare_as_the_table_says() {
    check("application", "equals", &json!("Storage Guard"), true);
    check("application", "equals", &json!("storage guard"), false);
    check("version", "not_equals", &json!("1.4"), false);
    check("type", "one_of", &json!(["x", "disk.full"]), true);
    check("type", "one_of", &json!([]), false);
    check("type", "none_of", &json!(["x", "disk.full"]), false);
    check("type", "none_of", &json!([]), true);
    check("type_name", "begins_with", &json!("Disk"), true);
    check("type_name", "ends_with", &json!("Disk"), false);
    check("type_name", "ends_with", &json!("full"), true);
    check("description", "contains", &json!("1 % left"), true);
    check("description", "contains", &json!("2 % left"), false);
    check("device", "matches", &json!("pc-*"), true);
    check("severity", "equals", &json!("failure"), true);
    check("severity", "one_of", &json!(["info", "critical"]), false);
}

#[test]
fn an_absent_field_meets_only_absent_and_negations() {
    for (op, value, expected) in [
        ("equals", json!("x"), false),
        ("not_equals", json!("x"), true),
        ("one_of", json!(["x"]), false),
        ("none_of", json!(["x"]), true),
        ("contains", json!("x"), false),
        ("matches", json!("*"), false),
        ("exists", json!(null), false),
        ("absent", json!(null), true),
    ] {
        for field in ["task", "ip", "connection_ip", "domain", "parameters.none"] {
            check(field, op, &value, expected);
        }
    }
    check("parameters.none", "less", &json!(5), false);
    // An empty parameter was given.
    check("parameters.note", "exists", &json!(null), true);
    check("parameters.note", "equals", &json!(""), true);
}

#[test]
fn numbers_compare_by_value_and_only_with_numbers() {
    check("parameters.free", "equals", &json!(5.0), true);
    check("parameters.free", "equals", &json!("5"), true);
    check("parameters.free", "equals", &json!("5.0"), false);
    check("parameters.free", "less", &json!(5), false);
    check("parameters.free", "less_or_equal", &json!(5), true);
    check("parameters.free", "greater", &json!(4.99), true);
    check("parameters.ratio", "greater_or_equal", &json!(0.5), true);
    check("parameters.count", "equals", &json!(12), true);
    check("parameters.count", "less", &json!(100), true);
    check("parameters.big", "equals", &json!(9_007_199_254_740_993_i64), true);
    check("parameters.big", "equals", &json!(9_007_199_254_740_992_i64), false);
    check("parameters.big", "greater", &json!(9_007_199_254_740_992.0), true);
    check("parameters.big", "less", &json!(1e30), true);
    check("parameters.big", "greater", &json!(-1e30), true);
    check("parameters.volume", "less", &json!(5), false);
    check("parameters.volume", "greater", &json!(5), false);
    check("parameters.volume", "not_equals", &json!(5), true);
    check("parameters.volume", "greater", &json!("C:"), true);
    check("parameters.on", "equals", &json!(true), true);
    check("parameters.on", "equals", &json!("true"), true);
    check("parameters.on", "equals", &json!(false), false);
    check("parameters.free", "contains", &json!("5"), true);
    for text in ["inf", "nan", "NaN", "0x5", " 5", "", "1e999", "five"] {
        assert!(Number::of_text(text).is_none(), "{text:?}");
    }
}

#[test]
fn severities_compare_in_their_order() {
    for (op, expected) in [
        ("less", [false, false, false, true]),
        ("less_or_equal", [false, false, true, true]),
        ("greater", [true, true, false, false]),
        ("greater_or_equal", [true, true, true, false]),
    ] {
        for (severity, expected) in Severity::ALL.into_iter().zip(expected) {
            check("severity", op, &json!(severity.as_str()), expected);
        }
    }
}

#[test]
fn a_group_is_within_those_above_it() {
    for (group, expected) in [
        ("Plant A", true),
        ("/Plant A/", true),
        ("Plant A/Line 2", true),
        ("Plant A/Line", false),
        ("Plant", false),
        ("Line 2", false),
        ("Plant A/Line 2/Cell 1", false),
        ("plant a", false),
    ] {
        check("group", "within", &json!(group), expected);
    }
}

#[test]
fn case_is_ignored_where_it_is_said() {
    for (field, op, value) in [
        ("device", "equals", json!("PC-17")),
        ("device", "one_of", json!(["x", "PC-17"])),
        ("device", "matches", json!("PC-??")),
        ("type_name", "begins_with", json!("DISK")),
        ("group", "within", json!("plant a")),
    ] {
        check(field, op, &value, false);
        let matcher = json!([{"field": field, "op": op, "value": value, "ignore_case": true}]);
        assert!(set(&matcher).holds(&sample()), "{matcher}");
    }
}

#[test]
fn a_pattern_stands_for_texts() {
    for (pattern, text, expected) in [
        ("*", "any", true),
        ("a", "a", true),
        ("a", "ab", false),
        ("?", "ä", true),
        ("?", "ab", false),
        ("a*", "a", true),
        ("*a", "bba", true),
        ("*a", "ab", false),
        ("a*b", "ab", true),
        ("ab*ab", "ab", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("*?b*", "b", false),
        ("*?b*", "bbb", true),
        ("**", "x", true),
        ("a**b", "ab", true),
        ("*??", "ü", false),
        ("[a]", "a", false),
    ] {
        let matcher = json!([{"field": "task", "op": "matches", "value": pattern}]);
        let event = Event { task: text.to_owned(), ..sample() };
        assert_eq!(set(&matcher).holds(&event), expected, "{pattern} {text}");
    }
}

#[test]
fn all_matchers_must_hold_and_none_means_every_event() {
    let one = json!({"field": "device", "op": "equals", "value": "pc-17"});
    let other = json!({"field": "device", "op": "equals", "value": "pc-18"});
    assert!(set(&json!([])).holds(&sample()));
    assert!(set(&json!([one, one])).holds(&sample()));
    assert!(!set(&json!([one, other])).holds(&sample()));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_a_remedy() {
    let check = |matchers: Value, pointer: &str, code: &str, words: &str| {
        let problems = MatcherSet::from_json(&matchers).expect_err("it is wrong");
        let found = (problems[0].pointer.as_str(), problems[0].code);
        assert_eq!(found, (pointer, code), "{matchers}: {problems:?}");
        assert!(problems[0].detail.contains(words), "{matchers}: {}", problems[0].detail);
    };
    let one =
        |field: &str, op: &str, value: Value| json!([{"field": field, "op": op, "value": value}]);
    check(json!({}), "", "type", "a list");
    check(json!([{"field": "device"}]), "/0/op", "required", "given");
    check(json!([{"op": "exists"}]), "/0/field", "required", "given");
    check(one("devise", "equals", json!("x")), "/0/field", "one_of", "did you mean `device`?");
    check(one("zzz", "equals", json!("x")), "/0/field", "one_of", "parameters.NAME");
    check(one("parameters.", "exists", json!(null)), "/0/field", "format", "1 to 100");
    check(one("device", "equal", json!("x")), "/0/op", "one_of", "did you mean `equals`?");
    check(one("device", "equals", json!(null)), "/0/value", "required", "given");
    check(one("device", "equals", json!(17)), "/0/value", "type", "write \"17\"");
    check(one("device", "equals", json!(["a"])), "/0/value", "type", "one_of");
    check(one("device", "one_of", json!("a")), "/0/value", "type", "brackets");
    check(one("device", "one_of", json!(["a", 1])), "/0/value/1", "type", "write \"1\"");
    check(one("device", "one_of", json!(vec!["a"; 101])), "/0/value", "too_many", "100");
    check(one("device", "equals", json!("a".repeat(1001))), "/0/value", "too_long", "1000");
    check(one("device", "equals", json!("a\0")), "/0/value", "format", "NUL");
    check(one("device", "equals", json!({})), "/0/value", "type", "text, a number");
    check(one("device", "contains", json!("")), "/0/value", "format", "exists");
    check(one("parameters.x", "contains", json!(5)), "/0/value", "type", "write \"5\"");
    check(one("device", "exists", json!("x")), "/0/value", "type", "takes no value");
    check(one("device", "within", json!("x")), "/0/op", "one_of", "`group`");
    check(one("group", "within", json!("/")), "/0/value", "format", "any group");
    check(one("version", "less", json!("2")), "/0/op", "one_of", "no order");
    check(one("severity", "matches", json!("*")), "/0/op", "one_of", "greater_or_equal");
    check(one("severity", "equals", json!("fatal")), "/0/value", "one_of", "`critical`");
    check(one("parameters.x", "less", json!("5")), "/0/value", "type", "without quotes");
    check(one("parameters.x", "less", json!(true)), "/0/value", "type", "equals");
    let unknown = json!([{"field": "device", "op": "exists", "ignorecase": true}]);
    check(unknown, "/0/ignorecase", "unknown_field", "ignore_case");
    let many = Value::from(vec![json!({"field": "device", "op": "exists"}); 21]);
    check(many, "", "too_many", "20");
}

#[test]
fn people_read_a_sentence() {
    let check = |matchers: Value, expected: &str| {
        assert_eq!(set(&matchers).to_string(), expected);
    };
    check(json!([]), "every event");
    check(
        json!([
            {"field": "parameters.free_percent", "op": "less", "value": 5},
            {"field": "device", "op": "equals", "value": "pc-17"},
        ]),
        "free_percent < 5 and device is \"pc-17\"",
    );
    check(
        json!([
            {"field": "severity", "op": "greater_or_equal", "value": "failure"},
            {"field": "group", "op": "within", "value": "Plant A", "ignore_case": true},
        ]),
        "severity >= failure and group is within \"Plant A\" ignoring case",
    );
    check(
        json!([{"field": "type", "op": "one_of", "value": ["a", "b", "c"]}]),
        "type is \"a\", \"b\" or \"c\"",
    );
    check(
        json!([{"field": "severity", "op": "none_of", "value": ["info", "warning"]}]),
        "severity is neither info nor warning",
    );
    check(json!([{"field": "parameters.device", "op": "exists"}]), "parameters.device is given");
    check(json!([{"field": "parameters.a b", "op": "absent"}]), "\"a b\" is not given");
    check(
        json!([{"field": "task", "op": "contains", "value": "a\n\"b"}]),
        "task contains \"a\\n\\\"b\"",
    );
    let many: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    let sentence = set(&json!([{"field": "type", "op": "one_of", "value": many}])).to_string();
    assert!(sentence.ends_with("\"9\" or 2 others"), "{sentence}");
}

#[test]
fn a_set_is_a_setting() {
    annunciator_settings::settings! {
        /// A group with conditions.
        struct Conditional / ConditionalLayer {
            /// Conditions on the event.
            matchers: MatcherSet = MatcherSet::default();
        }
    }
    let matchers = json!([{"field": "device", "op": "equals", "value": "pc-17"}]);
    let layer = ConditionalLayer::from_json(&json!({"matchers": matchers})).expect("valid");
    assert_eq!(layer.matchers, Some(set(&matchers)));
    assert_eq!(layer.to_json(), json!({"matchers": matchers}));
    let wrong = json!({"matchers": [{"field": "device", "op": "less", "value": 5}]});
    let problems = ConditionalLayer::from_json(&wrong).expect_err("it is wrong");
    assert_eq!(problems[0].pointer, "/matchers/0/op");
    let definitions = ConditionalLayer::definitions();
    assert_eq!(find_faults(definitions), Vec::<String>::new());
    let schema = group_schema(definitions);
    assert_eq!(schema["properties"]["matchers"]["maxItems"], 20);
    assert!(reference_markdown("x.", definitions).contains("at most 20"));
}

#[test]
fn the_fingerprint_is_that_of_the_conditions_and_stays_for_good() {
    let a = json!({"field": "device", "op": "equals", "value": "pc-17"});
    let b = json!({"op": "less", "field": "parameters.free", "value": 5, "ignore_case": true});
    // These numbers are stored with notifications.
    assert_eq!(set(&json!([])).fingerprint(), 0xcbf2_9ce4_8422_2325);
    assert_eq!(set(&json!([a])).fingerprint(), 11_360_035_016_148_463_124);
    assert_eq!(set(&json!([a, b])).fingerprint(), set(&json!([b, a, a])).fingerprint());
    assert_ne!(set(&json!([a])).fingerprint(), set(&json!([b])).fingerprint());
}

#[test]
fn what_holds_always_is_known() {
    let check = |field: &str, op: &str, value: Value, expected: bool| {
        let matchers = json!([{"field": field, "op": op, "value": value}]);
        assert_eq!(set(&matchers).holds_always(), expected, "{matchers}");
    };
    check("severity", "greater_or_equal", json!("info"), true);
    check("severity", "one_of", json!(["info", "warning", "failure", "critical"]), true);
    check("severity", "greater", json!("info"), false);
    check("application", "exists", json!(null), true);
    check("type", "matches", json!("**"), true);
    check("type", "matches", json!("?*"), false);
    check("device", "exists", json!(null), false);
    check("device", "none_of", json!([]), true);
    assert!(set(&json!([])).holds_always());
}

#[test]
fn what_can_never_hold_is_found() {
    let check = |matchers: Value, words: Option<&str>| {
        let found = set(&matchers).find_contradiction();
        assert_eq!(found.is_some(), words.is_some(), "{matchers}: {found:?}");
        assert!(found.unwrap_or_default().contains(words.unwrap_or_default()), "{matchers}");
    };
    let x = |op: &str, value: Value| json!({"field": "parameters.x", "op": op, "value": value});
    let on =
        |field: &str, op: &str, value: Value| json!({"field": field, "op": op, "value": value});
    let any_case = |op: &str, value: &str| json!({"field": "parameters.x", "op": op, "value": value, "ignore_case": true});
    let never = Some("never hold together");
    check(json!([x("less", json!(5)), x("greater", json!(10))]), never);
    check(json!([x("less", json!(5)), x("greater_or_equal", json!(5))]), never);
    check(json!([x("less_or_equal", json!(5)), x("greater_or_equal", json!(5.0))]), None);
    check(json!([x("less", json!("b")), x("greater", json!("c"))]), never);
    check(json!([x("less", json!("b")), x("greater", json!(10))]), None);
    check(json!([x("equals", json!("a")), x("equals", json!("b"))]), never);
    check(json!([x("equals", json!(5)), x("equals", json!("5.0"))]), None);
    check(json!([x("equals", json!(5)), x("equals", json!(6))]), never);
    check(json!([x("equals", json!(5)), x("greater", json!(5))]), never);
    check(json!([x("equals", json!(5)), x("not_equals", json!(5.0))]), never);
    check(json!([x("equals", json!("a")), x("none_of", json!(["b", "a"]))]), never);
    check(json!([x("equals", json!("a")), x("one_of", json!(["b", "c"]))]), never);
    check(json!([x("equals", json!("a")), x("begins_with", json!("b"))]), never);
    check(json!([x("equals", json!("a")), x("greater", json!(1))]), never);
    check(json!([x("one_of", json!([]))]), Some("never holds"));
    check(json!([x("exists", json!(null)), x("absent", json!(null))]), never);
    check(json!([x("absent", json!(null)), x("not_equals", json!("a"))]), None);
    check(json!([x("begins_with", json!("ab")), x("begins_with", json!("a"))]), None);
    check(json!([x("begins_with", json!("ab")), x("begins_with", json!("b"))]), never);
    check(json!([x("ends_with", json!("ab")), x("ends_with", json!("a"))]), never);
    check(json!([any_case("equals", "A"), x("equals", json!("a"))]), None);
    check(json!([any_case("equals", "A"), x("equals", json!("b"))]), never);
    check(json!([any_case("equals", "A"), any_case("not_equals", "a")]), never);
    check(json!([any_case("equals", "A"), x("not_equals", json!("a"))]), None);
    check(json!([on("device", "equals", json!(""))]), Some("never holds"));
    check(json!([on("type", "absent", json!(null))]), Some("never holds"));
    check(json!([on("severity", "less", json!("info"))]), Some("never holds"));
    check(
        json!([
            on("severity", "greater", json!("info")),
            on("severity", "less", json!("failure")),
            on("severity", "not_equals", json!("warning")),
        ]),
        Some("no value of severity meets all of its 3 tests"),
    );
    check(
        json!([on("group", "within", json!("A/B")), on("group", "within", json!("A/BC"))]),
        never,
    );
    check(json!([on("group", "within", json!("A/B")), on("group", "within", json!("A"))]), None);
    check(json!([x("equals", json!("a")), on("device", "equals", json!("b"))]), None);
}

mod world;
