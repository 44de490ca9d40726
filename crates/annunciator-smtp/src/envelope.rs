//! Turns address texts into an envelope that cannot carry a command.
//!
//! In: addresses as the caller has them, domains as A-labels.
//! Out: [`Envelope`], whose every path can be put between `<` and `>` as it is.
//! Knows nothing of: headers, sessions.
//! Standard: RFC 5321 section 4.1.2, RFC 6531.

use std::fmt;
use std::str::FromStr;

/// Longest path without its angle brackets (RFC 5321 section 4.5.3.1.3). Unit: octets.
pub const PATH_OCTETS_MAX: usize = 254;
/// Longest local-part (RFC 5321 section 4.5.3.1.1). Unit: octets.
const LOCAL_PART_OCTETS_MAX: usize = 64;

/// Why a text is not a mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailboxError {
    /// Empty, or more than [`PATH_OCTETS_MAX`] octets.
    Length,
    /// No `@`, or nothing on one side of it.
    Form,
    /// The local-part is longer than 64 octets.
    LocalPartLength,
    /// A character that has no place in an address, such as a space or a line break.
    Character(char),
}

impl fmt::Display for MailboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "an address has 3 to {PATH_OCTETS_MAX} octets"),
            Self::Form => f.write_str("an address has the form local@domain"),
            Self::LocalPartLength => f.write_str("the part before @ is longer than 64 octets"),
            Self::Character(c) => {
                write!(f, "the character {} has no place in an address", c.escape_default())
            }
        }
    }
}

impl std::error::Error for MailboxError {}

/// An address that is safe in a command: `local@domain`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mailbox(Box<str>);

