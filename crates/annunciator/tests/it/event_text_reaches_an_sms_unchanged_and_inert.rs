//! Goal: text of an event that means something to shells, templates, terminals or SMTP stands in an
//! SMS as it is, and changes neither who gets it nor what else is sent. Method: the real binary and
//! a gateway; Python's parser is the judge.

use annunciator_testkit::python_email::parse_with_python;
use annunciator_testkit::relay::Relay;
use serde_json::json;

use crate::support::{PATIENCE, Site, answer, critical};

/// What an attacker would write, each followed by what stands in the subject for it.
const TEXTS: [(&str, &str); 5] = [
    (
        "$(touch owned) `id`; 'a' \"b\" | & > <x> {{7*7}} \\n *",
        "$(touch owned) `id`; 'a' \"b\" | & > <x> {{7*7}} \\n *",
    ),
    ("%PHONE% %EVENT% %PARAM:p% %%", "%PHONE% %EVENT% %PARAM:p% %%"),
    ("a\r\nBcc: victim@example.org\r\n\r\nX: y", "a Bcc: victim@example.org  X: y"),
    (
        "a\r\n.\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\nDATA",
        "a . MAIL FROM:<evil@example.org> RCPT TO:<victim@example.org> DATA",
    ),
    ("\u{202e}txt.exe\u{2066} \u{1b}[31mred\u{7} ä", "\u{202e}txt.exe\u{2066}  [31mred  ä"),
];

#[test]
fn event_text_reaches_an_sms_unchanged_and_inert() {
    let gateway = Relay::builder().start();
    let site = Site::start();
    site.save(&json!({"sms": {
        "servers": ["127.0.0.1"], "port": gateway.port(), "sender": "annunciator@example.org",
        "notify_about": "all", "segments_max": 255,
        "phone_numbers": "+491701234567", "gateway_address": "%PHONE%@sms.example.org",
        "subject": "%PARAM:p%", "message": "%DESCR%|%PARAM:p%|",
    }}));
    let client = site.server.client();
    let mut raw = Vec::new();
    for (number, (text, _)) in TEXTS.iter().enumerate() {
        site.submit_event(critical("attack").description(text).parameter("p", *text));
        // One after the other, so that it is known which is which.
        raw.push(gateway.wait_for_messages(number + 1, PATIENCE).unwrap().swap_remove(number));
    }
    // NUL, which no channel could hand on, is refused at the door.
    let event = critical("attack").description("a\0b").json();
    drop(answer(client.post("/api/v1/events", &event)).expect_status(422));
    site.wait_until_idle();
    assert_eq!(gateway.message_count(), TEXTS.len(), "nothing else was sent");
    assert_eq!(gateway.violations(), []);
    for message in &raw {
        assert_eq!(message.forward_paths, ["+491701234567@sms.example.org"]);
        assert_eq!(message.reverse_path, "annunciator@example.org");
    }
    let octets: Vec<Vec<u8>> = raw.into_iter().map(|message| message.raw).collect();
    for (parsed, (text, subject)) in parse_with_python(&octets).iter().zip(TEXTS) {
        assert_eq!(parsed.defects, [""; 0], "{parsed:?}");
        let lines = text.replace("\r\n", "\n");
        let body = parsed.text.as_deref().unwrap_or_default();
        assert_eq!(body.trim_end_matches('\n'), format!("{lines}|{lines}|"));
        assert_eq!(parsed.header("Subject"), Some(subject), "control characters become blanks");
        for name in ["Cc", "Bcc", "X"] {
            assert_eq!(parsed.count(name), 0, "{parsed:?}");
        }
        let to = &parsed.addresses["to"];
        assert_eq!(to, &[(String::new(), "+491701234567@sms.example.org".to_owned())]);
    }
}
