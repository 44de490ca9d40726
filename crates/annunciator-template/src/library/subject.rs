//! Pieces that a subject is joined from.

use super::{Localized, NEEDS_NOTHING, words};
use crate::reader::Language;

/// Most pieces of one subject.
const PIECES_MAX: usize = 20;
/// Names less alike than this are no help.
const SIMILARITY_MIN: f64 = 0.7;

/// The subject when none is set (spec 3.1).
pub const STANDARD_SUBJECT: Localized =
    words("%SEVERITY%: %EVENT% on %COMPUTER%", "%SEVERITY%: %EVENT% на устройстве %COMPUTER%");

/// A ready subject template: it adds its variable to those before it.
#[derive(Clone, Copy, Debug)]
pub struct SubjectPiece {
    /// Its name.
    pub name: &'static str,
    /// Its name for people.
    pub title: Localized,
    /// What it is good for, a sentence.
    pub purpose: Localized,
    /// What it needs to look right, a sentence.
    pub needs: Localized,
    /// What stands between it and the piece before.
    pub joiner: Localized,
    /// The template.
    pub text: &'static str,
}

const fn piece(
    name: &'static str,
    text: &'static str,
    joiner: Localized,
    title: Localized,
) -> SubjectPiece {
    SubjectPiece { name, title, purpose: PURPOSE, needs: NEEDS_NOTHING, joiner, text }
}

const PURPOSE: Localized = words(
    "Adds its variable to the subject; several can be joined.",
    "Добавляет переменную в тему; можно объединить несколько.",
);
const COLON: Localized = words(": ", ": ");
const COMMA: Localized = words(", ", ", ");
const DASH: Localized = words(" – ", " – ");
const SPACE: Localized = words(" ", " ");

/// All pieces.
pub const SUBJECT_PIECES: &[SubjectPiece] = &[
    piece("severity", "%SEVERITY%", COMMA, words("Severity", "Уровень важности")),
    piece("event", "%EVENT%", COLON, words("Event", "Событие")),
    piece(
        "computer",
        "%COMPUTER%",
        words(" on ", " на устройстве "),
        words("Device", "Устройство"),
    ),
    piece("group", "%GROUP%", words(" in ", " в группе "), words("Device group", "Группа")),
    piece("domain", "%DOMAIN%", COMMA, words("Domain", "Домен")),
    piece("product", "%PRODUCT%", DASH, words("Application", "Программа")),
    piece("task", "%TASK%", words(", task ", ", задача "), words("Task", "Задача")),
    piece("rise_time", "%RISE_TIME%", COMMA, words("Time", "Время")),
    piece("event_type", "(%EVENT_TYPE%)", SPACE, words("Code of the type", "Код типа события")),
    piece("event_id", "[%EVENT_ID%]", SPACE, words("Id of the event", "Идентификатор события")),
];

/// A piece that there is not, or too many of them; for the administrator who asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnknownPiece {
    /// No piece has this name.
    #[error("there is no subject piece `{name}`: {remedy}")]
    Name {
        /// The name as written.
        name: String,
        /// What to do.
        remedy: String,
    },
    /// More than one subject holds.
    #[error("a subject has at most {PIECES_MAX} pieces: leave some out")]
    TooMany,
}

/// Joins pieces into a subject template, in the order given.
///
/// # Errors
/// A name that no piece has.
pub fn join_subject(names: &[&str], language: Language) -> Result<String, UnknownPiece> {
    if names.len() > PIECES_MAX {
        return Err(UnknownPiece::TooMany);
    }
    let mut subject = String::new();
    for (at, name) in names.iter().enumerate() {
        let piece = SUBJECT_PIECES.iter().find(|piece| piece.name == *name);
        let piece = piece.ok_or_else(|| unknown(name))?;
        if at > 0 {
            subject.push_str(piece.joiner.of(language));
        }
        subject.push_str(piece.text);
    }
    Ok(subject)
}

fn unknown(name: &str) -> UnknownPiece {
    let alike = SUBJECT_PIECES
        .iter()
        .map(|piece| (strsim::jaro_winkler(&name.to_lowercase(), piece.name), piece.name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let remedy = match alike {
        Some((_, nearest)) => format!("did you mean `{nearest}`?"),
        None => {
            let names: Vec<_> = SUBJECT_PIECES.iter().map(|piece| piece.name).collect();
            format!("use {}", names.join(", "))
        }
    };
    UnknownPiece::Name { name: annunciator_core::one_line(name, 100), remedy }
}
