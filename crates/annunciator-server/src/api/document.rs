//! The routes and the OpenAPI document, from one list.
//!
//! Out: the router with every operation; the document as JSON text.
//! Standard: OpenAPI 3.1.

use std::sync::Arc;

use annunciator_api_types::{Problem, Role};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as Document};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rights::{Access, OPERATIONS, may};
use super::{
    audit, certificates, deliveries, events, explain, export, health, incidents, mappings, nodes,
    notifications, overrides, policies, roles, saved_views, sessions, settings, settings_code,
    sign_in, silences, statistics, status, subscriptions, system, test_message, tokens, users,
};
use crate::shared::Shared;

/// What every operation may answer instead.
#[derive(IntoResponses)]
pub(super) enum Problems {
    /// A problem (RFC 9457).
    #[response(status = "default", content_type = "application/problem+json")]
    #[expect(dead_code, reason = "describes the answer, is never made")]
    Problem(Problem),
}

/// The head of the document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Annunciator",
        description = "Event notification server: hand in events, read the ledger, change settings.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "events", description = "Events and event types"),
        (name = "incidents", description = "Incidents of detectors, their statuses and groups"),
        (name = "ledger", description = "Notifications, deliveries, attempts"),
        (name = "settings", description = "Settings, templates, test message"),
        (name = "overrides", description = "Event configuration, policies, application settings, device groups"),
        (name = "silences", description = "Time-bounded mutes"),
        (name = "certificates", description = "Certificate objects: authorities, client certificates, signing keys"),
        (name = "tokens", description = "API tokens"),
        (name = "session", description = "Signing in and out, one's own preferences, sessions and views"),
        (name = "users", description = "Users and roles"),
        (name = "server", description = "State of the server")
    ),
    components(schemas(Problem)),
    security(("bearer" = []), ("session" = [])),
    modifiers(&Ways)
)]
struct Head;

/// Names the ways of authentication.
struct Ways;

impl Modify for Ways {
    fn modify(&self, document: &mut Document) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API token, `ann_…`. Needed on loopback too."));
        let session = ApiKeyValue::with_description(
            "annunciator_session",
            "A user's session; over TLS `__Host-annunciator_session`. Requests that change \
             something need an `Origin` equal to `Host`, or `Sec-Fetch-Site: same-origin`.",
        );
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        let session = SecurityScheme::ApiKey(ApiKey::Cookie(session));
        components.add_security_scheme("session", session);
    }
}

/// Every operation. A new one is a line here and a row in [`OPERATIONS`].
pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(events::list_events, events::submit_events))
        .routes(routes!(events::show_event))
        .routes(routes!(export::export_events))
        .routes(routes!(events::list_event_types))
        .merge(watched())
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(export::export_deliveries))
        .routes(routes!(deliveries::retry_deliveries))
        .routes(routes!(deliveries::cancel_deliveries))
        .routes(routes!(deliveries::show_delivery))
        .routes(routes!(deliveries::resend_delivery))
        .routes(routes!(notifications::show_notification))
        .routes(routes!(notifications::show_message))
        .routes(routes!(settings::show_settings, settings::change_settings))
        .routes(routes!(settings::show_definitions))
        .routes(routes!(settings::list_presets))
        .routes(routes!(settings::list_templates))
        .routes(routes!(settings::list_history))
        .routes(routes!(settings::preview_templates))
        .routes(routes!(overrides::list_overrides, overrides::change_overrides))
        .routes(routes!(overrides::list_application_settings))
        .routes(routes!(overrides::delete_application_settings))
        .routes(routes!(overrides::show_effective))
        .routes(routes!(explain::explain_event))
        .routes(routes!(explain::replay_events))
        .routes(routes!(policies::list_policies))
        .routes(routes!(policies::show_policy, policies::put_policy, policies::delete_policy))
        .routes(routes!(policies::list_groups, policies::add_group))
        .routes(routes!(policies::delete_group))
        .routes(routes!(settings_code::export_document, settings_code::apply_document))
        .routes(routes!(settings_code::show_revision))
        .routes(routes!(settings_code::roll_back))
        .routes(routes!(test_message::send_test_message))
        .routes(routes!(silences::list_silences, silences::create_silence))
        .routes(routes!(silences::preview_silence))
        .routes(routes!(silences::show_silence, silences::change_silence))
        .routes(routes!(silences::end_silence))
        .routes(routes!(certificates::list_certificates, certificates::upload_certificate))
        .routes(routes!(
            certificates::show_certificate,
            certificates::replace_certificate,
            certificates::delete_certificate
        ))
        .routes(routes!(certificates::download_certificate))
        .routes(routes!(certificates::download_certificate_file))
        .routes(routes!(certificates::download_key))
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::delete_token))
        .merge(people())
        .routes(routes!(audit::list_audit))
        .routes(routes!(export::export_audit))
        .routes(routes!(status::show_status))
        .routes(routes!(statistics::show_statistics))
        .routes(routes!(system::show_system))
        .routes(routes!(nodes::list_nodes))
        .routes(routes!(nodes::drain_node, nodes::undrain_node))
        .routes(routes!(system::list_backups, system::create_backup))
        .routes(routes!(system::delete_backup))
        .routes(routes!(health::show_openapi))
        .routes(routes!(health::show_metrics))
        .routes(routes!(health::show_healthy))
        .routes(routes!(health::show_ready))
}

