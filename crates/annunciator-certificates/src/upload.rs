//! Files as they are uploaded into certificate objects.
//!
//! In: files in any order, PEM or DER by their content, a password, the time. Out: an object, its
//! facts, warnings. Failure: [`CertificateError`] with the file it is about; nothing is half
//! taken. Standard: spec 3.1, quality G13, G14.

use annunciator_core::Timestamp;

use crate::certificate::{Certificate, too_many};
use crate::derivation::{Budget, Password};
use crate::encryption::decrypt_traditional;
use crate::key::{KeyKind, PrivateKey, Shape};
use crate::parts;
use crate::pem::{Block, is_pem, read_blocks};
use crate::pkcs12::{self, BaggedKey};
use crate::{
    Authorities, CERTIFICATES_MAX, CertificateError, CertificateFacts, ClientCertificate,
    SigningKey,
};

/// Largest file. Unit: octets.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Most files of one upload.
pub const FILES_MAX: usize = 5;
/// Longest password. Unit: octets.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// What an upload gave.
#[derive(Clone, Debug)]
pub struct Taken<T> {
    /// The object.
    pub object: T,
    /// What each of its certificates says, in their order.
    pub facts: Vec<CertificateFacts>,
    /// What deserves a look, in sentences.
    pub warnings: Vec<String>,
}

/// Trusted certificates: each must be an authority's, and valid now.
///
/// # Errors
/// `not_an_authority`, `expired`, `not_yet_valid`, `empty`, a limit, or what cannot be read.
pub fn read_authorities(
    files: &[&[u8]],
    now: Timestamp,
) -> Result<Taken<Authorities>, CertificateError> {
    let gathered = gather(files, "")?;
    if let Some((file, _)) = gathered.keys.first() {
        let words = "the file holds a key: authorities are certificates alone";
        return Err(CertificateError::new("unexpected_key", words).of_file(*file));
    }
    let (mut object, mut facts) = (Authorities { certificates: Vec::new() }, Vec::new());
    for (file, certificate) in gathered.certificates {
        let of_file = |error: CertificateError| error.of_file(file);
        if !certificate.facts.is_authority {
            let words = format!(
                "`{}` is not the certificate of an authority: it may not sign others (basic \
                 constraints, key usage); upload the one that issued it",
                certificate.title()
            );
            return Err(of_file(CertificateError::new("not_an_authority", words)));
        }
        certificate.check_dates(now).map_err(of_file)?;
        // The same one twice adds nothing.
        if facts.contains(&certificate.facts) {
            continue;
        }
        object.certificates.push(certificate.to_der().map_err(of_file)?);
        facts.push(certificate.facts);
    }
    if object.certificates.is_empty() {
        return Err(CertificateError::new("empty", "there is no certificate in it"));
    }
    Ok(Taken { object, facts, warnings: Vec::new() })
}

/// A certificate with its key: two files in any order, both in one, or PKCS#12.
///
/// # Errors
/// `key_missing`, `several_keys`, `key_mismatch`, `expired`, `password_required`,
/// `password_wrong`, a limit, or what cannot be read.
pub fn read_client(
    files: &[&[u8]],
    password: &str,
    now: Timestamp,
) -> Result<Taken<ClientCertificate>, CertificateError> {
    let gathered = gather(files, password)?;
    if gathered.keys.is_empty() {
        return Err(key_missing());
    }
    if gathered.certificates.is_empty() && gathered.keys.len() == 1 {
        let words = "there is no certificate in it: add the file with the certificate of this key";
        return Err(CertificateError::new("certificate_missing", words));
    }
    let taken = parts::join(gathered, files.len(), now)?;
    let key = taken.key.ok_or_else(key_missing)?;
    let object = ClientCertificate { chain: taken.chain, key };
    Ok(Taken { object, facts: taken.facts, warnings: taken.warnings })
}

