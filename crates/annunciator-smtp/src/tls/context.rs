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
use crate::relay::{Suites, TlsPolicy, TlsVersionMin};
use crate::trouble::Cause;

/// OpenSSL's security level for certificates: at least RSA 2048 and SHA-256.
const CERTIFICATE_LEVEL: i32 = 2;
/// Most sessions that are kept for resumption; the oldest go first.
const SESSIONS_MAX: usize = 256;
/// The suites of TLS 1.2 with authenticated encryption and forward secrecy, in OpenSSL's words;
/// those of TLS 1.3 have both.
const FORWARD_SECRET: &str = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL:@SECLEVEL=2";

/// What all handshakes under one policy share.
pub(crate) struct TlsContext {
    layer: HttpsLayer,
    enforces: bool,
    version_min: TlsVersionMin,
    judged: Mutex<Judged>,
}

/// What full handshakes found. Sessions are kept by the connector, judgements here; a session is
/// resumed only where its judgement is known.
#[derive(Default)]
struct Judged {
    /// By what decides whether a certificate is accepted.
    by_place: HashMap<String, Judgement>,
    /// The number that was given last.
    last: u64,
}

/// What a full handshake found.
struct Judgement {
    /// Of the [`Key`] under which its sessions are kept.
    number: u64,
    fingerprint: String,
    rejection: Option<Rejection>,
}

/// Under which name the connector keeps the sessions of a handshake.
pub(super) struct Key {
    /// What decides whether the certificate is accepted; `None` = nothing is ever resumed.
    place: Option<String>,
    /// Told apart from all handshakes whose judgement is forgotten.
    number: u64,
}

impl Key {
    /// The key as the address that the connector asks for.
    pub(super) fn address(&self) -> Uri {
        let Self { place, number } = self;
        let place = place.as_deref().unwrap_or("once");
        format!("https://{place}-{number}/").parse().expect("letters and digits are a host")
    }
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
        let suites = verify.map_or(Suites::Strong, |verify| verify.suites);
        let version_min = match suites {
            Suites::ForwardSecret => TlsVersionMin::Tls12,
            Suites::Strong => verify.map_or(TlsVersionMin::Any, |verify| verify.version_min),
        };
        let anchors = verify.map_or(&[][..], |verify| &verify.anchors);
        let unusable = |what: &'static str| {
            move |error: ErrorStack| {
                Cause::Handshake(format!("{what}: {}", failure::stack_words(&error)))
            }
        };
        let begin = unusable("OpenSSL cannot begin");
        let mut builder = allow(version_min, suites).map_err(begin)?;
        trust(&mut builder, authorities, anchors)
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
                    // The session keeps what is set here: what failed before still counts.
                    chain.set_error(found.error.unwrap_or(X509VerifyResult::OK));
                    return true;
                }
                if !ok {
                    let error = chain.error();
                    found.error.get_or_insert(error);
                    found.rejection.get_or_insert_with(|| Rejection::new(chain, &asked_for));
                }
                ok || !enforces
            });
            Ok(())
        }
    }

    /// Under which name the sessions of a handshake are kept: a known one where a session may be
    /// resumed, else a new one. Nothing is resumed under TLSA records, which may have changed
    /// since, nor where somebody watches.
    pub(super) fn key(&self, expectation: &Expectation, watched: bool) -> Key {
        let resumes = !watched && expectation.tlsa.is_empty();
        let place = resumes.then(|| place_of(expectation));
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = &place
            && let Some(number) = judged.by_place.get(place).map(|judgement| judgement.number)
        {
            return Key { place: Some(place.clone()), number };
        }
        judged.last += 1;
        Key { place, number: judged.last }
    }

    /// How the certificate was judged: in this handshake, or in the one whose session this one
    /// resumes, where nothing is verified anew.
    pub(super) fn recall(
        &self,
        key: &Key,
        facts: &TlsFacts,
        rejection: Option<Rejection>,
    ) -> Option<Rejection> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let judged = &mut *judged;
        let known = key.place.as_ref().and_then(|place| judged.by_place.get(place));
        let known = known.filter(|judgement| judgement.number == key.number);
        let same = known.filter(|judgement| judgement.fingerprint == facts.fingerprint_sha256);
        if facts.resumed {
            let words = "how its certificate was judged is not known any more";
            let unknown = || Some(Rejection::other(words));
            return same.map_or_else(unknown, |judgement| judgement.rejection.clone());
        }
        let Some(place) = &key.place else { return rejection };
        if known.is_some() && same.is_none_or(|judgement| judgement.rejection != rejection) {
            // Sessions of before are still kept under this name: the next handshake gets another.
            judged.by_place.remove(place);
        } else if known.is_none() {
            let fingerprint = facts.fingerprint_sha256.clone();
            let judgement =
                Judgement { number: key.number, fingerprint, rejection: rejection.clone() };
            judged.remember(place, judgement);
        }
        rejection
    }
}

