//! Settings about who reads: one definition for every channel that has readers (spec 5.2).
//!
//! Out: the [`Reader`] that templates are rendered for.

use annunciator_settings::{choice, settings};
use annunciator_template::{Language, Reader, TimeFormat, TimeZone};

/// The time zone when none is named.
const UTC: &str = "UTC";

fn check_time_zone(name: &str) -> Result<(), String> {
    TimeZone::named(name).map(drop).map_err(|error| error.to_string())
}

choice! {
    /// Language of the words that the server itself puts into texts.
    pub enum LanguageChoice {
        /// English.
        En = "en",
        /// Russian.
        Ru = "ru",
    }
}

choice! {
    /// Form of times.
    pub enum TimeFormatChoice {
        /// RFC 3339 with milliseconds: `2026-11-22T08:30:00.000+03:00`, in UTC
        /// `2026-11-22T05:30:00.000Z`.
        Rfc3339 = "rfc3339",
        /// As people write it, to the second: `2026-11-22 08:30:00 +03:00` in English,
        /// `22.11.2026 08:30:00 UTC+03:00` in Russian.
        Local = "local",
    }
}

settings! {
    /// In which language and time the readers are told.
    pub struct ReaderSettings / ReaderLayer {
        /// Language of severities, and of the subject and message that are used when no template
        /// is set: `en` or `ru`.
        language: LanguageChoice = LanguageChoice::En;
        /// Time zone of `%RISE_TIME%`: a name of the IANA database such as `Europe/Moscow`, or
        /// `UTC`.
        ///
        /// The database is part of the program, so that it is the same on every machine.
        time_zone: String = UTC.to_owned(), chars_max(64), check(check_time_zone);
        /// Form of `%RISE_TIME%`: `rfc3339`, or `local` for the form that people of the language
        /// write.
        time_format: TimeFormatChoice = TimeFormatChoice::Rfc3339;
    }
}

impl ReaderSettings {
    /// The reader that templates are rendered for.
    #[must_use]
    pub fn to_reader(&self) -> Reader {
        Reader {
            language: match self.language {
                LanguageChoice::En => Language::English,
                LanguageChoice::Ru => Language::Russian,
            },
            // Checked at save; empty is how an administrator says "none", and a zone that a later
            // database no longer knows must not keep a notification from going.
            time_zone: TimeZone::named(&self.time_zone).unwrap_or(TimeZone::UTC),
            time_format: match self.time_format {
                TimeFormatChoice::Rfc3339 => TimeFormat::Rfc3339,
                TimeFormatChoice::Local => TimeFormat::Local,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use annunciator_settings::{SettingsGroup as _, SettingsLayer as _, find_faults};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_definitions_have_no_faults() {
        assert_eq!(find_faults(ReaderSettings::definitions()), Vec::<String>::new());
        let codes = Language::ALL.map(Language::code);
        let words: Vec<_> = LanguageChoice::ALL.iter().map(|choice| choice.as_str()).collect();
        assert_eq!(words, codes, "every language of texts can be chosen");
    }

    #[test]
    fn settings_become_the_reader_and_bad_ones_are_refused_with_a_remedy() {
        let read = |document: Value| {
            let layer = ReaderLayer::from_json(&document)?;
            let origin = annunciator_settings::Origin::Server;
            Ok(ReaderSettings::resolve(&[(origin, &layer)]).values.to_reader())
        };
        assert_eq!(read(json!({})).as_ref(), Ok(Reader::STANDARD));
        assert_eq!(read(json!({"time_zone": ""})).as_ref(), Ok(Reader::STANDARD));
        let moscow = Reader {
            language: Language::Russian,
            time_zone: TimeZone::named("Europe/Moscow").unwrap(),
            time_format: TimeFormat::Local,
        };
        let document =
            json!({"language": "ru", "time_zone": "Europe/Moscow", "time_format": "local"});
        assert_eq!(read(document), Ok(moscow));
        for (document, pointer, words) in [
            (json!({"language": "de"}), "/language", "must be `en` or `ru`"),
            (json!({"time_zone": "Europe/Moskow"}), "/time_zone", "did you mean `Europe/Moscow`?"),
            (json!({"time_zone": "+03:00"}), "/time_zone", "use a name of the IANA database"),
            (json!({"time_format": "iso"}), "/time_format", "must be `rfc3339` or `local`"),
        ] {
            let problems: Vec<annunciator_settings::Problem> = read(document).unwrap_err();
            assert_eq!(problems[0].pointer, pointer);
            assert!(problems[0].detail.contains(words), "{}", problems[0].detail);
        }
    }
}
