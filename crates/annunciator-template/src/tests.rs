//! The rules of templates, one check per rule, and their laws.

use annunciator_core::{Application, Device, Event, EventUid, ParameterValue, Severity, Timestamp};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn event() -> Event {
    Event {
        uid: EventUid::from_parts(0, [0; 10]),
        id: "a1".to_owned(),
        event_type: "disk.full".to_owned(),
        type_name: "Disk full".to_owned(),
        severity: Severity::Failure,
        application: Application { name: "Storage Guard".to_owned(), version: "1.4".to_owned() },
        device: Device {
            name: "pc-17".to_owned(),
            ip: "10.0.0.17".to_owned(),
            connection_ip: "10.0.0.1".to_owned(),
            domain: "PLANT".to_owned(),
            group: "Plant A/Line 2".to_owned(),
        },
        task: "Backup".to_owned(),
        description: "Volume D: has 1 % left".to_owned(),
        occurred_at: Timestamp(1_795_325_400_000),
        registered_at: Timestamp(1_795_325_401_000),
        parameters: [
            ("free_percent".to_owned(), ParameterValue::Integer(1)),
            ("path.to-x".to_owned(), ParameterValue::Text("%EVENT%".to_owned())),
            ("größe".to_owned(), ParameterValue::Number(1.5)),
        ]
        .into(),
    }
}

fn render(template: &str, event: &Event, escape: Escape) -> String {
    let values =
        EventValues { link: "https://a.example/e", phone: "+4912345", ..EventValues::new(event) };
    Template::parse(template, Purpose::Sms).unwrap().render(&values, escape)
}

#[test]
fn names_are_replaced_by_the_values_of_the_event() {
    for (template, expected) in [
        ("", ""),
        ("plain", "plain"),
        ("%SEVERITY%: %EVENT% on %COMPUTER%", "Functional failure: Disk full on pc-17"),
        ("%SEVERITY_NUM%%KLCSAK_EVENT_SEVERITY_NUM%", "33"),
        ("%DOMAIN%|%EVENT_TYPE%|%DESCR%", "PLANT|disk.full|Volume D: has 1 % left"),
        ("%RISE_TIME%", "2026-11-22T05:30:00.000Z"),
        ("%TASK%|%KLCSAK_EVENT_TASK_DISPLAY_NAME%", "Backup|Backup"),
        ("%PRODUCT%|%KL_PRODUCT%", "Storage Guard|Storage Guard"),
        ("%VERSION%|%KL_VERSION%", "1.4|1.4"),
        ("%HOST_IP%|%HOST_CONN_IP%|%GROUP%", "10.0.0.17|10.0.0.1|Plant A/Line 2"),
        ("%EVENT_ID%|%LINK%|%PHONE%", "a1|https://a.example/e|+4912345"),
        ("%PARAM:free_percent%|%PARAM:größe%|%PARAM:none%|", "1|1.5||"),
        ("100%%", "100%"),
        ("%%%%", "%%"),
        ("%%EVENT%%", "%EVENT%"),
        ("%%%EVENT%%%", "%Disk full%"),
        ("%PARAM:path.to-x%", "%EVENT%"),
    ] {
        assert_eq!(render(template, &event(), Escape::None), expected, "{template}");
    }
}

#[test]
fn an_event_type_without_display_name_shows_its_code() {
    let event = Event { type_name: String::new(), ..event() };
    assert_eq!(render("%EVENT%", &event, Escape::None), "disk.full");
}

#[test]
fn every_row_of_the_table_stands_at_its_parameter_and_its_sample_fits() {
    for (at, row) in PARAMETERS.iter().enumerate() {
        assert_eq!(row.parameter as usize, at, "{}", row.name);
        assert_eq!(row.parameter.row().name, row.name);
        assert_eq!(Parameter::named(row.name), Some(row.parameter));
        assert!(row.doc.ends_with('.') && !row.sample.is_empty(), "{}", row.name);
        assert!(row.sample.chars().count() <= row.chars_max, "{}", row.name);
        let template = Template::parse(&format!("%{}%", row.name), Purpose::Sms).unwrap();
        let event = sample_event(Language::English);
        let link = Parameter::Link.row().sample;
        let phone = Parameter::Phone.row().sample;
        let values = EventValues { link, phone, ..EventValues::new(&event) };
        assert_eq!(template.render(&values, Escape::None), row.sample);
        assert!(template.uses(row.parameter));
    }
}

