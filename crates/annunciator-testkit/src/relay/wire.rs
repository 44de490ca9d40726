//! The octets of one connection, in clear or inside TLS, become lines; replies become octets.
//!
//! Replies are gathered and written when the input runs dry, so that a pipelined group is answered
//! in one segment.

use std::io::BufRead;
use std::pin::Pin;
use std::time::Duration;

use openssl::nid::Nid;
use openssl::ssl::{NameType, Ssl, SslContext, SslRef};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::record::TlsRecord;

/// A client that says nothing for so long is given up.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// A client that does not take our octets for so long is given up.
const WRITE_MAX: Duration = Duration::from_secs(60);
/// Longest line that is read at all; the protocol's own limits are lower.
const LINE_OCTETS_MAX: usize = 1 << 20;
/// How much is read at once.
const CHUNK_OCTETS: usize = 64 << 10;
/// How long the relay reads on for a client to close, once it has nothing more to say.
const DRAIN_MAX: Duration = Duration::from_secs(600);

/// Why a session is over; the text goes into the record of the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stop(pub(crate) String);

impl Stop {
    pub(crate) fn new(why: &str) -> Self {
        Self(why.to_owned())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self(format!("connection broken: {error}"))
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
    /// Between the two, and after a handshake that failed.
    Gone,
}

pub(crate) struct Wire {
    stream: Stream,
    input: Vec<u8>,
    /// Where in `input` the octets begin that nobody has taken.
    start: usize,
    output: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Without it each reply could wait for the client's delayed acknowledgement.
        stream.set_nodelay(true).ok();
        let (input, output) = (Vec::new(), Vec::new());
        Self { stream: Stream::Plain(stream), input, start: 0, output }
    }

    pub(crate) fn queue(&mut self, octets: &[u8]) {
        self.output.extend_from_slice(octets);
    }

