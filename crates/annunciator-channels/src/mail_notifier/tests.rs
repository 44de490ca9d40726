//! Mails about incidents, as readers see them.

use annunciator_core::{
    Device, Event, EventUid, ParameterValue, Recipient, RecipientRole, Severity, Timestamp,
};
use annunciator_planner::{
    BundleLetter, BundleMail, BundledIncident, Compose as _, Incident, IncidentLetter,
    IncidentRules, IncidentSettings,
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
        link: "https://annunciator.example/incidents/1",
        samples: &[],
    };
    IncidentComposer::new("notifier@x.example".to_owned()).compose_incident(&letter)
}

#[test]
fn a_mail_says_what_the_incident_is_in_the_readers_language() {
    let russian = composed(&event(&[]), Language::Russian);
    assert_eq!(russian.subject, "Отказ функционирования: Инцидент (boiler-3, TI-101)");
    for line in [
        "Отказ функционирования: Инцидент (boiler-3, TI-101)\n\n",
        "Зарегистрирован: 23.11.2026 01:30:00 UTC+03:00\n",
        "Статус:          На рассмотрении\n",
        "Актив:           boiler-3\n",
        "Ведущий тег:     TI-101\n",
        "Значение:        12\u{a0}571,5\u{a0}°C\n",
        "Детектор:        MLAD (прогнозирование)\n",
        "MSE:             0,25\n",
        "\nИстория на момент начала инцидента:\nhttps://mlad.example/h?a=1&b=2\n",
        "\nВ консоли:\nhttps://annunciator.example/incidents/1\n",
        "\nIt <deviates>.\n",
    ] {
        assert!(russian.text.contains(line), "{line}\n{}", russian.text);
    }
    assert!(!russian.text.contains("Порог"), "what is not given has no line");
    let html = russian.html.unwrap();
    for part in [
        "<html lang=\"ru\">",
        "Котёл &amp; 3",
        "<a href=\"https://mlad.example/h?a=1&amp;b=2\"",
        "It &lt;deviates&gt;.",
        "<a href=\"https://annunciator.example/incidents/1\"",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />",
        ">Отказ функционирования</td>",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    let english = composed(&event(&[]), Language::English);
    assert_eq!(english.subject, "Functional failure: Incident (boiler-3, TI-101)");
    assert!(english.text.contains("MLAD (forecaster)\n"), "{}", english.text);
    let (history, console) = (html.find("mlad.example"), html.find("annunciator.example"));
    assert!(history < console, "the source's link stays first");
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
    let first = composed(&self::event(&[]), Language::English);
    // Whatever else changes, mail readers thread by the subject behind `Re:`.
    assert_eq!(mail.subject, format!("Re: {}", first.subject));
    assert!(mail.text.starts_with("New status of incident: Problem closed\n"), "{}", mail.text);
    for line in ["Under review\n", "user anna\n", "sensor replaced\n"] {
        assert!(mail.text.contains(line), "{line}: {}", mail.text);
    }
    let russian = composed(&event, Language::Russian);
    assert!(russian.text.contains("пользователь anna\n"), "{}", russian.text);
    let html = russian.html.unwrap();
    assert!(html.contains(">Новый статус инцидента: Проблема закрыта</h2>"), "{html}");
    assert!(html.contains(">Инцидент: boiler-3, TI-101</p>"), "{html}");
}

#[test]
fn a_subject_says_where_it_is_and_what() {
    let check = |asset: &str, model: &str, tag: &str, expected: &str| {
        let mut event = event(&[("model", model), ("top_tag", tag)]);
        event.device.name = asset.to_owned();
        let subject = composed(&event, Language::English).subject;
        assert_eq!(subject, format!("Functional failure: Incident ({expected})"));
    };
    check("boiler-3", "Boiler", "TI-101", "boiler-3, TI-101");
    check("boiler-3", "Boiler", "", "boiler-3, Boiler");
    check("boiler-3", "", "", "boiler-3, MLAD (forecaster)");
    check("", "Boiler", "TI-101", "Boiler, TI-101");
    check("", "Boiler", "", "Boiler, MLAD (forecaster)");
    check("", "", "TI-101", "TI-101");
    check("", "", "", "MLAD (forecaster)");
}

#[test]
fn a_text_stands_in_76_columns_where_words_allow_it() {
    let long = "Давление пара перед турбиной выше обычного. ".repeat(5);
    let event =
        Event { description: long.clone(), ..event(&[("top_tag_description", long.trim())]) };
    for language in [Language::English, Language::Russian] {
        let text = composed(&event, language).text;
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 76).collect();
        assert_eq!(long, [""; 0], "{text}");
    }
}

fn bundle_of(events: &[Event], language: Language) -> annunciator_planner::Composed {
    let [mail] = bundles_of(events, language).try_into().expect("one mail");
    mail.composed
}

fn bundles_of(events: &[Event], language: Language) -> Vec<BundleMail> {
    let rules = IncidentRules::new(&IncidentSettings::default());
    let link = "https://annunciator.example/incidents/1";
    let incidents = events.iter().map(|event| Incident::of(event).unwrap());
    let bundled = |incident| BundledIncident { incident, link, samples: &[] };
    let letter = BundleLetter {
        subscription: "Котлы",
        rules: &rules,
        recipients: Vec::new(),
        incidents: incidents.map(bundled).collect(),
        reader: Reader { language, ..Reader::STANDARD.clone() },
    };
    IncidentComposer::new("notifier@x.example".to_owned()).compose_bundle(&letter)
}

