//! One user: what they are called, what they may do, how they sign in.
//!
//! Out: `/users/{name}` and its forms. What the API refuses, such as taking the last administrator
//! away, stands above the forms in its words.

use std::sync::Arc;

use annunciator_api_types::{
    RoleList, SubscriptionList, SubscriptionView, UserPatch, UserSaved, UserView,
};
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::users::Link;
use super::{RoleChoice, role_choices};
use crate::Console;
use crate::api::{Refusal, Reply, escape};
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/users/{name}", get(user).post(save))
        .route("/users/{name}/block", post(block))
        .route("/users/{name}/unblock", post(unblock))
        .route("/users/{name}/link", post(give_link))
        .route("/users/{name}/password", post(set_password))
        .route("/users/{name}/sign-out", post(sign_out))
        .route("/users/{name}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "people/user.html")]
struct User {
    page: Page,
    user: UserView,
    /// Whether it is the one who looks.
    is_own: bool,
    roles: Vec<RoleChoice>,
    errors: Errors,
    password_errors: Errors,
    /// Subscriptions that name the user, as far as the visitor may see them.
    subscriptions: Vec<String>,
}

/// Path of the API for a user.
fn path_of(name: &str, operation: &str) -> String {
    format!("/api/v1/users/{}{operation}", escape(name))
}

impl User {
    const FIELDS: &[&str] = &["/full_name", "/email", "/role"];

    async fn of(visitor: &Visitor, name: &str) -> Result<Self, Stop> {
        let mut page = visitor.page("people-user", "users");
        let user: UserView = visitor.get(&path_of(name, "")).await?;
        let roles = visitor.get::<RoleList>("/api/v1/roles").await?.roles;
        let names = roles.into_iter().map(|role| role.name);
        let names = names.filter(|name| name != "ingest" || user.role == "ingest");
        page.title.clone_from(&user.name);
        Ok(Self {
            roles: role_choices(&page, names, &user.role),
            page,
            is_own: visitor.session.user.as_ref() == Some(&user.name),
            user,
            errors: Errors::default(),
            password_errors: Errors::default(),
            subscriptions: subscriptions(visitor, name).await,
        })
    }
}

/// Names of the subscriptions that name a user; none for who may not see all.
async fn subscriptions(visitor: &Visitor, user: &str) -> Vec<String> {
    if !visitor.may("read_subscriptions") || !visitor.may("read_settings") {
        return Vec::new();
    }
    let list = visitor.try_get::<SubscriptionList>("/api/v1/subscriptions").await;
    let names = |one: &SubscriptionView| {
        let users = one.settings.get("users").and_then(Value::as_array).into_iter().flatten();
        users.filter_map(Value::as_str).any(|name| name.eq_ignore_ascii_case(user))
    };
    let found = list.map(|list| list.subscriptions).unwrap_or_default();
    found.into_iter().filter(names).map(|one| one.name).collect()
}

async fn user(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    Ok(show(&User::of(&visitor, &name.0).await?))
}

/// Back to the page of the user, with what was done or why it was not.
async fn settle(
    visitor: &Visitor,
    name: &str,
    sent: Result<Reply, Refusal>,
    notice: &str,
) -> Result<Response, Stop> {
    match sent {
        Ok(_) => {
            let path = format!("/users/{}?notice={notice}", escape(name));
            Ok(lead_to(&visitor.guest, &path))
        }
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let mut page = User::of(visitor, name).await?;
            page.errors = errors;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn save(visitor: Visitor, name: Path<String>, form: Form) -> Result<Response, Stop> {
    let text = |name: &str| form.has(name).then(|| form.trimmed(name).to_owned());
    let patch = UserPatch {
        role: text("role"),
        full_name: text("full_name"),
        email: text("email"),
        ..UserPatch::default()
    };
    match visitor.try_send(Method::PATCH, &path_of(&name.0, ""), &patch).await {
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let mut page = User::of(&visitor, &name.0).await?;
            page.user.full_name = patch.full_name.unwrap_or_default();
            page.user.email = patch.email.unwrap_or_default();
            page.errors = errors;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        sent => settle(&visitor, &name.0, sent, "saved").await,
    }
}

async fn set_blocked(visitor: &Visitor, name: &str, blocked: bool) -> Result<Response, Stop> {
    let patch = UserPatch { blocked: Some(blocked), ..UserPatch::default() };
    let sent = visitor.try_send(Method::PATCH, &path_of(name, ""), &patch).await;
    settle(visitor, name, sent, if blocked { "user-blocked" } else { "user-unblocked" }).await
}

async fn block(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    set_blocked(&visitor, &name.0, true).await
}

async fn unblock(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    set_blocked(&visitor, &name.0, false).await
}

async fn give_link(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    let path = path_of(&name.0, "/key");
    let reply = visitor.send(Method::POST, &path, &()).await?;
    let saved: UserSaved = reply.json(&path).map_err(|refusal| visitor.stop(refusal))?;
    let key = saved.sign_in_link_key.unwrap_or_default();
    Ok(show(&Link::of(&visitor, saved.user, &key).await))
}

async fn set_password(visitor: Visitor, name: Path<String>, form: Form) -> Result<Response, Stop> {
    let body = json!({ "password": form.text("password") });
    match visitor.try_send(Method::POST, &path_of(&name.0, "/password"), &body).await {
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let mut page = User::of(&visitor, &name.0).await?;
            page.password_errors = errors;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        sent => settle(&visitor, &name.0, sent, "password-set").await,
    }
}

async fn sign_out(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    let sent = visitor.try_send(Method::POST, &path_of(&name.0, "/sign-out"), &()).await;
    settle(&visitor, &name.0, sent, "user-signed-out").await
}

async fn delete(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    match visitor.try_send(Method::DELETE, &path_of(&name.0, ""), &()).await {
        Ok(_) => Ok(lead_to(&visitor.guest, "/users?notice=deleted")),
        refused => settle(&visitor, &name.0, refused, "deleted").await,
    }
}
