//! Mails about incidents, as readers see them.

use annunciator_core::{Device, Event, ParameterValue, Recipient, RecipientRole, Severity};
use annunciator_planner::{
    Compose as _, Incident, IncidentLetter, IncidentRules, IncidentSettings,
};
use annunciator_template::{Language, Reader, TimeFormat, TimeZone};

use super::*;

fn event(more: &[(&str, &str)]) -> Event {
    let mut event = Event {
        event_type: "incident.forecaster".into(),
        severity: Severity::Failure,
        device: Device { name: "boiler-3".into(), ..Device::default() },
        description: "It <deviates>.".into(),
        registered_at: "2026-11-22T22:30:00Z".parse().unwrap(),
        ..crate::sample_event()
    };
    for (name, value) in [
        ("incident_id", "i-1"),
        ("detector_kind", "forecaster"),
        ("detector", "MLAD"),
        ("model", "Котёл & 3"),
        ("status", "under_review"),
        ("top_tag", "TI-101"),
        ("top_tag_units", "°C"),
        ("start", "2026-11-22T22:00:00Z"),
        ("history", "https://mlad.example/h?a=1&b=2"),
    ]
    .iter()
    .chain(more)
    {
        event.parameters.insert((*name).to_owned(), ParameterValue::Text((*value).to_owned()));
    }
    event.parameters.insert("top_tag_value".to_owned(), ParameterValue::Number(12_571.5));
    event.parameters.insert("mse".to_owned(), ParameterValue::Number(0.25));
    event
}

fn composed(event: &Event, language: Language) -> annunciator_planner::Composed {
    let rules = IncidentRules::new(&IncidentSettings::default());
    let reader = Reader {
        language,
        time_zone: TimeZone::named("Europe/Moscow").unwrap(),
        time_format: TimeFormat::Local,
    };
    let recipient = Recipient { address: "a@x.example".into(), role: RecipientRole::Bcc };
    let letter = IncidentLetter {
        incident: Incident::of(event).unwrap(),
        rules: &rules,
        reader,
        recipients: vec![recipient],
        link: "https://annunciator.example/events/1",
        samples: &[],
    };
    IncidentComposer::new("notifier@x.example".to_owned()).compose_incident(&letter)
}

#[test]
fn a_mail_says_what_the_incident_is_in_the_readers_language() {
    let russian = composed(&event(&[]), Language::Russian);
    assert_eq!(russian.subject, "Отказ функционирования: Инцидент (TI-101, Котёл & 3)");
    for line in [
        "Инцидент: TI-101, Котёл & 3\n",
        "Зарегистрирован:                    23.11.2026 01:30:00 UTC+03:00\n",
        "Статус:                             На рассмотрении\n",
        "Значение:                           12\u{a0}571,5\u{a0}°C\n",
        "Детектор:                           MLAD (forecaster)\n",
        "MSE:                                0,25\n",
        "История на момент начала инцидента: https://mlad.example/h?a=1&b=2\n",
        "\nIt <deviates>.\n",
    ] {
        assert!(russian.text.contains(line), "{line}\n{}", russian.text);
    }
    assert!(!russian.text.contains("Порог"), "what is not given has no line");
    let html = russian.html.unwrap();
    for part in [
        "<html lang=\"ru\">",
        "Котёл &amp; 3",
        "<a href=\"https://mlad.example/h?a=1&amp;b=2\">",
        "It &lt;deviates&gt;.",
        "<a href=\"https://annunciator.example/events/1\">",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    let english = composed(&event(&[]), Language::English);
    assert_eq!(english.subject, "Functional failure: Incident (TI-101, Котёл & 3)");
    assert!(english.text.contains("12,571.5\u{a0}°C"), "{}", english.text);
}

#[test]
fn a_follow_up_says_what_has_changed() {
    let mut event = event(&[
        ("told", "follow_up"),
        ("status", "problem_closed"),
        ("status_before", "under_review"),
        ("status_author", "user anna"),
        ("status_comment", "sensor replaced"),
    ]);
    event.event_type = "incident_status.forecaster".into();
    let mail = composed(&event, Language::English);
    assert_eq!(mail.subject, "New status of incident: Problem closed (TI-101, Котёл & 3)");
    for line in ["Under review\n", "user anna\n", "sensor replaced\n"] {
        assert!(mail.text.contains(line), "{line}: {}", mail.text);
    }
}

#[test]
fn nothing_in_an_incident_breaks_out_of_its_place() {
    let nasty = "x\"><script>alert(1)</script>\r\nBcc: evil@x.example";
    let mail = composed(&event(&[("model", nasty), ("top_tag", nasty)]), Language::English);
    assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
    let html = mail.html.unwrap();
    assert!(!html.contains("<script>"), "{html}");
    assert!(mail.text.lines().all(|line| !line.starts_with("Bcc")), "{}", mail.text);
}

#[test]
fn a_history_that_is_no_web_page_is_no_link() {
    let mail = composed(&event(&[("history", "javascript:alert(1)")]), Language::English);
    assert!(mail.text.contains("javascript:alert(1)"), "{}", mail.text);
    let html = mail.html.unwrap();
    assert!(!html.contains("href=\"javascript"), "{html}");
}

#[test]
fn keys_under_4096_or_384_bits_are_called_weak() {
    for (key, is_weak) in [
        ("RSA 2048", true),
        ("RSA 4096", false),
        ("EC P-256", true),
        ("EC P-384", false),
        ("EC P-521", false),
        ("EC secp256k1", true),
        ("Ed25519", false),
    ] {
        assert_eq!(weakness(key).is_some(), is_weak, "{key}");
    }
}
