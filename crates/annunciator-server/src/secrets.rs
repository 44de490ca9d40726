//! Secrets sealed at rest with a key outside the store (spec 10.3, ADR 0009).
//!
//! In: clear text and what it belongs to. Out: `sealed:v1:<hex>`, and back.
//! Standard: XChaCha20-Poly1305; the place of the secret is authenticated with it, so that a
//! sealed text moved elsewhere does not open.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

const PREFIX: &str = "sealed:v1:";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Why there is no key, or a secret does not open.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The key file cannot be read or made.
    #[error("the key file {path}: {reason}")]
    KeyFile {
        /// Which.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A sealed text does not open with this key.
    #[error(
        "a stored secret does not open with this key: the key file was replaced, or the store comes from another server; type the secret again"
    )]
    DoesNotOpen,
}

/// Seals and opens secrets.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl Sealer {
    /// Reads the key file, or makes it with mode 0600 when there is none.
    ///
    /// # Errors
    /// [`SecretError::KeyFile`] when it cannot be read or made, is readable by others, or is no
    /// key.
    pub fn open(path: &Path) -> Result<Self, SecretError> {
        if !path.exists() {
            tracing::warn!(key_file = %path.display(), "there is no key file: a new key is made; \
                secrets that were sealed with another one do not open any more");
        }
        let error =
            |reason: String| SecretError::KeyFile { path: path.display().to_string(), reason };
        let text = match fs::read_to_string(path) {
            Ok(text) => {
                let mode =
                    fs::metadata(path).map_err(|e| error(e.to_string()))?.permissions().mode();
                if mode & 0o077 != 0 {
                    return Err(error("others can read it: chmod 600 it".to_owned()));
                }
                Zeroizing::new(text)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                make_key_file(path).map_err(|e| error(format!("cannot be made: {e}")))?
            }
            Err(e) => return Err(error(e.to_string())),
        };
        let key = from_hex(text.trim())
            .filter(|key| key.len() == KEY_BYTES)
            .ok_or_else(|| error("must hold 64 hexadecimal digits and nothing else".to_owned()))?;
        let cipher = XChaCha20Poly1305::new_from_slice(&key)
            .map_err(|_| error("the key has a wrong length".to_owned()))?;
        Ok(Self { cipher })
    }

    /// Seals a secret that belongs to `place`, such as `server/email/password`.
    #[must_use]
    pub fn seal(&self, place: &str, clear: &str) -> String {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the system gives random numbers");
        let payload = Payload { msg: clear.as_bytes(), aad: place.as_bytes() };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("sealing a short text does not fail");
        format!("{PREFIX}{}{}", to_hex(&nonce), to_hex(&sealed))
    }

    /// Opens what [`Self::seal`] made for the same place.
    ///
    /// # Errors
    /// [`SecretError::DoesNotOpen`].
    pub fn open_secret(&self, place: &str, sealed: &str) -> Result<String, SecretError> {
        let open = || {
            let bytes = from_hex(sealed.strip_prefix(PREFIX)?)?;
            let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
            let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
            let payload = Payload { msg: sealed, aad: place.as_bytes() };
            let clear = self.cipher.decrypt(&XNonce::from(nonce), payload).ok()?;
            String::from_utf8(clear).ok()
        };
        open().ok_or(SecretError::DoesNotOpen)
    }
}

fn make_key_file(path: &Path) -> std::io::Result<Zeroizing<String>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut *key).map_err(|e| std::io::Error::other(e.to_string()))?;
    let text = Zeroizing::new(to_hex(&*key));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    // A key that is lost with the power would take every secret with it.
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(text)
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_with_its_key_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::open(&folder.path().join("one.key")).unwrap();
        let other = Sealer::open(&folder.path().join("two.key")).unwrap();
        let sealed = sealer.seal("server/email/password", "pässword");
        assert!(sealed.starts_with(PREFIX) && !sealed.contains("ssword"));
        assert_eq!(sealer.open_secret("server/email/password", &sealed).unwrap(), "pässword");
        assert!(sealer.open_secret("server/sms/password", &sealed).is_err());
        assert!(other.open_secret("server/email/password", &sealed).is_err());
        assert!(sealer.open_secret("server/email/password", "sealed:v1:zz").is_err());
        let again = Sealer::open(&folder.path().join("one.key")).unwrap();
        assert_eq!(again.open_secret("server/email/password", &sealed).unwrap(), "pässword");
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        Sealer::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Sealer::open(&path).err().expect("refused").to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
