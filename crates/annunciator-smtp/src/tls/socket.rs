//! A TCP connection that remembers the first octets it read, for what a failed handshake means.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What came first; outlives the connection.
#[derive(Clone, Default, Debug)]
pub(super) struct Head(Arc<OnceLock<u8>>);

impl Head {
    /// The first octet, if any came.
    pub(super) fn octets(&self) -> &[u8] {
        self.0.get().map_or(&[], std::slice::from_ref)
    }
}

/// A connection that remembers the first octet it read.
#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    head: Head,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream, head: Head) -> Self {
        Self { tcp, head }
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
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
        if let Some(first) = buf.filled().get(before) {
            // Only the first one is kept.
            let _ = self.head.0.set(*first);
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
