//! Incidents: hand them in, list, show, groups, change a status.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::sync::Arc;

use annunciator_api_types::{
    AcceptedIncident, AcceptedIncidents, IncidentDetail, IncidentGroupList, IncidentInput,
    IncidentList, IncidentStatusRequest, IncidentStatusResult,
};
use annunciator_store::IncidentFilter;
use axum::Json;
use axum::extract::{Path, Request, State};
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::{EVENTS_BYTES_MAX, JsonBody, is_json_type, read};
use super::document::Problems;
use super::error::ApiError;
use super::query::{Conversion, ParamGroups, Params};
use super::settings::PageParams;
use super::{Answer, Caller};
use crate::admin::incidents;
use crate::intake::incidents::IncidentBatch;
use crate::intake::mapping::{self, Places};
use crate::intake::{self, http as posted};
use crate::shared::Shared;

/// Which incidents are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct IncidentParams {
    /// A text, looked for without case in ids, model, asset, detector, top tag, group and
    /// description.
    q: Option<String>,
    /// Kind of the detector.
    kind: Option<String>,
    /// Name of the detector.
    detector: Option<String>,
    /// Model.
    model: Option<String>,
    /// Name of the top tag.
    top_tag: Option<String>,
    /// Name of the asset.
    asset: Option<String>,
    /// Status, by its code or its name.
    status: Option<String>,
    /// Group.
    group: Option<String>,
    /// The mildest severity.
    severity: Option<String>,
    /// Begun then or later, RFC 3339.
    since: Option<String>,
    /// Begun before, RFC 3339.
    until: Option<String>,
}

impl IncidentParams {
    /// What the parameters mean; what is wrong with them is noted.
    pub(super) fn filter(self, conversion: &mut Conversion) -> IncidentFilter {
        const MUST: &str = "must be info, warning, failure or critical";
        let severity =
            conversion.value("severity", self.severity.as_ref(), MUST, |text| text.parse().ok());
        let some_text = |text: Option<String>| text.filter(|text| !text.is_empty());
        IncidentFilter {
            text: self.q,
            severity_min: severity,
            since: conversion.time("since", self.since.as_ref()),
            until: conversion.time("until", self.until.as_ref()),
            kind: some_text(self.kind),
            detector: some_text(self.detector),
            model: some_text(self.model),
            top_tag: some_text(self.top_tag),
            device: some_text(self.asset),
            status: some_text(self.status),
            group: some_text(self.group),
        }
    }
}

/// Which detector's incident is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OneIncidentParams {
    /// Name of the detector; needed when several used the same id.
    detector: Option<String>,
}

type Accepted = Result<(StatusCode, Json<AcceptedIncidents>), ApiError>;

/// What is told to a detector whose incident is known and says something else now.
const DIFFERS_ADVICE: &str = "The incident is kept as it was first handed in, and nobody is told of \
                              what differs. Hand in what is new with an id of its own and the same \
                              `group`; a status is changed by POST /api/v1/incidents/ID/status.";

/// Hand in incidents.
///
/// One incident, or an array of at most 1,000. Answers after the commit: each incident and its
/// event are on the disk. A batch is accepted whole or not at all. With `Idempotency-Key` the same
/// request may be repeated for 24 hours without effect.
#[utoipa::path(
    post, path = "/api/v1/incidents", tag = "incidents",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters")),
    request_body(content(
        (IncidentInput = "application/json"), (Vec<IncidentInput> = "application/json"),
    )),
    responses((status = 202, description = "Accepted", body = AcceptedIncidents), Problems)
)]
pub(super) async fn submit_incidents(
    state: State<Arc<Shared>>,
    caller: Caller,
    request: Request,
) -> Accepted {
    let read = |body: &[u8]| intake::incidents::read(body).map(|batch| (batch, None));
    take(&state.0, &caller, request, &read).await
}

/// Hand in a document of another detector, by a mapping of the settings (`incidents.mapping`).
#[utoipa::path(
    post, path = "/api/v1/incidents/mapped/{name}", tag = "incidents",
    params(
        ("name" = String, Path, description = "Name of the mapping"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters"),
    ),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 202, description = "Accepted", body = AcceptedIncidents), Problems)
)]
pub(super) async fn submit_mapped_incidents(
    state: State<Arc<Shared>>,
    caller: Caller,
    name: Path<String>,
    request: Request,
) -> Accepted {
    let snapshot = state.0.settings.current();
    let mut mappings = snapshot.incidents.values.mapping.iter();
    let found = mappings.find(|mapping| mapping.name == name.0);
    let found = found.ok_or_else(|| ApiError::not_found("There is no mapping of this name."))?;
    let read =
        |body: &[u8]| mapping::read(found, body).map(|mapped| (mapped.batch, Some(mapped.places)));
    take(&state.0, &caller, request, &read).await
}

/// A body into incidents, and where their fields stand in it when they are mapped.
type Read<'a> =
    &'a (dyn Fn(&[u8]) -> Result<(IncidentBatch, Option<Places>), intake::Refusal> + Sync);