/// A key that came alone, with its public half.
#[derive(Clone, Debug)]
pub struct TakenKey {
    /// The object.
    pub object: SigningKey,
    /// Its public half, `SubjectPublicKeyInfo` DER: what DNS publishes.
    pub public: Vec<u8>,
    /// What it is, such as `RSA 2048`.
    pub kind: String,
}

/// A key alone, for signatures (DKIM): RSA or Ed25519.
///
/// # Errors
/// `key_missing`, `key_unsupported`, `unexpected_certificate`, `password_required`,
/// `password_wrong`, a limit, or what cannot be read.
pub fn read_signing_key(file: &[u8], password: &str) -> Result<TakenKey, CertificateError> {
    let gathered = gather(&[file], password)?;
    if !gathered.certificates.is_empty() {
        let words = "the file holds a certificate: a signing key comes alone";
        return Err(CertificateError::new("unexpected_certificate", words).of_file(0));
    }
    let (_, key) = one_key(gathered.keys)?;
    if let KeyKind::Ec(_) = key.kind {
        let words = "messages are signed with RSA or Ed25519 (RFC 6376, RFC 8463), not with EC \
                     keys: make one with `openssl genrsa 2048`";
        return Err(CertificateError::new("key_unsupported", words).of_file(0));
    }
    Ok(TakenKey {
        object: SigningKey { key: key.to_pkcs8()? },
        public: key.to_public()?,
        kind: key.kind.to_text(),
    })
}

/// What a public key is, such as `RSA 2048`.
///
/// # Errors
/// `malformed`, or a key beyond the limits.
pub fn describe_public_key(der: &[u8]) -> Result<String, CertificateError> {
    let top = crate::der::check_shape(der)?;
    crate::key::kind_of_public(&top).map(KeyKind::to_text)
}

fn key_missing() -> CertificateError {
    let words = "there is no key in it: add the file with the private key";
    CertificateError::new("key_missing", words)
}

fn one_key(keys: Vec<(usize, PrivateKey)>) -> Result<(usize, PrivateKey), CertificateError> {
    take_one_key(keys)?.ok_or_else(key_missing)
}

/// The key; none when there is none, and never one of several.
pub(crate) fn take_one_key(
    mut keys: Vec<(usize, PrivateKey)>,
) -> Result<Option<(usize, PrivateKey)>, CertificateError> {
    match (keys.pop(), keys.is_empty()) {
        (Some((file, _)), false) => {
            let words = "there are several keys in it: upload the one that is meant";
            Err(CertificateError::new("several_keys", words).of_file(file))
        }
        (key, _) => Ok(key),
    }
}

/// Everything that the files hold, with the file it comes from.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) certificates: Vec<(usize, Certificate)>,
    pub(crate) keys: Vec<(usize, PrivateKey)>,
}

/// A part of a file on its way into [`Gathered`].
struct Gathering<'a> {
    password: &'a str,
    budget: Budget,
    gathered: Gathered,
}

/// Everything that these files hold.
pub(crate) fn gather(files: &[&[u8]], password: &str) -> Result<Gathered, CertificateError> {
    if files.is_empty() || files.len() > FILES_MAX {
        let words = format!("give 1 to {FILES_MAX} files with certificates and keys");
        return Err(CertificateError::new("files", words));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        let words = format!("the password may have {PASSWORD_BYTES_MAX} octets at most");
        return Err(CertificateError::new("password_too_long", words));
    }
    let mut gathering =
        Gathering { password, budget: Budget::new(), gathered: Gathered::default() };
    for (at, file) in files.iter().enumerate() {
        gathering.take_file(at, file).map_err(|error| error.of_file(at))?;
    }
    Ok(gathering.gathered)
}

