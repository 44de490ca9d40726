//! Any text into the GSM 7-bit default alphabet: what it has stays, what it lacks becomes what a
//! reader would write instead, and a question mark where there is nothing.
//!
//! The table has what Unicode does not say; letters with marks, ligatures, full-width letters
//! and the like follow from their decomposition (UAX #15, NFKD).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory as Category;

use crate::sms::alphabet::is_gsm7;

/// Characters and what each of them becomes. Letters are in lower case: what the upper case
/// becomes follows.
const TABLE: &[(&str, &str)] = &[
    // Punctuation.
    ("‘’‚‛‹›′`´ʹʻʼʽˈ", "'"),
    ("“”„‟«»″〝〞〟", "\""),
    ("−⁃•‣▪▫■□●○◦∙", "-"),
    ("·⋅", "."),
    ("…", "..."),
    ("⁄∕÷", "/"),
    ("¦", "|"),
    ("≈∼", "~"),
    ("。", "."),
    ("、", ","),
    ("\t", " "),
    ("\u{b}\u{85}\u{2028}\u{2029}", "\n"),
    // Signs that would mean something else without their mark, or stuck to a number.
    ("≠", "!="),
    ("≤⩽", "<="),
    ("≥⩾", ">="),
    ("±", "+/-"),
    ("×", "x"),
    ("°", "deg"),
    ("µ", "u"),
    ("‰", " per mille"),
    ("∞", "inf"),
    ("⁰", "^0"),
    ("¹", "^1"),
    ("²", "^2"),
    ("³", "^3"),
    ("⁴", "^4"),
    ("⁵", "^5"),
    ("⁶", "^6"),
    ("⁷", "^7"),
    ("⁸", "^8"),
    ("⁹", "^9"),
    ("⁻", "^-"),
    ("⌀", "Ø"),
    ("∆", "Δ"),
    ("∑", "Σ"),
    ("∏", "Π"),
    ("→⇒", "->"),
    ("←⇐", "<-"),
    ("©", "(c)"),
    ("®", "(R)"),
    ("¢", "c"),
    ("₽", "RUB"),
    ("₴", "UAH"),
    // Latin letters that are no letter with a mark.
    ("ł", "l"),
    ("đ", "d"),
    ("ð", "d"),
    ("ħ", "h"),
    ("ı", "i"),
    ("ŧ", "t"),
    ("þ", "th"),
    ("ŋ", "ng"),
    ("ĸ", "k"),
    ("ƒ", "f"),
    ("ə", "e"),
    ("œ", "oe"),
    ("ẞ", "SS"),
    ("ɓ", "b"),
    ("ɗ", "d"),
    ("ƙ", "k"),
    ("ƴ", "y"),
    // Greek: GSM-7 has the capitals that look like no Latin letter.
    ("α", "A"),
    ("β", "B"),
    ("γ", "Γ"),
    ("δ", "Δ"),
    ("ε", "E"),
    ("ζ", "Z"),
    ("η", "H"),
    ("θϑ", "Θ"),
    ("ι", "I"),
    ("κ", "K"),
    ("λ", "Λ"),
    ("μ", "M"),
    ("ν", "N"),
    ("ξ", "Ξ"),
    ("ο", "O"),
    ("π", "Π"),
    ("ρ", "P"),
    ("σς", "Σ"),
    ("τ", "T"),
    ("υ", "Y"),
    ("φϕ", "Φ"),
    ("χ", "X"),
    ("ψ", "Ψ"),
    ("ω", "Ω"),
    // Cyrillic: Russian as it is read in English, then the letters of its neighbours.
    ("а", "a"),
    ("б", "b"),
    ("в", "v"),
    ("г", "g"),
    ("д", "d"),
    ("еэ", "e"),
    ("ё", "yo"),
    ("ж", "zh"),
    ("з", "z"),
    ("и", "i"),
    ("йы", "y"),
    ("к", "k"),
    ("л", "l"),
    ("м", "m"),
    ("н", "n"),
    ("о", "o"),
    ("п", "p"),
    ("р", "r"),
    ("с", "s"),
    ("т", "t"),
    ("у", "u"),
    ("ф", "f"),
    ("х", "kh"),
    ("ц", "ts"),
    ("ч", "ch"),
    ("ш", "sh"),
    ("щ", "shch"),
    ("ъь", ""),
    ("ю", "yu"),
    ("я", "ya"),
    ("і", "i"),
    ("ї", "yi"),
    ("є", "ye"),
    ("ґғ", "g"),
    ("ј", "j"),
    ("љ", "lj"),
    ("њ", "nj"),
    ("ћ", "c"),
    ("ђ", "dj"),
    ("џѕ", "dz"),
    ("ә", "a"),
    ("қ", "k"),
    ("ң", "n"),
    ("ө", "o"),
    ("ұү", "u"),
    ("һ", "h"),
];

