//! Conditions on an event, for silences and for layers that hold only for some events
//! (spec 6.2, 6.4).
//!
//! In: JSON that an operator wrote; an event. Out: whether the event meets all conditions; words
//! for people; a warning where no event ever could.
//! Knows nothing of: what follows from it.
//! Failure: all problems at once, with pointers; a set that was read can be asked about any event.
//!
//! A matcher is an object such as `{"field": "parameters.free_percent", "op": "less", "value": 5}`.
//! It looks at the *text form* of a field: numbers and truth values as they are written in JSON.
//! An empty field is absent, but for a parameter, which is absent when it was not given.
//!
//! | op | value | holds when the field |
//! |---|---|---|
//! | `equals` | one | is that; a number is met by any number of that value, and by a text that is one |
//! | `not_equals` | one | is not that, or is absent |
//! | `one_of` | a list | is one of these; never when the list is empty |
//! | `none_of` | a list | is none of these, or is absent |
//! | `contains`, `begins_with`, `ends_with` | text | has that text in it, at its begin, at its end |
//! | `matches` | text | is that text, where `*` stands for any text and `?` for any one character |
//! | `less`, `less_or_equal`, `greater`, `greater_or_equal` | one | is before or behind that |
//! | `exists` | none | is not absent |
//! | `absent` | none | is absent |
//! | `within` | text | is that device group or one below it; only `group` |
//!
//! Order: severities by how bad they are; a number compares with numbers and with texts that are
//! numbers, and with nothing else; a text compares letter by letter. Only `severity` and
//! parameters have an order. Texts compare exactly unless `ignore_case` is true.
//! An absent field meets `absent`, `not_equals` and `none_of`, and nothing else.

mod comparison;
mod contradiction;
mod field;
mod form;
mod words;

#[cfg(test)]
mod tests;

use annunciator_core::Event;
use annunciator_settings::{Problem, Rules, SettingValue};
use serde_json::Value;

pub use comparison::{Number, Scalar, Test};
pub(crate) use comparison::{cased, is_within, matches};
pub use field::Field;

/// Longest text of a matcher. Unit: characters.
const VALUE_CHARS_MAX: usize = 1_000;
/// Most values of a list.
const VALUES_MAX: usize = 100;

/// One condition on one field of an event.
#[derive(Clone, PartialEq, Debug)]
pub struct Matcher {
    field: Field,
    test: Test,
    ignore_case: bool,
}

impl Matcher {
    /// The field that it looks at.
    #[must_use]
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// What must hold of it.
    #[must_use]
    pub fn test(&self) -> &Test {
        &self.test
    }

    /// Whether texts compare without case.
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }

    /// Whether it holds for an event.
    #[must_use]
    pub fn holds(&self, event: &Event) -> bool {
        self.holds_for(self.field.text_of(event).as_deref())
    }

    /// Whether it holds for a field of this text form; none when the field is absent.
    fn holds_for(&self, seen: Option<&str>) -> bool {
        self.test.holds(seen, self.ignore_case)
    }
}

/// Conditions that must all hold; without any, every event meets them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MatcherSet(Vec<Matcher>);

impl MatcherSet {
    /// Most matchers of a set.
    pub const MATCHERS_MAX: usize = 20;

    /// Reads a list of matchers.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into the list.
    pub fn from_json(value: &Value) -> Result<Self, Vec<Problem>> {
        Self::parse(value, &Rules::DEFAULT)
    }

    /// The matchers, in the order they were written.
    #[must_use]
    pub fn as_slice(&self) -> &[Matcher] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of them hold for an event.
    #[must_use]
    pub fn holds(&self, event: &Event) -> bool {
        self.0.iter().all(|matcher| matcher.holds(event))
    }

    /// The list as JSON; reading it again gives the same set.
    #[must_use]
    pub fn to_json(&self) -> Value {
        SettingValue::to_json(self)
    }

    /// A number that stays the same as long as the conditions do, whatever their order: FNV-1a
    /// over the JSON form of each, sorted, each once.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let mut texts: Vec<String> =
            self.0.iter().map(|matcher| matcher.to_json().to_string()).collect();
        texts.sort_unstable();
        texts.dedup();
        let step = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(PRIME);
        texts.join("\n").bytes().fold(OFFSET_BASIS, step)
    }
}
