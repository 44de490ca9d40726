//! Who may do what: the one table of operations and the one table of roles.
//!
//! In: method, path and identity of a request. Out: let in, or the refusal.
//! Knows nothing of: what the operations do.
//! Standard: RFC 6750 (bearer tokens).
//!
//! An operation that is not in [`OPERATIONS`] cannot be called: a route without a row is refused.

use std::sync::Arc;

use annunciator_api_types::Role;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::error::ApiError;
use crate::shared::Shared;
use crate::tokens::Identity;

/// What somebody may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Hand in events.
    SubmitEvents,
    /// Read events and event types.
    ReadEvents,
    /// Read notifications, deliveries and attempts.
    ReadLedger,
    /// Retry, cancel and resend deliveries.
    OperateDeliveries,
    /// Read the state of the server and its metrics.
    ReadStatus,
    /// Read settings, preview templates.
    ReadSettings,
    /// Ask what is decided about an event, and why.
    Explain,
    /// Change settings.
    ChangeSettings,
    /// Send a test message.
    SendTestMessage,
    /// Read silences and preview matchers.
    ReadSilences,
    /// Make, change and end silences.
    ManageSilences,
    /// Upload, show, replace, delete and download certificate objects.
    ManageCertificates,
    /// List, make and delete tokens.
    ManageTokens,
    /// Read the audit log.
    ReadAudit,
    /// Make, list and delete copies of the store.
    ManageBackups,
}

impl Right {
    /// All rights.
    pub const ALL: [Self; 15] = [
        Self::SubmitEvents,
        Self::ReadEvents,
        Self::ReadLedger,
        Self::OperateDeliveries,
        Self::ReadStatus,
        Self::ReadSettings,
        Self::Explain,
        Self::ChangeSettings,
        Self::SendTestMessage,
        Self::ReadSilences,
        Self::ManageSilences,
        Self::ManageCertificates,
        Self::ManageTokens,
        Self::ReadAudit,
        Self::ManageBackups,
    ];

    /// The right in words: "may not …".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SubmitEvents => "hand in events",
            Self::ReadEvents => "read events",
            Self::ReadLedger => "read the ledger",
            Self::OperateDeliveries => "retry, cancel or resend deliveries",
            Self::ReadStatus => "read the state of the server",
            Self::ReadSettings => "read settings",
            Self::Explain => "ask why an event is told or not",
            Self::ChangeSettings => "change settings",
            Self::SendTestMessage => "send a test message",
            Self::ReadSilences => "read silences",
            Self::ManageSilences => "make, change or end silences",
            Self::ManageCertificates => "manage certificates",
            Self::ManageTokens => "manage tokens",
            Self::ReadAudit => "read the audit log",
            Self::ManageBackups => "make, list or delete backups",
        }
    }
}

/// Whether a role has a right (spec 10.2).
#[must_use]
pub fn may(role: Role, right: Right) -> bool {
    match role {
        Role::Administrator => true,
        Role::Operator => matches!(
            right,
            Right::ReadEvents
                | Right::ReadLedger
                | Right::OperateDeliveries
                | Right::Explain
                | Right::ReadStatus
                | Right::ReadSilences
                | Right::ManageSilences
        ),
        Role::Viewer => matches!(
            right,
            Right::ReadEvents | Right::ReadLedger | Right::ReadStatus | Right::ReadSilences
        ),
        Role::Ingest => matches!(right, Right::SubmitEvents),
    }
}

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Open,
    /// Nothing on loopback; this right from elsewhere.
    OpenOnLoopback(Right),
    /// This right.
    Needs(Right),
}

/// One operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// HTTP method.
    pub method: &'static str,
    /// Path with its parameters in braces.
    pub path: &'static str,
    /// What it asks of its caller.
    pub access: Access,
}

const fn row(method: &'static str, path: &'static str, access: Access) -> Operation {
    Operation { method, path, access }
}

/// What handing in events asks for; also used where that request takes its short way.
pub const SUBMIT_EVENTS: Access = Access::Needs(Right::SubmitEvents);

