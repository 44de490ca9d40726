//! A path into a file that may be executed, or what is wrong with it.
//!
//! Asked when settings are saved, and again by the launcher process just before the start.
//! Failure: [`FileProblem`] names the file or folder, what is wrong, and the remedy.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};

/// A file that may be executed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Without symbolic links.
    pub path: PathBuf,
    identity: Identity,
}

/// What tells a file from the one that replaces it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Identity {
    device: u64,
    inode: u64,
    mode: u32,
    owner: u32,
}

impl Identity {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            mode: metadata.mode(),
            owner: metadata.uid(),
        }
    }
}

impl Checked {
    /// Whether the path still leads to the file that was checked.
    pub(crate) fn is_in_place(&self) -> bool {
        self.path.symlink_metadata().is_ok_and(|now| Identity::of(&now) == self.identity)
    }
}

/// What is wrong with an executable or with a folder above it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileProblem {
    /// The file, or the folder that it is about.
    pub path: PathBuf,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// The path does not begin with `/`.
    NotAbsolute,
    /// The path has `..` in it.
    DotSegments,
    /// No allowed folder holds it; a symbolic link may lead out.
    Outside,
    /// It does not exist.
    Missing,
    /// The system does not let us look at it; the error number.
    Unreachable(i32),
    /// It is a folder, a device or another thing.
    NotRegular,
    /// The server's user may not execute it.
    NotExecutable,
    /// It would run with other rights than the server's (setuid, setgid).
    Privileged,
    /// It belongs to somebody who is neither root nor the server's user.
    ForeignOwner,
    /// Its group may write to it.
    GroupWritable,
    /// Everybody may write to it.
    OthersWritable,
    /// It became another file between check and start.
    Replaced,
}

impl Flaw {
    /// Code and error number between the two processes.
    pub(crate) fn to_numbers(self) -> (u64, i32) {
        let errno = if let Self::Unreachable(errno) = self { errno } else { 0 };
        let same = |flaw: &Self| std::mem::discriminant(flaw) == std::mem::discriminant(&self);
        let at = Self::all(0).iter().position(same).expect("the list holds every flaw");
        (at as u64, errno)
    }

    pub(crate) fn from_numbers(code: u64, errno: i32) -> Option<Self> {
        Self::all(errno).get(usize::try_from(code).ok()?).copied()
    }

    fn all(errno: i32) -> [Self; 12] {
        [
            Self::NotAbsolute,
            Self::DotSegments,
            Self::Outside,
            Self::Missing,
            Self::Unreachable(errno),
            Self::NotRegular,
            Self::NotExecutable,
            Self::Privileged,
            Self::ForeignOwner,
            Self::GroupWritable,
            Self::OthersWritable,
            Self::Replaced,
        ]
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.flaw {
            Flaw::NotAbsolute => write!(f, "{path} is no absolute path: begin it with /"),
            Flaw::DotSegments => write!(f, "{path} has .. in it: write the path without it"),
            Flaw::Outside => write!(
                f,
                "{path} lies in none of the folders that `executable_dirs` of the server's \
                 configuration names: move it into one of them"
            ),
            Flaw::Missing => write!(f, "{path} does not exist: put it there, or correct the path"),
            Flaw::Unreachable(errno) => {
                let error = io::Error::from_raw_os_error(errno);
                write!(f, "{path} cannot be looked at ({error}): let the server's user reach it")
            }
            Flaw::NotRegular => write!(f, "{path} is no regular file: name a program or a script"),
            Flaw::NotExecutable => {
                write!(f, "{path} is not executable by the server's user: chmod a+rx {path}")
            }
            Flaw::Privileged => {
                write!(f, "{path} would run with other rights: chmod u-s,g-s {path}")
            }
            Flaw::ForeignOwner => write!(
                f,
                "{path} belongs neither to root nor to the server's user: chown root {path}"
            ),
            Flaw::GroupWritable => write!(f, "{path} is writable by its group: chmod g-w {path}"),
            Flaw::OthersWritable => write!(f, "{path} is writable by others: chmod o-w {path}"),
            Flaw::Replaced => write!(f, "{path} was replaced while it was started: start it again"),
        }
    }
}

/// Whether a file may be executed.
///
/// The path is absolute, without `..`, and leads into one of the folders, to a regular file that
/// we may execute. Nobody but root and our own user can change or replace it: all folders above
/// it are theirs too, or sticky and root's, as `/tmp` is.
///
/// It is asked at save and again at the start. What remains between the last check and the
/// execution is a swap by root or by the server's own user, who could do worse.
///
/// # Errors
///
/// The first [`FileProblem`] found.
pub fn check_file(file: &Path, folders: &[PathBuf]) -> Result<Checked, FileProblem> {
    let problem = |path: &Path, flaw| FileProblem { path: path.to_owned(), flaw };
    if !file.is_absolute() {
        return Err(problem(file, Flaw::NotAbsolute));
    }
    if file.components().any(|part| part == Component::ParentDir) {
        return Err(problem(file, Flaw::DotSegments));
    }
    let path = file.canonicalize().map_err(|error| problem(file, flaw_of(&error)))?;
    let holds = |folder: &PathBuf| {
        let folder = folder.canonicalize();
        folder.is_ok_and(|folder| path != folder && path.starts_with(folder))
    };
    if !folders.iter().any(holds) {
        return Err(problem(file, Flaw::Outside));
    }
    let look =
        |path: &Path| path.symlink_metadata().map_err(|error| problem(path, flaw_of(&error)));
    let metadata = look(&path)?;
    if !metadata.is_file() {
        return Err(problem(&path, Flaw::NotRegular));
    }
    let mode = metadata.mode();
    if mode & 0o6000 != 0 {
        return Err(problem(&path, Flaw::Privileged));
    }
    owned_and_closed(&metadata).map_err(|flaw| problem(&path, flaw))?;
    for folder in path.ancestors().skip(1) {
        owned_and_closed(&look(folder)?).map_err(|flaw| problem(folder, flaw))?;
    }
    if rustix::fs::accessat(CWD, &path, Access::EXEC_OK, AtFlags::EACCESS).is_err() {
        return Err(problem(&path, Flaw::NotExecutable));
    }
    Ok(Checked { identity: Identity::of(&metadata), path })
}

fn flaw_of(error: &io::Error) -> Flaw {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Flaw::Missing,
        _ => Flaw::Unreachable(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

/// Whether nobody but root and our own user can change a file, or what is in a folder.
fn owned_and_closed(metadata: &std::fs::Metadata) -> Result<(), Flaw> {
    let (owner, mode) = (metadata.uid(), metadata.mode());
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(Flaw::ForeignOwner);
    }
    // In a sticky folder of root, only owners can replace what is theirs.
    if metadata.is_dir() && owner == 0 && mode & 0o1000 != 0 {
        return Ok(());
    }
    match mode {
        mode if mode & 0o002 != 0 => Err(Flaw::OthersWritable),
        mode if mode & 0o020 != 0 => Err(Flaw::GroupWritable),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
