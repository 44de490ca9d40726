//! PEM files become the acceptor of the HTTPS listener.
//!
//! Standard: TLS 1.2 and 1.3 (RFC 8446), RFC 7301 (ALPN).
//! Knows nothing of: HTTP, but for its name in ALPN.
//! Failure: a sentence that names the file and what is wrong with it.

use std::path::Path;

use openssl::ssl::{
    AlpnError, SslAcceptor, SslFiletype, SslMethod, SslOptions, SslVersion, select_next_proto,
};

/// The one protocol that is spoken, as ALPN writes it.
const ALPN: &[u8] = b"\x08http/1.1";

/// An acceptor with this certificate chain (the server's own first) and key.
///
/// # Errors
/// A file that cannot be read or is not PEM; a key that does not belong to the certificate.
pub fn tls_acceptor(certificate: &Path, key: &Path) -> Result<SslAcceptor, String> {
    let of = |path: &Path, what: &str| {
        let path = path.display().to_string();
        let what = what.to_owned();
        move |error: openssl::error::ErrorStack| format!("{what} {path} cannot be used: {error}")
    };
    for (path, what) in [(certificate, "the certificate"), (key, "the key")] {
        std::fs::metadata(path)
            .map_err(|error| format!("{what} {} cannot be read: {error}", path.display()))?;
    }
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    builder.set_certificate_chain_file(certificate).map_err(of(certificate, "the certificate"))?;
    builder.set_private_key_file(key, SslFiletype::PEM).map_err(of(key, "the key"))?;
    builder.check_private_key().map_err(|_| {
        let (certificate, key) = (certificate.display(), key.display());
        format!("the key {key} does not belong to the certificate {certificate}")
    })?;
    builder
        .set_min_proto_version(Some(SslVersion::TLS1_2))
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(ALPN, offered).ok_or(AlpnError::NOACK)
    });
    Ok(builder.build())
}
