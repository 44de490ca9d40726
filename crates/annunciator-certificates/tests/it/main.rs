//! Uploads as people make them, with files that OpenSSL's own command line wrote.

#![expect(clippy::unwrap_used, reason = "what the tests share is test code too")]

mod bombs;
mod forms;
mod mutations;
mod openssl_tool;
mod rules;
