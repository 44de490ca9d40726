//! The first minutes: the system administrator is made, a user sets a password, a guided set-up.
//!
//! In: the one-time key of a link. Out: `/setup`, `/welcome?key=…`, and the steps below `/welcome/`.
//! Failure: a key that is wrong or used is told with where to find a new one.

mod guide;
mod relay;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::Console;
use crate::api::Refusal;
use crate::form::Form;
use crate::page::{Guest, Page, lead_to, show, show_as};
use crate::pages::sign_in::with_cookies;
use crate::refusal::{Errors, Stop};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/setup", get(setup_form).post(set_up))
        .route("/welcome", get(key_form).post(use_key))
        .merge(relay::routes())
        .merge(guide::routes())
}

/// The form that makes the administrator; without a key it tells where one is.
#[derive(Template)]
#[template(path = "first_start/setup.html")]
struct Setup {
    page: Page,
    /// Whether there is nobody yet.
    is_needed: bool,
    /// Whether a key was shown that does not hold.
    is_refused: bool,
    key: String,
    user: String,
    full_name: String,
    email: String,
    errors: Errors,
}

impl Setup {
    const FIELDS: &[&str] = &["/user", "/password", "/full_name", "/email"];

    async fn of(guest: &Guest, form: &Form) -> Self {
        let setup: Value = guest.try_get("/api/v1/setup").await.unwrap_or_default();
        let text = |name: &str| form.trimmed(name).to_owned();
        Self {
            page: guest.page("first-start-title"),
            is_needed: setup["needed"] != false,
            is_refused: false,
            key: text("key"),
            user: text("user"),
            full_name: text("full_name"),
            email: text("email"),
            errors: Errors::default(),
        }
    }
}

/// The form with which a user sets a password.
#[derive(Template)]
#[template(path = "first_start/welcome.html")]
struct Welcome {
    page: Page,
    is_refused: bool,
    key: String,
    errors: Errors,
}

impl Welcome {
    const FIELDS: &[&str] = &["/password"];
}

/// Whether the API says that a key does not hold.
fn is_about_key(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::NotSignedIn => true,
        Refusal::Problem(problem, _) => problem.status == 403,
        Refusal::Broken(_) => false,
    }
}

async fn setup_form(guest: Guest) -> Response {
    show(&Setup::of(&guest, &guest.query()).await)
}

async fn set_up(guest: Guest, form: Form) -> Result<Response, Stop> {
    let mut page = Setup::of(&guest, &form).await;
    let body = json!({
        "key": page.key, "user": page.user, "password": form.text("password"),
        "full_name": page.full_name, "email": page.email,
    });
    match guest.try_send(Method::POST, "/api/v1/setup", &body).await {
        Ok(reply) => Ok(with_cookies(lead_to(&guest, "/welcome/relay"), &reply.headers)),
        Err(refusal) => {
            if is_about_key(&refusal) {
                page.is_refused = true;
                page.key.clear();
            } else {
                page.errors = Errors::of(&guest, refusal)?;
            }
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn key_form(guest: Guest) -> Response {
    let key = guest.query().trimmed("key").to_owned();
    let page = guest.page("welcome-title");
    let is_refused = key.is_empty();
    show(&Welcome { page, is_refused, key, errors: Errors::default() })
}

async fn use_key(guest: Guest, form: Form) -> Result<Response, Stop> {
    let key = form.trimmed("key").to_owned();
    let body = json!({ "key": key, "password": form.text("password") });
    match guest.try_send(Method::POST, "/api/v1/session/key", &body).await {
        Ok(reply) => Ok(with_cookies(lead_to(&guest, "/"), &reply.headers)),
        Err(refusal) => {
            let is_refused = is_about_key(&refusal);
            let errors = if is_refused { Errors::default() } else { Errors::of(&guest, refusal)? };
            let page = guest.page("welcome-title");
            let page = Welcome { page, is_refused, key, errors };
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}
