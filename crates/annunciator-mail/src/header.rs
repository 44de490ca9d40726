//! Header fields into lines: folded, encoded, and unable to begin another field.
//!
//! Standard: RFC 5322 sections 2.2 and 3.6, RFC 2047 (encoded words), RFC 6532 (UTF-8 addresses).

use crate::address::Mailbox;

/// Where lines are folded. Unit: octets without CR LF; RFC 5322 section 2.1.1 says at most 78.
pub(crate) const LINE_OCTETS: usize = 76;
/// RFC 2047 section 2: `=?UTF-8?B?` and `?=` leave so many octets of its 75 to the text.
const WORD_PAYLOAD_OCTETS: usize = 75 - 12;
/// Longest text of a field; what is more becomes an ellipsis. Unit: characters.
const TEXT_CHARS_MAX: usize = 1000;
/// Longest half of an identifier; the planner's are shorter. Unit: octets.
const ID_HALF_OCTETS_MAX: usize = 200;

/// Writes a field whose value is our own and short.
pub(crate) fn push_plain(out: &mut Vec<u8>, name: &str, value: &str) {
    debug_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes a field of free text, at most 1,000 characters. Line breaks and other control characters
/// become spaces.
pub(crate) fn push_text(out: &mut Vec<u8>, name: &str, text: &str) {
    let text = &*annunciator_core::ellipsize(text, TEXT_CHARS_MAX);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    if is_plain(text) && name.len() + 2 + text.len() <= LINE_OCTETS {
        out.extend_from_slice(text.as_bytes());
    } else if is_plain(text)
        && text.split(' ').all(|word| word.len() <= LINE_OCTETS - 2 - name.len())
    {
        push_folded(out, name.len() + 2, text);
    } else {
        let clean: String = text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect();
        push_encoded(out, name.len() + 2, &clean);
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether the text stands for itself: nothing that a reader would decode, and no spaces that
/// folding could lose.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !text.contains("=?")
        && !text.contains("  ")
        && !text.starts_with(' ')
        && !text.ends_with(' ')
}

fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn push_folded(out: &mut Vec<u8>, name_octets: usize, text: &str) {
    let mut column = name_octets;
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 && column + 1 + word.len() > LINE_OCTETS {
            out.extend_from_slice(b"\r\n ");
            column = 1;
        } else if at > 0 {
            out.push(b' ');
            column += 1;
        }
        out.extend_from_slice(word.as_bytes());
        column += word.len();
    }
}

/// Writes encoded words, in the encoding that is shorter for the whole text.
fn push_encoded(out: &mut Vec<u8>, name_octets: usize, text: &str) {
    let q_octets: usize = text.bytes().map(q_width).sum();
    let is_q = q_octets <= text.len().div_ceil(3) * 4;
    let mut rest = text;
    let mut room = WORD_PAYLOAD_OCTETS.min(LINE_OCTETS - 12 - name_octets);
    while !rest.is_empty() {
        let length =
            if is_q { q_prefix(rest, room) } else { rest.floor_char_boundary(room / 4 * 3) };
        let (word, after) = rest.split_at(length);
        if is_q {
            out.extend_from_slice(b"=?UTF-8?Q?");
            push_q(out, word);
        } else {
            out.extend_from_slice(b"=?UTF-8?B?");
            push_base64(out, word.as_bytes());
        }
        out.extend_from_slice(b"?=");
        if !after.is_empty() {
            out.extend_from_slice(b"\r\n ");
        }
        rest = after;
        room = WORD_PAYLOAD_OCTETS;
    }
}

/// Octets that a byte needs in the Q encoding: letters, digits and spaces one, others three.
fn q_width(byte: u8) -> usize {
    if byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'.') { 1 } else { 3 }
}

/// Length of the longest beginning that fits; characters are not split.
fn q_prefix(text: &str, room: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        let mut bytes = [0; 4];
        used += c.encode_utf8(&mut bytes).bytes().map(q_width).sum::<usize>();
        if used > room {
            return at;
        }
    }
    text.len()
}

fn push_q(out: &mut Vec<u8>, word: &str) {
    for byte in word.bytes() {
        match byte {
            b' ' => out.push(b'_'),
            _ if q_width(byte) == 1 => out.push(byte),
            _ => push_hex(out, byte),
        }
    }
}

/// Writes `=` and two hexadecimal digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'=', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Writes base64 with padding, without line breaks.
pub(crate) fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |a: u8, b: u8, c: u8| {
        let digit = |six_bits: u8| DIGITS[usize::from(six_bits & 63)];
        [digit(a >> 2), digit(a << 4 | b >> 4), digit(b << 2 | c >> 6), digit(c)]
    };
    let (whole, rest) = bytes.as_chunks::<3>();
    for [a, b, c] in whole {
        out.extend_from_slice(&digits(*a, *b, *c));
    }
    match rest {
        [a] => {
            out.extend_from_slice(&digits(*a, 0, 0)[..2]);
            out.extend_from_slice(b"==");
        }
        [a, b] => {
            out.extend_from_slice(&digits(*a, *b, 0)[..3]);
            out.push(b'=');
        }
        _ => {}
    }
}

