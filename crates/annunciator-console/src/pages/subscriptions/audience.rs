//! Who would be told: a stored incident, or one that could come, becomes a list of addresses.
//!
//! In: the query, or a posted form. Out: addresses with when they are told, and who is left out and
//! why. Nothing is sent.

use annunciator_api_types::{AudienceView, IncidentList, IncidentStatusView, IncidentView};
use askama::Template;
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::Refusal;
use crate::form::Form;
use crate::language::Language;
use crate::page::{Page, Visitor, show, show_as};
use crate::refusal::{Errors, Stop};

/// Incidents that are offered.
const OFFERED: &str = "/api/v1/incidents?limit=50";

/// What is asked, and what can be chosen.
pub(super) struct Question {
    pub(super) asked: Form,
    pub(super) incidents: Vec<IncidentView>,
    pub(super) statuses: Vec<IncidentStatusView>,
}

#[derive(Template)]
#[template(path = "subscriptions/preview.html")]
struct Preview {
    page: Page,
    question: Question,
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

impl Question {
    /// A question with the incidents that can be chosen.
    pub(super) async fn new(visitor: &Visitor, asked: Form) -> Self {
        let (incidents, statuses) = match visitor.try_get::<IncidentList>(OFFERED).await {
            Ok(list) => (list.incidents, list.statuses),
            // One that could come can still be asked about.
            Err(_) => (Vec::new(), Vec::new()),
        };
        Self { asked, incidents, statuses }
    }

    /// What an incident is called in a list.
    pub(super) fn name(&self, page: &Page, one: &IncidentView) -> String {
        let tag = one.top_tag.as_ref().map_or("", |tag| tag.name.as_str());
        let parts = [one.model.as_str(), tag, one.asset.name.as_str()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let name = if parts.is_empty() { one.id.clone() } else { parts.join(", ") };
        format!("{}: {name}", page.short_time(&one.registered_at))
    }

    /// Whether the incident is not among those that are offered.
    pub(super) fn is_older(&self) -> bool {
        let asked = self.asked.text("incident");
        !asked.is_empty() && !self.incidents.iter().any(|one| one.uid == asked)
    }

    /// Whether an incident that could come is asked about.
    pub(super) fn is_made_up(&self) -> bool {
        self.asked.text("incident").is_empty()
    }
}

/// The question, filled in from the query; a page that is opened may change nothing, so that the
/// API is asked once it is shown.
pub(super) async fn open(visitor: Visitor) -> Result<Response, Stop> {
    let asked = visitor.guest.query();
    let is_to_ask = request_of(&asked).is_some();
    let question = Question::new(&visitor, asked).await;
    let page = visitor.page("subscriptions-preview", "subscriptions");
    let errors = Errors::default();
    Ok(show(&Preview { page, question, found: None, errors, is_to_ask }))
}

/// The answer.
pub(super) async fn ask(visitor: Visitor, asked: Form) -> Result<Response, Stop> {
    let (mut found, mut errors) = (None, Errors::default());
    if let Some(request) = request_of(&asked) {
        match answer(&visitor, &request).await {
            Ok(view) => found = Some(view),
            Err(refusal) => errors = Errors::of(&visitor.guest, refusal)?,
        }
    }
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = visitor.page("subscriptions-preview", "subscriptions");
    let is_to_ask = false;
    if visitor.guest.is_partial {
        return Ok(show_as(status, &Found { page, found, errors, is_to_ask }));
    }
    let question = Question::new(&visitor, asked).await;
    Ok(show_as(status, &Preview { page, question, found, errors, is_to_ask }))
}

/// Asks the API; a status that stands against it is named in the reader's language.
pub(super) async fn answer(visitor: &Visitor, request: &Value) -> Result<AudienceView, Refusal> {
    let path = "/api/v1/incidents/audience";
    let mut view: AudienceView = visitor.try_send(Method::POST, path, request).await?.json(path)?;
    if view.silent.contains('`') && visitor.guest.language == Language::Russian {
        let list = visitor.try_get::<IncidentList>("/api/v1/incidents?limit=1").await;
        for status in list.map(|list| list.statuses).unwrap_or_default() {
            let (name, name_ru) = (format!("`{}`", status.name), format!("`{}`", status.name_ru));
            if !status.name_ru.is_empty() {
                view.silent = view.silent.replace(&name, &name_ru);
            }
        }
    }
    Ok(view)
}

/// The question for the API; nothing before anything was asked.
pub(super) fn request_of(asked: &Form) -> Option<Value> {
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
