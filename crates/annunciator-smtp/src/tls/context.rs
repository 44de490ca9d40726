//! What all handshakes under one policy share: what is allowed, trusted, shown and remembered.
//!
//! OpenSSL's call that offers an earlier session is unsafe; `hyper-openssl` keeps sessions by host
//! and makes that call, so the handshake goes through its connector, with a connection that is
//! open and a host that is a key of ours.
//!
//! Standard: RFC 5280, RFC 6125, RFC 6066 section 3 (server name).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use annunciator_certificates::ClientCertificate;
use annunciator_core::TlsFacts;
use hyper::Uri;
use hyper_openssl::client::legacy::HttpsLayer;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    ConnectConfiguration, SslConnector, SslConnectorBuilder, SslMethod, SslVerifyMode,
};
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509VerifyResult};

use super::rejection::Rejection;
use super::{Found, failure, names, version_of};
use crate::expectation::Expectation;
use crate::relay::{TlsPolicy, TlsVersionMin, Verify};
use crate::trouble::Cause;

/// OpenSSL's security level for certificates: at least RSA 2048 and SHA-256.
const CERTIFICATE_LEVEL: i32 = 2;
/// Most sessions that are kept for resumption; the oldest go first.
const SESSIONS_MAX: usize = 256;

/// What all handshakes under one policy share.
pub(crate) struct TlsContext {
    layer: HttpsLayer,
    enforces: bool,
    version_min: TlsVersionMin,
    /// By key of a session: whose certificate was judged how.
    judged: Mutex<HashMap<String, Judgement>>,
}

/// What a full handshake found.
struct Judgement {
    fingerprint: String,
    rejection: Option<Rejection>,
}

impl TlsContext {
    /// Builds it; reads the trusted certificates.
    pub(crate) fn new(
        policy: &TlsPolicy,
        client: Option<&ClientCertificate>,
    ) -> Result<Self, Cause> {
        let verify = match policy {
            TlsPolicy::Required { verify } | TlsPolicy::Implicit { verify } => Some(verify),
            TlsPolicy::Off | TlsPolicy::IfSupported { .. } => None,
        };
        let authorities = match policy {
            TlsPolicy::IfSupported { ca, .. } => ca.as_deref(),
            _ => verify.and_then(|verify| verify.ca.as_deref()),
        };
        let version_min =
            verify.map_or(TlsVersionMin::Any, |Verify { version_min, .. }| *version_min);
        let unusable = |what: &'static str| {
            move |error: ErrorStack| {
                Cause::Handshake(format!("{what}: {}", failure::stack_words(&error)))
            }
        };
        let begin = unusable("OpenSSL cannot begin");
        let mut builder = allow(version_min).map_err(begin)?;
        trust(&mut builder, authorities)
            .map_err(unusable("the trusted certificates (ca_certificates) cannot be used"))?;
        if let Some(client) = client {
            show(&mut builder, client)
                .map_err(unusable("the client certificate (client_certificate) cannot be used"))?;
        }
        // What does not fit goes, oldest first; OpenSSL tells the keeper of sessions.
        builder.set_session_cache_size(i32::try_from(SESSIONS_MAX).expect("a small number"));
        let layer = HttpsLayer::with_connector(builder).map_err(begin)?;
        Ok(Self { layer, enforces: verify.is_some(), version_min, judged: Mutex::default() })
    }

    pub(super) fn layer(&self) -> &HttpsLayer {
        &self.layer
    }

    pub(super) fn enforces(&self) -> bool {
        self.enforces
    }

    pub(super) fn version_min(&self) -> TlsVersionMin {
        self.version_min
    }

    /// What has to be set before a handshake with this host.
    pub(super) fn preparation(
        &self,
        expectation: &Expectation,
        found: &Arc<Mutex<Found>>,
    ) -> impl Fn(&mut ConnectConfiguration, &Uri) -> Result<(), ErrorStack> + Send + Sync + 'static
    {
        let enforces = expectation.enforces_chain(self.enforces);
        let (expectation, found) = (expectation.clone(), Arc::clone(found));
        move |ssl, _| {
            // Our key is no name.
            ssl.set_verify_hostname(false);
            ssl.set_use_server_name_indication(false);
            let parameters = ssl.param_mut();
            parameters.set_auth_level(CERTIFICATE_LEVEL);
            parameters.set_hostflags(names::RULES);
            let (first, others) = expectation.names.split_first().expect("a name is expected");
            names::ask_for(parameters, first)?;
            if expectation.host.parse::<IpAddr>().is_err() {
                ssl.set_hostname(&expectation.host)?;
            }
            let (others, found) = (others.to_vec(), Arc::clone(&found));
            let asked_for = expectation.names.join(" or ");
            ssl.set_verify_callback(SslVerifyMode::PEER, move |ok, chain| {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.presented = true;
                if !ok && names::bears_another(chain, &others) {
                    chain.set_error(X509VerifyResult::OK);
                    return true;
                }
                if !ok {
                    found.rejection.get_or_insert_with(|| Rejection::new(chain, &asked_for));
                }
                ok || !enforces
            });
            Ok(())
        }
    }

    /// How the certificate was judged: in this handshake, or in the one whose session this one
    /// resumes, where nothing is verified anew.
    pub(super) fn recall(
        &self,
        key: &str,
        facts: &TlsFacts,
        rejection: Option<Rejection>,
    ) -> Option<Rejection> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if facts.resumed {
            let known = judged.get(key).filter(|j| j.fingerprint == facts.fingerprint_sha256);
            return match (known, facts.verified) {
                (Some(judgement), _) => judgement.rejection.clone(),
                (None, true) => None,
                (None, false) => Some(Rejection::other(&facts.verify_error)),
            };
        }
        if judged.len() >= SESSIONS_MAX {
            judged.clear();
        }
        let fingerprint = facts.fingerprint_sha256.clone();
        judged.insert(key.to_owned(), Judgement { fingerprint, rejection: rejection.clone() });
        rejection
    }
}

