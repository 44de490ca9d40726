//! Numbers as people of a language write them.
//!
//! In: a number. Out: its digits, a point or a comma, thousands apart, the sign of a minus.

use crate::Language;

/// Digits before the point from which on they are grouped.
const GROUPED_DIGITS_MIN: usize = 5;
/// Digits before or behind the point beyond which a power of ten is easier to read.
const PLAIN_DIGITS_MAX: usize = 12;
/// From here on a rounded number is written with a power of ten.
const PLAIN_MAX: f64 = 1e12;
/// Digits behind the point of what stands before a power of ten.
const POWER_DIGITS: usize = 6;
/// The same, of rounded numbers.
const ROUNDED_POWER_DIGITS: usize = 3;

impl Language {
    /// Writes a number with all its digits: a point or a comma, thousands apart, very large and
    /// very small ones with a power of ten.
    #[must_use]
    pub fn write_number(self, value: f64) -> String {
        let plain = value.to_string();
        let digits = plain.trim_start_matches('-').replace('.', "");
        if digits.trim_start_matches('0').len() > PLAIN_DIGITS_MAX + 5
            || digits.len() > 2 * PLAIN_DIGITS_MAX
        {
            return with_power(value, POWER_DIGITS, self);
        }
        self.write_digits(&plain)
    }

    /// Writes a number with so many digits behind the point; one beyond twelve digits with a
    /// power of ten.
    #[must_use]
    pub fn write_rounded(self, value: f64, decimals: usize) -> String {
        let is_long = decimals > PLAIN_DIGITS_MAX || value.abs() >= PLAIN_MAX;
        if is_long && value != 0.0 {
            return with_power(value, ROUNDED_POWER_DIGITS, self);
        }
        let plain = format!("{value:.*}", decimals.min(PLAIN_DIGITS_MAX));
        let is_nothing = plain.chars().all(|c| matches!(c, '-' | '0' | '.'));
        self.write_digits(if is_nothing { plain.trim_start_matches('-') } else { &plain })
    }

    /// Writes a number that is given by its digits, such as `-12571.5`.
    #[must_use]
    pub fn write_digits(self, plain: &str) -> String {
        let (sign, number) = match plain.strip_prefix('-') {
            Some(rest) => ("\u{2212}", rest),
            None => ("", plain),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let (separator, point) = match self {
            Self::English => (",", "."),
            Self::Russian => ("\u{a0}", ","),
        };
        let whole = match whole.len() < GROUPED_DIGITS_MIN {
            true => whole.to_owned(),
            false => grouped(whole, separator),
        };
        match fraction {
            "" => format!("{sign}{whole}"),
            _ => format!("{sign}{whole}{point}{fraction}"),
        }
    }
}

fn grouped(digits: &str, separator: &str) -> String {
    let first = match digits.len() % 3 {
        0 => 3,
        rest => rest,
    };
    let (head, tail) = digits.split_at(first.min(digits.len()));
    let mut text = head.to_owned();
    for group in tail.as_bytes().chunks(3) {
        text.push_str(separator);
        text.extend(group.iter().map(|digit| char::from(*digit)));
    }
    text
}

fn with_power(value: f64, digits: usize, language: Language) -> String {
    let text = format!("{value:.digits$e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let raised: String = power.chars().map(superscript).collect();
    format!("{}·10{raised}", language.write_digits(mantissa))
}

fn superscript(digit: char) -> char {
    match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' | '4'..='9' => {
            let offset = digit.to_digit(10).unwrap_or_default();
            char::from_u32('⁰' as u32 + offset).unwrap_or(digit)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_of_the_language_do() {
        for (value, english, russian) in [
            (0.0, "0", "0"),
            (571.5, "571.5", "571,5"),
            (-0.25, "−0.25", "−0,25"),
            (9999.0, "9999", "9999"),
            (12345.75, "12,345.75", "12\u{a0}345,75"),
            (1_234_567.0, "1,234,567", "1\u{a0}234\u{a0}567"),
            (100_000.0, "100,000", "100\u{a0}000"),
            (1.5e-30, "1.5·10⁻³⁰", "1,5·10⁻³⁰"),
            (-2e40, "−2·10⁴⁰", "−2·10⁴⁰"),
            (0.000_125, "0.000125", "0,000125"),
        ] {
            assert_eq!(Language::English.write_number(value), english);
            assert_eq!(Language::Russian.write_number(value), russian);
        }
    }

    #[test]
    fn rounded_numbers_have_the_digits_that_are_asked_for() {
        for (value, decimals, english, russian) in [
            (560.664_643_972_892_6, 0, "561", "561"),
            (560.664_643_972_892_6, 1, "560.7", "560,7"),
            (-0.04, 1, "0.0", "0,0"),
            (0.0, 30, "0.000000000000", "0,000000000000"),
            (12_571.0, 0, "12,571", "12\u{a0}571"),
            (2.5e12, 0, "2.5·10¹²", "2,5·10¹²"),
            (-1.234_56e-20, 21, "−1.235·10⁻²⁰", "−1,235·10⁻²⁰"),
        ] {
            assert_eq!(Language::English.write_rounded(value, decimals), english);
            assert_eq!(Language::Russian.write_rounded(value, decimals), russian);
        }
    }
}
