//! Files that a page gives to save, in a folder.
//!
//! In: a folder. Out: what was saved there, once it is whole.
//! Standard: the Chrome `DevTools` protocol, domain `Browser`.
//! Failure: a file that does not come in time panics, with what the folder holds.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Browser, done};

/// How Chromium names a file that is still under way.
const UNDER_WAY: &str = "crdownload";

impl Browser {
    /// Saves what pages give to download in this folder, without asking.
    #[track_caller]
    pub fn save_downloads_in(&self, folder: &Path) {
        let parameters = json!({ "behavior": "allow", "downloadPath": folder });
        let set = self.session.devtools("Browser.setDownloadBehavior", &parameters);
        done("the folder of downloads", set);
    }

    /// Waits until a file was saved in the folder whole; gives its name and octets, and removes it.
    #[track_caller]
    pub fn take_download(&self, folder: &Path) -> (String, Vec<u8>) {
        let mut taken = None;
        self.wait_until("a file is downloaded", || {
            let entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
            let is_under_way = entries.iter().any(|entry| {
                entry.path().extension().is_some_and(|it| it == UNDER_WAY)
                    || entry.file_name().to_string_lossy().starts_with('.')
            });
            let whole = entries.first().filter(|_| !is_under_way).map(std::fs::DirEntry::path);
            taken = whole.and_then(|path| {
                let name = path.file_name()?.to_string_lossy().into_owned();
                let octets = fs::read(&path).ok()?;
                fs::remove_file(&path).ok()?;
                Some((name, octets))
            });
            taken.is_some()
        });
        taken.unwrap_or_default()
    }
}
