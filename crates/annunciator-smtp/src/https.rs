//! One HTTPS request into one answer: what access tokens and MTA-STS policies are fetched with.
//!
//! In: a URL, a form or nothing, authorities, a resolver, a deadline. Out: [`Answer`].
//! Knows nothing of: redirects, cookies, compression, kept connections, proxies (a machine that
//! reaches the world through an HTTP proxy alone needs a route of its own to these servers).
//! Standard: RFC 9110, RFC 9112, RFC 9525 (names in subjectAltName only), TLS 1.2 or later.
//! Failure: [`HttpsError`] in words that hold nothing of the form or the answer.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use annunciator_names::Resolver;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};
use openssl::x509::{X509, X509VerifyResult};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_openssl::SslStream;

/// Most addresses of a host that are tried.
const ADDRESSES_MAX: usize = 8;
/// How long one address may take to connect when there are others.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Longest header of an answer. Unit: octets; at least what hyper asks for.
const HEADER_OCTETS_MAX: usize = 16 * 1024;
/// Most header fields of an answer.
const HEADERS_MAX: usize = 100;
/// Form of a request's body.
const FORM: &str = "application/x-www-form-urlencoded";

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// `https://host[:port]/path[?query]`, ASCII.
    pub(crate) url: &'a str,
    /// The body of a POST (`application/x-www-form-urlencoded`); `None` = GET.
    pub(crate) form: Option<&'a str>,
    /// Authorities that the certificate is checked against, DER; `None` = those of the system.
    pub(crate) ca: Option<&'a [Vec<u8>]>,
    /// Who knows addresses.
    pub(crate) resolver: &'a Resolver,
    /// When the whole answer must be there.
    pub(crate) deadline: Instant,
    /// Longest body. Unit: octets.
    pub(crate) body_octets_max: usize,
}

/// What came back, whatever its status: a redirect is an answer too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Media type in lower case without its parameters; empty when none is named.
    pub(crate) media_type: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum HttpsError {
    /// The URL cannot be asked for: a setting is wrong.
    Url(String),
    /// The host has no address, or nobody answers there.
    Unreachable(String),
    /// TLS fails, or the certificate does not verify.
    Tls(String),
    /// What came is no answer in HTTP, or too much of it.
    Malformed(String),
    /// The deadline passed.
    Timeout,
}

impl fmt::Display for HttpsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(words)
            | Self::Unreachable(words)
            | Self::Tls(words)
            | Self::Malformed(words) => f.write_str(words),
            Self::Timeout => f.write_str("no answer in time"),
        }
    }
}

/// Sends one request and reads the answer.
pub(crate) async fn fetch(ask: Ask<'_>) -> Result<Answer, HttpsError> {
    let place = Place::parse(ask.url)?;
    match timeout_at(ask.deadline, converse(&place, &ask)).await {
        Ok(result) => result,
        Err(_) => Err(HttpsError::Timeout),
    }
}

/// A URL taken apart.
#[derive(PartialEq, Eq, Debug)]
struct Place {
    /// Name or address, without brackets.
    host: String,
    port: u16,
    /// As the Host field names it.
    authority: String,
    /// Path and query.
    target: String,
}

impl Place {
    fn parse(url: &str) -> Result<Self, HttpsError> {
        let bad = |why: &str| HttpsError::Url(format!("\"{}\" {why}", url.escape_debug()));
        let uri: Uri = url.parse().map_err(|_| bad("is no URL"))?;
        if uri.scheme_str() != Some("https") {
            return Err(bad("must begin with https://"));
        }
        let authority = uri.authority().ok_or_else(|| bad("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("must not hold a user name"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(bad("names no host"));
        }
        // `Authority::port` takes a port that is none for an absent one.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") | None => 443,
            Some(rest) => match rest.strip_prefix(':').and_then(|port| port.parse().ok()) {
                Some(port) => port,
                None => return Err(bad("has no good port")),
            },
        };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self {
            host: host.to_owned(),
            port,
            authority: authority.as_str().to_owned(),
            target: target.to_owned(),
        })
    }
}

