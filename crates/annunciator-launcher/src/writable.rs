//! Folders that a program may write to, against what it must not change or read.
//!
//! Rights add up: whoever may write to a folder may read and execute all below it. A folder that
//! holds something hidden, or lies in it, would show it; one that holds a folder of executables, or
//! lies in it, would let a program put others there.
//! Asked when settings are saved, and again by the launcher process just before the start.

use std::path::{Path, PathBuf};

/// What a folder that a program may write to would lay open; none if it lays open nothing.
///
/// Symbolic links are followed; what does not exist is taken by its name.
#[must_use]
pub fn laid_open<'p>(
    writable: &Path,
    kept: impl IntoIterator<Item = &'p PathBuf>,
) -> Option<&'p Path> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let writable = real(writable);
    let overlaps = |kept: &&PathBuf| {
        let kept = real(kept);
        kept.starts_with(&writable) || writable.starts_with(kept)
    };
    kept.into_iter().find(overlaps).map(PathBuf::as_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_or_lies_in_something_kept_lays_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["var/lib/ours/sub", "var/lib/ours-too", "var/log", "etc/notify.d"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        for (target, link) in [("var", "link"), ("var/log", "harmless")] {
            std::os::unix::fs::symlink(root.join(target), root.join(link)).unwrap();
        }
        let kept = ["var/lib/ours", "etc/notify.d", "none/key"].map(|path| root.join(path));
        let check = |writable: &Path, expected: Option<usize>| {
            let expected = expected.map(|at| kept[at].as_path());
            assert_eq!(laid_open(writable, &kept), expected, "{}", writable.display());
        };
        check(Path::new("/"), Some(0));
        for (writable, expected) in [
            ("", Some(0)),
            ("var", Some(0)),
            ("var/lib/ours", Some(0)),
            ("var/lib/ours/sub", Some(0)),
            ("var/log/../lib", Some(0)),
            ("link", Some(0)),
            ("link/lib", Some(0)),
            ("etc", Some(1)),
            ("etc/notify.d", Some(1)),
            ("none", Some(2)),
            ("var/log", None),
            ("harmless", None),
            ("var/lib/ours-too", None),
            ("new", None),
        ] {
            check(&root.join(writable), expected);
        }
    }
}
