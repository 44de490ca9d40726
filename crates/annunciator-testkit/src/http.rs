//! A small blocking HTTP/1.1 client, which also sends what no good client would.
//!
//! In: method, path, body. Out: status, header fields, body octets. Standard: RFC 9112.
//! Knows nothing of: the product's API, TLS, redirects, compression.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// How long connecting, each write and each read may take, unless the test says otherwise.
const LIMIT: Duration = Duration::from_secs(30);
/// Longest status line and header together.
const HEADER_OCTETS_MAX: u64 = 256 << 10;
/// Longest body.
const BODY_OCTETS_MAX: u64 = 256 << 20;

/// What a server answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header fields in order, names as received.
    pub headers: Vec<(String, String)>,
    /// Body octets, chunks joined.
    pub body: Vec<u8>,
}

impl Response {
    /// The first field of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let read = serde_json::from_slice(&self.body);
        read.unwrap_or_else(|error| panic!("{error} in the body of {self}"))
    }

    /// This response, if its status is as expected.
    ///
    /// # Panics
    /// When it is not, with the body.
    #[must_use]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text())
    }
}

/// A client of one server.
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
    limit: Duration,
    keep_alive: bool,
    kept: Mutex<Option<BufReader<TcpStream>>>,
}

impl Client {
    /// A client that opens a connection for each request and has no token.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, token: None, limit: LIMIT, keep_alive: false, kept: Mutex::new(None) }
    }

    /// Sends this bearer token with each request.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Limits connecting, each write and each read.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Uses one connection for all requests, as long as the server keeps it open.
    #[must_use]
    pub fn keep_alive(mut self) -> Self {
        self.keep_alive = true;
        self
    }

    /// Gets a path.
    ///
    /// # Errors
    /// When the server cannot be reached or does not answer in HTTP; so for all requests.
    pub fn get(&self, path: &str) -> io::Result<Response> {
        self.send("GET", path, &[], b"")
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn post(&self, path: &str, body: &Value) -> io::Result<Response> {
        self.send_json("POST", path, body)
    }

    /// Puts JSON.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn put(&self, path: &str, body: &Value) -> io::Result<Response> {
        self.send_json("PUT", path, body)
    }

    /// Patches with JSON.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn patch(&self, path: &str, body: &Value) -> io::Result<Response> {
        self.send_json("PATCH", path, body)
    }

    /// Deletes a path.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn delete(&self, path: &str) -> io::Result<Response> {
        self.send("DELETE", path, &[], b"")
    }

    fn send_json(&self, method: &str, path: &str, body: &Value) -> io::Result<Response> {
        let fields = [("Content-Type", "application/json")];
        self.send(method, path, &fields, body.to_string().as_bytes())
    }

    /// Sends any method with any further header fields and body.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in fields {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let connection = if self.keep_alive { "keep-alive" } else { "close" };
        request.push_str(&format!("Connection: {connection}\r\n\r\n"));
        let request = [request.as_bytes(), body].concat();

        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let old = kept.take().filter(|stream| still_open(stream.get_ref()));
        let mut stream = match old {
            Some(stream) => stream,
            None => BufReader::new(connect(self.address, self.limit)?),
        };
        // A server may refuse early and close; its answer counts more than our broken write.
        let written = stream.get_mut().write_all(&request);
        let (response, open) = match read_response(&mut stream, method == "HEAD") {
            Ok(read) => read,
            Err(error) => return Err(written.err().unwrap_or(error)),
        };
        if self.keep_alive && open {
            *kept = Some(stream);
        }
        Ok(response)
    }
}

