//! Turns commands into octets on the wire and octets from the wire into replies.
//!
//! In: octets to send, deadlines. Out: replies, one after the other.
//! Knows nothing of: what a command or a reply means.
//! Failure: [`Broken`]; the connection is then good for nothing but the last words of the server.
//!
//! Output gathers in one buffer until [`Connection::flush`], so that a group of commands is one
//! write. While a write waits, replies are read: with both directions full, two sides that only
//! write would wait for each other for ever (RFC 2920 section 3.1).

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use annunciator_core::one_line;
use openssl::ssl::SslRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use zeroize::Zeroizing;

use crate::reply::{Malformed, REPLY_OCTETS_MAX, Reply, Scanner};
use crate::tls::{self, TlsStream};
use crate::trouble::Cause;

/// What the input buffer begins with. Unit: octets.
const INPUT_OCTETS_MIN: usize = 4 * 1024;
/// What the input buffer may grow to: one reply of the longest kind and what follows it.
const INPUT_OCTETS_MAX: usize = 2 * REPLY_OCTETS_MAX;
/// Output buffers above this are given back after use. Unit: octets.
const OUTPUT_OCTETS_KEPT: usize = 128 * 1024;
/// Most lines of a dialogue that is collected.
const DIALOGUE_LINES_MAX: usize = 1_000;
/// How long the last words of a server are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a connection cannot be used any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// The deadline passed.
    Timeout,
    /// It ended; in the words of the system.
    Lost(String),
    /// What came is no reply.
    Malformed(Malformed),
    /// The server said 421 or another reply unasked.
    Unasked(Cause),
}

impl Broken {
    fn closed() -> Self {
        Self::Lost("the server closed the connection".to_owned())
    }
}

impl From<Broken> for Cause {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Timeout => Self::Timeout,
            Broken::Lost(words) => Self::Lost(words),
            Broken::Malformed(malformed) => Self::Malformed(malformed),
            Broken::Unasked(cause) => cause,
        }
    }
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
    /// Only while a handshake is under way.
    Taken,
}

impl Wire {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<std::io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        let read = match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, &mut buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, &mut buf),
            Self::Taken => Poll::Ready(Err(std::io::ErrorKind::NotConnected.into())),
        };
        ready!(read)?;
        Poll::Ready(Ok(buf.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
            Self::Taken => Poll::Ready(Err(std::io::ErrorKind::NotConnected.into())),
        }
    }
}

/// A timer that is armed seldom: deadlines mostly move on, so an old one that fires early is
/// cheaper than arming a new one for every command.
struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if deadline < self.0.deadline() {
            self.0.as_mut().reset(deadline);
        }
        loop {
            ready!(self.0.as_mut().poll(cx));
            if self.0.deadline() >= deadline {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(deadline);
        }
    }
}

