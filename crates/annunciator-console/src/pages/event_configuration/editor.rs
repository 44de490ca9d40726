//! The editor of overrides: of one type, of several at once, of a severity, or of all events.
//!
//! In: the owner and the events, out of the address. Out: each setting with what it inherits, its
//! own value and its lock; all overrides changed, or none.
//! Failure: what the API refuses stands beside its field, with everything as it was typed.

mod inherited;
mod subject;
mod view;

use annunciator_api_types::{FieldError, OverrideChange, OverridesSaved};
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::owner::Owner;
use super::{SECTION, change, send_at};
use crate::form::Form;
use crate::page::{Visitor, lead_to, show, show_as};
use crate::pages::settings::certificates;
use crate::refusal::{Errors, Stop};
use crate::settings_form::Definitions;
use inherited::Inherited;
use subject::Subject;
use view::{Beneath, EditorPage};

const PATH: &str = "/api/v1/overrides";

/// The editor as it stands.
pub(super) async fn edit(visitor: Visitor) -> Result<Response, Stop> {
    let asked = visitor.guest.query();
    let subject = match Subject::read(&visitor, &asked).await? {
        Ok(subject) => subject,
        Err(owner) => return Ok(several(&visitor, &owner)),
    };
    Ok(show(&make(&visitor, subject, None, Errors::default()).await?))
}

/// Types of several applications were ticked: an override is for one.
fn several(visitor: &Visitor, owner: &Owner) -> Response {
    lead_to(&visitor.guest, &owner.path_with("event-configuration-one-application"))
}

async fn make(
    visitor: &Visitor,
    subject: Subject,
    typed: Option<&Form>,
    errors: Errors,
) -> Result<EditorPage, Stop> {
    let definitions = Definitions::of(visitor).await?;
    let inherited = Inherited::read(visitor, &subject).await?;
    let page = visitor.page("event-configuration-override", SECTION);
    let choices = certificates::choices(visitor, &page).await;
    let beneath = Beneath { inherited, choices };
    Ok(EditorPage::new(visitor, subject, &beneath, &definitions, typed, errors))
}

/// Saves the form for all of its events, or for none.
pub(super) async fn save(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let subject = match Subject::read(&visitor, &form).await? {
        Ok(subject) => subject,
        Err(owner) => return Ok(several(&visitor, &owner)),
    };
    let definitions = Definitions::of(&visitor).await?;
    let mut request = subject.request();
    request.change = Some(change::of_form(&form, &definitions, &subject.entries));
    subject.take_conditions(&form, &mut request);
    let sent = send_at(&visitor, form.text("revision"), (Method::PATCH, PATH), &request).await;
    match sent {
        Ok(reply) => {
            let saved: OverridesSaved = reply.json(PATH).map_err(|r| visitor.stop(r))?;
            done(&visitor, &subject.owner, saved)
        }
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let page = make(&visitor, subject, Some(&form), errors).await?;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

/// Clears the overrides: what is farther holds again.
pub(super) async fn clear(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let subject = match Subject::read(&visitor, &form).await? {
        Ok(subject) => subject,
        Err(owner) => return Ok(several(&visitor, &owner)),
    };
    let request = OverrideChange { use_administration_server_settings: true, ..subject.request() };
    let sent = send_at(&visitor, form.text("revision"), (Method::PATCH, PATH), &request).await;
    match sent {
        Ok(_) => {
            Ok(lead_to(&visitor.guest, &subject.owner.path_with("event-configuration-cleared")))
        }
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let page = make(&visitor, subject, None, errors).await?;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

/// After saving: the owner's page, or what deserves a look.
fn done(visitor: &Visitor, owner: &Owner, saved: OverridesSaved) -> Result<Response, Stop> {
    let is_of_request = |warning: &FieldError| {
        ["/change", "/targets", "/application"].iter().any(|at| warning.pointer.starts_with(at))
    };
    let warnings: Vec<_> = saved.warnings.into_iter().filter(is_of_request).collect();
    if warnings.is_empty() {
        return Ok(lead_to(&visitor.guest, &owner.path_with("saved")));
    }
    Ok(show(&view::SavedPage::new(visitor, owner, warnings)))
}

/// A list of conditions that is none.
fn is_none(conditions: &Value) -> bool {
    conditions.as_array().is_none_or(Vec::is_empty)
}
