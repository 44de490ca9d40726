//! THE table: what went wrong at which stage → what it means for the recipients, whom it
//! concerns, whether another server is tried, whether the session can be used again.
//!
//! Nothing else in this crate decides what a failure means.
//! Standard: RFC 5321 sections 4.2.1 and 4.5.4, RFC 3463; spec 4.1 and 4.7.

use annunciator_core::{
    EnhancedStatus, Failure, FailureScope, Outcome, ReplyCode, Stage, one_line,
};

use crate::reply::{Malformed, Reply};

/// Longest diagnostic. Unit: characters.
const DIAGNOSTIC_CHARS_MAX: usize = 1_000;

/// What went wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// A reply that the state does not accept.
    Reply {
        /// Its code.
        code: ReplyCode,
        /// Its enhanced code.
        status: Option<EnhancedStatus>,
        /// All of it, one line.
        text: String,
    },
    /// Octets that are no reply.
    Malformed(Malformed),
    /// No whole reply, or no progress, in time.
    Timeout,
    /// The connection ended or never came to be; in the words of the system.
    Lost(String),
    /// The connection ended or stalled while content was being written, before the final dot.
    Interrupted(String),
    /// The TLS handshake failed.
    Handshake(String),
    /// It failed because no version is in common.
    OldTls(String),
    /// It failed because of our certificate, or for want of one.
    ClientCertificate(String),
    /// Plain text arrived where the handshake had to begin.
    Injected,
    /// With TLS from the first octet: the server greeted in plain text.
    PlainGreeting,
    /// The certificate does not verify.
    Certificate(CertificateFault, String),
    /// What DNS says, or what contradicts it, is not to be believed: signatures that do not
    /// verify, TLSA records that cannot be had or that no certificate matches.
    Untrusted(String),
    /// The settings forbid to go on with this server.
    Forbidden(EnhancedStatus, String),
    /// There is no access token to show.
    Token {
        /// Whether it is refused for good, so that somebody must act.
        refused: bool,
        /// Why.
        words: String,
    },
    /// The settings forbid to send credentials to this server.
    Withheld(Withheld, String),
    /// The message asks for what cannot be done.
    Unsupported(EnhancedStatus, String),
}

/// Which check a certificate failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CertificateFault {
    /// It is for these hosts, not for the one asked for.
    Name(Vec<String>),
    /// Its issuer is not trusted.
    Issuer,
    /// It is signed by its own key, and not trusted itself.
    SelfSigned,
    /// It, or its issuer's, has expired.
    Expired,
    /// It, or its issuer's, is not valid yet.
    NotYetValid,
    /// Key or digest is too weak.
    Weak,
    /// It is not for TLS servers.
    Usage,
    /// Something else.
    Other,
}

/// Why credentials are not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Withheld {
    /// The session is not encrypted.
    NoTls,
    /// The server's certificate does not verify.
    Unverified,
}

/// What went wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trouble {
    /// How far the dialogue had come.
    pub stage: Stage,
    /// What happened.
    pub cause: Cause,
}

/// What a failure means for the recipients it concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meaning {
    /// Worth another try.
    Transient,
    /// Will not get better by itself.
    Permanent,
    /// May have arrived.
    Uncertain,
}

/// A cell of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    /// For the recipients.
    pub meaning: Meaning,
    /// Whom it concerns.
    pub scope: FailureScope,
    /// Whether another server of the relay is tried within the attempt.
    pub next_server: bool,
    /// Whether the session stays good.
    pub keep_session: bool,
}

/// A column of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// 421: the server closes.
    Closing,
    /// 530: it wants authentication or TLS first; the settings of the relay are wrong.
    AccessFirst,
    /// Any other 4yz.
    Negative4,
    /// Any other 5yz.
    Negative5,
    /// A 2yz or 3yz that the state does not accept.
    Unexpected,
    Malformed,
    Timeout,
    Lost,
    Interrupted,
    Handshake,
    Certificate,
    Untrusted,
    Forbidden,
    TokenRefused,
    TokenMissing,
    Unsupported,
}

