//! A command's request into the server's answer, over the data folder's socket or over HTTP.
//!
//! Standard: RFC 9112 (HTTP/1.1), RFC 9457 (problem details), RFC 3986 (percent-encoding).
//! Failure: a refusal is [`Refused`] with the server's words; everything else says what to do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use annunciator_api_types::Problem;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::config;

/// Longest answer. Unit: octets.
const ANSWER_SIZE_MAX: usize = 64 * 1024 * 1024;
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
/// A test message walks through all timeouts of a dead relay.
pub(crate) const LONG_ANSWER_TIME_MAX: Duration = Duration::from_secs(1200);
/// A token is one short line. Unit: octets.
const TOKEN_FILE_SIZE_MAX: usize = 4096;

/// Which server a command talks to.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ConnectOptions {
    /// Bootstrap config of the server on this machine; its data folder holds the socket
    /// [default: /etc/annunciator/annunciator.toml]
    #[arg(long, global = true, value_name = "FILE", env = "ANNUNCIATOR_CONFIG")]
    #[arg(hide_env_values = true, help_heading = "Server")]
    pub(crate) config: Option<PathBuf>,
    /// Talk HTTP to this address, such as `http://127.0.0.1:8650`, instead of the socket; needs a
    /// token
    #[arg(long, global = true, value_name = "URL", env = "ANNUNCIATOR_SERVER")]
    #[arg(hide_env_values = true, help_heading = "Server")]
    server: Option<String>,
    /// API token for --server; other users can see it on the command line, so rather set the
    /// variable or use --token-file
    #[arg(long, global = true, value_name = "TOKEN", env = "ANNUNCIATOR_TOKEN")]
    #[arg(hide_env_values = true, help_heading = "Server")]
    token: Option<String>,
    /// File that holds the API token
    #[arg(long, global = true, value_name = "FILE", env = "ANNUNCIATOR_TOKEN_FILE")]
    #[arg(hide_env_values = true, help_heading = "Server")]
    token_file: Option<PathBuf>,
}

/// Speaks to one server; a connection per request.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    server: Server,
    token: Option<HeaderValue>,
}

#[derive(Clone, Debug)]
enum Server {
    /// Full rights by peer credentials (spec 11.3).
    Socket(PathBuf),
    /// `host:port`; needs a token.
    Tcp(String),
}

/// What is asked.
#[derive(Debug)]
pub(crate) struct Call {
    /// The method.
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    /// Media type and content.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    /// Further header fields.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Longest wait for the answer.
    pub(crate) time_max: Duration,
}

impl Call {
    /// A call without content.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        let time_max = ANSWER_TIME_MAX;
        Self { method, path: path.into(), body: None, headers: Vec::new(), time_max }
    }

    /// A call with JSON content.
    pub(crate) fn json(
        method: Method,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<Self> {
        let body = Some(("application/json", serde_json::to_vec(body)?));
        Ok(Self { body, ..Self::new(method, path) })
    }
}

