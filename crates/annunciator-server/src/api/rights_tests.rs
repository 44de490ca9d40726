//! Every operation × every role.

use std::collections::HashSet;

use annunciator_api_types::Role;

use super::*;
use crate::roles::Rights;

/// Which callers an operation has: nobody in particular, or administrator, operator, viewer, ingest;
/// and whether it is for users alone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Callers {
    All,
    Of([bool; 4]),
    Anybody,
    Users,
}

fn callers(operation: &Operation) -> Callers {
    match operation.access {
        Access::Open => Callers::All,
        Access::Anybody => Callers::Anybody,
        Access::User => Callers::Users,
        Access::OpenOnLoopback(right) | Access::Needs(right) => {
            Callers::Of(Role::ALL.map(|role| may(role, right)))
        }
    }
}

const ADMINISTRATOR: Callers = Callers::Of([true, false, false, false]);
const OPERATOR: Callers = Callers::Of([true, true, false, false]);
const VIEWER: Callers = Callers::Of([true, true, true, false]);
const INGEST: Callers = Callers::Of([true, false, false, true]);

/// Who may call what.
const EXPECTED: &[(&str, Callers)] = &[
    ("POST /api/v1/events", INGEST),
    ("GET /api/v1/events", VIEWER),
    ("GET /api/v1/events/export", VIEWER),
    ("GET /api/v1/events/{id}", VIEWER),
    ("GET /api/v1/event-types", VIEWER),
    ("POST /api/v1/incidents", INGEST),
    ("GET /api/v1/incidents", VIEWER),
    ("POST /api/v1/incidents/mapped/{name}", INGEST),
    ("GET /api/v1/incidents/export", VIEWER),
    ("POST /api/v1/incidents/mapping-preview", ADMINISTRATOR),
    ("GET /api/v1/incidents/{id}", VIEWER),
    ("POST /api/v1/incidents/{id}/status", OPERATOR),
    ("GET /api/v1/incident-groups", VIEWER),
    ("POST /api/v1/incidents/audience", OPERATOR),
    ("GET /api/v1/subscriptions", VIEWER),
    ("GET /api/v1/subscriptions/{name}", VIEWER),
    ("PUT /api/v1/subscriptions/{name}", ADMINISTRATOR),
    ("DELETE /api/v1/subscriptions/{name}", ADMINISTRATOR),
    ("PATCH /api/v1/subscriptions/{name}/pause", OPERATOR),
    ("GET /api/v1/deliveries", VIEWER),
    ("POST /api/v1/deliveries/retry", OPERATOR),
    ("POST /api/v1/deliveries/cancel", OPERATOR),
    ("GET /api/v1/deliveries/export", VIEWER),
    ("GET /api/v1/deliveries/{id}", VIEWER),
    ("POST /api/v1/deliveries/{id}/resend", OPERATOR),
    ("GET /api/v1/notifications/{id}", VIEWER),
    ("GET /api/v1/notifications/{id}/message", VIEWER),
    ("GET /api/v1/settings", ADMINISTRATOR),
    ("PATCH /api/v1/settings", ADMINISTRATOR),
    ("GET /api/v1/settings/definitions", ADMINISTRATOR),
    ("GET /api/v1/settings/presets", ADMINISTRATOR),
    ("GET /api/v1/settings/templates", ADMINISTRATOR),
    ("GET /api/v1/settings/history", ADMINISTRATOR),
    ("POST /api/v1/settings/preview", ADMINISTRATOR),
    ("GET /api/v1/overrides", ADMINISTRATOR),
    ("PATCH /api/v1/overrides", ADMINISTRATOR),
    ("GET /api/v1/application-settings", ADMINISTRATOR),
    ("DELETE /api/v1/application-settings/{application}/{device}", ADMINISTRATOR),
    ("POST /api/v1/effective", ADMINISTRATOR),
    ("GET /api/v1/policies", ADMINISTRATOR),
    ("GET /api/v1/policies/{name}", ADMINISTRATOR),
    ("PUT /api/v1/policies/{name}", ADMINISTRATOR),
    ("DELETE /api/v1/policies/{name}", ADMINISTRATOR),
    ("GET /api/v1/device-groups", ADMINISTRATOR),
    ("POST /api/v1/device-groups", ADMINISTRATOR),
    ("DELETE /api/v1/device-groups/{path}", ADMINISTRATOR),
    ("POST /api/v1/explain", OPERATOR),
    ("POST /api/v1/replay", ADMINISTRATOR),
    ("GET /api/v1/settings/document", ADMINISTRATOR),
    ("PUT /api/v1/settings/document", ADMINISTRATOR),
    ("GET /api/v1/settings/revisions/{revision}", ADMINISTRATOR),
    ("POST /api/v1/settings/rollback", ADMINISTRATOR),
    ("POST /api/v1/test-message", ADMINISTRATOR),
    ("GET /api/v1/silences", VIEWER),
    ("POST /api/v1/silences", OPERATOR),
    ("POST /api/v1/silences/preview", VIEWER),
    ("GET /api/v1/silences/{id}", VIEWER),
    ("PATCH /api/v1/silences/{id}", OPERATOR),
    ("POST /api/v1/silences/{id}/end", OPERATOR),
    ("GET /api/v1/certificates", ADMINISTRATOR),
    ("POST /api/v1/certificates", ADMINISTRATOR),
    ("GET /api/v1/certificates/{id}", ADMINISTRATOR),
    ("PUT /api/v1/certificates/{id}", ADMINISTRATOR),
    ("DELETE /api/v1/certificates/{id}", ADMINISTRATOR),
    ("GET /api/v1/certificates/{id}/pem", ADMINISTRATOR),
    ("GET /api/v1/certificates/{id}/file", ADMINISTRATOR),
    ("POST /api/v1/certificates/{id}/key", ADMINISTRATOR),
    ("GET /api/v1/tokens", ADMINISTRATOR),
    ("POST /api/v1/tokens", ADMINISTRATOR),
    ("DELETE /api/v1/tokens/{id}", ADMINISTRATOR),
    ("GET /api/v1/setup", Callers::All),
    ("POST /api/v1/setup", Callers::All),
    ("POST /api/v1/session", Callers::All),
    ("GET /api/v1/session", Callers::Anybody),
    ("PATCH /api/v1/session", Callers::Users),
    ("DELETE /api/v1/session", Callers::Users),
    ("POST /api/v1/session/key", Callers::All),
    ("POST /api/v1/session/password", Callers::Users),
    ("GET /api/v1/sessions", Callers::Users),
    ("DELETE /api/v1/sessions", Callers::Users),
    ("DELETE /api/v1/sessions/{id}", Callers::Users),
    ("GET /api/v1/users", ADMINISTRATOR),
    ("POST /api/v1/users", ADMINISTRATOR),
    ("GET /api/v1/users/{name}", ADMINISTRATOR),
    ("PATCH /api/v1/users/{name}", ADMINISTRATOR),
    ("DELETE /api/v1/users/{name}", ADMINISTRATOR),
    ("POST /api/v1/users/{name}/key", ADMINISTRATOR),
    ("POST /api/v1/users/{name}/password", ADMINISTRATOR),
    ("POST /api/v1/users/{name}/sign-out", ADMINISTRATOR),
    ("GET /api/v1/roles", ADMINISTRATOR),
    ("PUT /api/v1/roles/{name}", ADMINISTRATOR),
    ("DELETE /api/v1/roles/{name}", ADMINISTRATOR),
    ("GET /api/v1/views", Callers::Users),
    ("PUT /api/v1/views/{page}/{name}", Callers::Users),
    ("DELETE /api/v1/views/{page}/{name}", Callers::Users),
    ("GET /api/v1/audit", ADMINISTRATOR),
    ("GET /api/v1/audit/export", ADMINISTRATOR),
    ("GET /api/v1/status", VIEWER),
    ("GET /api/v1/statistics", VIEWER),
    ("GET /api/v1/system", VIEWER),
    ("GET /api/v1/nodes", VIEWER),
    ("POST /api/v1/nodes/{id}/drain", ADMINISTRATOR),
    ("DELETE /api/v1/nodes/{id}/drain", ADMINISTRATOR),
    ("GET /api/v1/backups", ADMINISTRATOR),
    ("POST /api/v1/backups", ADMINISTRATOR),
    ("DELETE /api/v1/backups/{name}", ADMINISTRATOR),
    ("GET /api/v1/openapi.json", Callers::All),
    ("GET /metrics", VIEWER),
    ("GET /-/healthy", Callers::All),
    ("GET /-/ready", Callers::All),
];

