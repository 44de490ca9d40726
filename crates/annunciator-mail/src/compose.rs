//! Content and addresses into the bytes of a message.
//!
//! In: content frozen at planning, the time of planning, the addresses of this transaction.
//! Out: RFC 5322 bytes; ASCII throughout, except addresses whose local part is not.
//! Standard: spec 4.8; RFC 5322 section 3.6, RFC 2046 section 5.1.4, RFC 3834 section 5.

use annunciator_core::{Content, Picture, RecipientRole, Timestamp};

use crate::address::Mailbox;
use crate::body::{BOUNDARY_PREFIX, Encoding, clean, push_body, push_octets};
use crate::header::{push_addresses, push_id, push_plain, push_text};

/// Follows [`BOUNDARY_PREFIX`]; one boundary is enough, as no part can hold it.
const BOUNDARY_NAME: &str = "annunciator";
/// Likewise, for what belongs to the HTML; none of the two begins with the other.
const RELATED_NAME: &str = "related";
/// Octets that header fields usually need, so that most messages are allocated once.
const HEADER_OCTETS_EXPECTED: usize = 1024;

/// What the message says about its way: who sends it, who is named in it, which product made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heading<'a> {
    /// From.
    pub from: &'a Mailbox,
    /// To; when nobody is named in To or Cc, the message says "undisclosed recipients".
    pub to: Vec<Mailbox>,
    /// Cc.
    pub cc: Vec<Mailbox>,
    /// Name and version of the product, for X-Mailer.
    pub product: &'a str,
    /// Our domain, for identifiers that have none.
    pub domain: &'a str,
}

impl<'a> Heading<'a> {
    /// Names the recipients of the content: To and Cc, never Bcc.
    ///
    /// An address that is not one is left out: it was refused at save and cannot be delivered to.
    #[must_use]
    pub fn new(content: &Content, from: &'a Mailbox, product: &'a str, domain: &'a str) -> Self {
        let named = |role| {
            let of_role = content.recipients.iter().filter(move |one| one.role == role);
            of_role.filter_map(|one| Mailbox::parse(&one.address).ok()).collect()
        };
        let (to, cc) = (named(RecipientRole::To), named(RecipientRole::Cc));
        Self { from, to, cc, product, domain }
    }

    /// Whether the header has addresses that only a relay with SMTPUTF8 takes (RFC 6531).
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        let named = self.to.iter().chain(&self.cc);
        std::iter::once(self.from).chain(named).any(|address| !address.is_ascii_local())
    }
}

/// Writes a message: CR LF only, no NUL, ASCII but for addresses, whatever the content holds.
///
/// Control characters in the subject and in identifiers become spaces or dashes; for the texts
/// see the rules at the head of `body.rs`.
#[must_use]
pub fn compose(content: &Content, created_at: Timestamp, heading: &Heading<'_>) -> Vec<u8> {
    let text = clean(&content.text);
    let html = content.html.as_deref().map(clean);
    let picture_octets: usize = content.pictures.iter().map(|picture| picture.png.len()).sum();
    let content_octets = text.len() + html.as_ref().map_or(0, |html| html.len()) + picture_octets;
    let mut out = Vec::with_capacity(HEADER_OCTETS_EXPECTED + content_octets * 3 / 2);
    push_header(&mut out, content, created_at, heading);
    let Some(html) = html else {
        push_part(&mut out, "text/plain", &text);
        return out;
    };
    let boundary = format!("{BOUNDARY_PREFIX}{BOUNDARY_NAME}");
    let kind = format!("multipart/alternative; boundary=\"{boundary}\"");
    push_plain(&mut out, "Content-Type", &kind);
    push_delimiter(&mut out, &boundary, "");
    push_part(&mut out, "text/plain", &text);
    push_delimiter(&mut out, &boundary, "");
    match content.pictures.as_slice() {
        [] => push_part(&mut out, "text/html", &html),
        pictures => push_related(&mut out, &html, pictures),
    }
    push_delimiter(&mut out, &boundary, "--");
    out
}

