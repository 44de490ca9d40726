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

/// Makes one printable line of text from outside: control characters become spaces, at most
/// `chars_max` characters. For logs, diagnostics and terminals.
#[must_use]
pub fn one_line(text: &str, chars_max: usize) -> String {
    let clean =
        |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    let line: String = text.chars().map(clean).collect();
    ellipsize(line.trim(), chars_max).into_owned()
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
    fn a_masked_address_keeps_its_domain() {
        assert_eq!(mask_address("ops@example.org"), "o***@example.org");
        assert_eq!(mask_address("nothing"), "***");
    }
}
