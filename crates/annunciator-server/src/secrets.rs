//! Secrets sealed at rest with a key outside the store (spec 10.3, ADR 0009).
//!
//! In: clear text and what it belongs to. Out: `sealed:v1:<hex>` for the store,
//! `<sealed:v1:BASE64>` for documents that leave the server (ADR 0032), and back.
//! Standard: XChaCha20-Poly1305; the place of the secret is authenticated with it, so that a
//! sealed text moved elsewhere does not open.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use annunciator_settings::SEALED_PREFIX;
use base64ct::{Base64Unpadded, Encoding as _};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use zeroize::Zeroizing;

const PREFIX: &str = "sealed:v1:";
/// Version of the form in documents; stands behind [`SEALED_PREFIX`].
const DOCUMENT_VERSION: &str = "v1:";
/// Before the place of a secret in a document: what the store holds opens in no document.
const DOCUMENT_PLACE: &str = "document:";
/// Secrets in documents are padded to a multiple of this. Unit: octets.
const PADDING_BYTES: usize = 64;
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

impl SecretError {
    /// What is wrong with a key file, and what to do.
    pub(crate) fn of_file(path: &Path, reason: impl Into<String>) -> Self {
        Self::KeyFile { path: path.display().to_string(), reason: reason.into() }
    }
}

/// Seals and opens secrets.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    /// Makes the nonces of documents.
    nonce_key: PKey<Private>,
    /// Makes marks.
    mark_key: PKey<Private>,
}

impl Sealer {
    /// Reads the key file, or makes one when there is none.
    ///
    /// # Errors
    /// As [`Self::read`] and [`Self::make`].
    pub fn open(path: &Path) -> Result<Self, SecretError> {
        match Self::read(path)? {
            Some(sealer) => Ok(sealer),
            None => Self::make(path),
        }
    }

    /// Reads the key file; none when there is none.
    ///
    /// # Errors
    /// [`SecretError::KeyFile`] when it cannot be read, is readable by others, or is no key.
    pub fn read(path: &Path) -> Result<Option<Self>, SecretError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(SecretError::of_file(path, e.to_string())),
        };
        let facts = fs::metadata(path).map_err(|e| SecretError::of_file(path, e.to_string()))?;
        if facts.permissions().mode() & 0o077 != 0 {
            return Err(SecretError::of_file(path, "others can read it: chmod 600 it"));
        }
        Self::of_text(path, &text).map(Some)
    }

    /// Makes a key file with mode 0600, where there is none.
    ///
    /// # Errors
    /// [`SecretError::KeyFile`] when it cannot be made.
    pub fn make(path: &Path) -> Result<Self, SecretError> {
        let text = make_key_file(path)
            .map_err(|e| SecretError::of_file(path, format!("cannot be made: {e}")))?;
        tracing::info!(key_file = %path.display(), "a new key is made: keep a copy of it");
        Self::of_text(path, &text)
    }

    fn of_text(path: &Path, text: &str) -> Result<Self, SecretError> {
        let error = |reason: String| SecretError::of_file(path, reason);
        let key = from_hex(text.trim())
            .filter(|key| key.len() == KEY_BYTES)
            .ok_or_else(|| error("must hold 64 hexadecimal digits and nothing else".to_owned()))?;
        let cipher = XChaCha20Poly1305::new_from_slice(&key)
            .map_err(|_| error("the key has a wrong length".to_owned()))?;
        let derive = |purpose: &[u8]| derive_key(&key, purpose).map_err(|e| error(e.to_string()));
        let nonce_key = derive(b"annunciator: nonces of sealed secrets in documents")?;
        let mark_key = derive(b"annunciator: marks")?;
        Ok(Self { cipher, nonce_key, mark_key })
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
            let clear = self.decrypt(place, &bytes)?;
            String::from_utf8(clear).ok()
        };
        open().ok_or(SecretError::DoesNotOpen)
    }

    /// Seals a secret for a document that leaves the server: the same secret at the same place
    /// gives the same text, so that two documents can be compared, and its length is rounded up.
    ///
    /// `clear` holds no NUL: the padding is made of them.
    #[must_use]
    pub fn seal_for_document(&self, place: &str, clear: &str) -> String {
        let place = format!("{DOCUMENT_PLACE}{place}");
        let length = clear.len().max(1).next_multiple_of(PADDING_BYTES);
        let mut padded = Zeroizing::new(vec![0; length]);
        padded[..clear.len()].copy_from_slice(clear.as_bytes());
        let nonce = self.nonce_for(&place, &padded).expect("a keyed digest of a short text");
        let payload = Payload { msg: padded.as_slice(), aad: place.as_bytes() };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("sealing a short text does not fail");
        let mut octets = nonce.to_vec();
        octets.extend(sealed);
        format!("{SEALED_PREFIX}{DOCUMENT_VERSION}{}>", Base64Unpadded::encode_string(&octets))
    }

    /// Opens what [`Self::seal_for_document`] made for the same place.
    ///
    /// # Errors
    /// [`SecretError::DoesNotOpen`].
    pub fn open_from_document(&self, place: &str, sealed: &str) -> Result<String, SecretError> {
        let open = || {
            let text = sealed.strip_prefix(SEALED_PREFIX)?.strip_prefix(DOCUMENT_VERSION)?;
            let octets = Base64Unpadded::decode_vec(text.strip_suffix('>')?).ok()?;
            let mut clear = self.decrypt(&format!("{DOCUMENT_PLACE}{place}"), &octets)?;
            clear.truncate(clear.iter().position(|octet| *octet == 0).unwrap_or(clear.len()));
            String::from_utf8(clear).ok()
        };
        open().ok_or(SecretError::DoesNotOpen)
    }

    fn decrypt(&self, place: &str, octets: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = octets.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        self.cipher.decrypt(&XNonce::from(nonce), payload).ok()
    }

    /// A mark that only this server makes for these octets and this purpose.
    #[must_use]
    pub fn mark(&self, purpose: &str, octets: &[u8]) -> [u8; 32] {
        let sign = || -> Result<Vec<u8>, ErrorStack> {
            let mut signer = Signer::new(MessageDigest::sha256(), &self.mark_key)?;
            signer.update(&purpose.len().to_be_bytes())?;
            signer.update(purpose.as_bytes())?;
            signer.update(octets)?;
            signer.sign_to_vec()
        };
        let digest = sign().expect("a keyed digest of a short text");
        digest.try_into().expect("SHA-256 gives 32 octets")
    }

    /// A nonce that only the same text at the same place has.
    fn nonce_for(&self, place: &str, padded: &[u8]) -> Result<[u8; NONCE_BYTES], ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.nonce_key)?;
        signer.update(&place.len().to_be_bytes())?;
        signer.update(place.as_bytes())?;
        signer.update(padded)?;
        let digest = signer.sign_to_vec()?;
        Ok(digest[..NONCE_BYTES].try_into().expect("SHA-256 gives 32 octets"))
    }
}

