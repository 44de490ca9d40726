//! What a relay is: servers, port, TLS, credentials, limits.
//!
//! The whole value is the key of its connection pool, so that a connection is never used under
//! settings other than those it was opened with (spec 4.3).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use annunciator_certificates::ClientCertificate;
use annunciator_names::NamesPolicy;
use zeroize::Zeroizing;

use crate::oauth::OAuth2;
use crate::timeouts::Timeouts;

/// The SMTP server, or the list of servers, that mail is handed to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Relay {
    /// Tried in order: IPv4, IPv6 (with or without brackets), DNS or NetBIOS name; with `mx` each
    /// is a domain.
    pub hosts: Vec<String>,
    /// One port for all of them.
    pub port: u16,
    /// Whether the hosts are domains whose mail exchangers are used (spec 4.2).
    pub mx: Option<MxPolicy>,
    /// How names are resolved.
    pub names: NamesPolicy,
    /// When and how TLS is used.
    pub tls: TlsPolicy,
    /// Shown to a server that asks for one.
    pub client_certificate: Option<ClientCertificate>,
    /// Credentials.
    pub auth: Auth,
    /// What is asked of the relay for each message, where it offers it.
    pub extensions: Extensions,
    /// Argument of EHLO: a domain or an address literal.
    pub hello_name: String,
    /// Limits of its connections.
    pub limits: Limits,
    /// One limit per command.
    pub timeouts: Timeouts,
}

impl Relay {
    /// Name for logs and health pages: servers and port.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}:{}", self.hosts.join(";"), self.port)
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            port: 25,
            mx: None,
            names: NamesPolicy::default(),
            tls: TlsPolicy::default(),
            client_certificate: None,
            auth: Auth::None,
            extensions: Extensions::default(),
            hello_name: "localhost".to_owned(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// What is looked for beside the mail exchangers of a domain.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MxPolicy {
    /// TLSA records of secure zones decide about TLS (DANE, RFC 7672).
    pub dane: bool,
    /// The domain's MTA-STS policy is fetched and kept to (RFC 8461).
    pub mta_sts: bool,
}

/// SMTP extensions that are used where the server offers them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Extensions {
    /// Use BDAT (CHUNKING, RFC 3030).
    pub chunking: bool,
    /// About what the relay is asked to report, where it offers DSN.
    pub dsn: DsnRequest,
    /// Ask that every further hop uses verified TLS (REQUIRETLS, RFC 8689); where it is not
    /// offered, or the session is not verified TLS, nothing is sent.
    pub require_tls: bool,
}

/// About what a relay is asked to report (NOTIFY of RFC 3461 section 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DsnRequest {
    /// Nothing is said: the relay does as it always does.
    #[default]
    Unasked,
    /// About these, and about nothing else; all false = NEVER.
    About {
        /// Final failure.
        failure: bool,
        /// Delay.
        delay: bool,
        /// Delivery.
        success: bool,
    },
}

/// How many connections, how long.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// Most open connections, in use and idle; at least 1.
    pub connections_max: usize,
    /// Messages after which a connection is closed; 0 = no limit.
    pub messages_per_connection_max: u32,
    /// How long an unused connection stays open.
    pub idle: Duration,
    /// Most messages that are begun in any 60 s, over all connections; 0 = no limit.
    pub messages_per_minute_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16,
            messages_per_connection_max: 0,
            idle: Duration::from_secs(30),
            messages_per_minute_max: 0,
        }
    }
}

/// When TLS is used (spec 4.3).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TlsPolicy {
    /// Never.
    Off,
    /// STARTTLS when offered, whatever the certificate.
    IfSupported {
        /// After the first TLS failure of a server: when plain text may be used instead.
        plaintext_after: Duration,
        /// What a certificate is compared with before credentials are sent to it; nothing else
        /// depends on it, and every protocol version is taken.
        ca: Option<Vec<Vec<u8>>>,
    },
    /// STARTTLS and a certificate that verifies, or nothing is sent.
    Required {
        /// What is checked.
        verify: Verify,
    },
    /// TLS from the first octet and a certificate that verifies, or nothing is sent.
    Implicit {
        /// What is checked.
        verify: Verify,
    },
}

impl Default for TlsPolicy {
    fn default() -> Self {
        Self::IfSupported { plaintext_after: Duration::from_secs(60), ca: None }
    }
}

/// What a certificate is checked against.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Verify {
    /// Trusted certificates, DER; then only these. `None` = those of the system.
    pub ca: Option<Vec<Vec<u8>>>,
    /// Oldest protocol that is accepted.
    pub version_min: TlsVersionMin,
    /// Certificates that are trusted besides, DER.
    pub anchors: Vec<Vec<u8>>,
    /// What the connection is encrypted with.
    pub suites: Suites,
}

/// What a connection is encrypted with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Suites {
    /// All that OpenSSL holds for strong.
    #[default]
    Strong,
    /// TLS 1.2 and 1.3 with authenticated encryption and forward secrecy alone (RFC 9325 section
    /// 4.2).
    ForwardSecret,
}

/// Oldest protocol that is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TlsVersionMin {
    /// TLS 1.0 and later.
    Any,
    /// TLS 1.2 and later.
    #[default]
    Tls12,
}

/// Credentials.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Auth {
    /// None are sent.
    #[default]
    None,
    /// User name and password.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: SecretText,
        /// The mechanism that is used whatever else is offered; `None` = the strongest.
        mechanism: Option<PasswordMechanism>,
        /// Where they may be sent.
        guard: AuthGuard,
    },
    /// User name and an OAuth 2.0 access token (XOAUTH2, RFC 7628).
    OAuth2 {
        /// The mailbox.
        username: String,
        /// How tokens are obtained.
        source: OAuth2,
        /// Where they may be sent.
        guard: AuthGuard,
    },
    /// By the client certificate (EXTERNAL, RFC 4422 appendix A).
    External {
        /// Authorization identity; may be empty.
        username: String,
    },
}

/// Where credentials may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct AuthGuard {
    /// Without TLS.
    pub allow_without_tls: bool,
    /// With TLS if supported, to a server whose certificate does not verify.
    pub allow_unverified: bool,
}

/// A SASL mechanism that proves a password.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PasswordMechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login.
    Login,
    /// RFC 2195.
    CramMd5,
    /// RFC 5802, with channel binding where TLS gives it (-PLUS).
    ScramSha1,
    /// RFC 7677, likewise.
    ScramSha256,
}

/// Text that is never shown and is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret, for the one line that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Hash for SecretText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let auth = Auth::Password {
            username: "u".into(),
            password: SecretText::new("canary".into()),
            mechanism: None,
            guard: AuthGuard::default(),
        };
        assert!(!format!("{auth:?}").contains("canary"));
    }
}
