//! What people type for a phone number into its one form, or into what is wrong with it.
//!
//! Out: `+`, country code and national number, without anything between them.
//! Standard: ITU-T E.164; which numbers a country has is libphonenumber's table.
//! Failure: a [`PhoneProblem`] says what to do.

use std::collections::HashSet;
use std::fmt;

use phonenumber::Type;
use phonenumber::metadata::{DATABASE, Metadata};

/// Most numbers in one list.
pub const NUMBERS_MAX: usize = 1000;
/// E.164 section 6.2.1.
const DIGITS_MAX: usize = 15;
/// Longest text that is looked at. Unit: characters.
const TEXT_CHARS_MAX: usize = 64;
/// E.164 section 6.2.1: a country code has one to three digits.
const COUNTRY_CODE_DIGITS_MAX: usize = 3;

/// Kinds of numbers that somebody can be reached under.
const TYPES: [Type; 10] = [
    Type::Mobile,
    Type::FixedLine,
    Type::Voip,
    Type::PersonalNumber,
    Type::Pager,
    Type::Uan,
    Type::Voicemail,
    Type::SharedCost,
    Type::TollFree,
    Type::PremiumRate,
];

/// A number that exists as far as the table of its country says: `+491701234567`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PhoneNumber(Box<str>);

/// Which number is refused, and what to do; for the administrator who typed it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` {kind}")]
pub struct PhoneProblem {
    /// The number as typed, made printable and shortened.
    pub text: String,
    /// What is wrong.
    pub kind: PhoneProblemKind,
}

/// Why a number is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PhoneProblemKind {
    /// Nothing is there.
    #[error("is empty: type a number such as +491701234567")]
    Empty,
    /// It does not begin with `+`.
    #[error("has no country code: write it with + and the country code, such as +491701234567")]
    NoPlus,
    /// It begins as some countries dial abroad.
    #[error("begins with 00, which not every network knows: write + instead of 00")]
    DoubleZero,
    /// A character that no number has.
    #[error(
        "has `{0}`: use digits after the +, and between them spaces, dashes, dots, parentheses"
    )]
    Character(char),
    /// More digits than E.164 allows, or a text without end.
    #[error("is too long: a number has at most 15 digits, the country code among them")]
    TooLong,
    /// No country has that code.
    #[error("begins with a country code that nobody has: check the digits after the +")]
    CountryCode,
    /// The country has no number with so many digits.
    #[error("has {digits} digits after {country}, where numbers have {}: check them",
        range(*min, *max))]
    Length {
        /// The code and who has it: `+49 (DE)`.
        country: String,
        /// How many digits follow the country code.
        digits: usize,
        /// How many do in the shortest number of the country.
        min: u16,
        /// How many do in the longest one.
        max: u16,
    },
    /// The country has no such number.
    #[error(
        "is no number of {country}: check the digits, and leave out a 0 that is dialled only \
         inside the country"
    )]
    NotAssigned {
        /// The code and who has it: `+49 (DE)`.
        country: String,
    },
    /// The list has more than [`NUMBERS_MAX`] numbers.
    #[error("is one number too many: a list has at most 1000")]
    TooMany,
}

impl PhoneNumber {
    /// Checks a number. Spaces, dashes, dots, parentheses and a trunk prefix as in
    /// `+49 (0)170 1234567` are left out.
    ///
    /// # Errors
    /// It has no country code, or is no number of that country.
    pub fn parse(text: &str) -> Result<Self, PhoneProblem> {
        let text = text.trim();
        let digits = digits_of(text).map_err(|kind| problem(text, kind))?;
        check_assigned(&digits).map_err(|kind| problem(text, kind))?;
        Ok(Self(format!("+{digits}").into()))
    }