/// A key of its own for a purpose, made of the key of the file.
fn derive_key(key: &[u8], purpose: &[u8]) -> Result<PKey<Private>, ErrorStack> {
    let file_key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &file_key)?;
    signer.update(purpose)?;
    PKey::hmac(&Zeroizing::new(signer.sign_to_vec()?))
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

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
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
    fn a_secret_in_a_document_opens_only_with_its_key_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::open(&folder.path().join("one.key")).unwrap();
        let other = Sealer::open(&folder.path().join("two.key")).unwrap();
        let (place, elsewhere) = ("server/email/password", "server/sms/password");
        for clear in ["", "p", "pässword", &"x".repeat(63), &"x".repeat(64), &"x".repeat(4_096)] {
            let sealed = sealer.seal_for_document(place, clear);
            assert!(sealed.starts_with("<sealed:v1:") && sealed.ends_with('>'), "{sealed}");
            assert_eq!(sealer.open_from_document(place, &sealed).unwrap(), clear);
            assert_eq!(sealer.seal_for_document(place, clear), sealed, "the same text again");
            assert_ne!(sealer.seal_for_document(elsewhere, clear), sealed);
            assert_ne!(other.seal_for_document(place, clear), sealed);
            assert!(sealer.open_from_document(elsewhere, &sealed).is_err());
            assert!(other.open_from_document(place, &sealed).is_err());
            for broken in [&sealed[..sealed.len() - 1], &sealed.replace("v1", "v2"), "<sealed:v1:>"]
            {
                assert!(sealer.open_from_document(place, broken).is_err(), "{broken}");
            }
            // What stands in the store is of no use in a document, and the other way round.
            let stored = sealer.seal(place, clear).replace(PREFIX, "");
            let moved = Base64Unpadded::encode_string(&from_hex(&stored).unwrap());
            assert!(sealer.open_from_document(place, &format!("<sealed:v1:{moved}>")).is_err());
        }
        let length = |clear: &str| sealer.seal_for_document(place, clear).len();
        assert_eq!(length("p"), length(&"x".repeat(64)), "the length says little");
        assert!(length("p") < length(&"x".repeat(65)));
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
