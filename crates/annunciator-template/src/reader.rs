//! Who reads a text: the language of its words and the form of its times.
//!
//! In: a severity, a point in time. Out: the reader's words for them.
//! Knows nothing of: recipients, settings.
//! Standard: spec 5.2; RFC 3339 for the form of times that machines read too.

use annunciator_core::{Severity, Timestamp};

use crate::time_zone::TimeZone;

/// A language that texts come in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Russian.
    Russian,
}

impl Language {
    /// All of them, in the order of their definition.
    pub const ALL: [Self; 2] = [Self::English, Self::Russian];

    /// Its code of ISO 639-1.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    /// The language of that code.
    #[must_use]
    pub fn with_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The word for a severity.
    #[must_use]
    pub fn severity_word(self, severity: Severity) -> &'static str {
        match (self, severity) {
            (Self::English, severity) => severity.display_name(),
            (Self::Russian, Severity::Info) => "Информационное сообщение",
            (Self::Russian, Severity::Warning) => "Предупреждение",
            (Self::Russian, Severity::Failure) => "Отказ функционирования",
            (Self::Russian, Severity::Critical) => "Критическое событие",
        }
    }
}

/// The form of times.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TimeFormat {
    /// RFC 3339 with milliseconds: `2026-11-22T08:30:00.000+03:00`.
    #[default]
    Rfc3339,
    /// As people of the language write it, to the second: `2026-11-22 08:30:00 +03:00` in
    /// English, `22.11.2026 08:30:00 UTC+03:00` in Russian.
    Local,
}

/// Whom a text is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reader {
    /// The language of words.
    pub language: Language,
    /// The time zone of times.
    pub time_zone: TimeZone,
    /// The form of times.
    pub time_format: TimeFormat,
}

impl Reader {
    /// English, RFC 3339 in UTC: the reader of whom nothing is known.
    pub const STANDARD: &Self = &Self {
        language: Language::English,
        time_zone: TimeZone::UTC,
        time_format: TimeFormat::Rfc3339,
    };

    /// Prints a time.
    #[must_use]
    pub fn print_time(&self, at: Timestamp) -> String {
        match self.time_format {
            TimeFormat::Rfc3339 => self.print_rfc3339(at),
            TimeFormat::Local => self.print_local(at),
        }
    }

    fn print_rfc3339(&self, at: Timestamp) -> String {
        let offset_s = self.time_zone.offset_s(at);
        // RFC 3339 has no offsets with seconds, which some zones had until 1972.
        if self.time_zone == TimeZone::UTC || offset_s % 60 != 0 {
            return at.to_string();
        }
        let (local, ms) = (self.time_zone.civil(at), at.0.rem_euclid(1000));
        format!("{}.{ms:03}{}", local.strftime("%Y-%m-%dT%H:%M:%S"), offset(offset_s))
    }

    fn print_local(&self, at: Timestamp) -> String {
        let local = self.time_zone.civil(at);
        let zone = match (self.time_zone == TimeZone::UTC, self.language) {
            (true, _) => "UTC".to_owned(),
            (false, Language::English) => offset(self.time_zone.offset_s(at)),
            (false, Language::Russian) => format!("UTC{}", offset(self.time_zone.offset_s(at))),
        };
        match self.language {
            Language::English => format!("{} {zone}", local.strftime("%Y-%m-%d %H:%M:%S")),
            Language::Russian => format!("{} {zone}", local.strftime("%d.%m.%Y %H:%M:%S")),
        }
    }
}