/// Stands for what cannot be written.
const UNKNOWN: char = '?';

/// A sign through another, as in `≮`: without it the other would say the opposite.
const STROKE: char = '\u{338}';

static REPLACEMENTS: LazyLock<HashMap<char, &str>> = LazyLock::new(|| {
    let row = |(characters, replacement): &(&'static str, &'static str)| {
        characters.chars().map(|c| (c, *replacement)).collect::<Vec<_>>()
    };
    TABLE.iter().flat_map(row).collect()
});

/// Replaces every character that GSM-7 lacks; what it has is not touched.
#[must_use]
pub fn transliterate(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_gsm7) {
        return Cow::Borrowed(text);
    }
    // Composed, since GSM-7 has some letters with marks, and no marks.
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let mut written = String::with_capacity(composed.len());
    let mut before = None;
    let mut rest = composed.chars().peekable();
    while let Some(c) = rest.next() {
        push(&mut written, before, c, rest.peek().copied());
        before = Some(c);
    }
    Cow::Owned(written)
}

/// Writes one character that stands between two others.
fn push(written: &mut String, before: Option<char>, c: char, after: Option<char>) {
    if push_known(written, before, c, after) {
        return;
    }
    match CodePointMapData::<Category>::new().get(c) {
        Category::SpaceSeparator => written.push(' '),
        Category::DashPunctuation => written.push('-'),
        // Marks without a letter of ours, joiners, directions, skin tones: nobody misses them.
        Category::NonspacingMark | Category::EnclosingMark | Category::SpacingMark
            if c != STROKE => {}
        Category::Control | Category::Format | Category::ModifierSymbol => {}
        _ => push_pieces(written, before, c, after),
    }
}

/// Writes a character that GSM-7 or the table has; gives whether it is one.
fn push_known(written: &mut String, before: Option<char>, c: char, after: Option<char>) -> bool {
    if is_gsm7(c) {
        written.push(c);
    } else if c == 'μ' && ![before, after].into_iter().flatten().any(is_greek) {
        // Not in a word it is the sign of a millionth, which looks the same.
        written.push('u');
    } else if let Some(replacement) = REPLACEMENTS.get(&c) {
        written.push_str(replacement);
    } else if let Some(replacement) = lowercase(c).and_then(|lower| REPLACEMENTS.get(&lower)) {
        let is_upper = |c: Option<char>| c.is_some_and(char::is_uppercase);
        let is_in_capitals =
            is_upper(after) || (is_upper(before) && !after.is_some_and(char::is_lowercase));
        push_capital(written, replacement, is_in_capitals);
    } else {
        return false;
    }
    true
}

fn push_capital(written: &mut String, replacement: &str, is_in_capitals: bool) {
    for (at, c) in replacement.chars().enumerate() {
        written.push(if at == 0 || is_in_capitals { c.to_ascii_uppercase() } else { c });
    }
}

/// Writes a character as the simpler ones that Unicode makes of it, if all of them can be.
fn push_pieces(written: &mut String, before: Option<char>, c: char, after: Option<char>) {
    let begin = written.len();
    let decomposer = DecomposingNormalizerBorrowed::new_nfkd();
    for piece in decomposer.normalize_iter(std::iter::once(c)) {
        let is_droppable = piece != STROKE && is_mark(piece);
        if !push_known(written, before, piece, after) && !is_droppable {
            written.truncate(begin);
            written.push(UNKNOWN);
            return;
        }
    }
    let is_fraction = written[begin..].contains('/');
    if is_fraction && written[..begin].ends_with(|c: char| c.is_ascii_digit()) {
        written.insert(begin, ' ');
    }
}

fn is_mark(c: char) -> bool {
    CodePointMapData::<Category>::new().get(c) == Category::NonspacingMark
}

fn is_greek(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}')
}