/// The server refused a request.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Problem);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { title, status, detail, errors, .. } = &self.0;
        write!(f, "{title} ({status})")?;
        if let Some(detail) = detail {
            write!(f, ": {detail}")?;
        }
        for error in errors {
            write!(f, "\n  {}: {}", field_name(&error.pointer), error.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// `/email/port` → `email.port`: the way the command line writes it.
pub(crate) fn field_name(pointer: &str) -> String {
    let path = pointer.trim_start_matches('/').replace('/', ".");
    let name = path.replace("~1", "/").replace("~0", "~");
    if name.is_empty() { "document".to_owned() } else { name }
}

impl Client {
    /// The client that the options ask for.
    pub(crate) fn new(options: &ConnectOptions) -> Result<Self> {
        let Some(url) = &options.server else {
            let config = config::load(options.config.as_deref())?;
            return Ok(Self::for_socket(&config.data_dir.join("annunciator.sock")));
        };
        let token = match (&options.token, &options.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => read_token(file)?,
            (None, None) => bail!(
                "--server needs a token: set ANNUNCIATOR_TOKEN or give --token-file; \
                 `annunciator token create` makes one on the server itself"
            ),
        };
        Self::for_url(url, &token)
    }

    /// A client over the owner's socket.
    pub(crate) fn for_socket(path: &Path) -> Self {
        Self { server: Server::Socket(path.to_owned()), token: None }
    }

    /// A client over HTTP.
    pub(crate) fn for_url(url: &str, token: &str) -> Result<Self> {
        let form = "write --server http://127.0.0.1:8650";
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL: {form}"))?;
        let host = uri.host().with_context(|| format!("`{url}` names no host: {form}"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => bail!(
                "the command line does not speak TLS: run it on the server's machine without \
                 --server, or tunnel (ssh -L 8650:127.0.0.1:8650 host) and use http://127.0.0.1:8650"
            ),
            _ => bail!("`{url}` must begin with http://: {form}"),
        }
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        if host != "localhost" && !address.is_ok_and(|address| address.is_loopback()) {
            bail!(
                "the token would cross the network in clear: tunnel (ssh -L 8650:127.0.0.1:8650 \
                 {host}) and use http://127.0.0.1:8650"
            );
        }
        let mut token = HeaderValue::try_from(format!("Bearer {}", token.trim()))
            .map_err(|_| anyhow!("the token holds characters that no token has: copy it again"))?;
        token.set_sensitive(true);
        let server = Server::Tcp(format!("{host}:{}", uri.port_u16().unwrap_or(80)));
        Ok(Self { server, token: Some(token) })
    }

    /// Whether it speaks over the owner's socket.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.server, Server::Socket(_))
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: impl Into<String>) -> Result<T> {
        self.call(Call::new(Method::GET, path)).await
    }

    /// Asks for something to be done.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<T> {
        self.call(Call::json(Method::POST, path, body)?).await
    }

    /// Makes a call and reads its JSON answer.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let body = self.fetch(call).await?;
        serde_json::from_slice(&body).context(
            "the answer is not what this version understands: is the server older or newer?",
        )
    }

    /// Makes a call and gives the content of its answer.
    pub(crate) async fn fetch(&self, call: Call) -> Result<Bytes> {
        Ok(self.fetch_answer(call).await?.into_body())
    }

    /// Makes a call and gives the content of its answer with the revision in its `ETag`.
    pub(crate) async fn fetch_revision(&self, call: Call) -> Result<(i64, Bytes)> {
        let answer = self.fetch_answer(call).await?;
        let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        let revision = tag.and_then(|tag| tag.trim_matches('"').parse().ok());
        let revision = revision.context("the answer names no revision: is the server older?")?;
        Ok((revision, answer.into_body()))
    }

    /// Makes a call and gives the content of its answer piece by piece, as it comes; answers the
    /// head of the answer. The longest wait is that for each piece.
    pub(crate) async fn follow(
        &self,
        call: Call,
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<HeaderMap> {
        let time_max = call.time_max;
        let late = || anyhow!("no answer within {} s", time_max.as_secs());
        let request = self.request(call)?;
        let opened = tokio::time::timeout(time_max, self.open(request));
        let (connection, answer) = opened.await.map_err(|_| late())??;
        let (head, mut body) = answer.into_parts();
        if !head.status.is_success() {
            let body = Limited::new(body, ANSWER_SIZE_MAX).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            return Err(refusal(head.status, &body));
        }
        loop {
            let frame = tokio::time::timeout(time_max, body.frame()).await.map_err(|_| late())?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| anyhow!("the answer broke off: {error}"))?;
            if let Some(piece) = frame.data_ref() {
                each(piece)?;
            }
        }
        drop(connection);
        Ok(head.headers)
    }

    async fn fetch_answer(&self, call: Call) -> Result<Response<Bytes>> {
        let time_max = call.time_max;
        let request = self.request(call)?;
        let exchange = async {
            let (_connection, answer) = self.open(request).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_SIZE_MAX).collect().await;
            let body = body.map_err(|error| anyhow!("the answer broke off: {error}"))?;
            Ok::<_, anyhow::Error>(Response::from_parts(head, body.to_bytes()))
        };
        let answer = tokio::time::timeout(time_max, exchange)
            .await
            .map_err(|_| anyhow!("no answer within {} s", time_max.as_secs()))??;
        let status = answer.status();
        if status.is_success() { Ok(answer) } else { Err(refusal(status, answer.body())) }
    }

    /// Sends a request; the answer's body comes as long as the connection is kept.
    async fn open(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(OpenConnection, Response<Incoming>)> {
        match &self.server {
            Server::Socket(path) => exchange(connect_socket(path).await?, request).await,
            Server::Tcp(address) => exchange(connect_tcp(address).await?, request).await,
        }
    }

    fn request(&self, call: Call) -> Result<Request<Full<Bytes>>> {
        let host = match &self.server {
            Server::Socket(_) => "localhost",
            Server::Tcp(address) => address,
        };
        let mut request = Request::builder().method(call.method).uri(call.path).header(HOST, host);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let body = match call.body {
            Some((media_type, body)) => {
                request = request.header(CONTENT_TYPE, media_type);
                Bytes::from(body)
            }
            None => Bytes::new(),
        };
        Ok(request.body(Full::new(body))?)
    }
}

