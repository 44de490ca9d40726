//! Subscriptions to incidents: list, show, save, delete, pause, who would be told.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::sync::Arc;

use annunciator_api_types::{
    AudienceRequest, AudienceView, PauseRequest, SettingsSaved, SubscriptionList,
    SubscriptionSaved, SubscriptionView,
};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::query::{Conversion, Params};
use super::rights::Right;
use super::{Answer, Caller};
use crate::admin::subscriptions::{self, Asker};
use crate::intake::json::Document;
use crate::shared::Shared;

/// Settings of a subscription.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct SubscriptionDocument(Map<String, Value>);

impl Document for SubscriptionDocument {
    fn fields(_path: &[&str]) -> &'static [&'static str] {
        &[]
    }
}

impl Document for PauseRequest {
    const REQUIRED: &'static [&'static str] = &["paused"];
    fn fields(path: &[&str]) -> &'static [&'static str] {
        if path.is_empty() { &["paused", "user"] } else { &[] }
    }
}

impl Document for AudienceRequest {
    fn fields(path: &[&str]) -> &'static [&'static str] {
        match path {
            [] => &["incident_id", "detector", "incident", "draft", "draft_of"],
            ["incident", rest @ ..] => annunciator_api_types::IncidentInput::fields(rest),
            _ => &[],
        }
    }
}

/// Which revision is changed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RevisionParams {
    /// Refuse when the settings have another revision by now.
    expected_revision: Option<String>,
}

impl RevisionParams {
    fn read(&self) -> Result<Option<i64>, ApiError> {
        let mut conversion = Conversion::default();
        let text = self.expected_revision.as_ref();
        let revision =
            conversion.value("expected_revision", text, "must be a whole number", |text| {
                text.parse().ok()
            });
        conversion.finish()?;
        Ok(revision)
    }
}

fn asker<'a>(shared: &Shared, caller: &'a Caller) -> Asker<'a> {
    Asker {
        identity: caller.identity(),
        sees_all: caller.has(shared, Right::ReadSettings),
        may_change: caller.has(shared, Right::ChangeSettings),
    }
}

/// List the subscriptions; who may not read settings sees their own.
#[utoipa::path(
    get, path = "/api/v1/subscriptions", tag = "incidents",
    responses((status = 200, description = "The subscriptions", body = SubscriptionList), Problems)
)]
pub(super) async fn list_subscriptions(
    state: State<Arc<Shared>>,
    caller: Caller,
) -> Answer<SubscriptionList> {
    Ok(Json(subscriptions::list(&state.0, asker(&state.0, &caller)).await?))
}

/// Look at a subscription.
#[utoipa::path(
    get, path = "/api/v1/subscriptions/{name}", tag = "incidents",
    params(("name" = String, Path, description = "Name of the subscription")),
    responses((status = 200, description = "The subscription", body = SubscriptionView), Problems)
)]
pub(super) async fn show_subscription(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
) -> Answer<SubscriptionView> {
    Ok(Json(subscriptions::show(&state.0, &name.0, asker(&state.0, &caller)).await?))
}

/// Make a subscription, or change the one of this name.
///
/// The body holds the settings of one row of `incidents.subscriptions`, whole; another `name` in it
/// renames.
#[utoipa::path(
    put, path = "/api/v1/subscriptions/{name}", tag = "incidents",
    params(("name" = String, Path, description = "Name of the subscription"), RevisionParams),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 200, description = "The subscription, in force", body = SubscriptionSaved), Problems)
)]
pub(super) async fn put_subscription(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
    params: Params<RevisionParams>,
    body: JsonBody<SubscriptionDocument>,
) -> Answer<SubscriptionSaved> {
    let signature = (params.0.read()?, asker(&state.0, &caller));
    Ok(Json(subscriptions::put(&state.0, &name.0, body.0.0, signature).await?))
}

/// Delete a subscription.
#[utoipa::path(
    delete, path = "/api/v1/subscriptions/{name}", tag = "incidents",
    params(("name" = String, Path, description = "Name of the subscription"), RevisionParams),
    responses((status = 200, description = "It is gone", body = SettingsSaved), Problems)
)]
pub(super) async fn delete_subscription(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
    params: Params<RevisionParams>,
) -> Answer<SettingsSaved> {
    let signature = (params.0.read()?, caller.author());
    let revision = subscriptions::delete(&state.0, &name.0, signature).await?;
    Ok(Json(SettingsSaved { revision, warnings: Vec::new() }))
}

/// Pause one's own subscription, or go on with it.
#[utoipa::path(
    patch, path = "/api/v1/subscriptions/{name}/pause", tag = "incidents",
    params(("name" = String, Path, description = "Name of the subscription")),
    request_body = PauseRequest,
    responses((status = 200, description = "The subscription", body = SubscriptionView), Problems)
)]
pub(super) async fn pause_subscription(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
    body: JsonBody<PauseRequest>,
) -> Answer<SubscriptionView> {
    let asker = asker(&state.0, &caller);
    Ok(Json(subscriptions::pause(&state.0, &name.0, &body.0, asker).await?))
}

/// See who would be told of a stored incident, or of one that could come. Nothing is sent.
///
/// With `draft`, as if that subscription were saved; it takes the right to change settings.
#[utoipa::path(
    post, path = "/api/v1/incidents/audience", tag = "incidents", request_body = AudienceRequest,
    responses((status = 200, description = "Who would be told", body = AudienceView), Problems)
)]
pub(super) async fn preview_audience(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<AudienceRequest>,
) -> Answer<AudienceView> {
    let asker = asker(&state.0, &caller);
    Ok(Json(subscriptions::preview(&state.0, body.0, asker).await?))
}
