//! Certificate objects: what an administrator uploads into what a connection needs (spec 3.1,
//! quality G13, G14).
//!
//! In: files as they come, PEM or DER, a password. Out: [`CertificateObject`]s,
//! each certificate with [`CertificateFacts`] for people.
//! Knows nothing of: stores, HTTP, connections.
//! Failure: [`CertificateError`]; nothing is half taken.
//! Standard: RFC 5280, RFC 7292, RFC 5958, RFC 8018.
//!
//! The way of an upload: `upload` tells files apart; `pem` and `der` take them to pieces within
//! bounds; `pkcs12` and `encryption` open what is encrypted, paid from the budget of
//! `derivation`; `key` and `certificate` measure what OpenSSL may then see; `parts` puts a
//! certificate and its key together, one of which may be missing still.

mod object;

mod facts;

mod book;

mod certificate;
mod der;
mod derivation;
mod encryption;
mod expiry;
mod key;
mod parts;
mod pem;
mod pkcs12;
mod signing;
mod upload;

pub use book::CertificateBook;
pub use certificate::{CERTIFICATES_MAX, describe};
pub use expiry::ExpiryStage;
pub use facts::CertificateFacts;
pub use key::is_key_weak;
pub use object::{
    Authorities, CertificateError, CertificateKind, CertificateObject, ClientCertificate,
    ClientHalf, SecretOctets, SigningKey,
};
pub use parts::{KeptPart, TakenParts, describe_key, read_client_parts};
pub use pkcs12::PKCS12_BYTES_MAX;
pub use signing::Signer;
pub use upload::{
    FILE_BYTES_MAX, FILES_MAX, PASSWORD_BYTES_MAX, Taken, TakenKey, describe_public_key,
    read_authorities, read_client, read_signing_key,
};
