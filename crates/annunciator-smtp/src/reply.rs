//! Turns octets from a server into replies.
//!
//! In: a growing buffer. Out: where the first whole reply ends, or why it is none.
//! Knows nothing of: sockets, what a reply means.
//! Standard: RFC 5321 section 4.2, RFC 2034.
//! Failure: a reply that breaks a rule is [`Malformed`]; nothing is guessed. Only bare LF line
//! ends are forgiven.

use std::fmt;

use annunciator_core::{EnhancedStatus, ReplyCode, one_line};

/// Longest reply. Unit: octets.
pub const REPLY_OCTETS_MAX: usize = 64 * 1024;
/// Most lines of a reply.
pub(crate) const REPLY_LINES_MAX: usize = 1_000;
/// Longest text kept of a reply. Unit: characters.
const TEXT_CHARS_MAX: usize = 1_000;

/// Why octets are not a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// More than [`REPLY_OCTETS_MAX`].
    TooLong,
    /// More lines than we read: 1,000.
    TooManyLines,
    /// A line does not begin with a reply code and a space or hyphen.
    Line,
    /// The lines have different codes.
    Codes,
    /// Octets that no command asked for.
    Unasked,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the reply is longer than {REPLY_OCTETS_MAX} octets"),
            Self::TooManyLines => write!(f, "the reply has more than {REPLY_LINES_MAX} lines"),
            Self::Line => f.write_str("the reply is not SMTP: no reply code at its beginning"),
            Self::Codes => f.write_str("the lines of the reply have different codes"),
            Self::Unasked => f.write_str("the server said more than it was asked for"),
        }
    }
}

/// Looks for the end of a reply; remembers how far it has looked, so that a reply that comes
/// octet by octet costs no more than one that comes whole.
#[derive(Default, Debug)]
pub struct Scanner {
    scanned: usize,
    line_start: usize,
    lines: usize,
    code: Option<ReplyCode>,
}

impl Scanner {
    /// Looks at `input`, which begins where the last whole reply ended and has only grown since.
    /// Gives the code and the length of the first reply once it is whole, and begins anew.
    ///
    /// # Errors
    /// The octets cannot become a reply.
    pub fn scan(&mut self, input: &[u8]) -> Result<Option<(ReplyCode, usize)>, Malformed> {
        while let Some(offset) = input[self.scanned..].iter().position(|&b| b == b'\n') {
            let end = self.scanned + offset;
            let line = &input[self.line_start..end];
            self.scanned = end + 1;
            self.line_start = end + 1;
            self.lines += 1;
            if self.scanned > REPLY_OCTETS_MAX {
                return Err(Malformed::TooLong);
            }
            let (code, last) = parse_line_head(line.strip_suffix(b"\r").unwrap_or(line))?;
            if *self.code.get_or_insert(code) != code {
                return Err(Malformed::Codes);
            }
            if last {
                *self = Self::default();
                return Ok(Some((code, end + 1)));
            }
            if self.lines >= REPLY_LINES_MAX {
                return Err(Malformed::TooManyLines);
            }
        }
        self.scanned = input.len();
        if input.len() > REPLY_OCTETS_MAX { Err(Malformed::TooLong) } else { Ok(None) }
    }
}

/// Code, and whether it is the last line.
fn parse_line_head(line: &[u8]) -> Result<(ReplyCode, bool), Malformed> {
    let (digits, rest) = line.split_at_checked(3).ok_or(Malformed::Line)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed::Line);
    }
    let number = digits.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
    let code = ReplyCode::new(number).ok_or(Malformed::Line)?;
    match rest.first() {
        None | Some(b' ') => Ok((code, true)),
        Some(b'-') => Ok((code, false)),
        Some(_) => Err(Malformed::Line),
    }
}

/// One whole reply, still in the buffer it was read into.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// Its code.
    pub code: ReplyCode,
    /// All its octets.
    pub octets: &'a [u8],
}

impl<'a> Reply<'a> {
    /// The texts of its lines, without code and line end.
    pub fn lines(self) -> impl Iterator<Item = &'a [u8]> {
        let line_ends = self.octets.strip_suffix(b"\n").unwrap_or(self.octets);
        line_ends.split(|&b| b == b'\n').map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            line.get(4..).unwrap_or_default()
        })
    }

    /// The enhanced status code, when there is one and it agrees with the reply code (RFC 2034).
    #[must_use]
    pub fn status(self) -> Option<EnhancedStatus> {
        let first = self.lines().next()?;
        let word = first.split(|b| *b == b' ').next()?;
        let status: EnhancedStatus = std::str::from_utf8(word).ok()?.parse().ok()?;
        (u16::from(status.class) == self.code.class()).then_some(status)
    }

    /// The whole reply as one printable line, code first.
    #[must_use]
    pub fn to_text(self) -> String {
        let octets = &self.octets[..self.octets.len().min(4 * TEXT_CHARS_MAX)];
        // The common case is one clean line of ASCII: no need to look at it character by character.
        let line = octets.strip_suffix(b"\r\n").unwrap_or(octets);
        if line.len() <= TEXT_CHARS_MAX && line.iter().all(|b| matches!(b, 0x20..=0x7e)) {
            return String::from_utf8_lossy(line).trim_end().to_owned();
        }
        let mut text = self.code.to_string();
        for line in self.lines() {
            text.push(' ');
            text.push_str(&String::from_utf8_lossy(line));
            if text.len() > 4 * TEXT_CHARS_MAX {
                break;
            }
        }
        one_line(&text, TEXT_CHARS_MAX)
    }

    /// The relay's queue id in a reply to the final dot; empty when no common form is found.
    #[must_use]
    pub fn queue_id(self) -> &'a str {
        self.lines()
            .find_map(|line| std::str::from_utf8(line).ok().and_then(find_queue_id))
            .unwrap_or("")
    }
}

/// Forms seen: `Ok: queued as X` (Postfix), `OK id=X` (Exim), `X Message accepted for delivery`
/// (Sendmail), `[InternalId=X, Hostname=…] Queued mail` (Exchange), `Message queued as X`.
fn find_queue_id(line: &str) -> Option<&str> {
    let id_char = |c: char| c.is_ascii_alphanumeric() || "-._@+=/".contains(c);
    let take = |text: &'_ str| text.find(|c| !id_char(c)).unwrap_or(text.len());
    for marker in ["queued as ", "InternalId=", "id="] {
        if let Some(at) = find_ignoring_case(line, marker) {
            let rest = line[at + marker.len()..].trim_start_matches('<');
            let id = rest[..take(rest)].trim_end_matches('.');
            if !id.is_empty() && id.len() <= 128 {
                return Some(id);
            }
        }
    }
    let at = find_ignoring_case(line, " message accepted")?;
    let word = line[..at].rsplit(' ').next()?;
    let plausible = (6..=128).contains(&word.len()) && word.chars().all(id_char);
    (plausible
        && word.contains(|c: char| c.is_ascii_digit())
        && word.parse::<EnhancedStatus>().is_err())
    .then_some(word)
}

fn find_ignoring_case(line: &str, marker: &str) -> Option<usize> {
    let (line, marker) = (line.as_bytes(), marker.as_bytes());
    line.windows(marker.len()).position(|window| window.eq_ignore_ascii_case(marker))
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
