//! A composed message into the header field that signs it.
//!
//! In: the octets of a message, who signs for it, the time it was composed.
//! Out: the octets to digest, the octets to sign, and the message with its signature in front.
//! Knows nothing of: keys and cryptography; the caller computes digest and signature between the
//! steps.
//! Standard: RFC 6376 with relaxed/relaxed canonicalization, RFC 8301, RFC 8463, RFC 8616.
//!
//! The same message, time and key give the same octets, so that a message that is repeated does
//! not differ from its first copy (RSA PKCS#1 v1.5 and Ed25519 are deterministic).

use annunciator_core::Timestamp;

use crate::address::Mailbox;
use crate::header::{LINE_OCTETS, push_base64};

const FIELD: &str = "DKIM-Signature";
/// RFC 1035 section 2.3.4: a name in DNS. Unit: octets.
const NAME_OCTETS_MAX: usize = 253;

/// Fields that are signed, and whether another one of that name would break the signature
/// (RFC 6376 section 8.15: a field added on the way must not speak for the signer).
const SIGNED: &[(&str, bool)] = &[
    ("From", true),
    ("Reply-To", true),
    ("Subject", true),
    ("To", true),
    ("Cc", true),
    ("Date", true),
    ("Message-ID", true),
    ("MIME-Version", true),
    ("Content-Type", true),
    ("Content-Transfer-Encoding", true),
    ("In-Reply-To", false),
    ("References", false),
    ("Auto-Submitted", false),
];

/// Who signs, and under which name verifiers find the public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SigningName {
    domain: Box<str>,
    selector: Box<str>,
}

impl SigningName {
    /// A domain, in any script, and a selector below it.
    ///
    /// # Errors
    /// In words: one of them is no name, or both are too long together.
    pub fn new(domain: &str, selector: &str) -> Result<Self, String> {
        let (domain, selector) = (to_ascii(domain)?, to_ascii(selector)?);
        let name = Self { domain, selector };
        let octets = name.dns_name().len();
        if octets > NAME_OCTETS_MAX {
            return Err(format!(
                "`{}` would have {octets} octets, and a name in DNS has at most \
                 {NAME_OCTETS_MAX}: choose a shorter selector",
                name.dns_name()
            ));
        }
        Ok(name)
    }

    /// The domain that signs (`d=`), in ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The selector (`s=`), in ASCII.
    #[must_use]
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// Where the public key stands in DNS, as a TXT record (RFC 6376 section 3.6.2.1).
    #[must_use]
    pub fn dns_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }
}

/// A domain name in ASCII, lower case.
fn to_ascii(name: &str) -> Result<Box<str>, String> {
    let mailbox = Mailbox::parse(&format!("x@{name}")).ok();
    let mailbox = mailbox.filter(|mailbox| !mailbox.ascii_domain().starts_with('['));
    match mailbox {
        Some(mailbox) => Ok(mailbox.ascii_domain().to_ascii_lowercase().into()),
        None => {
            let shown = annunciator_core::one_line(name, 100);
            Err(format!("`{shown}` is no domain name, and only a domain can sign"))
        }
    }
}

/// The body of a message as it is digested (RFC 6376 section 3.4.4).
#[must_use]
pub fn canonical_body(message: &[u8]) -> Vec<u8> {
    let (_, body) = split(message);
    let mut out = Vec::with_capacity(body.len() + 2);
    let mut blank_lines = 0;
    for line in lines(body) {
        let begin = out.len();
        // Blank lines at the end of the body do not count, so that they wait for the next line.
        for _ in 0..blank_lines {
            out.extend_from_slice(b"\r\n");
        }
        let content = out.len();
        push_relaxed(&mut out, line);
        if out.len() == content {
            out.truncate(begin);
            blank_lines += 1;
        } else {
            out.extend_from_slice(b"\r\n");
            blank_lines = 0;
        }
    }
    out
}

/// A signature that lacks nothing but its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureDraft {
    /// The field up to `b=`.
    field: Vec<u8>,
    signed: Vec<u8>,
}

impl SignatureDraft {
    /// Drafts the signature of a message; `algorithm` is the value of `a=`, such as
    /// `rsa-sha256`, and `body_digest` the SHA-256 of [`canonical_body`].
    #[must_use]
    pub fn new(
        message: &[u8],
        name: &SigningName,
        algorithm: &str,
        composed_at: Timestamp,
        body_digest: &[u8],
    ) -> Self {
        let (header, _) = split(message);
        let fields = fields(header);
        let (mut names, mut signed) = (Vec::new(), Vec::new());
        for (name, is_alone) in SIGNED {
            // RFC 6376 section 5.4.2: of fields with one name the lowest is signed first.
            for field in fields.iter().rev().filter(|field| is_named(field, name)) {
                names.push(*name);
                push_canonical_field(&mut signed, field);
            }
            if *is_alone {
                names.push(*name);
            }
        }
        let field = draft_field(name, algorithm, composed_at, &names, body_digest);
        push_canonical_field(&mut signed, &field);
        // RFC 6376 section 3.7: the signature itself is signed without its value and line end.
        signed.truncate(signed.len() - 2);
        Self { field, signed }
    }

