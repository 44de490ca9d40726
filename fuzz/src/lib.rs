//! Turns octets into a check that a parser keeps its law, whatever it is given.
//!
//! The fuzz targets call these laws with random octets, and an ordinary test of the binary crate
//! calls them with the seeds in `fuzz/corpus`. A law that is broken panics.

use annunciator_api_types::EventInput;
use annunciator_certificates::{read_authorities, read_client, read_signing_key};
use annunciator_core::Timestamp;
use annunciator_mail::{ADDRESSES_MAX, Mailbox, parse_list};
use annunciator_smtp::{REPLY_OCTETS_MAX, Reply, Scanner};
use annunciator_template::{
    Escape, EventValues, Language, Purpose, RENDERED_BYTES_MAX, Template, sample_event,
};

/// Longest text that is made of a reply. Unit: characters.
const REPLY_TEXT_CHARS_MAX: usize = 1_000;

/// A reply is the same whether it comes whole or octet by octet, ends inside of what was read,
/// and is told in one printable line.
pub fn reply(octets: &[u8]) {
    let octets = &octets[..octets.len().min(2 * REPLY_OCTETS_MAX)];
    let whole = Scanner::default().scan(octets);
    let mut scanner = Scanner::default();
    let mut found = Ok(None);
    for end in 1..=octets.len() {
        found = scanner.scan(&octets[..end]);
        if !matches!(found, Ok(None)) {
            break;
        }
    }
    assert_eq!(whole, found);
    let Ok(Some((code, length))) = whole else { return };
    assert!((4..=REPLY_OCTETS_MAX).contains(&length) && length <= octets.len());
    let reply = Reply { code, octets: &octets[..length] };
    assert!(reply.status().is_none_or(|status| u16::from(status.class) == code.class()));
    assert!(reply.lines().count() >= 1);
    let text = reply.to_text();
    assert!(text.starts_with(&code.to_string()), "{text:?}");
    assert!(text.chars().count() <= REPLY_TEXT_CHARS_MAX, "{} characters", text.chars().count());
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(!reply.queue_id().contains(|c: char| c.is_control() || c == ' '));
}

/// An address that parses can end no header and no command, and parses again to the same.
pub fn address_list(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let Ok(list) = parse_list(text) else { return };
    assert!(list.len() <= ADDRESSES_MAX);
    for mailbox in &list {
        let typed = mailbox.as_str();
        assert!(!typed.contains(char::is_control), "{typed:?}");
        assert!(mailbox.ascii_domain().is_ascii() && !mailbox.ascii_domain().is_empty());
        assert!(mailbox.to_ascii().is_ascii() || !mailbox.is_ascii_local(), "{typed:?}");
        assert_eq!(Mailbox::parse(typed).as_ref(), Ok(mailbox), "{typed:?}");
    }
    let joined = list.iter().map(Mailbox::as_str).collect::<Vec<_>>().join("; ");
    assert_eq!(parse_list(&joined), Ok(list), "{joined:?}");
}

/// A template that parses is kept as it was written and renders within its bound; one that does
/// not is refused at a place that is in it.
pub fn template(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    for purpose in [Purpose::Email, Purpose::Sms, Purpose::Executable] {
        match Template::parse(text, purpose) {
            Ok(template) => {
                assert_eq!(template.as_str(), text);
                let event = sample_event(Language::Russian);
                for escape in [Escape::None, Escape::Html, Escape::Line] {
                    let rendered = template.render(&EventValues::new(&event), escape);
                    assert!(rendered.len() <= RENDERED_BYTES_MAX);
                    let is_line = !rendered.contains(char::is_control);
                    assert!(escape != Escape::Line || is_line, "{rendered:?}");
                }
            }
            Err(error) => {
                assert!(text.is_char_boundary(error.offset), "{error} at {}", error.offset);
                assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
            }
        }
    }
}

/// An event that parses is written in a form that parses again, to the same but for the last
/// digit of a number.
pub fn event_json(octets: &[u8]) {
    let Ok(mut event) = serde_json::from_slice::<EventInput>(octets) else { return };
    let written = serde_json::to_vec(&event).expect("an event can be written");
    let mut again: EventInput = serde_json::from_slice(&written).expect("what was written parses");
    assert_eq!(event.parameters.len(), again.parameters.len());
    event.parameters.clear();
    again.parameters.clear();
    assert_eq!(event, again);
}

/// A file that is taken holds what it was asked for, at a time when it is valid.
pub fn certificate(octets: &[u8]) {
    let now = Timestamp(1_900_000_000_000);
    if let Ok(taken) = read_authorities(&[octets], now) {
        assert_eq!(taken.facts.len(), taken.object.certificates.len());
        let is_good = |end: Timestamp, is_authority| is_authority && end > now;
        assert!(taken.facts.iter().all(|facts| is_good(facts.not_after, facts.is_authority)));
    }
    if let Ok(taken) = read_client(&[octets], "x", now) {
        assert_eq!(taken.facts.len(), taken.object.chain.len());
        assert!(taken.facts[0].not_after > now && !taken.object.key.expose().is_empty());
    }
    if let Ok(taken) = read_signing_key(octets, "x") {
        assert!(!taken.public.is_empty() && !taken.object.key.expose().is_empty());
    }
}
