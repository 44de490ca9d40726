//! The caught mails as one HTML page at a local address.
//!
//! Everything from outside is escaped, and the content security policy allows nothing but our own
//! style sheet. Only requests that name this host are answered, so that no foreign page can read
//! the mails through a rebound name.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::mail::Mail;
use crate::moment;

/// Mails that are kept; the oldest go first.
const MAILS_MAX: usize = 200;
const CONNECTIONS_MAX: usize = 32;
const HEADER_TIME_MAX: Duration = Duration::from_secs(10);
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
const STYLE: &str = "\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2330; background: #f5f6f8; }
h1 { font-size: 1.3rem; }
p { color: #556070; }
article { background: #fff; border: 1px solid #d9dde3; border-radius: .5rem; margin: 1rem 0;
  padding: 1rem 1.2rem; }
h2 { font-size: 1.05rem; margin: 0 0 .4rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .8rem; margin: 0;
  color: #556070; font-size: .9rem; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .8rem 0 0; font-size: .9rem; }
@media (prefers-color-scheme: dark) {
  body { color: #e4e7ec; background: #14181f; }
  article { background: #1d232c; border-color: #333b47; }
  p, dl { color: #9aa5b4; }
}
";

/// The mails that were caught.
#[derive(Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<VecDeque<Mail>>>);

impl Mailbox {
    /// Adds a mail.
    pub(super) fn add(&self, mail: Mail) {
        let mut mails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mails.push_front(mail);
        mails.truncate(MAILS_MAX);
    }

    fn page(&self) -> String {
        let mut mails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        render(mails.make_contiguous())
    }
}

/// Starts to serve the page on a free port; it ends with the runtime.
pub(super) async fn start(mailbox: Mailbox) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for the page")?;
    let port = listener.local_addr()?.port();
    tokio::spawn(accept(listener, mailbox, port));
    Ok(port)
}

async fn accept(listener: TcpListener, mailbox: Mailbox, port: u16) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let mailbox = mailbox.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
                let is_ours = host.is_some_and(|host| is_our_host(host, port));
                let answer = answer(request.method(), request.uri().path(), is_ours, &mailbox);
                async move { Ok::<_, Infallible>(answer) }
            });
            // A browser that goes away is no trouble.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIME_MAX)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
    }
}

fn is_our_host(host: &str, port: u16) -> bool {
    host == format!("127.0.0.1:{port}") || host == format!("localhost:{port}")
}

fn answer(method: &Method, path: &str, is_ours: bool, mailbox: &Mailbox) -> Response<Full<Bytes>> {
    let (status, media_type, text) = match path {
        _ if !is_ours => (StatusCode::MISDIRECTED_REQUEST, "text/plain", String::new()),
        _ if method != Method::GET => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", String::new()),
        "/" => (StatusCode::OK, "text/html; charset=utf-8", mailbox.page()),
        "/style.css" => (StatusCode::OK, "text/css", STYLE.to_owned()),
        _ => (StatusCode::NOT_FOUND, "text/plain", String::new()),
    };
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, media_type)
        .header(CONTENT_SECURITY_POLICY, POLICY)
        .header(CACHE_CONTROL, "no-store")
        .header(HeaderName::from_static("x-content-type-options"), "nosniff")
        .header(HeaderName::from_static("referrer-policy"), "no-referrer")
        .body(Full::new(text.into()))
        .expect("names and values are constants")
}

fn render(mails: &[Mail]) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"refresh\" content=\"3\">\n<title>Caught mail</title>\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n<h1>Mail caught by the demonstration</h1>\n",
    );
    let zone = moment::local_zone();
    let count = mails.len();
    let _ = writeln!(page, "<p>{count} so far, newest first. Nothing has left this machine.</p>");
    for mail in mails {
        let at = moment::full(mail.at, &zone);
        let _ = writeln!(
            page,
            "<article>\n<h2>{}</h2>\n<dl><dt>From</dt><dd>{}</dd><dt>For</dt><dd>{}</dd>\
             <dt>Caught</dt><dd>{}</dd></dl>\n<pre>{}</pre>\n</article>",
            escape(&mail.subject),
            escape(&mail.from),
            escape(&mail.recipients.join(", ")),
            escape(&at),
            escape(&mail.text),
        );
    }
    page
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use annunciator_core::Timestamp;

    use super::*;

    #[test]
    fn nothing_from_a_mail_becomes_markup() {
        let evil = "<script>alert('x')</script>&\"\u{0}";
        let mailbox = Mailbox::default();
        mailbox.add(Mail {
            at: Timestamp(0),
            from: evil.into(),
            recipients: vec![evil.into()],
            subject: evil.into(),
            text: evil.into(),
        });
        let page = mailbox.page();
        let escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot; ";
        assert_eq!(page.matches(escaped).count(), 4, "{page}");
        assert!(!page.contains("<script"));
    }

    #[test]
    fn only_the_own_name_and_known_paths_are_answered() {
        let mailbox = Mailbox::default();
        for (method, path, host, expected) in [
            (Method::GET, "/", "127.0.0.1:80", 200),
            (Method::GET, "/style.css", "localhost:80", 200),
            (Method::GET, "/x", "127.0.0.1:80", 404),
            (Method::POST, "/", "127.0.0.1:80", 405),
            (Method::GET, "/", "evil.example", 421),
        ] {
            let answer = answer(&method, path, is_our_host(host, 80), &mailbox);
            assert_eq!(answer.status().as_u16(), expected, "{method} {path} {host}");
            assert_eq!(answer.headers()[CONTENT_SECURITY_POLICY], POLICY);
        }
    }

    #[test]
    fn the_oldest_mails_make_room() {
        let mailbox = Mailbox::default();
        for number in 0..=MAILS_MAX {
            let subject = format!("<{number}>");
            let at = Timestamp(0);
            let (from, text) = (String::new(), String::new());
            mailbox.add(Mail { at, from, recipients: Vec::new(), subject, text });
        }
        let page = mailbox.page();
        assert!(page.contains("&lt;200&gt;") && !page.contains("&lt;0&gt;"));
    }
}
