//! Turns a TCP connection into a TLS session and says what was presented.
//!
//! In: TLS policy, client certificate, the host asked for, a connection. Out: the session and
//! [`TlsFacts`]. Knows nothing of: SMTP, except that a reply in the place of a handshake is none.
//! Standard: RFC 3207, RFC 5280, RFC 6125 (names in subjectAltName only), RFC 8446 section 2.2 and
//! RFC 5077 (resumption).
//! Failure: with verification nothing is sent to a server whose certificate does not verify.
//!
//! Sessions are resumed within one context only, so under one policy, one list of trusted
//! certificates and one client certificate, and only for the server that was verified. A watched
//! handshake (a test message, a trace) is always a full one.

mod context;
mod facts;
mod failure;
mod rejection;
mod socket;

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use annunciator_core::TlsFacts;
use hyper_openssl::SslStream;
use hyper_openssl::client::legacy::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use openssl::ssl::SslVersion;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower::{Layer as _, Service as _, service_fn};

use crate::relay::TlsVersionMin;
use crate::trouble::Cause;

pub(crate) use self::context::TlsContext;
pub(crate) use self::failure::{before_handshake, cause_of_alert, lost};
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
}

/// Makes the handshake. `host` is an address without brackets, or a name; who watches sees a full
/// handshake and the chain.
pub(crate) async fn shake_hands(
    context: &TlsContext,
    host: &str,
    tcp: TcpStream,
    deadline: Instant,
    watched: bool,
) -> Result<(Box<TlsStream>, TlsFacts), Cause> {
    let (found, head) = (Arc::<Mutex<Found>>::default(), Head::default());
    let key = context::key(host, watched);
    let mut socket = Some(TokioIo::new(Socket::new(tcp, head.clone())));
    // The service that would open the connection: it is open.
    let opened = service_fn(move |_| {
        let taken = socket.take().ok_or(std::io::ErrorKind::NotConnected);
        std::future::ready(taken.map_err(std::io::Error::from))
    });
    let mut connector = context.layer().layer(opened);
    connector.set_callback(context.preparation(host, &found));
    let result = timeout_at(deadline, connector.call(context::address_of(&key))).await;
    let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    let stream = match result {
        Ok(Ok(MaybeHttpsStream::Https(stream))) => stream,
        Ok(Ok(MaybeHttpsStream::Http(_))) => return Err(Cause::Handshake("no TLS".to_owned())),
        Ok(Err(error)) => return Err(why_failed(context, &*error, found, &head)),
        Err(_) => return Err(Cause::Handshake("no answer in time".to_owned())),
    };
    let mut facts = facts::facts_of(stream.ssl(), watched);
    let rejection = context.recall(&key, &facts, found.rejection);
    facts.verified = facts.verified && rejection.is_none();
    if let Some(rejection) = &rejection {
        facts.verify_error.clone_from(&rejection.words);
    }
    // The callback has refused already; this holds even if it was never asked.
    if context.enforces() && !facts.verified {
        let rejection = rejection.unwrap_or_else(|| Rejection::other(&facts.verify_error));
        return Err(Cause::Certificate(rejection.fault, rejection.words));
    }
    Ok((Box::new(TokioIo::new(stream)), facts))
}

/// What it means that the handshake ended with an error.
fn why_failed(
    context: &TlsContext,
    error: &(dyn Error + 'static),
    found: Found,
    head: &Head,
) -> Cause {
    if let (Some(rejection), true) = (found.rejection, context.enforces()) {
        return Cause::Certificate(rejection.fault, rejection.words);
    }
    match before_handshake(head.octets()) {
        Cause::Injected => Cause::Injected,
        _ => failure::cause_of(error, context.version_min(), found.presented),
    }
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
