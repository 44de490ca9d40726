//! Turns what the binary says about itself into the pages of `docs/reference`.
//!
//! In: `annunciator reference <what>`. Out: files, or with `--check` the names of stale ones.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::command::Run;
use crate::workspace;

/// What is asked of the binary, and the file that keeps the answer.
const PAGES: &[(&str, &str)] = &[
    ("settings", "docs/reference/settings.md"),
    ("parameters", "docs/reference/parameters.md"),
    ("metrics", "docs/reference/metrics.md"),
    ("cli", "docs/reference/cli.md"),
    ("openapi", "docs/reference/openapi.json"),
];

/// Whether the pages are written or only compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Write what has changed.
    Write,
    /// Fail when something has changed.
    Check,
}

/// Writes or compares all pages.
pub(crate) fn run(mode: Mode) -> Result<()> {
    let root = workspace::root()?;
    Run::cargo(&["build", "--quiet", "--locked", "-p", "annunciator"]).run()?;
    let mut stale = Vec::new();
    for (what, path) in PAGES {
        let page = page(what)?;
        let file = root.join(path);
        if fs::read_to_string(&file).ok().as_deref() == Some(page.as_str()) {
            continue;
        }
        stale.push(*path);
        if mode == Mode::Write {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            }
            fs::write(&file, page).with_context(|| (*path).to_owned())?;
            println!("codegen: wrote {path}");
        }
    }
    if mode == Mode::Check && !stale.is_empty() {
        bail!("stale: {}; run `cargo xtask codegen` and commit the result", stale.join(", "));
    }
    Ok(())
}

/// The answer of the binary, ending in one line feed.
fn page(what: &str) -> Result<String> {
    let run =
        Run::cargo(&["run", "--quiet", "--locked", "-p", "annunciator", "--", "reference", what]);
    let advice = "the binary's hidden command `reference` writes the reference pages";
    let text = run.output().context(advice)?;
    ensure!(!text.trim().is_empty(), "nothing was printed: {}; {advice}", run.line());
    Ok(format!("{}\n", text.trim_end()))
}
