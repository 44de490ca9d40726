//! OpenSSL's command line in a folder: what writes the files that people upload.

use std::path::PathBuf;
use std::process::Command;

use annunciator_core::Timestamp;
use annunciator_testkit::certificates::Identity;
use tempfile::TempDir;

/// A folder with a certificate (`c.pem`), its issuers (`ca.pem`) and its key (`k.pem`).
pub(crate) struct Tool {
    folder: TempDir,
}

impl Tool {
    pub(crate) fn with(identity: &Identity) -> Self {
        let tool = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(tool.path("c.pem"), identity.certificate.to_pem().unwrap()).unwrap();
        let issuers: Vec<u8> =
            identity.chain.iter().flat_map(|one| one.to_pem().unwrap()).collect();
        std::fs::write(tool.path("ca.pem"), issuers).unwrap();
        std::fs::write(tool.path("k.pem"), identity.key_pem()).unwrap();
        tool
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `openssl` with these words; gives the file `out` that it wrote.
    pub(crate) fn make(&self, words: &str) -> Vec<u8> {
        let mut words_left = words.split_whitespace();
        let output = Command::new("openssl")
            .args(words_left.next())
            .args(["-out", "out"])
            .args(words_left)
            .current_dir(self.folder.path())
            .output()
            .expect("the package openssl is installed");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {words}: {complaint}");
        std::fs::read(self.path("out")).unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

/// The time now: certificates of the testkit are made around it.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}
