//! The value of a setting becomes what is drawn for it.
//!
//! In: the setting with its value, or the form in which it was typed. Out: [`Control`].

use serde_json::Value;

use super::definition::{Kind, Setting};
use super::phrase;
use super::posted::unix_lines;
use crate::form::Form;
use crate::language::Language;

/// Lists of more words are folded into a menu.
const RADIOS_MAX: usize = 4;
/// Texts that may be longer are typed in an area. Unit: characters.
const LINE_CHARS_MAX: u64 = 4_096;

/// One thing that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choosable {
    /// The word that is posted.
    pub(crate) word: String,
    /// Its name for people.
    pub(crate) label: String,
    /// What it means; may be empty.
    pub(crate) help: String,
    /// Whether it is chosen.
    pub(crate) is_chosen: bool,
}

/// What is drawn for a setting, with what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Control {
    /// A checkbox.
    Check { is_on: bool },
    /// A number with what it counts.
    Number { text: String, min: u64, max: u64, measure: String },
    /// A text on one line.
    Line { text: String, chars_max: u64, is_code: bool },
    /// A text of several lines, or a list with one item on each.
    Area { text: String, rows: u32, is_code: bool },
    /// A secret; what is stored is never here.
    Secret { is_stored: bool, is_clearing: bool },
    /// A few words with their meanings.
    Radios(Vec<Choosable>),
    /// More words.
    Menu(Vec<Choosable>),
    /// What is notified about: all, some severities, or as configured; then the severities.
    Severities { modes: Vec<Choosable>, severities: Vec<Choosable> },
    /// Fields that are set together; they are drawn as fields of their own.
    Group { is_optional: bool, is_on: bool },
}

impl Control {
    /// What is drawn for a setting; `typed` is the form that holds it, where there is one.
    pub(super) fn of(
        setting: &Setting,
        value: &Value,
        typed: Option<&Form>,
        language: Language,
    ) -> Self {
        let name = setting.name();
        let text = || typed.map_or_else(|| text_of(setting, value), |f| unix_lines(f.text(&name)));
        match &setting.kind {
            Kind::Bool => Self::Check { is_on: is_on(value, typed, &name) },
            Kind::Integer { min, max, measure } => Self::Number {
                text: text(),
                min: *min,
                max: *max,
                measure: phrase::measure(language, measure),
            },
            Kind::Secret { .. } => Self::Secret {
                is_stored: value.as_str().is_some_and(|text| !text.is_empty()),
                is_clearing: typed.is_some_and(|form| form.is_on(&format!("clear.{name}"))),
            },
            Kind::Choice(choices) => {
                let chosen = text();
                let of = |(word, doc): &(String, String)| {
                    let (label, help) = phrase::choice_words(language, setting, word, doc);
                    Choosable { is_chosen: *word == chosen, word: word.clone(), label, help }
                };
                let words: Vec<_> = choices.iter().map(of).collect();
                if words.len() <= RADIOS_MAX { Self::Radios(words) } else { Self::Menu(words) }
            }
            Kind::Severities => severities(value, typed, &name, language),
            Kind::Optional(_) | Kind::Object(_) => Self::Group {
                is_optional: matches!(setting.kind, Kind::Optional(_)),
                is_on: typed.map_or(value.is_object(), |form| form.is_on(&name)),
            },
            Kind::List { of, .. } if matches!(of.as_ref(), Kind::Integer { .. }) => {
                Self::Line { text: text(), chars_max: LINE_CHARS_MAX, is_code: false }
            }
            Kind::List { .. } => {
                let text = text();
                let rows = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
                Self::Area { rows: rows.saturating_add(1).clamp(2, 12), text, is_code: false }
            }
            Kind::Text { chars_max, format } => line_or_area(text(), *chars_max, format),
            Kind::Other => Self::Area { text: text(), rows: 3, is_code: true },
        }
    }

