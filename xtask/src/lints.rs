//! Turns manifests into findings about lints: every crate has those of the workspace, so that
//! `unsafe` is forbidden in all but one.
//!
//! Cargo takes the table of the workspace as a whole or not at all. The one crate with unsafe
//! calls has a copy of it, which is compared here.

use crate::workspace::{Finding, Package, Workspace};

/// The one crate with unsafe calls (ADR 0017), and the lines that its copy must have instead of
/// the workspace's.
const UNSAFE: &str = "annunciator-launcher";
const FORBIDDEN: &str = "unsafe_code = \"forbid\"";
const INSTEAD: &[&str] = &["unsafe_code = \"deny\"", "undocumented_unsafe_blocks = \"deny\""];

/// All findings about lints.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    let root = workspace.text("Cargo.toml").unwrap_or_default();
    if !table(root, "workspace.lints.rust").any(|line| line == FORBIDDEN) {
        let text = format!("the lints of the workspace must have `{FORBIDDEN}`");
        findings.push(Finding::new("Cargo.toml", 1, text));
    }
    for package in &workspace.packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let text = workspace.text(&manifest).unwrap_or_default();
        let problems =
            if package.name == UNSAFE { copied(root, text) } else { taken(text, package) };
        findings.extend(problems.into_iter().map(|problem| Finding::new(&manifest, 1, problem)));
    }
    findings
}

fn taken(manifest: &str, package: &Package) -> Vec<String> {
    let is_taken = table(manifest, "lints").any(|line| line == "workspace = true");
    let advice = "has not the lints of the workspace: add [lints] with workspace = true";
    if is_taken { Vec::new() } else { vec![format!("{} {advice}", package.name)] }
}

fn copied(root: &str, manifest: &str) -> Vec<String> {
    let mut expected: Vec<&str> = INSTEAD.to_vec();
    let mut found = Vec::new();
    for kind in ["rust", "clippy"] {
        let lints = table(
            root,
            if kind == "rust" { "workspace.lints.rust" } else { "workspace.lints.clippy" },
        );
        expected.extend(lints.filter(|line| *line != FORBIDDEN));
        found.extend(table(manifest, if kind == "rust" { "lints.rust" } else { "lints.clippy" }));
    }
    let missing = expected.iter().filter(|line| !found.contains(*line));
    let added = found.iter().filter(|line| !expected.contains(*line));
    let missing =
        missing.map(|line| format!("has not the lint `{line}` of the workspace: copy it"));
    let added = added.map(|line| format!("has a lint of its own, `{line}`: remove it"));
    missing.chain(added).collect()
}

/// The lines of a table of a manifest.
fn table<'a>(manifest: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("[{name}]");
    let lines = manifest.lines().map(str::trim);
    let body = lines.skip_while(move |line| *line != head).skip(1);
    body.take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n\n\
                        [workspace.lints.clippy]\ntodo = \"warn\"\n";

    #[track_caller]
    fn check_manifest(name: &str, root: &str, manifest: &str, expected: &[&str]) {
        let package = Package::example(name, &[]);
        let path = format!("{}/Cargo.toml", package.folder);
        let files = vec![("Cargo.toml".to_owned(), root.to_owned()), (path, manifest.to_owned())];
        let found = check(&Workspace::from_files(vec![package], files));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.text.contains(expected), "{found:?}");
        }
    }

    #[test]
    fn a_crate_without_the_lints_of_the_workspace_is_found() {
        let good = "[dependencies]\na = 1\n[lints]\nworkspace = true\n";
        check_manifest("annunciator-core", ROOT, good, &[]);
        check_manifest("annunciator-core", ROOT, "[dependencies]\n", &["[lints]"]);
        let own = "[lints.rust]\nunsafe_code = \"allow\"\n";
        check_manifest("annunciator-core", ROOT, own, &["[lints]"]);
        check_manifest("annunciator-core", "[workspace.lints.rust]\n", good, &["forbid"]);
    }

    #[test]
    fn the_crate_with_unsafe_calls_has_all_other_lints() {
        let good = "[lints.rust]\nunsafe_code = \"deny\"\n\
                    [lints.clippy]\n# a comment\nundocumented_unsafe_blocks = \"deny\"\ntodo = \"warn\"\n";
        check_manifest(UNSAFE, ROOT, good, &[]);
        check_manifest(
            UNSAFE,
            ROOT,
            &good.replace("\"deny\"", "\"allow\""),
            &["has not", "has not", "of its own", "of its own"],
        );
        check_manifest(UNSAFE, ROOT, &good.replace("todo", "dbg_macro"), &["`todo", "`dbg_macro"]);
    }
}
