//! A small file system in memory that a test may fill; it is unmounted when dropped.
//!
//! Failure: where it cannot be mounted, which needs root, the reason is given back.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A disk larger than this is none that a test may fill. Unit: octets.
const SIZE_MAX: u64 = 300 << 20;

/// The file system.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Mounts one of this size. Unit: MiB, less than 300.
    ///
    /// # Errors
    /// Why it cannot be mounted.
    pub fn mount(size_mb: u64) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let size = format!("size={size_mb}m");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path());
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(Self { folder })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Kind, size and free room, by the word of `stat`. Unit: octets.
    ///
    /// # Panics
    /// When `stat` says something else.
    #[must_use]
    pub fn state(&self) -> (String, u64, u64) {
        let mut command = Command::new("stat");
        command.args(["--file-system", "--format", "%T %S %b %a"]).arg(self.folder.path());
        let printed = command.output().expect("stat is there").stdout;
        let printed = String::from_utf8_lossy(&printed).into_owned();
        let words: Vec<&str> = printed.split_whitespace().collect();
        let [kind, block, blocks, free] = words[..] else { panic!("stat said `{printed}`") };
        let number = |word: &str| word.parse::<u64>().expect("stat counts");
        (kind.to_owned(), number(block) * number(blocks), number(block) * number(free))
    }

    /// Fills it but for so many octets; with none left, also while others write to it.
    ///
    /// # Panics
    /// When it is another file system than it should be.
    pub fn fill(&self, left: u64) {
        let (kind, size, free) = self.state();
        // Never a real disk, whatever went wrong before.
        assert!(kind == "tmpfs" && size <= SIZE_MAX, "{kind} of {size} octets");
        let octets = usize::try_from(free.saturating_sub(left)).expect("a small number");
        match fs::write(self.filler(), vec![b'x'; octets]) {
            Err(error) if left == 0 && error.kind() == ErrorKind::StorageFull => {}
            written => written.expect("there is so much room"),
        }
    }

    /// Takes away what filled it.
    ///
    /// # Panics
    /// When it was not filled.
    pub fn make_room(&self) {
        fs::remove_file(self.filler()).expect("the filler is there");
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A failure shows as a temporary folder that stays.
        drop(Command::new("umount").arg(self.folder.path()).status());
    }
}