/// Has the server kept this idle connection open?
fn still_open(stream: &TcpStream) -> bool {
    let peek = || {
        stream.set_nonblocking(true)?;
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        peeked
    };
    peek().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn connect(address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends exactly these octets and reads one response.
///
/// # Errors
/// When the server cannot be reached, closes without a response, or is silent up to the limit.
pub fn exchange_raw(address: SocketAddr, octets: &[u8], limit: Duration) -> io::Result<Response> {
    let mut stream = BufReader::new(connect(address, limit)?);
    let written = stream.get_mut().write_all(octets);
    match read_response(&mut stream, false) {
        Ok((response, _)) => Ok(response),
        Err(error) => Err(written.err().unwrap_or(error)),
    }
}

/// Sends exactly these octets and reads all until the server closes.
///
/// # Errors
/// When the server cannot be reached or has not closed at the limit.
pub fn exchange_raw_until_close(
    address: SocketAddr,
    octets: &[u8],
    limit: Duration,
) -> io::Result<Vec<u8>> {
    let mut stream = connect(address, limit)?;
    let written = stream.write_all(octets);
    let mut answer = Vec::new();
    match stream.take(BODY_OCTETS_MAX).read_to_end(&mut answer) {
        Ok(_) => Ok(answer),
        // A reset behind an answer is how a server stops a client that goes on sending.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(answer),
        Err(error) => Err(written.err().unwrap_or(error)),
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// Reads a response; tells whether the connection can be used again.
fn read_response(stream: &mut impl BufRead, head: bool) -> io::Result<(Response, bool)> {
    loop {
        let (status, headers) = read_header(stream)?;
        if (100..200).contains(&status) {
            continue;
        }
        let mut response = Response { status, headers, body: Vec::new() };
        let length = response.header("Content-Length").map(str::parse::<u64>);
        let chunked = response.header("Transfer-Encoding").is_some();
        let mut open = !response.header("Connection").is_some_and(|it| it.contains("close"));
        response.body = match length {
            _ if head || status == 204 || status == 304 => Vec::new(),
            _ if chunked => read_chunks(stream)?,
            Some(Ok(length)) if length <= BODY_OCTETS_MAX => read_exactly(stream, length)?,
            Some(_) => return Err(broken("Content-Length is malformed or too large")),
            None => {
                open = false;
                let mut body = Vec::new();
                stream.take(BODY_OCTETS_MAX).read_to_end(&mut body)?;
                body
            }
        };
        return Ok((response, open));
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.take(HEADER_OCTETS_MAX).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.strip_suffix(b"\r\n").ok_or_else(|| broken("a line does not end with CRLF"))?;
    String::from_utf8(line.to_vec()).map_err(|_| broken("a header line is not UTF-8"))
}

type Header = (u16, Vec<(String, String)>);

fn read_header(stream: &mut impl BufRead) -> io::Result<Header> {
    let mut stream = stream.take(HEADER_OCTETS_MAX);
    let line = read_line(&mut stream)?;
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| broken(&format!("`{line}` is no status line")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(&mut stream)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| broken(&format!("`{line}` is no header field")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn read_exactly(stream: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let read = stream.take(length).read_to_end(&mut body)? as u64;
    if read < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(body) }
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| broken("malformed chunk size"))?;
        if size.saturating_add(body.len() as u64) > BODY_OCTETS_MAX {
            return Err(broken("the chunks are too large"));
        }
        body.extend(read_exactly(stream, size)?);
        // The line end behind a chunk, or the end of an empty trailer behind the last one.
        if !read_line(stream)?.is_empty() {
            return Err(broken("octets behind a chunk"));
        }
        if size == 0 {
            return Ok(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What the client reads from these octets.
    fn check(octets: &str, expected: Result<(u16, &str, bool), io::ErrorKind>) {
        let got = read_response(&mut octets.as_bytes(), false);
        let got = got.map(|(response, open)| (response.status, response.text(), open));
        let expected = expected.map(|(status, body, open)| (status, body.to_owned(), open));
        assert_eq!(got.map_err(|error| error.kind()), expected, "{octets:?}");
    }

    #[test]
    fn responses_of_all_shapes_are_read() {
        use io::ErrorKind::{InvalidData, UnexpectedEof};
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", Ok((200, "hi", true)));
        check("HTTP/1.1 204 \r\nX: y\r\n\r\n", Ok((204, "", true)));
        check("HTTP/1.1 200 OK\r\n\r\nto the end", Ok((200, "to the end", false)));
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 422 No\r\nConnection: close\r\n\
             Content-Length: 0\r\n\r\n",
            Ok((422, "", false)),
        );
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
            Ok((200, "abc", true)),
        );
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", Err(UnexpectedEof));
        check("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhi", Err(InvalidData));
        check("", Err(UnexpectedEof));
        check("SSH-2.0\r\n", Err(InvalidData));
        check("HTTP/1.1 200 OK\nX: y\n\n", Err(InvalidData));
    }

    /// A server that answers so many requests on each of its connections with what it was sent.
    fn mirror(connections: usize, requests: usize) -> (SocketAddr, thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for _ in 0..connections {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                for _ in 0..requests {
                    let mut request = String::new();
                    while !request.ends_with("\r\n\r\n") {
                        if stream.read_line(&mut request).unwrap() == 0 {
                            return;
                        }
                    }
                    let length = request.split_once("Content-Length: ").map_or(0, |(_, rest)| {
                        rest.split_once('\r').unwrap().0.parse::<u64>().unwrap()
                    });
                    let body = read_exactly(&mut stream, length).unwrap();
                    let answer = format!("{request}{}", String::from_utf8(body).unwrap());
                    let header =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
                    stream.get_mut().write_all(format!("{header}{answer}").as_bytes()).unwrap();
                }
            }
        });
        (address, server)
    }

    #[test]
    fn requests_carry_token_body_and_length() {
        let (address, server) = mirror(2, 1);
        let client = Client::new(address).token("t0ken");
        let got = client.post("/x?y=z", &serde_json::json!({"a": 1})).unwrap().expect_status(200);
        let host = format!("Host: {address}\r\n");
        let expected = [
            "POST /x?y=z HTTP/1.1\r\n",
            &host,
            "Authorization: Bearer t0ken\r\nContent-Type: application/json\r\n\
             Content-Length: 7\r\nConnection: close\r\n\r\n{\"a\":1}",
        ];
        assert_eq!(got.text(), expected.concat());
        let got = client.delete("/x").unwrap().text();
        assert!(got.starts_with("DELETE /x HTTP/1.1\r\n") && !got.contains("Length"), "{got}");
        server.join().unwrap();
        assert!(client.get("/").is_err());
    }

    #[test]
    fn a_kept_connection_is_used_again_and_replaced_when_closed() {
        let (address, server) = mirror(2, 2);
        let client = Client::new(address).keep_alive();
        for n in 0..4 {
            // The third request finds the first connection closed by the server or closing.
            let got = client.get(&format!("/{n}"));
            if n != 2 || got.is_ok() {
                assert!(got.unwrap().text().contains("Connection: keep-alive"));
            }
        }
        drop(client);
        server.join().unwrap();
    }

    #[test]
    fn raw_octets_arrive_as_they_are() {
        let (address, server) = mirror(2, 1);
        let limit = Duration::from_secs(5);
        let got = exchange_raw(address, b"B\xc3\xa4D \x01\r\n\r\n", limit).unwrap();
        assert_eq!(got.body, b"B\xc3\xa4D \x01\r\n\r\n");
        let got = exchange_raw_until_close(address, b"x\r\n\r\n", limit).unwrap();
        assert!(got.starts_with(b"HTTP/1.1 200 OK\r\n") && got.ends_with(b"x\r\n\r\n"));
        server.join().unwrap();
    }
}
