//! Ready texts to pick from, each as it looks.
//!
//! In: the setting that a text is for, and a language. Out: the content of a dialog, whose buttons
//! fill the form; a page of HTML in a frame that can do nothing.

use annunciator_api_types::{TemplateList, TemplateView};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use serde_json::json;

use crate::api::with_query;
use crate::language::Language;
use crate::page::{Page, Visitor, show};
use crate::pages::ledger::framed;
use crate::refusal::Stop;

/// The kind of ready text that a setting takes; nothing where there is none.
pub(super) fn kind_of(field: &str) -> Option<&'static str> {
    match field {
        "email.message" => Some("message"),
        "email.html_message" => Some("html_message"),
        "sms.message" => Some("sms"),
        _ => None,
    }
}

#[derive(Template)]
#[template(path = "settings/ready.html")]
struct Ready {
    page: Page,
    field: String,
    kind: &'static str,
    languages: [Language; 2],
    chosen: Language,
    texts: Vec<TemplateView>,
}

impl Ready {
    /// What a click fills in.
    fn fill(&self, text: &TemplateView) -> String {
        json!({ &self.field: text.text }).to_string()
    }
}

async fn texts(visitor: &Visitor, language: Language) -> Result<Vec<TemplateView>, Stop> {
    let path = with_query("/api/v1/settings/templates", &[("language", language.tag())]);
    Ok(visitor.get::<TemplateList>(&path).await?.templates)
}

/// The dialog for a setting.
pub(super) async fn open(visitor: Visitor) -> Result<Response, Stop> {
    let query = visitor.guest.query();
    let field = query.text("field").to_owned();
    let kind = kind_of(&field).ok_or_else(|| Stop::not_found(&visitor.guest))?;
    // The language of the readers comes with the form.
    let group = field.split('.').next().unwrap_or_default();
    let asked = [query.text("language"), query.text(&format!("{group}.language"))];
    let chosen = asked.into_iter().find_map(Language::of_tag);
    let chosen = chosen.unwrap_or(Language::English);
    let texts = texts(&visitor, chosen).await?;
    let texts = texts.into_iter().filter(|text| text.kind == kind).collect();
    let page = visitor.page("settings-ready-title", "delivery");
    Ok(show(&Ready { page, field, kind, languages: Language::ALL, chosen, texts }))
}

/// A page of HTML with a sample event.
pub(super) async fn sample(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    let language = Language::of_tag(visitor.guest.query().text("language"));
    let texts = texts(&visitor, language.unwrap_or(Language::English)).await?;
    let found = texts.into_iter().find(|text| text.name == name.0 && text.kind == "html_message");
    found.map(|text| framed(text.sample)).ok_or_else(|| Stop::not_found(&visitor.guest))
}