#[test]
fn values_are_shortened_to_the_limits_of_their_fields() {
    for (name, chars) in
        [("DESCR", 1000), ("COMPUTER", 256), ("EVENT", 100), ("TASK", 100), ("PARAM:x", 16_384)]
    {
        for (length, cut) in [(chars, false), (chars + 1, true)] {
            let value = "ä".repeat(length);
            let event = Event {
                description: value.clone(),
                type_name: value.clone(),
                task: value.clone(),
                device: Device { name: value.clone(), ..Device::default() },
                parameters: [("x".to_owned(), ParameterValue::Text(value.clone()))].into(),
                ..event()
            };
            let shown = render(&format!("%{name}%"), &event, Escape::None);
            assert_eq!(shown.chars().count(), chars, "{name}");
            assert_eq!(shown.ends_with('…'), cut, "{name} {length}");
        }
    }
}

#[test]
fn values_are_escaped_for_html_and_the_template_is_markup() {
    let event = Event { description: "<b> & \"q\" 'a' > ü".to_owned(), ..event() };
    assert_eq!(
        render("<p title=\"x\">%DESCR% &amp; %%</p>", &event, Escape::Html),
        "<p title=\"x\">&lt;b&gt; &amp; &quot;q&quot; &#39;a&#39; &gt; ü &amp; %</p>"
    );
}

#[test]
fn line_breaks_become_spaces_in_a_line() {
    for (value, expected) in [
        ("a\r\nb", "a b"),
        ("a\n\rb", "a  b"),
        ("a\0b\x0bc\x0cd\u{85}e\u{2028}f\u{2029}g\th\x7f", "a b c d e f g h "),
        ("größe", "größe"),
    ] {
        let event = Event { description: value.to_owned(), ..event() };
        assert_eq!(render("%DESCR%", &event, Escape::Line), expected);
        assert_eq!(render(value, &event, Escape::Line), expected, "in the template too");
        assert_eq!(render("%DESCR%", &event, Escape::None), value);
    }
}

#[test]
fn rendered_text_is_cut_at_its_limit() {
    let big = event_with_parameters_of_a_megabyte();
    for escape in [Escape::None, Escape::Html, Escape::Line] {
        for shift in 0..8 {
            let template = format!("{}{}", "x".repeat(shift), "%PARAM:p%".repeat(100));
            let text = render(&template, &big, escape);
            assert!(text.len() <= RENDERED_BYTES_MAX, "{escape:?} {}", text.len());
            assert!(text.len() > RENDERED_BYTES_MAX - 16, "{escape:?} {}", text.len());
            let body = text.strip_suffix('…').unwrap();
            assert!(!body.contains('…'));
            // An entity is whole or absent.
            assert!(escape != Escape::Html || body.ends_with("&lt;") || body.ends_with('é'));
        }
    }
}

fn event_with_parameters_of_a_megabyte() -> Event {
    let value = ParameterValue::Text("<é".repeat(8_192));
    Event { parameters: [("p".to_owned(), value)].into(), ..event() }
}

#[test]
fn a_template_that_is_wrong_is_refused_with_its_position() {
    for (template, offset, line, column, kind) in [
        ("%", 0, 1, 1, ParseErrorKind::LonePercent),
        ("100 % of", 4, 1, 5, ParseErrorKind::LonePercent),
        ("äö\nü%EVENT on", 7, 2, 2, ParseErrorKind::LonePercent),
        ("%%%", 2, 1, 3, ParseErrorKind::LonePercent),
        ("5% of %EVENT%", 1, 1, 2, ParseErrorKind::LonePercent),
        ("%PARAM:%", 0, 1, 1, ParseErrorKind::EventParameterName),
        ("%PARAM:a:b%", 0, 1, 1, ParseErrorKind::EventParameterName),
        ("x\n\n%PHONE%", 3, 3, 1, ParseErrorKind::NotHere { name: "PHONE".to_owned() }),
    ] {
        let error = Template::parse(template, Purpose::Email).unwrap_err();
        assert_eq!(
            (error.offset, error.line, error.column, &error.kind),
            (offset, line, column, &kind),
            "{template}"
        );
    }
    let long_name = format!("%PARAM:{}%", "x".repeat(101));
    let error = Template::parse(&long_name, Purpose::Email).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::EventParameterName);
    let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
    assert_eq!(Template::parse(&long, Purpose::Email).unwrap_err().kind, ParseErrorKind::TooLong);
}