/// Incidents and subscriptions to them.
fn watched() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(incidents::list_incidents, incidents::submit_incidents))
        .routes(routes!(incidents::submit_mapped_incidents))
        .routes(routes!(mappings::preview_mapping))
        .routes(routes!(export::export_incidents))
        .routes(routes!(incidents::show_incident))
        .routes(routes!(incidents::change_incident_status))
        .routes(routes!(incidents::list_incident_groups))
        .routes(routes!(subscriptions::preview_audience))
        .routes(routes!(subscriptions::list_subscriptions))
        .routes(routes!(
            subscriptions::show_subscription,
            subscriptions::put_subscription,
            subscriptions::delete_subscription
        ))
        .routes(routes!(subscriptions::pause_subscription))
}

/// Users, roles, sessions and what is theirs.
fn people() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::show_setup, sign_in::set_up))
        .routes(routes!(
            sign_in::sign_in,
            sessions::show_session,
            sessions::change_preferences,
            sessions::sign_out
        ))
        .routes(routes!(sign_in::use_key))
        .routes(routes!(sign_in::change_password))
        .routes(routes!(sessions::list_sessions, sessions::end_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(users::show_user, users::change_user, users::delete_user))
        .routes(routes!(users::give_key))
        .routes(routes!(users::set_password))
        .routes(routes!(users::sign_out_user))
        .routes(routes!(roles::list_roles))
        .routes(routes!(roles::put_role, roles::delete_role))
        .routes(routes!(saved_views::list_views))
        .routes(routes!(saved_views::put_view, saved_views::delete_view))
}

/// The OpenAPI document as JSON: the same text every time, with a line break at its end.
#[must_use]
pub fn openapi_json() -> String {
    let mut document = routes().to_openapi();
    for row in OPERATIONS {
        let path = document.paths.paths.get_mut(row.path);
        if let Some(operation) = path.and_then(|item| operation_of(item, row.method)) {
            let text = operation.description.get_or_insert_default();
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&who(row.access));
        }
    }
    let mut json =
        document.to_pretty_json().expect("the document has no map with other keys than texts");
    json.push('\n');
    json
}

fn operation_of<'a>(item: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

/// Who may call an operation, in words.
fn who(access: Access) -> String {
    match access {
        Access::Open => "Open to everybody.".to_owned(),
        Access::Anybody => "Every user and token.".to_owned(),
        Access::User => "Users who have signed in.".to_owned(),
        Access::OpenOnLoopback(right) | Access::Needs(right) => {
            let roles = Role::ALL.into_iter().filter(|role| may(*role, right));
            let names: Vec<&str> = roles.map(Role::as_str).collect();
            format!("Roles: {}; and roles with `{}`.", names.join(", "), right.as_str())
        }
    }
}
