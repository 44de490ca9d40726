//! A caught message into what a reader sees: sender, subject, text.
//!
//! Standard: RFC 5322, 2045 to 2047; only as much as showing mail needs. Whatever the octets are,
//! something is shown.

use annunciator_core::Timestamp;

/// Parts inside parts that are looked into.
const DEPTH_MAX: usize = 4;
/// Longest text that is kept. Unit: characters.
const TEXT_CHARS_MAX: usize = 20_000;

/// A caught mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mail {
    /// When the relay took it.
    pub(super) at: Timestamp,
    /// From header.
    pub(super) from: String,
    /// The recipients of the envelope.
    pub(super) recipients: Vec<String>,
    /// Subject header, decoded.
    pub(super) subject: String,
    /// The plain text.
    pub(super) text: String,
}

impl Mail {
    /// Reads a message.
    pub(super) fn read(at: Timestamp, recipients: Vec<String>, octets: &[u8]) -> Self {
        let part = Part::read(octets);
        let text = part.plain_text(0).unwrap_or_default().replace("\r\n", "\n");
        Self {
            at,
            from: decode_words(&part.header("from")),
            recipients,
            subject: decode_words(&part.header("subject")),
            text: text.chars().take(TEXT_CHARS_MAX).collect(),
        }
    }
}

/// Header fields and content of a message or of a part of it.
struct Part<'m> {
    fields: Vec<(String, String)>,
    content: &'m [u8],
}

impl<'m> Part<'m> {
    fn read(octets: &'m [u8]) -> Self {
        let end = find(octets, b"\r\n\r\n").unwrap_or(octets.len());
        let head =
            String::from_utf8_lossy(&octets[..end]).replace("\r\n ", " ").replace("\r\n\t", " ");
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let fields = head.split("\r\n").filter_map(field).collect();
        Self { fields, content: octets.get(end + 4..).unwrap_or_default() }
    }

    fn header(&self, name: &str) -> String {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The first plain text in it.
    fn plain_text(&self, depth: usize) -> Option<String> {
        let media_type = self.header("content-type");
        let kind = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind.starts_with("multipart/") && depth < DEPTH_MAX {
            let boundary = boundary_of(&media_type)?;
            let parts = split_parts(self.content, &format!("--{boundary}"));
            return parts.into_iter().find_map(|part| Part::read(part).plain_text(depth + 1));
        }
        if !kind.is_empty() && kind != "text/plain" {
            return None;
        }
        let octets = match self.header("content-transfer-encoding").to_ascii_lowercase().as_str() {
            "quoted-printable" => decode_quoted(self.content, false),
            "base64" => decode_base64(self.content),
            _ => self.content.to_vec(),
        };
        Some(String::from_utf8_lossy(&octets).into_owned())
    }
}

fn boundary_of(media_type: &str) -> Option<String> {
    let at = media_type.to_ascii_lowercase().find("boundary=")?;
    let rest = &media_type[at + "boundary=".len()..];
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().map(str::to_owned),
        None => rest.split(';').next().map(|boundary| boundary.trim().to_owned()),
    }
}

fn split_parts<'m>(content: &'m [u8], delimiter: &str) -> Vec<&'m [u8]> {
    let (mut parts, mut rest) = (Vec::new(), content);
    while let Some(at) = find(rest, delimiter.as_bytes()) {
        parts.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
        if rest.starts_with(b"--") {
            break;
        }
        rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
    }
    // Before the first delimiter there is no part.
    parts.into_iter().skip(1).map(|part| part.strip_suffix(b"\r\n").unwrap_or(part)).collect()
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets.windows(wanted.len()).position(|window| window == wanted)
}

/// Decodes encoded words (RFC 2047 section 2); what is none stays as it is.
fn decode_words(text: &str) -> String {
    let (mut decoded, mut rest, mut follows_word) = (Vec::new(), text, false);
    while let Some(begin) = rest.find("=?") {
        let (before, word) = rest.split_at(begin);
        let mut parts = word[2..].splitn(4, '?');
        let parts = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(_charset), Some(encoding), Some(encoded), Some(after)) = parts else { break };
        let octets = match encoding {
            "Q" | "q" => decode_quoted(encoded.as_bytes(), true),
            "B" | "b" => decode_base64(encoded.as_bytes()),
            _ => break,
        };
        let Some(after) = after.strip_prefix('=') else { break };
        // White space between two encoded words is not part of the text.
        if !(follows_word && before.trim().is_empty()) {
            decoded.extend_from_slice(before.as_bytes());
        }
        decoded.extend_from_slice(&octets);
        (rest, follows_word) = (after, true);
    }
    decoded.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Quoted-printable, or the `Q` encoding of words, where `_` is a space.
fn decode_quoted(octets: &[u8], is_word: bool) -> Vec<u8> {
    let digit = |octet: Option<&u8>| char::from(*octet?).to_digit(16);
    let mut decoded = Vec::with_capacity(octets.len());
    let mut at = 0;
    while let Some(&octet) = octets.get(at) {
        if octet == b'=' && octets[at..].starts_with(b"=\r\n") {
            at += 3;
            continue;
        }
        let pair = (digit(octets.get(at + 1)), digit(octets.get(at + 2)));
        match (octet, pair) {
            (b'=', (Some(high), Some(low))) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 2;
            }
            (b'_', _) if is_word => decoded.push(b' '),
            _ => decoded.push(octet),
        }
        at += 1;
    }
    decoded
}

fn decode_base64(octets: &[u8]) -> Vec<u8> {
    let (mut bits, mut count, mut decoded) = (0_u32, 0, Vec::new());
    for octet in octets {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, subject: &str, text: &str) {
        let octets = message.replace('\n', "\r\n");
        let mail = Mail::read(Timestamp(0), Vec::new(), octets.as_bytes());
        assert_eq!((mail.subject.as_str(), mail.text.as_str()), (subject, text));
    }

    #[test]
    fn a_plain_message_is_read() {
        check("Subject: a\n b\nFrom: x\n\ntext\n", "a b", "text\n");
        check("Subject: a\n\n", "a", "");
        check("no colon", "", "");
        check("", "", "");
    }

    #[test]
    fn encodings_are_decoded() {
        check(
            "Subject: =?utf-8?Q?F=C3=B6rder_band?= =?UTF-8?B?IDM=?= x\n\
             Content-Transfer-Encoding: quoted-printable\n\nf=C3=BC=\nr =3D\n",
            "Förder band 3 x",
            "für =\n",
        );
        check("Content-Transfer-Encoding: base64\n\nw6TD\ntg==\n", "", "äö");
        check("Subject: =?broken =?utf-8?X?a?=\n\n", "=?broken =?utf-8?X?a?=", "");
    }

    #[test]
    fn the_plain_part_of_a_multipart_message_is_shown() {
        check(
            "Content-Type: multipart/alternative;\n boundary=\"b 1\"\n\npreamble\n--b 1\n\
             Content-Type: text/html\n\n<p>no</p>\n--b 1\nContent-Type: text/plain; charset=utf-8\n\
             \nyes\n--b 1--\n",
            "",
            "yes",
        );
    }
}
