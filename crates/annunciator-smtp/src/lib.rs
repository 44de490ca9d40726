//! Hands messages to SMTP servers: one outcome per recipient (RFC 5321, spec 4).
//!
//! In: a [`Relay`], [`Submission`]s from a [`Feed`]. Out: a [`Report`] for each submission.
//! Knows nothing of: events, notifications, retry.
//! Failure: never an error; what a failure means is decided in `trouble` alone.
//!
//! The way of a submission: [`Client::deliver`] chooses a server and takes or opens a session
//! (`client`, `pool`, `session`), a session carries transactions (`transaction`), each reply or
//! its absence becomes a `Trouble` or not, and the report goes to the feed.

mod envelope;
mod timeouts;

mod https;
mod keeper;
mod oauth;

mod relay;

mod submission;

mod reply;

mod capabilities;
mod stuffing;

mod advice;
mod trouble;

mod breaker;
mod dane;
mod expectation;
mod mta_sts;
mod resolvers;
mod route;
mod tls;

mod connection;

mod auth;
mod server;

mod session;

mod pacing;
mod permits;
mod share;

mod job;

mod transaction;

mod pool;

mod client;
mod knock;

pub use breaker::BreakerState;
pub use client::Client;
pub use envelope::{
    Envelope, EnvelopeError, ForwardPath, Mailbox, MailboxError, PATH_OCTETS_MAX, ReversePath,
};
pub use keeper::{Keeper, MemoryKeeper, Notice};
pub use oauth::{Grant, OAuth2};
pub use relay::{
    Auth, AuthGuard, DsnRequest, Extensions, Limits, MxPolicy, PasswordMechanism, Relay,
    SecretText, Suites, TlsPolicy, TlsVersionMin, Verify,
};
pub use reply::{Malformed, REPLY_OCTETS_MAX, Reply, Scanner};
pub use server::ServerHealth;
pub use share::Share;
pub use submission::{Feed, Report, StageReport, Submission};
pub use timeouts::{DATA_END_MIN, Timeouts};
