//! Ready templates to pick from, in every language (spec 3.1, 5).
//!
//! In: a language. Out: texts of templates, each of which parses for its purpose.
//! Knows nothing of: settings, channels; a text becomes a setting like any other.
//!
//! A subject is joined from pieces, each of which adds its variable: see [`join_subject`].

mod html;
mod subject;
mod text;

pub use subject::{STANDARD_SUBJECT, SUBJECT_PIECES, SubjectPiece, UnknownPiece, join_subject};
pub use text::STANDARD_MESSAGE;

use crate::parameters::Purpose;
use crate::reader::Language;

/// A text in every language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Localized {
    /// English.
    pub english: &'static str,
    /// Russian.
    pub russian: &'static str,
}

impl Localized {
    /// The text in a language.
    #[must_use]
    pub const fn of(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Russian => self.russian,
        }
    }
}

/// A text in English and in Russian.
const fn words(english: &'static str, russian: &'static str) -> Localized {
    Localized { english, russian }
}

/// What a ready text is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TextKind {
    /// Plain text of an e-mail.
    Message,
    /// HTML that goes beside the plain text of an e-mail.
    HtmlMessage,
    /// Text of an SMS.
    Sms,
}

impl TextKind {
    /// Its word in API and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::HtmlMessage => "html_message",
            Self::Sms => "sms",
        }
    }

    /// Which names its templates may use.
    #[must_use]
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Message | Self::HtmlMessage => Purpose::Email,
            Self::Sms => Purpose::Sms,
        }
    }
}

/// A ready text.
#[derive(Clone, Copy, Debug)]
pub struct ReadyText {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: TextKind,
    /// Its name for people.
    pub title: Localized,
    /// What it is good for, a sentence.
    pub purpose: Localized,
    /// What it needs to look right, a sentence.
    pub needs: Localized,
    /// The template.
    pub text: Localized,
}

const NEEDS_NOTHING: Localized = words("Nothing.", "Ничего.");
const NEEDS_SMS: Localized = words(
    "Only letters of the SMS alphabet fit 160 to a segment.",
    "С кириллицей в одном сегменте помещаются 70 знаков.",
);
const NEEDS_TEXT: Localized = words(
    "A message template too: the text goes beside it, for readers that show no HTML.",
    "Текстовый шаблон: его получат программы, которые не показывают HTML.",
);

/// All ready texts.
pub const READY_TEXTS: &[ReadyText] = &[
    ReadyText {
        name: "short",
        kind: TextKind::Message,
        title: words("Short text", "Краткий текст"),
        purpose: words(
            "Two lines, for readers who look at their telephone.",
            "Две строки, чтобы читать с телефона.",
        ),
        needs: NEEDS_NOTHING,
        text: text::SHORT,
    },
    ReadyText {
        name: "standard",
        kind: TextKind::Message,
        title: words("Standard text", "Стандартный текст"),
        purpose: words(
            "What is used when no message is set.",
            "Используется, если шаблон сообщения не задан.",
        ),
        needs: NEEDS_NOTHING,
        text: STANDARD_MESSAGE,
    },
    ReadyText {
        name: "full",
        kind: TextKind::Message,
        title: words("Full text", "Полный текст"),
        purpose: words(
            "Every parameter of the event, for mail that is searched later.",
            "Все параметры события, чтобы позже искать по письмам.",
        ),
        needs: words(
            "Sources that fill the fields: an empty one leaves its line empty.",
            "Источники, которые заполняют поля: пустое поле оставляет строку пустой.",
        ),
        text: text::FULL,
    },
    ReadyText {
        name: "sms_short",
        kind: TextKind::Sms,
        title: words("Short SMS", "Краткое SMS"),
        purpose: words("Severity, event and device.", "Уровень важности, событие и устройство."),
        needs: NEEDS_SMS,
        text: text::SMS_SHORT,
    },
    ReadyText {
        name: "sms_standard",
        kind: TextKind::Sms,
        title: words("SMS with time and description", "SMS с временем и описанием"),
        purpose: words(
            "Severity, event, device, time, and as much of the description as there is room for.",
            "Уровень важности, событие, устройство, время и описание, сколько поместится.",
        ),
        needs: NEEDS_SMS,
        text: text::SMS_STANDARD,
    },
    ReadyText {
        name: "html_simple",
        kind: TextKind::HtmlMessage,
        title: words("Simple HTML", "Простой HTML"),
        purpose: words(
            "A heading and paragraphs, in the reader's own fonts and colours.",
            "Заголовок и абзацы, шрифт и цвета программы читателя.",
        ),
        needs: NEEDS_TEXT,
        text: html::SIMPLE,
    },
    ReadyText {
        name: "html_table",
        kind: TextKind::HtmlMessage,
        title: words("HTML table, light", "Таблица HTML, светлая"),
        purpose: words(
            "A card with a table of all fields; styles stand in the elements, as Outlook and Gmail \
             need it.",
            "Карточка с таблицей полей; стили записаны в элементах, как нужно Outlook и Gmail.",
        ),
        needs: NEEDS_TEXT,
        text: html::TABLE,
    },
    ReadyText {
        name: "html_table_dark",
        kind: TextKind::HtmlMessage,
        title: words("HTML table, dark", "Таблица HTML, тёмная"),
        purpose: words(
            "The same in light letters on dark ground, for control rooms.",
            "То же светлым по тёмному, для диспетчерских.",
        ),
        needs: NEEDS_TEXT,
        text: html::TABLE_DARK,
    },
];

#[cfg(test)]
mod tests;