/// Under which name a session is kept: all that decides whether its certificate is accepted.
/// Nothing is resumed under TLSA records, which may have changed since.
pub(super) fn key(expectation: &Expectation, watched: bool) -> String {
    let Expectation { host, names, tlsa, verifies, .. } = expectation;
    let text = format!("{verifies} {host} {}", names.join(" "));
    let digest = openssl::sha::sha256(text.as_bytes());
    let mut key: String = digest.iter().take(16).map(|octet| format!("{octet:02x}")).collect();
    if watched || !tlsa.is_empty() {
        key.push_str(&format!("{:016x}", fastrand::u64(..)));
    }
    key
}

/// The key as the address that the connector asks for.
pub(super) fn address_of(key: &str) -> Uri {
    format!("https://{key}/").parse().expect("letters and digits are a host")
}

fn allow(version_min: TlsVersionMin) -> Result<SslConnectorBuilder, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(version_of(version_min)))?;
    match version_min {
        TlsVersionMin::Tls12 => {
            builder.set_security_level(2);
            builder.set_cipher_list("HIGH:!aNULL:!eNULL:!MD5:!3DES:@SECLEVEL=2")?;
        }
        // Old servers: any protocol, any cipher with a certificate. What a certificate must be
        // is set apart, in the preparation.
        TlsVersionMin::Any => {
            builder.set_security_level(0);
            builder.set_cipher_list("ALL:!aNULL:!eNULL:@SECLEVEL=0")?;
        }
    }
    Ok(builder)
}

/// Trusts these certificates, or those of the system.
fn trust(
    builder: &mut SslConnectorBuilder,
    authorities: Option<&[Vec<u8>]>,
) -> Result<(), ErrorStack> {
    match authorities {
        Some(authorities) => builder.set_cert_store(store_of(authorities)?),
        None => builder.set_default_verify_paths()?,
    }
    Ok(())
}

/// A store with just these certificates; each is an anchor, whether self-signed or not.
fn store_of(authorities: &[Vec<u8>]) -> Result<X509Store, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    for der in authorities {
        store.add_cert(X509::from_der(der)?)?;
    }
    store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    Ok(store.build())
}

/// Has this certificate at hand for a server that asks for one.
fn show(builder: &mut SslConnectorBuilder, client: &ClientCertificate) -> Result<(), ErrorStack> {
    let mut chain = client.chain.iter();
    if let Some(own) = chain.next() {
        let own = X509::from_der(own)?;
        builder.set_certificate(&own)?;
    }
    for issuer in chain {
        builder.add_extra_chain_cert(X509::from_der(issuer)?)?;
    }
    let key = PKey::private_key_from_pkcs8(client.key.expose())?;
    builder.set_private_key(&key)?;
    builder.check_private_key()
}