#[test]
fn every_operation_is_for_the_roles_of_this_table() {
    let found = OPERATIONS.map(|row| (format!("{} {}", row.method, row.path), callers(&row)));
    let found = found.each_ref().map(|(name, callers)| (name.as_str(), *callers));
    assert_eq!(found, EXPECTED);
}

/// What a role with this right alone may call, beyond what is open or for everybody who is known.
const BY_RIGHT: &[(Right, &[&str])] = &[
    (
        Right::SubmitEvents,
        &["POST /api/v1/events", "POST /api/v1/incidents", "POST /api/v1/incidents/mapped/{name}"],
    ),
    (
        Right::ReadEvents,
        &[
            "GET /api/v1/events",
            "GET /api/v1/events/export",
            "GET /api/v1/events/{id}",
            "GET /api/v1/event-types",
            "GET /api/v1/incidents",
            "GET /api/v1/incidents/export",
            "GET /api/v1/incidents/{id}",
            "GET /api/v1/incident-groups",
        ],
    ),
    (
        Right::ReadLedger,
        &[
            "GET /api/v1/deliveries",
            "GET /api/v1/deliveries/export",
            "GET /api/v1/deliveries/{id}",
            "GET /api/v1/notifications/{id}",
            "GET /api/v1/notifications/{id}/message",
        ],
    ),
    (
        Right::OperateDeliveries,
        &[
            "POST /api/v1/deliveries/retry",
            "POST /api/v1/deliveries/cancel",
            "POST /api/v1/deliveries/{id}/resend",
        ],
    ),
    (
        Right::ReadStatus,
        &[
            "GET /api/v1/status",
            "GET /api/v1/statistics",
            "GET /api/v1/system",
            "GET /api/v1/nodes",
            "GET /metrics",
        ],
    ),
    (
        Right::ReadSettings,
        &[
            "POST /api/v1/incidents/mapping-preview",
            "GET /api/v1/settings",
            "GET /api/v1/settings/definitions",
            "GET /api/v1/settings/presets",
            "GET /api/v1/settings/templates",
            "GET /api/v1/settings/history",
            "POST /api/v1/settings/preview",
            "GET /api/v1/overrides",
            "GET /api/v1/application-settings",
            "POST /api/v1/effective",
            "GET /api/v1/policies",
            "GET /api/v1/policies/{name}",
            "GET /api/v1/device-groups",
            "POST /api/v1/replay",
            "GET /api/v1/settings/document",
            "GET /api/v1/settings/revisions/{revision}",
        ],
    ),
    (Right::Explain, &["POST /api/v1/incidents/audience", "POST /api/v1/explain"]),
    (
        Right::ChangeSettings,
        &[
            "PUT /api/v1/subscriptions/{name}",
            "DELETE /api/v1/subscriptions/{name}",
            "PATCH /api/v1/settings",
            "PATCH /api/v1/overrides",
            "DELETE /api/v1/application-settings/{application}/{device}",
            "PUT /api/v1/policies/{name}",
            "DELETE /api/v1/policies/{name}",
            "POST /api/v1/device-groups",
            "DELETE /api/v1/device-groups/{path}",
            "PUT /api/v1/settings/document",
            "POST /api/v1/settings/rollback",
        ],
    ),
    (Right::SendTestMessage, &["POST /api/v1/test-message"]),
    (
        Right::ReadSilences,
        &["GET /api/v1/silences", "POST /api/v1/silences/preview", "GET /api/v1/silences/{id}"],
    ),
    (
        Right::ManageSilences,
        &["POST /api/v1/silences", "PATCH /api/v1/silences/{id}", "POST /api/v1/silences/{id}/end"],
    ),
    (
        Right::ManageCertificates,
        &[
            "GET /api/v1/certificates",
            "POST /api/v1/certificates",
            "GET /api/v1/certificates/{id}",
            "PUT /api/v1/certificates/{id}",
            "DELETE /api/v1/certificates/{id}",
            "GET /api/v1/certificates/{id}/pem",
            "GET /api/v1/certificates/{id}/file",
            "POST /api/v1/certificates/{id}/key",
        ],
    ),
    (
        Right::ManageTokens,
        &["GET /api/v1/tokens", "POST /api/v1/tokens", "DELETE /api/v1/tokens/{id}"],
    ),
    (
        Right::ManageUsers,
        &[
            "GET /api/v1/users",
            "POST /api/v1/users",
            "GET /api/v1/users/{name}",
            "PATCH /api/v1/users/{name}",
            "DELETE /api/v1/users/{name}",
            "POST /api/v1/users/{name}/key",
            "POST /api/v1/users/{name}/password",
            "POST /api/v1/users/{name}/sign-out",
            "GET /api/v1/roles",
            "PUT /api/v1/roles/{name}",
            "DELETE /api/v1/roles/{name}",
        ],
    ),
    (Right::ReadAudit, &["GET /api/v1/audit", "GET /api/v1/audit/export"]),
    (
        Right::ManageBackups,
        &["GET /api/v1/backups", "POST /api/v1/backups", "DELETE /api/v1/backups/{name}"],
    ),
    (Right::ChangeIncidents, &["POST /api/v1/incidents/{id}/status"]),
    (Right::ReadSubscriptions, &["GET /api/v1/subscriptions", "GET /api/v1/subscriptions/{name}"]),
    (Right::PauseSubscriptions, &["PATCH /api/v1/subscriptions/{name}/pause"]),
    (Right::ManageNodes, &["POST /api/v1/nodes/{id}/drain", "DELETE /api/v1/nodes/{id}/drain"]),
];

