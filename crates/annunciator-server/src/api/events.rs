//! Events: hand them in, list them, look at one; event types.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::sync::Arc;

use annunciator_api_types::{AcceptedEvents, EventDetail, EventInput, EventList, EventTypeList};
use annunciator_core::Device;
use annunciator_store::{Accepted, EventFilter};
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::body::{EVENTS_BYTES_MAX, read};
use super::document::Problems;
use super::error::ApiError;
use super::query::{Conversion, Params};
use super::rights::{Peer, SUBMIT_EVENTS, authorize};
use super::{Answer, views};
use crate::admin::{effective, ledger};
use crate::intake::{self, http as posted};
use crate::shared::Shared;

/// Which events are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventParams {
    /// Application name.
    application: Option<String>,
    /// Event type code.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// `info`, `warning`, `failure` or `critical`.
    severity: Option<String>,
    /// Device name.
    device: Option<String>,
    /// `accepted`, `planned` or `parked`.
    state: Option<String>,
    /// Text somewhere in type, display name, device or description, without case.
    q: Option<String>,
    /// Registered then or later, RFC 3339.
    since: Option<String>,
    /// Registered before, RFC 3339.
    until: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Most rows, 1 to 1,000; 100 when absent.
    limit: Option<String>,
}

/// Which application's event is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OneEventParams {
    /// Application name; needed when several used the same id.
    application: Option<String>,
}

/// Whether a request hands in events: it then takes the short way, past the router.
#[must_use]
pub fn is_submission(method: &Method, uri: &Uri) -> bool {
    method == Method::POST && uri.path() == posted::PATH
}

/// Takes events: authorizes, reads, accepts, answers.
pub async fn submit<B>(
    shared: &Arc<Shared>,
    peer: &Peer,
    headers: &HeaderMap,
    query: Option<&str>,
    body: B,
) -> Response
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    match take(shared, peer, headers, query, body).await {
        Ok(accepted) => accepted_response(&accepted),
        Err(refusal) => refusal.into_response(),
    }
}

async fn take<B>(
    shared: &Arc<Shared>,
    peer: &Peer,
    headers: &HeaderMap,
    query: Option<&str>,
    body: B,
) -> Result<Vec<Accepted>, ApiError>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let identity = authorize(shared, peer, &Method::POST, headers, SUBMIT_EVENTS)
        .await?
        .ok_or_else(|| ApiError::unauthenticated(false))?;
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(ApiError::malformed("This operation has no query parameters."));
    }
    let body = read(body, EVENTS_BYTES_MAX).await?;
    let header = |name: header::HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let said = posted::Headers {
        content_type: header(header::CONTENT_TYPE),
        content_encoding: header(header::CONTENT_ENCODING),
        idempotency_key: headers.get("idempotency-key").map(HeaderValue::as_bytes),
    };
    let batch = posted::read(said, &body.bytes)?;
    let idempotency = posted::idempotency(said, &identity.owner, &body.bytes)?;
    Ok(intake::accept(shared, batch, idempotency).await?)
}

fn accepted_response(accepted: &[Accepted]) -> Response {
    /// [`AcceptedEvents`] without copies.
    #[derive(Serialize)]
    struct Answer<'a> {
        events: Vec<Entry<'a>>,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        id: &'a str,
        duplicate: bool,
    }
    let events = accepted.iter().map(|one| Entry { id: &one.id, duplicate: one.duplicate });
    let body = serde_json::to_vec(&Answer { events: events.collect() }).unwrap_or_default();
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::ACCEPTED;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Hand in events.
///
/// One event, an array of at most 1,000, or NDJSON (one event per line). Answers after the commit:
/// the events are on the disk. A batch is accepted whole or not at all. With `Idempotency-Key` the
/// same request may be repeated for 24 hours without effect.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "events",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters")),
    request_body(content(
        (EventInput = "application/json"), (Vec<EventInput> = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses((status = 202, description = "Accepted", body = AcceptedEvents), Problems)
)]
pub(super) async fn submit_events(state: State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match parts.extensions.get::<Peer>() {
        Some(peer) => submit(&state.0, peer, &parts.headers, parts.uri.query(), body).await,
        None => ApiError::internal().into_response(),
    }
}

/// List events, newest first.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", params(EventParams),
    responses((status = 200, description = "A page", body = EventList), Problems)
)]
pub(super) async fn list_events(
    state: State<Arc<Shared>>,
    params: Params<EventParams>,
) -> Answer<EventList> {
    let given = params.0;
    let mut conversion = Conversion::default();
    const SEVERITIES: &str = "must be info, warning, failure or critical";
    let severity = given.severity.as_ref();
    let filter = EventFilter {
        severity: conversion.value("severity", severity, SEVERITIES, |word| word.parse().ok()),
        state: conversion.word("state", given.state.as_ref(), &["accepted", "planned", "parked"]),
        since: conversion.time("since", given.since.as_ref()),
        until: conversion.time("until", given.until.as_ref()),
        application: given.application,
        event_type: given.event_type,
        device: given.device,
        text: given.q,
    };
    let page = conversion.page(given.after.as_ref(), given.limit.as_ref());
    conversion.finish()?;
    let found = ledger::events(&state.0, filter, page).await?;
    Ok(Json(EventList {
        events: found.rows.into_iter().map(views::event).collect(),
        next: found.next,
    }))
}

/// Look at an event and what came of it.
///
/// The id is the ledger's, or the source's.
#[utoipa::path(
    get, path = "/api/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "The ledger's id, or the source's"), OneEventParams),
    responses((status = 200, description = "The event", body = EventDetail), Problems)
)]
pub(super) async fn show_event(
    state: State<Arc<Shared>>,
    id: Path<String>,
    params: Params<OneEventParams>,
) -> Answer<EventDetail> {
    let application = params.0.application.as_deref();
    let story = ledger::event(&state.0, &id.0, application).await?;
    let suspensions = views::Suspensions::among(state.0.dispatcher.lanes());
    let deliveries = story.deliveries.into_iter();
    Ok(Json(EventDetail {
        event: views::event(story.event),
        notifications: story.notifications.into_iter().map(views::notification).collect(),
        deliveries: deliveries.map(|row| views::delivery(row, &suspensions)).collect(),
    }))
}

/// Where events of the listed types would happen.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventTypeParams {
    /// Name of the device.
    device: Option<String>,
    /// Path of the device's group.
    group: Option<String>,
}

/// List the known event types, and what holds for each.
#[utoipa::path(
    get, path = "/api/v1/event-types", tag = "events", params(EventTypeParams),
    responses((status = 200, description = "By application and code", body = EventTypeList), Problems)
)]
pub(super) async fn list_event_types(
    state: State<Arc<Shared>>,
    params: Params<EventTypeParams>,
) -> Answer<EventTypeList> {
    let EventTypeParams { device, group } = params.0;
    let device = Device {
        name: device.unwrap_or_default(),
        group: group.unwrap_or_default(),
        ..Device::default()
    };
    Ok(Json(effective::event_types(&state.0, device).await?))
}
