//! Turns `ARCHITECTURE.md` and the tree into findings: what is there but not named, and the
//! other way round.
//!
//! In the page, a heading with a crate's name in backticks begins the section of that crate; it
//! ends at the next heading of the same or a higher level. There, `name.rs` and `name/` mean a
//! file or folder below the crate's `src`.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::numbered;
use crate::workspace::{Finding, Workspace};

const PAGE: &str = "ARCHITECTURE.md";
/// Files that every crate has, or that belong to the file beside them.
const UNNAMED: &[&str] = &["lib.rs", "main.rs", "mod.rs"];

/// All findings about the map.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let Some(text) = workspace.text(PAGE) else {
        let advice = "is missing: it is the map of the code. Give each crate a heading with its name \
                      in backticks (### `annunciator-core`) and name its modules below it (`event.rs`)";
        return vec![Finding::new(PAGE, 1, advice)];
    };
    let tree = Tree::of(workspace);
    let named = Named::of(text);
    let mut findings = Vec::new();
    for (name, folder) in &tree.crates {
        let Some((heading, names)) = named.sections.get(name.as_str()) else {
            let advice =
                format!("`{name}` has no section: add a heading with its name in backticks");
            findings.push(Finding::new(PAGE, 1, advice));
            continue;
        };
        for module in tree.modules(folder) {
            let is_named = names.iter().any(|name| match module.strip_suffix('/') {
                Some(folder) => {
                    name.starts_with(&module) || name.strip_suffix(".rs") == Some(folder)
                }
                None => *name == module,
            });
            if !is_named {
                let advice = format!("`{module}` of `{name}` is not named: add it to this section");
                findings.push(Finding::new(PAGE, *heading, advice));
            }
        }
    }
    findings.extend(named.all.iter().filter_map(|word| tree.missing(word)));
    findings
}

/// A word in backticks.
struct Word<'a> {
    line: usize,
    text: &'a str,
    section: Option<&'a str>,
}

/// What the page names.
#[derive(Default)]
struct Named<'a> {
    /// Crate → line of its heading, and the words of its section.
    sections: BTreeMap<&'a str, (usize, Vec<&'a str>)>,
    all: Vec<Word<'a>>,
}

impl<'a> Named<'a> {
    fn of(page: &'a str) -> Self {
        let mut named = Self::default();
        let mut section: Option<(&str, usize)> = None;
        let mut is_fenced = false;
        for (line, text) in numbered(page) {
            if text.trim_start().starts_with("```") {
                is_fenced = !is_fenced;
            }
            if is_fenced {
                continue;
            }
            let level = text.bytes().take_while(|b| *b == b'#').count();
            if level > 0 {
                let name = ticked(text).find(|word| is_crate_name(word));
                match name {
                    Some(name) => {
                        section = Some((name, level));
                        named.sections.entry(name).or_insert((line, Vec::new()));
                    }
                    None if section.is_some_and(|(_, open)| level <= open) => section = None,
                    None => {}
                }
            }
            for word in ticked(text) {
                let name = section.map(|(name, _)| name);
                named.all.push(Word { line, text: word, section: name });
                if let Some((_, words)) = name.and_then(|name| named.sections.get_mut(name)) {
                    words.push(word);
                }
            }
        }
        named
    }
}

/// The words in backticks of a line.
fn ticked(line: &str) -> impl Iterator<Item = &str> {
    let count = line.matches('`').count();
    line.split('`')
        .enumerate()
        .filter(move |(at, _)| at % 2 == 1 && *at < count)
        .map(|(_, word)| word)
}

fn is_crate_name(word: &str) -> bool {
    let rest = word.strip_prefix("annunciator").unwrap_or("?");
    rest.is_empty()
        || rest.strip_prefix('-').is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        })
}

/// Whether a path below `src` is part of a module that the page must name.
fn is_module(path: &str) -> bool {
    path.ends_with(".rs") && !path.ends_with("tests.rs") && !UNNAMED.contains(&path)
}

/// Whether a word means a Rust file or a folder.
fn is_path(word: &str) -> bool {
    let is_plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-/.".contains(&b));
    is_plain && !word.starts_with(['/', '.']) && (word.ends_with(".rs") || word.ends_with('/'))
}

/// What is there.
struct Tree<'a> {
    /// Name and folder of each crate below `crates`.
    crates: Vec<(String, String)>,
    files: BTreeSet<&'a str>,
}

impl<'a> Tree<'a> {
    fn of(workspace: &'a Workspace) -> Self {
        let ours = workspace.packages.iter().filter(|p| p.folder.starts_with("crates/"));
        Self {
            crates: ours.map(|p| (p.name.clone(), p.folder.clone())).collect(),
            files: workspace.files.iter().map(|(path, _)| path.as_str()).collect(),
        }
    }

