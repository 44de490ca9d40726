//! The ready templates, all of them: each parses, renders, and holds with a hostile event.

use annunciator_core::{Application, Device, Event, ParameterValue};
use annunciator_testkit::python_html::parse_html_with_python;

use super::*;
use crate::{
    Escape, EventValues, PARAMETERS, Parameter, Reader, TEMPLATE_BYTES_MAX, Template, TimeFormat,
    TimeZone, sample_event,
};

/// What an event may hold to break out of where it is shown.
const HOSTILE: &str = "\"><script>alert(1)</script><!-- ' %EVENT% %% \r\nBcc: x@example.org\r\n\
                       \u{202e}</td></table>&amp;\u{0}\u{1}";

fn reader(language: Language) -> Reader {
    let time_zone = TimeZone::named("Europe/Moscow").unwrap();
    Reader { language, time_zone, time_format: TimeFormat::Local }
}

fn hostile_event() -> Event {
    let text = HOSTILE.to_owned();
    Event {
        id: text.clone(),
        event_type: text.clone(),
        type_name: text.clone(),
        application: Application { name: text.clone(), version: text.clone() },
        device: Device {
            name: text.clone(),
            ip: text.clone(),
            connection_ip: text.clone(),
            domain: text.clone(),
            group: text.clone(),
        },
        task: text.clone(),
        description: text.clone(),
        parameters: [("x".to_owned(), ParameterValue::Text(text))].into(),
        ..sample_event(Language::English)
    }
}

fn every_text() -> impl Iterator<Item = (&'static ReadyText, Language, Template)> {
    let both = READY_TEXTS.iter().flat_map(|one| Language::ALL.map(|language| (one, language)));
    both.map(|(one, language)| {
        let text = one.text.of(language);
        assert!(text.len() <= TEMPLATE_BYTES_MAX, "{}", one.name);
        let template = Template::parse(text, one.kind.purpose());
        (one, language, template.unwrap_or_else(|error| panic!("{}: {error}", one.name)))
    })
}

#[test]
fn names_are_given_once_and_every_field_is_filled_in_every_language() {
    let texts = READY_TEXTS.iter().map(|one| one.name);
    let mut names: Vec<_> = texts.chain(SUBJECT_PIECES.iter().map(|one| one.name)).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    for one in READY_TEXTS {
        for language in Language::ALL {
            for text in [one.title, one.purpose, one.needs, one.text] {
                assert!(!text.of(language).is_empty(), "{}", one.name);
            }
            assert!(one.purpose.of(language).ends_with('.'), "{}", one.name);
            assert!(one.needs.of(language).ends_with('.'), "{}", one.name);
        }
    }
}

#[test]
fn a_subject_is_joined_from_its_pieces() {
    for (names, language, expected) in [
        (&["severity", "event", "computer"][..], Language::English, STANDARD_SUBJECT.english),
        (&["severity", "event", "computer"], Language::Russian, STANDARD_SUBJECT.russian),
        (&[], Language::English, ""),
        (&["event_id"], Language::English, "[%EVENT_ID%]"),
        (
            &["event", "group", "task", "rise_time", "event_id"],
            Language::English,
            "%EVENT% in %GROUP%, task %TASK%, %RISE_TIME% [%EVENT_ID%]",
        ),
    ] {
        assert_eq!(join_subject(names, language).unwrap(), expected);
    }
    let all: Vec<_> = SUBJECT_PIECES.iter().map(|piece| piece.name).collect();
    for language in Language::ALL {
        let subject = join_subject(&all, language).unwrap();
        let template = Template::parse(&subject, Purpose::Email).unwrap();
        let (event, reader) = (hostile_event(), reader(language));
        let line = template.render(&EventValues::for_reader(&event, &reader), Escape::Line);
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    for (names, expected) in [
        (&["event", "sevrity"][..], "did you mean `severity`?"),
        (&["zzz"], "use severity, event, computer"),
        (&["event"; 21], "at most 20 pieces"),
    ] {
        let error = join_subject(names, Language::English).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_ready_text_tells_a_reader_in_their_language_and_time() {
    for (one, language, template) in every_text() {
        let (event, reader) = (sample_event(language), reader(language));
        let escape = if one.kind == TextKind::HtmlMessage { Escape::Html } else { Escape::None };
        let text = template.render(&EventValues::for_reader(&event, &reader), escape);
        assert!(text.contains(&event.type_name), "{}: {text}", one.name);
        assert!(text.contains("pc-17"), "{}: {text}", one.name);
        let is_russian = text.contains("Диск заполнен");
        assert_eq!(is_russian, language == Language::Russian, "{}", one.name);
        let severity = language.severity_word(event.severity);
        assert!(one.name == "short" || text.contains(severity), "{}: {text}", one.name);
        if template.uses(Parameter::RiseTime) {
            let time = match language {
                Language::English => "2026-11-22 08:30:00 +03:00",
                Language::Russian => "22.11.2026 08:30:00 UTC+03:00",
            };
            assert!(text.contains(time), "{}: {text}", one.name);
        }
    }
}

#[test]
fn the_full_text_names_every_parameter_of_e_mail() {
    let full = every_text().filter(|(one, ..)| one.name == "full");
    let mut count = 0;
    for (_, language, template) in full {
        for row in PARAMETERS.iter().filter(|row| row.purposes.contains(&Purpose::Email)) {
            assert!(template.uses(row.parameter), "{} {language:?}", row.name);
        }
        count += 1;
    }
    assert_eq!(count, Language::ALL.len());
}

#[test]
fn ready_pages_are_well_formed_whatever_the_event_holds() {
    let (mut names, mut tame, mut hostile) = (Vec::new(), Vec::new(), Vec::new());
    // XML has no NUL and no other control characters; that is the message's matter, not markup's.
    let printable = |text: String| text.replace(['\u{0}', '\u{1}'], "");
    for (one, language, template) in every_text() {
        if one.kind != TextKind::HtmlMessage {
            continue;
        }
        let reader = reader(language);
        for (event, pages) in [(sample_event(language), &mut tame), (hostile_event(), &mut hostile)]
        {
            let values = EventValues::for_reader(&event, &reader);
            pages.push(printable(template.render(&values, Escape::Html)));
        }
        names.push(one.name);
    }
    assert_eq!(names.len(), 6, "{names:?}");
    let judged = parse_html_with_python(&tame).into_iter().zip(parse_html_with_python(&hostile));
    for (name, (tame, hostile)) in names.iter().zip(judged) {
        assert_eq!(tame.defects, [""; 0], "{name}");
        assert_eq!(hostile.defects, [""; 0], "{name}");
        // The event adds words, and no element and no attribute.
        assert_eq!(tame.elements, hostile.elements, "{name}");
        assert_eq!(tame.attributes, hostile.attributes, "{name}");
        let shown = printable(HOSTILE.to_owned());
        let shown = shown.replace("\r\n", "\n");
        assert!(hostile.text.replace("\r\n", "\n").contains(&shown), "{name}: {}", hostile.text);
        assert!(!tame.elements.iter().any(|one| one == "script" || one == "img"), "{name}");
    }
}
