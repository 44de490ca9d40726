//! Messages compared with files, byte by byte; `UPDATE_EXPECT=1` writes the files.

use annunciator_core::{Content, Recipient, RecipientRole, Timestamp};
use annunciator_mail::{Heading, Mailbox, compose};

fn content() -> Content {
    Content {
        subject: "Critical: Disk full on pc-17".to_owned(),
        text: "Disk full\n\nSeverity: Critical\nDevice: pc-17\n.\nVolume D: has 1 % left\n"
            .to_owned(),
        html: None,
        sender: String::new(),
        recipients: recipients(&[("ops@example.org", RecipientRole::To)]),
        message_id: "0197a0b0-0000-7000-8000-000000000001@annunciator.example".to_owned(),
        thread_id: "0197a0b0-thread@annunciator.example".to_owned(),
        event_id: "a1".to_owned(),
        command: None,
        pictures: Vec::new(),
    }
}

fn recipients(list: &[(&str, RecipientRole)]) -> Vec<Recipient> {
    list.iter()
        .map(|(address, role)| Recipient { address: (*address).to_owned(), role: *role })
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "the test reads and writes its golden files")]
fn check(name: &str, content: &Content, from: &str) {
    let from = Mailbox::parse(from).expect("the sender is an address");
    let heading = Heading::new(content, &from, "Annunciator 0.1.0", "annunciator.example");
    let message = compose(content, Timestamp(1_795_325_400_000), &heading);
    let path = format!("{}/test_data/{name}.eml", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &message).expect("test_data is writable");
    }
    let golden = std::fs::read(&path).expect("the golden file is there: UPDATE_EXPECT=1 writes it");
    let (found, wanted) = (message.escape_ascii().to_string(), golden.escape_ascii().to_string());
    assert_eq!(found, wanted, "{name}.eml differs");
}

#[test]
fn plain_text_goes_out_as_it_is() {
    check("plain", &content(), "alerts@example.org");
}

#[test]
fn text_and_html_go_out_side_by_side() {
    let content = Content {
        html: Some("<p>Größe: <b>1 %</b> &amp; weniger</p>\n".to_owned()),
        recipients: recipients(&[
            ("ops@example.org", RecipientRole::To),
            ("night@bücher.example", RecipientRole::To),
            ("boss@example.org", RecipientRole::Cc),
            ("hidden@example.org", RecipientRole::Bcc),
        ]),
        ..content()
    };
    check("html", &content, "alerts@example.org");
}

#[test]
fn other_scripts_are_encoded() {
    let content = Content {
        subject: "Критическое событие: на диске D: почти не осталось свободного места".to_owned(),
        text: "На диске D: остался 1 %\n".repeat(5),
        event_id: "событие/1".to_owned(),
        recipients: recipients(&[("hidden@example.org", RecipientRole::Bcc)]),
        ..content()
    };
    check("cyrillic", &content, "alerts@example.org");
}

#[test]
fn internationalised_addresses_keep_their_local_part() {
    let content = Content {
        recipients: recipients(&[("jörg@bücher.example", RecipientRole::To)]),
        ..content()
    };
    check("smtputf8", &content, "оператор@почта.example");
}

#[test]
fn hostile_content_stays_text() {
    let evil =
        "x\r\nBcc: evil@example.net\r\n\r\n--=_annunciator--\r\n\0\u{b}\u{c}\u{85}\u{2028}end";
    let content = Content {
        subject: evil.to_owned(),
        text: evil.to_owned(),
        html: Some(evil.to_owned()),
        message_id: evil.to_owned(),
        thread_id: format!("{evil}@{evil}"),
        event_id: evil.to_owned(),
        ..content()
    };
    check("hostile", &content, "\"a;b@c\"@example.org");
}
