//! The ready templates as the API shows them.
//!
//! In: the library. Out: [`TemplateList`], each with what it renders to. Nothing is saved here: a
//! template becomes a change of the settings like any other.
//! Standard: spec 3.1, 5.

use annunciator_api_types::{FieldError, JoinedSubject, TemplateList, TemplateView};
use annunciator_core::Event;
use annunciator_template::{
    Escape, EventValues, Language, PARAMETERS, Parameter, Purpose, READY_TEXTS, Reader, ReadyText,
    SUBJECT_PIECES, SubjectPiece, Template, TextKind, join_subject, sample_event,
};

use super::AdminError;

/// The word for a piece of a subject.
const SUBJECT: &str = "subject";

/// All templates in a language, in every one when none is named; `subject` names the pieces of a
/// subject to join.
///
/// # Errors
/// [`AdminError::Invalid`] for a piece that there is not.
pub fn list(
    language: Option<Language>,
    subject: Option<&[&str]>,
) -> Result<TemplateList, AdminError> {
    let languages = language.map_or_else(|| Language::ALL.to_vec(), |language| vec![language]);
    let mut templates = Vec::new();
    let mut subjects = Vec::new();
    for language in languages {
        let shelf = Shelf::new(language);
        templates.extend(SUBJECT_PIECES.iter().map(|piece| shelf.piece(piece)));
        templates.extend(READY_TEXTS.iter().map(|text| shelf.text(text)));
        if let Some(names) = subject {
            let text = join_subject(names, language).map_err(|error| {
                AdminError::Invalid(vec![FieldError::new("?subject", "one_of", error.to_string())])
            })?;
            let sample = shelf.render(&text, Purpose::Email, Escape::Line).sample;
            subjects.push(JoinedSubject { language: language.code().to_owned(), text, sample });
        }
    }
    Ok(TemplateList { templates, subjects })
}

/// The templates of one language, with the event and the reader of their samples.
struct Shelf {
    language: Language,
    reader: Reader,
    event: Event,
}

/// A template as it looks, and what it is made from.
struct Rendered {
    sample: String,
    parameters: Vec<String>,
}

impl Shelf {
    fn new(language: Language) -> Self {
        let reader = Reader { language, ..Reader::STANDARD.clone() };
        Self { language, reader, event: sample_event(language) }
    }

    fn render(&self, text: &str, purpose: Purpose, escape: Escape) -> Rendered {
        let template = Template::parse(text, purpose).expect("every ready template parses");
        let link = Parameter::Link.row().sample;
        let values = EventValues { link, ..EventValues::for_reader(&self.event, &self.reader) };
        let used = PARAMETERS.iter().filter(|row| template.uses(row.parameter));
        Rendered {
            sample: template.render(&values, escape),
            parameters: used.map(|row| row.name.to_owned()).collect(),
        }
    }

    fn piece(&self, piece: &SubjectPiece) -> TemplateView {
        let Rendered { sample, parameters } = self.render(piece.text, Purpose::Email, Escape::Line);
        TemplateView {
            name: piece.name.to_owned(),
            kind: SUBJECT.to_owned(),
            language: self.language.code().to_owned(),
            title: piece.title.of(self.language).to_owned(),
            purpose: piece.purpose.of(self.language).to_owned(),
            needs: piece.needs.of(self.language).to_owned(),
            parameters,
            joiner: Some(piece.joiner.of(self.language).to_owned()),
            text: piece.text.to_owned(),
            sample,
        }
    }

    fn text(&self, ready: &ReadyText) -> TemplateView {
        let text = ready.text.of(self.language);
        let escape = match ready.kind {
            TextKind::HtmlMessage => Escape::Html,
            TextKind::Message | TextKind::Sms => Escape::None,
        };
        let Rendered { sample, parameters } = self.render(text, ready.kind.purpose(), escape);
        TemplateView {
            name: ready.name.to_owned(),
            kind: ready.kind.as_str().to_owned(),
            language: self.language.code().to_owned(),
            title: ready.title.of(self.language).to_owned(),
            purpose: ready.purpose.of(self.language).to_owned(),
            needs: ready.needs.of(self.language).to_owned(),
            parameters,
            joiner: None,
            text: text.to_owned(),
            sample,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_listed_once_in_each_language_with_a_sample() {
        let count = SUBJECT_PIECES.len() + READY_TEXTS.len();
        for (language, expected) in [(Some(Language::Russian), count), (None, 2 * count)] {
            let list = list(language, None).unwrap();
            assert_eq!(list.templates.len(), expected);
            for one in &list.templates {
                assert!(!one.sample.is_empty() && !one.parameters.is_empty(), "{}", one.name);
                assert!(!one.sample.contains('%') || one.sample.contains(" %"), "{}", one.sample);
            }
        }
    }

    #[test]
    fn a_subject_is_joined_in_each_language_that_is_asked_for() {
        let list = list(None, Some(&["severity", "event_id"])).unwrap();
        let found: Vec<_> = list.subjects.iter().map(|one| one.sample.as_str()).collect();
        assert_eq!(found, ["Critical [a1]", "Критическое событие [a1]"]);
    }
}