/// Writes a field of addresses. A local part that is not ASCII keeps its UTF-8, which only a
/// relay with SMTPUTF8 takes; domains are written in ASCII.
pub(crate) fn push_addresses(out: &mut Vec<u8>, name: &str, addresses: &[Mailbox]) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut column = name.len() + 1;
    for (at, address) in addresses.iter().enumerate() {
        if at > 0 {
            out.push(b',');
            column += 1;
        }
        let octets = address.local().len() + 1 + address.ascii_domain().len();
        // A comma may follow.
        if at > 0 && column + 1 + octets + 1 > LINE_OCTETS {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        out.push(b' ');
        out.extend_from_slice(address.local().as_bytes());
        out.push(b'@');
        out.extend_from_slice(address.ascii_domain().as_bytes());
        column += 1 + octets;
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a field of one message identifier; what cannot stand in one becomes `-`.
pub(crate) fn push_id(out: &mut Vec<u8>, name: &str, id: &str, domain: &str) {
    let (left, right) = id.split_once('@').unwrap_or((id, domain));
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": <");
    push_id_half(out, left);
    out.push(b'@');
    push_id_half(out, right);
    out.extend_from_slice(b">\r\n");
}

/// Writes a `dot-atom-text` (RFC 5322 section 3.2.3).
fn push_id_half(out: &mut Vec<u8>, half: &str) {
    let begin = out.len();
    for byte in half.bytes().take(ID_HALF_OCTETS_MAX) {
        let last = if out.len() == begin { b'.' } else { out[out.len() - 1] };
        match byte {
            b'.' if last == b'.' => {}
            b'.' | b'-' | b'_' | b'+' | b'=' => out.push(byte),
            _ if byte.is_ascii_alphanumeric() => out.push(byte),
            _ => out.push(b'-'),
        }
    }
    if out.len() > begin && out[out.len() - 1] == b'.' {
        out.pop();
    }
    if out.len() == begin {
        out.extend_from_slice(b"unnamed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_field(text: &str) -> String {
        let mut out = Vec::new();
        push_text(&mut out, "Subject", text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_that_stands_for_itself_is_not_encoded() {
        for text in ["", "Critical: Disk full on pc-17", "a = b? c", "100 % \"x\" <y>"] {
            assert_eq!(text_field(text), format!("Subject: {text}\r\n"));
        }
        let words = "word ".repeat(30);
        let folded = text_field(words.trim_end());
        assert!(folded.lines().count() == 3 && !folded.contains("=?"), "{folded}");
        assert_eq!(
            folded.replace("\r\n ", " "),
            format!("Subject: {words}").trim_end().to_owned() + "\r\n"
        );
    }

    #[test]
    fn other_text_becomes_encoded_words() {
        for (text, expected) in [
            ("Größe", "=?UTF-8?B?R3LDtsOfZQ==?="),
            ("Kein Platz für Daten", "=?UTF-8?Q?Kein_Platz_f=C3=BCr_Daten?="),
            ("Диск", "=?UTF-8?B?0JTQuNGB0Lo=?="),
            (" a", "=?UTF-8?Q?_a?="),
            ("a  b", "=?UTF-8?Q?a__b?="),
            ("=?UTF-8?Q?x?=", "=?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?="),
            ("a\r\nBcc: x@y", "=?UTF-8?Q?a__Bcc=3A_x=40y?="),
            ("a\0\u{b}\u{c}\u{85}\u{2028}b", "=?UTF-8?Q?a_____b?="),
        ] {
            assert_eq!(text_field(text), format!("Subject: {expected}\r\n"), "{text:?}");
        }
    }

    #[test]
    fn every_line_of_a_field_is_short() {
        for text in ["x".repeat(5000), "Диск ".repeat(800), "é😀".repeat(600), "a\0".repeat(99)]
        {
            let field = text_field(&text);
            for line in field.split("\r\n") {
                assert!(line.len() <= 76 && line.is_ascii(), "{line}");
            }
        }
    }

    #[test]
    fn an_identifier_cannot_hold_anything_else() {
        for (id, expected) in [
            ("a1@x.example", "<a1@x.example>"),
            ("a1", "<a1@our.example>"),
            ("x@y>\r\nBcc: z@w", "<x@y---Bcc--z-w>"),
            ("..a..b.@.", "<a.b@unnamed>"),
            ("", "<unnamed@our.example>"),
            ("ü@ü", "<--@-->"),
        ] {
            let mut out = Vec::new();
            push_id(&mut out, "Message-ID", id, "our.example");
            assert_eq!(String::from_utf8(out).unwrap(), format!("Message-ID: {expected}\r\n"));
        }
    }

    #[test]
    fn addresses_are_folded_between_them() {
        let list: Vec<_> =
            (0..9).map(|n| Mailbox::parse(&format!("operator{n}@ü.example")).unwrap()).collect();
        let mut out = Vec::new();
        push_addresses(&mut out, "To", &list);
        let field = String::from_utf8(out).unwrap();
        assert!(field.split("\r\n").all(|line| line.len() <= 76), "{field}");
        assert_eq!(field.matches("@xn--tda.example").count(), 9);
        assert_eq!(field.matches(",\r\n ").count(), 4, "{field}");
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            push_base64(&mut out, text.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
