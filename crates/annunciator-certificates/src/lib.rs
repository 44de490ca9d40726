//! Certificate objects: what an administrator uploads into what a connection needs (spec 3.1,
//! quality G13, G14).
//!
//! In: files as they come, PEM or DER, a password. Out: [`CertificateObject`]s,
//! each certificate with [`CertificateFacts`] for people.
//! Knows nothing of: stores, HTTP, connections.
//! Failure: [`CertificateError`]; nothing is half taken.
//! Standard: RFC 5280, RFC 7292, RFC 5958, RFC 8018.

mod object;

mod facts;

mod book;

mod signing;

pub use book::CertificateBook;
pub use facts::CertificateFacts;
pub use object::{
    Authorities, CertificateError, CertificateKind, CertificateObject, ClientCertificate,
    SecretOctets, SigningKey,
};
pub use signing::Signer;
