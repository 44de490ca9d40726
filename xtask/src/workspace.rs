//! Turns the checkout into what the rules look at: packages, files, Rust sources.
//!
//! In: `cargo metadata`, `git ls-files` (or a walk where there is no git). Out: [`Workspace`].

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::source::Source;

/// Folders that a walk without git leaves out.
const NOT_OURS: &[&str] = &[".git", "target", "artifacts", "coverage"];
/// More files than this are a mistake, such as a dependency tree that was checked in.
const FILES_MAX: usize = 20_000;
/// Longer files are not text of ours. Unit: octets.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What is wrong, where, and what to do about it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Finding {
    /// Path from the root of the repository.
    pub(crate) path: String,
    /// Line, the first being 1.
    pub(crate) line: usize,
    /// What is wrong and what to do.
    pub(crate) text: String,
}

impl Finding {
    /// A finding at a line.
    pub(crate) fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

/// One dependency line of a package.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The package it names.
    pub(crate) name: String,
    /// `dev`, `build`, or nothing for a normal one.
    pub(crate) kind: Option<String>,
    /// The name it has in the source, when it was renamed.
    pub(crate) rename: Option<String>,
}

impl Dependency {
    /// Whether only tests, examples and benchmarks see it.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }

    /// Its name in the source.
    pub(crate) fn ident(&self) -> String {
        self.rename.as_ref().unwrap_or(&self.name).replace('-', "_")
    }
}

/// One package of the workspace.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its `Cargo.toml`, absolute.
    manifest_path: PathBuf,
    /// What it depends on.
    pub(crate) dependencies: Vec<Dependency>,
    /// Its folder from the root, such as `crates/annunciator-core`.
    #[serde(skip)]
    pub(crate) folder: String,
}

/// The checkout.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// All packages, by name.
    pub(crate) packages: Vec<Package>,
    /// Every file of the repository, as path and text; not those that are no text.
    pub(crate) files: Vec<(String, String)>,
    /// Every Rust file.
    pub(crate) sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = manifest.parent().context("xtask has no parent folder")?;
    ensure!(root.join("Cargo.toml").is_file(), "no Cargo.toml in {}", root.display());
    Ok(root.to_owned())
}

fn metadata(root: &Path) -> Result<Metadata> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    let problem = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata: {}", problem.trim());
    serde_json::from_slice(&output.stdout).context("cargo metadata")
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf> {
    Ok(metadata(&root()?)?.target_directory)
}

impl Workspace {
    /// Reads the checkout.
    pub(crate) fn read() -> Result<Self> {
        let root = root()?;
        let mut packages = metadata(&root)?.packages;
        for package in &mut packages {
            let folder = package.manifest_path.parent().unwrap_or(&root);
            let folder = folder.strip_prefix(&root).unwrap_or(folder);
            package.folder = folder.to_string_lossy().replace('\\', "/");
        }
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        let mut files = Vec::new();
        for path in paths(&root)? {
            let full = root.join(&path);
            // A file that git still lists may already be gone from the folder.
            let Ok(facts) = std::fs::symlink_metadata(&full) else { continue };
            if !facts.is_file() || facts.len() > FILE_BYTES_MAX {
                continue;
            }
            let bytes = std::fs::read(&full).with_context(|| path.clone())?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push((path, text));
            }
        }
        Ok(Self::from_files(packages, files))
    }

    /// A workspace of these files.
    pub(crate) fn from_files(packages: Vec<Package>, files: Vec<(String, String)>) -> Self {
        let sources = files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| Source::new(path, text))
            .collect();
        Self { packages, files, sources }
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|(name, _)| name == path).map(|(_, text)| text.as_str())
    }
}

/// Paths of the repository's files: what git tracks, and what it would track.
fn paths(root: &Path) -> Result<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output();
    let mut paths = match listed {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split_terminator('\0').map(str::to_owned).collect()
        }
        // An unpacked archive has no git: everything that is not built counts.
        _ => walked(root)?,
    };
    paths.sort();
    paths.dedup();
    ensure!(paths.len() <= FILES_MAX, "more than {FILES_MAX} files: is a build folder checked in?");
    Ok(paths)
}

fn walked(root: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let is_ours = !NOT_OURS.iter().any(|name| entry.file_name() == *name);
            if entry.file_type()?.is_dir() && is_ours {
                folders.push(entry.path());
            } else if entry.file_type()?.is_file() {
                let path = entry.path();
                let path = path.strip_prefix(root).unwrap_or(&path);
                paths.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
        ensure!(paths.len() <= FILES_MAX, "more than {FILES_MAX} files below {}", root.display());
    }
    Ok(paths)
}

#[cfg(test)]
impl Package {
    /// A package for tests of the rules.
    pub(crate) fn example(name: &str, dependencies: &[(&str, Option<&str>)]) -> Self {
        let dependency = |(name, kind): &(&str, Option<&str>)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
            rename: None,
        };
        Self {
            name: name.to_owned(),
            manifest_path: PathBuf::new(),
            dependencies: dependencies.iter().map(dependency).collect(),
            folder: format!("crates/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_checkout_is_read() {
        let workspace = Workspace::read().unwrap();
        let xtask = workspace.packages.iter().find(|package| package.name == "xtask").unwrap();
        assert_eq!(xtask.folder, "xtask");
        assert!(workspace.text("xtask/Cargo.toml").is_some());
        assert!(workspace.sources.iter().any(|source| source.path == "xtask/src/workspace.rs"));
        assert!(!workspace.files.iter().any(|(path, _)| path.starts_with("target/")));
    }

    #[test]
    fn a_walk_finds_what_git_lists() {
        let walked = walked(&root().unwrap()).unwrap();
        assert!(walked.iter().any(|path| path == "xtask/src/main.rs"));
        assert!(
            !walked.iter().any(|path| path.starts_with(".git/") || path.starts_with("target/"))
        );
    }
}
