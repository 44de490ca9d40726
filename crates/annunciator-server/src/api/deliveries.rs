//! Deliveries: list them, look at one, retry, cancel, resend.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::sync::Arc;

use annunciator_api_types::{
    DeliveryDetail, DeliveryList, FieldError, OperationResults, OperationTargets, ResendResult,
};
use annunciator_core::{ChannelName, DeliveryId, Lane};
use annunciator_store::{DeliveryFilter, Operated};
use axum::Json;
use axum::extract::{Path, State};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::JsonBody;
use super::document::Problems;
use super::error::ApiError;
use super::query::{Conversion, ParamGroups};
use super::settings::PageParams;
use super::{Answer, Caller, views};
use crate::admin::{self, ledger};
use crate::shared::Shared;

/// Which deliveries are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryParams {
    /// Text somewhere in recipient, subject, event type, device, application or event id, without
    /// case.
    q: Option<String>,
    /// `queued`, `in_flight`, `delivered`, `failed` or `cancelled`.
    state: Option<String>,
    /// Channel, such as `email`.
    channel: Option<String>,
    /// Address of the recipient, whole, without case.
    recipient: Option<String>,
    /// `info`, `warning`, `failure` or `critical`, or several of them with commas.
    severity: Option<String>,
    /// Application name.
    application: Option<String>,
    /// Device name.
    device: Option<String>,
    /// Event type code.
    event_type: Option<String>,
    /// Lane: the queue of one relay.
    lane: Option<String>,
    /// The ledger's id of the event.
    event: Option<String>,
    /// Id of the notification.
    notification: Option<String>,
    /// Planned then or later, RFC 3339.
    since: Option<String>,
    /// Planned before, RFC 3339.
    until: Option<String>,
}

impl DeliveryParams {
    /// What the store is asked; what is wrong is gathered.
    pub(super) fn filter(self, conversion: &mut Conversion) -> DeliveryFilter {
        let some_text = |text: Option<String>| text.filter(|text| !text.is_empty());
        DeliveryFilter {
            state: conversion.word("state", self.state.as_ref(), &STATES),
            event: conversion.value("event", self.event.as_ref(), ID, |text| text.parse().ok()),
            notification: conversion.value(
                "notification",
                self.notification.as_ref(),
                ID,
                |text| text.parse().ok(),
            ),
            severities: conversion.severities(self.severity.as_ref()),
            since: conversion.time("since", self.since.as_ref()),
            until: conversion.time("until", self.until.as_ref()),
            channel: some_text(self.channel).map(|name| ChannelName(name.into())),
            recipient: some_text(self.recipient),
            application: some_text(self.application),
            device: some_text(self.device),
            event_type: some_text(self.event_type),
            lane: some_text(self.lane).map(|name| Lane::new(&name)),
            text: self.q,
        }
    }
}

const STATES: [&str; 5] = ["queued", "in_flight", "delivered", "failed", "cancelled"];
const ID: &str = "must be an id such as 019aaa36-5c11-7cc4-8f54-1f5a7d0f9ad2";

/// List deliveries, newest first.
///
/// A search looks back for a short while; `searched_until` then says how far, and `next` goes on.
#[utoipa::path(
    get, path = "/api/v1/deliveries", tag = "ledger", params(DeliveryParams, PageParams),
    responses((status = 200, description = "A page", body = DeliveryList), Problems)
)]
pub(super) async fn list_deliveries(
    state: State<Arc<Shared>>,
    params: ParamGroups<DeliveryParams, PageParams>,
) -> Answer<DeliveryList> {
    let mut conversion = Conversion::default();
    let filter = params.0.filter(&mut conversion);
    let page = conversion.page(params.1.after.as_ref(), params.1.limit.as_ref());
    conversion.finish()?;
    let found = ledger::deliveries(&state.0, filter, page).await?;
    let suspensions = views::Suspensions::among(state.0.dispatcher.lanes());
    let rows = found.rows.into_iter();
    Ok(Json(DeliveryList {
        deliveries: rows.map(|row| views::delivery(row, &suspensions)).collect(),
        next: found.next,
        searched_until: found.searched_until,
    }))
}

