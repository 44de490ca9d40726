//! Deliveries and attempts: the ledger's rows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DeliveryId, Failure, NotificationId, Outcome, Recipient, Timestamp};

/// The queue of one relay: opaque text made by the channel at planning (ADR 0015).
///
/// The store indexes it; the dispatcher bounds and suspends it without knowing what it is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(pub std::sync::Arc<str>);

impl Lane {
    /// The lane of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a delivery stands.
///
/// `Queued` → `InFlight` (claimed) → `Delivered`, `Failed` or `Queued` again (settled; a lease
/// that lapses queues it again). `Queued` → `Cancelled`, and `Failed` → `Queued`, by an operator;
/// `Queued` → `Failed` when its lifetime ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// Waits; will not be tried before `due_at`.
    Queued {
        /// When it may be tried.
        due_at: Timestamp,
    },
    /// An attempt is under way; belongs to nobody after `lease_until`.
    InFlight {
        /// When the claim lapses.
        lease_until: Timestamp,
    },
    /// The relay took responsibility.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// Will not be tried again by itself.
    Failed {
        /// When.
        at: Timestamp,
    },
    /// Given up by an operator.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

impl DeliveryState {
    /// The word of the API (spec 13).
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::InFlight { .. } => "in_flight",
            Self::Delivered { .. } => "delivered",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !matches!(self, Self::Queued { .. } | Self::InFlight { .. })
    }
}

/// Notification × recipient: the unit of retry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Id, the same over all attempts.
    pub id: DeliveryId,
    /// What is delivered.
    pub notification: NotificationId,
    /// To whom.
    pub recipient: Recipient,
    /// Whose queue it waits in.
    pub lane: Lane,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it was planned (or asked for again by an operator).
    pub created_at: Timestamp,
    /// When it is given up (spec 4.7).
    pub expires_at: Timestamp,
    /// Attempts begun, all of them.
    pub attempts: u32,
    /// Steps of the retry schedule used up; trouble with the relay uses none.
    pub retries: u32,
    /// An earlier attempt may have arrived although it was not confirmed.
    pub possibly_duplicated: bool,
    /// Why the last attempt failed, or why it was given up.
    pub last_failure: Option<Failure>,
}

/// What was seen of TLS in a session.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TlsFacts {
    /// `TLSv1.3` and so on.
    pub protocol: String,
    /// Cipher suite, OpenSSL's name.
    pub cipher: String,
    /// Subject of the server's certificate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Issuer of the server's certificate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    /// Serial number of the server's certificate, lower-case hex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub serial: String,
    /// Begin of its validity, as OpenSSL prints it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub not_before: String,
    /// End of its validity, as OpenSSL prints it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub not_after: String,
    /// Its key, such as `RSA 2048`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// SHA-256 of the certificate, lower-case hex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint_sha256: String,
    /// Whether chain, name and dates were checked and good.
    pub verified: bool,
    /// Why not, when it is not verified.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub verify_error: String,
    /// Whether an earlier session was resumed: the certificate is the one of then.
    #[serde(default, skip_serializing_if = "is_false")]
    pub resumed: bool,
    /// The chain as it was presented, one line for each certificate, its own first; only in a
    /// test message and with a trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What DANE said of a server (RFC 7672 section 2; quality G15).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DaneOutcome {
    /// Usable TLSA records, and the certificate matched one.
    Ok,
    /// TLSA records that are secure, none of them usable: TLS without authentication.
    Unusable,
    /// No TLSA records, proven to be absent, or no TLS asked for.
    NotApplicable,
    /// The zone is not signed, or nobody checked: TLSA records count for nothing.
    Insecure,
    /// The answer was bogus or missing, or the certificate matched none: nothing was sent.
    Tempfail,
}

impl DaneOutcome {
    /// The word of API, ledger, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unusable => "unusable",
            Self::NotApplicable => "not_applicable",
            Self::Insecure => "insecure",
            Self::Tempfail => "tempfail",
        }
    }
}

/// How the server was found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteFacts {
    /// The domain whose mail exchanger it is; empty when it was named directly.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Preference of that mail exchanger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preference: Option<u16>,
    /// DNSSEC: `secure`, `insecure` or `unchecked`, of all that led to the address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dnssec: String,
    /// DANE, when it was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dane: Option<DaneOutcome>,
    /// MTA-STS: `enforce`, `testing`, `none`, when it was looked for; with what it said of this
    /// server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mta_sts: String,
}

/// Time spent in the stages of an attempt. Unit: microseconds; absent when the stage was not run
/// (a reused connection has no connect, greeting, hello, TLS or AUTH).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stages {
    /// Name resolution and TCP connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// Greeting, EHLO, STARTTLS, AUTH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake_us: Option<u64>,
    /// MAIL to the reply to the final dot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_us: Option<u64>,
}

/// What was seen of the run of an executable.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFacts {
    /// How it ended, in words, such as `exited with status 0`.
    pub status: String,
    /// The beginning of its standard output, at most 64 KiB.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stdout: String,
    /// The beginning of its standard error, at most 64 KiB.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// All that it wrote to standard output. Unit: octets.
    pub stdout_bytes: u64,
    /// All that it wrote to standard error. Unit: octets.
    pub stderr_bytes: u64,
    /// Processes of the run that outlived the program and were ended.
    pub processes_ended: u32,
    /// Whether the kernel kept it to its sandbox: `enforced`, `partial` or `not_available`.
    pub sandbox: String,
}

/// What was seen of the next hop in an attempt; the same for all recipients of one transaction.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AttemptFacts {
    /// The server as configured (or the MX host), such as `mail.example.org:25`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// The address that was used, such as `192.0.2.1:25`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// How the server was found, when that says more than the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteFacts>,
    /// TLS, when the session had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFacts>,
    /// The relay's reply to the final dot, one line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reply: String,
    /// The relay's queue id, when its reply names one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub queue_id: String,
    /// Whether the connection had been used before.
    pub reused: bool,
    /// Where the time went.
    pub stages: Stages,
    /// Servers that were tried before this one, each with its failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried_before: Vec<(String, Failure)>,
    /// The dialogue, secrets removed, when tracing was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dialogue: Vec<String>,
    /// The run, when it was one of an executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunFacts>,
}

/// One try to make a delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// Whose.
    pub delivery: DeliveryId,
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it went.
    pub outcome: Outcome,
    /// What was seen.
    pub facts: std::sync::Arc<AttemptFacts>,
}