    /// A choice among things that the page knows, such as certificate objects; what is chosen and
    /// unknown stays among them.
    pub(super) fn pick(chosen: &str, mut among: Vec<Choosable>) -> Self {
        for one in &mut among {
            one.is_chosen = one.word == chosen;
        }
        if !among.iter().any(|one| one.is_chosen) {
            let (word, help) = (chosen.to_owned(), String::new());
            among.push(Choosable { label: word.clone(), word, help, is_chosen: true });
        }
        Self::Menu(among)
    }

    /// The text that stands in it; empty where it is no text.
    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Number { text, .. } | Self::Line { text, .. } | Self::Area { text, .. } => text,
            _ => "",
        }
    }

    /// The value for conditions of other fields, as the script of the page sees it.
    pub(crate) fn value(&self) -> String {
        let chosen = |among: &[Choosable]| {
            among.iter().find(|one| one.is_chosen).map_or("", |one| &one.word).to_owned()
        };
        let switch = |is_on: bool| if is_on { "on" } else { "off" }.to_owned();
        match self {
            Self::Check { is_on } => switch(*is_on),
            Self::Number { text, .. } | Self::Line { text, .. } | Self::Area { text, .. } => {
                text.trim().to_owned()
            }
            Self::Secret { .. } => String::new(),
            Self::Radios(among) | Self::Menu(among) | Self::Severities { modes: among, .. } => {
                chosen(among)
            }
            Self::Group { is_on, .. } => switch(*is_on),
        }
    }
}

fn is_on(value: &Value, typed: Option<&Form>, name: &str) -> bool {
    typed.map_or(*value == true, |form| form.is_on(name))
}

fn line_or_area(text: String, chars_max: u64, format: &str) -> Control {
    let is_code = format == "template";
    // A line would lose the line ends of what is stored.
    let is_long = chars_max > LINE_CHARS_MAX || format == "text" || text.contains('\n');
    if is_long {
        let rows = u32::try_from(text.lines().count()).unwrap_or(u32::MAX).saturating_add(1);
        Control::Area { text, rows: rows.clamp(4, 16), is_code }
    } else {
        Control::Line { text, chars_max, is_code }
    }
}

fn severities(value: &Value, typed: Option<&Form>, name: &str, language: Language) -> Control {
    let mode = match (typed, value) {
        (Some(form), _) => form.text(name).to_owned(),
        (None, Value::String(word)) => word.clone(),
        _ => "some".to_owned(),
    };
    let is_ticked = |word: &str| match typed {
        Some(form) => form.all(&format!("{name}.severity")).contains(&word),
        None => value.as_array().is_some_and(|words| words.iter().any(|known| known == word)),
    };
    let of_mode = |word: &str| Choosable {
        word: word.to_owned(),
        label: language.say(&format!("settings-notify-{word}")),
        help: language.find(&format!("settings-notify-{word}.help")).unwrap_or_default(),
        is_chosen: word == mode,
    };
    let of_severity = |severity: annunciator_core::Severity| {
        let word = severity.as_str();
        Choosable {
            word: word.to_owned(),
            label: language.say(&format!("severity-{word}")),
            help: String::new(),
            is_chosen: is_ticked(word),
        }
    };
    Control::Severities {
        modes: ["all", "some", "configured"].map(of_mode).into(),
        // The gravest first, as they are read.
        severities: annunciator_core::Severity::ALL.into_iter().rev().map(of_severity).collect(),
    }
}

/// A value as it is typed.
pub(super) fn text_of(setting: &Setting, value: &Value) -> String {
    let item = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    match (&setting.kind, value) {
        (Kind::Other, Value::Null) => String::new(),
        (Kind::Other, value) => value.to_string(),
        (Kind::List { of, .. }, Value::Array(items)) => {
            let between = if matches!(of.as_ref(), Kind::Integer { .. }) { "; " } else { "\n" };
            items.iter().map(item).collect::<Vec<_>>().join(between)
        }
        _ => item(value),
    }
}
