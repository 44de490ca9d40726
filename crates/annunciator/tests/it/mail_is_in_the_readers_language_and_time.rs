//! Mail is in the language and time of its readers, and the preview shows it before it goes.

use annunciator_testkit::python_email::{ParsedMessage, parse_with_python};
use annunciator_testkit::relay::Relay;
use serde_json::{Value, json};

use crate::support::{OPERATOR, PATIENCE, Site, critical, field_errors, text};

/// The one message that arrives after this event, as Python reads it.
fn mail_of(site: &Site, relay: &Relay, count: usize, id: &str) -> ParsedMessage {
    let event = critical("disk.full")
        .id(id)
        .type_name("Диск заполнен")
        .description("Осталось < 1 % места\r\nBcc: x@example.org")
        .occurred_at("2026-11-22T22:30:00.000Z");
    site.submit_event(event);
    let messages = relay.wait_for_messages(count, PATIENCE).unwrap();
    let message = messages.last().unwrap();
    assert_eq!(message.forward_paths, [OPERATOR]);
    let parsed = parse_with_python(std::slice::from_ref(&message.raw)).remove(0);
    assert_eq!(parsed.defects, [""; 0]);
    parsed
}

fn preview(site: &Site, request: &Value) -> Value {
    site.post("/api/v1/settings/preview", request).expect_status(200).json()
}

#[test]
fn mail_is_in_the_readers_language_and_time() {
    let relay = Relay::builder().start();
    let site = Site::with_relay(&relay);

    // Nothing changes for those who set nothing.
    let english = mail_of(&site, &relay, 1, "e1");
    assert_eq!(english.header("Subject"), Some("Critical: Диск заполнен on pc-17"));
    let body = english.text.unwrap_or_default();
    assert!(body.contains("Time:        2026-11-22T22:30:00.000Z\n"), "{body}");

    site.save(&json!({"email": {"language": "ru", "time_zone": "Europe/Moscow",
        "time_format": "local"}}));
    let settings = site.get("/api/v1/settings");
    assert_eq!(settings["origins"]["email"]["subject"], "compiled default", "{settings}");
    assert!(text(&settings["values"]["email"]["message"]).contains("Устройство"), "{settings}");
    let russian = mail_of(&site, &relay, 2, "e2");
    let subject = "Критическое событие: Диск заполнен на устройстве pc-17";
    assert_eq!(russian.header("Subject"), Some(subject));
    assert_eq!(russian.count("Bcc"), 0);
    let body = russian.text.unwrap_or_default();
    // It is tomorrow in Moscow.
    assert!(body.contains("Время:      23.11.2026 01:30:00 UTC+03:00\n"), "{body}");

    // A ready page, saved by the command line; the text goes beside it.
    let words = ["settings", "template", "html_table", "--apply"];
    let difference = site.run(&[&words[..], &["--dry-run"]].concat());
    assert!(difference.contains("email.html_message:\n+ <!DOCTYPE html>"), "{difference}");
    assert_eq!(site.get("/api/v1/settings")["revision"], 2, "a dry run saves nothing");
    site.run(&words);
    let pieces = "severity,event,rise_time";
    site.run(&["settings", "template", "--subject", pieces, "--apply"]);
    let page = mail_of(&site, &relay, 3, "e3");
    let subject = "Критическое событие: Диск заполнен, 23.11.2026 01:30:00 UTC+03:00";
    assert_eq!(page.header("Subject"), Some(subject));
    assert_eq!(page.content_type, "multipart/alternative");
    assert!(page.text.is_some_and(|text| text.contains("Устройство: pc-17")));
    let html = page.html.unwrap_or_default();
    assert!(html.contains("lang=\"ru\"") && html.contains("Осталось &lt; 1 % места"), "{html}");

    // The preview shows what went.
    let shown = preview(&site, &json!({"event": "e3"}));
    assert_eq!(shown["subject"], subject);
    assert_eq!(text(&shown["html"]).replace("\r\n", "\n").trim_end(), html.trim_end());
    site.wait_for_deliveries(3, "delivered");
}

