//! A setting with how it stands becomes a field that shows itself.
//!
//! Out: label, control, help, what is wrong, what deserves a look, the default, where the value
//! comes from, and the way back to the default.

use askama::Template;

use super::control::Control;
use crate::language::Language;

/// A field of a settings form. `{{ field|safe }}` shows it: its template escapes all texts.
#[derive(Debug, Clone, Template)]
#[template(path = "settings/field.html")]
pub(crate) struct Field {
    /// Language of its words.
    pub(crate) language: Language,
    /// Its name in the form: `email.port`.
    pub(crate) name: String,
    /// The same as an id of the page: `email-port`.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) label: String,
    /// What it is.
    pub(crate) help: String,
    /// What is drawn.
    pub(crate) control: Control,
    /// The fields inside, of settings that are set together.
    pub(crate) inner: Vec<Field>,
    /// Whether the layer that is edited sets it.
    pub(crate) is_set: bool,
    /// Where the value comes from when the layer does not set it and it is not the default.
    pub(crate) origin: String,
    /// Its default in words; nothing for a field that must be given.
    pub(crate) default: Option<String>,
    /// What a click on "reset" fills in, as JSON for `data-set`; nothing where it cannot be reset.
    pub(crate) reset: Option<String>,
    /// Whether it goes back to its default when the form is saved.
    pub(crate) is_resetting: bool,
    /// What is wrong with it.
    pub(crate) error: String,
    /// What works but deserves a look.
    pub(crate) warning: String,
    /// When it matters; empty = always.
    pub(crate) shown_when: String,
    /// Whether it matters with the values that stand in the form now.
    pub(crate) is_shown: bool,
    /// Whether it cannot be changed, and the words that say why; they may be empty.
    pub(crate) lock: Option<String>,
    /// Whether its label and state are drawn by the page.
    pub(crate) is_bare: bool,
}

impl Field {
    /// Words for its template.
    fn t(&self, key: &str) -> String {
        self.language.say(key)
    }

    /// The same with one value.
    fn t1(&self, key: &str, name: &str, value: &str) -> String {
        self.language.say_with(key, &[(name, value.into())])
    }

    /// The ids of what describes it, for `aria-describedby`; empty when nothing does.
    fn described_by(&self) -> String {
        let parts = [
            (self.help.is_empty(), "help"),
            (self.warning.is_empty(), "warning"),
            (self.error.is_empty(), "error"),
        ];
        let ids = parts.iter().filter(|(is_empty, _)| !is_empty);
        ids.map(|(_, part)| format!("{}-{part}", self.id)).collect::<Vec<_>>().join(" ")
    }

    /// Whether it is posted although it is not shown: something else was asked of it.
    fn is_kept(&self) -> bool {
        self.is_resetting || matches!(self.control, Control::Secret { is_clearing: true, .. })
    }

    /// What a field of several controls is.
    fn role(&self) -> &'static str {
        if matches!(self.control, Control::Radios(_)) { "radiogroup" } else { "group" }
    }

    /// Whether several controls share the label, which is a legend then.
    fn is_set_of_controls(&self) -> bool {
        matches!(
            self.control,
            Control::Radios(_) | Control::Severities { .. } | Control::Group { .. }
        )
    }
}
