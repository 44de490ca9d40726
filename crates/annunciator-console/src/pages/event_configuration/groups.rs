//! Device groups: the tree, one more, one less.

use annunciator_api_types::{DeviceGroupInput, DeviceGroupList, PolicyList};
use askama::Template;
use axum::response::Response;
use hyper::{Method, StatusCode};

use super::SECTION;
use super::tree::{Group, grouped};
use crate::api::escape;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};

#[derive(Template)]
#[template(path = "event_configuration/groups.html")]
struct GroupsPage {
    page: Page,
    groups: Vec<Group>,
    /// What was typed as a new path.
    path: String,
    errors: Errors,
}

async fn make(visitor: &Visitor, path: String, errors: Errors) -> Result<GroupsPage, Stop> {
    let groups: DeviceGroupList = visitor.get("/api/v1/device-groups").await?;
    let policies: PolicyList = visitor.get("/api/v1/policies").await?;
    let mut groups = grouped(groups, policies.policies);
    groups.retain(|group| group.depth > 0);
    let page = visitor.page("event-configuration-groups", SECTION);
    Ok(GroupsPage { page, groups, path, errors })
}

/// The tree.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Stop> {
    Ok(show(&make(&visitor, String::new(), Errors::default()).await?))
}

/// One more group, with those above it.
pub(super) async fn add(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let path = form.trimmed("path").to_owned();
    let input = DeviceGroupInput { path: path.clone() };
    match visitor.try_send(Method::POST, "/api/v1/device-groups", &input).await {
        Ok(_) => {
            let done = "/event-configuration/groups?notice=created";
            Ok(lead_to(&visitor.guest, done))
        }
        Err(refusal) => refused(&visitor, path, Errors::of(&visitor.guest, refusal)?).await,
    }
}

/// A group and those below it, when no policy is for any of them.
pub(super) async fn delete(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let path = format!("/api/v1/device-groups/{}", escape(form.text("path")));
    match visitor.try_send(Method::DELETE, &path, &()).await {
        Ok(_) => {
            let done = "/event-configuration/groups?notice=deleted";
            Ok(lead_to(&visitor.guest, done))
        }
        Err(refusal) => {
            // It is about a row, not about the field for a new path.
            let mut errors = Errors::of(&visitor.guest, refusal)?;
            for error in &mut errors.fields {
                error.pointer.clear();
            }
            refused(&visitor, String::new(), errors).await
        }
    }
}

async fn refused(visitor: &Visitor, path: String, errors: Errors) -> Result<Response, Stop> {
    Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &make(visitor, path, errors).await?))
}
