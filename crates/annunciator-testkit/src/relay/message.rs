//! The octets of a mail transaction become a message that a test can ask about.
//!
//! Standard: RFC 5322 section 2.2 (fields and unfolding).

use std::time::Instant;

/// A message as the relay took or refused it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Reverse-path without angle brackets; empty for the null path.
    pub reverse_path: String,
    /// The forward-paths that were accepted, in order.
    pub forward_paths: Vec<String>,
    /// The octets after removal of doubled dots; in counting mode only two header fields.
    pub raw: Vec<u8>,
    /// Octets before anything was left out.
    pub octets: usize,
    /// Number of the connection, from 1.
    pub connection: u64,
    /// Place in its connection, from 1, counting refused ones.
    pub nth_in_connection: u64,
    /// Did it come inside TLS?
    pub tls: bool,
    /// Who had authenticated.
    pub auth_user: Option<String>,
    /// Was SMTPUTF8 asked for in MAIL?
    pub smtputf8: bool,
    /// Did it come with BDAT?
    pub chunked: bool,
    /// The reply to the final dot; nothing when the relay took the message and kept silent.
    pub reply: Option<String>,
    /// When the final dot was read.
    pub at: Instant,
}

impl Message {
    /// The first field of this name, unfolded, without the white space around it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers(name).into_iter().next()
    }

    /// All fields of this name in order, unfolded, without the white space around them.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<String> {
        fields(&self.raw)
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The names of all fields, in order.
    #[must_use]
    pub fn header_names(&self) -> Vec<String> {
        fields(&self.raw).map(|(name, _)| name).collect()
    }

    /// The octets after the first empty line.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.raw[header_end(&self.raw)..]
    }

    /// The octets as text, for searching; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// Leaves only the fields that counting needs.
    pub(crate) fn shorten(&mut self) {
        let mut kept = Vec::new();
        for (name, value) in fields(&self.raw) {
            if name.eq_ignore_ascii_case("Message-ID") || name.eq_ignore_ascii_case("Subject") {
                kept.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        kept.shrink_to_fit();
        self.raw = kept;
    }
}

/// Where the body begins: behind the first empty line, or at the end when there is none.
fn header_end(raw: &[u8]) -> usize {
    let mut at = 0;
    for line in raw.split_inclusive(|octet| *octet == b'\n') {
        at += line.len();
        if line == b"\r\n" {
            break;
        }
    }
    at
}

/// The fields of the header: name and unfolded value.
fn fields(raw: &[u8]) -> impl Iterator<Item = (String, String)> {
    let header = &raw[..header_end(raw)];
    let mut found: Vec<(String, String)> = Vec::new();
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        if text.starts_with([' ', '\t']) {
            if let Some((_, value)) = found.last_mut() {
                value.push_str(&text);
            }
        } else if let Some((name, value)) = text.split_once(':') {
            found.push((name.trim_end().to_owned(), value.to_owned()));
        }
    }
    found.into_iter().map(|(name, value)| (name, value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(raw: &str) -> Message {
        Message {
            reverse_path: String::new(),
            forward_paths: Vec::new(),
            raw: raw.as_bytes().to_vec(),
            octets: raw.len(),
            connection: 1,
            nth_in_connection: 1,
            tls: false,
            auth_user: None,
            smtputf8: false,
            chunked: false,
            reply: None,
            at: Instant::now(),
        }
    }

    #[test]
    fn fields_are_unfolded_and_the_body_begins_behind_the_first_empty_line() {
        let raw = "Subject: one\r\n two\r\n\tthree\r\nX:1\r\nx: 2\r\nEmpty:\r\n\r\nX: 3\r\n\r\nend";
        let got = message(raw);
        assert_eq!(got.header("subject").as_deref(), Some("one two\tthree"));
        assert_eq!(got.headers("X"), ["1", "2"]);
        assert_eq!(got.header("Empty").as_deref(), Some(""));
        assert_eq!(got.header("absent"), None);
        assert_eq!(got.header_names(), ["Subject", "X", "x", "Empty"]);
        assert_eq!(got.body(), b"X: 3\r\n\r\nend");
        assert_eq!(message("X: 1").body(), b"");
        assert_eq!(message("\r\nX: 1\r\n").header("X"), None);
    }

    #[test]
    fn counting_keeps_subject_and_message_id() {
        let mut got = message("From: a\r\nSubject: s\r\n t\r\nMessage-ID: <1@x>\r\n\r\nlong");
        got.shorten();
        assert_eq!(got.header("subject").as_deref(), Some("s t"));
        assert_eq!(got.header("message-id").as_deref(), Some("<1@x>"));
        assert_eq!(got.header("from"), None);
        assert_eq!(got.octets, 50);
    }
}