/// An offset as `+03:00`, with seconds only where there are some.
fn offset(offset_s: i32) -> String {
    let (sign, s) = if offset_s < 0 { ('-', -offset_s) } else { ('+', offset_s) };
    let (hours, minutes, seconds) = (s / 3600, s / 60 % 60, s % 60);
    match seconds {
        0 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: &str, utc: &str, expected: [&str; 3]) {
        let time_zone = TimeZone::named(zone).unwrap();
        let reader =
            |language, time_format| Reader { language, time_zone: time_zone.clone(), time_format };
        let readers = [
            reader(Language::English, TimeFormat::Rfc3339),
            reader(Language::English, TimeFormat::Local),
            reader(Language::Russian, TimeFormat::Local),
        ];
        let printed = readers.map(|reader| reader.print_time(utc.parse().unwrap()));
        assert_eq!(printed, expected, "{zone} at {utc}");
    }

    #[test]
    fn times_are_those_of_the_reader() {
        check(
            "UTC",
            "2026-11-22T05:30:00.007Z",
            ["2026-11-22T05:30:00.007Z", "2026-11-22 05:30:00 UTC", "22.11.2026 05:30:00 UTC"],
        );
        check(
            "Europe/Moscow",
            "2026-11-22T05:30:00.007Z",
            [
                "2026-11-22T08:30:00.007+03:00",
                "2026-11-22 08:30:00 +03:00",
                "22.11.2026 08:30:00 UTC+03:00",
            ],
        );
        // East: the next day, and the next year; the offset may have a quarter of an hour.
        check(
            "Asia/Kathmandu",
            "2026-12-31T20:00:00Z",
            [
                "2027-01-01T01:45:00.000+05:45",
                "2027-01-01 01:45:00 +05:45",
                "01.01.2027 01:45:00 UTC+05:45",
            ],
        );
        check(
            "Pacific/Kiritimati",
            "2026-11-22T23:59:59.999Z",
            [
                "2026-11-23T13:59:59.999+14:00",
                "2026-11-23 13:59:59 +14:00",
                "23.11.2026 13:59:59 UTC+14:00",
            ],
        );
        // West: the day before.
        check(
            "America/St_Johns",
            "2026-01-01T00:00:00Z",
            [
                "2025-12-31T20:30:00.000-03:30",
                "2025-12-31 20:30:00 -03:30",
                "31.12.2025 20:30:00 UTC-03:30",
            ],
        );
    }

    #[test]
    fn zones_at_the_edges_print_too() {
        // London is not UTC, even when its clocks agree.
        check(
            "Europe/London",
            "2026-11-22T05:30:00Z",
            [
                "2026-11-22T05:30:00.000+00:00",
                "2026-11-22 05:30:00 +00:00",
                "22.11.2026 05:30:00 UTC+00:00",
            ],
        );
        // Before 1972 Monrovia was 44 minutes and 30 seconds behind.
        check(
            "Africa/Monrovia",
            "1970-06-01T00:00:00Z",
            [
                "1970-06-01T00:00:00.000Z",
                "1970-05-31 23:15:30 -00:44:30",
                "31.05.1970 23:15:30 UTC-00:44:30",
            ],
        );
        check(
            "Pacific/Kiritimati",
            "9999-12-30T22:00:00.999Z",
            [
                "9999-12-31T12:00:00.999+14:00",
                "9999-12-31 12:00:00 +14:00",
                "31.12.9999 12:00:00 UTC+14:00",
            ],
        );
    }

    #[test]
    fn the_clocks_change_to_the_second() {
        let check = |zone: &str, utc: &str, expected: &str| {
            let time_zone = TimeZone::named(zone).unwrap();
            let reader = Reader { time_zone, ..Reader::STANDARD.clone() };
            assert_eq!(reader.print_time(utc.parse().unwrap()), expected, "{zone}");
        };
        // Forward: 02:00 to 03:00 is never shown.
        check("Europe/Berlin", "2026-03-29T00:59:59.999Z", "2026-03-29T01:59:59.999+01:00");
        check("Europe/Berlin", "2026-03-29T01:00:00.000Z", "2026-03-29T03:00:00.000+02:00");
        // Back: 02:30 is shown twice, and the offsets tell the two apart.
        check("Europe/Berlin", "2026-10-25T00:30:00.000Z", "2026-10-25T02:30:00.000+02:00");
        check("Europe/Berlin", "2026-10-25T01:30:00.000Z", "2026-10-25T02:30:00.000+01:00");
        // The other half of the world, by half an hour.
        check("Australia/Lord_Howe", "2026-04-04T14:59:59.000Z", "2026-04-05T01:59:59.000+11:00");
        check("Australia/Lord_Howe", "2026-04-04T15:00:00.000Z", "2026-04-05T01:30:00.000+10:30");
        // Far ahead the rule still holds.
        check("Europe/Berlin", "2099-07-01T12:00:00.000Z", "2099-07-01T14:00:00.000+02:00");
        // Moscow left summer time for good in 2011, and moved once more in 2014.
        check("Europe/Moscow", "2014-10-25T21:59:59.000Z", "2014-10-26T01:59:59.000+04:00");
        check("Europe/Moscow", "2014-10-25T22:00:00.000Z", "2014-10-26T01:00:00.000+03:00");
        check("Europe/Moscow", "2026-07-01T12:00:00.000Z", "2026-07-01T15:00:00.000+03:00");
    }

    #[test]
    fn severities_have_their_words_in_each_language() {
        for (language, words) in [
            (Language::English, ["Info", "Warning", "Functional failure", "Critical"]),
            (
                Language::Russian,
                [
                    "Информационное сообщение",
                    "Предупреждение",
                    "Отказ функционирования",
                    "Критическое событие",
                ],
            ),
        ] {
            assert_eq!(Severity::ALL.map(|severity| language.severity_word(severity)), words);
            assert_eq!(Language::with_code(language.code()), Some(language));
        }
        assert_eq!(Language::with_code("EN"), None);
    }
}