impl Cause {
    /// The cause for a reply that the state does not accept.
    #[must_use]
    pub(crate) fn reply(reply: Reply<'_>) -> Self {
        Self::Reply { code: reply.code, status: reply.status(), text: reply.to_text() }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Reply { code, .. } => match (code.number(), code.class()) {
                (421, _) => Kind::Closing,
                (530, _) => Kind::AccessFirst,
                (_, 4) => Kind::Negative4,
                (_, 5) => Kind::Negative5,
                _ => Kind::Unexpected,
            },
            Self::Malformed(_) => Kind::Malformed,
            Self::Timeout => Kind::Timeout,
            Self::Lost(_) => Kind::Lost,
            Self::Interrupted(_) => Kind::Interrupted,
            Self::Handshake(_)
            | Self::OldTls(_)
            | Self::ClientCertificate(_)
            | Self::Injected
            | Self::PlainGreeting => Kind::Handshake,
            Self::Certificate(..) => Kind::Certificate,
            Self::Untrusted(_) => Kind::Untrusted,
            Self::Forbidden(..) | Self::Withheld(..) => Kind::Forbidden,
            Self::Token { refused: true, .. } => Kind::TokenRefused,
            Self::Token { refused: false, .. } => Kind::TokenMissing,
            Self::Unsupported(..) => Kind::Unsupported,
        }
    }
}

/// Looks up a cell.
pub(crate) fn judge(stage: Stage, kind: Kind) -> Verdict {
    use FailureScope::{Delivery, Relay};
    use Meaning::{Permanent, Transient, Uncertain};
    let cell = |meaning, scope, next_server, keep_session| Verdict {
        meaning,
        scope,
        next_server,
        keep_session,
    };
    match (stage, kind) {
        // A domain that takes no mail (RFC 7505): nobody but this message is concerned, and only
        // another server of the relay's can help.
        (Stage::Resolve, Kind::Unsupported) => cell(Permanent, Delivery, true, false),
        // Whatever a session needs before its first transaction concerns everybody who waits for
        // this relay; an operator can heal it, so that it is never permanent.
        (
            Stage::Resolve
            | Stage::Connect
            | Stage::Greeting
            | Stage::Hello
            | Stage::Tls
            | Stage::Auth,
            _,
        ) => cell(Transient, Relay, true, false),
        (_, Kind::Unsupported) => cell(Permanent, Delivery, false, true),
        // No session runs a program.
        (Stage::Prepare | Stage::Run, _) => cell(Transient, Relay, false, false),

        // The final dot is out: no other server, or the message might arrive twice.
        (Stage::DataEnd, Kind::Closing) => cell(Transient, Relay, false, false),
        (Stage::DataEnd, Kind::Negative4) => cell(Transient, Delivery, false, true),
        (Stage::DataEnd, Kind::Negative5 | Kind::AccessFirst) => {
            cell(Permanent, Delivery, false, true)
        }
        (Stage::DataEnd, _) => cell(Uncertain, Delivery, false, false),

        (Stage::MailFrom, Kind::AccessFirst) => cell(Transient, Relay, true, true),
        (Stage::MailFrom | Stage::RcptTo | Stage::Data, Kind::Negative4) => {
            cell(Transient, Delivery, true, true)
        }
        (Stage::MailFrom | Stage::RcptTo | Stage::Data, Kind::Negative5 | Kind::AccessFirst) => {
            cell(Permanent, Delivery, false, true)
        }
        // Something in this content may be what breaks the connection: it must not hold up
        // everybody else's.
        (_, Kind::Interrupted) => cell(Transient, Delivery, true, false),
        (Stage::MailFrom | Stage::RcptTo | Stage::Data, _) => cell(Transient, Relay, true, false),
    }
}

impl Trouble {
    /// Whether STARTTLS or the handshake failed in a way that plain text may answer one day: not
    /// when somebody tampers with the connection, and not when the server closes (421).
    pub(crate) fn is_of_tls(&self) -> bool {
        let fits = match &self.cause {
            Cause::Reply { code, .. } => code.number() != 421,
            Cause::Handshake(_) | Cause::OldTls(_) | Cause::ClientCertificate(_) => true,
            Cause::Timeout | Cause::Lost(_) => true,
            _ => false,
        };
        self.stage == Stage::Tls && fits
    }

    /// Trouble at a stage.
    #[must_use]
    pub(crate) fn new(stage: Stage, cause: Cause) -> Self {
        Self { stage, cause }
    }

    /// The cell of the table.
    #[must_use]
    pub(crate) fn verdict(&self) -> Verdict {
        judge(self.stage, self.cause.kind())
    }

