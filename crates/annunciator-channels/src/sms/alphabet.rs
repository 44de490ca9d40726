//! The two alphabets of SMS, and what a character costs in each.
//!
//! Standard: 3GPP TS 23.038 sections 6.2.1 (default alphabet), 6.2.1.1 (extension table) and
//! 6.2.3 (UCS2); the sizes of segments follow from 3GPP TS 23.040 section 9.2.3.24.1, with a
//! reference number of one octet.

use std::fmt;

/// How the characters of an SMS are coded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Alphabet {
    /// The GSM 7-bit default alphabet with its extension table; counted in septets.
    Gsm7,
    /// UCS-2, in fact UTF-16; counted in code units of 16 bits.
    Ucs2,
}

impl Alphabet {
    /// Its name for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// What fits into an SMS that stands alone: 140 octets. Unit: septets or code units.
    #[must_use]
    pub fn units_alone(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// What fits into each segment of several: 140 octets without the 6 of the header that joins
    /// them. Unit: septets or code units.
    #[must_use]
    pub fn units_joined(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    /// What a character costs; none where the alphabet lacks it. Unit: septets or code units.
    #[must_use]
    pub fn units_of(self, c: char) -> Option<usize> {
        match self {
            Self::Gsm7 => septets(c),
            Self::Ucs2 => Some(c.len_utf16()),
        }
    }

    /// What stands at the end of a text that was cut.
    pub(super) fn ellipsis(self) -> &'static str {
        match self {
            Self::Gsm7 => "...",
            Self::Ucs2 => "…",
        }
    }
}

impl fmt::Display for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the default alphabet or its extension table has the character.
pub(super) fn is_gsm7(c: char) -> bool {
    septets(c).is_some()
}

fn septets(c: char) -> Option<usize> {
    match c {
        '\n' | '\r' | ' '..='Z' | '_' | 'a'..='z' => Some(1),
        // The extension table: the escape and one more.
        '\u{c}' | '[' | '\\' | ']' | '^' | '{' | '|' | '}' | '~' | '€' => Some(2),
        '£' | '¥' | '¤' | '§' | '¡' | '¿' => Some(1),
        'è' | 'é' | 'ù' | 'ì' | 'ò' | 'à' | 'Ç' | 'É' | 'Ø' | 'ø' | 'Å' | 'å' | 'Æ' | 'æ' | 'ß'
        | 'Ä' | 'Ö' | 'Ñ' | 'Ü' | 'ä' | 'ö' | 'ñ' | 'ü' => Some(1),
        'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TS 23.038 section 6.2.1 in the order of the codes, 16 to a row; `⎋` for the escape.
    const CODES: [&str; 8] = [
        "@£$¥èéùìòÇ\nØø\rÅå",
        "Δ_ΦΓΛΩΠΨΣΘΞ⎋ÆæßÉ",
        " !\"#¤%&'()*+,-./",
        "0123456789:;<=>?",
        "¡ABCDEFGHIJKLMNO",
        "PQRSTUVWXYZÄÖÑÜ§",
        "¿abcdefghijklmno",
        "pqrstuvwxyzäöñüà",
    ];

    /// Section 6.2.1.1: codes 0A, 14, 28, 29, 2F, 3C, 3D, 3E, 40 and 65.
    const EXTENSION: &str = "\u{c}^{}\\[~]|€";

    #[test]
    fn the_alphabet_has_exactly_the_characters_of_the_standard() {
        let rows = CODES.iter().map(|row| row.chars().count());
        assert_eq!(rows.collect::<Vec<_>>(), [16; 8]);
        for c in '\0'..=char::MAX {
            let expected = if c != '⎋' && CODES.iter().any(|row| row.contains(c)) {
                Some(1)
            } else if EXTENSION.contains(c) {
                Some(2)
            } else {
                None
            };
            assert_eq!(Alphabet::Gsm7.units_of(c), expected, "{c:?}");
        }
    }

    #[test]
    fn a_segment_is_what_140_octets_hold() {
        assert_eq!(Alphabet::Gsm7.units_alone(), 140 * 8 / 7);
        assert_eq!(Alphabet::Ucs2.units_alone(), 140 / 2);
        assert_eq!(Alphabet::Gsm7.units_joined(), (140 - 6) * 8 / 7);
        assert_eq!(Alphabet::Ucs2.units_joined(), (140 - 6) / 2);
    }
}
