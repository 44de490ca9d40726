//! What stands below a field of a tab: pickers that fill it, and the way to what it names.
//!
//! In: the field. Out: HTML; parameters and pieces of subjects come from the table of templates.

use annunciator_template::{PARAMETERS, ParameterRow, Purpose, SUBJECT_PIECES, SubjectPiece};
use askama::Template;

use super::preview::TEMPLATES;
use super::ready;
use crate::language::Language;
use crate::settings_form::{Choosable, Control, Field};

/// The tools of a field. `{{ tools|safe }}` shows them: their template escapes all texts.
#[derive(Template)]
#[template(path = "settings/field_tools.html")]
pub(super) struct FieldTools<'a> {
    language: Language,
    /// Language of what the reader gets.
    reader: annunciator_template::Language,
    field: &'a Field,
    purpose: Option<Purpose>,
    /// The kind of ready texts; empty without any.
    ready: &'static str,
    is_subject: bool,
    is_certificate: bool,
}

/// The tools of a field; nothing where it has none.
pub(super) fn of<'a>(
    field: &'a Field,
    language: Language,
    reader: annunciator_template::Language,
) -> Option<FieldTools<'a>> {
    let (group, key) = field.name.split_once('.')?;
    let is_open = field.lock.is_none();
    let purpose = match group {
        "email" => Purpose::Email,
        "sms" => Purpose::Sms,
        _ => Purpose::Executable,
    };
    let is_template = TEMPLATES.contains(&key) && is_open;
    let objects = ["ca_certificates", "client_certificate", "dkim_key"];
    let is_certificate = objects.contains(&key) && matches!(field.control, Control::Menu(_));
    (is_template || is_certificate).then(|| FieldTools {
        language,
        reader,
        purpose: is_template.then_some(purpose),
        ready: ready::kind_of(&field.name).filter(|_| is_open).unwrap_or_default(),
        is_subject: is_template && key == "subject",
        is_certificate,
        field,
    })
}

impl FieldTools<'_> {
    fn t(&self, key: &str) -> String {
        self.language.say(key)
    }

    fn t1(&self, key: &str, name: &str, value: &str) -> String {
        self.language.say_with(key, &[(name, value.into())])
    }

    fn parameters(&self) -> Vec<&'static ParameterRow> {
        let Some(purpose) = self.purpose else { return Vec::new() };
        PARAMETERS.iter().filter(|row| row.purposes.contains(&purpose)).collect()
    }

    /// What a parameter is, in the visitor's language.
    fn words(&self, row: &ParameterRow) -> String {
        let key = parameter_key(row);
        self.language.find(&key).unwrap_or_else(|| row.doc.to_owned())
    }

    fn pieces(&self) -> &'static [SubjectPiece] {
        if self.is_subject { SUBJECT_PIECES } else { &[] }
    }

    fn piece_title(&self, piece: &SubjectPiece) -> &'static str {
        let code = self.language.tag();
        let language = annunciator_template::Language::with_code(code).unwrap_or_default();
        piece.title.of(language)
    }

    /// What stands between a piece and the one before, in the language of the readers.
    fn joiner(&self, piece: &SubjectPiece) -> &'static str {
        piece.joiner.of(self.reader)
    }

    /// What a click on "start anew" fills in.
    fn cleared(&self) -> String {
        serde_json::json!({ &self.field.name: "" }).to_string()
    }

    /// The objects that the field can name.
    fn objects(&self) -> Vec<&Choosable> {
        match &self.field.control {
            Control::Menu(among) if self.is_certificate => {
                among.iter().filter(|one| !one.word.is_empty()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn is_open(&self) -> bool {
        self.field.lock.is_none()
    }
}

fn parameter_key(row: &ParameterRow) -> String {
    format!("settings-parameter-{}", row.name.to_lowercase().replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_its_sentence_in_every_language() {
        for language in Language::ALL {
            for row in PARAMETERS {
                let words = language.find(&parameter_key(row));
                assert!(words.is_some_and(|words| words.ends_with('.')), "{}", row.name);
            }
        }
    }
}
