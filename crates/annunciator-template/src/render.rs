//! A template and values into text, in one pass: a value is never looked at for names again.
//!
//! Out: at most [`RENDERED_BYTES_MAX`]; what is more becomes an ellipsis.
//! Standard: spec 5.1, 5.3; limits of the values spec 2.1.

use std::borrow::Cow;

use annunciator_core::{Event, ellipsize};

use crate::parameters::Parameter;
use crate::parse::{Piece, Template};
use crate::values::Values;

/// Longest rendered text (spec 5.3). Unit: bytes.
pub const RENDERED_BYTES_MAX: usize = 1024 * 1024;

/// Room that a value is expected to need, so that most texts are allocated once. Unit: bytes.
const VALUE_BYTES_EXPECTED: usize = 64;

const ELLIPSIS: &str = "…";

/// What the text is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Escape {
    /// Plain text of several lines: nothing is changed.
    None,
    /// HTML: the template is markup, values are text.
    Html,
    /// One line, such as a subject: line breaks and other control characters become spaces, in
    /// the template as in the values.
    Line,
}

impl Template {
    /// Puts the values in the places of their names.
    #[must_use]
    pub fn render(&self, values: &dyn Values, escape: Escape) -> String {
        let source = self.as_str();
        let expected = source.len() + self.pieces().len() * VALUE_BYTES_EXPECTED;
        let mut text = BoundedText { text: String::with_capacity(expected), full: false };
        for piece in self.pieces() {
            match piece {
                Piece::Text(range) => text.push_source(&source[range.clone()], escape),
                Piece::Parameter(parameter) => {
                    text.push_value(&shown_value(values, *parameter), escape);
                }
                Piece::EventParameter(name) => {
                    text.push_value(&shown_event_parameter(values, &source[name.clone()]), escape);
                }
            }
            if text.full {
                break;
            }
        }
        text.text
    }
}

/// What templates show of a parameter: its value, shortened to its limit.
#[must_use]
pub fn shown_value(values: &dyn Values, parameter: Parameter) -> Cow<'_, str> {
    shorten(values.value(parameter), parameter.row().chars_max)
}

/// What templates show of an event parameter: its value, shortened to its limit.
#[must_use]
pub fn shown_event_parameter<'v>(values: &'v dyn Values, name: &str) -> Cow<'v, str> {
    shorten(values.event_parameter(name), Event::PARAMETER_CHARS_MAX)
}

fn shorten(value: Cow<'_, str>, chars_max: usize) -> Cow<'_, str> {
    match value {
        Cow::Borrowed(text) => ellipsize(text, chars_max),
        Cow::Owned(text) if text.len() <= chars_max => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(ellipsize(&text, chars_max).into_owned()),
    }
}

/// Text that stops growing at its limit.
struct BoundedText {
    text: String,
    full: bool,
}

impl BoundedText {
    fn push_source(&mut self, text: &str, escape: Escape) {
        match escape {
            Escape::Line => self.push_line(text),
            Escape::None | Escape::Html => self.push(text),
        }
    }

    fn push_value(&mut self, value: &str, escape: Escape) {
        match escape {
            Escape::None => self.push(value),
            Escape::Html => self.push_html(value),
            Escape::Line => self.push_line(value),
        }
    }

    fn push(&mut self, text: &str) {
        if self.full {
            return;
        }
        let room = self.room();
        if text.len() <= room {
            self.text.push_str(text);
        } else {
            self.text.push_str(&text[..text.floor_char_boundary(room)]);
            self.end();
        }
    }

    /// Pushes what must not be cut in the middle.
    fn push_whole(&mut self, text: &str) {
        if self.full || text.len() <= self.room() {
            self.push(text);
        } else {
            self.end();
        }
    }

    /// What still fits, an ellipsis kept in reserve. Unit: bytes.
    fn room(&self) -> usize {
        (RENDERED_BYTES_MAX - ELLIPSIS.len()).saturating_sub(self.text.len())
    }

    fn end(&mut self) {
        self.text.push_str(ELLIPSIS);
        self.full = true;
    }

    fn push_html(&mut self, value: &str) {
        let mut rest = value;
        // Bytes will do: none of the five is part of another character.
        let is_special = |byte: u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'');
        while let Some(at) = rest.bytes().position(is_special) {
            self.push(&rest[..at]);
            self.push_whole(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            });
            rest = &rest[at + 1..];
        }
        self.push(rest);
    }

    fn push_line(&mut self, text: &str) {
        if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            self.push(text);
            return;
        }
        let mut rest = text;
        while let Some((at, found)) = rest.char_indices().find(|(_, c)| breaks_line(*c)) {
            self.push(&rest[..at]);
            self.push(" ");
            // CR LF is one line break.
            let pair = rest[at..].starts_with("\r\n");
            rest = &rest[at + if pair { 2 } else { found.len_utf8() }..];
        }
        self.push(rest);
    }
}

/// CR, LF, VT, FF, NEL, the Unicode separators, NUL and every other control character.
fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}
