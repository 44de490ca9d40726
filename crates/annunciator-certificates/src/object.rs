//! The objects.

use std::fmt;
use std::hash::{Hash, Hasher};

use zeroize::Zeroizing;

/// What an object is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CertificateKind {
    /// Certificates that are trusted to have issued a server's.
    Authorities,
    /// A certificate with its key, shown to servers.
    Client,
    /// A key alone, for signatures (DKIM).
    SigningKey,
}

impl CertificateKind {
    /// The word of API and store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorities => "authorities",
            Self::Client => "client",
            Self::SigningKey => "signing_key",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Authorities, Self::Client, Self::SigningKey].into_iter().find(|k| k.as_str() == word)
    }
}

/// Octets that are never shown and are wiped when dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretOctets(Zeroizing<Vec<u8>>);

impl SecretOctets {
    /// Takes a secret.
    #[must_use]
    pub fn new(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// The secret, for the one line that uses it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Hash for SecretOctets {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

impl fmt::Debug for SecretOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretOctets(..)")
    }
}

/// Certificates that are trusted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Authorities {
    /// DER, 1 to 100.
    pub certificates: Vec<Vec<u8>>,
}

/// A certificate with its key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ClientCertificate {
    /// DER, the certificate itself first, then its issuers as far as they were given.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8 DER, not encrypted.
    pub key: SecretOctets,
}

/// A key alone, for signatures.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SigningKey {
    /// PKCS#8 DER, not encrypted; RSA or Ed25519.
    pub key: SecretOctets,
}

/// The one part that a client certificate has, while the other is missing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClientHalf {
    /// A certificate without its key.
    Certificate,
    /// A key without its certificate.
    Key,
}

/// An object as a connection uses it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CertificateObject {
    /// Trusted certificates.
    Authorities(Authorities),
    /// A certificate with its key.
    Client(ClientCertificate),
    /// Half of a client certificate: no connection can use it.
    Half(ClientHalf),
    /// A key alone.
    SigningKey(SigningKey),
}

impl CertificateObject {
    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> CertificateKind {
        match self {
            Self::Authorities(_) => CertificateKind::Authorities,
            Self::Client(_) | Self::Half(_) => CertificateKind::Client,
            Self::SigningKey(_) => CertificateKind::SigningKey,
        }
    }
}

/// Why an upload is refused; in words that say what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{words}")]
pub struct CertificateError {
    /// Stable word for the API, such as `password_wrong`.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub words: String,
    /// Which of the files it is about, from 0; none when it is about all of them or the password.
    pub file: Option<usize>,
}

impl CertificateError {
    /// A refusal that is about no file in particular.
    #[must_use]
    pub fn new(code: &'static str, words: impl Into<String>) -> Self {
        Self { code, words: words.into(), file: None }
    }

    /// The refusal of this file, unless it is about another one or about the password.
    #[must_use]
    pub(crate) fn of_file(mut self, file: usize) -> Self {
        if !self.code.starts_with("password_") {
            self.file.get_or_insert(file);
        }
        self
    }
}