    /// The octets that the signature is made over.
    #[must_use]
    pub fn signed_octets(&self) -> &[u8] {
        &self.signed
    }

    /// The message with its signature in front.
    #[must_use]
    pub fn finish(self, signature: &[u8], message: &[u8]) -> Vec<u8> {
        let mut digits = Vec::new();
        push_base64(&mut digits, signature);
        let mut out = self.field;
        out.reserve(digits.len() + digits.len() / 24 + 2 + message.len());
        let mut room = LINE_OCTETS - " b=".len();
        let mut rest = digits.as_slice();
        while rest.len() > room {
            let (line, after) = rest.split_at(room);
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n ");
            rest = after;
            room = LINE_OCTETS - 1;
        }
        out.extend_from_slice(rest);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(message);
        out
    }
}

/// The field with all its tags, up to an empty `b=`.
fn draft_field(
    name: &SigningName,
    algorithm: &str,
    composed_at: Timestamp,
    names: &[&str],
    body_digest: &[u8],
) -> Vec<u8> {
    let mut digest = Vec::new();
    push_base64(&mut digest, body_digest);
    let digest = String::from_utf8(digest).expect("base64 is ASCII");
    let seconds = composed_at.0.div_euclid(1_000).max(0);
    let mut folded = Folded { out: format!("{FIELD}:").into_bytes(), column: FIELD.len() + 1 };
    folded.push(" v=1;");
    folded.push(&format!(" a={algorithm};"));
    folded.push(" c=relaxed/relaxed;");
    folded.push(&format!(" d={};", name.domain));
    folded.push(&format!(" s={};", name.selector));
    folded.push(&format!(" t={seconds};"));
    for (at, name) in names.iter().enumerate() {
        let before = if at == 0 { " h=" } else { "" };
        let after = if at + 1 == names.len() { ';' } else { ':' };
        folded.push(&format!("{before}{}{after}", name.to_ascii_lowercase()));
    }
    folded.push(&format!(" bh={digest};"));
    folded.out.extend_from_slice(b"\r\n b=");
    folded.out
}

/// A header field that is broken between its pieces.
struct Folded {
    out: Vec<u8>,
    column: usize,
}

impl Folded {
    /// Adds a piece that stays together.
    fn push(&mut self, piece: &str) {
        if self.column + piece.len() > LINE_OCTETS {
            self.out.extend_from_slice(b"\r\n ");
            self.column = 1;
            self.add(piece.trim_start());
        } else {
            self.add(piece);
        }
    }

    fn add(&mut self, piece: &str) {
        self.out.extend_from_slice(piece.as_bytes());
        self.column += piece.len();
    }
}

/// Header and body; the blank line between them belongs to neither.
fn split(message: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = message.strip_prefix(b"\r\n") {
        return (&[], body);
    }
    match message.windows(4).position(|window| window == b"\r\n\r\n") {
        Some(at) => (&message[..at + 2], &message[at + 4..]),
        None => (message, &[]),
    }
}

/// The lines of a text, without their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.windows(2).position(|window| window == b"\r\n");
        let (line, after) = match end {
            Some(at) => (&rest[..at], &rest[at + 2..]),
            None => (rest, &[][..]),
        };
        rest = after;
        Some(line)
    })
}

/// The fields of a header, each with its continuation lines.
fn fields(header: &[u8]) -> Vec<Vec<u8>> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in lines(header) {
        match fields.last_mut() {
            Some(field) if is_blank(line.first()) => {
                field.extend_from_slice(b"\r\n");
                field.extend_from_slice(line);
            }
            _ => fields.push(line.to_vec()),
        }
    }
    fields
}

fn is_blank(octet: Option<&u8>) -> bool {
    matches!(octet, Some(b' ' | b'\t'))
}

fn is_named(field: &[u8], name: &str) -> bool {
    let colon = field.iter().position(|octet| *octet == b':');
    colon.is_some_and(|at| field[..at].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()))
}

