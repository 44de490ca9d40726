//! One incident: its facts, the course of its top tag, the statuses it had, and a new one.

use annunciator_api_types::{
    IncidentDetail, IncidentList, IncidentStatusResult, IncidentStatusView, TopTagInput,
};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::json;

use super::course::Course;
use super::tone;
use crate::api::escape;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show_as};
use crate::refusal::{Errors, Stop};

#[derive(Template)]
#[template(path = "incidents/detail.html")]
struct Detail {
    page: Page,
    detail: IncidentDetail,
    /// All statuses there are.
    statuses: Vec<IncidentStatusView>,
    course: Option<Course>,
    errors: Errors,
    /// What was typed as the reason, when the form came back.
    comment: String,
    chosen: String,
}

impl Detail {
    /// The link to the history at the source, when it is a link of the web.
    fn history(&self) -> Option<&str> {
        let link = self.detail.incident.history.as_str();
        let is_link = link.starts_with("https://") || link.starts_with("http://");
        is_link.then_some(link)
    }

    /// Whether it has a status that is no longer one.
    fn is_status_gone(&self) -> bool {
        !super::is_known(&self.statuses, &self.detail.incident.status.code)
    }

    /// The value of the top tag with its units.
    fn value(&self, tag: &TopTagInput) -> String {
        let value = tag.value.as_ref().map(|value| self.page.value(value)).unwrap_or_default();
        format!("{value} {}", tag.units).trim().to_owned()
    }

    /// Who gave a status: people and tokens in the reader's words.
    fn author(&self, author: &str) -> String {
        match author.split_once(' ') {
            Some(("user", name)) => self.page.t1("incidents-by-user", "name", name),
            Some(("token", name)) => self.page.t1("incidents-by-token", "name", name),
            _ => author.to_owned(),
        }
    }

    /// The marks beside the course, from the top.
    fn marks(&self, course: &Course) -> Vec<String> {
        let language = self.page.language.of_readers();
        course.axis.marks.iter().rev().map(|mark| course.axis.write(*mark, language)).collect()
    }

    /// A value of the course, as fine as its picture is.
    fn finer(&self, course: &Course, value: &f64) -> String {
        course.axis.write_finer(*value, self.page.language.of_readers())
    }
}

fn path_of(uid: &str) -> String {
    format!("/api/v1/incidents/{}", escape(uid))
}

/// The page of an incident.
pub(super) async fn open(visitor: Visitor, uid: Path<String>) -> Result<Response, Stop> {
    draw(&visitor, &uid.0, Errors::default(), &Form::default()).await
}

async fn draw(visitor: &Visitor, uid: &str, errors: Errors, form: &Form) -> Result<Response, Stop> {
    let detail: IncidentDetail = visitor.get(&path_of(uid)).await?;
    let list: IncidentList = visitor.get("/api/v1/incidents?limit=1").await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut page = visitor.page("incidents-one", "incidents");
    page.title = title(&detail, &page);
    let course = Course::of(&detail.samples, detail.incident.start);
    let comment = form.trimmed("comment").to_owned();
    let chosen = match form.trimmed("status") {
        "" => detail.incident.status.code.clone(),
        code => code.to_owned(),
    };
    let statuses = list.statuses;
    Ok(show_as(status, &Detail { page, detail, statuses, course, errors, comment, chosen }))
}

/// Model and top tag say most; the id where there are none.
fn title(detail: &IncidentDetail, page: &Page) -> String {
    let incident = &detail.incident;
    let tag = incident.top_tag.as_ref().map_or("", |tag| tag.name.as_str());
    match (incident.model.as_str(), tag) {
        ("", "") => page.t1("incidents-numbered", "id", incident.id.as_str()),
        ("", one) | (one, "") => one.to_owned(),
        (model, tag) => format!("{model}: {tag}"),
    }
}

/// Gives the incident another status; the notice says what is told of it.
pub(super) async fn change_status(
    visitor: Visitor,
    uid: Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let path = format!("{}/status", path_of(&uid.0));
    let request = json!({ "status": form.trimmed("status"), "comment": form.trimmed("comment"),
        "from": form.trimmed("from") });
    match visitor.try_send(Method::POST, &path, &request).await {
        Ok(reply) => {
            let result = reply.json::<IncidentStatusResult>(&path);
            let result = result.map_err(|refusal| visitor.stop(refusal))?;
            if !result.changed && !form.trimmed("comment").is_empty() {
                // What was typed is not lost.
                let summary = visitor.guest.language.say("notice-status-unchanged");
                let errors = Errors { summary, ..Errors::default() };
                return draw(&visitor, &uid.0, errors, &form).await;
            }
            let notice = match result.told.as_deref() {
                _ if !result.changed => "status-unchanged",
                Some("late") => "status-late",
                Some("follow_up") => "status-follow-up",
                _ => "status-silent",
            };
            let page = format!("/incidents/{}?notice={notice}", escape(&uid.0));
            Ok(lead_to(&visitor.guest, &page))
        }
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            draw(&visitor, &uid.0, errors, &form).await
        }
    }
}