/// Every operation there is.
pub const OPERATIONS: [Operation; 67] = [
    row("POST", "/api/v1/events", SUBMIT_EVENTS),
    row("GET", "/api/v1/events", Access::Needs(Right::ReadEvents)),
    row("GET", "/api/v1/events/export", Access::Needs(Right::ReadEvents)),
    row("GET", "/api/v1/events/{id}", Access::Needs(Right::ReadEvents)),
    row("GET", "/api/v1/event-types", Access::Needs(Right::ReadEvents)),
    row("GET", "/api/v1/deliveries", Access::Needs(Right::ReadLedger)),
    row("POST", "/api/v1/deliveries/retry", Access::Needs(Right::OperateDeliveries)),
    row("POST", "/api/v1/deliveries/cancel", Access::Needs(Right::OperateDeliveries)),
    row("GET", "/api/v1/deliveries/export", Access::Needs(Right::ReadLedger)),
    row("GET", "/api/v1/deliveries/{id}", Access::Needs(Right::ReadLedger)),
    row("POST", "/api/v1/deliveries/{id}/resend", Access::Needs(Right::OperateDeliveries)),
    row("GET", "/api/v1/notifications/{id}", Access::Needs(Right::ReadLedger)),
    row("GET", "/api/v1/notifications/{id}/message", Access::Needs(Right::ReadLedger)),
    row("GET", "/api/v1/settings", Access::Needs(Right::ReadSettings)),
    row("PATCH", "/api/v1/settings", Access::Needs(Right::ChangeSettings)),
    row("GET", "/api/v1/settings/definitions", Access::Needs(Right::ReadSettings)),
    row("GET", "/api/v1/settings/presets", Access::Needs(Right::ReadSettings)),
    row("GET", "/api/v1/settings/templates", Access::Needs(Right::ReadSettings)),
    row("GET", "/api/v1/settings/history", Access::Needs(Right::ReadSettings)),
    row("POST", "/api/v1/settings/preview", Access::Needs(Right::ReadSettings)),
    row("GET", "/api/v1/overrides", Access::Needs(Right::ReadSettings)),
    row("PATCH", "/api/v1/overrides", Access::Needs(Right::ChangeSettings)),
    row("GET", "/api/v1/application-settings", Access::Needs(Right::ReadSettings)),
    row(
        "DELETE",
        "/api/v1/application-settings/{application}/{device}",
        Access::Needs(Right::ChangeSettings),
    ),
    row("POST", "/api/v1/effective", Access::Needs(Right::ReadSettings)),
    row("GET", "/api/v1/policies", Access::Needs(Right::ReadSettings)),
    row("GET", "/api/v1/policies/{name}", Access::Needs(Right::ReadSettings)),
    row("PUT", "/api/v1/policies/{name}", Access::Needs(Right::ChangeSettings)),
    row("DELETE", "/api/v1/policies/{name}", Access::Needs(Right::ChangeSettings)),
    row("GET", "/api/v1/device-groups", Access::Needs(Right::ReadSettings)),
    row("POST", "/api/v1/device-groups", Access::Needs(Right::ChangeSettings)),
    row("DELETE", "/api/v1/device-groups/{path}", Access::Needs(Right::ChangeSettings)),
    row("POST", "/api/v1/explain", Access::Needs(Right::Explain)),
    row("POST", "/api/v1/replay", Access::Needs(Right::ReadSettings)),
    row("GET", "/api/v1/settings/document", Access::Needs(Right::ReadSettings)),
    row("PUT", "/api/v1/settings/document", Access::Needs(Right::ChangeSettings)),
    row("GET", "/api/v1/settings/revisions/{revision}", Access::Needs(Right::ReadSettings)),
    row("POST", "/api/v1/settings/rollback", Access::Needs(Right::ChangeSettings)),
    row("POST", "/api/v1/test-message", Access::Needs(Right::SendTestMessage)),
    row("GET", "/api/v1/silences", Access::Needs(Right::ReadSilences)),
    row("POST", "/api/v1/silences", Access::Needs(Right::ManageSilences)),
    row("POST", "/api/v1/silences/preview", Access::Needs(Right::ReadSilences)),
    row("GET", "/api/v1/silences/{id}", Access::Needs(Right::ReadSilences)),
    row("PATCH", "/api/v1/silences/{id}", Access::Needs(Right::ManageSilences)),
    row("POST", "/api/v1/silences/{id}/end", Access::Needs(Right::ManageSilences)),
    row("GET", "/api/v1/certificates", Access::Needs(Right::ManageCertificates)),
    row("POST", "/api/v1/certificates", Access::Needs(Right::ManageCertificates)),
    row("GET", "/api/v1/certificates/{id}", Access::Needs(Right::ManageCertificates)),
    row("PUT", "/api/v1/certificates/{id}", Access::Needs(Right::ManageCertificates)),
    row("DELETE", "/api/v1/certificates/{id}", Access::Needs(Right::ManageCertificates)),
    row("GET", "/api/v1/certificates/{id}/pem", Access::Needs(Right::ManageCertificates)),
    row("POST", "/api/v1/certificates/{id}/key", Access::Needs(Right::ManageCertificates)),
    row("GET", "/api/v1/tokens", Access::Needs(Right::ManageTokens)),
    row("POST", "/api/v1/tokens", Access::Needs(Right::ManageTokens)),
    row("DELETE", "/api/v1/tokens/{id}", Access::Needs(Right::ManageTokens)),
    row("GET", "/api/v1/audit", Access::Needs(Right::ReadAudit)),
    row("GET", "/api/v1/audit/export", Access::Needs(Right::ReadAudit)),
    row("GET", "/api/v1/status", Access::Needs(Right::ReadStatus)),
    row("GET", "/api/v1/statistics", Access::Needs(Right::ReadStatus)),
    row("GET", "/api/v1/system", Access::Needs(Right::ReadStatus)),
    row("GET", "/api/v1/backups", Access::Needs(Right::ManageBackups)),
    row("POST", "/api/v1/backups", Access::Needs(Right::ManageBackups)),
    row("DELETE", "/api/v1/backups/{name}", Access::Needs(Right::ManageBackups)),
    row("GET", "/api/v1/openapi.json", Access::Open),
    row("GET", "/metrics", Access::OpenOnLoopback(Right::ReadStatus)),
    row("GET", "/-/healthy", Access::Open),
    row("GET", "/-/ready", Access::Open),
];

