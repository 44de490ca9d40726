//! A set of matchers into words about what can never hold together.
//!
//! Failure: it may overlook a contradiction; it never claims one where an event meets the set
//! (`a_set_that_an_event_meets_is_no_contradiction` in the tests).

use std::cmp::Ordering;

use annunciator_core::Severity;

use super::comparison::{Number, Scalar, Test, cased, is_within};
use super::{Field, Matcher, MatcherSet};

/// A value that a field must have, as far as one matcher tells.
enum Candidate<'a> {
    /// This text form.
    Text(&'a str),
    /// A text that is this one but for case.
    AnyCase(&'a str),
    /// A text form that is this number.
    Number(Number),
}

impl MatcherSet {
    /// Why no event can ever meet the set, in words; none when one may.
    #[must_use]
    pub fn find_contradiction(&self) -> Option<String> {
        for (at, one) in self.0.iter().enumerate() {
            if is_impossible(&[one]) {
                return Some(format!("`{one}` never holds"));
            }
            let others = self.0[at + 1..].iter().filter(|other| other.field == one.field);
            let mut pairs = others.map(|other| (one, other));
            if let Some((one, other)) = pairs.find(|(one, other)| is_impossible(&[one, other])) {
                return Some(format!("`{one}` and `{other}` never hold together"));
            }
        }
        self.0.iter().find_map(|one| {
            let same = |other: &&Matcher| other.field == one.field;
            let of_field: Vec<&Matcher> = self.0.iter().filter(same).collect();
            let field = &one.field;
            is_impossible(&of_field)
                .then(|| format!("no value of {field} meets all of its {} tests", of_field.len()))
        })
    }

    /// Whether every event meets the set for certain; such a silence mutes everything.
    #[must_use]
    pub fn holds_always(&self) -> bool {
        self.0.iter().all(|matcher| match (&matcher.field, &matcher.test) {
            (Field::Severity, _) => {
                Severity::ALL.iter().all(|severity| matcher.holds_for(Some(severity.as_str())))
            }
            (_, Test::NoneOf(scalars)) => scalars.is_empty(),
            (field, Test::Exists) => field.is_always_given(),
            (field, Test::Matches(pattern)) => {
                field.is_always_given() && pattern.bytes().all(|octet| octet == b'*')
            }
            _ => false,
        })
    }
}

/// Whether matchers of one field can never hold together.
fn is_impossible(matchers: &[&Matcher]) -> bool {
    let field = &matchers[0].field;
    if *field == Field::Severity {
        let is_met = |severity: &Severity| {
            matchers.iter().all(|matcher| matcher.holds_for(Some(severity.as_str())))
        };
        return !Severity::ALL.iter().any(is_met);
    }
    let is_absent = matchers.iter().any(|matcher| matcher.test == Test::Absent);
    if is_absent {
        let needs_value = matchers.iter().any(|matcher| !matcher.holds_for(None));
        return needs_value || field.is_always_given();
    }
    let may_be = |candidate: &Candidate<'_>| {
        let is_empty = matches!(candidate, Candidate::Text("") | Candidate::AnyCase(""));
        (!is_empty || field.may_be_empty())
            && matchers.iter().all(|matcher| may_hold(matcher, candidate))
    };
    let lacks_value = |matcher: &&Matcher| {
        candidates_of(matcher).is_some_and(|candidates| !candidates.iter().any(may_be))
    };
    matchers.iter().any(lacks_value)
        || has_pair(matchers, is_empty_range)
        || has_pair(matchers, are_apart)
}

fn has_pair(matchers: &[&Matcher], clash: fn(&Matcher, &Matcher) -> bool) -> bool {
    matchers.iter().any(|one| matchers.iter().any(|other| clash(one, other)))
}

/// The values that a matcher leaves, when they can be listed.
fn candidates_of(matcher: &Matcher) -> Option<Vec<Candidate<'_>>> {
    let scalars = match &matcher.test {
        Test::Equals(scalar) => std::slice::from_ref(scalar),
        Test::OneOf(scalars) => scalars,
        _ => return None,
    };
    let candidate = |scalar| match scalar {
        &Scalar::Number(number) => Candidate::Number(number),
        Scalar::Bool(true) => of_text("true", matcher.ignore_case),
        Scalar::Bool(false) => of_text("false", matcher.ignore_case),
        Scalar::Severity(severity) => of_text(severity.as_str(), matcher.ignore_case),
        Scalar::Text(text) => of_text(text, matcher.ignore_case),
    };
    Some(scalars.iter().map(candidate).collect())
}

