//! Events into POST requests over connections that are kept.
//!
//! Written by hand over blocking sockets, so that the load costs little beside what it measures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::events;

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(60);
/// Longest answer. Unit: octets.
const ANSWER_MAX: usize = 1 << 20;

/// A kept connection to the server.
pub(crate) struct Connection {
    port: u16,
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self { port, stream: BufReader::new(stream) })
    }

    /// Posts an event; ends when it was acknowledged.
    pub(crate) fn post(&mut self, number: u32, token: &str) {
        let body = events::json(number);
        let request = format!(
            "POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        let (status, answer) = self.exchange(&request).expect("the server answers");
        assert_eq!(status, 202, "event {number}: {answer}");
    }

    /// Gets a page: its status and text.
    pub(crate) fn get(&mut self, path: &str) -> std::io::Result<(u16, String)> {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port))
    }

    fn exchange(&mut self, request: &str) -> std::io::Result<(u16, String)> {
        let broken = |what: &str| std::io::Error::other(what.to_owned());
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (None, 0);
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(broken("the server closed the connection"));
            }
            if line == "\r\n" {
                break;
            }
            if status.is_none() {
                status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(|_| broken("a length is a number"))?;
            }
        }
        let mut answer = vec![0; std::cmp::min(length, ANSWER_MAX)];
        self.stream.read_exact(&mut answer)?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        Ok((status.ok_or_else(|| broken("no status line"))?, text))
    }
}

/// Posts events over so many connections at once; ends when all were acknowledged.
pub(crate) fn post_all(port: u16, token: &str, count: u32, connections: u32) {
    post_to(&[port], token, count, connections);
}

/// Posts events over so many connections, spread over several servers.
pub(crate) fn post_to(ports: &[u16], token: &str, count: u32, connections: u32) {
    let next = std::sync::atomic::AtomicU32::new(0);
    let work = |port: u16| {
        let mut connection = Connection::open(port).expect("the server listens");
        loop {
            let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if number >= count {
                return;
            }
            connection.post(number, token);
        }
    };
    std::thread::scope(|scope| {
        for port in ports.iter().cycle().take(connections as usize) {
            scope.spawn(|| work(*port));
        }
    });
}
