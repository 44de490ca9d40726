//! Rows and paragraphs into plain text for a screen of eighty columns.
//!
//! In: labels with values, free text. Out: lines of at most 76 columns, where words allow it;
//! values stand below each other, whatever is longer goes on below its value.

use std::fmt::Write as _;

/// Longest line. Unit: characters.
pub(super) const COLUMNS_MAX: usize = 76;

/// Writes labels and values in two columns.
pub(super) fn push_rows(text: &mut String, rows: &[(&str, &str)]) {
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default() + 2;
    let room = COLUMNS_MAX.saturating_sub(width).max(1);
    for (label, value) in rows {
        let gap = " ".repeat(width - label.chars().count() - 1);
        for (at, line) in wrap(value, room).iter().enumerate() {
            let _ = match at {
                0 => writeln!(text, "{label}:{gap}{line}"),
                _ => writeln!(text, "{}{line}", " ".repeat(width)),
            };
        }
    }
}

/// Writes text that somebody else wrote: its lines are kept, and long ones wrapped.
pub(super) fn push_text(text: &mut String, written: &str) {
    for line in written.lines() {
        for part in wrap(line, COLUMNS_MAX) {
            let _ = writeln!(text, "{part}");
        }
    }
}

/// Parts of a line, broken at spaces; a word that is too long stands alone.
fn wrap(line: &str, room: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line.trim_end();
    while rest.chars().count() > room {
        // One more: a space just behind the room is good.
        let end = rest.char_indices().nth(room + 1).map_or(rest.len(), |(at, _)| at);
        let first_word = rest.len() - rest.trim_start_matches(' ').len();
        let within = rest[..end].rfind(' ').filter(|at| *at > first_word);
        let beyond = || rest[first_word..].find(' ').map(|at| at + first_word);
        let Some(at) = within.or_else(beyond) else { break };
        parts.push(rest[..at].trim_end_matches(' '));
        rest = rest[at..].trim_start_matches(' ');
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces_and_long_words_are_whole() {
        for (line, room, expected) in [
            ("", 5, vec![""]),
            ("one two", 7, vec!["one two"]),
            ("one two", 6, vec!["one", "two"]),
            ("one two", 3, vec!["one", "two"]),
            ("https://long.example/ x", 4, vec!["https://long.example/", "x"]),
            ("a https://long.example/", 4, vec!["a", "https://long.example/"]),
            ("   indented words", 10, vec!["   indented", "words"]),
            ("12\u{a0}571,5\u{a0}°C ещё", 12, vec!["12\u{a0}571,5\u{a0}°C", "ещё"]),
            ("a   b", 2, vec!["a", "b"]),
        ] {
            assert_eq!(wrap(line, room), expected, "{line}");
        }
    }

    #[test]
    fn rows_stand_in_two_columns() {
        let mut text = String::new();
        let long = "word ".repeat(20);
        push_rows(&mut text, &[("Статус", "Новый"), ("Id", &long)]);
        assert!(text.starts_with("Статус: Новый\nId:     word word"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS_MAX), "{text}");
        assert!(text.lines().nth(2).unwrap().starts_with("        word"), "{text}");
    }
}
