//! Template text such as `%SEVERITY%: %EVENT% on %COMPUTER%` into a [`Template`], and a template
//! with an event's values into text (spec 5).
//!
//! In: text that an administrator wrote, once, at save; values of an event, at planning.
//! Out: rendered text, at most [`RENDERED_BYTES_MAX`].
//! Knows nothing of: channels, settings, mail.
//! Failure: everything that can be wrong is found by [`Template::parse`]; rendering cannot fail.

mod axis;
mod library;
mod numbers;
mod parameters;
mod parse;
mod reader;
mod render;
mod sample;
mod time_zone;
mod values;

pub use axis::{TimeTicks, ValueAxis};
pub use library::{
    Localized, READY_TEXTS, ReadyText, STANDARD_MESSAGE, STANDARD_SUBJECT, SUBJECT_PIECES,
    SubjectPiece, TextKind, UnknownPiece, join_subject,
};
pub use parameters::{PARAMETERS, Parameter, ParameterRow, Purpose, reference_markdown};
pub use parse::{ParseError, ParseErrorKind, TEMPLATE_BYTES_MAX, Template};
pub use reader::{Language, Reader, TimeFormat};
pub use render::{Escape, RENDERED_BYTES_MAX, shown_event_parameter, shown_value};
pub use sample::sample_event;
pub use time_zone::{TimeZone, UnknownTimeZone};
pub use values::{EventValues, Values};

#[cfg(test)]
mod tests;
