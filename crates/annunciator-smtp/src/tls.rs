//! Turns a TCP connection into a TLS session and says what was presented.
//!
//! In: TLS policy, the host asked for, a connection. Out: the session and [`TlsFacts`].
//! Knows nothing of: SMTP, except that a reply in the place of a handshake is an attack.
//! Standard: RFC 3207, RFC 5280, RFC 6125 (names in subjectAltName only).
//! Failure: with verification nothing is sent to a server whose certificate does not verify.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use annunciator_core::TlsFacts;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::ssl::{
    self, Ssl, SslContext, SslContextBuilder, SslMethod, SslRef, SslVerifyMode, SslVersion,
};
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};
use openssl::x509::{X509, X509NameRef, X509Ref, X509StoreContextRef, X509VerifyResult};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_openssl::SslStream;

use crate::relay::{TlsPolicy, TlsVersionMin, Verify};
use crate::trouble::Cause;

/// OpenSSL's security level for certificates: at least RSA 2048 and SHA-256.
const CERTIFICATE_LEVEL: i32 = 2;
/// Most names of a certificate that a diagnostic lists.
const NAMES_SHOWN_MAX: usize = 5;

/// What all handshakes under one policy share.
pub(crate) struct TlsContext {
    context: SslContext,
    enforces: bool,
}

impl TlsContext {
    /// Builds it; reads the trusted certificates.
    pub(crate) fn new(policy: &TlsPolicy) -> Result<Self, ErrorStack> {
        let verify = match policy {
            TlsPolicy::Required { verify } | TlsPolicy::Implicit { verify } => Some(verify),
            TlsPolicy::Off | TlsPolicy::IfSupported { .. } => None,
        };
        let mut builder = SslContextBuilder::new(SslMethod::tls_client())?;
        match verify {
            Some(Verify { version_min: TlsVersionMin::Tls12, .. }) => {
                builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
                builder.set_security_level(2);
                builder.set_cipher_list("HIGH:!aNULL:!eNULL:!MD5:!3DES:@SECLEVEL=2")?;
            }
            _ => {
                // Old servers: any protocol, any cipher with a certificate. What a certificate
                // must be is set apart, in `prepare`.
                builder.set_min_proto_version(Some(SslVersion::TLS1))?;
                builder.set_security_level(0);
                builder.set_cipher_list("ALL:!aNULL:!eNULL:@SECLEVEL=0")?;
            }
        }
        match verify.and_then(|verify| verify.ca.as_deref()) {
            Some(authorities) => builder.set_cert_store(store_of(authorities)?),
            None => builder.set_default_verify_paths()?,
        }
        Ok(Self { context: builder.build(), enforces: verify.is_some() })
    }

    fn prepare(
        &self,
        host: &str,
        found: &Arc<Mutex<Option<Rejection>>>,
    ) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.context)?;
        let parameters = ssl.param_mut();
        parameters.set_auth_level(CERTIFICATE_LEVEL);
        parameters.set_hostflags(
            X509CheckFlags::NO_PARTIAL_WILDCARDS | X509CheckFlags::NEVER_CHECK_SUBJECT,
        );
        match host.parse::<IpAddr>() {
            Ok(ip) => parameters.set_ip(ip)?,
            Err(_) => {
                let name = host.trim_end_matches('.');
                parameters.set_host(name)?;
                ssl.set_hostname(name)?;
            }
        }
        let (found, enforces) = (Arc::clone(found), self.enforces);
        ssl.set_verify_callback(SslVerifyMode::PEER, move |ok, chain| {
            if !ok {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.get_or_insert_with(|| Rejection::new(chain));
            }
            ok || !enforces
        });
        Ok(ssl)
    }
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

/// A connection that remembers the first octets it read.
#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    head: [u8; 3],
    head_len: usize,
}

impl Socket {
    fn new(tcp: TcpStream) -> Self {
        Self { tcp, head: [0; 3], head_len: 0 }
    }

    /// What came first, as far as it is remembered.
    fn head(&self) -> &[u8] {
        &self.head[..self.head_len]
    }
}

