//! Turns the sources of the pure crates into findings about clocks, I/O, threads and logs.
//!
//! Pure crates are given time and randomness as arguments; this is what makes the rules of
//! planning, settings and mail testable as tables (ADR 0001).

use crate::source::{Source, find_word, numbered};
use crate::workspace::{Finding, Workspace};

/// Crates that do no I/O, ask no clock, spawn nothing and log nothing.
pub(crate) const PURE: &[&str] = &[
    "annunciator-core",
    "annunciator-settings",
    "annunciator-template",
    "annunciator-mail",
    "annunciator-api-types",
    "annunciator-planner",
];

/// The `clippy.toml` that every other pure crate has a copy of.
///
/// Clippy reads only the nearest file, so that it repeats the settings of the root's.
const MODEL: &str = "crates/annunciator-core/clippy.toml";
const ROOT: &str = "clippy.toml";

/// Paths that may not be named, with what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("std::time::SystemTime", "time is an argument"),
    ("std::time::Instant", "time is an argument"),
    ("std::fs", "no I/O here: take the content as an argument"),
    ("std::net::TcpStream", "no I/O here"),
    ("std::net::TcpListener", "no I/O here"),
    ("std::net::UdpSocket", "no I/O here"),
    ("std::env", "settings are arguments"),
    ("std::thread", "spawn nothing here"),
    ("std::process", "spawn nothing here"),
    ("tokio", "async lives in smtp, channels, store, server and the binary"),
    ("tracing", "log nothing here: return the reason"),
];

/// Endings of calls that read a clock, whatever type they belong to.
const CLOCKS: &[&str] = &["::now(", "::now_v7(", "::now_utc("];

/// All findings about pure crates.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    let model = workspace.text(MODEL);
    match model {
        None => findings.push(Finding::new(MODEL, 1, "is missing: it bans clocks and I/O")),
        Some(model) => findings.extend(forgotten(workspace.text(ROOT).unwrap_or_default(), model)),
    }
    for package in workspace.packages.iter().filter(|p| PURE.contains(&p.name.as_str())) {
        let lints = format!("{}/clippy.toml", package.folder);
        if model.is_some() && workspace.text(&lints) != model {
            let text = format!("is not the model: cp {MODEL} {lints}");
            findings.push(Finding::new(&lints, 1, text));
        }
        let shipped = format!("{}/src/", package.folder);
        let sources = workspace.sources.iter().filter(|source| source.path.starts_with(&shipped));
        findings.extend(sources.flat_map(impurities));
    }
    findings
}

/// Settings of the root's file that the model does not repeat.
fn forgotten(root: &str, model: &str) -> Vec<Finding> {
    let is_setting = |line: &str| line.contains(" = ") && line.starts_with(char::is_alphabetic);
    root.lines()
        .filter(|line| is_setting(line) && !line.ends_with('['))
        .filter(|line| !model.lines().any(|other| other == *line))
        .map(|line| Finding::new(MODEL, 1, format!("does not repeat the root's `{line}`: copy it")))
        .collect()
}

fn impurities(source: &Source) -> Vec<Finding> {
    let code = source.shipped_code();
    let mut findings = Vec::new();
    let mut find = |line: usize, what: &str, remedy: &str| {
        let text = format!("`{what}` in a pure crate: {remedy}");
        findings.push(Finding::new(&source.path, line, text));
    };
    for (line, text) in numbered(&code) {
        for (path, remedy) in BANNED {
            if find_word(text, path).is_some() {
                find(line, path, remedy);
            }
        }
        for clock in CLOCKS.iter().filter(|clock| text.contains(*clock)) {
            find(line, clock.trim_matches([':', '(']), "time is an argument");
        }
    }
    for (line, path) in grouped_imports(&code) {
        for (banned, remedy) in BANNED {
            let names = |rest: &str| rest.is_empty() || rest.starts_with("::");
            if path.strip_prefix(banned).is_some_and(names) {
                find(line, &path, remedy);
            }
        }
    }
    findings
}

/// The paths of `use a::{b, c::{d}};` written out, with the line where the statement begins.
fn grouped_imports(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut at = 0;
    while let Some(begin) = code[at..].find("use ").map(|found| at + found) {
        let end = code[begin..].find(';').map_or(code.len(), |length| begin + length);
        let statement = &code[begin + 4..end];
        if statement.contains('{') {
            let line = 1 + code[..begin].matches('\n').count();
            let mut written_out = Vec::new();
            write_out("", statement, &mut written_out);
            paths.extend(written_out.into_iter().map(|path| (line, path)));
        }
        at = begin + 4;
    }
    paths
}

fn write_out(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut begin) = (0_usize, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                write_out(&prefix, &group[begin..at], paths);
                begin = at + 1;
            }
            _ => {}
        }
    }
    if !group[begin..].trim().is_empty() {
        write_out(&prefix, &group[begin..], paths);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Package;

    #[track_caller]
    fn check_code(code: &str, expected: &[(usize, &str)]) {
        let findings = impurities(&Source::new("crates/annunciator-core/src/x.rs", code));
        let found: Vec<_> = findings.iter().map(|f| (f.line, f.text.as_str())).collect();
        assert_eq!(found.len(), expected.len(), "{code}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.0 == expected.0 && found.1.contains(expected.1), "{found:?}");
        }
    }

    #[test]
    fn clocks_io_threads_and_logs_are_found() {
        check_code("use std::fmt;\nlet t = std::fs::read(p);", &[(2, "std::fs")]);
        check_code("let t = Timestamp::now();", &[(1, "now")]);
        check_code("fn f(clock: &dyn Clock) { clock.now(); }", &[]);
        check_code("use std::net::IpAddr;", &[]);
        check_code("use std::net::TcpStream;", &[(1, "TcpStream")]);
        check_code("tracing::info!(x);", &[(1, "tracing")]);
        check_code("#[tokio::test]", &[(1, "tokio")]);
        check_code("// std::fs is not for us\nlet s = \"std::env\";", &[]);
        check_code("#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", &[]);
    }

    #[test]
    fn a_grouped_import_hides_nothing() {
        check_code("use std::{\n    fmt,\n    fs::File,\n};", &[(1, "std::fs::File")]);
        check_code("use std::{net::{IpAddr, UdpSocket}, str};", &[(1, "std::net::UdpSocket")]);
        check_code("use std::{time::{Duration}, fmt::{self}};", &[]);
    }

    #[test]
    fn a_pure_crate_without_the_clippy_file_is_found() {
        for (copy, expected) in [(None, 1), (Some("a"), 1), (Some("model"), 0)] {
            let mut files = vec![(MODEL.to_owned(), "model".to_owned())];
            let path = "crates/annunciator-mail/clippy.toml".to_owned();
            files.extend(copy.map(|copy| (path, copy.to_owned())));
            let packages = vec![Package::example("annunciator-mail", &[])];
            let findings = check(&Workspace::from_files(packages, files));
            assert_eq!(findings.len(), expected, "{findings:?}");
        }
    }

    #[test]
    fn a_setting_of_the_root_that_is_not_repeated_is_found() {
        let root = "a = true\nb = [\n  { c = 1 },\n]\n";
        for (model, expected) in [("a = true\n", 0), ("a = false\n", 1), ("", 1)] {
            assert_eq!(forgotten(root, model).len(), expected, "{model}");
        }
    }
}
