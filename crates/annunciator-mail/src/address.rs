//! Text into [`Mailbox`]es: addresses without display names, and lists of them.
//!
//! Standard: RFC 5321 section 4.1.2 (Mailbox), RFC 6531 (UTF-8), UTS 46 (domains).
//! Failure: an [`AddressError`] with its place and what to do.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most addresses in one list.
pub const ADDRESSES_MAX: usize = 1000;
/// RFC 5321 section 4.5.3.1.3: a path has 256 octets, of which two are angle brackets.
const ADDRESS_OCTETS_MAX: usize = 254;
/// RFC 5321 section 4.5.3.1.1.
const LOCAL_OCTETS_MAX: usize = 64;
/// RFC 1035 section 2.3.4.
const LABEL_OCTETS_MAX: usize = 63;

/// A checked address: local part, `@`, domain. No value of it can end a header or a command.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mailbox {
    text: Box<str>,
    at: usize,
    /// The domain in ASCII, where that differs from the text.
    ascii_domain: Option<Box<str>>,
}

/// Why an address is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressErrorKind {
    /// Nothing is there.
    Empty,
    /// A display name, or angle brackets.
    DisplayName,
    /// No `@`.
    NoAt,
    /// The local part is empty, too long, or not well-formed.
    Local,
    /// The domain is empty, too long, or not well-formed.
    Domain,
    /// A space or a control character.
    Character,
    /// The whole address is too long.
    TooLong,
    /// The list has more than [`ADDRESSES_MAX`] addresses.
    TooMany,
}

/// Which address is refused, and what to do; for the administrator who typed it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{address}` {}", kind.remedy())]
pub struct AddressError {
    /// Where the address begins in the text. Unit: bytes.
    pub offset: usize,
    /// The address as typed, made printable and shortened.
    pub address: String,
    /// What is wrong.
    pub kind: AddressErrorKind,
}

impl AddressErrorKind {
    fn remedy(self) -> &'static str {
        match self {
            Self::Empty => "is empty: type an address such as ops@example.org",
            Self::DisplayName => {
                "has a display name: type the address alone, such as ops@example.org"
            }
            Self::NoAt => "has no `@`: type an address such as ops@example.org",
            Self::Local => {
                "is not well-formed before the `@`: 1 to 64 octets of letters, digits and \
                 !#$%&'*+-/=?^_`{|}~, single dots between them, or a quoted text"
            }
            Self::Domain => {
                "is not well-formed after the `@`: type a domain such as example.org, or an \
                 address such as [192.0.2.1] or [IPv6:2001:db8::1]"
            }
            Self::Character => "has a space or a control character: remove it",
            Self::TooLong => "is longer than 254 octets: use a shorter address",
            Self::TooMany => "is one address too many: a list has at most 1000",
        }
    }
}

impl Mailbox {
    /// Checks an address.
    ///
    /// # Errors
    /// It is not a local part and a domain with an `@` between them.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::check(text).map_err(|kind| AddressError {
            offset: 0,
            address: annunciator_core::one_line(text, 100),
            kind,
        })
    }

    fn check(text: &str) -> Result<Self, AddressErrorKind> {
        if text.is_empty() {
            return Err(AddressErrorKind::Empty);
        }
        if text.ends_with('>') {
            return Err(AddressErrorKind::DisplayName);
        }
        if text.chars().any(is_refused) {
            return Err(AddressErrorKind::Character);
        }
        let at = text.rfind('@').ok_or(AddressErrorKind::NoAt)?;
        let (local, domain) = (&text[..at], &text[at + 1..]);
        check_local(local)?;
        let ascii_domain = check_domain(domain)?;
        if at + 1 + ascii_domain.as_deref().unwrap_or(domain).len() > ADDRESS_OCTETS_MAX {
            return Err(AddressErrorKind::TooLong);
        }
        Ok(Self { text: text.into(), at, ascii_domain })
    }

    /// The address as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`, quotes included.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    /// The domain as it was typed.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// The domain in ASCII (A-labels).
    #[must_use]
    pub fn ascii_domain(&self) -> &str {
        self.ascii_domain.as_deref().unwrap_or_else(|| self.domain())
    }

    /// Whether the local part is ASCII; otherwise only a relay with SMTPUTF8 can take it.
    #[must_use]
    pub fn is_ascii_local(&self) -> bool {
        self.local().is_ascii()
    }

    /// The address with its domain in ASCII: what goes over the wire.
    #[must_use]
    pub fn to_ascii(&self) -> String {
        format!("{}@{}", self.local(), self.ascii_domain())
    }

    /// Whether both reach the same mailbox, as far as an outsider can tell: domains have no case.
    fn is_same(&self, other: &Self) -> bool {
        self.local() == other.local()
            && self.ascii_domain().eq_ignore_ascii_case(other.ascii_domain())
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Mailbox {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// Spaces and controls of all of Unicode, and characters that show an address as another.
fn is_refused(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff0}'..='\u{ffff}')
}

fn check_local(local: &str) -> Result<(), AddressErrorKind> {
    if local.is_empty() || local.len() > LOCAL_OCTETS_MAX {
        return Err(AddressErrorKind::Local);
    }
    let is_well_formed = match local.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').is_some_and(is_quoted_content),
        None if local.contains(['<', '>', '"', ':', '@']) && local.contains('<') => {
            return Err(AddressErrorKind::DisplayName);
        }
        None => local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_text)),
    };
    if is_well_formed { Ok(()) } else { Err(AddressErrorKind::Local) }
}