/// What it means that these octets came in the place of a handshake: the text of a reply has been
/// put there by somebody, to be taken for an answer later; anything else is a broken server.
pub(crate) fn before_handshake(octets: &[u8]) -> Cause {
    match octets.first() {
        Some(first) if first.is_ascii_digit() || first.is_ascii_whitespace() => Cause::Injected,
        _ => Cause::Handshake("the server does not speak TLS".to_owned()),
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.tcp).poll_read(cx, buf);
        if self.head_len < 3 {
            for octet in buf.filled()[before..].iter().take(3 - self.head_len) {
                let at = self.head_len;
                self.head[at] = *octet;
                self.head_len += 1;
            }
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// The first thing that did not verify.
struct Rejection {
    error: X509VerifyResult,
    depth: u32,
    certificate: Option<X509>,
    leaf: Option<X509>,
}

impl Rejection {
    fn new(chain: &X509StoreContextRef) -> Self {
        let leaf = chain.chain().and_then(|chain| chain.get(0));
        Self {
            error: chain.error(),
            depth: chain.error_depth(),
            certificate: chain.current_cert().map(ToOwned::to_owned),
            leaf: leaf.map(ToOwned::to_owned),
        }
    }
}

/// Makes the handshake. `host` is an address without brackets, or a name.
pub(crate) async fn shake_hands(
    context: &TlsContext,
    host: &str,
    tcp: TcpStream,
    deadline: Instant,
) -> Result<(Box<SslStream<Socket>>, TlsFacts), Cause> {
    let found = Arc::default();
    let failed = |error: ErrorStack| Cause::Handshake(stack_words(&error));
    let ssl = context.prepare(host, &found).map_err(failed)?;
    let mut stream = Box::new(SslStream::new(ssl, Socket::new(tcp)).map_err(failed)?);
    let result = timeout_at(deadline, Pin::new(&mut *stream).connect()).await;
    let rejection = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    let verify_error = rejection.map(|rejection| rejection_words(&rejection, host));
    match (result, verify_error) {
        (Ok(Ok(())), verify_error) => {
            let facts = facts_of(stream.ssl(), verify_error);
            // The callback has refused already; this holds even if it was never asked.
            if context.enforces && !facts.verified {
                return Err(Cause::Certificate(facts.verify_error));
            }
            Ok((stream, facts))
        }
        (Ok(Err(_)), Some(words)) if context.enforces => Err(Cause::Certificate(words)),
        (Ok(Err(error)), _) => Err(match before_handshake(stream.get_ref().head()) {
            Cause::Injected => Cause::Injected,
            _ => Cause::Handshake(handshake_words(&error)),
        }),
        (Err(_), _) => Err(Cause::Handshake("no answer in time".to_owned())),
    }
}

fn stack_words(stack: &ErrorStack) -> String {
    let reason = stack.errors().iter().find_map(openssl::error::Error::reason);
    reason.unwrap_or("OpenSSL cannot begin").to_owned()
}

fn handshake_words(error: &ssl::Error) -> String {
    match (error.ssl_error(), error.io_error()) {
        (Some(stack), _) => stack_words(stack),
        (None, Some(error)) => error.to_string(),
        (None, None) => "the server closed the connection".to_owned(),
    }
}

fn facts_of(ssl: &SslRef, verify_error: Option<String>) -> TlsFacts {
    let mut facts = TlsFacts {
        protocol: ssl.version_str().to_owned(),
        cipher: ssl.current_cipher().map(|cipher| cipher.name().to_owned()).unwrap_or_default(),
        ..TlsFacts::default()
    };
    let Some(certificate) = ssl.peer_certificate() else {
        facts.verify_error = "the server presented no certificate".to_owned();
        return facts;
    };
    facts.subject = name_words(certificate.subject_name());
    facts.issuer = name_words(certificate.issuer_name());
    facts.not_after = certificate.not_after().to_string();
    if let Ok(digest) = certificate.digest(MessageDigest::sha256()) {
        facts.fingerprint_sha256 = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    }
    facts.verified = verify_error.is_none();
    facts.verify_error = verify_error.unwrap_or_default();
    facts
}

fn name_words(name: &X509NameRef) -> String {
    let parts = name.entries().map(|entry| {
        let key = entry.object().nid().short_name().unwrap_or("?");
        let value = entry.data().to_string().unwrap_or_default();
        format!("{key}={value}")
    });
    annunciator_core::one_line(&parts.collect::<Vec<_>>().join(", "), 500)
}

/// `Nov  1 12:00:00 2026 GMT` → `Nov 1 2026`.
fn day_words(time: &str) -> String {
    let words: Vec<&str> = time.split_whitespace().collect();
    match words[..] {
        [month, day, _, year, ..] => format!("{month} {day} {year}"),
        _ => time.to_owned(),
    }
}

fn rejection_words(rejection: &Rejection, host: &str) -> String {
    // The numbers of <openssl/x509_vfy.h>.
    const NOT_YET_VALID: i32 = 9;
    const EXPIRED: i32 = 10;
    const SELF_SIGNED: i32 = 18;
    const SELF_SIGNED_ROOT: i32 = 19;
    const NO_ISSUER: i32 = 20;
    const NO_FIRST_ISSUER: i32 = 21;
    const PURPOSE: i32 = 26;
    const HOST_NAME: i32 = 62;
    const IP_ADDRESS: i32 = 64;
    const KEY_SIZE: i32 = 66;
    const CA_KEY_SIZE: i32 = 67;
    const DIGEST: i32 = 68;
    let whose = if rejection.depth == 0 { "certificate" } else { "certificate of its issuer" };
    let certificate = rejection.certificate.as_deref();
    let day = |time: Option<String>| time.map(|time| day_words(&time)).unwrap_or_default();
    let issuer = || {
        let leaf = rejection.leaf.as_deref();
        leaf.map(|leaf| name_words(leaf.issuer_name())).unwrap_or_default()
    };
    match rejection.error.as_raw() {
        EXPIRED => {
            let end = day(certificate.map(|c| c.not_after().to_string()));
            format!("{whose} has expired ({end})")
        }
        NOT_YET_VALID => {
            let begin = day(certificate.map(|c| c.not_before().to_string()));
            format!("{whose} is not valid before {begin}")
        }
        SELF_SIGNED => "certificate is self-signed and not among the trusted ones".to_owned(),
        SELF_SIGNED_ROOT | NO_ISSUER | NO_FIRST_ISSUER => {
            format!("certificate is issued by \"{}\", which is not trusted", issuer())
        }
        PURPOSE => format!("{whose} may not be used for a TLS server (key usage)"),
        HOST_NAME | IP_ADDRESS => {
            let leaf = rejection.leaf.as_deref().or(certificate);
            let names = leaf.map(names_words).unwrap_or_default();
            format!("certificate is for {names}, asked for {host}")
        }
        KEY_SIZE | CA_KEY_SIZE => format!("the key of the {whose} is too short"),
        DIGEST => format!("{whose} is signed with a digest that is too weak"),
        _ => format!("{whose} does not verify: {}", rejection.error.error_string()),
    }
}

fn names_words(certificate: &X509Ref) -> String {
    let mut names = Vec::new();
    for name in certificate.subject_alt_names().into_iter().flatten() {
        if let Some(dns) = name.dnsname() {
            names.push(dns.to_owned());
        } else if let Some(ip) = name.ipaddress().and_then(ip_of) {
            names.push(ip.to_string());
        }
    }
    if names.is_empty() {
        return "no host (it has no subjectAltName)".to_owned();
    }
    let more = if names.len() > NAMES_SHOWN_MAX { " and others" } else { "" };
    names.truncate(NAMES_SHOWN_MAX);
    annunciator_core::one_line(&format!("{}{more}", names.join(", ")), 500)
}

fn ip_of(octets: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(octets).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(octets).map(IpAddr::from);
    v4().or_else(|_| v6()).ok()
}
