//! Who would be told: a stored incident, or one that could come, becomes a list of addresses.
//!
//! In: the query, or a posted form. Out: addresses with when they are told, and who is left out and why. Nothing is
//! sent.

use annunciator_api_types::{AudienceView, IncidentList, IncidentView};
use askama::Template;
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::form::Form;
use crate::page::{Page, Visitor, show, show_as};
use crate::refusal::{Errors, Stop};

/// Incidents that are offered.
const OFFERED: &str = "/api/v1/incidents?limit=50";

#[derive(Template)]
#[template(path = "subscriptions/preview.html")]
struct Preview {
    page: Page,
    asked: Form,
    incidents: Vec<IncidentView>,
    statuses: Vec<annunciator_api_types::IncidentStatusView>,
    found: Option<AudienceView>,
    errors: Errors,
    /// Whether the page asks by itself once it is shown.
    is_to_ask: bool,
}

#[derive(Template)]
#[template(path = "subscriptions/preview.html", block = "found")]
struct Found {
    page: Page,
    found: Option<AudienceView>,
    errors: Errors,
    is_to_ask: bool,
}

impl Preview {
    /// What an incident is called in a list.
    fn name(&self, one: &IncidentView) -> String {
        let tag = one.top_tag.as_ref().map_or("", |tag| tag.name.as_str());
        let parts = [one.model.as_str(), tag, one.asset.name.as_str()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let name = if parts.is_empty() { one.id.clone() } else { parts.join(", ") };
        format!("{}: {name}", self.page.short_time(&one.registered_at))
    }

    /// Whether the incident is not among those that are offered.
    fn is_older(&self) -> bool {
        let asked = self.asked.text("incident");
        !asked.is_empty() && !self.incidents.iter().any(|one| one.uid == asked)
    }

    /// Whether an incident that could come is asked about.
    fn is_made_up(&self) -> bool {
        self.asked.text("incident").is_empty()
    }
}

/// The question, filled in from the query; a page that is opened may change nothing, so that the
/// API is asked once it is shown.
pub(super) async fn open(visitor: Visitor) -> Result<Response, Stop> {
    let asked = visitor.guest.query();
    let is_to_ask = request_of(&asked).is_some();
    Ok(show(&draw(&visitor, asked, None, Errors::default(), is_to_ask).await))
}

/// The answer.
pub(super) async fn ask(visitor: Visitor, asked: Form) -> Result<Response, Stop> {
    let (mut found, mut errors) = (None, Errors::default());
    if let Some(request) = request_of(&asked) {
        let path = "/api/v1/incidents/audience";
        match visitor.try_send(Method::POST, path, &request).await {
            Ok(reply) => {
                let view = reply.json::<AudienceView>(path);
                found = Some(view.map_err(|refusal| visitor.stop(refusal))?);
            }
            Err(refusal) => errors = Errors::of(&visitor.guest, refusal)?,
        }
    }
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    if visitor.guest.is_partial {
        let page = visitor.page("subscriptions-preview", "subscriptions");
        return Ok(show_as(status, &Found { page, found, errors, is_to_ask: false }));
    }
    Ok(show_as(status, &draw(&visitor, asked, found, errors, false).await))
}

async fn draw(
    visitor: &Visitor,
    asked: Form,
    found: Option<AudienceView>,
    errors: Errors,
    is_to_ask: bool,
) -> Preview {
    let (incidents, statuses) = match visitor.try_get::<IncidentList>(OFFERED).await {
        Ok(list) => (list.incidents, list.statuses),
        // One that could come can still be asked about.
        Err(_) => (Vec::new(), Vec::new()),
    };
    let page = visitor.page("subscriptions-preview", "subscriptions");
    Preview { page, asked, incidents, statuses, found, errors, is_to_ask }
}

/// The question for the API; nothing before anything was asked.
fn request_of(asked: &Form) -> Option<Value> {
    let incident = asked.trimmed("incident");
    if !incident.is_empty() {
        return Some(json!({ "incident_id": incident }));
    }
    let kind = asked.trimmed("kind");
    if kind.is_empty() {
        return None;
    }
    let mut incident = json!({
        "detector": { "kind": kind },
        "model": asked.trimmed("model"),
        "severity": asked.trimmed("severity"),
        "status": asked.trimmed("status"),
    });
    let (asset, group) = (asked.trimmed("asset"), asked.trimmed("group"));
    if !asset.is_empty() || !group.is_empty() {
        incident["asset"] = json!({ "name": asset, "group": group });
    }
    Some(json!({ "incident": incident }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_incident_is_asked_about_before_one_that_could_come() {
        let check = |query: &str, expected: Option<Value>| {
            assert_eq!(request_of(&Form::parse(query.as_bytes())), expected, "{query}");
        };
        check("", None);
        check("kind=", None);
        check("incident=a1&kind=limit", Some(json!({"incident_id": "a1"})));
        let incident = json!({"detector": {"kind": "limit"}, "model": "M", "severity": "",
            "status": ""});
        check("kind=limit&model=M&incident=", Some(json!({"incident": incident})));
        let asked = request_of(&Form::parse(b"kind=limit&group=Plant")).unwrap();
        assert_eq!(asked["incident"]["asset"], json!({"name": "", "group": "Plant"}));
    }
}
