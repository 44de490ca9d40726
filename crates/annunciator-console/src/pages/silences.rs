//! Silences: list, make, change, end, and a look at what one would mute before it is saved.
//!
//! In: matchers as rows of a form. Out: pages; what the matchers match, as it is typed.

mod silence_form;

use std::sync::Arc;

use annunciator_api_types::{SilenceList, SilencePreview, SilenceSaved, SilenceView};
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::{Method, StatusCode};
use serde_json::json;

use crate::Console;
use crate::api::{Refusal, escape, with_query};
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};
use silence_form::SilenceForm;
pub(crate) use silence_form::{FIELDS, MatcherRow, OPERATORS, matcher_rows};

/// Rows of a page.
const ROWS: &str = "50";

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/silences", get(list))
        .route("/silences/new", get(new).post(create))
        .route("/silences/preview", post(preview))
        .route("/silences/row", get(row))
        .route("/silences/{id}", get(edit).post(change))
        .route("/silences/{id}/end", post(end))
}

fn path_of(id: &str) -> String {
    format!("/api/v1/silences/{}", escape(id))
}

#[derive(Template)]
#[template(path = "silences/list.html")]
struct List {
    page: Page,
    silences: Vec<SilenceView>,
    next: String,
    shows_ended: bool,
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let asked = visitor.guest.query();
    let shows_ended = asked.is_on("ended");
    let ended = if shows_ended { "" } else { "false" };
    let pairs = [("ended", ended), ("limit", ROWS), ("after", asked.text("after"))];
    let found: SilenceList = visitor.get(&with_query("/api/v1/silences", &pairs)).await?;
    let page = visitor.page("silences-title", "silences");
    let next = found.next.unwrap_or_default();
    Ok(show(&List { page, silences: found.silences, next, shows_ended }))
}

#[derive(Template)]
#[template(path = "silences/form.html")]
struct FormPage {
    page: Page,
    /// Empty for a new one.
    id: String,
    silence: Option<SilenceView>,
    form: SilenceForm,
    errors: Errors,
    fields: &'static [&'static str],
    operators: &'static [&'static str],
    warnings: Vec<String>,
}

impl FormPage {
    fn new(visitor: &Visitor, form: SilenceForm, errors: Errors) -> Self {
        let page = visitor.page("silences-new", "silences");
        let (id, silence, warnings) = (String::new(), None, vec![]);
        Self { page, id, silence, form, errors, fields: FIELDS, operators: OPERATORS, warnings }
    }

    /// What is wrong with a row of matchers.
    fn row_error(&self, at: &usize) -> String {
        self.errors.at(&format!("/matchers/{at}"))
    }
}

/// A new one, filled from the query: `?device=pc-17&type=disk.full` mutes what a page was about.
async fn new(visitor: Visitor) -> Result<Response, Stop> {
    let form = SilenceForm::of_query(&visitor.guest.query());
    Ok(show(&FormPage::new(&visitor, form, Errors::default())))
}

async fn create(visitor: Visitor, posted: Form) -> Result<Response, Stop> {
    let form = SilenceForm::of_posted(&posted);
    match visitor
        .try_send(Method::POST, "/api/v1/silences", &form.request(true, &visitor.guest.zone))
        .await
    {
        Ok(reply) => saved(&visitor, &reply, "silence-created"),
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &FormPage::new(&visitor, form, errors)))
        }
    }
}

/// After saving: the list, or the silence itself when something about it deserves a look.
fn saved(visitor: &Visitor, reply: &crate::api::Reply, notice: &str) -> Result<Response, Stop> {
    let saved: SilenceSaved = reply.json("silence").map_err(|refusal| visitor.stop(refusal))?;
    if saved.warnings.is_empty() {
        return Ok(lead_to(&visitor.guest, &format!("/silences?notice={notice}")));
    }
    let mut form = FormPage::new(
        visitor,
        SilenceForm::of_silence(&saved.silence, &visitor.guest.zone),
        Errors::default(),
    );
    form.page.title = visitor.guest.language.say("silences-edit");
    form.warnings = saved.warnings.into_iter().map(|warning| warning.detail).collect();
    form.id.clone_from(&saved.silence.id);
    form.silence = Some(saved.silence);
    Ok(show(&form))
}

async fn edit(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let silence: SilenceView = visitor.get(&path_of(&id.0)).await?;
    let mut form = FormPage::new(
        &visitor,
        SilenceForm::of_silence(&silence, &visitor.guest.zone),
        Errors::default(),
    );
    form.page = visitor.page("silences-edit", "silences");
    form.id = id.0;
    form.silence = Some(silence);
    Ok(show(&form))
}

async fn change(visitor: Visitor, id: Path<String>, posted: Form) -> Result<Response, Stop> {
    let form = SilenceForm::of_posted(&posted);
    match visitor
        .try_send(Method::PATCH, &path_of(&id.0), &form.request(false, &visitor.guest.zone))
        .await
    {
        Ok(reply) => saved(&visitor, &reply, "saved"),
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let silence: SilenceView = visitor.get(&path_of(&id.0)).await?;
            let mut page = FormPage::new(&visitor, form, errors);
            page.page = visitor.page("silences-edit", "silences");
            page.id = id.0;
            page.silence = Some(silence);
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn end(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    visitor.send(Method::POST, &format!("{}/end", path_of(&id.0)), &()).await?;
    Ok(lead_to(&visitor.guest, "/silences?notice=silence-ended"))
}

#[derive(Template)]
#[template(path = "silences/preview.html")]
struct Preview {
    page: Page,
    found: Option<SilencePreview>,
    errors: Vec<String>,
}

/// What the matchers of the form would have muted of late.
async fn preview(visitor: Visitor, posted: Form) -> Result<Response, Stop> {
    let form = SilenceForm::of_posted(&posted).without_blanks();
    let request = json!({ "matchers": form.matchers() });
    let page = visitor.page("silences-new", "silences");
    if form.rows.is_empty() {
        return Ok(show(&Preview { page, found: None, errors: vec![] }));
    }
    match visitor.try_send(Method::POST, "/api/v1/silences/preview", &request).await {
        Ok(reply) => {
            let found = reply.json::<SilencePreview>("preview");
            let found = found.map_err(|refusal| visitor.stop(refusal))?;
            Ok(show(&Preview { page, found: Some(found), errors: vec![] }))
        }
        Err(Refusal::Problem(problem, _)) if problem.status == 422 => {
            let errors = problem.errors.into_iter().map(|error| error.detail).collect();
            Ok(show(&Preview { page, found: None, errors }))
        }
        Err(refusal) => Err(visitor.stop(refusal)),
    }
}

#[derive(Template)]
#[template(path = "silences/row.html")]
struct Row {
    page: Page,
    at: usize,
    row: silence_form::MatcherRow,
    row_error: String,
    fields: &'static [&'static str],
    operators: &'static [&'static str],
}

/// One more row of matchers.
async fn row(visitor: Visitor) -> Response {
    let at = visitor.guest.query().text("at").parse().unwrap_or(0);
    let page = visitor.page("silences-new", "silences");
    let row = silence_form::MatcherRow::default();
    let row_error = String::new();
    show(&Row { page, at, row, row_error, fields: FIELDS, operators: OPERATORS })
}
