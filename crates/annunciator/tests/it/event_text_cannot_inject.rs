//! No text of an event adds a header, a recipient, a command or a line to the wire; Python's parser
//! is the judge.

use annunciator_testkit::events::EventBuilder;
use annunciator_testkit::python_email::{ParsedMessage, parse_with_python};
use annunciator_testkit::relay::{Message, Relay};
use serde_json::{Value, json};

use crate::support::{OPERATOR, PATIENCE, Site, answer, critical, email_settings};

const BREAKS: [&str; 9] =
    ["\r", "\n", "\r\n", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{1b}", "\t"];
/// What an attacker would put behind a break.
const PAYLOADS: [&str; 3] = [
    "Bcc: victim@example.org",
    ".\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA",
    "\r\nX-Injected: yes",
];
/// Sets a field of an event to a text.
type SetField = fn(EventBuilder, &str) -> EventBuilder;
/// The fields that hold text.
const FIELDS: [(&str, SetField); 11] = [
    ("id", |event, text| event.id(text)),
    ("type", |event, text| event.with("type", text)),
    ("type_name", |event, text| event.type_name(text)),
    ("application", |event, text| event.application(text, "1")),
    ("version", |event, text| event.application("a", text)),
    ("device", |event, text| event.device(text)),
    ("domain", |event, text| event.domain(text)),
    ("group", |event, text| event.group(text)),
    ("task", |event, text| event.task(text)),
    ("description", |event, text| event.description(text)),
    ("parameter", |event, text| event.parameter("p", text)),
];
/// All the template parameters that show text of an event.
const TEMPLATE: &str = "%EVENT% %EVENT_TYPE% %COMPUTER% %DOMAIN% %GROUP% %TASK% %DESCR% %PRODUCT% \
                        %VERSION% %EVENT_ID% %PARAM:p%";
/// The fields that every message has, in order.
const NAMES: [&str; 14] = [
    "Date",
    "From",
    "To",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "X-Annunciator-Event",
    "X-Mailer",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// Posts an event for each field, break and payload; gives how many were taken.
fn attack(site: &Site) -> usize {
    let client = site.server.client();
    let mut taken = 0;
    for (name, set) in FIELDS {
        for (number, line_break) in BREAKS.iter().enumerate() {
            for payload in PAYLOADS {
                let text = format!("{name}{number}{line_break}{payload}");
                let text = text.replace("\r\n", line_break);
                let event = set(critical("attack"), &text).json();
                let response = answer(client.post("/api/v1/events", &event));
                // Names and ids are of one line: control characters in them are refused.
                let refusal = [422, 202].contains(&response.status);
                assert!(refusal, "{event}: {response}");
                taken += usize::from(response.status == 202);
            }
        }
    }
    taken
}

fn check_wire(message: &Message) {
    assert_eq!(message.forward_paths, [OPERATOR], "{}", message.text());
    assert_eq!(message.reverse_path, "annunciator@example.org");
    assert!(message.raw.is_ascii() && !message.raw.contains(&0), "{}", message.text());
    for line in message.raw.split_inclusive(|octet| *octet == b'\n') {
        assert!(line.ends_with(b"\r\n") && line.len() <= 1_000, "{}", message.text());
        assert_eq!(line.iter().filter(|octet| **octet == b'\r').count(), 1, "{}", message.text());
    }
}

fn check_parsed(parsed: &ParsedMessage, has_html: bool) {
    assert_eq!(parsed.defects, [""; 0], "{parsed:?}");
    let names: Vec<&str> = parsed.headers.iter().map(|(name, _)| name.as_str()).collect();
    let mut expected = NAMES.to_vec();
    if has_html {
        expected.pop();
    }
    // A notification that begins its thread refers to nothing.
    let refers = ["In-Reply-To", "References"];
    expected.retain(|name| !refers.contains(name) || names.contains(name));
    assert_eq!(names, expected, "{parsed:?}");
    assert_eq!(parsed.addresses["to"], [(String::new(), OPERATOR.to_owned())]);
    for name in ["cc", "bcc"] {
        assert!(!parsed.addresses.contains_key(name), "{parsed:?}");
    }
    let subject = parsed.header("Subject").unwrap_or_default();
    assert!(!subject.contains(char::is_control), "{subject:?}");
    assert_eq!(parsed.attachments, 0);
}

#[test]
fn event_text_cannot_inject() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let mut email = email_settings(relay.port());
    email["subject"] = json!(TEMPLATE);
    email["message"] = json!(format!("{TEMPLATE}\n.\n{TEMPLATE}"));
    site.save(&json!({ "email": email }));
    let plain = attack(&site);
    // Descriptions and parameters may hold any of them, the other fields U+2028 alone.
    let expected = (2 * BREAKS.len() + FIELDS.len() - 2) * PAYLOADS.len();
    assert_eq!(plain, expected, "so many texts were taken");
    relay.wait_for_messages(plain, PATIENCE).unwrap();
    site.wait_until_idle();

    // Once more as other events, with an HTML part.
    site.save(&json!({"email": {"html_message": format!("<p>{TEMPLATE}</p>")}}));
    let marked = critical("attack").description("<script>alert(1)</script>\r\n--=_annunciator--");
    site.submit_event(marked);
    let messages = relay.wait_for_messages(plain + 1, PATIENCE).unwrap();
    assert_eq!(relay.violations(), []);
    messages.iter().for_each(check_wire);
    let raw: Vec<Vec<u8>> = messages.into_iter().map(|one| one.raw).collect();
    let mut parsed = parse_with_python(&raw);
    let with_html = parsed.pop().expect("the last one");
    for one in &parsed {
        check_parsed(one, false);
    }
    check_parsed(&with_html, true);
    let html = with_html.html.unwrap_or_default();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
    let events = site.events();
    assert!(events.iter().all(|event| event["state"] == json!("planned")), "none is parked");
    assert_eq!(events.iter().filter(|event| event["reason"] != Value::Null).count(), 0);
}
