//! The definitions of settings become forms, and posted forms become changes of settings.
//!
//! In: `GET /api/v1/settings/definitions`; for each setting how it stands; a posted form.
//! Out: [`Field`], which shows itself; a merge patch (RFC 7396) of what was changed.
//! Knows nothing of: which layer is edited, and how its fields are arranged.
//! Failure: what cannot be read as its kind goes to the API as it was typed, which says what is
//! wrong; the sentence comes back beside the field, with everything as it was typed.

mod condition;
mod control;
mod definition;
mod field;
mod phrase;
mod posted;
mod sheet;

pub(crate) use condition::Condition;
pub(crate) use control::{Choosable, Control};
pub(crate) use definition::{Definitions, Kind, Place, Setting};
pub(crate) use field::Field;
pub(crate) use phrase::{label, problem_words, shown_value};
pub(crate) use posted::{is_blank, pairs, read, split};
pub(crate) use sheet::{Sheet, Standing};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod words_tests;
