//! What a program may write and must not read, into rules that the kernel enforces (Landlock).
//!
//! Landlock has only permissions. What must not be read is left out: where something is hidden,
//! each folder on the way to it is given entry by entry, as they are at the start.
//! Failure: an older kernel enforces less; the [`SandboxState`] says so.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

use crate::ended::{NotStarted, SandboxState, Step};
use crate::job::Job;
use crate::writable::laid_open;

/// The rights that are asked for; a kernel that knows fewer enforces those.
const RIGHTS: ABI = ABI::V6;
/// Most entries of folders on the way to something hidden; what comes after cannot be read.
const ENTRIES_MAX: usize = 20_000;

/// The rules of a run.
pub(super) fn rules(job: &Job, file: &Path, folder: &Path) -> Result<RulesetCreated, NotStarted> {
    let sandbox = &job.sandbox;
    // A folder that is not there now is not given, also when it comes a moment later.
    let writable: Vec<PathBuf> =
        sandbox.writable.iter().filter_map(|path| path.canonicalize().ok()).collect();
    for given in &writable {
        if let Some(kept) = laid_open(given, sandbox.hidden.iter().chain(&job.folders)) {
            return Err(NotStarted::Writable { folder: given.clone(), kept: kept.to_owned() });
        }
    }
    let read = AccessFs::from_read(RIGHTS);
    let all = AccessFs::from_all(RIGHTS);
    let null: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    let hidden: Vec<PathBuf> =
        sandbox.hidden.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut readable = Vec::new();
    collect_readable(Path::new("/"), &hidden, &mut readable);
    // The folder of the executable may lie in one that is hidden.
    readable.extend(file.parent().map(Path::to_owned));
    let writable = writable.iter().map(PathBuf::as_path).chain([folder]);
    let make = || -> Result<RulesetCreated, RulesetError> {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            // A program must not end the launcher process, nor the server.
            .scope(Scope::Signal)?
            .create()?
            .add_rules(path_beneath_rules(&readable, read))?
            .add_rules(path_beneath_rules(writable, all))?
            .add_rules(path_beneath_rules(["/dev/null"], null))
    };
    make().map_err(|error| NotStarted::System { step: Step::Sandbox, errno: errno(&error) })
}

/// Closes this process and all that it starts into the rules. The error is a number of the system.
pub(super) fn close_in(rules: RulesetCreated) -> Result<SandboxState, i32> {
    let status = rules.restrict_self().map_err(|error| errno(&error))?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => SandboxState::Enforced,
        RulesetStatus::PartiallyEnforced => SandboxState::Partial,
        RulesetStatus::NotEnforced => SandboxState::NotAvailable,
    })
}

/// The number of the system's error behind one of the crate.
fn errno(error: &RulesetError) -> i32 {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(number) =
            error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error)
        {
            return number;
        }
        source = error.source();
    }
    libc::EIO
}

/// The paths that together hold all below `path` but what is hidden.
fn collect_readable(path: &Path, hidden: &[PathBuf], readable: &mut Vec<PathBuf>) {
    if hidden.iter().any(|hidden| path.starts_with(hidden)) || readable.len() >= ENTRIES_MAX {
        return;
    }
    if !hidden.iter().any(|hidden| hidden.starts_with(path)) {
        return readable.push(path.to_owned());
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        // What a link leads to has its own place, where it is given or hidden.
        if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
            collect_readable(&entry.path(), hidden, readable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_hidden_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for path in ["var/lib/ours/key", "var/lib/other", "var/log", "etc"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        std::os::unix::fs::symlink(root.join("var/lib/ours"), root.join("var/link")).unwrap();
        let check = |hidden: &[&str], expected: &[&str]| {
            let hidden: Vec<_> = hidden.iter().map(|path| root.join(path)).collect();
            let mut readable = Vec::new();
            collect_readable(&root, &hidden, &mut readable);
            readable.sort();
            let expected: Vec<_> = expected.iter().map(|path| root.join(path)).collect();
            assert_eq!(readable, expected, "{hidden:?}");
        };
        check(&[], &[""].map(|_| "."));
        check(&["var/lib/ours"], &["etc", "var/lib/other", "var/log"]);
        check(&["var/lib/ours", "etc"], &["var/lib/other", "var/log"]);
        check(&[""], &[]);
    }
}
