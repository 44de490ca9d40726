//! All users, and a new one.
//!
//! Out: `/users`. The one-time link of a new user stands in the answer to the form, once.

use std::sync::Arc;

use annunciator_api_types::{NewUserRequest, RoleList, UserList, UserSaved, UserView};
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use hyper::{Method, StatusCode};

use super::handout::one_time_link;
use super::{RoleChoice, role_choices};
use crate::Console;
use crate::api::escape;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/users", get(list).post(add))
}

#[derive(Template)]
#[template(path = "people/users.html")]
struct Users {
    page: Page,
    users: Vec<UserView>,
    roles: Vec<RoleChoice>,
    /// How many roles there are.
    role_count: usize,
    fields: NewUserRequest,
    has_own_password: bool,
    errors: Errors,
}

/// A link that is shown once.
#[derive(Template)]
#[template(path = "people/link.html")]
pub(super) struct Link {
    page: Page,
    user: UserView,
    link: String,
}

impl Link {
    pub(super) async fn of(visitor: &Visitor, user: UserView, key: &str) -> Self {
        let page = visitor.page("people-link-title", "users");
        Self { page, user, link: one_time_link(&visitor.guest, key).await }
    }
}

impl Users {
    const FIELDS: &[&str] = &["/name", "/full_name", "/email", "/role", "/password"];

    async fn of(visitor: &Visitor, fields: NewUserRequest) -> Result<Self, Stop> {
        let page = visitor.page("nav-users", "users");
        let users = visitor.get::<UserList>("/api/v1/users").await?.users;
        let all = visitor.get::<RoleList>("/api/v1/roles").await?.roles;
        let role_count = all.len();
        // A person who only hands in events has nothing to sign in for.
        let names = all.into_iter().map(|role| role.name).filter(|name| name != "ingest");
        Ok(Self {
            users,
            roles: role_choices(&page, names, &fields.role),
            role_count,
            page,
            fields,
            has_own_password: false,
            errors: Errors::default(),
        })
    }
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let fields = NewUserRequest { role: "viewer".to_owned(), ..NewUserRequest::default() };
    Ok(show(&Users::of(&visitor, fields).await?))
}

async fn add(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let text = |name: &str| form.trimmed(name).to_owned();
    let has_own_password = form.text("way") == "password";
    let mut request = NewUserRequest {
        name: text("name"),
        role: text("role"),
        password: has_own_password.then(|| form.text("password").to_owned()),
        full_name: text("full_name"),
        email: text("email"),
        ..NewUserRequest::default()
    };
    match visitor.try_send(Method::POST, "/api/v1/users", &request).await {
        Ok(reply) => {
            let saved: UserSaved =
                reply.json("/api/v1/users").map_err(|refusal| visitor.stop(refusal))?;
            match saved.sign_in_link_key {
                Some(key) => Ok(show(&Link::of(&visitor, saved.user, &key).await)),
                None => {
                    let name = escape(&saved.user.name);
                    Ok(lead_to(&visitor.guest, &format!("/users/{name}?notice=created")))
                }
            }
        }
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            request.password = None;
            let mut page = Users::of(&visitor, request).await?;
            (page.errors, page.has_own_password) = (errors, has_own_password);
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}