/// HTML and the pictures that it shows (RFC 2387).
fn push_related(out: &mut Vec<u8>, html: &str, pictures: &[Picture]) {
    let boundary = format!("{BOUNDARY_PREFIX}{RELATED_NAME}");
    let kind = format!("multipart/related; type=\"text/html\"; boundary=\"{boundary}\"");
    push_plain(out, "Content-Type", &kind);
    push_delimiter(out, &boundary, "");
    push_part(out, "text/html", html);
    for (at, picture) in pictures.iter().enumerate() {
        let number = if at == 0 { String::new() } else { format!("-{}", at + 1) };
        push_delimiter(out, &boundary, "");
        push_plain(out, "Content-Type", "image/png");
        push_plain(out, "Content-Transfer-Encoding", Encoding::Base64.as_str());
        push_id(out, "Content-ID", &picture.content_id, "annunciator.invalid");
        let disposition = format!("inline; filename=\"chart{number}.png\"");
        push_plain(out, "Content-Disposition", &disposition);
        out.extend_from_slice(b"\r\n");
        push_octets(out, &picture.png);
    }
    push_delimiter(out, &boundary, "--");
}

/// Everything but what describes the body; the number of fields depends on the addresses and on
/// whether there are a thread and an event id, never on what a text holds.
fn push_header(out: &mut Vec<u8>, content: &Content, created_at: Timestamp, heading: &Heading<'_>) {
    push_plain(out, "Date", &created_at.to_rfc5322());
    push_addresses(out, "From", std::slice::from_ref(heading.from));
    if !heading.to.is_empty() {
        push_addresses(out, "To", &heading.to);
    } else if heading.cc.is_empty() {
        push_plain(out, "To", "undisclosed-recipients:;");
    }
    if !heading.cc.is_empty() {
        push_addresses(out, "Cc", &heading.cc);
    }
    push_text(out, "Subject", &content.subject);
    push_id(out, "Message-ID", &content.message_id, heading.domain);
    if !content.thread_id.is_empty() && content.thread_id != content.message_id {
        // RFC 5322 section 3.6.4. Nobody has the root itself: what names it as its parent is
        // threaded all the same, and some mail readers look at one of the two fields alone.
        push_id(out, "In-Reply-To", &content.thread_id, heading.domain);
        push_id(out, "References", &content.thread_id, heading.domain);
    }
    push_plain(out, "Auto-Submitted", "auto-generated");
    push_plain(out, "X-Auto-Response-Suppress", "All");
    if !content.event_id.is_empty() {
        push_text(out, "X-Annunciator-Event", &content.event_id);
    }
    push_text(out, "X-Mailer", heading.product);
    push_plain(out, "MIME-Version", "1.0");
}

fn push_part(out: &mut Vec<u8>, kind: &str, text: &str) {
    let encoding = Encoding::of(text);
    push_plain(out, "Content-Type", &format!("{kind}; charset=utf-8"));
    push_plain(out, "Content-Transfer-Encoding", encoding.as_str());
    out.extend_from_slice(b"\r\n");
    push_body(out, text, encoding);
}

