//! Turns files into findings about words: headers, forbidden words and names, what lies outside.

use crate::source::{Source, find_word, numbered};
use crate::workspace::{Finding, Workspace};

/// Module names that say nothing about their room.
const VAGUE: &[&str] =
    &["manager", "helper", "helpers", "util", "utils", "common", "misc", "data", "info"];

/// Code that may not be there, with what to do instead.
const CODE: &[(&str, &str)] = &[
    ("#[allow", "write #[expect(lint, reason = \"...\")]"),
    ("#![allow", "write #![expect(lint, reason = \"...\")]"),
    ("super::super", "name the way from `crate::`, or move the code"),
    ("todo!", "finish it, or leave it out and open an issue"),
    ("unimplemented!", "finish it, or leave it out and open an issue"),
];

/// Promises to come back later; they belong into an issue. Written in parts, so that this file
/// does not find itself.
const LATER: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

/// What lies outside the repository: a clone stands alone.
const OUTSIDE: &[&str] =
    &[concat!("../", "shared"), concat!("/wo", "rk/"), concat!(".lib", "rary")];

/// All findings about words.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings: Vec<Finding> = workspace.sources.iter().flat_map(check_source).collect();
    for (path, text) in &workspace.files {
        findings.extend(outside(path, text));
        if ["toml", "sql", "html", "css", "js", "sh"]
            .iter()
            .any(|end| path.ends_with(&format!(".{end}")))
        {
            findings.extend(later(path, text));
        }
    }
    findings
}

fn check_source(source: &Source) -> Vec<Finding> {
    let path = &source.path;
    let mut findings = Vec::new();
    if !source.text.starts_with("//!") {
        let advice = "begins without a `//!` header: say in one sentence what becomes what";
        findings.push(Finding::new(path, 1, advice));
    }
    for (line, text) in numbered(&source.code) {
        for (word, remedy) in CODE.iter().filter(|(word, _)| text.contains(word)) {
            findings.push(Finding::new(path, line, format!("`{word}` is forbidden: {remedy}")));
        }
    }
    findings.extend(later(path, &source.comments));
    findings.extend(vague_names(source));
    findings
}

fn later(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in numbered(text) {
        for word in LATER.iter().filter(|word| find_word(text, word).is_some()) {
            let advice = format!("{word} is forbidden: finish it, or open an issue");
            findings.push(Finding::new(path, line, advice));
        }
    }
    findings
}

fn outside(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in numbered(text) {
        for word in OUTSIDE.iter().filter(|word| text.contains(*word)) {
            let advice = format!("`{word}` lies outside the repository: a clone stands alone");
            findings.push(Finding::new(path, line, advice));
        }
    }
    findings
}

/// Whether a module name says nothing: one of the words, or ending in one of them.
fn is_vague(name: &str) -> bool {
    VAGUE
        .iter()
        .any(|word| name.strip_suffix(word).is_some_and(|r| r.is_empty() || r.ends_with('_')))
}

fn vague_names(source: &Source) -> Vec<Finding> {
    let find = |line: usize, name: &str| {
        let advice = format!("module name `{name}` says nothing: name what it holds");
        Finding::new(&source.path, line, advice)
    };
    let parts = source.path.trim_end_matches(".rs").split('/');
    let mut findings: Vec<_> =
        parts.filter(|part| is_vague(part)).map(|part| find(1, part)).collect();
    for (line, text) in numbered(&source.code) {
        let text = text.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        let inline = text.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(" {"));
        if let Some(name) = inline.filter(|name| is_vague(name)) {
            findings.push(find(line, name));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_file(path: &str, text: &str, expected: &[(usize, &str)]) {
        let files = vec![(path.to_owned(), text.to_owned())];
        let found = check(&Workspace::from_files(Vec::new(), files));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, (line, text)) in found.iter().zip(expected) {
            assert!(found.line == *line && found.text.contains(text), "{found:?}");
        }
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        check_file("a/b.rs", "//! Header.\n", &[]);
        check_file("a/b.rs", "fn a() {}\n", &[(1, "header")]);
        check_file("a/b.rs", "\n//! Late.\n", &[(1, "header")]);
    }

    #[test]
    fn forbidden_code_is_found_and_quoted_code_is_not() {
        check_file("a/b.rs", "//! H.\n#[allow(dead_code)]\n", &[(2, "#[expect")]);
        check_file("a/b.rs", "//! H.\nuse super::super::x;\n", &[(2, "super::super")]);
        check_file("a/b.rs", "//! H.\nfn a() { todo!() }\n", &[(2, "todo!")]);
        check_file("a/b.rs", "//! H.\nlet a = \"#[allow\"; // unimplemented!\n", &[]);
    }

    #[test]
    fn promises_to_come_back_are_found() {
        let word = LATER[0];
        check_file("a/b.rs", &format!("//! H.\n// {word}: more\n"), &[(2, "open an issue")]);
        check_file("a/b.rs", &format!("//! H.\nlet a = {word}_COUNT;\n"), &[]);
        check_file("a/b.toml", &format!("a = 1 # {word}\n"), &[(1, "open an issue")]);
        check_file("a/b.md", &format!("{word}\n"), &[]);
    }

    #[test]
    fn what_lies_outside_is_found_in_any_file() {
        for word in OUTSIDE {
            check_file("README.md", &format!("see\n{word}x\n"), &[(2, "stands alone")]);
        }
        check_file("README.md", "see worker/ and shared\n", &[]);
    }

    #[test]
    fn vague_module_names_are_found() {
        check_file("crates/a/src/util.rs", "//! H.\n", &[(1, "`util`")]);
        check_file("crates/a/src/queue_manager/mod.rs", "//! H.\n", &[(1, "`queue_manager`")]);
        check_file("crates/a/src/b.rs", "//! H.\nmod common {\n}\n", &[(2, "`common`")]);
        check_file("crates/a/src/metadata.rs", "//! H.\nmod b;\n", &[]);
    }
}
