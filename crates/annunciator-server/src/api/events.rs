//! Events: hand them in, list them, look at one; event types.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::sync::Arc;

use annunciator_api_types::{AcceptedEvents, EventDetail, EventInput, EventList, EventTypeList};
use annunciator_core::Device;
use annunciator_store::{Accepted, DecisionKind, EventFilter};
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
use super::query::{Conversion, ParamGroups, Params};
use super::rights::{Peer, Right, SUBMIT_EVENTS, authorize};
use super::settings::PageParams;
use super::{Answer, Caller, views};
use crate::admin::{effective, ledger};
use crate::intake::{self, http as posted};
use crate::shared::Shared;

/// Which events are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventParams {
    /// Text somewhere in type, display name, device, group, application, description or id,
    /// without case.
    q: Option<String>,
    /// Application name.
    application: Option<String>,
    /// Event type code.
    event_type: Option<String>,
    /// The same as `event_type`.
    #[serde(rename = "type")]
    code: Option<String>,
    /// `info`, `warning`, `failure` or `critical`, or several of them with commas.
    severity: Option<String>,
    /// Device name.
    device: Option<String>,
    /// Device group, whole.
    group: Option<String>,
    /// `accepted`, `planned` or `parked`.
    state: Option<String>,
    /// `notified`, `limited`, `silenced`, `off` or `incomplete`: what was decided for one of the
    /// channels.
    decision: Option<String>,
    /// Registered then or later, RFC 3339.
    since: Option<String>,
    /// Registered before, RFC 3339.
    until: Option<String>,
}

const DECISIONS: [DecisionKind; 5] = [
    DecisionKind::Notified,
    DecisionKind::Limited,
    DecisionKind::Silenced,
    DecisionKind::Off,
    DecisionKind::Incomplete,
];

impl EventParams {
    /// What the store is asked; what is wrong is gathered.
    pub(super) fn filter(self, conversion: &mut Conversion) -> EventFilter {
        const MUST: &str = "must be notified, limited, silenced, off or incomplete";
        let some_text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let of_word = |word: &str| DECISIONS.into_iter().find(|kind| kind.as_str() == word);
        let states = ["accepted", "planned", "parked"];
        EventFilter {
            severities: conversion.severities(self.severity.as_ref()),
            state: conversion.word("state", self.state.as_ref(), &states),
            decision: conversion.value("decision", self.decision.as_ref(), MUST, of_word),
            since: conversion.time("since", self.since.as_ref()),
            until: conversion.time("until", self.until.as_ref()),
            application: some_text(self.application),
            event_type: some_text(self.event_type).or(some_text(self.code)),
            device: some_text(self.device),
            group: some_text(self.group),
            text: self.q,
        }
    }
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
///
/// A search looks back for a short while; `searched_until` then says how far, and `next` goes on.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", params(EventParams, PageParams),
    responses((status = 200, description = "A page", body = EventList), Problems)
)]
pub(super) async fn list_events(
    state: State<Arc<Shared>>,
    caller: Caller,
    params: ParamGroups<EventParams, PageParams>,
) -> Answer<EventList> {
    let mut conversion = Conversion::default();
    let filter = params.0.filter(&mut conversion);
    let page = conversion.page(params.1.after.as_ref(), params.1.limit.as_ref());
    conversion.finish()?;
    let mut found = ledger::events(&state.0, filter, page).await?;
    if !caller.has(&state.0, Right::ReadLedger) {
        found.rows.iter_mut().for_each(|row| row.deliveries.clear());
    }
    Ok(Json(EventList {
        events: found.rows.into_iter().map(views::event).collect(),
        next: found.next,
        searched_until: found.searched_until,
    }))
}

/// Look at an event and what came of it.
///
/// The id is the ledger's, or the source's. Who may not read the ledger gets the event alone:
/// `notifications` and `deliveries` are empty.
#[utoipa::path(
    get, path = "/api/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "The ledger's id, or the source's"), OneEventParams),
    responses((status = 200, description = "The event", body = EventDetail), Problems)
)]
pub(super) async fn show_event(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
    params: Params<OneEventParams>,
) -> Answer<EventDetail> {
    let application = params.0.application.as_deref();
    let mut story = ledger::event(&state.0, &id.0, application).await?;
    if !caller.has(&state.0, Right::ReadLedger) {
        story.notifications.clear();
        story.deliveries.clear();
        story.event.deliveries.clear();
    }
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
