//! What a certificate says, for people and for the watch over its end.

use annunciator_core::Timestamp;

/// What a certificate says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFacts {
    /// Subject, such as `CN=mail.example.org, O=Example`.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Serial number, lower-case hex.
    pub serial: String,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// DNS names and addresses it is for.
    pub names: Vec<String>,
    /// Its key, such as `RSA 2048` or `EC P-256`.
    pub key: String,
    /// Whether it may sign certificates.
    pub is_authority: bool,
    /// SHA-256 of the certificate, lower-case hex.
    pub fingerprint_sha256: String,
}