fn of_text(text: &str, ignore_case: bool) -> Candidate<'_> {
    if ignore_case { Candidate::AnyCase(text) } else { Candidate::Text(text) }
}

/// Whether a matcher holds for some value of a candidate; true when that is not known.
fn may_hold(matcher: &Matcher, candidate: &Candidate<'_>) -> bool {
    match *candidate {
        Candidate::Text(text) => matcher.holds_for(Some(text)),
        Candidate::Number(number) => may_hold_for_number(&matcher.test, number),
        // Without case, all spellings are alike to it.
        Candidate::AnyCase(text) if matcher.ignore_case => matcher.holds_for(Some(text)),
        Candidate::AnyCase(text) => match &matcher.test {
            // What holds for a spelling holds for it without case too.
            Test::Equals(_)
            | Test::OneOf(_)
            | Test::Contains(_)
            | Test::BeginsWith(_)
            | Test::EndsWith(_)
            | Test::Within(_)
            | Test::Less(Scalar::Number(_))
            | Test::LessOrEqual(Scalar::Number(_))
            | Test::Greater(Scalar::Number(_))
            | Test::GreaterOrEqual(Scalar::Number(_)) => matcher.test.holds(Some(text), true),
            _ => true,
        },
    }
}

/// Whether a test may hold for one of the texts that are this number.
fn may_hold_for_number(test: &Test, number: Number) -> bool {
    let is = |scalar: &Scalar| match scalar {
        Scalar::Number(other) => number.compare(*other) == Ordering::Equal,
        other => Number::of_text(&other.text())
            .is_some_and(|other| number.compare(other) == Ordering::Equal),
    };
    let is_for_all_spellings = |scalar: &Scalar| matches!(scalar, Scalar::Number(_)) && is(scalar);
    let order = |scalar: &Scalar| match scalar {
        Scalar::Number(other) => Some(number.compare(*other)),
        _ => None,
    };
    match test {
        Test::Equals(scalar) => is(scalar),
        Test::OneOf(scalars) => scalars.iter().any(is),
        Test::NotEquals(scalar) => !is_for_all_spellings(scalar),
        Test::NoneOf(scalars) => !scalars.iter().any(is_for_all_spellings),
        Test::Less(scalar) => order(scalar).is_none_or(Ordering::is_lt),
        Test::LessOrEqual(scalar) => order(scalar).is_none_or(Ordering::is_le),
        Test::Greater(scalar) => order(scalar).is_none_or(Ordering::is_gt),
        Test::GreaterOrEqual(scalar) => order(scalar).is_none_or(Ordering::is_ge),
        _ => true,
    }
}

/// Whether one matcher bounds a field from below and the other from above with nothing between.
fn is_empty_range(low: &Matcher, high: &Matcher) -> bool {
    let (above, may_equal_low) = match &low.test {
        Test::Greater(scalar) => (scalar, false),
        Test::GreaterOrEqual(scalar) => (scalar, true),
        _ => return false,
    };
    let (below, may_equal_high) = match &high.test {
        Test::Less(scalar) => (scalar, false),
        Test::LessOrEqual(scalar) => (scalar, true),
        _ => return false,
    };
    let order = match (above, below) {
        (Scalar::Number(above), Scalar::Number(below)) => above.compare(*below),
        (Scalar::Text(above), Scalar::Text(below)) if low.ignore_case == high.ignore_case => {
            cased(above, low.ignore_case).cmp(&cased(below, low.ignore_case))
        }
        _ => return false,
    };
    match order {
        Ordering::Less => false,
        Ordering::Equal => !(may_equal_low && may_equal_high),
        Ordering::Greater => true,
    }
}

/// Whether two texts must stand at the same place and differ, or two groups lie apart.
fn are_apart(one: &Matcher, other: &Matcher) -> bool {
    let ignore_case = one.ignore_case || other.ignore_case;
    let neither = |a: &str, b: &str, has: fn(&str, &str) -> bool| {
        let (a, b) = (cased(a, ignore_case), cased(b, ignore_case));
        !has(&a, &b) && !has(&b, &a)
    };
    match (&one.test, &other.test) {
        (Test::BeginsWith(a), Test::BeginsWith(b)) => neither(a, b, |a, b| a.starts_with(b)),
        (Test::EndsWith(a), Test::EndsWith(b)) => neither(a, b, |a, b| a.ends_with(b)),
        (Test::Within(a), Test::Within(b)) => neither(a, b, is_within),
        _ => false,
    }
}
