//! A text into the segments that it takes, and into a text that takes no more than a number of
//! them.
//!
//! Standard: 3GPP TS 23.040 section 9.2.3.24.1: neither an escape and its character nor a
//! surrogate pair is split between segments, so a segment may end with a unit unused.

use std::borrow::Cow;

use crate::sms::alphabet::{Alphabet, is_gsm7};
use crate::sms::grapheme::Clusters;
use crate::sms::transliteration::transliterate;

/// What a text costs as an SMS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measure {
    /// The alphabet it needs.
    pub alphabet: Alphabet,
    /// Its length, without what is left unused at the end of segments. Unit: septets or code
    /// units of 16 bits.
    pub units: usize,
    /// SMS that are paid for, at least 1.
    pub segments: usize,
    /// What fits into the last segment. Unit: septets or code units of 16 bits.
    pub units_left: usize,
}

/// Counts what a text takes. Line breaks count as they stand: LF is one character, CR LF two.
#[must_use]
pub fn measure(text: &str) -> Measure {
    let alphabet = if text.chars().all(is_gsm7) { Alphabet::Gsm7 } else { Alphabet::Ucs2 };
    let mut filling = Filling::new(alphabet);
    for c in text.chars() {
        filling.push(alphabet.units_of(c).expect("the alphabet was chosen for all characters"));
    }
    filling.measure()
}

/// Cuts a text to a number of segments, the last characters an ellipsis when something was cut;
/// transliterates it before, when asked to. A limit of 0 is taken for 1.
///
/// Of the two alphabets it takes the one that leaves more of the text.
#[must_use]
pub fn shorten(text: &str, segments_max: usize, is_transliterated: bool) -> (String, Measure) {
    let text = if is_transliterated { transliterate(text) } else { Cow::Borrowed(text) };
    let segments_max = segments_max.max(1);
    let whole = measure(&text);
    if whole.segments <= segments_max {
        return (text.into_owned(), whole);
    }
    let end_gsm7 = end_of_fitting(&text, Alphabet::Gsm7, segments_max);
    let end_ucs2 = end_of_fitting(&text, Alphabet::Ucs2, segments_max);
    let (end, alphabet) =
        if end_gsm7 >= end_ucs2 { (end_gsm7, Alphabet::Gsm7) } else { (end_ucs2, Alphabet::Ucs2) };
    let short = format!("{}{}", &text[..end], alphabet.ellipsis());
    let measure = measure(&short);
    (short, measure)
}

/// Where the longest begin of the text ends that fits together with the alphabet's ellipsis.
/// Unit: bytes.
fn end_of_fitting(text: &str, alphabet: Alphabet, segments_max: usize) -> usize {
    let mut filling = Filling::new(alphabet);
    let mut clusters = Clusters::new();
    let mut end = 0;
    for (at, c) in text.char_indices() {
        if clusters.begins_with(c) {
            if !filling.has_room_for_ellipsis(segments_max) {
                break;
            }
            end = at;
        }
        let Some(units) = alphabet.units_of(c) else { break };
        filling.push(units);
    }
    end
}

/// Segments on their way to be filled.
#[derive(Clone, Copy)]
struct Filling {
    alphabet: Alphabet,
    units: usize,
    /// Segments that are full, if the text is split.
    full: usize,
    /// Units of the segment after them.
    open: usize,
}

impl Filling {
    fn new(alphabet: Alphabet) -> Self {
        Self { alphabet, units: 0, full: 0, open: 0 }
    }

    /// Adds a character, whole.
    fn push(&mut self, units: usize) {
        self.units += units;
        if self.open + units > self.alphabet.units_joined() {
            self.full += 1;
            self.open = 0;
        }
        self.open += units;
    }

    fn is_alone(&self) -> bool {
        self.units <= self.alphabet.units_alone()
    }

    fn segments(&self) -> usize {
        if self.is_alone() { 1 } else { self.full + 1 }
    }

    fn has_room_for_ellipsis(&self, segments_max: usize) -> bool {
        let mut longer = *self;
        for c in self.alphabet.ellipsis().chars() {
            longer.push(self.alphabet.units_of(c).expect("an alphabet has its ellipsis"));
        }
        longer.segments() <= segments_max
    }