    /// The failure as the ledger keeps it.
    #[must_use]
    pub(crate) fn failure(&self) -> Failure {
        let verdict = self.verdict();
        let class = if verdict.meaning == Meaning::Permanent { 5 } else { 4 };
        let ours = |subject, detail| EnhancedStatus::new(class, subject, detail);
        let at = self.stage_words();
        let (code, status, text) = match &self.cause {
            Cause::Reply { code, status, text } => {
                let class = u8::try_from(code.class()).unwrap_or(class);
                // A 2yz or 3yz out of place is a protocol error; its own status would read as good.
                let negative = matches!(class, 4 | 5);
                let fallback = if negative { EnhancedStatus::new(class, 0, 0) } else { ours(5, 0) };
                let status = status.filter(|_| negative).unwrap_or(fallback);
                let text = if negative {
                    text.clone()
                } else {
                    format!("unexpected reply to {at}: {text}")
                };
                (Some(*code), status, text)
            }
            Cause::Malformed(malformed) => (None, ours(5, 0), format!("{malformed} ({at})")),
            Cause::Timeout => (None, ours(4, 2), format!("no answer in time ({at})")),
            Cause::Lost(words) if self.stage == Stage::Resolve => (None, ours(4, 3), words.clone()),
            Cause::Lost(words) if self.stage == Stage::Connect => (None, ours(4, 1), words.clone()),
            Cause::Lost(words) => (None, ours(4, 2), format!("connection lost ({at}): {words}")),
            Cause::Interrupted(words) => {
                (None, ours(4, 2), format!("connection lost while sending the message: {words}"))
            }
            Cause::Handshake(words) | Cause::OldTls(words) | Cause::ClientCertificate(words) => {
                (None, ours(7, 5), format!("TLS handshake failed: {words}"))
            }
            Cause::Injected => {
                let text = "plain text arrived after the reply to STARTTLS and before the handshake: \
                            somebody may be tampering with the connection";
                (None, ours(7, 5), text.to_owned())
            }
            Cause::PlainGreeting => {
                let text = "the server speaks plain SMTP here: TLS from the first octet is set, \
                            this port wants STARTTLS";
                (None, ours(7, 5), text.to_owned())
            }
            Cause::Certificate(_, words) | Cause::Untrusted(words) => {
                (None, ours(7, 5), words.clone())
            }
            Cause::Withheld(_, words) => (None, ours(7, 11), words.clone()),
            Cause::Token { words, .. } => (None, ours(7, 0), words.clone()),
            Cause::Forbidden(status, words) | Cause::Unsupported(status, words) => {
                (None, *status, words.clone())
            }
        };
        let diagnostic = one_line(&text, DIAGNOSTIC_CHARS_MAX);
        Failure { stage: self.stage, scope: verdict.scope, code, status, diagnostic }
    }

    /// The outcome for a recipient it concerns.
    #[must_use]
    pub(crate) fn outcome(&self) -> Outcome {
        let failure = self.failure();
        match self.verdict().meaning {
            Meaning::Transient => Outcome::TransientFailure(failure),
            Meaning::Permanent => Outcome::PermanentFailure(failure),
            Meaning::Uncertain => Outcome::Uncertain(failure),
        }
    }

    /// Whether a server that others are connected to has refused another connection because it has
    /// enough: 4yz before the session begins, or no greeting at all.
    #[must_use]
    pub(crate) fn says_crowded(&self) -> bool {
        match (self.stage, &self.cause) {
            (Stage::Greeting | Stage::Hello, Cause::Reply { code, .. }) => code.class() == 4,
            (Stage::Connect | Stage::Greeting, Cause::Lost(_)) => true,
            _ => false,
        }
    }

    fn stage_words(&self) -> &'static str {
        match self.stage {
            Stage::Resolve => "name resolution",
            Stage::Connect => "connection",
            Stage::Greeting => "greeting",
            Stage::Hello => "EHLO",
            Stage::Tls => "STARTTLS",
            Stage::Auth => "AUTH",
            Stage::MailFrom => "MAIL",
            Stage::RcptTo => "RCPT",
            Stage::Data => "DATA",
            Stage::DataEnd => "end of message",
            Stage::Prepare | Stage::Run => "preparation",
        }
    }
}

#[cfg(test)]
#[path = "trouble_tests.rs"]
mod tests;
