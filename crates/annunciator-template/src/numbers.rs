//! Numbers as people of a language write them.

use annunciator_template::Language;

/// Digits before the point from which on they are grouped.
const GROUPED_DIGITS_MIN: usize = 5;
/// Digits before or behind the point beyond which a power of ten is easier to read.
const PLAIN_DIGITS_MAX: usize = 12;

/// Writes a number: a point or a comma, thousands apart, very large and small ones with a power of
/// ten.
pub(super) fn write(value: f64, language: Language) -> String {
    let plain = value.to_string();
    let digits = plain.trim_start_matches('-').replace('.', "");
    if digits.trim_start_matches('0').len() > PLAIN_DIGITS_MAX + 5
        || digits.len() > 2 * PLAIN_DIGITS_MAX
    {
        return with_power(value, language);
    }
    localized(&plain, language)
}

/// A number that was written by somebody else, if it is one.
pub(super) fn localized(plain: &str, language: Language) -> String {
    let (sign, number) = match plain.strip_prefix('-') {
        Some(rest) => ("\u{2212}", rest),
        None => ("", plain),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (separator, point) = match language {
        Language::English => (",", "."),
        Language::Russian => ("\u{a0}", ","),
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

fn with_power(value: f64, language: Language) -> String {
    let text = format!("{value:.6e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let raised: String = power.chars().map(superscript).collect();
    format!("{}·10{raised}", localized(mantissa, language))
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
            assert_eq!(write(value, Language::English), english);
            assert_eq!(write(value, Language::Russian), russian);
        }
    }
}