impl Judged {
    /// In place of the oldest one, when there are many.
    fn remember(&mut self, place: &str, judgement: Judgement) {
        if self.by_place.len() >= SESSIONS_MAX && !self.by_place.contains_key(place) {
            let oldest = self.by_place.iter().min_by_key(|(_, judgement)| judgement.number);
            if let Some(oldest) = oldest.map(|(place, _)| place.clone()) {
                self.by_place.remove(&oldest);
            }
        }
        self.by_place.insert(place.to_owned(), judgement);
    }
}

/// All that decides whether a certificate is accepted.
fn place_of(expectation: &Expectation) -> String {
    let Expectation { host, names, verifies, .. } = expectation;
    let text = format!("{verifies} {host} {}", names.join(" "));
    let digest = openssl::sha::sha256(text.as_bytes());
    digest.iter().take(16).map(|octet| format!("{octet:02x}")).collect()
}

fn allow(version_min: TlsVersionMin, suites: Suites) -> Result<SslConnectorBuilder, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(version_of(version_min)))?;
    match version_min {
        TlsVersionMin::Tls12 => {
            builder.set_security_level(2);
            builder.set_cipher_list(match suites {
                Suites::Strong => "HIGH:!aNULL:!eNULL:!MD5:!3DES:@SECLEVEL=2",
                Suites::ForwardSecret => FORWARD_SECRET,
            })?;
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

/// Trusts these certificates, or those of the system; and the anchors in any case.
fn trust(
    builder: &mut SslConnectorBuilder,
    authorities: Option<&[Vec<u8>]>,
    anchors: &[Vec<u8>],
) -> Result<(), ErrorStack> {
    match authorities {
        Some(authorities) => builder.set_cert_store(store_of(&[authorities, anchors].concat())?),
        None => {
            builder.set_default_verify_paths()?;
            for der in anchors {
                builder.cert_store_mut().add_cert(X509::from_der(der)?)?;
            }
            if !anchors.is_empty() {
                builder.cert_store_mut().set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
            }
        }
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

#[cfg(test)]
mod tests {
    use annunciator_names::Tlsa;

    use super::*;

    fn context() -> TlsContext {
        TlsContext::new(&TlsPolicy::default(), None).unwrap()
    }

    fn facts(resumed: bool, fingerprint: &str) -> TlsFacts {
        TlsFacts {
            resumed,
            verified: true,
            fingerprint_sha256: fingerprint.to_owned(),
            ..TlsFacts::default()
        }
    }

    fn known(context: &TlsContext) -> usize {
        context.judged.lock().unwrap().by_place.len()
    }

    #[test]
    fn a_resumed_session_is_what_its_full_handshake_found_or_unverified() {
        let bad = || Some(Rejection::other("bad"));
        for (first, second) in [(None, bad()), (bad(), None)] {
            let (context, host) = (context(), Expectation::of_host("a.test"));
            let key = context.key(&host, false);
            let strange = context.recall(&key, &facts(true, "1"), None);
            assert!(strange.is_some(), "nothing is known yet");
            assert_eq!(context.recall(&key, &facts(false, "1"), first.clone()), first);
            let again = context.key(&host, false);
            assert_eq!(again.address(), key.address());
            assert_eq!(context.recall(&again, &facts(true, "1"), None), first);
            assert!(context.recall(&again, &facts(true, "2"), None).is_some());
            // A full handshake that ends otherwise: nothing of before is resumed.
            assert_eq!(context.recall(&again, &facts(false, "1"), second.clone()), second);
            assert_ne!(context.key(&host, false).address(), key.address());
            assert!(context.recall(&key, &facts(true, "1"), None).is_some());
        }
    }

    #[test]
    fn only_what_may_be_resumed_is_remembered_and_the_oldest_goes_first() {
        let context = context();
        let records = vec![Tlsa { usage: 3, selector: 1, matching: 1, data: vec![0; 32] }];
        let proven = Expectation { tlsa: records, ..Expectation::of_host("a.test") };
        for (expectation, watched) in [(&proven, false), (&Expectation::of_host("a.test"), true)] {
            let key = context.key(expectation, watched);
            assert_eq!(context.recall(&key, &facts(false, "1"), None), None);
            assert!(context.recall(&key, &facts(true, "1"), None).is_some());
            assert_ne!(context.key(expectation, watched).address(), key.address());
        }
        assert_eq!(known(&context), 0);
        let hosts: Vec<_> =
            (0..=SESSIONS_MAX).map(|n| Expectation::of_host(&format!("{n}.test"))).collect();
        let keys: Vec<_> = hosts.iter().map(|host| context.key(host, false)).collect();
        for key in &keys {
            context.recall(key, &facts(false, "1"), None);
        }
        assert_eq!(known(&context), SESSIONS_MAX);
        assert!(context.recall(&keys[0], &facts(true, "1"), None).is_some(), "it has gone");
        assert!(keys[1..].iter().all(|key| context.recall(key, &facts(true, "1"), None).is_none()));
    }
}
