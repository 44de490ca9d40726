//! Everything that a test needs around the product: a scripted relay, a hand-moved clock, the real
//! binary as a process, Postfix and Python as outside judges.
//!
//! Knows nothing of: `annunciator-smtp`, with which it shares no code on purpose: a misreading of
//! RFC 5321 in one of them shows up as a disagreement with the other.
//! Failure: the parts that a test cannot go on without panic with a sentence; the others return it.

pub mod browser;
pub mod certificates;
pub mod clock;
pub mod daemon;
pub mod disk;
pub mod dns;
pub mod dovecot;
pub mod events;
pub mod haproxy;
pub mod http;
pub mod network;
pub mod nmbd;
pub mod oauth;
pub mod pgbouncer;
pub mod postfix;
pub mod postgres;
pub mod process;
pub mod python_dkim;
pub mod python_email;
pub mod python_html;
pub mod relay;
