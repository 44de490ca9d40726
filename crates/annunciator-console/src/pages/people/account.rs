//! One's own account: name and preferences, password, sessions.
//!
//! In: `GET /api/v1/session` and `/sessions`. Out: the page `/account` and its three forms.

use std::sync::Arc;

use annunciator_api_types::{PreferencesPatch, SessionLine, SessionList};
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::{Method, StatusCode};
use jiff::tz::TimeZoneDatabase;
use serde_json::json;

use super::browsers;
use crate::Console;
use crate::api::escape;
use crate::form::Form;
use crate::language::Language;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::pages::sign_in::with_cookies;
use crate::refusal::{Errors, Stop};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/account", get(account).post(save))
        .route("/account/password", post(change_password))
        .route("/account/sign-out", post(sign_out_everywhere))
        .route("/account/sessions/{id}/end", post(end_session))
}

#[derive(Template)]
#[template(path = "people/account.html")]
struct Account {
    page: Page,
    user: String,
    fields: PreferencesFields,
    /// The time zone of this page, which is the browser's while none is set.
    zone: String,
    zones: Vec<String>,
    sessions: Vec<SessionLine>,
    errors: Errors,
    password_errors: Errors,
}

struct PreferencesFields {
    full_name: String,
    email: String,
    language: String,
    time_zone: String,
    theme: String,
}

impl Account {
    const FIELDS: &[&str] = &["/full_name", "/email", "/time_zone"];

    async fn of(visitor: &Visitor) -> Result<Self, Stop> {
        let page = visitor.page("account-title", "account");
        let session = visitor.session.clone();
        let sessions = match &session.user {
            Some(_) => visitor.get::<SessionList>("/api/v1/sessions").await?.sessions,
            None => vec![],
        };
        Ok(Self {
            zone: page.zone.iana_name().unwrap_or("UTC").to_owned(),
            zones: zones(),
            page,
            user: session.user.unwrap_or_default(),
            fields: PreferencesFields {
                full_name: session.full_name,
                email: session.email,
                language: session.language,
                time_zone: session.time_zone,
                theme: session.theme,
            },
            sessions,
            errors: Errors::default(),
            password_errors: Errors::default(),
        })
    }

    fn browser(user_agent: &str) -> String {
        browsers::in_words(user_agent)
    }
}

/// Names of places, as the IANA database lists them.
fn zones() -> Vec<String> {
    let database = TimeZoneDatabase::bundled();
    let names = database.available().map(|name| name.to_string());
    let is_place = |name: &String| {
        name == "UTC"
            || (name.contains('/') && !name.starts_with("Etc/") && !name.starts_with("SystemV/"))
    };
    let mut names: Vec<String> = names.filter(is_place).collect();
    names.sort_unstable();
    names
}

async fn account(visitor: Visitor) -> Result<Response, Stop> {
    Ok(show(&Account::of(&visitor).await?))
}

async fn save(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let text = |name: &str| Some(form.trimmed(name).to_owned());
    let patch = PreferencesPatch {
        language: text("language"),
        time_zone: text("time_zone"),
        theme: text("theme"),
        full_name: text("full_name"),
        email: text("email"),
    };
    match visitor.try_send(Method::PATCH, "/api/v1/session", &patch).await {
        Ok(_) => Ok(lead_to(&visitor.guest, "/account?notice=saved")),
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let mut page = Account::of(&visitor).await?;
            let text = |name: &str| form.trimmed(name).to_owned();
            page.fields = PreferencesFields {
                full_name: text("full_name"),
                email: text("email"),
                language: text("language"),
                time_zone: text("time_zone"),
                theme: text("theme"),
            };
            page.errors = errors;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn change_password(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let body = json!({ "current": form.text("current"), "new": form.text("new") });
    match visitor.try_send(Method::POST, "/api/v1/session/password", &body).await {
        Ok(reply) => {
            let answer = lead_to(&visitor.guest, "/account?notice=password-changed");
            Ok(with_cookies(answer, &reply.headers))
        }
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let mut page = Account::of(&visitor).await?;
            page.password_errors = errors;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn end_session(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let path = format!("/api/v1/sessions/{}", escape(&id.0));
    visitor.send(Method::DELETE, &path, &()).await?;
    Ok(lead_to(&visitor.guest, "/account?notice=session-ended"))
}

async fn sign_out_everywhere(visitor: Visitor) -> Result<Response, Stop> {
    let reply = visitor.send(Method::DELETE, "/api/v1/sessions", &()).await?;
    Ok(with_cookies(lead_to(&visitor.guest, "/sign-in"), &reply.headers))
}
