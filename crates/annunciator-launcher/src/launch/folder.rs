//! The private folder of a run: made, and removed with all that is in it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long removing may take: a program can leave any number of files.
pub(crate) const REMOVAL_PATIENCE: Duration = Duration::from_secs(5);
/// How many names are tried.
const NAMES_MAX: u32 = 16;

/// A folder that only our user can enter.
pub(super) struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// Makes one in another folder.
    pub(super) fn make(parent: &Path) -> io::Result<Self> {
        let process = std::process::id();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mut tried = 0;
        loop {
            let path = parent.join(format!("annunciator-run-{process}-{now:x}-{tried}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                // Without links, as rules and removal want it.
                Ok(()) => return Ok(Self(path.canonicalize().unwrap_or(path))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tried < NAMES_MAX => {
                    tried += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Leaves it where it is.
    pub(super) fn keep(self) -> PathBuf {
        self.0
    }

    /// Removes it; what could not be removed in time is named. No process of the run may live.
    pub(super) fn remove(self) -> Option<PathBuf> {
        let end = Instant::now() + REMOVAL_PATIENCE;
        let removed = empty(&self.0, end).and_then(|()| fs::remove_dir(&self.0));
        removed.is_err().then_some(self.0)
    }
}

/// Removes all that is in a folder. Folders inside are emptied into it, one level at a time, so
/// that neither their depth nor their number costs memory, descriptors or long paths.
fn empty(top: &Path, end: Instant) -> io::Result<()> {
    let mut moved = 0_u64;
    loop {
        let mut is_empty = true;
        for entry in fs::read_dir(open_up(top)?)? {
            let entry = entry?;
            is_empty = false;
            if entry.file_type()?.is_dir() {
                lift(&entry.path(), top, &mut moved, end)?;
            } else {
                fs::remove_file(entry.path())?;
            }
            if Instant::now() >= end {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        if is_empty {
            return Ok(());
        }
    }
}

/// Removes a folder after moving its folders up.
fn lift(folder: &Path, top: &Path, moved: &mut u64, end: Instant) -> io::Result<()> {
    for entry in fs::read_dir(open_up(folder)?)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            // A moved folder gets another name for its parent, which takes the right to write.
            let to = loop {
                *moved += 1;
                let to = top.join(format!("moved-{moved}"));
                if to.symlink_metadata().is_err() {
                    break to;
                }
            };
            fs::rename(open_up(&entry.path())?, to)?;
        } else {
            fs::remove_file(entry.path())?;
        }
        if Instant::now() >= end {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    fs::remove_dir(folder)
}

/// Gives ourselves the rights that a program may have taken away.
fn open_up(folder: &Path) -> io::Result<&Path> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_program_leaves_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::make(parent.path()).unwrap();
        let root = folder.path().to_owned();
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir(root.join("closed")).unwrap();
        fs::write(root.join("closed/file"), "").unwrap();
        fs::create_dir(root.join("moved-1")).unwrap();
        let outside = parent.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("stays"), "").unwrap();
        std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
        // Deeper than any path may be long.
        let name = "d".repeat(200);
        let mut path = root.clone();
        for _ in 0..15 {
            path = path.join(&name);
        }
        fs::create_dir_all(&path).unwrap();
        fs::rename(root.join(&name), parent.path().join("deep")).unwrap();
        fs::create_dir_all(&path).unwrap();
        fs::rename(parent.path().join("deep"), path.join("deep")).unwrap();
        fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        assert_eq!(folder.remove(), None);
        assert!(!root.exists());
        assert!(outside.join("stays").exists());
    }
}
