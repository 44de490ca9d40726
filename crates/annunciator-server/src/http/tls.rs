//! PEM files become the acceptor of the HTTPS listener.
//!
//! Standard: TLS 1.2 and 1.3 (RFC 8446), RFC 7301 (ALPN).
//! Knows nothing of: HTTP, but for its name in ALPN.
//! Failure: a sentence that names the file and what is wrong with it.

use std::path::Path;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{AlpnError, SslAcceptor, SslMethod, SslOptions, SslVersion, select_next_proto};
use zeroize::Zeroizing;

/// The one protocol that is spoken, as ALPN writes it.
const ALPN: &[u8] = b"\x08http/1.1";

/// An acceptor with this certificate chain (the server's own first) and key.
///
/// # Errors
/// A file that cannot be read or is not PEM; a key that does not belong to the certificate.
pub fn tls_acceptor(certificate: &Path, key: &Path) -> Result<SslAcceptor, String> {
    let set_up = |error: ErrorStack| format!("TLS cannot be set up: {error}");
    let mut builder =
        SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).map_err(set_up)?;
    std::fs::metadata(certificate).map_err(|error| {
        format!("the certificate {} cannot be read: {error}", certificate.display())
    })?;
    builder.set_certificate_chain_file(certificate).map_err(|error| {
        format!("the certificate {} cannot be used: {error}", certificate.display())
    })?;
    builder.set_private_key(read_key(key)?.as_ref()).map_err(|_| {
        let (certificate, key) = (certificate.display(), key.display());
        format!("the key {key} does not belong to the certificate {certificate}")
    })?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(set_up)?;
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(ALPN, offered).ok_or(AlpnError::NOACK)
    });
    Ok(builder.build())
}

fn read_key(path: &Path) -> Result<PKey<Private>, String> {
    let pem = std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| format!("the key {} cannot be read: {error}", path.display()))?;
    // Without a callback OpenSSL would ask for a password at the terminal and wait.
    PKey::private_key_from_pem_callback(&pem, |_| Ok(0)).map_err(|error| {
        let path = path.display();
        format!("the key {path} cannot be used (it must be PEM without a password): {error}")
    })
}