async fn converse(place: &Place, ask: &Ask<'_>) -> Result<Answer, HttpsError> {
    let tcp = connect(place, ask).await?;
    let tls = shake_hands(place, ask.ca, tcp).await?;
    let broken =
        |error: &dyn fmt::Display| HttpsError::Malformed(format!("{}: {error}", place.host));
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEADER_OCTETS_MAX).max_headers(HEADERS_MAX);
    let (mut sender, driver) =
        builder.handshake(TokioIo::new(tls)).await.map_err(|error| broken(&error))?;
    // Moves the octets; ends with the connection, and with this function at the latest.
    let mut drivers = JoinSet::new();
    drivers.spawn(driver);
    let request = Request::builder()
        .method(if ask.form.is_some() { Method::POST } else { Method::GET })
        .uri(&place.target)
        .header(HOST, &place.authority)
        .header(USER_AGENT, concat!("annunciator/", env!("CARGO_PKG_VERSION")));
    let request = if ask.form.is_some() { request.header(CONTENT_TYPE, FORM) } else { request };
    let body = Full::new(Bytes::copy_from_slice(ask.form.unwrap_or_default().as_bytes()));
    let request = request.body(body).map_err(|error| broken(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let status = answer.status().as_u16();
    let media_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    let body = Limited::new(answer.into_body(), ask.body_octets_max).collect().await;
    let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => broken(&format!("the answer is longer than {} octets", ask.body_octets_max)),
        None => broken(&error),
    })?;
    Ok(Answer { status, media_type, body: body.to_bytes().to_vec() })
}

async fn connect(place: &Place, ask: &Ask<'_>) -> Result<TcpStream, HttpsError> {
    let unreachable = |words: String| HttpsError::Unreachable(words);
    // An address needs nobody who knows it.
    let list = match place.host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => {
            let found = ask.resolver.addresses(&place.host, ask.deadline.into_std()).await;
            let found = found.map_err(|e| unreachable(format!("{}: {e}", place.host)))?;
            found.list
        }
    };
    let mut last = format!("{} has no address", place.host);
    for address in list.iter().take(ADDRESSES_MAX) {
        let address = SocketAddr::new(*address, place.port);
        let only = if list.len() == 1 { ask.deadline } else { Instant::now() + CONNECT_WAIT };
        last = match timeout_at(only.min(ask.deadline), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => format!("{} ({address}): {error}", place.host),
            Err(_) => format!("{} ({address}): no answer in time", place.host),
        };
    }
    Err(unreachable(last))
}

async fn shake_hands(
    place: &Place,
    ca: Option<&[Vec<u8>]>,
    tcp: TcpStream,
) -> Result<SslStream<TcpStream>, HttpsError> {
    let failed = |words: &dyn fmt::Display| {
        HttpsError::Tls(format!("TLS with {} fails: {words}", place.host))
    };
    let ssl = prepare(place, ca).map_err(|error| failed(&error))?;
    let mut stream = SslStream::new(ssl, tcp).map_err(|error| failed(&error))?;
    let shaken = Pin::new(&mut stream).connect().await;
    let verified = stream.ssl().verify_result();
    match shaken {
        Ok(()) if verified == X509VerifyResult::OK => Ok(stream),
        _ if verified != X509VerifyResult::OK => {
            Err(failed(&format!("its certificate does not verify ({})", verified.error_string())))
        }
        Ok(()) => unreachable!("the guards above cover a good handshake"),
        Err(error) => Err(failed(&error)),
    }
}

fn prepare(place: &Place, ca: Option<&[Vec<u8>]>) -> Result<Ssl, ErrorStack> {
    let mut builder = SslContextBuilder::new(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_security_level(2);
    builder.set_verify(SslVerifyMode::PEER);
    match ca {
        Some(authorities) => {
            let mut store = X509StoreBuilder::new()?;
            for der in authorities {
                store.add_cert(X509::from_der(der)?)?;
            }
            // Each is an anchor, whether self-signed or not.
            store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
            builder.set_cert_store(store.build());
        }
        None => builder.set_default_verify_paths()?,
    }
    let mut ssl = Ssl::new(&builder.build())?;
    let parameters = ssl.param_mut();
    parameters
        .set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS | X509CheckFlags::NEVER_CHECK_SUBJECT);
    match place.host.parse::<IpAddr>() {
        Ok(address) => parameters.set_ip(address)?,
        Err(_) => {
            let name = place.host.trim_end_matches('.');
            parameters.set_host(name)?;
            ssl.set_hostname(name)?;
        }
    }
    Ok(ssl)
}

#[cfg(test)]
#[path = "https_tests.rs"]
mod tests;
