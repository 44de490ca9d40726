//! Forms of every kind of setting, there and back.

use annunciator_api_types::FieldError;
use askama::Template as _;
use serde_json::{Value, json};

use super::*;
use crate::form::Form;
use crate::language::Language;

/// Definitions as the API answers them.
fn definitions() -> Definitions {
    let row = |key: &str, default: Value, schema: Value| json!({"key": key, "doc": format!("What `{key}` is."), "default": default, "schema": schema});
    let integer = json!({"x-kind": "integer", "minimum": 1, "maximum": 65_535});
    let mailbox = json!({"x-kind": "text", "maxLength": 254, "x-format": "mailbox"});
    let template = json!({"x-kind": "text", "maxLength": 1_000, "x-format": "template"});
    let limit = json!({
        "x-kind": "object", "x-order": ["count", "per"], "properties": {
            "count": integer,
            "per": {"x-kind": "choice", "x-choices": [{"word": "channel", "doc": "All."}],
                    "default": "channel"},
        },
    });
    Definitions::parse(&json!({"groups": {"email": [
        row("port", json!(25), json!({"x-kind": "integer", "minimum": 1, "maximum": 65_535,
            "x-unit": "relay", "x-binds-secrets": true})),
        row("mx_lookup", json!(false), json!({"x-kind": "bool"})),
        row("sender", json!(""), mailbox.clone()),
        row("zone", json!("UTC"), json!({"x-kind": "text", "maxLength": 9, "x-format": "line"})),
        row("subject", json!("%EVENT%"), template),
        row("password", json!(""), json!({"x-kind": "secret", "maxLength": 99,
            "x-only-when": ["auth", "password"], "x-unit": "relay"})),
        row("auth", json!("off"), json!({"x-kind": "choice", "x-choices": [
            {"word": "off", "doc": "Not."}, {"word": "password", "doc": "So."}]})),
        row("recipients", json!([]), json!({"x-kind": "list", "x-of": mailbox,
            "x-separable": true})),
        row("arguments", json!([]), json!({"x-kind": "list", "x-separable": false,
            "x-of": {"x-kind": "text", "maxLength": 99, "x-format": "template"}})),
        row("waits", json!([60, 120]), json!({"x-kind": "list", "x-of": integer,
            "x-separable": false})),
        row("notify_about", json!(["failure", "critical"]), json!({"x-kind": "severities"})),
        row("limit", json!("none"), json!({"x-kind": "optional", "x-of": limit})),
    ]}}))
}

/// The sheet where these values are set.
fn sheet(set: Value) -> Sheet {
    let settings = definitions().group("email").to_vec();
    let Value::Object(set) = set else { panic!("an object") };
    let standing = |(key, value)| (key, Standing { value, is_set: true, ..Standing::default() });
    Sheet { settings, standings: set.into_iter().map(standing).collect(), ..Sheet::default() }
}

fn form(text: &str) -> Form {
    Form::parse(text.replace(' ', "%20").as_bytes())
}

