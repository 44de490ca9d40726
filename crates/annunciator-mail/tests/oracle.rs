//! An independent parser, Python's `email`, reads what we compose: every field × every character
//! that could break a line, with a header to inject behind it (quality G8 and G9).
//!
//! Method: one Python process gets all messages and what they must hold as JSON on its standard
//! input, and answers with the number of messages and a list of differences.

use std::io::Write as _;
use std::process::{Command, Stdio};

use annunciator_core::{Content, Recipient, RecipientRole, Timestamp};
use annunciator_mail::{Heading, Mailbox, compose};
use serde_json::{Value, json};

const BREAKS: &[&str] = &[
    "\r", "\n", "\r\n", "\n\r", "\0", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\u{1b}",
    "\u{7f}", "\t", "\r\n ", "\r\n\r\n",
];

/// What follows the break.
const PAYLOADS: &[&str] = &[
    "Bcc: evil@example.net",
    "\r\n\r\nanother body",
    "--=_annunciator\r\nContent-Type: text/html\r\n\r\n<b>",
    "--=_annunciator--",
    ".\r\nMAIL FROM:<evil@example.net>",
    "",
];

/// Texts that have to arrive as they are.
const TEXTS: &[&str] = &[
    "",
    " ",
    "plain",
    " leading and trailing ",
    "a  b\tc",
    "From here\n.\n..\n--\n",
    "=?UTF-8?B?0JTQuNGB0Lo=?= and =?iso-8859-1?q?x?=",
    "50 % = half; \"quoted\", (comment) <tag> & more: \\",
    "Größe, naïve, señor and much more text in plain letters",
    "Диск переполнен",
    "磁盘已满 😀 e\u{301} \u{202e}rtl\u{202c}",
    "\u{feff}bom, nbsp\u{a0}, replacement \u{fffd}, soft\u{ad}hyphen",
];

struct Case {
    content: Content,
    from: &'static str,
}

fn base() -> Content {
    let recipient = |address: &str, role| Recipient { address: address.to_owned(), role };
    Content {
        subject: "subject".to_owned(),
        text: "text\n".to_owned(),
        html: None,
        sender: String::new(),
        recipients: vec![
            recipient("ops@example.org", RecipientRole::To),
            recipient("\"a;b,\\\"c@d\"@example.org", RecipientRole::To),
            recipient("x.y+z=1!#$%&'*/?^_`{|}~@[192.0.2.1]", RecipientRole::Cc),
            recipient("hidden@example.org", RecipientRole::Bcc),
        ],
        message_id: "m1@annunciator.example".to_owned(),
        thread_id: "t1@annunciator.example".to_owned(),
        event_id: "e1".to_owned(),
        command: None,
        pictures: Vec::new(),
    }
}

/// The text in each of the fields, once without and once with an HTML part.
fn in_every_field(text: &str) -> Vec<Case> {
    let html = Some("<p>html</p>\n".to_owned());
    let text = || text.to_owned();
    let fields = [
        Content { subject: text(), ..base() },
        Content { text: text(), ..base() },
        Content { html: Some(text()), ..base() },
        Content { text: text(), html: html.clone(), ..base() },
        Content { message_id: text(), ..base() },
        Content { message_id: format!("{0}@{0}", text()), ..base() },
        Content { thread_id: text(), ..base() },
        Content { event_id: text(), ..base() },
        Content {
            subject: text(),
            text: text(),
            html: Some(text()),
            message_id: text(),
            thread_id: format!("thread {}", text()),
            event_id: text(),
            ..base()
        },
    ];
    fields.into_iter().map(|content| Case { content, from: "alerts@example.org" }).collect()
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for text in TEXTS {
        cases.extend(in_every_field(text));
    }
    for at in BREAKS {
        for payload in PAYLOADS {
            cases.extend(in_every_field(&format!("begin{at}{payload}")));
        }
        cases.extend(in_every_field(&format!("{at}at the begin, at the end{at}")));
    }
    for length in [60, 63, 64, 75, 76, 77, 78, 200, 997, 998, 999, 5000] {
        for unit in ["x", "word ", "é", "Диск ", "😀", "=", " ", "a\n"] {
            let mut every = in_every_field(&unit.repeat(length));
            // The last has the text in all fields; one by one they would take a minute.
            cases.extend(every.pop());
        }
    }
    for from in ["jörg@example.org", "ops@bücher.example", "a@[IPv6:2001:db8::1]"] {
        cases.push(Case { content: base(), from });
    }
    let hidden = Content { recipients: base().recipients.split_off(3), ..base() };
    cases.push(Case { content: hidden, from: "alerts@example.org" });
    let many = (0..150).map(|n| Recipient {
        address: format!("operator{n}@{}example.org", "long.".repeat(n % 7)),
        role: RecipientRole::To,
    });
    let many = Content { recipients: many.collect(), ..base() };
    cases.push(Case { content: many, from: "alerts@example.org" });
    cases
}

/// The documented changes in header texts: control characters become spaces, what is longer than
/// 1,000 characters becomes an ellipsis.
fn header_text(text: &str) -> String {
    let text = annunciator_core::ellipsize(text, 1000);
    let is_control = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect()
}

/// The documented changes in parts: line breaks are one, the last line is ended, no NUL.
fn part_text(text: &str) -> String {
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn addresses(content: &Content, role: RecipientRole) -> Vec<String> {
    let of_role = content.recipients.iter().filter(|one| one.role == role);
    of_role.map(|one| Mailbox::parse(&one.address).expect("an address").to_ascii()).collect()
}

fn order(case: &Case) -> Value {
    let Case { content, from } = case;
    let from = Mailbox::parse(from).expect("an address");
    let heading = Heading::new(content, &from, "Annunciator 0.1.0", "annunciator.example");
    let message = compose(content, Timestamp(1_795_325_400_000), &heading);
    json!({
        "message": String::from_utf8(message).expect("UTF-8"),
        "ascii": !heading.needs_smtputf8(),
        "from": [from.to_ascii()],
        "to": addresses(content, RecipientRole::To),
        "cc": addresses(content, RecipientRole::Cc),
        "subject": header_text(&content.subject),
        "event": (!content.event_id.is_empty()).then(|| header_text(&content.event_id)),
        "text": part_text(&content.text),
        "html": content.html.as_deref().map(part_text),
        "refers": !content.thread_id.is_empty() && content.thread_id != content.message_id,
    })
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the oracle is another program")]
fn an_independent_parser_reads_every_message_as_it_was_meant() {
    let orders: Vec<_> = cases().iter().map(order).collect();
    let mut python = Command::new("python3")
        .args(["-c", include_str!("oracle.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs python3: install it");
    let mut input = python.stdin.take().unwrap();
    input.write_all(serde_json::to_string(&orders).unwrap().as_bytes()).unwrap();
    drop(input);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "the Python side failed, see its words above");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(orders.len() > 1_000);
    assert_eq!(answer["checked"], orders.len());
    assert_eq!(answer["differences"], json!([]));
}
