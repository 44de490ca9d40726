//! What of a client certificate is kept sealed: its key, and its files as they came.
//!
//! In: parts of an upload, or the sealed text of a record. Out: the other one.
//! Failure: what does not open, or is none of ours, is a [`SecretError`].
//!
//! Certificates alone are no secret, but their file is kept in the same place: a file belongs to
//! its object, and goes with it.

use annunciator_certificates::SecretOctets;
use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::secrets::{Sealer, SecretError};

/// Largest file that is kept as it came; of a larger one what is in it is kept. Unit: octets.
const FILE_BYTES_MAX: usize = 64 << 10;

/// A file as it was uploaded.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UploadedFile {
    /// Its name, of letters, digits and `-_.`; never empty.
    pub name: String,
    /// Its content.
    pub content: SecretOctets,
}

impl UploadedFile {
    /// Takes a file to keep; none when it is too large. `stem` names one that has no name.
    #[must_use]
    pub fn take(name: &str, content: &[u8], stem: &str) -> Option<Self> {
        const NAME_CHARS_MAX: usize = 100;
        if content.len() > FILE_BYTES_MAX {
            return None;
        }
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(c);
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let plain: String = last.chars().filter(is_plain).take(NAME_CHARS_MAX).collect();
        let plain = plain.trim_start_matches('.');
        let name = if plain.is_empty() { format!("{stem}.pem") } else { plain.to_owned() };
        Some(Self { name, content: SecretOctets::new(content.to_vec()) })
    }
}

/// What is sealed of a client certificate.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SealedParts {
    /// PKCS#8 DER; none when the object has no key.
    pub key: Option<SecretOctets>,
    /// The file of its certificates, when it held no key.
    pub certificate_file: Option<UploadedFile>,
    /// The file of its key, when it held no certificate.
    pub key_file: Option<UploadedFile>,
    /// Whether the object is deleted once no setting uses it.
    pub only_while_used: bool,
}

/// The same as text.
#[derive(Serialize, Deserialize)]
struct Wire {
    key: String,
    certificate_file: Option<WireFile>,
    key_file: Option<WireFile>,
    only_while_used: bool,
}

#[derive(Serialize, Deserialize)]
struct WireFile {
    name: String,
    content_base64: String,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Drop for WireFile {
    fn drop(&mut self) {
        self.content_base64.zeroize();
    }
}

/// What sealed parts belong to.
fn place_of(id: &str) -> String {
    format!("certificate/{id}/key")
}

/// Seals the key of an object that is no client certificate.
#[must_use]
pub fn seal_key(sealer: &Sealer, id: &str, key: &SecretOctets) -> String {
    sealer.seal(&place_of(id), &Zeroizing::new(Base64::encode_string(key.expose())))
}

/// Opens the key of an object that is no client certificate.
///
/// # Errors
/// It does not open.
pub fn open_key(sealer: &Sealer, id: &str, sealed: &str) -> Result<SecretOctets, SecretError> {
    decode(&Zeroizing::new(sealer.open_secret(&place_of(id), sealed)?))
}

/// Whether what is sealed of an object opens.
#[must_use]
pub fn opens(sealer: &Sealer, id: &str, sealed: &str) -> bool {
    sealer.open_secret(&place_of(id), sealed).is_ok()
}

fn decode(text: &str) -> Result<SecretOctets, SecretError> {
    Base64::decode_vec(text).map(SecretOctets::new).map_err(|_| SecretError::DoesNotOpen)
}

impl SealedParts {
    /// Seals them for an object.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer, id: &str) -> String {
        let file = |file: &UploadedFile| WireFile {
            name: file.name.clone(),
            content_base64: Base64::encode_string(file.content.expose()),
        };
        let wire = Wire {
            key: self
                .key
                .as_ref()
                .map(|key| Base64::encode_string(key.expose()))
                .unwrap_or_default(),
            certificate_file: self.certificate_file.as_ref().map(file),
            key_file: self.key_file.as_ref().map(file),
            only_while_used: self.only_while_used,
        };
        let text = serde_json::to_string(&wire).expect("texts become JSON");
        sealer.seal(&place_of(id), &Zeroizing::new(text))
    }

    /// Opens those of an object; a key alone is what earlier versions sealed.
    ///
    /// # Errors
    /// They do not open.
    pub fn open(sealer: &Sealer, id: &str, sealed: &str) -> Result<Self, SecretError> {
        let text = Zeroizing::new(sealer.open_secret(&place_of(id), sealed)?);
        if !text.starts_with('{') {
            return Ok(Self { key: Some(decode(&text)?), ..Self::default() });
        }
        let wire: Wire = serde_json::from_str(&text).map_err(|_| SecretError::DoesNotOpen)?;
        let file = |file: &WireFile| {
            let content = decode(&file.content_base64)?;
            Ok::<_, SecretError>(UploadedFile { name: file.name.clone(), content })
        };
        Ok(Self {
            key: Some(wire.key.as_str()).filter(|key| !key.is_empty()).map(decode).transpose()?,
            certificate_file: wire.certificate_file.as_ref().map(file).transpose()?,
            key_file: wire.key_file.as_ref().map(file).transpose()?,
            only_while_used: wire.only_while_used,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_open_as_they_were_sealed_and_for_their_object_alone() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::open(&folder.path().join("key")).unwrap();
        let octets = |text: &str| SecretOctets::new(text.as_bytes().to_vec());
        let parts = SealedParts {
            key: Some(octets("key")),
            certificate_file: UploadedFile::take("C:\\a b.crt", b"x\r\n", "certificate"),
            key_file: UploadedFile::take("", b"\0\xff", "key"),
            only_while_used: true,
        };
        let sealed = parts.seal(&sealer, "a");
        let opened = SealedParts::open(&sealer, "a", &sealed).unwrap();
        assert!(opened == parts);
        assert_eq!(opened.certificate_file.unwrap().name, "ab.crt");
        assert_eq!(opened.key_file.unwrap().name, "key.pem");
        assert!(SealedParts::open(&sealer, "b", &sealed).is_err());
        let earlier = seal_key(&sealer, "a", &octets("key"));
        let opened = SealedParts::open(&sealer, "a", &earlier).unwrap();
        assert!(opened == SealedParts { key: Some(octets("key")), ..SealedParts::default() });
        let nothing = SealedParts::default();
        assert!(SealedParts::open(&sealer, "a", &nothing.seal(&sealer, "a")).unwrap() == nothing);
    }

    #[test]
    fn a_large_file_is_not_kept_as_it_came() {
        let take = |size: usize| UploadedFile::take("a", &vec![0; size], "key");
        assert!(take(FILE_BYTES_MAX).is_some() && take(FILE_BYTES_MAX + 1).is_none());
    }
}