async fn take(
    shared: &Arc<Shared>,
    caller: &Caller,
    request: Request,
    batch_of: Read<'_>,
) -> Accepted {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if content_type.is_some_and(|value| !is_json_type(value)) {
        let words = "The Content-Type must be application/json.";
        return Err(ApiError::unsupported_media_type(words));
    }
    let body = read(body, EVENTS_BYTES_MAX).await?;
    let said = posted::Headers {
        idempotency_key: parts.headers.get("idempotency-key").map(HeaderValue::as_bytes),
        ..posted::Headers::default()
    };
    // A key is of its request: the same body at another address is another request.
    let owner = format!("{} {}", caller.identity().owner, parts.uri.path());
    let idempotency = posted::idempotency(said, &owner, &body.bytes)?;
    let (batch, places) = batch_of(&body.bytes).map_err(|why| refuse(why, None))?;
    // A document may hold no incident at all: that is nothing to do, and no mistake.
    let accepted = match places.is_some() && batch.inputs.is_empty() {
        true => Vec::new(),
        false => intake::accept_incidents(shared, batch, caller.author(), idempotency)
            .await
            .map_err(|why| refuse(why, places.as_ref()))?,
    };
    let view = |one: intake::TakenIncident| AcceptedIncident {
        id: one.accepted.id,
        uid: one.accepted.uid.to_string(),
        duplicate: one.accepted.duplicate,
        differs: one.differs,
        advice: if one.differs { DIFFERS_ADVICE.to_owned() } else { String::new() },
    };
    let incidents = accepted.into_iter().map(view).collect();
    Ok((StatusCode::ACCEPTED, Json(AcceptedIncidents { incidents })))
}

/// The answer to what is refused, with places in the document that was sent.
fn refuse(refusal: intake::Refusal, places: Option<&Places>) -> ApiError {
    match (refusal, places) {
        (intake::Refusal::Invalid(errors), Some(places)) => {
            let errors = errors.into_iter().map(|error| places.locate(error)).collect();
            ApiError::of_incidents(intake::Refusal::Invalid(errors))
        }
        (refusal, _) => ApiError::of_incidents(refusal),
    }
}

/// List incidents, newest first.
///
/// A search looks back for a short while; `searched_until` then says how far, and `next` goes on.
#[utoipa::path(
    get, path = "/api/v1/incidents", tag = "incidents", params(IncidentParams, PageParams),
    responses((status = 200, description = "A page", body = IncidentList), Problems)
)]
pub(super) async fn list_incidents(
    state: State<Arc<Shared>>,
    params: ParamGroups<IncidentParams, PageParams>,
) -> Answer<IncidentList> {
    let ParamGroups(params, paging) = params;
    let mut conversion = Conversion::default();
    let filter = params.filter(&mut conversion);
    let page = conversion.page(paging.after.as_ref(), paging.limit.as_ref());
    conversion.finish()?;
    Ok(Json(incidents::list(&state.0, filter, page).await?))
}

/// List groups of similar incidents, that of the newest incident first.
#[utoipa::path(
    get, path = "/api/v1/incident-groups", tag = "incidents", params(PageParams),
    responses((status = 200, description = "A page", body = IncidentGroupList), Problems)
)]
pub(super) async fn list_incident_groups(
    state: State<Arc<Shared>>,
    params: Params<PageParams>,
) -> Answer<IncidentGroupList> {
    let mut conversion = Conversion::default();
    let page = conversion.page(params.0.after.as_ref(), params.0.limit.as_ref());
    conversion.finish()?;
    Ok(Json(incidents::groups(&state.0, page).await?))
}

/// Look at an incident, the statuses it had, and its samples.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}", tag = "incidents",
    params(("id" = String, Path, description = "The ledger's id, or the detector's"), OneIncidentParams),
    responses((status = 200, description = "The incident", body = IncidentDetail), Problems)
)]
pub(super) async fn show_incident(
    state: State<Arc<Shared>>,
    id: Path<String>,
    params: Params<OneIncidentParams>,
) -> Answer<IncidentDetail> {
    Ok(Json(incidents::show(&state.0, &id.0, params.0.detector.as_deref()).await?))
}

/// Change the status of an incident.
///
/// The status it has already changes nothing.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/status", tag = "incidents",
    request_body = IncidentStatusRequest,
    params(("id" = String, Path, description = "The ledger's id, or the detector's"), OneIncidentParams),
    responses((status = 200, description = "The incident, changed", body = IncidentStatusResult), Problems)
)]
pub(super) async fn change_incident_status(
    state: State<Arc<Shared>>,
    caller: Caller,
    id: Path<String>,
    params: Params<OneIncidentParams>,
    body: JsonBody<IncidentStatusRequest>,
) -> Answer<IncidentStatusResult> {
    let detector = params.0.detector.as_deref();
    let author = caller.author();
    let result = incidents::change_status(&state.0, &id.0, detector, &body.0, author).await?;
    Ok(Json(result))
}
