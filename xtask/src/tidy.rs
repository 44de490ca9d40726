//! Turns the checkout into the list of everything that breaks the repository's own rules.
//!
//! In: [`Workspace`]. Out: findings on standard output. Failure: any finding fails the verb.

use anyhow::{Result, bail};

use crate::sizes::{Exception, FILE_LINES_MAX, FUNCTION_LINES_MAX};
use crate::workspace::{Finding, Workspace};
use crate::{arrows, lints, map, pages, purity, sizes, words};

/// Files and functions that may be longer than the rule says, each with its reason.
const EXCEPTIONS: &[Exception] = &[];

/// Runs all checks and prints what they find.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::read()?;
    let findings = all(&workspace);
    for Finding { path, line, text } in &findings {
        println!("{path}:{line}: {text}");
    }
    if !findings.is_empty() {
        bail!("{} findings; the rules are in STYLE.md", findings.len());
    }
    println!(
        "tidy: {} files, {} crates; functions <= {FUNCTION_LINES_MAX}, files <= {FILE_LINES_MAX} lines",
        workspace.files.len(),
        workspace.packages.len(),
    );
    Ok(())
}

fn all(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = arrows::check(workspace);
    findings.extend(sizes::check(&workspace.sources, EXCEPTIONS));
    findings.extend(purity::check(workspace));
    findings.extend(words::check(workspace));
    findings.extend(pages::check(workspace));
    findings.extend(map::check(workspace));
    findings.extend(lints::check(workspace));
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exception_has_a_reason_and_is_one() {
        for exception in EXCEPTIONS {
            let usual =
                if exception.function.is_empty() { FILE_LINES_MAX } else { FUNCTION_LINES_MAX };
            assert!(exception.lines_max > usual && exception.reason.len() > 10, "{exception:?}");
        }
    }

    #[test]
    fn each_kind_of_rule_reports() {
        let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let files = vec![
            file("crates/annunciator-core/src/lib.rs", &"\n".repeat(FILE_LINES_MAX + 1)),
            file("crates/annunciator-core/src/clock.rs", "//! H.\nuse std::env;\n"),
        ];
        let packages = vec![crate::workspace::Package::example("annunciator-core", &[])];
        let findings = all(&Workspace::from_files(packages, files));
        for expected in [
            "remove its row",
            "501 lines",
            "pure crate",
            "header",
            "`## Unreleased`",
            "the map of the code",
        ] {
            assert!(
                findings.iter().any(|f| f.text.contains(expected)),
                "{expected}: {findings:#?}"
            );
        }
    }
}
