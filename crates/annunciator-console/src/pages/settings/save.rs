//! A posted tab becomes a change of the settings, or comes back with what keeps it from being one.

use annunciator_api_types::Problem;
use axum::extract::Path;
use axum::response::Response;
use hyper::header::IF_MATCH;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value};

use super::arrangement::Tab;
use super::tab::{Desk, Given};
use super::{conflict, presets, preview};
use crate::api::{Refusal, Reply, with_query};
use crate::form::Form;
use crate::page::{Visitor, lead_to};
use crate::refusal::{Errors, Stop};
use crate::settings_form::pairs;

/// Saves what was changed, in one piece.
pub(super) async fn save_tab(
    visitor: Visitor,
    name: Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let mut desk = Desk::open(visitor, &name.0).await?;
    let asked = form.trimmed("reset");
    if !asked.is_empty() {
        let form = with_default(&desk, &form, asked);
        desk.put_form(&form, &[]);
        let given = Given { is_changed: true, comment: comment_of(&form), ..Given::default() };
        return draw(desk, given).await;
    }
    let revision: i64 = form.trimmed("revision").parse().unwrap_or(desk.view.revision);
    if revision != desk.view.revision {
        return conflict::tell(desk, &form, revision).await;
    }
    let patch = changes(&desk, &form);
    let path = format!("/settings/{}", desk.tab.name);
    if patch.is_empty() {
        return Ok(lead_to(&desk.visitor.guest, &format!("{path}?notice=settings-unchanged")));
    }
    match send(&desk.visitor, &patch, revision, &comment_of(&form)).await {
        Ok(_) => Ok(lead_to(&desk.visitor.guest, &format!("{path}?notice=saved"))),
        Err(Refusal::Problem(Problem { status: 412 | 409, .. }, _)) => {
            // Somebody saved between our look and our change.
            let desk = Desk::open(desk.visitor, desk.tab.name).await?;
            conflict::tell(desk, &form, revision).await
        }
        Err(refusal) => {
            let errors = Errors::of(&desk.visitor.guest, refusal)?;
            desk.put_form(&form, &errors.fields);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let comment = comment_of(&form);
            draw(desk, Given { status, errors, comment, is_changed: true, ..Given::default() })
                .await
        }
    }
}

/// Takes back everything that a page of its own sets, in one piece.
pub(super) async fn unset(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    let tab = Tab::named(&name.0).filter(|tab| tab.is_apart());
    let Some(group) = tab.and_then(|tab| tab.group) else {
        return Err(Stop::not_found(&visitor.guest));
    };
    let patch = Map::from_iter([(group.to_owned(), Value::Null)]);
    visitor.send(Method::PATCH, "/api/v1/settings", &patch).await?;
    Ok(lead_to(&visitor.guest, &format!("/settings/{}?notice=notifier-unset", name.0)))
}

/// Draws the tab with what every drawing needs.
pub(super) async fn draw(desk: Desk, mut given: Given) -> Result<Response, Stop> {
    given.presets = presets::list(&desk).await?;
    given.preview = preview::of(&desk).await;
    Ok(desk.draw(given))
}

pub(super) fn comment_of(form: &Form) -> String {
    form.trimmed("comment").to_owned()
}

/// The merge patch of what the form changes.
pub(super) fn changes(desk: &Desk, form: &Form) -> Map<String, Value> {
    let of_sheet = |sheet: &crate::settings_form::Sheet| {
        let group = sheet.settings.first()?.group.clone();
        let changes = sheet.changes(form);
        (!changes.is_empty()).then_some((group, Value::Object(changes)))
    };
    desk.sheets.iter().filter_map(of_sheet).collect()
}

/// Sends a change of the settings as they were at a revision.
async fn send(
    visitor: &Visitor,
    patch: &Map<String, Value>,
    revision: i64,
    comment: &str,
) -> Result<Reply, Refusal> {
    let path = with_query("/api/v1/settings", &[("comment", comment)]);
    at_revision(visitor, revision).try_send(Method::PATCH, &path, patch).await
}

/// The same visitor, whose changes hold only while that revision is the newest.
pub(in crate::pages) fn at_revision(visitor: &Visitor, revision: i64) -> Visitor {
    let mut visitor = visitor.clone();
    let tag = format!("\"{revision}\"");
    visitor.guest.credentials = visitor.guest.credentials.with(IF_MATCH, &tag);
    visitor
}

/// The form with the default in place of what a field holds.
fn with_default(desk: &Desk, form: &Form, name: &str) -> Form {
    let settings = desk.sheets.iter().flat_map(|sheet| &sheet.settings);
    let Some(setting) = settings.into_iter().find(|setting| setting.name() == name) else {
        return form.clone();
    };
    let mut form = without(form, name);
    form.0.extend(pairs(setting, &setting.default));
    form.0.push((format!("reset.{name}"), "on".to_owned()));
    form
}

/// The form without a field.
pub(super) fn without(form: &Form, name: &str) -> Form {
    let inside = format!("{name}.");
    let marks = [format!("reset.{name}"), format!("clear.{name}")];
    let is_of_field = |(key, value): &&(String, String)| {
        key == name
            || key.starts_with(&inside)
            || marks.contains(key)
            || (key == "seen" && (value == name || value.starts_with(&inside)))
    };
    Form(form.0.iter().filter(|pair| !is_of_field(pair)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_leaves_a_form_with_its_marks() {
        let form = Form::parse(
            b"email.port=1&email.porter=2&seen=email.limit&seen=email.port&email.port.x=3\
              &reset.email.port=on&clear.email.port=on",
        );
        let left: Vec<_> = without(&form, "email.port").0.into_iter().map(|pair| pair.0).collect();
        assert_eq!(left, ["email.porter", "seen"]);
    }
}
