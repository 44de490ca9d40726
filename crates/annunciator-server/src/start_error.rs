//! Why a server did not start, in words that say what to do.

use std::net::SocketAddr;

use annunciator_api_types::FieldError;
use annunciator_store::StoreError;

use crate::admin::AdminError;
use crate::passwords::PasswordError;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The clock of this node is not that of the database.
    #[error(
        "the clock of this node is {seconds} s {side} the database's, and limits and lifetimes count by it: set the clock by NTP on both machines, such as by `timedatectl set-ntp true`"
    )]
    Clock {
        /// How far they part.
        seconds: i64,
        /// To which side.
        side: &'static str,
    },
    /// The key file cannot be used.
    #[error(transparent)]
    Secret(#[from] crate::secrets::SecretError),
    /// Nothing can listen there.
    #[error("cannot listen on {at}: {reason}")]
    Listen {
        /// Where.
        at: String,
        /// Why not.
        reason: String,
    },
    /// Plain HTTP would be reachable from other machines.
    #[error(
        "{0} is reachable from other machines: set `tls_certificate_file` and `tls_key_file`, or listen on 127.0.0.1"
    )]
    PlainAddress(SocketAddr),
    /// The certificate or key of the listener cannot be used.
    #[error("{0}")]
    Tls(String),
    /// The saved settings, or those of the bootstrap, cannot be used.
    #[error("the settings cannot be used: {}", list(.0))]
    Settings(Vec<FieldError>),
    /// The system gives no memory or no random numbers.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A token of the bootstrap cannot be used.
    #[error("a token of the bootstrap cannot be used: {0}")]
    Token(String),
}

impl StartError {
    /// Whether it is for what this machine's config or its files say, so that starting again is no
    /// use before somebody changed them.
    #[must_use]
    pub fn is_about_config(&self) -> bool {
        match self {
            Self::PlainAddress(_) | Self::Tls(_) | Self::Secret(_) => true,
            Self::Store(error) => matches!(error, StoreError::BadRequest(_)),
            Self::Clock { .. }
            | Self::Listen { .. }
            | Self::Settings(_)
            | Self::Password(_)
            | Self::Token(_) => false,
        }
    }
}

fn list(errors: &[FieldError]) -> String {
    let texts: Vec<_> = errors.iter().map(|e| format!("{}: {}", e.pointer, e.detail)).collect();
    texts.join("; ")
}

impl From<AdminError> for StartError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Invalid(errors) => Self::Settings(errors),
            AdminError::Store(error) => Self::Store(error),
            other => Self::Store(StoreError::Io(other.to_string())),
        }
    }
}
