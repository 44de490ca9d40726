//! Who may do what: the one table of operations, and who somebody is.
//!
//! In: method, path and headers of a request, and where it came from. Out: let in, or the refusal.
//! Knows nothing of: what the operations do, which role has which right (see `roles.rs`).
//! Standard: RFC 6750 (bearer tokens), RFC 6265 (cookies).
//!
//! An operation that is not in [`OPERATIONS`] cannot be called: a route without a row is refused.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method};

use super::cookies::{self, Carriage};
use super::error::ApiError;
use super::origin;
use crate::identity::{Credential, Identity};
pub use crate::roles::{Right, built_in, may};
use crate::shared::Shared;

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Open,
    /// Nothing on loopback; this right from elsewhere.
    OpenOnLoopback(Right),
    /// This right.
    Needs(Right),
    /// To be somebody, whoever it is.
    Anybody,
    /// To be a user who has signed in.
    User,
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
pub const OPERATIONS: [Operation; 110] = [
    row("POST", "/api/v1/events", SUBMIT_EVENTS),
    row("GET", "/api/v1/events", Access::Needs(Right::ReadEvents)),
    row("GET", "/api/v1/events/export", Access::Needs(Right::ReadEvents)),
    row("GET", "/api/v1/events/{id}", Access::Needs(Right::ReadEvents)),
    row("GET", "/api/v1/event-types", Access::Needs(Right::ReadEvents)),
    row("POST", "/api/v1/incidents", SUBMIT_EVENTS),
    row("GET", "/api/v1/incidents", Access::Needs(Right::ReadEvents)),
    row("POST", "/api/v1/incidents/mapped/{name}", SUBMIT_EVENTS),
    row("GET", "/api/v1/incidents/export", Access::Needs(Right::ReadEvents)),
    row("POST", "/api/v1/incidents/mapping-preview", Access::Needs(Right::ReadSettings)),
    row("GET", "/api/v1/incidents/{id}", Access::Needs(Right::ReadEvents)),
    row("POST", "/api/v1/incidents/{id}/status", Access::Needs(Right::ChangeIncidents)),
    row("GET", "/api/v1/incident-groups", Access::Needs(Right::ReadEvents)),
    row("POST", "/api/v1/incidents/audience", Access::Needs(Right::Explain)),
    row("GET", "/api/v1/subscriptions", Access::Needs(Right::ReadSubscriptions)),
    row("GET", "/api/v1/subscriptions/{name}", Access::Needs(Right::ReadSubscriptions)),
    row("PUT", "/api/v1/subscriptions/{name}", Access::Needs(Right::ChangeSettings)),
    row("DELETE", "/api/v1/subscriptions/{name}", Access::Needs(Right::ChangeSettings)),
    row("PATCH", "/api/v1/subscriptions/{name}/pause", Access::Needs(Right::PauseSubscriptions)),
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
    row("GET", "/api/v1/certificates/{id}/file", Access::Needs(Right::ManageCertificates)),
    row("POST", "/api/v1/certificates/{id}/key", Access::Needs(Right::ManageCertificates)),
    row("GET", "/api/v1/tokens", Access::Needs(Right::ManageTokens)),
    row("POST", "/api/v1/tokens", Access::Needs(Right::ManageTokens)),
    row("DELETE", "/api/v1/tokens/{id}", Access::Needs(Right::ManageTokens)),
    row("GET", "/api/v1/setup", Access::Open),
    row("POST", "/api/v1/setup", Access::Open),
    row("POST", "/api/v1/session", Access::Open),
    row("GET", "/api/v1/session", Access::Anybody),
    row("PATCH", "/api/v1/session", Access::User),
    row("DELETE", "/api/v1/session", Access::User),
    row("POST", "/api/v1/session/key", Access::Open),
    row("POST", "/api/v1/session/password", Access::User),
    row("GET", "/api/v1/sessions", Access::User),
    row("DELETE", "/api/v1/sessions", Access::User),
    row("DELETE", "/api/v1/sessions/{id}", Access::User),
    row("GET", "/api/v1/users", Access::Needs(Right::ManageUsers)),
    row("POST", "/api/v1/users", Access::Needs(Right::ManageUsers)),
    row("GET", "/api/v1/users/{name}", Access::Needs(Right::ManageUsers)),
    row("PATCH", "/api/v1/users/{name}", Access::Needs(Right::ManageUsers)),
    row("DELETE", "/api/v1/users/{name}", Access::Needs(Right::ManageUsers)),
    row("POST", "/api/v1/users/{name}/key", Access::Needs(Right::ManageUsers)),
    row("POST", "/api/v1/users/{name}/password", Access::Needs(Right::ManageUsers)),
    row("POST", "/api/v1/users/{name}/sign-out", Access::Needs(Right::ManageUsers)),
    row("GET", "/api/v1/roles", Access::Needs(Right::ManageUsers)),
    row("PUT", "/api/v1/roles/{name}", Access::Needs(Right::ManageUsers)),
    row("DELETE", "/api/v1/roles/{name}", Access::Needs(Right::ManageUsers)),
    row("GET", "/api/v1/views", Access::User),
    row("PUT", "/api/v1/views/{page}/{name}", Access::User),
    row("DELETE", "/api/v1/views/{page}/{name}", Access::User),
    row("GET", "/api/v1/audit", Access::Needs(Right::ReadAudit)),
    row("GET", "/api/v1/audit/export", Access::Needs(Right::ReadAudit)),
    row("GET", "/api/v1/status", Access::Needs(Right::ReadStatus)),
    row("GET", "/api/v1/statistics", Access::Needs(Right::ReadStatus)),
    row("GET", "/api/v1/system", Access::Needs(Right::ReadStatus)),
    row("GET", "/api/v1/nodes", Access::Needs(Right::ReadStatus)),
    row("POST", "/api/v1/nodes/{id}/drain", Access::Needs(Right::ManageNodes)),
    row("DELETE", "/api/v1/nodes/{id}/drain", Access::Needs(Right::ManageNodes)),
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
        /// Its other end.
        address: IpAddr,
        /// Whether it came over loopback.
        is_loopback: bool,
        /// Whether it is encrypted.
        is_tls: bool,
    },
    /// The Unix socket: identity by peer credentials.
    Local(Arc<Identity>),
}

