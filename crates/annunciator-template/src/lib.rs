//! Template text such as `%SEVERITY%: %EVENT% on %COMPUTER%` into a [`Template`], and a template
//! with an event's values into text (spec 5).
//!
//! In: text that an administrator wrote, once, at save; values of an event, at planning.
//! Out: rendered text, at most [`RENDERED_BYTES_MAX`].
//! Knows nothing of: channels, settings, mail.
//! Failure: everything that can be wrong is found by [`Template::parse`]; rendering cannot fail.

mod parameters;
mod parse;
mod render;
mod values;

pub use parameters::{PARAMETERS, Parameter, ParameterRow, Purpose, reference_markdown};
pub use parse::{ParseError, ParseErrorKind, TEMPLATE_BYTES_MAX, Template};
pub use render::{Escape, RENDERED_BYTES_MAX, shown_event_parameter, shown_value};
pub use values::{EventValues, SampleValues, Values};

#[cfg(test)]
mod tests;