impl Gathering<'_> {
    fn take_file(&mut self, at: usize, file: &[u8]) -> Result<(), CertificateError> {
        if file.len() > FILE_BYTES_MAX {
            let words = format!("a file may have {FILE_BYTES_MAX} octets at most");
            return Err(CertificateError::new("too_large", words));
        }
        if !is_pem(file) {
            return self.take_der(at, file);
        }
        let blocks = read_blocks(file)?;
        if blocks.is_empty() {
            return Err(crate::der::Malformed.into());
        }
        blocks.iter().try_for_each(|block| self.take_block(at, block))
    }

    fn take_block(&mut self, at: usize, block: &Block) -> Result<(), CertificateError> {
        match block.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => self.take_certificate(at, &block.octets),
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                let key = match &block.encryption {
                    None => PrivateKey::read(&block.octets)?,
                    Some(how) => {
                        let opened = decrypt_traditional(how, &block.octets, &self.typed());
                        self.judge(opened.and_then(|clear| PrivateKey::read_decrypted(&clear)))?
                    }
                };
                self.take_key(at, key)
            }
            "ENCRYPTED PRIVATE KEY" => self.take_encrypted(at, &block.octets),
            // They stand before some EC keys and say nothing new.
            "EC PARAMETERS" => Ok(()),
            other => {
                let words = format!(
                    "the file holds `{other}`, which is neither a certificate nor a private key"
                );
                Err(CertificateError::new("unexpected_block", words))
            }
        }
    }

    fn take_der(&mut self, at: usize, octets: &[u8]) -> Result<(), CertificateError> {
        match Shape::of(octets) {
            Shape::Certificate => self.take_certificate(at, octets),
            Shape::Pkcs8 | Shape::Pkcs1 | Shape::Sec1 => {
                self.take_key(at, PrivateKey::read(octets)?)
            }
            Shape::EncryptedPkcs8 => self.take_encrypted(at, octets),
            Shape::Pkcs12 => self.take_pkcs12(at, octets),
            Shape::Other => {
                let words = "it is neither a certificate (X.509, PEM or DER) nor a private key \
                             nor PKCS#12: look whether this is the file that was meant";
                Err(CertificateError::new("unknown_format", words))
            }
        }
    }

    fn take_certificate(&mut self, at: usize, der: &[u8]) -> Result<(), CertificateError> {
        if self.gathered.certificates.len() == CERTIFICATES_MAX {
            return Err(too_many());
        }
        self.gathered.certificates.push((at, Certificate::read(der)?));
        Ok(())
    }

    fn take_encrypted(&mut self, at: usize, der: &[u8]) -> Result<(), CertificateError> {
        let key = PrivateKey::read_encrypted(der, &self.typed(), &mut self.budget);
        let key = self.judge(key)?;
        self.take_key(at, key)
    }

    fn take_pkcs12(&mut self, at: usize, octets: &[u8]) -> Result<(), CertificateError> {
        let opened = pkcs12::open(octets, self.password, &mut self.budget);
        let (contents, password) = self.judge(opened)?;
        for der in &contents.certificates {
            self.take_certificate(at, der)?;
        }
        match contents.key {
            None => Ok(()),
            Some(BaggedKey::Clear(der)) => self.take_key(at, PrivateKey::read(&der)?),
            Some(BaggedKey::Shrouded(der)) => {
                let key = PrivateKey::read_encrypted(&der, &password, &mut self.budget);
                let key = self.judge(key)?;
                self.take_key(at, key)
            }
        }
    }

    fn take_key(&mut self, at: usize, key: PrivateKey) -> Result<(), CertificateError> {
        self.gathered.keys.push((at, key));
        if self.gathered.keys.len() <= FILES_MAX {
            return Ok(());
        }
        Err(CertificateError::new("several_keys", "there are several keys in it"))
    }

    fn typed(&self) -> Password {
        Password::new(self.password)
    }

    /// A password that was not typed is missing, not wrong.
    fn judge<T>(&self, opened: Result<T, CertificateError>) -> Result<T, CertificateError> {
        opened.map_err(|error| match error.code {
            "password_wrong" if self.password.is_empty() => CertificateError::new(
                "password_required",
                "the key is encrypted: give its password",
            ),
            _ => error,
        })
    }
}