/// The one letter that the letter is in lower case.
fn lowercase(c: char) -> Option<char> {
    let mut lower = c.to_lowercase();
    lower.next().filter(|_| lower.next().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_gsm7_lacks_is_written_with_what_it_has() {
        for (text, expected) in [
            ("", ""),
            ("Ätherøå ß Ñandú [€] Ω", "Ätherøå ß Ñandu [€] Ω"),
            // Letters with marks, composed or not; GSM-7 has à, but not á.
            ("áàâãäåçćčďéêëęíîïłńóôõúûýźż", "aàaaäåcccdéeeeiiilnooouuyzz"),
            ("a\u{308} e\u{301} s\u{301} q\u{301}", "ä é s q"),
            ("Łódź Đurđa Þór Œuvre İıŞğ Ẽx", "Lodz Durda Thor Oeuvre IiSg Ex"),
            ("Việt Nam", "Viet Nam"),
            ("ÞÓR GROẞ ŒUVRE", "THOR GROSS OEUVRE"),
            // Punctuation.
            ("“Line 2” – ‘off’ — it’s…", "\"Line 2\" - 'off' - it's..."),
            ("„a“ «b» ‹c› `d´ 5′ 6″", "\"a\" \"b\" 'c' 'd' 5' 6\""),
            ("a\u{a0}b\u{202f}c\u{3000}d\te", "a b c d e"),
            ("• one\n‣ two\u{2028}three", "- one\n- two\nthree"),
            ("a\u{ad}b\u{200b}c\u{200d}d\u{feff}e\u{202e}f\u{1b}g\0h", "abcdefgh"),
            // Signs keep their meaning.
            ("85 °C ± 2, ≤ 90 ℃, ≠ 0, ≮ 1", "85 degC +/- 2, <= 90 degC, != 0, ? 1"),
            ("=\u{338} <\u{338} x\u{338}", "!= ? x?"),
            ("5 µm, 5 μm, 2½ m², 10⁻³, 3×4÷2, CO₂", "5 um, 5 um, 2 1/2 m^2, 10^-^3, 3x4/2, CO2"),
            ("½ ¼ № 7 ™ © ® ① ﬁn ｆｕｌｌ", "1/2 1/4 No 7 TM (c) (R) 1 fin full"),
            ("100 ₽ → 1 €", "100 RUB -> 1 €"),
            // Cyrillic.
            (
                "Съешь ещё этих мягких французских булок",
                "Sesh eshchyo etikh myagkikh frantsuzskikh bulok",
            ),
            ("Жара, ЖАРА, Щит, ЩИТ, ПОЖАР Ж", "Zhara, ZHARA, Shchit, SHCHIT, POZHAR Zh"),
            ("Пожар в цехе № 3: 95 %", "Pozhar v tsekhe No 3: 95 %"),
            ("Київ, Єва, Ґанок, їжак, й, И\u{306}", "Kiyiv, Yeva, Ganok, yizhak, y, Y"),
            ("Ђорђе, љубав, ќе, Ѓорѓи, ў", "Djordje, ljubav, ke, Gorgi, u"),
            // Greek as Greek telephones write it.
            ("Καλημέρα κόσμε", "KAΛHMEPA KOΣME"),
            ("ΆΈΉΊΌΎΏ ΐΰ ϊϋ ς", "AEHIOYΩ IY IY Σ"),
            // Nothing to write instead.
            ("火灾", "??"),
            ("ok 😀👍🏽 ❤️", "ok ?? ?"),
        ] {
            assert_eq!(transliterate(text), expected, "{text}");
        }
    }

    #[test]
    fn a_row_of_the_table_has_a_reason() {
        let mut known = std::collections::HashSet::new();
        for (characters, replacement) in TABLE {
            assert!(replacement.chars().all(is_gsm7), "{characters}: GSM-7 lacks {replacement}");
            for c in characters.chars() {
                assert!(!is_gsm7(c), "GSM-7 has {c}");
                assert!(known.insert(c), "{c} has two rows");
            }
        }
    }

    proptest! {
        #[test]
        fn every_text_becomes_gsm7_and_then_stays(text in "(\\PC|[\u{0}-\u{2fff}]|.){0,60}") {
            let written = transliterate(&text);
            prop_assert!(written.chars().all(is_gsm7));
            prop_assert_eq!(transliterate(&written), written.as_ref());
        }
    }
}
