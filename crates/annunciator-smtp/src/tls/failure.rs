//! What it means that a handshake fails or an encrypted connection ends, in words.
//!
//! Standard: RFC 8446 section 6 and RFC 5246 section 7.2 (alerts).

use std::error::Error;

use openssl::error::ErrorStack;
use openssl::ssl;

use super::versions_words;
use crate::relay::TlsVersionMin;
use crate::trouble::Cause;

/// `ERR_LIB_SSL` of <openssl/err.h>.
const LIBRARY_SSL: i32 = 20;
/// `SSL_AD_REASON_OFFSET` of <openssl/ssl.h>: reasons above are alerts of the other side.
const ALERT_OFFSET: i32 = 1000;
/// Reasons of <openssl/sslerr.h>.
const UNSUPPORTED_PROTOCOL: i32 = 258;
const WRONG_VERSION_NUMBER: i32 = 267;
const UNEXPECTED_EOF: i32 = 294;
/// Alerts of RFC 8446 section 6.
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;
/// Most errors inside errors that are looked at.
const SOURCES_MAX: usize = 8;

/// Whether these octets, which answer our part of a handshake, begin as the text of a reply: it
/// has been put there by somebody, to be taken for an answer later; anything else that is no
/// handshake is a broken server. Whatever came before our part was put there, see
/// `Connection::take_tcp`.
pub(super) fn is_reply(octets: &[u8]) -> bool {
    octets.first().is_some_and(|first| first.is_ascii_digit() || first.is_ascii_whitespace())
}

/// Why a connection in TLS ended: words, and the alert by which the server said so.
pub(crate) fn lost(error: &std::io::Error) -> (String, Option<u8>) {
    let Some(found) = error.get_ref().and_then(|inner| openssl_error(inner)) else {
        return (error.to_string(), None);
    };
    (handshake_words(found), found.ssl_error().and_then(alert_of))
}

/// What an alert right after the handshake says of us: with TLS 1.3 a server judges our
/// certificate only then.
pub(crate) fn cause_of_alert(alert: u8) -> Option<Cause> {
    // RFC 8446 section 6.2: bad_certificate to certificate_unknown, unknown_ca, access_denied,
    // certificate_required.
    let why = match alert {
        42 | 46 => "the server refuses our client certificate",
        43 => "the server does not take this kind of client certificate",
        44 => "the server says that our client certificate is revoked",
        45 => "the server says that our client certificate has expired",
        48 => "the server does not trust the issuer of our client certificate",
        49 => "the server denies access to our client certificate",
        116 => "the server wants a client certificate, and none was shown",
        _ => return None,
    };
    Some(Cause::ClientCertificate(why.to_owned()))
}

/// Why a handshake ended. `presented`: the server had shown its certificate by then.
pub(super) fn cause_of(
    error: &(dyn Error + 'static),
    min: TlsVersionMin,
    presented: bool,
) -> Cause {
    let Some(found) = openssl_error(error) else { return Cause::Handshake(error.to_string()) };
    let old = || {
        let words = "the server speaks no TLS version that is allowed here";
        Cause::OldTls(format!("{words} ({})", versions_words(min)))
    };
    let stack = found.ssl_error();
    match stack.and_then(alert_of) {
        Some(PROTOCOL_VERSION) => return old(),
        // Before TLS 1.3 this is how a server says that it misses our certificate; without a
        // cipher in common it would have said so before showing its own.
        Some(HANDSHAKE_FAILURE) if presented => {
            let words = "the server wants a client certificate, or another one than was shown";
            return Cause::ClientCertificate(words.to_owned());
        }
        Some(alert) => {
            if let Some(cause) = cause_of_alert(alert) {
                return cause;
            }
        }
        None => {}
    }
    match stack.and_then(reason_of) {
        Some(UNSUPPORTED_PROTOCOL) => old(),
        Some(WRONG_VERSION_NUMBER) => {
            Cause::Handshake("the server answers the handshake with something else".to_owned())
        }
        _ => Cause::Handshake(handshake_words(found)),
    }
}

/// OpenSSL's error among these errors within errors: the streams wrap it twice.
fn openssl_error<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a ssl::Error> {
    for _ in 0..SOURCES_MAX {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        error = error.source()?;
    }
    None
}

fn reason_of(stack: &ErrorStack) -> Option<i32> {
    let ours =
        |error: &&openssl::error::Error| openssl::error::Error::library_code(error) == LIBRARY_SSL;
    stack.errors().iter().find(ours).map(openssl::error::Error::reason_code)
}

fn alert_of(stack: &ErrorStack) -> Option<u8> {
    reason_of(stack).and_then(|reason| u8::try_from(reason - ALERT_OFFSET).ok())
}

/// The first reason on the stack.
pub(super) fn stack_words(stack: &ErrorStack) -> String {
    let reason = stack.errors().iter().find_map(openssl::error::Error::reason);
    reason.unwrap_or("without a reason").to_owned()
}

fn handshake_words(error: &ssl::Error) -> String {
    let closed = || "the server closed the connection".to_owned();
    match (error.ssl_error(), error.io_error()) {
        (Some(stack), _) => match (alert_of(stack), reason_of(stack)) {
            (_, Some(UNEXPECTED_EOF)) => closed(),
            (Some(alert), _) => format!("the server ended it: {} ({alert})", stack_words(stack)),
            _ => stack_words(stack),
        },
        (None, Some(error)) => error.to_string(),
        (None, None) => closed(),
    }
}
