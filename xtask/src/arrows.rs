//! Turns the packages' dependencies into findings: arrows, owners, dependencies nobody uses.
//!
//! In: [`Workspace`]. Out: [`Finding`]s. The tables here are the rule; `ARCHITECTURE.md` tells it.

use crate::source::{find_word, numbered};
use crate::workspace::{Dependency, Finding, Package, Workspace};

/// The one crate that is only ever a dev-dependency.
const TESTKIT: &str = "annunciator-testkit";

/// Each crate with the crates of ours that it may use. Arrows point up this list, to earlier
/// rows; dev-dependencies may point to any earlier row, and to the testkit.
pub(crate) const ARROWS: &[(&str, &[&str])] = &[
    ("annunciator-core", &[]),
    ("annunciator-settings", &["annunciator-core"]),
    ("annunciator-template", &["annunciator-core"]),
    ("annunciator-mail", &["annunciator-core"]),
    ("annunciator-api-types", &["annunciator-core"]),
    ("annunciator-planner", &["annunciator-core", "annunciator-settings", "annunciator-template"]),
    ("annunciator-names", &[]),
    ("annunciator-certificates", &["annunciator-core"]),
    ("annunciator-smtp", &["annunciator-core", "annunciator-names", "annunciator-certificates"]),
    ("annunciator-store", &["annunciator-core"]),
    ("annunciator-launcher", &[]),
    (
        "annunciator-channels",
        &[
            "annunciator-core",
            "annunciator-settings",
            "annunciator-template",
            "annunciator-mail",
            "annunciator-planner",
            "annunciator-names",
            "annunciator-certificates",
            "annunciator-smtp",
            "annunciator-launcher",
        ],
    ),
    (
        "annunciator-server",
        &[
            "annunciator-core",
            "annunciator-settings",
            "annunciator-template",
            "annunciator-mail",
            "annunciator-api-types",
            "annunciator-planner",
            "annunciator-names",
            "annunciator-certificates",
            "annunciator-smtp",
            "annunciator-store",
            "annunciator-launcher",
            "annunciator-channels",
        ],
    ),
    (
        "annunciator-console",
        &[
            "annunciator-core",
            "annunciator-settings",
            "annunciator-template",
            "annunciator-api-types",
        ],
    ),
    (
        "annunciator",
        &[
            "annunciator-core",
            "annunciator-api-types",
            "annunciator-launcher",
            "annunciator-server",
            "annunciator-console",
        ],
    ),
    (TESTKIT, &["annunciator-core", "annunciator-api-types"]),
    ("xtask", &[]),
];

/// Third-party packages that only some crates may name, with the reason.
const OWNERS: &[(&str, &[&str], &str)] = &[
    ("rusqlite", &["annunciator-store"], "only the store knows SQL"),
    ("libsqlite3-sys", &["annunciator-store"], "only the store knows SQL"),
    ("tokio-postgres", &["annunciator-store"], "only the store knows SQL"),
    ("postgres-openssl", &["annunciator-store"], "only the store knows SQL"),
    (
        "openssl",
        &[
            "annunciator-certificates",
            "annunciator-smtp",
            "annunciator-store",
            "annunciator-server",
            TESTKIT,
        ],
        "TLS lives in the SMTP client, before the database and in our own listener; certificates \
         are read in one place",
    ),
    (
        "tokio-openssl",
        &["annunciator-smtp", "annunciator-server", TESTKIT],
        "TLS lives in the SMTP client and in our own listener",
    ),
    ("hickory-resolver", &["annunciator-names"], "names are resolved in one place"),
    ("landlock", &["annunciator-launcher"], "programs are closed in where they are started"),
    ("libc", &["annunciator-launcher"], "only the launcher has unsafe calls; rustix is safe"),
    ("anyhow", &["annunciator", "xtask"], "libraries have error types that can be acted upon"),
];

/// Dependencies that no source names, each with its reason: crate, dependency, reason.
const NAMED_NOWHERE: &[(&str, &str, &str)] = &[];