/// RFC 2046 section 5.1.1: the line break before a delimiter belongs to it.
fn push_delimiter(out: &mut Vec<u8>, boundary: &str, end: &str) {
    for part in ["\r\n--", boundary, end, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use annunciator_core::Recipient;
    use proptest::prelude::*;

    use super::*;

    fn content(subject: &str, text: &str, html: Option<&str>, id: &str) -> Content {
        let recipient = |address: &str, role| Recipient { address: address.to_owned(), role };
        Content {
            subject: subject.to_owned(),
            text: text.to_owned(),
            html: html.map(str::to_owned),
            sender: String::new(),
            recipients: vec![
                recipient("a@x.example", RecipientRole::To),
                recipient("c@x.example", RecipientRole::Cc),
                recipient("hidden@x.example", RecipientRole::Bcc),
            ],
            message_id: id.to_owned(),
            thread_id: format!("thread {id}"),
            event_id: format!("event {id}"),
            command: None,
            pictures: Vec::new(),
        }
    }

    fn composed(content: &Content) -> String {
        let from = Mailbox::parse("annunciator@x.example").unwrap();
        let heading = Heading::new(content, &from, "Annunciator 0.1", "x.example");
        String::from_utf8(compose(content, Timestamp(0), &heading)).unwrap()
    }

    #[test]
    fn hidden_recipients_are_not_named() {
        let mut content = content("s", "t", None, "i");
        assert!(!composed(&content).contains("hidden"));
        content.recipients.retain(|one| one.role == RecipientRole::Bcc);
        assert!(composed(&content).contains("\r\nTo: undisclosed-recipients:;\r\n"));
    }

    #[test]
    fn a_message_that_begins_its_thread_does_not_refer_to_itself() {
        let content = Content { thread_id: "i".to_owned(), ..content("s", "t", None, "i") };
        assert!(!composed(&content).contains("References"));
    }

    #[test]
    fn local_parts_that_are_not_ascii_need_smtputf8() {
        let content = content("s", "t", None, "i");
        for (address, expected) in [("ops@bücher.example", false), ("jörg@x.example", true)] {
            let from = Mailbox::parse(address).unwrap();
            let heading = Heading::new(&content, &from, "p", "d");
            assert_eq!(heading.needs_smtputf8(), expected);
            let message = compose(&content, Timestamp(0), &heading);
            assert_eq!(!message.is_ascii(), expected);
        }
    }

    #[test]
    fn a_picture_stands_beside_the_html_that_shows_it() {
        let picture = Picture { content_id: "1.chart@x".to_owned(), png: vec![0xff; 100] };
        let content =
            Content { pictures: vec![picture], ..content("s", "t", Some("<p>h</p>"), "i") };
        let message = composed(&content);
        let expected = "--=_annunciator\r\nContent-Type: multipart/related; type=\"text/html\"; boundary=\"=_related\"\r\n\r\n--=_related\r\nContent-Type: text/html; charset=utf-8\r\n";
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("\r\nContent-ID: <1.chart@x>\r\n"), "{message}");
        assert!(message.ends_with("\r\n--=_related--\r\n\r\n--=_annunciator--\r\n"), "{message}");
        let second = Picture { content_id: "2.chart@x".to_owned(), png: vec![1] };
        let both = Content {
            pictures: [content.pictures.clone(), vec![second]].concat(),
            ..content.clone()
        };
        let message = composed(&both);
        assert_eq!(message.matches("\r\n--=_related\r\n").count(), 3, "{message}");
        for part in ["Content-ID: <2.chart@x>\r\n", "filename=\"chart-2.png\"\r\n"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        let plain = Content { pictures: Vec::new(), ..content };
        assert!(!composed(&plain).contains("related"));
    }

    /// Text with all that could break a line, a header or a part.
    fn nasty() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[ -~]{0,40}",
            "\\PC{0,20}",
            "[\r\n\0\x0b\x0c\t \u{85}\u{2028}\u{2029}.=?-]{1,4}",
            Just("\r\nBcc: evil@x.example\r\n\r\n".to_owned()),
            Just("\r\n--=_annunciator--\r\n".to_owned()),
            Just("=?UTF-8?Q?=0D=0ABcc:?=".to_owned()),
            Just("x".repeat(1100)),
            Just("Диск ".repeat(60)),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_content_makes_a_sound_message(
            subject in nasty(), text in nasty(), html in prop::option::of(nasty()), id in nasty(),
        ) {
            let message = composed(&content(&subject, &text, html.as_deref(), &id));
            prop_assert!(message.is_ascii() && message.ends_with("\r\n"));
            let breaks = message.matches("\r\n").count();
            prop_assert_eq!(message.matches(['\r', '\n']).count(), 2 * breaks);
            let printable = |c: char| (' '..='~').contains(&c) || c == '\t';
            for line in message.split("\r\n") {
                prop_assert!(line.len() <= 998 && line.chars().all(printable), "{:?}", line);
            }
            let (header, _) = message.split_once("\r\n\r\n").unwrap();
            let is_id = |l: &str| ["Message-ID: ", "References: ", "In-Reply-To: "].iter().any(|name| l.starts_with(name));
            for line in header.split("\r\n") {
                prop_assert!(line.len() <= 78 || is_id(line), "{:?}", line);
            }
            let fields = header.split("\r\n").filter(|l| !l.starts_with(' ')).count();
            prop_assert_eq!(fields, if html.is_some() { 14 } else { 15 });
            let delimiters = message.matches("\r\n--=_annunciator").count();
            prop_assert_eq!(delimiters, if html.is_some() { 3 } else { 0 });
        }
    }
}