#[test]
fn a_form_changes_what_was_typed_and_nothing_else() {
    let check = |set: Value, posted: &str, expected: Value| {
        let changes = sheet(set.clone()).changes(&form(posted));
        assert_eq!(Value::Object(changes), expected, "{set} {posted}");
    };
    let none = || json!({});
    // What is not in the form, or stands in it as it stood, is unchanged.
    check(none(), "", none());
    check(none(), "email.port=25&email.subject=%25EVENT%25&email.auth=off", none());
    check(json!({"port": 587}), "email.port=587", none());
    check(none(), "email.port=1 025", json!({"port": 1_025}));
    check(none(), "email.port=smtp", json!({"port": "smtp"}));
    check(json!({"port": 587}), "email.port= ", json!({"port": null}));
    // A box that was not seen is not an empty one.
    check(json!({"mx_lookup": true}), "", none());
    check(json!({"mx_lookup": true}), "seen=email.mx_lookup", json!({"mx_lookup": false}));
    check(none(), "seen=email.mx_lookup&email.mx_lookup=on", json!({"mx_lookup": true}));
    // Empty is "not set", but for a template it is a text.
    check(json!({"sender": "a@b"}), "email.sender=", json!({"sender": null}));
    check(json!({"zone": "Asia/Omsk"}), "email.zone=", json!({"zone": null}));
    check(none(), "email.subject=", json!({"subject": ""}));
    check(json!({"subject": "a\nb"}), "email.subject=a%0D%0Ab", none());
    // A secret is replaced or cleared, never posted back.
    check(json!({"password": "<secret>"}), "email.password=", none());
    check(json!({"password": "<secret>"}), "email.password=new", json!({"password": "new"}));
    let clears = "email.password=&clear.email.password=on";
    check(json!({"password": "<secret>"}), clears, json!({"password": null}));
    check(none(), clears, none());
    // Lists: one per line, `;` or `,` between addresses, anything between numbers.
    let typed = "email.recipients=a@x; \"b;c\"@x%0D%0Ad@x%0D%0A";
    check(none(), typed, json!({"recipients": ["a@x", "\"b;c\"@x", "d@x"]}));
    check(json!({"recipients": ["a@x"]}), "email.recipients=a@x%0D%0A", none());
    check(json!({"recipients": ["a@x"]}), "email.recipients=", json!({"recipients": null}));
    let typed = "email.arguments=--a;b,c%0D%0A%0D%0A two words";
    check(none(), typed, json!({"arguments": ["--a;b,c", " two words"]}));
    check(json!({"arguments": ["a\nb"]}), "email.arguments=a%0D%0Ab", none());
    check(none(), "email.waits=60; 300 x", json!({"waits": [60, 300, "x"]}));
    check(none(), "email.waits=60; 120", none());
    // What is notified about.
    let three = "email.notify_about=some&email.notify_about.severity=critical\
                 &email.notify_about.severity=failure";
    check(none(), three, none());
    check(none(), "email.notify_about=some", json!({"notify_about": []}));
    check(none(), "email.notify_about=all", json!({"notify_about": "all"}));
    // Fields that are set together.
    let limit = "seen=email.limit&email.limit=on&email.limit.count=10&email.limit.per=channel";
    check(none(), limit, json!({"limit": {"count": 10, "per": "channel"}}));
    check(none(), "seen=email.limit&email.limit.count=10", none());
    check(json!({"limit": {"count": 10, "per": "channel"}}), limit, none());
    let off = "seen=email.limit&email.limit.count=10";
    check(json!({"limit": {"count": 10, "per": "channel"}}), off, json!({"limit": null}));
}

#[test]
fn a_reset_holds_until_something_else_is_typed() {
    let check = |posted: &str, expected: Value| {
        let changes = sheet(json!({"port": 587})).changes(&form(posted));
        assert_eq!(Value::Object(changes), expected, "{posted}");
    };
    check("email.port=25&reset.email.port=on", json!({"port": null}));
    check("email.port=26&reset.email.port=on", json!({"port": 26}));
    check("email.port=25&reset.email.port=", json!({"port": 25}));
    // What nobody set has nothing to go back from.
    let changes = sheet(json!({})).changes(&form("email.port=25&reset.email.port=on"));
    assert!(changes.is_empty());
}

