//! What is handed in, and what comes back.

use std::time::Duration;

use annunciator_core::{AttemptFacts, Outcome, Stage};
use bytes::Bytes;
use tokio::time::Instant;

use crate::envelope::Envelope;

/// One message to hand over.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The caller's number for it; comes back with the report.
    pub tag: u64,
    /// Who sends, who receives.
    pub envelope: Envelope,
    /// Finished RFC 5322 text: CRLF only, ends in CRLF, lines of at most 998 octets, not
    /// dot-stuffed.
    pub content: Bytes,
    /// Whether `content` holds octets above 127.
    pub needs_8bit: bool,
    /// Server of an earlier uncertain attempt: tried first.
    pub prefer_server: Option<String>,
    /// When the attempt must end, whatever the timeouts say.
    pub deadline: Instant,
    /// Identifies the envelope in reports of the relay (ENVID, RFC 3461 section 4.4): printable
    /// ASCII, at most 100 octets; empty = none is given.
    pub envelope_id: String,
    /// Stop before DATA.
    pub dry_run: bool,
    /// Whether the dialogue is collected.
    pub trace: bool,
    /// Use no connection that is already open, and keep none.
    pub fresh_connection: bool,
}

/// How the attempt for one submission went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// One per forward-path, in order. In a dry run `Delivered` means that the recipient was
    /// accepted; nothing was sent to it.
    pub outcomes: Vec<Outcome>,
    /// What was seen.
    pub facts: AttemptFacts,
}

/// One stage as it ended, for who watches live.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StageReport {
    /// Which.
    pub stage: Stage,
    /// The server as configured, with its port.
    pub server: String,
    /// Whether it went well.
    pub ok: bool,
    /// What was seen or said, line by line.
    pub detail: Vec<String>,
    /// What an administrator can do when it failed; empty when nothing is known.
    pub advice: String,
    /// How long it took.
    pub elapsed: Duration,
}

/// Hands on more submissions and takes the reports.
pub trait Feed: Send + Sync {
    /// Another submission for the same relay, or none. Must not wait.
    fn next(&self) -> Option<Submission>;
    /// Takes the report of a submission; called exactly once for each, as soon as it is known.
    fn report(&self, tag: u64, report: Report);
    /// Takes a stage; called only for a submission with `trace` or `fresh_connection`.
    fn stage(&self, _tag: u64, _stage: &StageReport) {}
}