/// The operation behind method and path, or why there is none.
///
/// # Errors
/// The methods that the path has, when it has others.
pub fn operation(method: &str, path: &str) -> Result<&'static Operation, ApiError> {
    // A HEAD is a GET whose body is left out.
    let method = if method == "HEAD" { "GET" } else { method };
    let here = || OPERATIONS.iter().filter(|row| row.path == path);
    here().find(|row| row.method == method).ok_or_else(|| {
        let methods: Vec<&str> = here().map(|row| row.method).collect();
        if methods.is_empty() {
            ApiError::not_found("There is nothing at this path.")
        } else {
            ApiError::method_not_allowed(&methods.join(", "))
        }
    })
}

/// Where a request came from, and who it is known to be by that alone.
#[derive(Debug, Clone)]
pub enum Peer {
    /// A TCP connection.
    Network {
        /// Whether it came over loopback.
        is_loopback: bool,
    },
    /// The Unix socket: identity by peer credentials.
    Local(Arc<Identity>),
}

/// Lets a request in, with the identity of its caller when it needs one.
///
/// # Errors
/// 401 without a token in force, 403 when its role lacks the right.
pub fn authorize(
    shared: &Shared,
    peer: &Peer,
    headers: &HeaderMap,
    access: Access,
) -> Result<Option<Arc<Identity>>, ApiError> {
    let right = match (access, peer) {
        (Access::Open, _) | (Access::OpenOnLoopback(_), Peer::Network { is_loopback: true }) => {
            return Ok(None);
        }
        (Access::OpenOnLoopback(right) | Access::Needs(right), _) => right,
    };
    let identity = match peer {
        Peer::Local(identity) => Arc::clone(identity),
        Peer::Network { .. } => {
            let bearer = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
            let now = shared.clock.now();
            bearer
                .and_then(|bearer| shared.tokens.authenticate(bearer, now))
                .ok_or_else(|| ApiError::unauthenticated(bearer.is_some()))?
        }
    };
    if may(identity.role, right) {
        Ok(Some(identity))
    } else {
        let (role, words) = (identity.role.as_str(), right.words());
        Err(ApiError::forbidden(format!("The role {role} may not {words}.")))
    }
}

/// The token of an `Authorization` header.
fn bearer(value: &[u8]) -> Option<&str> {
    let (scheme, token) = value.split_at_checked(7)?;
    let token = std::str::from_utf8(token).ok()?.trim();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