#[test]
fn a_role_with_one_right_may_call_the_operations_of_this_table_alone() {
    let rights: Vec<Right> = BY_RIGHT.iter().map(|(right, _)| *right).collect();
    assert_eq!(rights, Right::ALL);
    for (right, expected) in BY_RIGHT {
        let role = Rights::of([*right]);
        let calls = OPERATIONS.iter().filter(|row| match row.access {
            Access::Open | Access::Anybody | Access::User => false,
            Access::OpenOnLoopback(needed) | Access::Needs(needed) => role.have(needed),
        });
        let calls: Vec<String> = calls.map(|row| format!("{} {}", row.method, row.path)).collect();
        assert_eq!(calls, *expected, "{right:?}");
    }
}

#[test]
fn every_right_is_needed_somewhere_and_has_words() {
    let needed: HashSet<Right> = OPERATIONS
        .iter()
        .filter_map(|row| match row.access {
            Access::Open | Access::Anybody | Access::User => None,
            Access::OpenOnLoopback(right) | Access::Needs(right) => Some(right),
        })
        .collect();
    for right in Right::ALL.iter().copied() {
        assert!(needed.contains(&right), "{right:?} is needed nowhere");
        assert!(may(Role::Administrator, right), "{right:?}");
        assert!(!right.words().is_empty());
    }
}

#[test]
fn an_operation_is_found_or_told_why_not() {
    let check = |method: &str, path: &str, expected: Result<&str, u16>| {
        let found = operation(method, path).map(|row| row.method);
        assert_eq!(found.map_err(|error| error.problem().status), expected, "{method} {path}");
    };
    check("GET", "/api/v1/status", Ok("GET"));
    check("HEAD", "/api/v1/status", Ok("GET"));
    check("POST", "/api/v1/status", Err(405));
    check("PUT", "/api/v1/events", Err(405));
    check("GET", "/api/v1/nothing", Err(404));
}

#[test]
fn a_bearer_token_is_read_from_its_header() {
    for (value, expected) in [
        ("Bearer abc", Some("abc")),
        ("bearer abc", Some("abc")),
        ("BEARER  abc ", Some("abc")),
        ("Bearer ", None),
        ("Bearer", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
    ] {
        assert_eq!(bearer(value.as_bytes()), expected, "{value:?}");
    }
    assert_eq!(bearer(b"Bearer \xff"), None);
}
