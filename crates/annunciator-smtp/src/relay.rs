//! What a relay is: servers, port, TLS, credentials, limits.
//!
//! The whole value is the key of its connection pool, so that a connection is never used under
//! settings other than those it was opened with (spec 4.3).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::timeouts::Timeouts;

/// The SMTP server, or the list of servers, that mail is handed to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Relay {
    /// Tried in order: IPv4, IPv6 (with or without brackets), DNS name.
    pub hosts: Vec<String>,
    /// One port for all of them.
    pub port: u16,
    /// When and how TLS is used.
    pub tls: TlsPolicy,
    /// Credentials.
    pub auth: Auth,
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

/// How many connections, how long.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// Most open connections, in use and idle; at least 1.
    pub connections_max: usize,
    /// Messages after which a connection is closed; 0 = no limit.
    pub messages_per_connection_max: u32,
    /// How long an unused connection stays open.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections_max: 16, messages_per_connection_max: 0, idle: Duration::from_secs(30) }
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
        Self::IfSupported { plaintext_after: Duration::from_secs(60) }
    }
}

/// What a certificate is checked against.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Verify {
    /// Trusted certificates, DER; then only these. `None` = those of the system.
    pub ca: Option<Vec<Vec<u8>>>,
    /// Oldest protocol that is accepted.
    pub version_min: TlsVersionMin,
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
        /// Whether they may be sent without TLS.
        allow_without_tls: bool,
        /// Whether they may be sent, with TLS if supported, to a server whose certificate does
        /// not verify.
        allow_unverified: bool,
    },
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
            allow_without_tls: false,
            allow_unverified: false,
        };
        assert!(!format!("{auth:?}").contains("canary"));
    }
}
