//! Template text into a [`Template`], or the place where it is wrong and what to do.
//!
//! Grammar: `%NAME%` is a parameter, `%PARAM:name%` an event parameter, `%%` a percent sign;
//! everything else stands for itself. Names are letters, digits, `_`, `.` and `-`.
//! Standard: spec 5.1.

use std::fmt;
use std::ops::Range;

use annunciator_core::Event;

use crate::parameters::{EVENT_PARAMETER_PREFIX, PARAMETERS, Parameter, Purpose};

/// Longest template. Unit: bytes.
pub const TEMPLATE_BYTES_MAX: usize = 256 * 1024;

/// A checked template: rendering it cannot fail.
///
/// Prints as the text that it was parsed from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    source: Box<str>,
    pieces: Vec<Piece>,
}

/// What a template is made of; texts are ranges of the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// Stands for itself.
    Text(Range<usize>),
    /// A parameter of the table.
    Parameter(Parameter),
    /// An event parameter, by its name.
    EventParameter(Range<usize>),
}

/// Why a template is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ParseErrorKind {
    /// A percent sign that neither begins a name nor is doubled.
    LonePercent,
    /// A name that nobody knows.
    UnknownName {
        /// The name as written.
        name: String,
        /// The known name most like it.
        nearest: Option<&'static str>,
    },
    /// A name that only templates of another kind may use.
    NotHere {
        /// The name as written.
        name: String,
    },
    /// `%PARAM:%` without a name, or with one that is too long.
    EventParameterName,
    /// The whole text is longer than [`TEMPLATE_BYTES_MAX`].
    TooLong,
}

/// Where and why a template is refused, and what to do; for the administrator who wrote it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    /// Where the faulty piece begins. Unit: bytes.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1. Unit: characters.
    pub column: usize,
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// What is wrong and what to do, a sentence without the position.
    pub message: String,
}

impl ParseError {
    fn new(source: &str, offset: usize, kind: ParseErrorKind) -> Self {
        let before = &source[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            offset,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: kind.message(),
            kind,
        }
    }
}

impl ParseErrorKind {
    fn message(&self) -> String {
        match self {
            Self::LonePercent => "a percent sign stands alone: write `%%` for a percent sign, \
                                  or a name such as `%EVENT%`"
                .to_owned(),
            Self::UnknownName { name, nearest: Some(nearest) } => {
                format!("`%{name}%` is not known: did you mean `%{nearest}%`?")
            }
            Self::UnknownName { name, nearest: None } => format!(
                "`%{name}%` is not known: use a name such as `%EVENT%`, `%PARAM:{name}%` for a \
                 parameter of the event, or `%%{name}%%` for this very text"
            ),
            Self::NotHere { name } => {
                format!("`%{name}%` can be used in SMS templates only: remove it")
            }
            Self::EventParameterName => format!(
                "`%PARAM:name%` needs a name of 1 to {} letters, digits, `_`, `.` or `-`",
                Event::PARAMETER_NAME_CHARS_MAX
            ),
            Self::TooLong => {
                format!("the template is too long: shorten it to {TEMPLATE_BYTES_MAX} bytes")
            }
        }
    }
}

impl Template {
    /// The template that renders nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { source: Box::default(), pieces: Vec::new() }
    }

    /// Checks a text and makes a template of it.
    ///
    /// # Errors
    /// The first faulty place, when there is one (spec 5.1).
    pub fn parse(text: &str, purpose: Purpose) -> Result<Self, ParseError> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(ParseError::new(text, 0, ParseErrorKind::TooLong));
        }
        let mut pieces = Vec::new();
        let mut begin = 0;
        while let Some(found) = text[begin..].find('%') {
            let percent = begin + found;
            if text[percent + 1..].starts_with('%') {
                // The first percent sign ends the text before it, the second one is dropped.
                pieces.push(Piece::Text(begin..percent + 1));
                begin = percent + 2;
                continue;
            }
            if percent > begin {
                pieces.push(Piece::Text(begin..percent));
            }
            let (piece, end) = parse_name(text, percent, purpose)
                .map_err(|kind| ParseError::new(text, percent, kind))?;
            pieces.push(piece);
            begin = end;
        }
        if begin < text.len() {
            pieces.push(Piece::Text(begin..text.len()));
        }
        Ok(Self { source: text.into(), pieces })
    }

    /// The text that it was parsed from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it uses a parameter.
    #[must_use]
    pub fn uses(&self, parameter: Parameter) -> bool {
        self.pieces.contains(&Piece::Parameter(parameter))
    }

    /// The names of the event parameters that it uses, in order.
    pub fn event_parameters(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::EventParameter(name) => Some(&self.source[name.clone()]),
            _ => None,
        })
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Reads the name that begins with the percent sign at `percent`; gives its piece and its end.
fn parse_name(
    text: &str,
    percent: usize,
    purpose: Purpose,
) -> Result<(Piece, usize), ParseErrorKind> {
    let begin = percent + 1;
    let length = text[begin..].find(|c| !is_name_character(c)).unwrap_or(text.len() - begin);
    let end = begin + length;
    if length == 0 || !text[end..].starts_with('%') {
        return Err(ParseErrorKind::LonePercent);
    }
    let name = &text[begin..end];
    let piece = if let Some(event_parameter) = name.strip_prefix(EVENT_PARAMETER_PREFIX) {
        let chars = event_parameter.chars().count();
        if !(1..=Event::PARAMETER_NAME_CHARS_MAX).contains(&chars) || event_parameter.contains(':')
        {
            return Err(ParseErrorKind::EventParameterName);
        }
        Piece::EventParameter(begin + EVENT_PARAMETER_PREFIX.len()..end)
    } else {
        let parameter = Parameter::named(name).ok_or_else(|| unknown(name))?;
        if !parameter.row().purposes.contains(&purpose) {
            return Err(ParseErrorKind::NotHere { name: name.to_owned() });
        }
        Piece::Parameter(parameter)
    };
    Ok((piece, end + 1))
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ':')
}

fn unknown(name: &str) -> ParseErrorKind {
    /// Names less alike than this are no help.
    const SIMILARITY_MIN: f64 = 0.75;
    let upper = name.to_uppercase();
    let nearest = PARAMETERS
        .iter()
        .flat_map(|row| std::iter::once(row.name).chain(row.aliases.iter().copied()))
        .map(|known| (strsim::jaro_winkler(&upper, known), known))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known);
    ParseErrorKind::UnknownName { name: annunciator_core::one_line(name, 100), nearest }
}