#[test]
fn a_bundle_names_each_incident_once_as_it_is_by_now() {
    let mut closed = event(&[("told", "follow_up"), ("status", "problem_closed")]);
    closed.event_type = "incident_status.forecaster".into();
    let second = event(&[("incident_id", "i-2"), ("incident_severity", "critical")]);
    let events = [event(&[]), second, closed];
    let mail = bundle_of(&events, Language::Russian);
    assert_eq!(mail.subject, "Критическое событие: 2 инцидента (Котлы)");
    let html = mail.html.unwrap();
    for (part, count) in [
        ("Статус:          Проблема закрыта", 1),
        ("На рассмотрении", 1),
        ("i-1", 1),
        ("i-2", 1),
        ("В консоли:", 2),
    ] {
        assert_eq!(mail.text.matches(part).count(), count, "{part}: {}", mail.text);
    }
    assert_eq!(html.matches("<h3 ").count(), 2, "{html}");
    assert_eq!(html.matches("href=\"https://annunciator.example/incidents/1\"").count(), 2);
    let mail = bundle_of(&events[..1], Language::English);
    assert_eq!(mail.subject, "Functional failure: 1 incident (Котлы)");
}

#[test]
fn a_bundle_shows_the_first_courses_and_no_more() {
    let sample = |at: i64, value: f64| annunciator_core::Sample { at: Timestamp(at), value };
    let samples: Vec<_> =
        (0..40_i32).map(|n| sample(i64::from(n) * 1_000, f64::from(n % 7))).collect();
    let uid =
        |n: u8| -> EventUid { format!("01a22c1b-b217-7000-8000-00000000000{n}").parse().unwrap() };
    let events: Vec<_> = (0..8)
        .map(|n| Event { uid: uid(n), ..event(&[("incident_id", &n.to_string())]) })
        .collect();
    let rules = IncidentRules::new(&IncidentSettings::default());
    let bundled = |(at, event)| BundledIncident {
        incident: Incident::of(event).unwrap(),
        link: "",
        // One without samples takes no place.
        samples: if at == 1 { &[] } else { &samples },
    };
    let letter = BundleLetter {
        subscription: "Boilers",
        rules: &rules,
        recipients: Vec::new(),
        incidents: events.iter().enumerate().map(bundled).collect(),
        reader: Reader {
            language: Language::English,
            time_zone: TimeZone::UTC,
            time_format: TimeFormat::Local,
        },
    };
    let mails = IncidentComposer::new("notifier@x.example".to_owned()).compose_bundle(&letter);
    let [BundleMail { composed: mail, .. }] = mails.try_into().expect("one mail");
    let ids: Vec<_> = mail.pictures.iter().map(|one| one.content_id.as_str()).collect();
    let shown =
        [0, 2, 3, 4, 5].map(|at: usize| format!("{}.chart@annunciator.invalid", events[at].uid));
    assert_eq!(ids, shown.each_ref().map(String::as_str));
    let html = mail.html.unwrap();
    let places: Vec<_> = shown.iter().map(|id| html.find(&format!("cid:{id}"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert_eq!(html.matches("<img ").count(), 5);
    assert_eq!(html.matches("<h3 ").count(), 8, "all of them are told");
}

#[test]
fn a_long_description_is_shortened_with_an_ellipsis() {
    let description = "Ё".repeat(60_000);
    let shown = format!("{}…", "Ё".repeat(999));
    let long = Event { description, ..event(&[]) };
    let short = Event { description: "Ё".repeat(1_000), ..event(&[]) };
    let mail = composed(&long, Language::Russian);
    let bundle = bundle_of(&[long], Language::Russian);
    for mail in [&mail, &bundle] {
        for part in [&mail.text, mail.html.as_ref().unwrap()] {
            assert!(part.contains(&shown) && part.matches('Ё').count() == 999, "{}", part.len());
        }
    }
    assert!(composed(&short, Language::Russian).text.contains(&short.description));
}

#[test]
fn a_bundle_of_more_than_a_mebibyte_is_several_mails() {
    let id = |at: usize| format!("id-{at:03}-");
    let description = "<я&".repeat(333);
    let one = |at| Event { description: description.clone(), ..event(&[("incident_id", &id(at))]) };
    let events: Vec<_> = (0..200).map(one).collect();
    let mails = bundles_of(&events, Language::English);
    assert!(mails.len() > 1, "200 incidents of such a length have no room in one");
    let told: Vec<_> = mails.iter().flat_map(|mail| mail.told.clone()).collect();
    assert_eq!(told, Vec::from_iter(0..200), "each once, in their order");
    for BundleMail { told, composed: mail } in &mails {
        let html = mail.html.as_ref().unwrap();
        let pictures: usize = mail.pictures.iter().map(|one| one.png.len()).sum();
        let bytes = mail.subject.len() + mail.text.len() + html.len() + pictures;
        assert!(bytes <= annunciator_template::RENDERED_BYTES_MAX, "{bytes}");
        let subject = format!("Functional failure: {} incidents (Котлы)", told.len());
        assert_eq!(mail.subject, subject);
        assert_eq!(html.matches("<h3 ").count(), told.len());
        let is_in = |at: &usize| mail.text.contains(&id(*at)) && html.contains(&id(*at));
        assert!(told.iter().all(is_in));
    }
    // As few as they have room in.
    assert!(mails.len() <= 3, "{}", mails.len());
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
