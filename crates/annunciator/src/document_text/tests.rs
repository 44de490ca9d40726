//! Documents as text: the layout, and that nothing is lost.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn order() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![("email", vec!["servers", "port", "subject", "limit"]), ("names", vec!["dns_servers"])]
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

#[test]
fn a_document_is_written_as_people_write_it() {
    let document = json!({
        "version": 1,
        "groups": ["Plant A", "Büro \"x\""],
        "names": {"dns_servers": ["192.0.2.1"]},
        "email": {
            "port": 25, "servers": ["a"], "later": true, "subject": "C:\\new \"x\"",
            "limit": {"count": 10, "per": "channel"}, "message": "one\n  'two'\n",
        },
        "policies": [
            {"group": "Plant A", "name": "P", "enabled": true, "events": [
                {"email": {"servers": ["b"]}, "type": "disk.full", "locked": ["email.servers"],
                 "conditions": [{"a": 1.5}, {"b": "2026-01-01"}]},
                {},
            ]},
            {"name": "Q", "events": []},
        ],
    });
    let expected = r#"version = 1
groups = ["Plant A", 'Büro "x"']

[email]
servers = ["a"]
port = 25
subject = 'C:\new "x"'
limit = { count = 10, per = "channel" }
later = true
message = '''
one
  'two'
'''

[names]
dns_servers = ["192.0.2.1"]

[[policies]]
name = "P"
group = "Plant A"
enabled = true

[[policies.events]]
type = "disk.full"
conditions = [
    { a = 1.5 },
    { b = "2026-01-01" },
]
locked = ["email.servers"]

[policies.events.email]
servers = ["b"]

[[policies.events]]

[[policies]]
name = "Q"
events = []
"#;
    let text = write(&map(&document), &order()).unwrap();
    assert_eq!(text, expected);
    assert_eq!(Value::Object(read(&text).unwrap()), document);
}

#[test]
fn what_toml_cannot_hold_is_named() {
    for (value, expected) in [
        (json!({"email": {"port": null}}), "`email.port` holds null"),
        (json!({"email": {"port": u64::MAX}}), "`email.port` holds 18446744073709551615"),
        (json!({"policies": [{"conditions": [{"x": null}]}]}), "`policies.conditions` holds null"),
    ] {
        let error = write(&map(&value), &order()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = read("[email]\nport = nan").unwrap_err().to_string();
    assert_eq!(error, "`email.port` holds NaN: it must be a number");
}

#[test]
fn dates_are_texts() {
    for (text, expected) in [
        ("x = 2026-11-22T05:30:00Z", "2026-11-22T05:30:00Z"),
        ("x = 2026-11-22", "2026-11-22"),
        ("x = 05:30:00", "05:30:00"),
    ] {
        assert_eq!(read(text).unwrap()["x"], expected);
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z.%<> ]{0,12}",
        "[\\\\\"'\n\r\t a-z\u{1}\u{7f}\u{85}ü]{0,24}",
        "(''|'|\"\"|\n|x){0,6}",
        any::<String>(),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(texts(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        fields in prop::collection::btree_map(
            prop_oneof!["email", "policies", "groups", "events", texts()], values(), 0..6,
        ),
    ) {
        let document: Map<String, Value> = fields.into_iter().collect();
        let text = write(&document, &order()).expect("TOML can hold it");
        let again = read(&text);
        prop_assert!(again.is_ok(), "{again:?}\n{text}");
        let again = again.expect("checked above");
        prop_assert_eq!(&again, &document, "{}", text);
        prop_assert_eq!(write(&again, &order()).expect("TOML can hold it"), text);
    }
}