#[test]
fn a_field_is_drawn_with_what_was_typed_and_what_is_wrong_with_it() {
    let mut sheet = sheet(json!({"port": 587, "recipients": ["old@x"]}));
    sheet.typed = Some(form("email.port=x%3Cb%3E&email.recipients=a@x;bad"));
    sheet.errors = vec![
        FieldError::new("/email/port", "type", "must be a whole number"),
        FieldError::new("/email/recipients/1", "format", "this is no address"),
        FieldError::new("/sms/port", "type", "elsewhere"),
    ];
    let port = sheet.field("port", Language::English).expect("it is defined");
    assert_eq!(port.error, "Must be a whole number");
    let html = port.render().expect("it renders");
    assert!(html.contains("x&#60;b&#62;") && !html.contains("<b>"), "{html}");
    assert!(html.contains(r#"aria-invalid="true""#) && html.contains("email-port-error"));
    let recipients = sheet.field("recipients", Language::English).expect("it is defined");
    assert_eq!(recipients.error, "bad: This is no address");
    // What the form did not hold stands as it is saved.
    sheet.typed = Some(form("email.auth=off"));
    let port = sheet.field("port", Language::English).expect("it is defined");
    assert_eq!(port.control.text(), "587");
}

#[test]
fn a_secret_is_never_drawn() {
    let mut sheet = sheet(json!({"password": "<secret>"}));
    sheet.typed = Some(form("email.password=canary&email.auth=password"));
    let html = sheet.field("password", Language::English).unwrap().render().unwrap();
    assert!(!html.contains("canary") && !html.contains("secret&#62;"), "{html}");
    assert!(html.contains("placeholder"), "that one is stored is told");
    assert!(html.contains("type it again"), "that it was not kept is told");
}

#[test]
fn a_field_matters_while_its_condition_holds() {
    let mut sheet = sheet(json!({}));
    let shown = |sheet: &Sheet| sheet.field("password", Language::English).unwrap();
    assert_eq!(shown(&sheet).shown_when, "email.auth=password");
    assert!(!shown(&sheet).is_shown);
    sheet.typed = Some(form("email.auth=password"));
    assert!(shown(&sheet).is_shown);
    let always = Condition::when("email.mx_lookup", &["off"]);
    sheet.conditions.insert("password".to_owned(), always);
    assert!(shown(&sheet).is_shown);
    assert_eq!(shown(&sheet).shown_when, "email.mx_lookup=off");
}

#[test]
fn a_field_tells_its_default_and_the_way_back() {
    let field = sheet(json!({"port": 587})).field("port", Language::English).unwrap();
    assert_eq!(field.default.as_deref(), Some("25"));
    let fill: Value = serde_json::from_str(&field.reset.unwrap()).unwrap();
    assert_eq!(fill, json!({"email.port": "25", "reset.email.port": "on"}));
    let mut locked = sheet(json!({"port": 587, "notify_about": "all"}));
    let field = locked.field("notify_about", Language::English).unwrap();
    let fill: Value = serde_json::from_str(&field.reset.unwrap()).unwrap();
    assert_eq!(fill["email.notify_about.severity"], json!(["failure", "critical"]));
    locked.is_read_only = true;
    assert_eq!(locked.field("port", Language::English).unwrap().reset, None);
    assert!(locked.changes(&form("email.port=1")).is_empty());
}

#[test]
fn what_a_form_holds_for_a_value_is_read_as_that_value() {
    let sheet = sheet(json!({}));
    for (key, value) in [
        ("port", json!(587)),
        ("mx_lookup", json!(true)),
        ("mx_lookup", json!(false)),
        ("subject", json!("a\nb")),
        ("auth", json!("password")),
        ("recipients", json!(["a@x", "\"b;c\"@x"])),
        ("waits", json!([1, 2, 3])),
        ("notify_about", json!(["failure"])),
        ("notify_about", json!([])),
        ("notify_about", json!("configured")),
        ("limit", json!("none")),
        ("limit", json!({"count": 5, "per": "channel"})),
    ] {
        let setting = sheet.setting(key).unwrap();
        let form = Form(pairs(setting, &value));
        assert_eq!(read(setting, &form), Some(value), "{key}");
    }
}

#[test]
fn a_secret_that_no_longer_matters_does_not_stand_in_the_way_of_another_server() {
    let check = |posted: &str, expected: Value| {
        let set = json!({"password": "<secret>", "auth": "password"});
        let changes = sheet(set).changes(&form(posted));
        assert_eq!(Value::Object(changes), expected, "{posted}");
    };
    // It would have to be typed again, but there is no field for it any more.
    let moved = "email.port=26&email.auth=off";
    check(moved, json!({"port": 26, "auth": "off", "password": null}));
    // The same server, or the same way to sign in: it stays.
    check("email.auth=off", json!({"auth": "off"}));
    check("email.port=26&email.auth=password", json!({"port": 26}));
}

#[test]
fn a_warning_goes_with_the_value_that_it_is_about() {
    let mut sheet = sheet(json!({"sender": "a@b.example"}));
    sheet.warnings = vec![FieldError::new("/email/sender", "odd", "nobody knows it")];
    let warning = |sheet: &Sheet| sheet.field("sender", Language::English).unwrap().warning;
    assert_eq!(warning(&sheet), "Nobody knows it");
    sheet.typed = Some(form("email.sender=a@b.example"));
    assert_eq!(warning(&sheet), "Nobody knows it");
    sheet.typed = Some(form("email.sender=a@c.org"));
    assert_eq!(warning(&sheet), "");
}

#[test]
fn what_is_wrong_is_never_hidden() {
    let mut sheet = sheet(json!({"password": "<secret>"}));
    sheet.errors = vec![FieldError::new("/email/password", "retype", "`port` changes")];
    let field = sheet.field("password", Language::English).unwrap();
    assert!(field.is_shown && field.shown_when.is_empty() && !field.error.is_empty());
}