    fn measure(&self) -> Measure {
        let units_left = if self.is_alone() {
            self.alphabet.units_alone() - self.units
        } else {
            self.alphabet.units_joined() - self.open
        };
        Measure {
            alphabet: self.alphabet,
            units: self.units,
            segments: self.segments(),
            units_left,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Alphabet::{Gsm7, Ucs2};

    fn of(count: usize, text: &str) -> String {
        text.repeat(count)
    }

    #[test]
    fn segments_are_counted_as_the_standard_fills_them() {
        for (text, alphabet, units, segments, units_left) in [
            (String::new(), Gsm7, 0, 1, 160),
            (of(160, "a"), Gsm7, 160, 1, 0),
            (of(161, "a"), Gsm7, 161, 2, 145),
            (of(306, "a"), Gsm7, 306, 2, 0),
            (of(307, "a"), Gsm7, 307, 3, 152),
            (of(158, "a") + "€", Gsm7, 160, 1, 0),
            (of(159, "a") + "€", Gsm7, 161, 2, 145),
            (of(80, "€"), Gsm7, 160, 1, 0),
            // 153 septets hold 76 pairs, and one septet stays unused.
            (of(81, "€"), Gsm7, 162, 2, 143),
            (of(152, "€"), Gsm7, 304, 2, 1),
            (of(153, "€"), Gsm7, 306, 3, 151),
            // The pair would begin with septet 153: it goes to the next segment.
            (of(152, "a") + "€" + &of(10, "a"), Gsm7, 164, 2, 141),
            (of(151, "a") + "€" + &of(10, "a"), Gsm7, 163, 2, 143),
            (of(153, "a") + "€" + &of(10, "a"), Gsm7, 165, 2, 141),
            (of(152, "a") + "[" + &of(151, "a"), Gsm7, 305, 2, 0),
            (of(152, "a") + "[" + &of(152, "a"), Gsm7, 306, 3, 152),
            ("a\u{c}b".into(), Gsm7, 4, 1, 156),
            (of(70, "ж"), Ucs2, 70, 1, 0),
            (of(71, "ж"), Ucs2, 71, 2, 63),
            (of(134, "ж"), Ucs2, 134, 2, 0),
            (of(135, "ж"), Ucs2, 135, 3, 66),
            // One character that GSM-7 lacks is enough.
            (of(70, "a") + "ç", Ucs2, 71, 2, 63),
            (of(34, "ж") + "😀" + &of(34, "ж"), Ucs2, 70, 1, 0),
            (of(35, "😀"), Ucs2, 70, 1, 0),
            // 67 code units hold 33 surrogate pairs, and one stays unused.
            (of(36, "😀"), Ucs2, 72, 2, 61),
            (of(66, "ж") + "😀" + &of(10, "ж"), Ucs2, 78, 2, 55),
            (of(65, "ж") + "😀" + &of(10, "ж"), Ucs2, 77, 2, 57),
            (of(66, "😀"), Ucs2, 132, 2, 1),
            (of(67, "😀"), Ucs2, 134, 3, 65),
        ] {
            let expected = Measure { alphabet, units, segments, units_left };
            assert_eq!(measure(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_with_an_ellipsis() {
        for (text, max, transliterated, expected) in [
            (of(160, "a"), 1, false, of(160, "a")),
            (of(161, "a"), 1, false, of(157, "a") + "..."),
            (of(161, "a"), 0, false, of(157, "a") + "..."),
            (of(306, "a"), 2, false, of(306, "a")),
            (of(307, "a"), 2, false, of(303, "a") + "..."),
            (of(71, "ж"), 1, false, of(69, "ж") + "…"),
            (of(135, "ж"), 2, false, of(133, "ж") + "…"),
            (of(71, "ж"), 1, true, of(71, "zh")),
            (of(80, "ж"), 1, true, of(160 / 2, "zh")),
            (of(81, "ж"), 1, true, of(78, "zh") + "z..."),
            // The pair of 156 and 157 would leave two septets for three full stops.
            (of(156, "a") + "€" + &of(9, "a"), 1, false, of(156, "a") + "..."),
            (of(155, "a") + "€" + &of(9, "a"), 1, false, of(155, "a") + "€..."),
            // Neither a surrogate pair nor a letter and its mark is split.
            (of(68, "ж") + "😀жжж", 1, false, of(68, "ж") + "…"),
            (of(68, "ж") + "e\u{323}жжж", 1, false, of(68, "ж") + "…"),
            (of(67, "ж") + "e\u{323}жжж", 1, false, of(67, "ж") + "e\u{323}…"),
            (of(60, "ж") + "👩‍👩‍👧‍👧", 1, false, of(60, "ж") + "…"),
            // What makes the text UCS-2 is cut off: GSM-7 has room for more.
            (of(150, "a") + "ж", 1, false, of(150, "a") + "..."),
            (of(200, "a") + "ж", 1, false, of(157, "a") + "..."),
            (of(60, "a") + "ж" + &of(99, "a"), 1, false, of(60, "a") + "ж" + &of(8, "a") + "…"),
            (of(69, "a") + "ж" + &of(99, "a"), 1, false, of(69, "a") + "..."),
        ] {
            let (short, measured) = shorten(&text, max, transliterated);
            assert_eq!(short, expected, "{text}");
            assert_eq!(measured, measure(&expected));
        }
    }

    /// Segments as lists of whole characters, by trying each text anew.
    fn segments_slowly(text: &str) -> (bool, Vec<Vec<Vec<u16>>>) {
        const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
            ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
        const EXTENSION: &str = "\u{c}^{}\\[~]|€";
        let is_gsm = text.chars().all(|c| BASIC.contains(c) || EXTENSION.contains(c));
        let code = |c: char| -> Vec<u16> {
            match is_gsm {
                true if EXTENSION.contains(c) => vec![0x1b, 0],
                true => vec![0],
                false => c.encode_utf16(&mut [0; 2]).to_vec(),
            }
        };
        let (alone, joined) = if is_gsm { (160, 153) } else { (70, 67) };
        let codes: Vec<Vec<u16>> = text.chars().map(code).collect();
        if codes.concat().len() <= alone {
            return (is_gsm, vec![codes]);
        }
        let mut segments = vec![Vec::new()];
        for code in codes {
            let last: &mut Vec<Vec<u16>> = segments.last_mut().unwrap();
            if last.concat().len() + code.len() <= joined {
                last.push(code);
            } else {
                segments.push(vec![code]);
            }
        }
        (is_gsm, segments)
    }

    fn mixed_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z€\\[ \n]{0,500}",
            "[a-zжя€😀\u{301}\u{200d}]{0,250}",
            "[a-z€]{50,160}[ж😀][a-z]{0,99}",
            "(\\PC|a|\u{308}){0,200}",
        ]
    }

    proptest! {
        #[test]
        fn a_measure_is_what_slow_counting_gives(text in mixed_text()) {
            let (is_gsm, segments) = segments_slowly(&text);
            let found = measure(&text);
            prop_assert_eq!(found.alphabet == Gsm7, is_gsm);
            prop_assert_eq!(found.segments, segments.len());
            prop_assert_eq!(found.units, segments.concat().concat().len());
            let room = match (is_gsm, segments.len()) {
                (true, 1) => 160,
                (true, _) => 153,
                (false, 1) => 70,
                (false, _) => 67,
            };
            let last = segments.last().unwrap().concat().len();
            prop_assert_eq!(found.units_left, room - last);
        }

        #[test]
        fn a_shortened_text_fits_and_is_a_begin_with_an_ellipsis(
            text in mixed_text(),
            max in 1_usize..4,
            transliterated: bool,
        ) {
            let whole = if transliterated { transliterate(&text).into_owned() } else { text.clone() };
            let (short, measured) = shorten(&text, max, transliterated);
            prop_assert!(segments_slowly(&short).1.len() <= max);
            prop_assert_eq!(measured, measure(&short));
            if measure(&whole).segments <= max {
                prop_assert_eq!(short, whole);
                return Ok(());
            }
            let begin = match measured.alphabet {
                Gsm7 => short.strip_suffix("...").unwrap(),
                Ucs2 => short.strip_suffix('…').unwrap(),
            };
            prop_assert!(whole.starts_with(begin));
            let next = whole[begin.len()..].chars().next().unwrap();
            let is_mark = ('\u{300}'..='\u{36f}').contains(&next);
            prop_assert!(!is_mark || begin.chars().count() >= 32);
            // One cluster more would not have fitted, whatever its length is.
            let mut longer = begin.to_owned();
            let mut clusters = Clusters::new();
            for c in whole.chars().take(begin.chars().count()) {
                clusters.begins_with(c);
            }
            for (at, c) in whole[begin.len()..].chars().enumerate() {
                if clusters.begins_with(c) && at > 0 {
                    break;
                }
                longer.push(c);
            }
            let fits = |end: &str| segments_slowly(&(longer.clone() + end)).1.len() <= max;
            prop_assert!(!fits("…"));
            prop_assert!(!longer.chars().all(is_gsm7) || !fits("..."));
        }
    }
}
