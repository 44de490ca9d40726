//! Turns a TCP connection into a TLS session and says what was presented.
//!
//! In: TLS policy, client certificate, what is expected, a connection. Out: the session and
//! [`TlsFacts`]. Knows nothing of: SMTP, except that a reply in the place of a handshake is none.
//! Standard: RFC 3207, RFC 5280, RFC 6125 (names in subjectAltName only), RFC 8446 section 2.2 and
//! RFC 5077 (resumption).
//! Failure: with verification nothing is sent to a server whose certificate does not verify.
//!
//! Sessions are resumed within one context only, so under one policy, one list of trusted
//! certificates and one client certificate, and only for the server that was verified. A watched
//! handshake (a test message, a trace) is always a full one, and so is one under TLSA records.

mod context;
mod facts;
mod failure;
pub(crate) mod names;
mod rejection;
mod socket;

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use annunciator_core::TlsFacts;
use hyper_openssl::SslStream;
use hyper_openssl::client::legacy::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use openssl::ssl::{SslRef, SslVersion};
use openssl::x509::X509VerifyResult;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower::{Layer as _, Service as _, service_fn};

use crate::dane::matching::find_match;
use crate::expectation::Expectation;
use crate::relay::TlsVersionMin;
use crate::trouble::Cause;

pub(crate) use self::context::TlsContext;
pub(crate) use self::failure::{cause_of_alert, lost};
use self::rejection::Rejection;
use self::socket::{Head, Socket};

/// The session; read and written as any other stream.
pub(crate) type TlsStream = TokioIo<SslStream<TokioIo<Socket>>>;

/// What the verification of one handshake came to.
#[derive(Default)]
struct Found {
    /// Whether the server has shown a certificate.
    presented: bool,
    /// The first thing that did not verify.
    rejection: Option<Rejection>,
    /// OpenSSL's word for it.
    error: Option<X509VerifyResult>,
}

/// Makes the handshake; who watches sees a full handshake and the chain.
pub(crate) async fn shake_hands(
    context: &TlsContext,
    expectation: &Expectation,
    tcp: TcpStream,
    deadline: Instant,
    watched: bool,
) -> Result<(Box<TlsStream>, TlsFacts), Cause> {
    let (found, head) = (Arc::<Mutex<Found>>::default(), Head::default());
    let enforces = expectation.enforces_chain(context.enforces());
    let key = context.key(expectation, watched);
    let mut socket = Some(TokioIo::new(Socket::new(tcp, head.clone())));
    // The service that would open the connection: it is open.
    let opened = service_fn(move |_| {
        let taken = socket.take().ok_or(std::io::ErrorKind::NotConnected);
        std::future::ready(taken.map_err(std::io::Error::from))
    });
    let mut connector = context.layer().layer(opened);
    connector.set_callback(context.preparation(expectation, &found));
    let result = timeout_at(deadline, connector.call(key.address())).await;
    let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    let stream = match result {
        Ok(Ok(MaybeHttpsStream::Https(stream))) => stream,
        Ok(Ok(MaybeHttpsStream::Http(_))) => return Err(Cause::Handshake("no TLS".to_owned())),
        Ok(Err(_)) if enforces && found.rejection.is_some() => {
            return Err(rejected(found.rejection, ""));
        }
        Ok(Err(error)) => return Err(why_failed(context, &*error, &found, &head)),
        Err(_) => return Err(Cause::Handshake("no answer in time".to_owned())),
    };
    let mut facts = facts::facts_of(stream.ssl(), watched);
    let rejection = context.recall(&key, &facts, found.rejection);
    facts.verified = facts.verified && rejection.is_none();
    if let Some(rejection) = &rejection {
        facts.verify_error.clone_from(&rejection.words);
    }
    // The callback has refused already; this holds even if it was never asked.
    if enforces && !facts.verified {
        return Err(rejected(rejection, &facts.verify_error));
    }
    compare(expectation, stream.ssl(), &mut facts)?;
    Ok((Box::new(TokioIo::new(stream)), facts))
}

fn rejected(rejection: Option<Rejection>, otherwise: &str) -> Cause {
    let rejection = rejection.unwrap_or_else(|| Rejection::other(otherwise));
    Cause::Certificate(rejection.fault, rejection.words)
}

/// Compares the certificate with the TLSA records, when there are some. Then they, and nothing
/// else, say that it is verified.
fn compare(expectation: &Expectation, ssl: &SslRef, facts: &mut TlsFacts) -> Result<(), Cause> {
    if expectation.tlsa.is_empty() {
        return Ok(());
    }
    let Some(leaf) = ssl.peer_certificate() else {
        return Err(Cause::Untrusted(facts.verify_error.clone()));
    };
    let (records, names) = (&expectation.tlsa, &expectation.names);
    find_match(records, &leaf, ssl.peer_cert_chain(), names).map_err(Cause::Untrusted)?;
    facts.verified = true;
    facts.verify_error = String::new();
    Ok(())
}

/// What it means that the handshake ended with an error.
fn why_failed(
    context: &TlsContext,
    error: &(dyn Error + 'static),
    found: &Found,
    head: &Head,
) -> Cause {
    if failure::is_reply(head.octets()) {
        return Cause::Injected;
    }
    failure::cause_of(error, context.version_min(), found.presented)
}

/// The words for the versions that are taken.
fn versions_words(min: TlsVersionMin) -> &'static str {
    match min {
        TlsVersionMin::Any => "1.0 or later",
        TlsVersionMin::Tls12 => "1.2 or later",
    }
}

/// OpenSSL's number for it.
fn version_of(min: TlsVersionMin) -> SslVersion {
    match min {
        TlsVersionMin::Any => SslVersion::TLS1,
        TlsVersionMin::Tls12 => SslVersion::TLS1_2,
    }
}
