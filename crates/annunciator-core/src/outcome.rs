//! How an attempt went, for every channel. An attempt never returns an error: it returns these.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{EnhancedStatus, ReplyCode};

/// How far the dialogue had come, in its order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The name had no usable address.
    Resolve,
    /// TCP connection.
    Connect,
    /// The server's first reply.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS, the TLS handshake and the certificate.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    MailFrom,
    /// RCPT TO.
    RcptTo,
    /// DATA or BDAT until all content is sent.
    Data,
    /// The reply to the final dot.
    DataEnd,
    /// Before any connection or start: the order itself could not be carried out.
    Prepare,
    /// The run of an executable.
    Run,
}

impl Stage {
    /// The word of API, ledger and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Hello => "hello",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::MailFrom => "mail_from",
            Self::RcptTo => "rcpt_to",
            Self::Data => "data",
            Self::DataEnd => "data_end",
            Self::Prepare => "prepare",
            Self::Run => "run",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom a failure concerns; decides who waits (spec 4.7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureScope {
    /// This delivery alone: its own retry schedule goes on.
    Delivery,
    /// The relay: its lane is suspended and nobody's schedule is used up.
    Relay,
}

/// Why an attempt did not succeed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// How far it came.
    pub stage: Stage,
    /// Whom it concerns.
    pub scope: FailureScope,
    /// Reply code, when the server gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ReplyCode>,
    /// Enhanced status code: the server's, or ours (RFC 3463) when it gave none.
    pub status: EnhancedStatus,
    /// The server's own words, or what went wrong, one line, at most 1,000 characters.
    pub diagnostic: String,
}

/// Result of one attempt for one recipient (RFC 5321 section 4.2.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "failure")]
pub enum Outcome {
    /// The next hop took responsibility (2yz after the final dot; exit status 0).
    Delivered,
    /// Worth another try (4yz, no connection, exit status 75).
    TransientFailure(Failure),
    /// Will not get better by itself (5yz, any other exit status).
    PermanentFailure(Failure),
    /// Handed over, but the answer was lost: may arrive twice if repeated (RFC 1047).
    Uncertain(Failure),
}

impl Outcome {
    /// The word of API, ledger, logs and metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::TransientFailure(_) => "transient_failure",
            Self::PermanentFailure(_) => "permanent_failure",
            Self::Uncertain(_) => "uncertain",
        }
    }

    /// Why it did not succeed, unless it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Delivered => None,
            Self::TransientFailure(failure)
            | Self::PermanentFailure(failure)
            | Self::Uncertain(failure) => Some(failure),
        }
    }

    /// Whether the next hop may have got what was handed over; a refusal says that it has not.
    ///
    /// Limits count hand-overs by it.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Delivered | Self::Uncertain(_) => true,
            Self::TransientFailure(failure) | Self::PermanentFailure(failure) => {
                match failure.stage {
                    Stage::Resolve
                    | Stage::Connect
                    | Stage::Greeting
                    | Stage::Hello
                    | Stage::Tls
                    | Stage::Auth
                    | Stage::MailFrom
                    | Stage::RcptTo
                    | Stage::Data
                    | Stage::DataEnd
                    | Stage::Prepare => false,
                    // A program that ran has done what it did, whatever its exit status.
                    Stage::Run => true,
                }
            }
        }
    }
}