impl Mailbox {
    /// Reads an address.
    ///
    /// # Errors
    /// [`MailboxError`] says what is wrong; nothing is corrected silently.
    pub fn new(text: &str) -> Result<Self, MailboxError> {
        if text.len() < 3 || text.len() > PATH_OCTETS_MAX {
            return Err(MailboxError::Length);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(MailboxError::Form)?;
        if local.is_empty() || domain.is_empty() {
            return Err(MailboxError::Form);
        }
        if local.len() > LOCAL_PART_OCTETS_MAX {
            return Err(MailboxError::LocalPartLength);
        }
        let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
        let inner = if quoted { &local[1..local.len() - 1] } else { local };
        let local_ok = |c| if quoted { is_quoted_text(c) } else { is_dot_atom_text(c) };
        let literal = domain.len() > 2 && domain.starts_with('[') && domain.ends_with(']');
        let host = if literal { &domain[1..domain.len() - 1] } else { domain };
        let host_ok = |c| if literal { is_literal_text(c) } else { is_domain_text(c) };
        match inner.chars().find(|c| !local_ok(*c)).or(host.chars().find(|c| !host_ok(*c))) {
            Some(c) => Err(MailboxError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Mailbox {
    type Err = MailboxError;
    fn from_str(text: &str) -> Result<Self, MailboxError> {
        Self::new(text)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_dot_atom_text(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || is_printable_utf8(c)
}

fn is_quoted_text(c: char) -> bool {
    (c.is_ascii_graphic() && !"\"\\<>".contains(c)) || is_printable_utf8(c)
}

fn is_domain_text(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._".contains(c) || is_printable_utf8(c)
}

fn is_literal_text(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".:-".contains(c)
}

/// Not ASCII, no control character and no space or line separator of any script.
fn is_printable_utf8(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace()
}

/// Where failure reports go; empty means nowhere.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ReversePath(pub Option<Mailbox>);

/// One recipient.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ForwardPath(pub Mailbox);

/// Why an envelope cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EnvelopeError {
    /// No forward-path.
    NoRecipient,
    /// More than [`Envelope::RECIPIENTS_MAX`] forward-paths.
    TooManyRecipients,
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecipient => f.write_str("an envelope needs a recipient"),
            Self::TooManyRecipients => {
                write!(f, "an envelope has at most {} recipients", Envelope::RECIPIENTS_MAX)
            }
        }
    }
}

impl std::error::Error for EnvelopeError {}

/// Who sends and who receives; never without a recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    reverse_path: ReversePath,
    forward_paths: Vec<ForwardPath>,
}

impl Envelope {
    /// Most recipients of one transaction.
    pub const RECIPIENTS_MAX: usize = 1_000;

    /// Puts an envelope together.
    ///
    /// # Errors
    /// No recipient, or too many.
    pub fn new(
        reverse_path: ReversePath,
        forward_paths: Vec<ForwardPath>,
    ) -> Result<Self, EnvelopeError> {
        match forward_paths.len() {
            0 => Err(EnvelopeError::NoRecipient),
            1..=Self::RECIPIENTS_MAX => Ok(Self { reverse_path, forward_paths }),
            _ => Err(EnvelopeError::TooManyRecipients),
        }
    }

    /// The reverse-path, empty for the null reverse-path.
    #[must_use]
    pub fn reverse_path(&self) -> &str {
        self.reverse_path.0.as_ref().map_or("", Mailbox::as_str)
    }

    /// The forward-paths, in the order given.
    #[must_use]
    pub fn forward_paths(&self) -> &[ForwardPath] {
        &self.forward_paths
    }

    /// Whether some address is not ASCII (RFC 6531).
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.reverse_path().is_ascii() || self.forward_paths.iter().any(|p| !p.0.0.is_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(), MailboxError>) {
        assert_eq!(Mailbox::new(text).map(|_| ()), expected, "{text:?}");
    }

    #[test]
    fn only_addresses_that_fit_between_angle_brackets_are_mailboxes() {
        for text in ["a@b", "o'neil+tag@x.example", "\"a@b\"@c.example", "x@[192.0.2.1]"] {
            check(text, Ok(()));
        }
        check("x@[IPv6:2001:db8::1]", Ok(()));
        check("дежурный@пример.рф", Ok(()));
        check("", Err(MailboxError::Length));
        check("nobody", Err(MailboxError::Form));
        check("@bb", Err(MailboxError::Form));
        check("aa@", Err(MailboxError::Form));
        check(&format!("a@{}", "b".repeat(253)), Err(MailboxError::Length));
        check(&format!("{}@b", "a".repeat(65)), Err(MailboxError::LocalPartLength));
    }

    #[test]
    fn no_address_can_add_a_command() {
        let bad = [
            '\r', '\n', '\0', ' ', '\t', '<', '>', '\u{b}', '\u{c}', '\u{85}', '\u{2028}',
            '\u{2029}', '\u{a0}', '\u{7f}',
        ];
        for c in bad {
            check(&format!("a{c}b@c"), Err(MailboxError::Character(c)));
            check(&format!("\"a{c}b\"@c"), Err(MailboxError::Character(c)));
            check(&format!("a@b{c}c"), Err(MailboxError::Character(c)));
            check(&format!("a@[1{c}2]"), Err(MailboxError::Character(c)));
        }
        check("a\r\nRCPT@c", Err(MailboxError::Character('\r')));
    }

    #[test]
    fn an_envelope_has_one_to_a_thousand_recipients() {
        let path = || ForwardPath(Mailbox::new("a@b").unwrap());
        for (count, expected) in [
            (0, Err(EnvelopeError::NoRecipient)),
            (1, Ok(())),
            (1_000, Ok(())),
            (1_001, Err(EnvelopeError::TooManyRecipients)),
        ] {
            let paths = (0..count).map(|_| path()).collect();
            assert_eq!(Envelope::new(ReversePath(None), paths).map(|_| ()), expected);
        }
    }

    #[test]
    fn smtputf8_is_needed_when_an_address_is_not_ascii() {
        for (from, to, expected) in
            [("a@b", "c@d", false), ("ä@b", "c@d", true), ("a@b", "ж@d", true)]
        {
            let envelope = Envelope::new(
                ReversePath(Some(Mailbox::new(from).unwrap())),
                vec![ForwardPath(Mailbox::new(to).unwrap())],
            );
            assert_eq!(envelope.unwrap().needs_smtputf8(), expected);
        }
    }
}