fn check_message(template: &str, expected: &Expect) {
    expected.assert_eq(&Template::parse(template, Purpose::Executable).unwrap_err().to_string());
}

#[test]
fn an_error_says_what_to_do() {
    check_message(
        "a %COMPTER%",
        &expect!["line 1, column 3: `%COMPTER%` is not known: did you mean `%COMPUTER%`?"],
    );
    check_message(
        "%severity%",
        &expect!["line 1, column 1: `%severity%` is not known: did you mean `%SEVERITY%`?"],
    );
    check_message(
        "%KL_PRODUKT%",
        &expect!["line 1, column 1: `%KL_PRODUKT%` is not known: did you mean `%KL_PRODUCT%`?"],
    );
    check_message(
        "%xyz%",
        &expect![
            "line 1, column 1: `%xyz%` is not known: use a name such as `%EVENT%`, `%PARAM:xyz%` for a parameter of the event, or `%%xyz%%` for this very text"
        ],
    );
    check_message(
        "1 %",
        &expect![
            "line 1, column 3: a percent sign stands alone: write `%%` for a percent sign, or a name such as `%EVENT%`"
        ],
    );
    check_message(
        "%PHONE%",
        &expect!["line 1, column 1: `%PHONE%` can be used in SMS templates only: remove it"],
    );
    check_message(
        "%PARAM:%",
        &expect![
            "line 1, column 1: `%PARAM:name%` needs a name of 1 to 100 letters, digits, `_`, `.` or `-`"
        ],
    );
}

#[test]
fn the_reference_names_every_parameter() {
    let page = reference_markdown();
    for row in PARAMETERS {
        assert!(page.contains(&format!("`%{}%`", row.name)), "{}", row.name);
    }
    assert_eq!(page.lines().count(), PARAMETERS.len() + 4);
}

/// A piece of source text and what it renders to for [`event`].
fn piece() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        "[^%]{0,12}".prop_map(|text| (text.clone(), text)),
        Just(("%%".to_owned(), "%".to_owned())),
        Just(("%EVENT%".to_owned(), "Disk full".to_owned())),
        Just(("%PARAM:path.to-x%".to_owned(), "%EVENT%".to_owned())),
        Just(("%PARAM:absent%".to_owned(), String::new())),
    ]
}

proptest! {
    #[test]
    fn a_template_renders_as_its_pieces_do_and_prints_as_it_was_written(
        pieces in prop::collection::vec(piece(), 0..12)
    ) {
        let (source, expected): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
        let source = source.concat();
        let template = Template::parse(&source, Purpose::Email).unwrap();
        prop_assert_eq!(template.to_string(), source);
        let event = event();
        let rendered = template.render(&EventValues::new(&event), Escape::None);
        prop_assert_eq!(rendered, expected.concat());
    }

    #[test]
    fn any_text_parses_to_itself_or_to_an_error_inside_it(text in "[%A-Z:_é\n ]{0,24}") {
        match Template::parse(&text, Purpose::Email) {
            Ok(template) => prop_assert_eq!(template.to_string(), text),
            Err(error) => prop_assert_eq!(&text[error.offset..=error.offset], "%"),
        }
    }

    #[test]
    fn a_value_is_never_expanded_again(value in "[%A-Z]{0,8}(%EVENT%|%%|%PARAM:x%|%){1,3}.{0,8}") {
        let event = Event { description: value.clone(), ..event() };
        prop_assert_eq!(render("%DESCR%%DESCR%", &event, Escape::None), value.repeat(2));
    }

    #[test]
    fn an_escaped_value_has_no_markup(value in "[<>&\"'a-z;#\\PC]{0,40}") {
        let event = Event { description: value.clone(), ..event() };
        let html = render("%DESCR%", &event, Escape::Html);
        prop_assert!(!html.contains(['<', '>', '"', '\'']));
        let back = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
            .replace("&#39;", "'").replace("&amp;", "&");
        prop_assert_eq!(back, value);
    }

    #[test]
    fn a_line_is_one_line(value in "\\PC{0,5}[\r\n\0\x0b\x0c\u{85}\u{2028}\u{2029}]{1,4}.{0,9}") {
        let event = Event { description: value, ..event() };
        let line = render("%DESCR%", &event, Escape::Line);
        let breaks = line.matches(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c));
        prop_assert_eq!(breaks.count(), 0);
    }
}
