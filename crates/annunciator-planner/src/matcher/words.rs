//! Matchers into a sentence for people: one line, bounded.

use std::fmt::{self, Display, Formatter};

use annunciator_core::ellipsize;

use super::comparison::{Scalar, Test};
use super::{Matcher, MatcherSet};

/// Longest text that is shown whole. Unit: characters.
const SHOWN_CHARS_MAX: usize = 100;
/// Most values of a list that are shown.
const SHOWN_VALUES_MAX: usize = 10;

impl Display for Matcher {
    /// `device is "pc-17"`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.field)?;
        match &self.test {
            Test::Equals(scalar) => write!(f, "is {}", Shown(scalar)),
            Test::NotEquals(scalar) => write!(f, "is not {}", Shown(scalar)),
            Test::OneOf(scalars) if scalars.is_empty() => f.write_str("is one of nothing"),
            Test::OneOf(scalars) => write!(f, "is {}", List(scalars, "or")),
            Test::NoneOf(scalars) if scalars.is_empty() => f.write_str("is anything"),
            Test::NoneOf(scalars) => match &scalars[..] {
                [one] => write!(f, "is not {}", Shown(one)),
                _ => write!(f, "is neither {}", List(scalars, "nor")),
            },
            Test::Contains(text) => write!(f, "contains {}", Quoted(text)),
            Test::BeginsWith(text) => write!(f, "begins with {}", Quoted(text)),
            Test::EndsWith(text) => write!(f, "ends with {}", Quoted(text)),
            Test::Matches(text) => write!(f, "matches {}", Quoted(text)),
            Test::Less(scalar) => write!(f, "< {}", Shown(scalar)),
            Test::LessOrEqual(scalar) => write!(f, "<= {}", Shown(scalar)),
            Test::Greater(scalar) => write!(f, "> {}", Shown(scalar)),
            Test::GreaterOrEqual(scalar) => write!(f, ">= {}", Shown(scalar)),
            Test::Exists => f.write_str("is given"),
            Test::Absent => f.write_str("is not given"),
            Test::Within(group) => write!(f, "is within {}", Quoted(group)),
        }?;
        if self.ignore_case { f.write_str(" ignoring case") } else { Ok(()) }
    }
}

impl Display for MatcherSet {
    /// `free_percent < 5 and device is "pc-17"`; without matchers `every event`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("every event");
        }
        for (at, matcher) in self.0.iter().enumerate() {
            write!(f, "{}{matcher}", if at == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", ellipsize(self.0, SHOWN_CHARS_MAX))
    }
}

struct Shown<'a>(&'a Scalar);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Scalar::Text(text) => Quoted(text).fmt(f),
            other => f.write_str(&other.text()),
        }
    }
}

/// Values with a word before the last one.
struct List<'a>(&'a [Scalar], &'static str);

impl Display for List<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(scalars, word) = self;
        let shown = scalars.len().min(SHOWN_VALUES_MAX);
        for (at, scalar) in scalars[..shown].iter().enumerate() {
            let is_last = at + 1 == scalars.len();
            match at {
                0 => {}
                _ if is_last => write!(f, " {word} ")?,
                _ => f.write_str(", ")?,
            }
            Shown(scalar).fmt(f)?;
        }
        let left = scalars.len() - shown;
        if left > 0 { write!(f, " {word} {left} others") } else { Ok(()) }
    }
}
