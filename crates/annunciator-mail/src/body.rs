//! Text of one part into lines that every relay takes: 7bit, quoted-printable or base64.
//!
//! Out: CR LF only, ASCII only, lines of at most 998 octets, the last one ended.
//! Rules for what has no place in mail: every line break (CR LF, CR, LF) becomes CR LF, NUL becomes
//! U+FFFD, a text that does not end with a line break gets one; everything else arrives as it was.
//! Standard: RFC 2045 sections 6.7 and 6.8, RFC 5322 section 2.1.1.

use std::borrow::Cow;

use crate::header::{LINE_OCTETS, push_base64, push_hex};

/// Longest line that may go out as it is. Unit: octets without CR LF.
const PLAIN_LINE_OCTETS_MAX: usize = 998;
/// What every boundary begins with. Encoded parts cannot hold it: quoted-printable writes `=` as
/// `=3D`, base64 has no `_`.
pub(crate) const BOUNDARY_PREFIX: &str = "=_";
/// Octets that one line of base64 carries: 76 digits.
const BASE64_LINE_BYTES: usize = LINE_OCTETS / 4 * 3;

/// How a part is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    /// As it is.
    SevenBit,
    /// RFC 2045 section 6.7.
    QuotedPrintable,
    /// RFC 2045 section 6.8.
    Base64,
}

impl Encoding {
    /// The value of Content-Transfer-Encoding.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }

    /// The encoding that suits a [`clean`] text: as it is when it may, else the shorter one.
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        if is_plain(bytes) {
            let is_harmless =
                |line: &str| line.len() <= PLAIN_LINE_OCTETS_MAX && !line.starts_with("--=_");
            if lines(text).all(is_harmless) {
                return Self::SevenBit;
            }
        }
        let escaped = bytes.iter().filter(|byte| ESCAPED[usize::from(**byte)]).count();
        // Line breaks are left out of both sums; they weigh about the same.
        let quoted = bytes.len() + 2 * escaped;
        if quoted <= bytes.len().div_ceil(3) * 4 { Self::QuotedPrintable } else { Self::Base64 }
    }
}

/// Bytes that quoted-printable writes as `=XX` wherever they stand; line breaks stand in none of
/// the lines.
const ESCAPED: [bool; 256] = {
    let mut escaped = [true; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        escaped[byte as usize] = byte == b'=';
        byte += 1;
    }
    escaped[b'\t' as usize] = false;
    escaped[b'\n' as usize] = false;
    escaped
};

/// Whether every byte may go out as it is. Looks at whole blocks, which the compiler makes fast.
fn is_plain(bytes: &[u8]) -> bool {
    const BLOCK: usize = 64;
    let is_plain = |byte: &u8| (b' '..=b'~').contains(byte) | (*byte == b'\t') | (*byte == b'\n');
    bytes.chunks(BLOCK).all(|block| block.iter().fold(true, |all, byte| all & is_plain(byte)))
}

/// Makes each line break a LF, and takes NUL out.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains('\r') {
        text = text.replace("\r\n", "\n").replace('\r', "\n").into();
    }
    if text.contains('\0') {
        text = text.replace('\0', "\u{fffd}").into();
    }
    text
}

