//! The words of mails about incidents, in every language; the same as those of the console.

use annunciator_template::{Language, Localized};

const fn words(english: &'static str, russian: &'static str) -> Localized {
    Localized { english, russian }
}

pub(super) const INCIDENT: Localized = words("Incident", "Инцидент");
pub(super) const STATUS_OF: Localized = words("New status of incident", "Новый статус инцидента");
pub(super) const REGISTERED: Localized = words("Registered", "Зарегистрирован");
pub(super) const STATUS: Localized = words("Status", "Статус");
pub(super) const STATUS_BEFORE: Localized = words("Status before", "Прежний статус");
pub(super) const STATUS_AUTHOR: Localized = words("Changed by", "Кто изменил");
pub(super) const STATUS_COMMENT: Localized = words("Comment", "Комментарий");
pub(super) const SEVERITY: Localized = words("Severity", "Важность");
pub(super) const MODEL: Localized = words("Model", "Модель");
pub(super) const ASSET: Localized = words("Asset", "Актив");
pub(super) const GROUP: Localized = words("Device group", "Группа устройств");
pub(super) const TOP_TAG: Localized = words("Top tag", "Ведущий тег");
pub(super) const TAG_DESCRIPTION: Localized = words("Description of the tag", "Описание тега");
pub(super) const VALUE: Localized = words("Value", "Значение");
pub(super) const START: Localized = words("Start", "Начало");
pub(super) const END: Localized = words("End", "Окончание");
pub(super) const ID: Localized = words("Incident id", "ID инцидента");
pub(super) const DETECTOR: Localized = words("Detector", "Детектор");
pub(super) const MSE: Localized = words("MSE", "MSE");
pub(super) const THRESHOLD: Localized = words("Threshold", "Порог");
pub(super) const HISTORY: Localized =
    words("History at the start of the incident", "История на момент начала инцидента");
pub(super) const COURSE: Localized = words("Course of the top tag", "Изменение ведущего тега");
pub(super) const SUBSCRIPTION: Localized = words("Subscription", "Подписка");
pub(super) const CONSOLE: Localized = words("In the console", "В консоли");
pub(super) const COURSE_START: Localized = words("Start of the incident", "Начало инцидента");

/// Kinds of detectors that have a word of their own.
const KINDS: [(&str, Localized); 4] = [
    ("forecaster", words("Forecaster", "Прогнозирование")),
    ("limit", words("Limit", "Предельные значения")),
    ("rule", words("Rule", "Правило")),
    ("stream", words("Stream", "Поток")),
];

/// The word for a kind of detector; of one that we do not know, its own.
pub(super) fn kind(kind: &str, language: Language) -> &str {
    let known = KINDS.iter().find(|(name, _)| *name == kind);
    known.map_or(kind, |(_, words)| words.of(language))
}

/// Who did something, `user anna` or `token scada`, in the reader's words.
pub(super) fn author(author: &str, language: Language) -> String {
    let (what, name) = author.split_once(' ').unwrap_or((author, ""));
    match (language, what) {
        (Language::Russian, "user") => format!("пользователь {name}"),
        (Language::Russian, "token") => format!("токен {name}"),
        _ => author.to_owned(),
    }
}

/// How many incidents there are.
pub(super) fn incidents(count: usize, language: Language) -> String {
    let words = match (language, count % 10, count % 100) {
        (Language::English, ..) if count == 1 => "incident",
        (Language::English, ..) => "incidents",
        (Language::Russian, 1, rest) if rest != 11 => "инцидент",
        (Language::Russian, 2..=4, rest) if !(12..=14).contains(&rest) => "инцидента",
        (Language::Russian, ..) => "инцидентов",
    };
    format!("{count} {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_kinds_and_authors_are_said_in_the_readers_language() {
        for (count, english, russian) in [
            (1, "1 incident", "1 инцидент"),
            (3, "3 incidents", "3 инцидента"),
            (11, "11 incidents", "11 инцидентов"),
            (12, "12 incidents", "12 инцидентов"),
            (21, "21 incidents", "21 инцидент"),
            (104, "104 incidents", "104 инцидента"),
        ] {
            assert_eq!(incidents(count, Language::English), english);
            assert_eq!(incidents(count, Language::Russian), russian);
        }
        assert_eq!(kind("limit", Language::Russian), "Предельные значения");
        assert_eq!(kind("own word", Language::Russian), "own word");
        assert_eq!(author("user anna b", Language::Russian), "пользователь anna b");
        assert_eq!(author("token scada", Language::Russian), "токен scada");
        assert_eq!(author("user anna", Language::English), "user anna");
        assert_eq!(author("user", Language::English), "user");
    }
}