    /// Checks numbers; repetitions are removed, whatever way they were typed, the order is kept.
    ///
    /// # Errors
    /// The first number that is refused.
    pub fn parse_all<'t>(
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<Vec<Self>, PhoneProblem> {
        let mut known = HashSet::new();
        let mut numbers = Vec::new();
        for text in texts {
            let number = Self::parse(text)?;
            if !known.insert(number.clone()) {
                continue;
            }
            if numbers.len() == NUMBERS_MAX {
                return Err(problem(text, PhoneProblemKind::TooMany));
            }
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// The number with `+`, as E.164 writes it for all the world.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without `+`.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The longest number that there can be, for trying what numbers are put into.
    pub(super) fn longest() -> Self {
        Self(format!("+{}", "9".repeat(DIGITS_MAX)).into())
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for PhoneNumber {
    type Err = PhoneProblem;
    fn from_str(text: &str) -> Result<Self, PhoneProblem> {
        Self::parse(text)
    }
}

/// Checks a phone number, for settings.
///
/// # Errors
/// What is wrong and what to do.
pub fn check_phone(text: &str) -> Result<(), String> {
    PhoneNumber::parse(text).map(drop).map_err(|problem| problem.kind.to_string())
}

fn range(min: u16, max: u16) -> String {
    if min == max { min.to_string() } else { format!("{min} to {max}") }
}

fn problem(text: &str, kind: PhoneProblemKind) -> PhoneProblem {
    PhoneProblem { text: annunciator_core::one_line(text, TEXT_CHARS_MAX), kind }
}

/// The digits after the `+`, without what people put between them.
fn digits_of(text: &str) -> Result<String, PhoneProblemKind> {
    if text.is_empty() {
        return Err(PhoneProblemKind::Empty);
    }
    if text.chars().nth(TEXT_CHARS_MAX).is_some() {
        return Err(PhoneProblemKind::TooLong);
    }
    let Some(rest) = text.strip_prefix('+') else {
        let is_dialled = text.starts_with("00");
        return Err(if is_dialled {
            PhoneProblemKind::DoubleZero
        } else {
            PhoneProblemKind::NoPlus
        });
    };
    let rest = rest.replacen("(0)", "", 1);
    if let Some(c) = rest.chars().find(|c| !c.is_ascii_digit() && !is_separator(*c)) {
        return Err(PhoneProblemKind::Character(if c.is_control() { ' ' } else { c }));
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    if digits.len() > DIGITS_MAX { Err(PhoneProblemKind::TooLong) } else { Ok(digits) }
}

fn is_separator(c: char) -> bool {
    let is_space = c.is_whitespace() && !c.is_control();
    is_space || matches!(c, '-' | '.' | '(' | ')' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Looks the number up among those of its country.
///
/// The crate's own parser is passed by: it takes the first digit of some numbers for a trunk
/// prefix, such as the 8 of +7 800, and then misses it.
fn check_assigned(digits: &str) -> Result<(), PhoneProblemKind> {
    let (code, regions) = (1..=COUNTRY_CODE_DIGITS_MAX.min(digits.len()))
        .map(|length| (&digits[..length], regions_of(&digits[..length])))
        .find(|(_, regions)| !regions.is_empty())
        .ok_or(PhoneProblemKind::CountryCode)?;
    let national = &digits[code.len()..];
    if regions.iter().any(|region| is_assigned(region, national)) {
        return Ok(());
    }
    let country = match regions.as_slice() {
        [region] if region.id() != WORLD => format!("+{code} ({})", region.id()),
        _ => format!("+{code}"),
    };
    let lengths = || regions.iter().flat_map(|region| lengths_of(region));
    match (lengths().min(), lengths().max()) {
        (Some(min), Some(max)) if !(min..=max).contains(&(national.len() as u16)) => {
            Err(PhoneProblemKind::Length { country, digits: national.len(), min, max })
        }
        _ => Err(PhoneProblemKind::NotAssigned { country }),
    }
}

/// What the table calls a code that belongs to no country, such as those of satellites.
const WORLD: &str = "001";

/// The countries that share a code; none where nobody has it.
fn regions_of(code: &str) -> Vec<&'static Metadata> {
    let Ok(code) = code.parse::<u16>() else { return Vec::new() };
    let ids = DATABASE.region(&code).unwrap_or_default();
    let metadata = |id: &str| match id {
        WORLD => DATABASE.by_code(&code).unwrap_or_default(),
        id => DATABASE.by_id(id).into_iter().collect(),
    };
    ids.into_iter().flat_map(metadata).collect()
}

fn is_assigned(region: &Metadata, national: &str) -> bool {
    let kinds = region.descriptors();
    kinds.general().is_match(national)
        && TYPES.iter().any(|kind| kinds.get(*kind).is_some_and(|kind| kind.is_match(national)))
}

fn lengths_of(region: &Metadata) -> impl Iterator<Item = u16> {
    let kinds = TYPES.iter().filter_map(|kind| region.descriptors().get(*kind));
    kinds.flat_map(|kind| kind.possible_length().iter().copied())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_has_one_form() {
        for (text, expected) in [
            ("+491701234567", "+491701234567"),
            (" +49 170 1234567 ", "+491701234567"),
            ("+49 (170) 123-45.67", "+491701234567"),
            ("+49\u{a0}170\u{2011}1234567", "+491701234567"),
            ("+49 (0)170 1234567", "+491701234567"),
            ("+44 (0) 7400 123456", "+447400123456"),
            ("+7 916 123-45-67", "+79161234567"),
            ("+7 (800) 123-45-67", "+78001234567"),
            ("+380 50 123 4567", "+380501234567"),
            ("+1 202-555-0123", "+12025550123"),
            ("+1 242 359 1234", "+12423591234"),
            // Zeros that belong to the number.
            ("+39 06 1234 5678", "+390612345678"),
            // Codes of no country: satellites, free calls.
            ("+881 612 345 678", "+881612345678"),
            ("+800 1234 5678", "+80012345678"),
        ] {
            assert_eq!(PhoneNumber::parse(text).map(|n| n.to_string()), Ok(expected.into()));
        }
    }

    #[test]
    fn a_problem_says_what_to_do() {
        let endless = format!("+49{}", " ".repeat(TEXT_CHARS_MAX));
        for (text, expected) in [
            ("", "`` is empty: type a number such as +491701234567"),
            (
                "0170 1234567",
                "`0170 1234567` has no country code: write it with + and the country code, such \
                 as +491701234567",
            ),
            (
                "0049 170 1234567",
                "`0049 170 1234567` begins with 00, which not every network knows: write + \
                 instead of 00",
            ),
            (
                "+49 170 CALLME",
                "`+49 170 CALLME` has `C`: use digits after the +, and between them spaces, \
                 dashes, dots, parentheses",
            ),
            (
                "+4912345678901234",
                "`+4912345678901234` is too long: a number has at most 15 digits, the country \
                 code among them",
            ),
            (
                "+999 1234567",
                "`+999 1234567` begins with a country code that nobody has: check the digits \
                 after the +",
            ),
            ("+", "`+` begins with a country code that nobody has: check the digits after the +"),
            (
                "+7 916 123-45-6",
                "`+7 916 123-45-6` has 9 digits after +7, where numbers have 10 to 14: check them",
            ),
            (
                "+49 0170 1234567",
                "`+49 0170 1234567` is no number of +49 (DE): check the digits, and leave out a 0 \
                 that is dialled only inside the country",
            ),
            (
                "+1 202 055 0123",
                "`+1 202 055 0123` is no number of +1: check the digits, and leave out a 0 that \
                 is dialled only inside the country",
            ),
            (
                "+33 612 345 67",
                "`+33 612 345 67` has 8 digits after +33 (FR), where numbers have 9: check them",
            ),
        ] {
            assert_eq!(PhoneNumber::parse(text).unwrap_err().to_string(), expected);
            assert!(expected.ends_with(&check_phone(text).unwrap_err()));
        }
        for (text, expected) in [
            ("++491701234567", PhoneProblemKind::Character('+')),
            ("+49170\n1234567", PhoneProblemKind::Character(' ')),
            ("+49170;1234567", PhoneProblemKind::Character(';')),
            ("+４９1701234567", PhoneProblemKind::Character('４')),
            ("tel:+491701234567", PhoneProblemKind::NoPlus),
            (&format!("{endless}1"), PhoneProblemKind::TooLong),
        ] {
            assert_eq!(PhoneNumber::parse(text).unwrap_err().kind, expected, "{text}");
        }
    }

    #[test]
    fn a_list_has_each_number_once() {
        let list = ["+49 170 1234567", "+79161234567", "+49 (0)170-1234567", "+79161234567"];
        let numbers = PhoneNumber::parse_all(list).unwrap();
        let forms: Vec<&str> = numbers.iter().map(PhoneNumber::as_str).collect();
        assert_eq!(forms, ["+491701234567", "+79161234567"]);
        let problem = PhoneNumber::parse_all(["+491701234567", "110"]).unwrap_err();
        assert_eq!((problem.text.as_str(), problem.kind), ("110", PhoneProblemKind::NoPlus));
        let many: Vec<String> = (0..=NUMBERS_MAX).map(|n| format!("+49170123{n:04}")).collect();
        let problem = PhoneNumber::parse_all(many.iter().map(String::as_str)).unwrap_err();
        assert_eq!(problem.kind, PhoneProblemKind::TooMany);
    }

    /// The table comes with an example of each kind of number of each country.
    #[test]
    fn every_country_has_numbers() {
        let mut count = 0;
        for region in DATABASE.iter() {
            let kinds = TYPES.iter().filter_map(|kind| region.descriptors().get(*kind));
            for example in kinds.filter_map(|kind| kind.example()) {
                let number = format!("+{}{example}", region.country_code());
                assert_eq!(PhoneNumber::parse(&number).unwrap().as_str(), number);
                count += 1;
            }
        }
        assert!(count > 700, "{count}");
    }

    proptest! {
        #[test]
        fn an_accepted_number_is_a_plus_and_digits(text in "\\+?[0-9 ().-]{0,20}|\\PC{0,20}") {
            if let Ok(number) = PhoneNumber::parse(&text) {
                prop_assert!(number.as_str().starts_with('+'));
                prop_assert!(number.digits().bytes().all(|b| b.is_ascii_digit()));
                prop_assert!((3..=DIGITS_MAX).contains(&number.digits().len()));
                prop_assert_eq!(PhoneNumber::parse(number.as_str()).unwrap(), number);
            }
        }
    }
}