/// Look at a delivery and its attempts.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{id}", tag = "ledger",
    params(("id" = String, Path, description = "Id of the delivery")),
    responses((status = 200, description = "The delivery", body = DeliveryDetail), Problems)
)]
pub(super) async fn show_delivery(
    state: State<Arc<Shared>>,
    id: Path<String>,
) -> Answer<DeliveryDetail> {
    let (row, attempts) = ledger::delivery(&state.0, delivery_id(&id.0)?).await?;
    let operations = ledger::operations(&state.0, &row.delivery).await?;
    let suspensions = views::Suspensions::among(state.0.dispatcher.lanes());
    Ok(Json(DeliveryDetail {
        delivery: views::delivery(row, &suspensions),
        attempts: attempts.iter().map(views::attempt).collect(),
        operations: operations.into_iter().map(views::operation).collect(),
    }))
}

/// Try deliveries again now.
///
/// Queued ones become due; failed ones are queued again with a new lifetime.
#[utoipa::path(
    post, path = "/api/v1/deliveries/retry", tag = "ledger", request_body = OperationTargets,
    responses((status = 200, description = "One entry per delivery", body = OperationResults), Problems)
)]
pub(super) async fn retry_deliveries(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<OperationTargets>,
) -> Answer<OperationResults> {
    let targets = targets(&body.0)?;
    Ok(results(&ledger::retry(&state.0, targets, caller.author()).await?))
}

/// Give queued deliveries up.
#[utoipa::path(
    post, path = "/api/v1/deliveries/cancel", tag = "ledger", request_body = OperationTargets,
    responses((status = 200, description = "One entry per delivery", body = OperationResults), Problems)
)]
pub(super) async fn cancel_deliveries(
    state: State<Arc<Shared>>,
    caller: Caller,
    body: JsonBody<OperationTargets>,
) -> Answer<OperationResults> {
    let targets = targets(&body.0)?;
    Ok(results(&ledger::cancel(&state.0, targets, caller.author()).await?))
}

/// Send a delivery again as a new one, with a Message-ID of its own.
#[utoipa::path(
    post, path = "/api/v1/deliveries/{id}/resend", tag = "ledger",
    params(("id" = String, Path, description = "Id of the delivery")),
    responses((status = 201, description = "The new delivery", body = ResendResult), Problems)
)]
pub(super) async fn resend_delivery(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
) -> Result<(StatusCode, Json<ResendResult>), ApiError> {
    let id = delivery_id(&id.0)?;
    let made = admin::deliveries::resend(&state.0, id, caller.author()).await?;
    Ok((StatusCode::CREATED, Json(ResendResult { delivery: made.to_string() })))
}

fn delivery_id(text: &str) -> Result<DeliveryId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found("There is no such delivery."))
}

/// The deliveries a command is meant for, each once.
fn targets(given: &OperationTargets) -> Result<Vec<DeliveryId>, ApiError> {
    let count = given.deliveries.len();
    if !(1..=ledger::TARGETS_MAX).contains(&count) {
        let detail = format!("must be 1 to {} ids; there are {count}", ledger::TARGETS_MAX);
        let error = FieldError::new("/deliveries", "range", detail);
        return Err(ApiError::invalid(vec![error]));
    }
    let mut ids = Vec::with_capacity(count);
    let mut seen = std::collections::HashSet::with_capacity(count);
    let mut errors = Vec::new();
    for (position, text) in given.deliveries.iter().enumerate() {
        match text.parse::<DeliveryId>() {
            Ok(id) if seen.insert(id) => ids.push(id),
            Ok(_) => {}
            Err(_) => {
                errors.push(FieldError::new(format!("/deliveries/{position}"), "format", ID));
            }
        }
    }
    if errors.is_empty() { Ok(ids) } else { Err(ApiError::invalid(errors)) }
}

fn results(done: &[(DeliveryId, Operated)]) -> Json<OperationResults> {
    let results = done.iter().map(|(id, done)| views::operated(*id, done));
    Json(OperationResults { results: results.collect() })
}
