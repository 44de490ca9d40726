//! Recipients into groups that read the same words.
//!
//! In: recipients, and who reads behind each. Out: one group per reader, which becomes one
//! notification.

use annunciator_core::Recipient;
use annunciator_template::{Language, Reader};

/// Recipients that share their words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ReaderGroup {
    /// Who reads.
    pub(crate) reader: Reader,
    /// Who gets it, in the order given.
    pub(crate) recipients: Vec<Recipient>,
}

/// Groups recipients by their readers; groups stand in the order of their first recipients.
pub(crate) fn group_by_reader(
    recipients: Vec<Recipient>,
    reader_of: &dyn Fn(&Recipient) -> Reader,
) -> Vec<ReaderGroup> {
    let mut groups: Vec<ReaderGroup> = Vec::new();
    for recipient in recipients {
        let reader = reader_of(&recipient);
        match groups.iter_mut().find(|group| group.reader == reader) {
            Some(group) => group.recipients.push(recipient),
            None => groups.push(ReaderGroup { reader, recipients: vec![recipient] }),
        }
    }
    groups
}

/// One thing for each language.
#[derive(Clone, Debug)]
pub(crate) struct PerLanguage<T>([T; Language::ALL.len()]);

impl<T> PerLanguage<T> {
    /// Makes it for every language.
    pub(crate) fn make(make: impl FnMut(Language) -> T) -> Self {
        Self(Language::ALL.map(make))
    }

    /// The one of a language.
    pub(crate) fn of(&self, language: Language) -> &T {
        &self.0[language as usize]
    }
}

#[cfg(test)]
mod tests {
    use annunciator_core::RecipientRole;
    use annunciator_template::{TimeFormat, TimeZone};

    use super::*;

    #[test]
    fn recipients_are_grouped_by_what_they_read() {
        let recipient =
            |address: &str| Recipient { address: address.to_owned(), role: RecipientRole::To };
        let reader_of = |recipient: &Recipient| match recipient.address.as_str() {
            "b" | "d" => Reader { language: Language::Russian, ..Reader::STANDARD.clone() },
            "e" => Reader { time_format: TimeFormat::Local, ..Reader::STANDARD.clone() },
            "f" => {
                let time_zone = TimeZone::named("Europe/Moscow").unwrap();
                Reader { time_zone, ..Reader::STANDARD.clone() }
            }
            _ => Reader::STANDARD.clone(),
        };
        let groups =
            group_by_reader(["a", "b", "c", "d", "e", "f"].map(recipient).into(), &reader_of);
        let told: Vec<Vec<&str>> = groups
            .iter()
            .map(|group| group.recipients.iter().map(|one| one.address.as_str()).collect())
            .collect();
        assert_eq!(told, [vec!["a", "c"], vec!["b", "d"], vec!["e"], vec!["f"]]);
        assert_eq!(groups[1].reader.language, Language::Russian);
        assert_eq!(group_by_reader(Vec::new(), &reader_of), []);
    }

    #[test]
    fn each_language_gets_its_own() {
        let codes = PerLanguage::make(Language::code);
        for language in Language::ALL {
            assert_eq!(*codes.of(language), language.code());
        }
    }
}