/// One connection to a server.
pub(crate) struct Connection {
    wire: Wire,
    /// `input[start..end]` is read and not used.
    input: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    scanner: Scanner,
    output: Vec<u8>,
    /// How much of `output` the system has taken.
    sent: usize,
    /// What was written before `output` began. Unit: octets.
    flushed: u64,
    /// Writing has failed: what the server said before is still to be read.
    write_failed: bool,
    alarm: Alarm,
    /// The TLS alert by which the server ended the session.
    alert: Option<u8>,
    dialogue: Option<Vec<String>>,
    /// What the dialogue must not show, should the server repeat it.
    secrets: Vec<Zeroizing<String>>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, trace: bool) -> Self {
        Self {
            wire: Wire::Plain(stream),
            input: vec![0; INPUT_OCTETS_MIN],
            start: 0,
            end: 0,
            ended: false,
            scanner: Scanner::default(),
            output: Vec::with_capacity(INPUT_OCTETS_MIN),
            sent: 0,
            flushed: 0,
            write_failed: false,
            alarm: Alarm(Box::pin(sleep_until(Instant::now() + Duration::from_secs(30)))),
            alert: None,
            dialogue: trace.then(Vec::new),
            secrets: Vec::new(),
        }
    }

    /// Keeps a text out of the dialogue from here on.
    pub(crate) fn hide(&mut self, secret: &str) {
        if self.dialogue.is_some() && !secret.is_empty() {
            self.secrets.push(Zeroizing::new(secret.to_owned()));
        }
    }

    /// The output buffer; what is appended is not in the dialogue.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Appends one command; its CRLF is added.
    pub(crate) fn put_command(&mut self, parts: &[&str]) {
        for part in parts {
            self.output.extend_from_slice(part.as_bytes());
        }
        self.output.extend_from_slice(b"\r\n");
        if self.dialogue.is_some() {
            self.note(&format!("C: {}", parts.concat()));
        }
    }

    /// Appends a line that the dialogue must not show.
    pub(crate) fn put_secret(&mut self, shown: &str, secret: &str) {
        self.output.extend_from_slice(shown.as_bytes());
        self.output.extend_from_slice(secret.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        self.note(&format!("C: {shown}<secret>"));
    }

    /// Adds a line to the dialogue, when it is collected.
    pub(crate) fn note(&mut self, line: &str) {
        if let Some(dialogue) = &mut self.dialogue
            && dialogue.len() < DIALOGUE_LINES_MAX
        {
            dialogue.push(one_line(line, 1_000));
        }
    }

    /// Begins or ends the collection of a dialogue.
    pub(crate) fn set_trace(&mut self, trace: bool) {
        if trace != self.dialogue.is_some() {
            self.dialogue = trace.then(Vec::new);
        }
    }

    /// Whether the dialogue is collected.
    pub(crate) fn traces(&self) -> bool {
        self.dialogue.is_some()
    }

    /// The dialogue so far.
    pub(crate) fn dialogue(&self) -> Vec<String> {
        self.dialogue.clone().unwrap_or_default()
    }

    /// How much of what the last failed [`Self::flush`] had to write was written. Unit: octets.
    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    /// Writes all output.
    pub(crate) async fn flush(&mut self, deadline: Instant) -> Result<(), Broken> {
        poll_fn(|cx| self.poll_flush(cx, deadline)).await?;
        self.flushed += self.output.len() as u64;
        self.sent = 0;
        self.output.clear();
        self.shrink();
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<Result<(), Broken>> {
        while self.sent < self.output.len() {
            match self.wire.poll_write(cx, &self.output[self.sent..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Broken::closed())),
                Poll::Ready(Ok(written)) => self.sent += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.lost(&error))),
                Poll::Pending => {
                    while self.make_room().is_ok() {
                        match self.poll_input(cx) {
                            Poll::Ready(Ok(())) => {}
                            Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken)),
                            Poll::Pending => break,
                        }
                    }
                    ready!(self.alarm.poll(cx, deadline));
                    return Poll::Ready(Err(Broken::Timeout));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Where the next octet of output will stand in all that this connection writes.
    pub(crate) fn position(&self) -> u64 {
        self.flushed + self.output.len() as u64
    }

    /// How much of that the system has taken. Unit: octets.
    pub(crate) fn written(&self) -> u64 {
        self.flushed + self.sent as u64
    }

    /// Waits for one whole reply; `deadline` is for all of it, however slowly it drips.
    pub(crate) async fn reply(&mut self, deadline: Instant) -> Result<Reply<'_>, Broken> {
        self.read_reply(deadline, false).await
    }

    /// As [`Self::reply`]; the dialogue does not show what a challenge (334) holds: with our
    /// answer beside it, a password could be guessed from it.
    pub(crate) async fn challenge(&mut self, deadline: Instant) -> Result<Reply<'_>, Broken> {
        self.read_reply(deadline, true).await
    }

    async fn read_reply(
        &mut self,
        deadline: Instant,
        hides_challenge: bool,
    ) -> Result<Reply<'_>, Broken> {
        let found = poll_fn(|cx| self.poll_reply(cx, deadline)).await;
        Ok(self.take_reply(found?, hides_challenge))
    }

    /// Waits for one whole reply and meanwhile writes what output there is.
    pub(crate) async fn exchange(&mut self, deadline: Instant) -> Result<Reply<'_>, Broken> {
        let found = poll_fn(|cx| {
            self.poll_output(cx);
            self.poll_reply(cx, deadline)
        });
        let found = found.await?;
        Ok(self.take_reply(found, false))
    }

    /// Whether a reply, or what makes one impossible, is here already.
    pub(crate) fn has_reply(&self) -> bool {
        // Another scanner: the one in use must see its octets in order.
        !matches!(Scanner::default().scan(&self.input[self.start..self.end]), Ok(None))
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) {
        while self.sent < self.output.len() && !self.write_failed {
            match self.wire.poll_write(cx, &self.output[self.sent..]) {
                Poll::Ready(Ok(written)) if written > 0 => self.sent += written,
                Poll::Ready(_) => self.write_failed = true,
                Poll::Pending => break,
            }
        }
        let done = self.sent == self.output.len();
        // What is appended while a slow server takes its time must not make the buffer grow on.
        if done || (self.sent > OUTPUT_OCTETS_KEPT && self.sent * 2 > self.output.len()) {
            self.output.drain(..self.sent);
            self.flushed += self.sent as u64;
            self.sent = 0;
        }
    }

    /// Gives back the memory of a large output buffer that is empty.
    pub(crate) fn shrink(&mut self) {
        if self.output.is_empty() && self.output.capacity() > OUTPUT_OCTETS_KEPT {
            self.output = Vec::with_capacity(INPUT_OCTETS_MIN);
        }
    }

    fn take_reply(
        &mut self,
        (code, len): (annunciator_core::ReplyCode, usize),
        hides_challenge: bool,
    ) -> Reply<'_> {
        let begin = self.start;
        self.start += len;
        if self.dialogue.is_some() && hides_challenge && code.number() == 334 {
            self.note("S: 334 <challenge>");
        } else if self.dialogue.is_some() {
            let text = String::from_utf8_lossy(&self.input[begin..begin + len]).into_owned();
            for line in text.lines() {
                let hidden = self.secrets.iter().any(|secret| line.contains(secret.as_str()));
                let line = if hidden { "<hidden: the reply repeats a secret>" } else { line };
                self.note(&format!("S: {line}"));
            }
        }
        Reply { code, octets: &self.input[begin..begin + len] }
    }

    fn poll_reply(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Instant,
    ) -> Poll<Result<(annunciator_core::ReplyCode, usize), Broken>> {
        loop {
            match self.scanner.scan(&self.input[self.start..self.end]) {
                Ok(Some(found)) => return Poll::Ready(Ok(found)),
                Ok(None) => {}
                Err(malformed) => return Poll::Ready(Err(Broken::Malformed(malformed))),
            }
            if let Err(malformed) = self.make_room() {
                return Poll::Ready(Err(Broken::Malformed(malformed)));
            }
            match self.poll_input(cx) {
                Poll::Ready(read) => read?,
                Poll::Pending => {
                    ready!(self.alarm.poll(cx, deadline));
                    return Poll::Ready(Err(Broken::Timeout));
                }
            }
        }
    }

    /// Reads what there is into the room behind `end`.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.ended {
            return Poll::Ready(Err(Broken::closed()));
        }
        let read = ready!(self.wire.poll_read(cx, &mut self.input[self.end..]));
        Poll::Ready(match read {
            Ok(0) => {
                self.ended = true;
                Err(Broken::closed())
            }
            Ok(read) => {
                self.end += read;
                Ok(())
            }
            Err(error) => Err(self.lost(&error)),
        })
    }

    fn lost(&mut self, error: &std::io::Error) -> Broken {
        let (words, alert) = tls::lost(error);
        self.alert = self.alert.or(alert);
        Broken::Lost(words)
    }

    /// The TLS alert by which the server ended the session, if it did.
    pub(crate) fn alert(&self) -> Option<u8> {
        self.alert
    }

    fn make_room(&mut self) -> Result<(), Malformed> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.input.len() {
            if self.start > 0 {
                self.input.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else if self.input.len() < INPUT_OCTETS_MAX {
                self.input.resize(self.input.len() * 2, 0);
            } else {
                return Err(Malformed::TooLong);
            }
        }
        Ok(())
    }

    /// Checks that the server has said nothing beyond what was asked, before the next command.
    pub(crate) fn check_sync(&mut self) -> Result<(), Broken> {
        if self.start == self.end {
            return Ok(());
        }
        let input = &self.input[self.start..self.end];
        match Scanner::default().scan(input) {
            // A server that gives up may say so at any time (RFC 5321 section 3.8).
            Ok(Some((code, len))) if code.number() == 421 => {
                let reply = Reply { code, octets: &input[..len] };
                Err(Broken::Unasked(Cause::reply(reply)))
            }
            _ => Err(Broken::Malformed(Malformed::Unasked)),
        }
    }

    /// Whether an unused connection can still be used: nothing has come, not even its end.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.start == self.end && self.make_room().is_ok() && self.poll_input(&mut cx).is_pending()
    }

    /// After a failed write: the negative reply that the server left before it closed, if any.
    pub(crate) async fn last_words(&mut self) -> Option<Cause> {
        let reply = self.reply(Instant::now() + LAST_WORDS).await.ok()?;
        (reply.code.class() >= 4).then(|| Cause::reply(reply))
    }

    /// Takes the TCP connection out for a handshake. Nothing may wait in the buffers: what a
    /// server says between its consent and the handshake would later pass for its replies
    /// (CVE-2011-0411).
    pub(crate) fn take_tcp(&mut self) -> Result<TcpStream, Cause> {
        let mut cx = Context::from_waker(Waker::noop());
        let quiet = self.start == self.end && self.make_room().is_ok() && {
            let read = self.poll_input(&mut cx);
            if let Poll::Ready(Err(_)) = read {
                return Err(Cause::Handshake("the server closed the connection".to_owned()));
            }
            read.is_pending()
        };
        if !quiet {
            // No server speaks before our part of the handshake, whatever it says.
            return Err(Cause::Injected);
        }
        match std::mem::replace(&mut self.wire, Wire::Taken) {
            Wire::Plain(stream) => Ok(stream),
            Wire::Tls(_) | Wire::Taken => Err(Cause::Handshake("TLS is on already".to_owned())),
        }
    }

    /// The TLS session, when there is one.
    pub(crate) fn ssl(&self) -> Option<&SslRef> {
        match &self.wire {
            Wire::Tls(stream) => Some(stream.inner().ssl()),
            Wire::Plain(_) | Wire::Taken => None,
        }
    }

    /// Puts the encrypted stream in place.
    pub(crate) fn set_tls(&mut self, stream: Box<TlsStream>) {
        self.wire = Wire::Tls(stream);
    }

    /// Says QUIT and waits a moment for the answer.
    pub(crate) async fn quit(mut self, wait: Duration) {
        let deadline = Instant::now() + wait;
        self.output.clear();
        self.sent = 0;
        self.output.extend_from_slice(b"QUIT\r\n");
        if self.flush(deadline).await.is_ok() {
            // What it answers changes nothing.
            let _ = self.reply(deadline).await;
        }
        // Without this farewell OpenSSL would not resume the session (RFC 5246 section 7.2.1).
        if let Wire::Tls(stream) = &mut self.wire {
            let farewell = poll_fn(|cx| Pin::new(&mut **stream).poll_shutdown(cx));
            let _ = tokio::time::timeout_at(deadline, farewell).await;
        }
    }
}
