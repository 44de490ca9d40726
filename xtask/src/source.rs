//! Turns the text of a Rust file into its code and its comments, line for line.
//!
//! In: source text. Out: two texts of the same lines, the rest blanked out; string and character
//! literals are blanked in both, so that a rule never fires on words that are only quoted.

/// One Rust file, as the rules look at it.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the root of the repository, with `/`.
    pub(crate) path: String,
    /// The file as it is.
    pub(crate) text: String,
    /// Code alone.
    pub(crate) code: String,
    /// Comments alone.
    pub(crate) comments: String,
}

impl Source {
    /// Looks at a file.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        Self { path: path.to_owned(), text: text.to_owned(), code, comments }
    }

    /// Code without test modules; nothing for a file that holds only tests.
    pub(crate) fn shipped_code(&self) -> String {
        if self.path.ends_with("tests.rs") || self.path.contains("/tests/") {
            return String::new();
        }
        let mut shipped = String::new();
        let mut skipped_indent = None;
        let mut after_cfg_test = false;
        for line in self.code.lines() {
            let indent = indent_of(line);
            let trimmed = line.trim();
            if let Some(open) = skipped_indent {
                if trimmed.starts_with('}') && indent == open {
                    skipped_indent = None;
                }
            } else if after_cfg_test && trimmed.starts_with("mod ") && trimmed.ends_with('{') {
                skipped_indent = Some(indent);
            } else {
                shipped.push_str(line);
            }
            after_cfg_test = trimmed == "#[cfg(test)]";
            shipped.push('\n');
        }
        shipped
    }
}

/// Leading spaces of a line.
pub(crate) fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a character can be part of a name.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands in `text` as a whole word. Unit: octets.
pub(crate) fn find_word(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word).map(|(at, _)| at).find(|&at| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The lines of a text with their numbers, the first being 1.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Code and comments apart.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    while at < chars.len() {
        let (kind, length) = token(&chars, at);
        for &c in &chars[at..at + length] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if kind == Kind::Code { c } else { blank });
            comments.push(if kind == Kind::Comment { c } else { blank });
        }
        at += length;
    }
    (code, comments)
}

/// What begins at `at`, and how long it is. Unit: characters, at least one.
fn token(chars: &[char], at: usize) -> (Kind, usize) {
    let rest = &chars[at..];
    let previous = at.checked_sub(1).map(|before| chars[before]);
    match (rest[0], rest.get(1)) {
        ('/', Some('/')) => {
            let length = rest.iter().position(|&c| c == '\n').unwrap_or(rest.len());
            (Kind::Comment, length)
        }
        ('/', Some('*')) => (Kind::Comment, block_comment(rest)),
        ('"', _) => (Kind::Literal, quoted(rest, '"')),
        ('\'', Some('\\')) => (Kind::Literal, quoted(rest, '\'')),
        ('\'', Some(_)) if rest.get(2) == Some(&'\'') => (Kind::Literal, 3),
        ('r', Some('"' | '#'))
            if !previous.is_some_and(|c| is_word(c) && !matches!(c, 'b' | 'c')) =>
        {
            raw_string(rest).map_or((Kind::Code, 1), |length| (Kind::Literal, length))
        }
        _ => (Kind::Code, 1),
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let body = 2 + hashes;
    let closes = |at: usize| {
        rest[at] == '"'
            && rest.len() >= at + 1 + hashes
            && rest[at + 1..at + 1 + hashes].iter().all(|&c| c == '#')
    };
    let end = (body..rest.len()).find(|&at| closes(at)).map_or(rest.len(), |at| at + 1 + hashes);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_told_from_code() {
        for (text, code, comment) in [
            ("a // b", "a", "// b"),
            ("a /* b /* c */ d */ e", "a e", "/* b /* c */ d */"),
            ("x(\"// no \\\" end\") // yes", "x( )", "// yes"),
            ("f('\"', 'a, '\\'')", "f( , 'a, )", ""),
            ("r#\"// \"x\"# + r", "+ r", ""),
            ("br\"\\\" //c", "b", "//c"),
            ("for r in x", "for r in x", ""),
        ] {
            let (found, comments) = split(text);
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words(&found), code, "{text}");
            assert_eq!(words(&comments), comment, "{text}");
            assert_eq!(found.chars().count(), text.chars().count(), "{text}");
        }
    }

    #[test]
    fn words_are_found_whole() {
        for (text, word, found) in [
            ("use serde::x", "serde", true),
            ("use serde_json::x", "serde", false),
            ("my_serde()", "serde", false),
            ("serde_json serde", "serde", true),
        ] {
            assert_eq!(find_word(text, word).is_some(), found, "{text}");
        }
    }

    #[test]
    fn test_modules_are_not_shipped() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let shipped = Source::new("crates/x/src/lib.rs", text).shipped_code();
        assert!(shipped.contains("fn a") && shipped.contains("fn c") && !shipped.contains("fn b"));
        assert_eq!(shipped.lines().count(), text.lines().count(), "lines keep their numbers");
        assert!(Source::new("crates/x/src/y/tests.rs", text).shipped_code().is_empty());
    }
}
