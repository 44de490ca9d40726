//! Characters into the clusters that a reader takes for one: where a text may be cut.
//!
//! Standard: UAX #29 section 3.1.1, somewhat stricter: after a zero width joiner there is never a
//! cut. As in UAX #15 section 13, what belongs to one character has an end.

use icu_properties::CodePointMapData;
use icu_properties::props::GraphemeClusterBreak as Class;

/// A longer cluster is no character of any language, and may be cut. Unit: characters.
const CLUSTER_CHARS_MAX: usize = 32;

/// Reads a text from its begin, and says where clusters begin.
pub(super) struct Clusters {
    previous: Option<Class>,
    /// Characters of the cluster so far.
    chars: usize,
    /// Whether the cluster ends with one half of a flag.
    is_half_flag: bool,
}

impl Clusters {
    pub(super) fn new() -> Self {
        Self { previous: None, chars: 0, is_half_flag: false }
    }

    /// Takes the next character of the text; gives whether the text may be cut before it.
    pub(super) fn begins_with(&mut self, c: char) -> bool {
        let class = CodePointMapData::<Class>::new().get(c);
        let is_joined = self.previous.is_some_and(|previous| self.joins(previous, class));
        let begins = !is_joined || self.chars >= CLUSTER_CHARS_MAX;
        self.is_half_flag = class == Class::RegionalIndicator && (begins || !self.is_half_flag);
        self.chars = if begins { 1 } else { self.chars + 1 };
        self.previous = Some(class);
        begins
    }

    fn joins(&self, previous: Class, class: Class) -> bool {
        match (previous, class) {
            (Class::CR, Class::LF) => true,
            (Class::Control | Class::CR | Class::LF, _)
            | (_, Class::Control | Class::CR | Class::LF) => false,
            (Class::L, Class::L | Class::V | Class::LV | Class::LVT)
            | (Class::LV | Class::V, Class::V | Class::T)
            | (Class::LVT | Class::T, Class::T) => true,
            (_, Class::Extend | Class::ZWJ | Class::SpacingMark) => true,
            (Class::Prepend | Class::ZWJ, _) => true,
            (Class::RegionalIndicator, Class::RegionalIndicator) => self.is_half_flag,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_takes_for_one_character_is_not_cut() {
        for (text, expected) in [
            ("", vec![]),
            ("abc", vec!["a", "b", "c"]),
            ("a\u{308}b", vec!["a\u{308}", "b"]),
            ("a\u{308}\u{323}\u{20dd}b", vec!["a\u{308}\u{323}\u{20dd}", "b"]),
            ("x\r\ny\n\u{301}", vec!["x", "\r\n", "y", "\n", "\u{301}"]),
            ("👍🏽!", vec!["👍🏽", "!"]),
            ("👩‍👩‍👧👧", vec!["👩‍👩‍👧", "👧"]),
            ("❤️x1️⃣", vec!["❤️", "x", "1️⃣"]),
            ("🇩🇪🇫🇷🇺", vec!["🇩🇪", "🇫🇷", "🇺"]),
            ("🇩x🇪", vec!["🇩", "x", "🇪"]),
            ("नि만각", vec!["नि", "만", "각"]),
            ("\u{1112}\u{1161}\u{11ab}\u{1100}", vec!["\u{1112}\u{1161}\u{11ab}", "\u{1100}"]),
        ] {
            let mut clusters = Clusters::new();
            let mut found: Vec<String> = Vec::new();
            for c in text.chars() {
                if clusters.begins_with(c) {
                    found.push(String::new());
                }
                found.last_mut().unwrap().push(c);
            }
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_character_with_marks_without_end_is_cut_all_the_same() {
        let text = format!("a{}", "\u{301}".repeat(70));
        let mut clusters = Clusters::new();
        let begins = text.chars().enumerate().filter(|(_, c)| clusters.begins_with(*c));
        assert_eq!(begins.map(|(at, _)| at).collect::<Vec<_>>(), [0, 32, 64]);
    }
}
