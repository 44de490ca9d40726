//! Certificate objects: uploads and what is shown of them.

use std::fmt;

use annunciator_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Uploads a certificate object, or replaces the content of one.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateUpload {
    /// Name, 1 to 100 characters; may be absent when an object is replaced: it keeps its own then.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `authorities` (trusted certificates), `client` (a certificate with its key) or
    /// `signing_key` (a key alone, for DKIM).
    pub kind: String,
    /// 1 to 5 files in any order, each at most 1 MiB: X.509 in PEM or DER, keys in PKCS#8, PKCS#1
    /// or SEC 1, or one PKCS#12 of at most 256 KiB.
    pub files: Vec<CertificateFile>,
    /// Password of the key; empty when it is not encrypted. It is used for this upload and kept
    /// nowhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub password: String,
    /// A part of another client certificate that is taken over where the files hold none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptPart>,
    /// Take a client certificate of which the key, or the certificate, is missing still; settings
    /// that use TLS do not take it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
    /// Delete the object once no setting uses it, or a day after the upload when none ever did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_while_used: bool,
}

/// A part of a client certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeptPart {
    /// Id of the object.
    pub id: String,
    /// `certificate` or `key`.
    pub part: String,
}

impl fmt::Debug for CertificateUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateUpload")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

/// One file of an upload.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateFile {
    /// Its name, for messages; may be empty.
    #[serde(default)]
    pub name: String,
    /// Its content in base64.
    pub content_base64: String,
}

impl fmt::Debug for CertificateFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A certificate object. Its key is shown nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateView {
    /// Id, which settings name.
    pub id: String,
    /// Name.
    pub name: String,
    /// `authorities`, `client` or `signing_key`.
    pub kind: String,
    /// Its certificates; the certificate of a key comes first, then its issuers.
    pub certificates: Vec<CertificateFactsView>,
    /// Kind of the key, such as `RSA 2048`; empty when the object has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The public half of a signing key in base64, as the `p=` of its DKIM record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub public_key_base64: String,
    /// The text of the TXT record that publishes a signing key, at
    /// `<selector>._domainkey.<domain>`; empty for other objects and for a key that is lost.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dns_record: String,
    /// When the first of its certificates ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub not_after: Option<Timestamp>,
    /// Whether the key of a client certificate is weaker than is recommended for the Mail Notifier:
    /// RSA under 4,096 bits, EC under P-384.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub weak_key: bool,
    /// Name of the file of its certificate, when that is kept as it came.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub certificate_file: String,
    /// Name of the file of its key, when that is kept as it came.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key_file: String,
    /// Whether it is deleted once no setting uses it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_while_used: bool,
    /// The settings that use it, such as `email.client_certificate`.
    pub used_by: Vec<String>,
    /// Whether it cannot be used: its key was sealed with another key file.
    pub lost: bool,
    /// When it was uploaded first.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who did.
    pub created_by: String,
    /// When its content was replaced last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub replaced_at: Option<Timestamp>,
}

/// What one certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateFactsView {
    /// Subject, such as `CN=mail.example.org, O=Example`.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Serial number, lower-case hex.
    pub serial: String,
    /// Begin of its validity.
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Timestamp,
    /// End of its validity.
    #[schema(value_type = String, format = DateTime)]
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

/// An object that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateSaved {
    /// The object.
    pub certificate: CertificateView,
    /// What deserves a look, in sentences.
    pub warnings: Vec<String>,
}

/// All certificate objects, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateList {
    /// The objects.
    pub certificates: Vec<CertificateView>,
}

/// Asks for the key of an object.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeyDownloadRequest {
    /// Who asks proves it again: a user by the password, a token by its text; over the owner's socket
    /// nothing is needed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub credential: String,
    /// The key is encrypted with it; empty = it is not encrypted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub export_password: String,
    /// The file as it was uploaded, where it is kept and no `export_password` is given.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub as_uploaded: bool,
}

impl fmt::Debug for KeyDownloadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDownloadRequest(..)")
    }
}

/// A certificate that ends soon, or is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExpiryView {
    /// What ends, such as ``certificate `Relay client` ``.
    pub what: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
}
