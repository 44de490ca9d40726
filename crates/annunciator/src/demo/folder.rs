//! The folder of a demonstration: made for its owner alone, removed at the end.

use std::fs::{DirBuilder, File};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::moment;

/// Lines of the log that are shown when something went wrong.
const TAIL_LINES_MAX: usize = 15;

/// The folder; dropping it removes it unless it is to be kept.
pub(super) struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    /// Makes the folder: a new one among the temporary files, or the one to be kept.
    pub(super) fn make(kept: Option<&Path>) -> Result<Self> {
        let path = match kept {
            Some(path) => std::path::absolute(path)?,
            None => {
                let name = format!("annunciator-demo-{}-{}", std::process::id(), moment::now().0);
                std::env::temp_dir().join(name)
            }
        };
        if path.join("data").exists() {
            bail!("{} holds a demonstration already: remove it, or name another", path.display());
        }
        let show = || format!("the folder {} cannot be made", path.display());
        // A folder among the temporary files that exists already belongs to somebody else.
        let made = DirBuilder::new().mode(0o700).recursive(kept.is_some()).create(&path);
        made.with_context(show)?;
        Ok(Self { path, is_kept: kept.is_some() })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// For the store.
    pub(super) fn data_dir(&self) -> PathBuf {
        self.path.join("data")
    }

    /// For the key of the store's secrets.
    pub(super) fn key_file(&self) -> PathBuf {
        self.path.join("data.key")
    }

    /// For other commands.
    pub(super) fn config_file(&self) -> PathBuf {
        self.path.join("annunciator.toml")
    }

    /// Opens the log.
    pub(super) fn log_file(&self) -> Result<File> {
        let path = self.path.join("annunciator.log");
        File::create(&path).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// The end of the log.
    pub(super) fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(self.path.join("annunciator.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES_MAX)..].join("\n")
    }

    /// Writes the config that leads other commands to the socket.
    pub(super) fn write_config(&self, listen: SocketAddr) -> Result<()> {
        let text = format!("listen = \"{listen}\"\ndata_dir = \"data\"\n");
        let path = self.config_file();
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed lies among the temporary files and goes with them.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_unless_it_is_kept() {
        let folder = Folder::make(None).unwrap();
        let path = folder.path().to_owned();
        folder.write_config("127.0.0.1:1".parse().unwrap()).unwrap();
        assert!(path.join("annunciator.toml").exists());
        drop(folder);
        assert!(!path.exists());

        let around = tempfile::tempdir().unwrap();
        let kept = around.path().join("a/b");
        drop(Folder::make(Some(&kept)).unwrap());
        assert!(kept.exists());
        std::fs::create_dir(kept.join("data")).unwrap();
        assert!(Folder::make(Some(&kept)).is_err(), "an earlier one is not mixed with a new one");
    }
}