    /// Writes what is queued.
    pub(crate) async fn flush(&mut self) -> Result<(), Stop> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        let write = async {
            match &mut self.stream {
                Stream::Plain(stream) => stream.write_all(&output).await,
                Stream::Tls(stream) => {
                    stream.write_all(&output).await?;
                    stream.flush().await
                }
                Stream::Gone => Err(std::io::ErrorKind::NotConnected.into()),
            }
        };
        timeout(WRITE_MAX, write).await.map_err(|_| Stop::new("the client does not read"))??;
        Ok(())
    }

    /// Appends the next line with its end to `line`; gives its length.
    pub(crate) async fn append_line(&mut self, line: &mut Vec<u8>) -> Result<usize, Stop> {
        let before = line.len();
        loop {
            let mut rest = &self.input[self.start..];
            self.start += rest.read_until(b'\n', line)?;
            if line.len() > before && line.ends_with(b"\n") {
                return Ok(line.len() - before);
            }
            if line.len() - before > LINE_OCTETS_MAX {
                return Err(Stop::new("the relay closed: endless line"));
            }
            self.fill().await?;
        }
    }

    /// Waits until the client has sent something, or has closed.
    pub(crate) async fn await_input(&mut self) -> Result<(), Stop> {
        if self.start < self.input.len() { Ok(()) } else { self.fill().await }
    }

    /// Whether the input that was read begins as a TLS handshake does (RFC 8446 section 5.1).
    pub(crate) fn begins_tls(&self) -> bool {
        self.input.get(self.start) == Some(&0x16)
    }

    /// Appends exactly so many octets to `octets`.
    pub(crate) async fn append_octets(
        &mut self,
        octets: &mut Vec<u8>,
        count: usize,
    ) -> Result<(), Stop> {
        let mut left = count;
        while left > 0 {
            if self.start == self.input.len() {
                self.fill().await?;
            }
            let taken = left.min(self.input.len() - self.start);
            octets.extend_from_slice(&self.input[self.start..self.start + taken]);
            self.start += taken;
            left -= taken;
        }
        Ok(())
    }

    /// Reads more, after writing what is queued; called when all input is taken.
    async fn fill(&mut self) -> Result<(), Stop> {
        self.flush().await?;
        self.input.resize(CHUNK_OCTETS, 0);
        self.start = CHUNK_OCTETS;
        let read = async {
            match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut self.input).await,
                Stream::Tls(stream) => stream.read(&mut self.input).await,
                Stream::Gone => Ok(0),
            }
        };
        let read = timeout(IDLE_MAX, read).await.map_err(|_| Stop::new("the client is idle"))?;
        let count = read.unwrap_or(0);
        self.input.truncate(count);
        self.start = 0;
        if count == 0 { Err(Stop::new("the client closed")) } else { Ok(()) }
    }

    /// Has the client sent more than was taken? Looks once, without waiting.
    pub(crate) async fn has_input(&mut self) -> bool {
        if self.start < self.input.len() {
            return true;
        }
        let mut chunk = [0; 4096];
        let mut buffer = ReadBuf::new(&mut chunk);
        let stream = &mut self.stream;
        std::future::poll_fn(|context| {
            let polled = match stream {
                Stream::Plain(stream) => Pin::new(stream).poll_read(context, &mut buffer),
                Stream::Tls(stream) => Pin::new(stream).poll_read(context, &mut buffer),
                Stream::Gone => std::task::Poll::Pending,
            };
            // An end or a fault shows again at the next read.
            drop(polled);
            std::task::Poll::Ready(())
        })
        .await;
        self.input.clear();
        self.start = 0;
        self.input.extend_from_slice(buffer.filled());
        !self.input.is_empty()
    }

    pub(crate) fn in_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// The TLS session, inside TLS.
    pub(crate) fn ssl(&self) -> Option<&SslRef> {
        match &self.stream {
            Stream::Tls(stream) => Some(stream.ssl()),
            Stream::Plain(_) | Stream::Gone => None,
        }
    }

    /// Does the handshake; what the client sent before it is forgotten.
    pub(crate) async fn start_tls(&mut self, context: &SslContext) -> Result<TlsRecord, String> {
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err("not a plain connection".to_owned());
        };
        self.input.clear();
        self.start = 0;
        let ssl = Ssl::new(context).map_err(|error| error.to_string())?;
        let mut stream = SslStream::new(ssl, stream).map_err(|error| error.to_string())?;
        timeout(IDLE_MAX, Pin::new(&mut stream).accept())
            .await
            .map_err(|_| "the client is idle".to_owned())?
            .map_err(|error| error.to_string())?;
        let ssl = stream.ssl();
        let common_name = |certificate: openssl::x509::X509| {
            let name = certificate.subject_name();
            let entry = name.entries_by_nid(Nid::COMMONNAME).next();
            entry.and_then(|entry| entry.data().to_string().ok())
        };
        let record = TlsRecord {
            version: ssl.version_str().to_owned(),
            cipher: ssl.current_cipher().map(|cipher| cipher.name().to_owned()).unwrap_or_default(),
            server_name: ssl.servername(NameType::HOST_NAME).map(str::to_owned),
            client_certificate: ssl.peer_certificate().and_then(common_name),
        };
        self.stream = Stream::Tls(Box::new(stream));
        Ok(record)
    }

    /// Ends our direction, inside TLS with `close_notify`.
    pub(crate) async fn end(&mut self) {
        // A client that has gone already needs no farewell.
        let farewell = async {
            match &mut self.stream {
                Stream::Plain(stream) => drop(stream.shutdown().await),
                Stream::Tls(stream) => drop(Pin::new(stream).shutdown().await),
                Stream::Gone => {}
            }
        };
        drop(timeout(WRITE_MAX, farewell).await);
    }

    /// Reads and forgets until the client closes.
    pub(crate) async fn drain(&mut self) {
        let drain = async { while self.fill().await.is_ok() {} };
        drop(timeout(DRAIN_MAX, drain).await);
    }
}
