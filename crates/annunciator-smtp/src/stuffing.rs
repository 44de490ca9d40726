//! Checks the content of a message and makes it transparent for DATA.
//!
//! In: RFC 5322 octets with CRLF. Out: the same with a dot before each line that begins with one.
//! Standard: RFC 5321 section 4.5.2.
//! Both run over every message, so they look at whole blocks and stop at nothing but what is rare.

use std::fmt;

/// Longest line without its CRLF (RFC 5322 section 2.1.1). Unit: octets.
pub(crate) const LINE_OCTETS_MAX: usize = 998;

/// Why content cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ContentError {
    /// A CR or LF that is not part of CRLF, or a NUL.
    BareControl,
    /// A line above [`LINE_OCTETS_MAX`].
    LongLine,
    /// Empty, or no CRLF at its end.
    End,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareControl => "the message holds a bare CR, a bare LF or a NUL",
            Self::LongLine => "the message has a line of more than 998 octets",
            Self::End => "the message does not end in CRLF",
        })
    }
}

/// Checks that content can be sent as it is.
///
/// # Errors
/// The first rule that it breaks.
pub(crate) fn check_content(content: &[u8]) -> Result<(), ContentError> {
    if !content.ends_with(b"\r\n") {
        return Err(ContentError::End);
    }
    // With CRLF at the end, control characters are in order exactly when a CR stands before each
    // LF, an LF after each CR, and no NUL is there. No early exit: so the loop becomes SIMD.
    let pairs = content.iter().zip(&content[1..]);
    let bad = pairs
        .fold(content[0] == b'\n', |bad, (&a, &b)| bad | ((a == b'\r') != (b == b'\n')) | (a == 0));
    if bad {
        return Err(ContentError::BareControl);
    }
    // Jump from line end to the last line end within reach; a jump is about a thousand octets.
    let mut line_start = 0;
    while line_start < content.len() {
        let reach = content.len().min(line_start + LINE_OCTETS_MAX + 2);
        match content[line_start..reach].iter().rposition(|&b| b == b'\n') {
            Some(offset) => line_start += offset + 1,
            None => return Err(ContentError::LongLine),
        }
    }
    Ok(())
}

/// Appends content that begins at a line's beginning, dot-stuffed, to `output`.
pub(crate) fn append_stuffed(output: &mut Vec<u8>, content: &[u8]) {
    let begins = content.first() == Some(&b'.');
    let pairs = content.iter().zip(content.get(1..).unwrap_or_default());
    let any = pairs.fold(begins, |any, (&a, &b)| any | ((a == b'\n') & (b == b'.')));
    if !any {
        output.extend_from_slice(content);
        return;
    }
    if begins {
        output.push(b'.');
    }
    let mut done = 0;
    while let Some(offset) = content[done..].windows(2).position(|pair| pair == b"\n.") {
        let end = done + offset + 1;
        output.extend_from_slice(&content[done..end]);
        output.push(b'.');
        done = end;
    }
    output.extend_from_slice(&content[done..]);
}

/// Where a block of at most `octets` of content may end so that the next begins at a line's
/// beginning.
#[must_use]
pub(crate) fn block_end(content: &[u8], octets: usize) -> usize {
    if content.len() <= octets {
        return content.len();
    }
    content[..octets].iter().rposition(|&b| b == b'\n').map_or(octets, |offset| offset + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_whole_crlf_lines_pass() {
        let long = |n: usize| format!("a\r\n{}\r\nb\r\n", "x".repeat(n));
        let rows: [(&str, Result<(), ContentError>); 13] = [
            ("a\r\n", Ok(())),
            ("\r\n", Ok(())),
            ("\r\n\r\na\r\n", Ok(())),
            (&long(998), Ok(())),
            (&long(999), Err(ContentError::LongLine)),
            ("", Err(ContentError::End)),
            ("a", Err(ContentError::End)),
            ("a\n", Err(ContentError::End)),
            ("a\nb\r\n", Err(ContentError::BareControl)),
            ("a\rb\r\n", Err(ContentError::BareControl)),
            ("\n\r\n", Err(ContentError::BareControl)),
            ("a\r\r\n", Err(ContentError::BareControl)),
            ("a\0\r\n", Err(ContentError::BareControl)),
        ];
        for (content, expected) in rows {
            assert_eq!(check_content(content.as_bytes()), expected, "{content:?}");
        }
    }

    #[test]
    fn dots_at_the_beginning_of_a_line_are_doubled() {
        for (content, expected) in [
            ("a\r\n", "a\r\n"),
            (".\r\n", "..\r\n"),
            ("..\r\n.a\r\nb.\r\n", "...\r\n..a\r\nb.\r\n"),
            ("a\r\n.\r\n.\r\n", "a\r\n..\r\n..\r\n"),
            ("", ""),
        ] {
            let mut output = Vec::new();
            append_stuffed(&mut output, content.as_bytes());
            assert_eq!(String::from_utf8(output).unwrap(), expected);
        }
    }

    /// Reads DATA as RFC 5321 section 4.5.2 tells a receiver to.
    fn receive(wire: &[u8]) -> (Vec<u8>, usize) {
        let (mut content, mut used) = (Vec::new(), 0);
        for line in wire.split_inclusive(|&b| b == b'\n') {
            used += line.len();
            if line == b".\r\n" {
                break;
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        (content, used)
    }

    proptest! {
        #[test]
        fn a_receiver_reads_what_was_sent_and_finds_the_dot_at_the_end(
            lines in proptest::collection::vec("[.a\u{e9} ]{0,6}", 1..20),
            octets in 8_usize..64,
        ) {
            let content = lines.join("\r\n") + "\r\n";
            let content = content.as_bytes();
            prop_assert!(check_content(content).is_ok());
            let (mut output, mut rest) = (Vec::new(), content);
            while !rest.is_empty() {
                let end = block_end(rest, octets.max(20));
                append_stuffed(&mut output, &rest[..end]);
                rest = &rest[end..];
            }
            output.extend_from_slice(b".\r\n");
            prop_assert_eq!(receive(&output), (content.to_vec(), output.len()));
        }

        #[test]
        fn the_check_agrees_with_reading_line_by_line(text in "[a\r\n\0]{0,12}(\r\n)?") {
            let clean = text.replace("\r\n", "|");
            let plain = text.ends_with("\r\n") && !clean.contains(['\r', '\n', '\0']);
            prop_assert_eq!(check_content(text.as_bytes()).is_ok(), plain);
        }
    }
}