/// All findings about dependencies.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = rows_without_crate(workspace);
    for package in &workspace.packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let text = workspace.text(&manifest).unwrap_or_default();
        let mut find = |dependency: &Dependency, problem: String| {
            findings.push(Finding::new(&manifest, line_of(text, &dependency.name), problem));
        };
        for dependency in &package.dependencies {
            for problem in [
                arrow(package, dependency),
                owner(package, dependency),
                unused(workspace, package, dependency),
            ] {
                problem.into_iter().for_each(|problem| find(dependency, problem));
            }
        }
    }
    findings
}

fn row(name: &str) -> Option<usize> {
    ARROWS.iter().position(|(row, _)| *row == name)
}

fn rows_without_crate(workspace: &Workspace) -> Vec<Finding> {
    let exists = |name: &str| workspace.packages.iter().any(|package| package.name == name);
    let missing = ARROWS.iter().filter(|(name, _)| !exists(name)).map(|(name, _)| {
        Finding::new("xtask/src/arrows.rs", 1, format!("{name} does not exist: remove its row"))
    });
    let unlisted = workspace.packages.iter().filter(|package| row(&package.name).is_none());
    let unlisted = unlisted.map(|package| {
        let advice = "is not in the table of xtask/src/arrows.rs: decide what it may use";
        Finding::new(
            &format!("{}/Cargo.toml", package.folder),
            1,
            format!("{} {advice}", package.name),
        )
    });
    missing.chain(unlisted).collect()
}

fn arrow(package: &Package, dependency: &Dependency) -> Option<String> {
    let (from, to) = (package.name.as_str(), dependency.name.as_str());
    let to_row = row(to)?;
    let from_row = row(from)?;
    if dependency.is_dev() {
        let allowed = to == TESTKIT || to_row < from_row;
        return (!allowed)
            .then(|| format!("{from} may not even test with {to}: arrows never point up"));
    }
    if to == TESTKIT {
        return Some(format!("{TESTKIT} is for tests: move it to [dev-dependencies]"));
    }
    let allowed = ARROWS[from_row].1;
    (!allowed.contains(&to)).then(|| {
        let list = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
        format!(
            "{from} may not depend on {to} (allowed: {list}): move the code to the crate that may \
             know both, or change xtask/src/arrows.rs with an ADR"
        )
    })
}

fn owner(package: &Package, dependency: &Dependency) -> Option<String> {
    let (name, owners, reason) = OWNERS.iter().find(|(name, ..)| *name == dependency.name)?;
    (!owners.contains(&package.name.as_str())).then(|| {
        format!("{} may not use {name}: {reason} (allowed: {})", package.name, owners.join(", "))
    })
}

fn unused(workspace: &Workspace, package: &Package, dependency: &Dependency) -> Option<String> {
    let listed =
        |(from, to, _): &(&str, &str, &str)| *from == package.name && *to == dependency.name;
    if NAMED_NOWHERE.iter().any(listed) {
        return None;
    }
    let inside = format!("{}/", package.folder);
    let shipped = format!("{}/src/", package.folder);
    let ident = dependency.ident();
    let is_used = workspace.sources.iter().any(|source| {
        let in_reach = source.path.starts_with(&shipped)
            || source.path == format!("{inside}build.rs")
            || (dependency.is_dev() && source.path.starts_with(&inside));
        in_reach && find_word(&source.code, &ident).is_some()
    });
    (!is_used).then(|| {
        let name = &dependency.name;
        format!("{} never uses {name}: remove the line from its Cargo.toml", package.name)
    })
}

