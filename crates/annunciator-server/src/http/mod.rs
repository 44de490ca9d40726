//! Connections become requests for the API: TCP, TLS, the Unix socket, and their bounds.
//!
//! In: listeners. Out: requests with the peer they came from, answered one after the other.
//! Standard: RFC 9112 (HTTP/1.1), TLS 1.2 and 1.3.
//! Knows nothing of: what requests mean, but for the short way of events.
//! Failure: quality G18: whoever is slow or many is cut or refused, nobody else waits for it.

mod seats;
mod stall;
mod tls;

mod connection;
mod listener;
mod socket;

pub use connection::Pages;
pub use listener::{serve, serve_socket};
pub use socket::open_socket;
pub use tls::tls_acceptor;

#[cfg(test)]
mod tests;