#[test]
fn a_preview_is_for_any_reader_and_any_event_and_stores_nothing() {
    let site = Site::start();
    let sample = preview(&site, &json!({}));
    assert_eq!(sample["subject"], "Critical: Disk full on pc-17");
    assert_eq!(sample["lengths"]["subject"], json!({"characters": 28, "octets": 28}));
    let shown = preview(
        &site,
        &json!({"channel": "email", "language": "ru", "time_zone": "Asia/Vladivostok",
            "time_format": "local", "message": "%RISE_TIME% %PARAM:zone%",
            "html_message": "<b>%DESCR%</b>",
            "hypothetical": {"type": "x.y", "severity": "failure", "application": {"name": "A"},
                "device": {"name": "d<1>"}, "description": "a<b",
                "occurred_at": "2026-11-22T20:00:00Z", "parameters": {"zone": 7}}}),
    );
    assert_eq!(shown["subject"], "Отказ функционирования: x.y на устройстве d<1>");
    assert_eq!(shown["text"], "23.11.2026 06:00:00 UTC+10:00 7");
    assert_eq!(shown["html"], "<b>a&lt;b</b>");
    assert_eq!(shown["lengths"]["html"], json!({"characters": 13, "octets": 13}));
    let named = preview(&site, &json!({"message": "%PARAM:zone%"}));
    assert_eq!(named["text"], "<zone>", "a sample names what an event would fill");
    for (request, status, pointers) in [
        (json!({"time_zone": "Europe/Moskow"}), 422, vec![("/time_zone", "format")]),
        (json!({"language": "de"}), 422, vec![("/language", "one_of")]),
        (json!({"subject": "100 %"}), 422, vec![("/subject", "format")]),
        (json!({"channel": "pigeon"}), 422, vec![("/channel", "one_of")]),
        (json!({"event": "unknown"}), 404, vec![]),
        (
            json!({"hypothetical": {"severity": "failure"}}),
            422,
            vec![
                ("/hypothetical/type", "required"),
                ("/hypothetical/application/name", "required"),
            ],
        ),
        (json!({"event": "a", "hypothetical": {}}), 422, vec![("/hypothetical", "conflict")]),
        (json!({"hypothetical": {"typ": "x"}}), 422, vec![("/hypothetical/typ", "unknown_field")]),
    ] {
        let problem = site.post("/api/v1/settings/preview", &request).expect_status(status).json();
        let pointers: Vec<_> =
            pointers.into_iter().map(|(at, code)| (at.to_owned(), code.to_owned())).collect();
        assert_eq!(field_errors(&problem), pointers, "{request}: {problem}");
    }
    assert_eq!(site.events().len(), 0);
    assert_eq!(site.get("/api/v1/settings")["revision"], 0);
}

#[test]
fn ready_templates_are_listed_shown_and_refused_by_name() {
    let site = Site::start();
    let list = site.run(&["settings", "template"]);
    for name in ["severity", "event_id", "standard", "full", "html_table_dark", "sms_short"] {
        assert!(list.contains(name), "{list}");
    }
    let shown = site.run(&["settings", "template", "full", "--language", "ru"]);
    assert!(shown.contains("Уровень важности: %SEVERITY%"), "{shown}");
    assert!(shown.contains("Уровень важности: Критическое событие (4)"), "{shown}");
    let russian = site.get("/api/v1/settings/templates?language=ru&subject=event,computer");
    assert_eq!(russian["subjects"][0]["text"], "%EVENT% на устройстве %COMPUTER%");
    for (words, said) in [
        (&["htmltable"][..], "did you mean `html_table`?"),
        (&["--subject", "event,komputer"], "did you mean `computer`?"),
        (&["--apply"], "nothing is chosen"),
        (&["short", "--language", "de"], "must be one of en, ru"),
    ] {
        let refused = site.command(&[&["settings", "template"], words].concat());
        assert!(!refused.status.success());
        let complaint = String::from_utf8_lossy(&refused.stderr);
        assert!(complaint.contains(said), "{words:?}: {complaint}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shown.html");
    let page = ["settings", "preview", "--html-message", "<p>%EVENT%</p>", "--html-file"];
    let shown = site.run(&[&page[..], &[file.to_str().unwrap()]].concat());
    assert!(shown.contains("written to"), "{shown}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "<p>Disk full</p>");
    let event = folder.path().join("event.json");
    std::fs::write(
        &event,
        json!({"type": "x.y", "severity": "info",
        "application": {"name": "A"}})
        .to_string(),
    )
    .unwrap();
    let shown = site.run(&["settings", "preview", "--event-file", event.to_str().unwrap()]);
    assert!(shown.contains("Info: x.y on"), "{shown}");
    assert_eq!(site.get("/api/v1/settings")["revision"], 0, "nothing is saved");
}
