//! A test and the text form of a field into yes or no.
//!
//! In: the field's text form, none when the field is absent. Out: whether the test holds.
//! Knows nothing of: which field it is.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use annunciator_core::Severity;

/// Longest text that is read as a number: that of the smallest one, written out, is shorter.
/// Unit: octets.
const NUMBER_BYTES_MAX: usize = 400;

/// What must hold of a field.
#[derive(Clone, PartialEq, Debug)]
pub enum Test {
    /// It is that.
    Equals(Scalar),
    /// It is not that.
    NotEquals(Scalar),
    /// It is one of these.
    OneOf(Vec<Scalar>),
    /// It is none of these.
    NoneOf(Vec<Scalar>),
    /// It has that text in it.
    Contains(String),
    /// It begins with that text.
    BeginsWith(String),
    /// It ends with that text.
    EndsWith(String),
    /// It is that text with `*` for any text and `?` for any one character.
    Matches(String),
    /// It is before that.
    Less(Scalar),
    /// It is before that or equal.
    LessOrEqual(Scalar),
    /// It is behind that.
    Greater(Scalar),
    /// It is behind that or equal.
    GreaterOrEqual(Scalar),
    /// It is there.
    Exists,
    /// It is not there.
    Absent,
    /// It is that device group or one below it.
    Within(String),
}

/// What a field is compared with.
#[derive(Clone, PartialEq, Debug)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A number.
    Number(Number),
    /// A truth value.
    Bool(bool),
    /// A severity.
    Severity(Severity),
}

/// A finite number: whole ones are exact.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// A whole number.
    Integer(i64),
    /// Any other.
    Float(f64),
}

impl Number {
    /// The number that a text is; none when it is none.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let is_numeric = |b: u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        if text.len() > NUMBER_BYTES_MAX || !text.bytes().all(is_numeric) {
            return None;
        }
        if let Ok(number) = text.parse() {
            return Some(Self::Integer(number));
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Float)
    }

    /// Compares by value.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Integer(a), Self::Float(b)) => compare_exactly(a, b),
            (Self::Float(a), Self::Integer(b)) => compare_exactly(b, a).reverse(),
        }
    }
}

/// A conversion would round large whole numbers.
#[expect(clippy::cast_possible_truncation, reason = "the part behind the point is cut on purpose")]
fn compare_exactly(whole: i64, float: f64) -> Ordering {
    /// The first float beyond the whole numbers, 2 to the 63rd.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if float >= END {
        Ordering::Less
    } else if float < -END {
        Ordering::Greater
    } else {
        let rest = 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal);
        whole.cmp(&(float.trunc() as i64)).then(rest)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
        }
    }
}

impl Scalar {
    /// Whether a field of this text form is that.
    fn is(&self, seen: &str, ignore_case: bool) -> bool {
        match self {
            Self::Number(number) => {
                Number::of_text(seen).is_some_and(|seen| seen.compare(*number) == Ordering::Equal)
            }
            _ => {
                let (seen, wanted) = (cased(seen, ignore_case), self.text());
                seen == cased(&wanted, ignore_case)
            }
        }
    }

    /// How a field of this text form stands to it; nothing when the two have no order.
    fn order_of(&self, seen: &str, ignore_case: bool) -> Option<Ordering> {
        match self {
            Self::Number(number) => Some(Number::of_text(seen)?.compare(*number)),
            Self::Severity(severity) => Some(seen.parse::<Severity>().ok()?.cmp(severity)),
            Self::Text(text) => Some(cased(seen, ignore_case).cmp(&cased(text, ignore_case))),
            Self::Bool(_) => None,
        }
    }

    /// Its text form.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Severity(severity) => Cow::Borrowed(severity.as_str()),
        }
    }
}

impl Test {
    /// Whether it holds for a field of this text form; none when the field is absent.
    pub(super) fn holds(&self, seen: Option<&str>, ignore_case: bool) -> bool {
        let Some(seen) = seen else {
            return matches!(self, Self::Absent | Self::NotEquals(_) | Self::NoneOf(_));
        };
        let is = |scalar: &Scalar| scalar.is(seen, ignore_case);
        let order = |scalar: &Scalar| scalar.order_of(seen, ignore_case);
        let is_so = |wanted: &str, look: fn(&str, &str) -> bool| {
            look(&cased(seen, ignore_case), &cased(wanted, ignore_case))
        };
        match self {
            Self::Equals(scalar) => is(scalar),
            Self::NotEquals(scalar) => !is(scalar),
            Self::OneOf(scalars) => scalars.iter().any(is),
            Self::NoneOf(scalars) => !scalars.iter().any(is),
            Self::Contains(text) => is_so(text, |seen, wanted| seen.contains(wanted)),
            Self::BeginsWith(text) => is_so(text, |seen, wanted| seen.starts_with(wanted)),
            Self::EndsWith(text) => is_so(text, |seen, wanted| seen.ends_with(wanted)),
            Self::Matches(pattern) => is_so(pattern, |seen, pattern| matches(pattern, seen)),
            Self::Less(scalar) => order(scalar).is_some_and(Ordering::is_lt),
            Self::LessOrEqual(scalar) => order(scalar).is_some_and(Ordering::is_le),
            Self::Greater(scalar) => order(scalar).is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual(scalar) => order(scalar).is_some_and(Ordering::is_ge),
            Self::Exists => true,
            Self::Absent => false,
            Self::Within(group) => is_so(group, is_within),
        }
    }
}

/// The text, in lower case when case is ignored; character by character, so that a part of a text
/// stays a part of it.
pub(crate) fn cased(text: &str, ignore_case: bool) -> Cow<'_, str> {
    if ignore_case {
        text.chars().flat_map(char::to_lowercase).collect::<String>().into()
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a group is that one or below it: paths compare segment by segment.
pub(crate) fn is_within(seen: &str, group: &str) -> bool {
    let rest = seen.trim_matches('/').strip_prefix(group.trim_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a text is what a pattern with `*` and `?` stands for. Each part between two `*` is
/// looked for once, from left to right.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return strip_part(text, pattern).is_some_and(str::is_empty);
    };
    let Some(mut text) = strip_part(text, first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match find_part(text, part) {
            Some(behind) => text = behind,
            None => return false,
        }
    }
    let length = last.chars().count();
    let skipped = text.chars().count().checked_sub(length);
    skipped.is_some_and(|count| {
        let from = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
        strip_part(&text[from..], last).is_some_and(str::is_empty)
    })
}

/// What stands behind a part at the begin of a text; none when it does not stand there.
fn strip_part<'t>(text: &'t str, part: &str) -> Option<&'t str> {
    let mut chars = text.chars();
    let is_met =
        part.chars().all(|wanted| chars.next().is_some_and(|c| wanted == '?' || wanted == c));
    is_met.then_some(chars.as_str())
}

/// What stands behind the first place of a part in a text.
fn find_part<'t>(text: &'t str, part: &str) -> Option<&'t str> {
    if !part.contains('?') {
        return text.find(part).map(|at| &text[at + part.len()..]);
    }
    text.char_indices().find_map(|(at, _)| strip_part(&text[at..], part))
}