/// A connection at work; it ends when this is dropped.
struct OpenConnection(tokio::task::JoinHandle<()>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(OpenConnection, Response<Incoming>)>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = OpenConnection(tokio::spawn(async {
        // What went wrong is told by the answer's body.
        let _ = connection.await;
    }));
    let answer = sender.send_request(request).await.context("the server ended the connection")?;
    Ok((connection, answer))
}

async fn connect_socket(path: &Path) -> Result<UnixStream> {
    UnixStream::connect(path).await.with_context(|| {
        format!(
            "no server answers at {}: is `annunciator serve` running with this config, and are \
             you its user? Else name its config with --config, or give --server and a token",
            path.display()
        )
    })
}

async fn connect_tcp(address: &str) -> Result<TcpStream> {
    let advice =
        || format!("no server answers at {address}: is `annunciator serve` running there?");
    let connect = tokio::time::timeout(CONNECT_TIME_MAX, TcpStream::connect(address));
    connect.await.with_context(advice)?.with_context(advice)
}

fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    let problem = serde_json::from_slice(body).unwrap_or_else(|_| Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("The server refused").to_owned(),
        status: status.as_u16(),
        detail: Some(annunciator_core::one_line(&String::from_utf8_lossy(body), 500))
            .filter(|text| !text.is_empty()),
        errors: Vec::new(),
    });
    Refused(problem).into()
}

/// Reads a token from a file.
pub(crate) fn read_token(file: &Path) -> Result<String> {
    let show = || format!("the token file {} cannot be read", file.display());
    let text = std::fs::read_to_string(file).with_context(show)?;
    let token = text.trim();
    if token.is_empty() || text.len() > TOKEN_FILE_SIZE_MAX || token.contains(char::is_whitespace) {
        bail!("{}: it must hold one token and nothing else", show());
    }
    Ok(token.to_owned())
}

/// A path with its query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    text: String,
    separator: char,
}

impl Query {
    /// A path without a query yet.
    pub(crate) fn new(path: &str) -> Self {
        Self { text: path.to_owned(), separator: '?' }
    }

    /// Adds a parameter.
    pub(crate) fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.text.push(self.separator);
        self.separator = '&';
        self.text.push_str(name);
        self.text.push('=');
        self.text.push_str(&percent_encode(&value.to_string()));
        self
    }

    /// Adds a parameter when there is a value.
    pub(crate) fn with_some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl From<Query> for String {
    fn from(query: Query) -> Self {
        query.text
    }
}

/// Percent-encodes everything but the unreserved characters (RFC 3986 section 2.3).
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.push_str(&format!("%{octet:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_percent_encoded() {
        let query = Query::new("/a").with("q", "a b&c=ü").with_some("x", None::<u8>).with("n", 1);
        assert_eq!(String::from(query), "/a?q=a%20b%26c%3D%C3%BC&n=1");
    }

    #[test]
    fn a_pointer_becomes_the_name_of_a_setting() {
        for (pointer, expected) in
            [("/email/port", "email.port"), ("/a~1b/0", "a/b.0"), ("", "document")]
        {
            assert_eq!(field_name(pointer), expected);
        }
    }

    #[test]
    fn a_token_never_crosses_the_network_in_clear() {
        for (url, expected) in [
            ("http://127.0.0.1:8650", None),
            ("http://localhost", None),
            ("http://[::1]:1/", None),
            ("http://10.0.0.1:8650", Some("in clear")),
            ("https://a.example", Some("does not speak TLS")),
            ("127.0.0.1:8650", Some("must begin with http://")),
            ("/x", Some("names no host")),
        ] {
            let error = Client::for_url(url, "ann_a_b").err().map(|error| error.to_string());
            match (error, expected) {
                (None, None) => {}
                (Some(error), Some(expected)) => {
                    assert!(error.contains(expected), "{url}: {error}");
                }
                (error, _) => panic!("{url}: {error:?}"),
            }
        }
        assert!(Client::for_url("http://127.0.0.1", "a\nb").is_err());
    }

    #[test]
    fn a_refusal_lists_all_fields() {
        let body = br#"{"type":"urn:annunciator:invalid","title":"The event is not valid",
            "status":422,"errors":[{"pointer":"/severity","code":"one_of","detail":"must be info"}]}"#;
        let text = refusal(StatusCode::UNPROCESSABLE_ENTITY, body).to_string();
        assert_eq!(text, "The event is not valid (422)\n  severity: must be info");
        let text = refusal(StatusCode::BAD_GATEWAY, b"<html>").to_string();
        assert_eq!(text, "Bad Gateway (502): <html>");
    }
}
