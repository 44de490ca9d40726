//! Turns sources into findings about files and functions that are too long.

use crate::source::{Source, indent_of, numbered};
use crate::workspace::Finding;

/// Longest file. Unit: lines.
pub(crate) const FILE_LINES_MAX: usize = 500;
/// Longest function, from its `fn` line to its closing brace. Unit: lines.
pub(crate) const FUNCTION_LINES_MAX: usize = 70;

/// A file or function that may be longer, and why.
#[derive(Debug)]
pub(crate) struct Exception {
    /// Path of the file.
    pub(crate) path: &'static str,
    /// Name of the function; empty for the file itself.
    pub(crate) function: &'static str,
    /// How long it may be. Unit: lines.
    pub(crate) lines_max: usize,
    /// Why it is better long than cut.
    pub(crate) reason: &'static str,
}

/// A function of a file.
#[derive(PartialEq, Eq, Debug)]
struct Function<'a> {
    name: &'a str,
    line: usize,
    lines: usize,
}

/// All findings about sizes, exceptions that are no longer needed among them.
pub(crate) fn check(sources: &[Source], exceptions: &[Exception]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut is_used = vec![false; exceptions.len()];
    let mut limit = |path: &str, function: &str, usual: usize, lines: usize| {
        let same = |e: &Exception| e.path == path && e.function == function;
        match exceptions.iter().position(same) {
            Some(index) if lines > usual => {
                is_used[index] = true;
                exceptions[index].lines_max
            }
            _ => usual,
        }
    };
    for source in sources {
        let lines = source.text.lines().count();
        let max = limit(&source.path, "", FILE_LINES_MAX, lines);
        if lines > max {
            let text = format!("file has {lines} lines, at most {max}: give a part of it a file");
            findings.push(Finding::new(&source.path, max + 1, text));
        }
        for Function { name, line, lines } in functions(&source.code) {
            let max = limit(&source.path, name, FUNCTION_LINES_MAX, lines);
            if lines > max {
                let text = format!("`{name}` has {lines} lines, at most {max}: name its parts");
                findings.push(Finding::new(&source.path, line, text));
            }
        }
    }
    for (exception, _) in exceptions.iter().zip(&is_used).filter(|(_, is_used)| !**is_used) {
        let Exception { path, function, reason, .. } = exception;
        let what = format!("{path} {function}");
        let text = format!("exception for {} ({reason}) is not needed: remove it", what.trim());
        findings.push(Finding::new("xtask/src/tidy.rs", 1, text));
    }
    findings
}

/// The functions of some code that rustfmt has laid out.
fn functions(code: &str) -> Vec<Function<'_>> {
    let lines: Vec<&str> = code.lines().collect();
    numbered(code)
        .filter_map(|(line, text)| {
            let name = function_name(text)?;
            let lines = body_lines(&lines[line - 1..], indent_of(text))?;
            Some(Function { name, line, lines })
        })
        .collect()
}

/// The name of the function that begins on this line.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = match line.trim_start().strip_prefix("fn ") {
        Some(after) => ("", after),
        None => line.split_once(" fn ")?,
    };
    let is_qualifier = |word: &str| {
        word.starts_with("pub")
            || matches!(word, "const" | "async" | "unsafe" | "extern" | "default" | "in" | "\"C\"")
            || word.ends_with(')')
    };
    if !before.split_whitespace().all(is_qualifier) {
        return None;
    }
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
    (end > 0).then(|| &after[..end])
}

/// Lines from the `fn` line to the closing brace at the same indentation; nothing without a body.
fn body_lines(lines: &[&str], indent: usize) -> Option<usize> {
    let mut is_open = false;
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.trim_end();
        if !is_open && trimmed.ends_with(';') {
            return None;
        }
        if !is_open && trimmed.ends_with('}') {
            return Some(index + 1);
        }
        if is_open && indent_of(line) == indent && line.trim_start().starts_with('}') {
            return Some(index + 1);
        }
        is_open |= indent_of(line) == indent && trimmed.ends_with('{');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_functions(code: &str, expected: &[(&str, usize, usize)]) {
        let expected: Vec<_> =
            expected.iter().map(|&(name, line, lines)| Function { name, line, lines }).collect();
        assert_eq!(functions(code), expected, "{code}");
    }

    #[test]
    fn functions_are_counted_from_fn_to_brace() {
        check_functions("fn a() {}\n", &[("a", 1, 1)]);
        check_functions("fn a() {\n    b();\n}\n\nfn c() {\n}\n", &[("a", 1, 3), ("c", 5, 2)]);
        check_functions(
            "impl X {\n    pub(crate) async fn a(\n        &self,\n    ) -> u8 {\n        if x {\n        }\n    }\n}\n",
            &[("a", 2, 6)],
        );
        check_functions(
            "trait T {\n    fn a(&self);\n    fn b(\n        &self,\n    ) -> u8;\n}\n",
            &[],
        );
        check_functions("fn a<T>(t: T)\nwhere\n    T: X,\n{\n    t\n}\n", &[("a", 1, 6)]);
        check_functions("type F = fn (u8);\nlet x: fn () = y;\n", &[]);
        check_functions("fn a() {\n    fn b() {\n    }\n}\n", &[("a", 1, 4), ("b", 2, 2)]);
    }

    fn long(lines: usize) -> String {
        format!("fn a() {{\n{}}}\n", "    b();\n".repeat(lines - 2))
    }

    #[test]
    fn long_files_and_functions_are_found() {
        for (text, expected) in [
            (long(FUNCTION_LINES_MAX), vec![]),
            (long(FUNCTION_LINES_MAX + 1), vec!["`a` has 71 lines"]),
            ("\n".repeat(FILE_LINES_MAX), vec![]),
            ("\n".repeat(FILE_LINES_MAX + 1), vec!["file has 501 lines"]),
        ] {
            let findings = check(&[Source::new("x.rs", &text)], &[]);
            assert_eq!(findings.len(), expected.len(), "{findings:?}");
            for (finding, expected) in findings.iter().zip(expected) {
                assert!(finding.text.contains(expected), "{finding:?}");
            }
        }
    }

    #[test]
    fn an_exception_holds_up_to_its_own_bound_and_only_while_it_is_needed() {
        let exceptions =
            [Exception { path: "x.rs", function: "a", lines_max: 80, reason: "a table" }];
        for (lines, expected) in
            [(80, None), (81, Some("81 lines, at most 80")), (70, Some("not needed"))]
        {
            let findings = check(&[Source::new("x.rs", &long(lines))], &exceptions);
            assert_eq!(
                findings.first().map(|f| f.text.contains(expected.unwrap_or("-"))),
                expected.map(|_| true)
            );
        }
    }
}
