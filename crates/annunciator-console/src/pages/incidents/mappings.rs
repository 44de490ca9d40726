//! Mappings of other detectors' documents: list, form, and a trial with a document.
//!
//! In: `incidents.mapping` of the settings; posted forms. Out: pages; a merge patch of the settings
//! that names the revision it was made from. Knows nothing of: how a mapping works; the API tries it.
//! Standard: spec 9.1.

use annunciator_api_types::{FieldError, Problem, SettingsView};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::mapping_form::{MappingForm, SECTIONS};
use super::mapping_trial::{self as trial, Trial, Tried};
use crate::api::Refusal;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::pages::settings::at_revision;
use crate::refusal::{Errors, Stop};

/// Where the list is.
const PATH: &str = "/incidents/mappings";

/// The mappings as they are stored, with the revision of the settings.
struct Stored {
    rows: Vec<Value>,
    revision: i64,
}

impl Stored {
    async fn read(visitor: &Visitor) -> Result<Self, Stop> {
        let mut view: SettingsView = visitor.get("/api/v1/settings").await?;
        let incidents = view.values.get_mut("incidents").map(Value::take).unwrap_or_default();
        let rows = incidents["mapping"].as_array().cloned().unwrap_or_default();
        Ok(Self { rows, revision: view.revision })
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.rows.iter().position(|row| row["name"] == name)
    }

    /// Saves all rows in one piece, made from that revision.
    async fn save(&self, visitor: &Visitor, revision: i64) -> Result<(), Refusal> {
        let patch = json!({ "incidents": { "mapping": self.rows } });
        let sender = at_revision(visitor, revision);
        sender.try_send(Method::PATCH, "/api/v1/settings", &patch).await.map(drop)
    }
}

#[derive(Template)]
#[template(path = "incidents/mappings.html")]
struct List {
    page: Page,
    forms: Vec<MappingForm>,
}

/// The list.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let stored = Stored::read(&visitor).await?;
    let page = visitor.page("mapping-title", "incidents");
    let forms = stored.rows.iter().map(MappingForm::of_settings).collect();
    Ok(show(&List { page, forms }))
}

#[derive(Template)]
#[template(path = "incidents/mapping.html")]
struct FormPage {
    page: Page,
    /// Name under which it is stored; empty for a new one.
    stored: String,
    form: MappingForm,
    revision: i64,
    errors: Errors,
    /// The document that was pasted.
    document: String,
    tried: Option<Tried>,
}

impl FormPage {
    fn new(visitor: &Visitor, stored: &str, form: MappingForm, revision: i64) -> Self {
        let key = if stored.is_empty() { "mapping-new" } else { "mapping-one" };
        let mut page = visitor.page(key, "incidents");
        if !stored.is_empty() {
            stored.clone_into(&mut page.title);
        }
        let (stored, document) = (stored.to_owned(), String::new());
        Self { page, stored, form, revision, errors: Errors::default(), document, tried: None }
    }

    /// Whether this visitor may change it.
    fn may_change(&self) -> bool {
        self.page.may("change_settings")
    }

    /// What is wrong with a field.
    fn wrong(&self, name: &str) -> String {
        self.errors.at(&format!("/{name}"))
    }
}

/// A new one.
pub(super) async fn new(visitor: Visitor) -> Result<Response, Stop> {
    let stored = Stored::read(&visitor).await?;
    let form = MappingForm::default();
    Ok(show(&FormPage::new(&visitor, "", form, stored.revision)))
}

/// One that is stored.
pub(super) async fn edit(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    let stored = Stored::read(&visitor).await?;
    let at = stored.position(&name.0).ok_or_else(|| Stop::not_found(&visitor.guest))?;
    let form = MappingForm::of_settings(&stored.rows[at]);
    Ok(show(&FormPage::new(&visitor, &name.0, form, stored.revision)))
}

/// Adds one.
pub(super) async fn create(visitor: Visitor, posted: Form) -> Result<Response, Stop> {
    save(&visitor, "", &posted).await
}

/// Changes one.
pub(super) async fn change(
    visitor: Visitor,
    name: Path<String>,
    posted: Form,
) -> Result<Response, Stop> {
    save(&visitor, &name.0, &posted).await
}

/// Puts what was posted among those that are stored now: others stay as they are.
async fn save(visitor: &Visitor, name: &str, posted: &Form) -> Result<Response, Stop> {
    let form = MappingForm::of_posted(posted).unwrap_or_default();
    let mut stored = Stored::read(visitor).await?;
    let revision: i64 = posted.trimmed("revision").parse().unwrap_or_default();
    let row = Value::Object(form.settings());
    let at = match stored.position(name) {
        Some(at) if !name.is_empty() => {
            stored.rows[at] = row;
            at
        }
        _ => {
            stored.rows.push(row);
            stored.rows.len() - 1
        }
    };
    let Err(refusal) = stored.save(visitor, revision).await else {
        return Ok(lead_to(&visitor.guest, &format!("{PATH}?notice=saved")));
    };
    let errors = match refusal {
        Refusal::Problem(Problem { status: 412 | 409, .. }, _) => {
            let summary = visitor.guest.language.say("mapping-conflict");
            Errors { summary, fields: Vec::<FieldError>::new() }
        }
        refusal => shorten(Errors::of(&visitor.guest, refusal)?, at),
    };
    let mut page = FormPage::new(visitor, name, form, stored.revision);
    page.errors = errors;
    posted.text("document").clone_into(&mut page.document);
    Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Pointers into the settings become those of the form.
fn shorten(mut errors: Errors, at: usize) -> Errors {
    let above = format!("/incidents/mapping/{at}");
    for error in &mut errors.fields {
        if let Some(rest) = error.pointer.strip_prefix(&above) {
            error.pointer = rest.to_owned();
        }
    }
    errors
}

/// Takes one away.
pub(super) async fn delete(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    let mut stored = Stored::read(&visitor).await?;
    let at = stored.position(&name.0).ok_or_else(|| Stop::not_found(&visitor.guest))?;
    stored.rows.remove(at);
    stored.save(&visitor, stored.revision).await.map_err(|refusal| visitor.stop(refusal))?;
    Ok(lead_to(&visitor.guest, &format!("{PATH}?notice=deleted")))
}

/// Tries what stands in the form, or the one that is stored, on a pasted document.
pub(super) async fn attempt(visitor: Visitor, posted: Form) -> Result<Response, Stop> {
    let name = posted.text("stored").to_owned();
    let form = MappingForm::of_posted(&posted);
    let tried = Tried::ask(&visitor, form.as_ref(), &name, posted.text("document")).await?;
    if visitor.guest.is_partial {
        let page = visitor.page("mapping-title", "incidents");
        return Ok(show(&Trial { page, tried: Some(tried) }));
    }
    let stored = Stored::read(&visitor).await?;
    let shown = stored.position(&name).map(|at| MappingForm::of_settings(&stored.rows[at]));
    let form = form.or(shown).unwrap_or_default();
    let revision = posted.trimmed("revision").parse().unwrap_or(stored.revision);
    let mut page = FormPage::new(&visitor, &name, form, revision);
    posted.text("document").clone_into(&mut page.document);
    page.tried = Some(tried);
    Ok(show(&page))
}