/// The line of a manifest that names a dependency; 1 when it cannot be told.
fn line_of(manifest: &str, name: &str) -> usize {
    let begins = |line: &str| {
        let rest = line.trim_start().strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    numbered(manifest).find(|(_, line)| begins(line)).map_or(1, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_one(from: &str, to: &str, kind: Option<&str>, expected: &str) {
        let package = Package::example(from, &[(to, kind)]);
        let dependency = &package.dependencies[0];
        let problem = arrow(&package, dependency).or_else(|| owner(&package, dependency));
        match (problem, expected) {
            (None, "") => {}
            (Some(problem), expected) if !expected.is_empty() => {
                assert!(problem.contains(expected), "{from} -> {to}: {problem}");
            }
            (problem, _) => panic!("{from} -> {to}: {problem:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found() {
        let dev = Some("dev");
        check_one("annunciator-planner", "annunciator-template", None, "");
        check_one("annunciator-planner", "annunciator-store", None, "may not depend on");
        check_one("annunciator-core", "annunciator-settings", None, "allowed: nothing");
        check_one("annunciator-smtp", "annunciator-store", None, "may not depend on");
        check_one("annunciator-server", TESTKIT, None, "dev-dependencies");
        check_one("annunciator-server", TESTKIT, dev, "");
        check_one("annunciator-core", TESTKIT, dev, "");
        check_one("annunciator", "annunciator-smtp", dev, "");
        check_one("annunciator", "annunciator-smtp", None, "may not depend on");
        check_one("annunciator-mail", "annunciator-server", dev, "never point up");
    }

    #[test]
    fn a_dependency_in_the_wrong_crate_is_found() {
        check_one("annunciator-store", "rusqlite", None, "");
        check_one("annunciator-server", "rusqlite", None, "only the store knows SQL");
        check_one("annunciator-smtp", "openssl", None, "");
        check_one("annunciator-channels", "tokio-openssl", None, "may not use");
        check_one("annunciator-core", "anyhow", None, "may not use");
        check_one("annunciator-server", "libc", None, "unsafe calls");
    }

    #[test]
    fn every_arrow_of_the_table_points_to_an_earlier_row() {
        for (index, (name, allowed)) in ARROWS.iter().enumerate() {
            for to in *allowed {
                assert!(row(to).is_some_and(|to| to < index), "{name} -> {to}");
            }
        }
    }

    #[test]
    fn a_dependency_that_no_source_names_is_found() {
        let package = Package::example("a", &[("serde-x", None), ("tempfile", Some("dev"))]);
        let files = |lib: &str, test: &str| {
            vec![
                ("crates/a/src/lib.rs".to_owned(), lib.to_owned()),
                ("crates/a/tests/t.rs".to_owned(), test.to_owned()),
                ("crates/b/src/lib.rs".to_owned(), "use serde_x::Y; use tempfile::Z;".to_owned()),
            ]
        };
        for (lib, test, expected) in [
            ("use serde_x::Y;", "use tempfile::Z;", [false, false]),
            ("// serde_x", "", [true, true]),
            ("", "use serde_x::Y; fn f() { tempfile::tempdir(); }", [true, false]),
        ] {
            let workspace = Workspace::from_files(vec![package.clone()], files(lib, test));
            let found = package
                .dependencies
                .iter()
                .map(|dependency| unused(&workspace, &package, dependency).is_some());
            assert_eq!(found.collect::<Vec<_>>(), expected, "{lib} {test}");
        }
    }

    #[test]
    fn a_crate_without_a_row_and_a_row_without_a_crate_are_found() {
        let packages = vec![Package::example("annunciator-new", &[])];
        let findings = rows_without_crate(&Workspace::from_files(packages, Vec::new()));
        assert_eq!(findings.len(), ARROWS.len() + 1);
        assert!(findings.last().unwrap().text.contains("annunciator-new is not in the table"));
    }

    #[test]
    fn findings_point_to_the_line_of_the_dependency() {
        let manifest =
            "[package]\nname = \"x\"\n[dependencies]\nserde_json.workspace = true\nserde = 1\n";
        for (name, line) in [("serde_json", 4), ("serde", 5), ("tokio", 1)] {
            assert_eq!(line_of(manifest, name), line, "{name}");
        }
    }
}
