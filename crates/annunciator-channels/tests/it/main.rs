//! The e-mail channel as a caller sees it, judged by programs that are not ours.

#![expect(clippy::unwrap_used, reason = "what the tests share is test code too")]

mod channel;
mod dkim;