/// RFC 5322 section 3.2.3 and RFC 6532: `atext`.
fn is_atom_text(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
}

/// RFC 5322 section 3.2.4: each quote and backslash has a backslash before it.
fn is_quoted_content(content: &str) -> bool {
    let mut characters = content.chars();
    while let Some(c) = characters.next() {
        let is_whole = match c {
            '"' => false,
            '\\' => characters.next().is_some(),
            _ => true,
        };
        if !is_whole {
            return false;
        }
    }
    true
}

/// Checks a domain; gives its ASCII form where that differs.
fn check_domain(domain: &str) -> Result<Option<Box<str>>, AddressErrorKind> {
    if let Some(literal) = domain.strip_prefix('[') {
        let literal = literal.strip_suffix(']').ok_or(AddressErrorKind::Domain)?;
        let is_address = match literal.get(..5) {
            Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
                literal[5..].parse::<Ipv6Addr>().is_ok()
            }
            _ => literal.parse::<Ipv4Addr>().is_ok(),
        };
        return if is_address { Ok(None) } else { Err(AddressErrorKind::Domain) };
    }
    let ascii = if domain.is_ascii() {
        None
    } else {
        let ascii = idna::domain_to_ascii(domain).map_err(|_| AddressErrorKind::Domain)?;
        Some(ascii.into_boxed_str())
    };
    let is_label = |label: &str| {
        (1..=LABEL_OCTETS_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let is_name = ascii.as_deref().unwrap_or(domain).split('.').all(is_label);
    if is_name { Ok(ascii) } else { Err(AddressErrorKind::Domain) }
}

/// Reads addresses with `;` or `,` between them; repetitions are removed, the order is kept.
///
/// # Errors
/// The first address that is refused, with its place in the text.
pub fn parse_list(text: &str) -> Result<Vec<Mailbox>, AddressError> {
    let mut list: Vec<Mailbox> = Vec::new();
    let mut begin = 0;
    while begin <= text.len() {
        let end = begin + item_length(&text[begin..]);
        let item = text[begin..end].trim();
        let offset = begin + text[begin..end].len() - text[begin..end].trim_start().len();
        begin = end + 1;
        if item.is_empty() {
            continue;
        }
        let mailbox = Mailbox::parse(item).map_err(|error| AddressError { offset, ..error })?;
        if list.iter().any(|known| known.is_same(&mailbox)) {
            continue;
        }
        if list.len() == ADDRESSES_MAX {
            let address = annunciator_core::one_line(item, 100);
            return Err(AddressError { offset, address, kind: AddressErrorKind::TooMany });
        }
        list.push(mailbox);
    }
    Ok(list)
}

/// Length of the text up to the next separator outside quotes.
fn item_length(text: &str) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        let was_escaped = std::mem::take(&mut is_escaped);
        match byte {
            b'"' if !was_escaped => is_quoted = !is_quoted,
            b'\\' if is_quoted && !was_escaped => is_escaped = true,
            b';' | b',' if !is_quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use AddressErrorKind as Kind;

    #[test]
    fn an_address_is_a_local_part_and_a_domain() {
        let long_local = format!("{}@x.org", "a".repeat(65));
        let long = format!("{}@{}org", "a".repeat(60), "b2345678.".repeat(22));
        for (text, expected) in [
            ("ops@example.org", Ok("ops@example.org")),
            ("root@localhost", Ok("root@localhost")),
            ("a.b+c=d!#$%&'*/?^_`{|}~@x-1.example", Ok("a.b+c=d!#$%&'*/?^_`{|}~@x-1.example")),
            (r#""a;b@c\"\\"@x.org"#, Ok(r#""a;b@c\"\\"@x.org"#)),
            ("a@[192.0.2.1]", Ok("a@[192.0.2.1]")),
            ("a@[IPv6:2001:db8::1]", Ok("a@[IPv6:2001:db8::1]")),
            ("jörg@bücher.example", Ok("jörg@xn--bcher-kva.example")),
            ("a@Bücher.Example", Ok("a@xn--bcher-kva.example")),
            ("a@почта.рф", Ok("a@xn--80a1acny.xn--p1ai")),
            ("+4912345@pc_1", Ok("+4912345@pc_1")),
            ("", Err(Kind::Empty)),
            ("ops", Err(Kind::NoAt)),
            ("@x.org", Err(Kind::Local)),
            (".a@x.org", Err(Kind::Local)),
            ("a..b@x.org", Err(Kind::Local)),
            ("a@b@x.org", Err(Kind::Local)),
            ("a(b)@x.org", Err(Kind::Local)),
            (r#""a"b"@x.org"#, Err(Kind::Local)),
            (r#""a\"@x.org"#, Err(Kind::Local)),
            (r#"""@x.org"#, Ok(r#"""@x.org"#)),
            (r#""@x.org"#, Err(Kind::Local)),
            ("a@", Err(Kind::Domain)),
            ("a@x..org", Err(Kind::Domain)),
            ("a@x.org.", Err(Kind::Domain)),
            ("a@-x.org", Err(Kind::Domain)),
            ("a@x!.org", Err(Kind::Domain)),
            ("a@[1.2.3]", Err(Kind::Domain)),
            ("a@[1.2.3.4", Err(Kind::Domain)),
            ("a@[2001:db8::1]", Err(Kind::Domain)),
            ("Ops <ops@x.org>", Err(Kind::DisplayName)),
            ("<ops@x.org>", Err(Kind::DisplayName)),
            ("a b@x.org", Err(Kind::Character)),
            ("\"a b\"@x.org", Err(Kind::Character)),
            ("a\r\nRCPT@x.org", Err(Kind::Character)),
            ("a\0@x.org", Err(Kind::Character)),
            ("a@x\u{85}.org", Err(Kind::Character)),
            ("a\u{2028}@x.org", Err(Kind::Character)),
            ("a\u{202e}b@x.org", Err(Kind::Character)),
            (&long_local, Err(Kind::Local)),
            (&long, Err(Kind::TooLong)),
        ] {
            let found = Mailbox::parse(text);
            let found = found.as_ref().map(Mailbox::to_ascii).map_err(|error| error.kind);
            assert_eq!(found.as_deref(), expected.as_deref(), "{text:?}");
        }
    }

    #[test]
    fn an_error_says_what_to_do() {
        for (text, message) in [
            ("a\nb@x", "`a b@x` has a space or a control character: remove it"),
            (
                "Ops <a@x>",
                "`Ops <a@x>` has a display name: type the address alone, such as ops@example.org",
            ),
        ] {
            assert_eq!(Mailbox::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn the_parts_of_an_address_are_at_hand() {
        let mailbox = Mailbox::parse("jörg@Bücher.example").unwrap();
        assert_eq!((mailbox.local(), mailbox.domain()), ("jörg", "Bücher.example"));
        assert_eq!(mailbox.to_string(), "jörg@Bücher.example");
        assert!(!mailbox.is_ascii_local() && Mailbox::parse("a@ü.de").unwrap().is_ascii_local());
    }

    #[test]
    fn a_list_has_separators_and_no_repetitions() {
        for (text, expected) in [
            ("", vec![]),
            (" ; ,", vec![]),
            ("a@x; b@y, c@z", vec!["a@x", "b@y", "c@z"]),
            ("a@x;a@X;A@x", vec!["a@x", "A@x"]),
            ("a@bücher.de;a@xn--bcher-kva.de", vec!["a@bücher.de"]),
            (r#""a;b"@x;c@y;"#, vec![r#""a;b"@x"#, "c@y"]),
        ] {
            let list = parse_list(text).unwrap();
            assert_eq!(list.iter().map(Mailbox::as_str).collect::<Vec<_>>(), expected, "{text}");
        }
        let error = parse_list("a@x;  ü b; c@z").unwrap_err();
        assert_eq!((error.offset, error.kind), (6, Kind::Character));
        let many: String = (0..=ADDRESSES_MAX).map(|n| format!("a{n}@x;")).collect();
        assert_eq!(parse_list(&many).unwrap_err().kind, Kind::TooMany);
    }

    proptest! {
        #[test]
        fn an_accepted_address_is_harmless_on_a_line(text in "\\PC{0,4}[a-z\"\\\\;<>\r\n\0 é]{0,9}@.{0,9}") {
            if let Ok(mailbox) = Mailbox::parse(&text) {
                let wire = mailbox.to_ascii();
                prop_assert!(wire.chars().all(|c| !c.is_control() && !c.is_whitespace()));
                prop_assert!(wire.len() <= ADDRESS_OCTETS_MAX);
                let list = parse_list(&format!("{text};b@y")).unwrap();
                prop_assert_eq!(&list[0], &mailbox);
            }
        }
    }
}