/// Writes a field as it is signed (RFC 6376 section 3.4.2).
fn push_canonical_field(out: &mut Vec<u8>, field: &[u8]) {
    let colon = field.iter().position(|octet| *octet == b':').unwrap_or(field.len());
    let (name, value) = field.split_at(colon);
    out.extend(name.trim_ascii_end().iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let begin = out.len();
    let value = value.strip_prefix(b":").unwrap_or_default();
    let unfolded: Vec<u8> =
        value.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
    push_relaxed(out, &unfolded);
    if out.get(begin) == Some(&b' ') {
        out.remove(begin);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a line with each run of blanks as one space, and none at its end.
fn push_relaxed(out: &mut Vec<u8>, line: &[u8]) {
    let mut is_after_blank = false;
    for octet in line {
        if is_blank(Some(octet)) {
            is_after_blank = true;
            continue;
        }
        if is_after_blank {
            out.push(b' ');
            is_after_blank = false;
        }
        out.push(*octet);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> SigningName {
        SigningName::new("example.com", "test").unwrap()
    }

    #[test]
    fn a_body_is_relaxed_as_rfc_6376_says() {
        for (body, expected) in [
            ("", ""),
            ("\r\n", ""),
            ("\r\n \t\r\n\r\n", ""),
            ("a", "a\r\n"),
            // The example of RFC 6376 section 3.4.5.
            (" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"),
            ("a\r\n\r\n \r\nb \t\r\n", "a\r\n\r\n\r\nb\r\n"),
            ("a\t b", "a b\r\n"),
            (". \r\n..\r\n", ".\r\n..\r\n"),
            ("größe\u{a0} \r\n", "größe\u{a0}\r\n"),
        ] {
            let found = canonical_body(format!("A: b\r\n\r\n{body}").as_bytes());
            assert_eq!(String::from_utf8(found).unwrap(), expected, "{body:?}");
        }
        assert_eq!(canonical_body(b"A: b\r\n"), b"", "no body at all");
        assert_eq!(canonical_body(b"\r\nbody\r\n"), b"body\r\n", "no header at all");
    }

    #[test]
    fn a_field_is_relaxed_as_rfc_6376_says() {
        for (field, expected) in [
            ("A: X", "a:X\r\n"),
            ("B : Y\t\r\n\tZ  ", "b:Y Z\r\n"),
            ("SUBJect:AbC\r\n", "subject:AbC\r\n"),
            ("To: a@x.example,\r\n b@x.example", "to:a@x.example, b@x.example\r\n"),
            ("Subject:", "subject:\r\n"),
            ("Subject: \t ", "subject:\r\n"),
        ] {
            let mut found = Vec::new();
            push_canonical_field(&mut found, field.as_bytes());
            assert_eq!(String::from_utf8(found).unwrap(), expected, "{field:?}");
        }
    }

    fn draft(message: &str) -> SignatureDraft {
        SignatureDraft::new(
            message.as_bytes(),
            &name(),
            "rsa-sha256",
            Timestamp(1_795_325_400_999),
            &[0; 32],
        )
    }

    #[test]
    fn a_field_is_named_once_more_than_it_is_there() {
        let message = "Subject: s\r\nReceived: x\r\nTo: a\r\n b\r\nTo: c\r\nReferences: r\r\n\r\n";
        let signed = draft(message);
        let text = String::from_utf8(signed.signed_octets().to_vec()).unwrap();
        let expected = "subject:s\r\nto:c\r\nto:a b\r\nreferences:r\r\n\
             dkim-signature:v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=test; \
             t=1795325400; h=from:reply-to:subject:subject:to:to:to:cc:date:";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("; b="), "{text}");
        assert!(text.contains(":content-transfer-encoding:references; bh="), "{text}");
    }

    #[test]
    fn the_signature_stands_in_front_and_is_folded() {
        let message = "Subject: s\r\n\r\nbody\r\n";
        let signed = draft(message).finish(&[0xff; 256], message.as_bytes());
        let signed = String::from_utf8(signed).unwrap();
        let field = signed.strip_suffix(message).unwrap();
        assert!(field.starts_with("DKIM-Signature: v=1;") && field.ends_with("\r\n"), "{field}");
        for (at, line) in field.trim_end().split("\r\n").enumerate() {
            assert!(line.len() <= 76 && (at == 0) != line.starts_with(' '), "{line:?}");
            assert!(!line.trim().is_empty() && line.trim_end() == line, "{line:?}");
        }
        let value = field.split(" b=").nth(1).unwrap().replace(['\r', '\n', ' '], "");
        assert_eq!(value, "/".repeat(341) + "w==");
    }

    #[test]
    fn only_a_domain_signs() {
        let long = format!("{0}.{0}.{0}.example", "x".repeat(63));
        for (domain, selector, expected) in [
            ("Example.ORG", "Mail", Ok("mail._domainkey.example.org")),
            ("bücher.example", "2026.a", Ok("2026.a._domainkey.xn--bcher-kva.example")),
            ("[192.0.2.1]", "s", Err("is no domain name")),
            ("", "s", Err("is no domain name")),
            ("x.example", "", Err("is no domain name")),
            ("x.example", "a;b=c", Err("is no domain name")),
            ("x.example\r\nBcc: y", "s", Err("is no domain name")),
            (&long, &"s".repeat(63), Err("at most 253")),
        ] {
            let found = SigningName::new(domain, selector).map(|name| name.dns_name());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(words)) => assert!(found.contains(words), "{found}"),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn what_relaxing_may_change_does_not_change_the_signed_octets(
            lines in prop::collection::vec("[a-z ]{0,8}", 0..6), tail in 0usize..4,
        ) {
            let plain = lines.join("\r\n");
            let end = "\r\n".repeat(tail);
            let wide = lines.iter().map(|line| line.replace(' ', " \t ")).collect::<Vec<_>>();
            let wide = wide.join(" \r\n");
            let canonical = |body: &str| canonical_body(format!("A: b\r\n\r\n{body}").as_bytes());
            prop_assert_eq!(canonical(&plain), canonical(&format!("{wide}{end}")));
            let again = canonical(&String::from_utf8(canonical(&plain)).unwrap());
            prop_assert_eq!(again, canonical(&plain));
        }
    }
}