/// Writes a [`clean`] text.
pub(crate) fn push_body(out: &mut Vec<u8>, text: &str, encoding: Encoding) {
    match encoding {
        Encoding::SevenBit => {
            for line in lines(text) {
                out.extend_from_slice(line.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
        Encoding::QuotedPrintable => {
            for line in lines(text) {
                push_quoted_line(out, line.as_bytes());
            }
        }
        Encoding::Base64 => {
            let mut canonical = Vec::with_capacity(text.len() + text.len() / 16 + 2);
            push_body(&mut canonical, text, Encoding::SevenBit);
            push_octets(out, &canonical);
        }
    }
}

/// Writes octets in base64.
pub(crate) fn push_octets(out: &mut Vec<u8>, octets: &[u8]) {
    for chunk in octets.chunks(BASE64_LINE_BYTES) {
        push_base64(out, chunk);
        out.extend_from_slice(b"\r\n");
    }
}

fn push_quoted_line(out: &mut Vec<u8>, line: &[u8]) {
    let (mut rest, mut column) = (line, 0);
    while !rest.is_empty() {
        let window = &rest[..rest.len().min(LINE_OCTETS + 1)];
        let plain = window.iter().position(|byte| ESCAPED[usize::from(*byte)]);
        let mut plain = plain.unwrap_or(window.len());
        // A space at the end of a line would be lost on the way.
        if plain == rest.len() && matches!(rest[plain - 1], b' ' | b'\t') {
            plain -= 1;
        }
        // A soft line break needs an octet, unless the line ends here.
        if plain == 0 {
            let octets = 3 + usize::from(rest.len() > 1);
            if column + octets > LINE_OCTETS {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            push_hex(out, rest[0]);
            rest = &rest[1..];
            column += 3;
            continue;
        }
        let is_end = plain == rest.len() && column + plain <= LINE_OCTETS;
        let taken = if is_end { plain } else { plain.min(LINE_OCTETS - 1 - column) };
        if taken == 0 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
            continue;
        }
        out.extend_from_slice(&rest[..taken]);
        rest = &rest[taken..];
        column += taken;
    }
    out.extend_from_slice(b"\r\n");
}

/// The lines of a [`clean`] text. An empty text has none.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let ended = text.strip_suffix('\n').unwrap_or(text);
    let count = if text.is_empty() { 0 } else { usize::MAX };
    ended.split('\n').take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> (Encoding, String) {
        let text = clean(text);
        let (encoding, mut out) = (Encoding::of(&text), Vec::new());
        push_body(&mut out, &text, encoding);
        (encoding, String::from_utf8(out).unwrap())
    }

    #[test]
    fn ascii_text_goes_out_as_it_is_with_its_lines_ended() {
        let longest = "x".repeat(998);
        for (text, expected) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\nb\rc\r\nd\n\re\r\n", "a\r\nb\r\nc\r\nd\r\n\r\ne\r\n"),
            ("\n\n", "\r\n\r\n"),
            ("trailing \t\n.dot\nFrom x", "trailing \t\r\n.dot\r\nFrom x\r\n"),
            (&longest, &format!("{longest}\r\n")),
        ] {
            assert_eq!(body(text), (Encoding::SevenBit, expected.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn text_that_is_mostly_ascii_is_quoted() {
        for (text, expected) in [
            ("Größe: 1 = 1 und noch etwas", "Gr=C3=B6=C3=9Fe: 1 =3D 1 und noch etwas\r\n"),
            ("é ends with a space ", "=C3=A9 ends with a space=20\r\n"),
            ("form\u{c}feed and escape \u{1b}[0m", "form=0Cfeed and escape =1B[0m\r\n"),
            ("nul \0 is replaced by something", "nul =EF=BF=BD is replaced by something\r\n"),
            ("--=_annunciator--\nhello", "--=3D_annunciator--\r\nhello\r\n"),
        ] {
            assert_eq!(body(text), (Encoding::QuotedPrintable, expected.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn long_lines_are_broken_softly() {
        for length in [76, 77, 152, 999, 5000] {
            let mut out = Vec::new();
            push_body(&mut out, &"x".repeat(length), Encoding::QuotedPrintable);
            let text = String::from_utf8(out).unwrap();
            assert!(text.split("\r\n").all(|line| line.len() <= 76), "{length}");
            assert_eq!(text.replace("=\r\n", ""), "x".repeat(length) + "\r\n");
        }
        assert_eq!(body(&"x".repeat(999)).0, Encoding::QuotedPrintable);
    }

    #[test]
    fn quoted_lines_are_short_whatever_they_hold() {
        for line in ["a=", "=", "=  ", "é", "aé b\t", " "] {
            for shift in 0..4 {
                for count in [1, 24, 25, 26, 74, 75, 76, 77, 300] {
                    let line = "x".repeat(shift) + &line.repeat(count);
                    let mut out = Vec::new();
                    push_body(&mut out, &line, Encoding::QuotedPrintable);
                    let text = String::from_utf8(out).unwrap();
                    for part in text.trim_end_matches("\r\n").split("\r\n") {
                        assert!(part.len() <= 76 && !part.ends_with([' ', '\t']), "{part:?}");
                        assert!(!part.is_empty() && part != "=", "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn other_text_is_base64() {
        assert_eq!(body("Диск\n"), (Encoding::Base64, "0JTQuNGB0LoNCg==\r\n".to_owned()));
        let (_, long) = body(&"Диск ".repeat(100));
        assert!(long.split("\r\n").all(|line| line.len() <= 76));
    }
}
