//! Small rules about text that more than one crate needs.

/// Cuts text to a number of characters, the last of them an ellipsis when something was cut.
#[must_use]
pub fn ellipsize(text: &str, chars_max: usize) -> std::borrow::Cow<'_, str> {
    if text.len() <= chars_max || text.char_indices().nth(chars_max).is_none() {
        return text.into();
    }
    let end = text.char_indices().nth(chars_max.saturating_sub(1)).map_or(0, |(at, _)| at);
    format!("{}…", &text[..end]).into()
}

/// Makes one printable line of text from outside, of at most `chars_max` characters.
///
/// Control characters, and those that turn what follows around (Unicode Standard Annex 9,
/// section 2), become spaces. For logs, diagnostics, terminals and subjects.
#[must_use]
pub fn one_line(text: &str, chars_max: usize) -> String {
    let is_kept = |c: char| {
        !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let clean = |c: char| if is_kept(c) { c } else { ' ' };
    let line: String = text.chars().map(clean).collect();
    ellipsize(line.trim(), chars_max).into_owned()
}

/// Whether people cannot see a character, or it turns others around.
///
/// Control characters, line and paragraph separators, what joins or formats, and fillers: Unicode's
/// `Cc`, `Cf`, `Zl`, `Zp` and what is ignorable by default.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}'
            | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}'
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a name means a folder where it stands in a path, so that no address leads to it.
#[must_use]
pub fn is_dots(name: &str) -> bool {
    matches!(name, "." | "..")
}

/// Hides most of an address in logs: `o***@example.org`.
#[must_use]
pub fn mask_address(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}***@{domain}")
        }
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_characters_with_an_ellipsis() {
        for (text, max, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("äöü", 3, "äöü"),
            ("äöüß", 2, "ä…"),
            ("", 0, ""),
        ] {
            assert_eq!(ellipsize(text, max), expected);
        }
    }

    #[test]
    fn a_line_has_no_control_characters() {
        assert_eq!(one_line("a\r\nb\u{1b}[31m\u{2028}c\n", 100), "a  b [31m c");
    }

    #[test]
    fn nothing_in_a_line_turns_the_rest_around() {
        assert_eq!(one_line("a\u{202e}cba\u{202c}\u{2066}d\u{2069}", 100), "a cba  d");
        assert_eq!(one_line("שלום \u{200f}(1)", 100), "שלום \u{200f}(1)", "marks do no harm");
    }

    #[test]
    fn what_people_do_not_see_is_hidden() {
        for c in ['\n', '\u{7f}', '\u{ad}', '\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}'] {
            assert!(is_hidden(c), "{c:?}");
        }
        for c in ['\u{3164}', '\u{2028}', '\u{e0041}', '\u{2060}', '\u{61c}', '\u{200f}'] {
            assert!(is_hidden(c), "{c:?}");
        }
        for c in [' ', 'a', 'ж', 'ç', '漢', 'א', '🙂', '\u{301}', '-'] {
            assert!(!is_hidden(c), "{c:?}");
        }
    }

    #[test]
    fn a_name_of_one_or_two_dots_is_a_folder() {
        let found = [".", "..", "...", "", "a."].map(is_dots);
        assert_eq!(found, [true, true, false, false, false]);
    }

    #[test]
    fn a_masked_address_keeps_its_domain() {
        assert_eq!(mask_address("ops@example.org"), "o***@example.org");
        assert_eq!(mask_address("nothing"), "***");
    }
}