impl Peer {
    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Network { is_tls: true, .. })
    }

    /// Whether it came over loopback.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        matches!(self, Self::Network { is_loopback: true, .. })
    }

    /// The other end; none over the Unix socket.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Network { address, .. } => Some(*address),
            Self::Local(_) => None,
        }
    }
}

/// Lets a request in, with the identity of its caller when it needs one.
///
/// # Errors
/// 401 without a token or session in force, 403 when its role lacks the right, or when a browser
/// was led here by another site.
pub async fn authorize(
    shared: &Shared,
    peer: &Peer,
    method: &Method,
    headers: &HeaderMap,
    access: Access,
) -> Result<Option<Arc<Identity>>, ApiError> {
    match (access, peer) {
        (Access::Open, Peer::Network { .. }) => {
            // Nobody is signed in, or made administrator, by another site.
            origin::check_if_said(method, headers, Carriage::of(headers, peer).is_encrypted())?;
            return Ok(None);
        }
        (Access::Open, Peer::Local(_))
        | (Access::OpenOnLoopback(_), Peer::Network { is_loopback: true, .. }) => return Ok(None),
        _ => {}
    }
    let identity = identify(shared, peer, method, headers).await?;
    let right = match access {
        Access::Open | Access::Anybody => return Ok(Some(identity)),
        Access::User if matches!(identity.credential, Credential::Session { .. }) => {
            return Ok(Some(identity));
        }
        Access::User => {
            let words = "This is about a user: sign in with a user name and a password.";
            return Err(ApiError::forbidden(words));
        }
        Access::OpenOnLoopback(right) | Access::Needs(right) => right,
    };
    if shared.roles.rights_of(&identity.role).have(right) {
        Ok(Some(identity))
    } else {
        Err(lacks(&identity, right))
    }
}

/// The refusal for whose role lacks a right.
pub(super) fn lacks(identity: &Identity, right: Right) -> ApiError {
    let (role, words) = (&identity.role, right.words());
    ApiError::forbidden(format!("The role {role} may not {words}."))
}

/// Who asks: the owner's socket goes first, then a token, then a session.
async fn identify(
    shared: &Shared,
    peer: &Peer,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Arc<Identity>, ApiError> {
    if let Peer::Local(identity) = peer {
        return Ok(Arc::clone(identity));
    }
    let now = shared.clock.now();
    if let Some(bearer) = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes())) {
        let found = shared.tokens.authenticate(bearer, now);
        return found.ok_or_else(|| ApiError::unauthenticated(true));
    }
    let carriage = Carriage::of(headers, peer);
    let cookie = cookies::session(headers, carriage);
    let cookie = cookie.ok_or_else(|| ApiError::unauthenticated(false))?;
    // Browsers send cookies by themselves, whoever made them send the request.
    origin::check(method, headers, carriage.is_encrypted())?;
    let found = shared.sessions.find(shared.store.as_ref(), &cookie, now).await?;
    let (session, user) = found.ok_or_else(ApiError::session_ended)?;
    Ok(Arc::new(Identity::of_user(&user.name, &user.role, session.sha256)))
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
