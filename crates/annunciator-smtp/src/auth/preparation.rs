//! Names and passwords into the one form that both sides of SCRAM compute with.
//!
//! Standard: RFC 4013 (`SASLprep`) as far as it matters to passwords: spaces become U+0020, what is
//! invisible goes, NFKC, no control characters. Tables of unassigned and right-to-left characters
//! are not consulted: they would refuse passwords, never accept one more.
//! Failure: in words, without the text.

use icu_normalizer::ComposingNormalizerBorrowed;
use zeroize::Zeroizing;

/// Prepares a name or a password; `what` is its word in an error.
pub(crate) fn prepare(text: &str, what: &str) -> Result<Zeroizing<String>, String> {
    // Longer than any normalisation, so that no copy is left behind by growing.
    let mut mapped = Zeroizing::new(String::with_capacity(text.len()));
    mapped.extend(text.chars().filter(|c| !is_invisible(*c)).map(|c| match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        other => other,
    }));
    let prepared =
        Zeroizing::new(ComposingNormalizerBorrowed::new_nfkc().normalize(&mapped).into_owned());
    if prepared.is_empty() {
        return Err(format!("the {what} is empty"));
    }
    if prepared.chars().any(is_prohibited) {
        return Err(format!("the {what} holds a control character, which SCRAM does not allow"));
    }
    Ok(prepared)
}

/// RFC 3454 table B.1.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}'
            | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// Control characters, private use and what is no character (RFC 4013 section 2.3).
fn is_prohibited(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}'
                | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{10ffff}'
        )
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_compute_with_the_same_text() {
        // The first five rows are the examples of RFC 4013 section 3.
        for (text, expected) in [
            ("I\u{ad}X", Ok("IX")),
            ("user", Ok("user")),
            ("USER", Ok("USER")),
            ("\u{aa}", Ok("a")),
            ("\u{2168}", Ok("IX")),
            ("pass\u{a0}word", Ok("pass word")),
            ("e\u{301}", Ok("\u{e9}")),
            ("\u{7}", Err(())),
            ("a\0b", Err(())),
            ("a\u{85}b", Err(())),
            ("a\u{2028}b", Err(())),
            ("\u{ad}", Err(())),
            ("", Err(())),
        ] {
            let got = prepare(text, "password");
            assert_eq!(got.as_deref().map(String::as_str).map_err(|_| ()), expected, "{text:?}");
        }
    }
}