    /// Top-level modules of a crate: `name.rs`, and `name/` for a folder.
    fn modules(&self, folder: &str) -> BTreeSet<String> {
        let source = format!("{folder}/src/");
        let below = self.files.iter().filter_map(|path| path.strip_prefix(&source));
        let rust = below.filter(|path| is_module(path));
        let folders: BTreeSet<&str> =
            rust.clone().filter_map(|path| Some(path.split_once('/')?.0)).collect();
        let module = |path: &str| match path.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            // `name.rs` beside `name/` is one module: the folder stands for both.
            None if folders.contains(path.trim_end_matches(".rs")) => {
                format!("{}/", path.trim_end_matches(".rs"))
            }
            None => path.to_owned(),
        };
        rust.map(module).collect()
    }

    /// A finding, when the word means something that is not there.
    fn missing(&self, word: &Word<'_>) -> Option<Finding> {
        let text = word.text;
        if is_crate_name(text) {
            let exists = self.crates.iter().any(|(name, _)| name == text);
            return (!exists).then(|| {
                Finding::new(PAGE, word.line, format!("`{text}` does not exist: remove it here"))
            });
        }
        if !is_path(text) || self.resolves(text, word.section) {
            return None;
        }
        // Outside a crate's section a folder may well be the operator's.
        let is_ours = text.ends_with(".rs") || word.section.is_some();
        is_ours.then(|| {
            Finding::new(PAGE, word.line, format!("`{text}` does not exist: correct it here"))
        })
    }

    fn resolves(&self, path: &str, section: Option<&str>) -> bool {
        let exists = |full: &str| {
            self.files.contains(full)
                || self.files.contains(format!("{}.rs", full.trim_end_matches('/')).as_str())
                || (full.ends_with('/') && self.files.iter().any(|file| file.starts_with(full)))
        };
        let inside = |folder: &str, path: &str| {
            exists(&format!("{folder}/src/{path}")) || exists(&format!("{folder}/{path}"))
        };
        let in_section = self.crates.iter().any(|(name, folder)| {
            let short = name.strip_prefix("annunciator-").unwrap_or(name);
            let rest = path.strip_prefix(short).and_then(|rest| rest.strip_prefix('/'));
            (section == Some(name) && inside(folder, path))
                || rest.is_some_and(|rest| inside(folder, rest))
                || (section.is_none() && !path.contains('/') && inside(folder, path))
        });
        exists(path) || in_section
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Package;

    #[track_caller]
    fn check_page(page: &str, expected: &[(usize, &str)]) {
        let paths = [
            "crates/annunciator-core/src/lib.rs",
            "crates/annunciator-core/src/event.rs",
            "crates/annunciator-core/src/event/tests.rs",
            "crates/annunciator-server/src/intake/mod.rs",
            "crates/annunciator-server/src/intake/http.rs",
            "crates/annunciator-server/src/api.rs",
            "crates/annunciator-server/src/api/error.rs",
            "crates/annunciator-server/src/wiring.rs",
            "xtask/src/tidy.rs",
        ];
        let mut files: Vec<_> =
            paths.iter().map(|path| ((*path).to_owned(), String::new())).collect();
        files.push((PAGE.to_owned(), page.to_owned()));
        let names = ["annunciator-core", "annunciator-server"];
        let packages = names.iter().map(|name| Package::example(name, &[])).collect();
        let found = check(&Workspace::from_files(packages, files));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, (line, text)) in found.iter().zip(expected) {
            assert!(found.line == *line && found.text.contains(text), "{found:?}");
        }
    }

    const GOOD: &str = "# Map\n## `annunciator-core`\n`event.rs`\n### Server: `annunciator-server`\n\
                        `wiring.rs`, `intake/http.rs`, `api.rs`\n";

    #[test]
    fn a_missing_page_says_what_to_write() {
        let found = check(&Workspace::default());
        assert!(found[0].text.contains("heading with its name in backticks"), "{found:?}");
    }

    #[test]
    fn a_crate_or_module_that_is_not_named_is_found() {
        check_page(GOOD, &[]);
        check_page(&GOOD.replace("`wiring.rs`, ", ""), &[(4, "`wiring.rs` of")]);
        check_page(&GOOD.replace("`intake/http.rs`, ", ""), &[(4, "`intake/` of")]);
        check_page(
            &GOOD[..GOOD.find("###").unwrap()],
            &[(1, "`annunciator-server` has no section")],
        );
    }

    #[test]
    fn a_name_of_nothing_is_found() {
        for (line, expected) in [
            ("`annunciator-gone`", Some("`annunciator-gone` does not exist")),
            ("`gone.rs`", Some("`gone.rs` does not exist")),
            ("`crates/annunciator-core/src/gone.rs`", Some("does not exist")),
            ("`core/event.rs` and `xtask/src/tidy.rs`", None),
            ("```\n`gone.rs`\n```", None),
            ("`/etc/annunciator/` `annunciator.toml`", None),
        ] {
            let page = format!("{GOOD}# Walk\n{line}\n");
            match expected {
                Some(expected) => check_page(&page, &[(7, expected)]),
                None => check_page(&page, &[]),
            }
        }
        let inside = format!("{GOOD}`gone/`\n");
        check_page(&inside, &[(6, "`gone/` does not exist")]);
    }
}
