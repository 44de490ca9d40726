//! Roles: what each of them may do, and roles of one's own.
//!
//! Out: `/roles`, `/roles/{name}` for a role of one's own.

use std::sync::Arc;

use annunciator_api_types::{RoleList, RoleView, UserList};
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::{Method, StatusCode};
use serde_json::json;

use super::rights::{Group, grouped};
use crate::Console;
use crate::api::escape;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/roles", get(list).post(add))
        .route("/roles/{name}", get(role).post(save))
        .route("/roles/{name}/delete", post(delete))
}

/// What a role of one's own is called and may do, as it stands in the form.
#[derive(Default)]
struct Fields {
    name: String,
    rights: Vec<String>,
}

impl Fields {
    fn has(&self, right: &str) -> bool {
        self.rights.iter().any(|one| one == right)
    }

    /// What is wrong with a right; the API names it by its place in what was sent.
    fn problem(&self, errors: &Errors, right: &str) -> String {
        let at = self.rights.iter().position(|one| one == right);
        at.map_or_else(String::new, |at| errors.at(&format!("/rights/{at}")))
    }
}

#[derive(Template)]
#[template(path = "people/roles.html")]
struct Roles {
    page: Page,
    user_count: usize,
    roles: Vec<RoleView>,
    groups: Vec<Group>,
    fields: Fields,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "people/role.html")]
struct Role {
    page: Page,
    role: RoleView,
    groups: Vec<Group>,
    fields: Fields,
    errors: Errors,
}

fn may(role: &RoleView, right: &str) -> bool {
    role.rights.iter().any(|one| one == right)
}

impl Roles {
    const FIELDS: &[&str] = &["/name", "/rights"];

    async fn of(visitor: &Visitor, fields: Fields) -> Result<Self, Stop> {
        let page = visitor.page("people-roles-title", "users");
        let list: RoleList = visitor.get("/api/v1/roles").await?;
        let user_count = visitor.get::<UserList>("/api/v1/users").await?.users.len();
        let groups = grouped(&page, &list.rights);
        let errors = Errors::default();
        Ok(Self { page, user_count, roles: list.roles, groups, fields, errors })
    }

    fn may(role: &RoleView, right: &str) -> bool {
        may(role, right)
    }
}

impl Role {
    const FIELDS: &[&str] = &["/rights"];

    async fn of(visitor: &Visitor, name: &str) -> Result<Self, Stop> {
        let mut page = visitor.page("people-role", "users");
        let list: RoleList = visitor.get("/api/v1/roles").await?;
        let found = list.roles.into_iter().find(|role| role.name == name && !role.built_in);
        let role = found.ok_or_else(|| Stop::not_found(&visitor.guest))?;
        page.title.clone_from(&role.name);
        let groups = grouped(&page, &list.rights);
        let fields = Fields { name: role.name.clone(), rights: role.rights.clone() };
        Ok(Self { page, role, groups, fields, errors: Errors::default() })
    }
}

fn read(form: &Form, name: &str) -> Fields {
    let rights = form.all("right").into_iter().map(str::to_owned).collect();
    Fields { name: name.to_owned(), rights }
}

fn path_of(name: &str) -> String {
    format!("/api/v1/roles/{}", escape(name))
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    Ok(show(&Roles::of(&visitor, Fields::default()).await?))
}

async fn role(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    Ok(show(&Role::of(&visitor, &name.0).await?))
}

async fn add(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let fields = read(&form, form.trimmed("name"));
    let mut page = Roles::of(&visitor, fields).await?;
    let is_taken = page.roles.iter().any(|role| role.name == page.fields.name);
    // A role is made by the same operation that changes one.
    let refused = if is_taken || page.fields.name.is_empty() {
        let key = if is_taken { "people-role-taken" } else { "people-role-nameless" };
        let detail = page.page.t(key);
        let error = annunciator_api_types::FieldError::new("/name", "format", detail);
        Some(Errors { summary: page.page.t("people-role-refused"), fields: vec![error] })
    } else {
        let body = json!({ "rights": page.fields.rights });
        let sent = visitor.try_send(Method::PUT, &path_of(&page.fields.name), &body).await;
        sent.err().map(|refusal| Errors::of(&visitor.guest, refusal)).transpose()?
    };
    match refused {
        None => Ok(lead_to(&visitor.guest, "/roles?notice=created")),
        Some(errors) => {
            page.errors = errors;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn save(visitor: Visitor, name: Path<String>, form: Form) -> Result<Response, Stop> {
    let mut page = Role::of(&visitor, &name.0).await?;
    page.fields = read(&form, &name.0);
    let body = json!({ "rights": page.fields.rights });
    match visitor.try_send(Method::PUT, &path_of(&name.0), &body).await {
        Ok(_) => Ok(lead_to(&visitor.guest, "/roles?notice=saved")),
        Err(refusal) => {
            page.errors = Errors::of(&visitor.guest, refusal)?;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn delete(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    match visitor.try_send(Method::DELETE, &path_of(&name.0), &()).await {
        Ok(_) => Ok(lead_to(&visitor.guest, "/roles?notice=deleted")),
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let mut page = Role::of(&visitor, &name.0).await?;
            page.errors = errors;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}
