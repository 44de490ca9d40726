//! Signing in and out.
//!
//! In: user name and password. Out: the cookies that the API gives, and the page that was asked for.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode};
use serde_json::json;

use crate::Console;
use crate::api::Refusal;
use crate::form::Form;
use crate::language::Language;
use crate::page::{Guest, Page, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/sign-in", get(form).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/preferences", post(prefer))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    page: Page,
    user: String,
    next: String,
    errors: Errors,
}

/// A path of this console; never another site.
pub(super) fn local(next: &str) -> &str {
    let is_local =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if is_local { next } else { "/" }
}

fn next_of(guest: &Guest) -> String {
    let query = guest.here.split_once('?').map_or("", |(_, query)| query);
    local(Form::parse(query.as_bytes()).text("next")).to_owned()
}

async fn form(guest: Guest) -> Result<Response, Stop> {
    let next = next_of(&guest);
    if guest.try_get::<serde_json::Value>("/api/v1/session").await.is_ok() {
        return Ok(lead_to(&guest, &next));
    }
    let setup: serde_json::Value = guest.try_get("/api/v1/setup").await.unwrap_or_default();
    if setup["needed"] == true {
        return Ok(lead_to(&guest, "/setup"));
    }
    let page = guest.page("sign-in-title");
    Ok(show(&SignIn { page, user: String::new(), next, errors: Errors::default() }))
}

async fn sign_in(guest: Guest, form: Form) -> Result<Response, Stop> {
    let (user, next) = (form.trimmed("user").to_owned(), local(form.text("next")).to_owned());
    let body = json!({ "user": user, "password": form.text("password") });
    match guest.try_send(Method::POST, "/api/v1/session", &body).await {
        Ok(reply) => Ok(with_cookies(lead_to(&guest, &next), &reply.headers)),
        Err(Refusal::NotSignedIn(problem)) => {
            let summary = problem.detail.unwrap_or(problem.title);
            let errors = Errors { summary, fields: vec![] };
            let page = guest.page("sign-in-title");
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &SignIn { page, user, next, errors }))
        }
        Err(refusal) => {
            let errors = Errors::of(&guest, refusal)?;
            let page = guest.page("sign-in-title");
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &SignIn { page, user, next, errors }))
        }
    }
}

async fn sign_out(guest: Guest) -> Result<Response, Stop> {
    let answer = lead_to(&guest, "/sign-in");
    match guest.try_send(Method::DELETE, "/api/v1/session", &()).await {
        Ok(reply) => Ok(with_cookies(answer, &reply.headers)),
        // The session has ended already.
        Err(Refusal::NotSignedIn(_)) => Ok(answer),
        Err(refusal) => Err(Stop::of(&guest, refusal)),
    }
}

/// Language of who is not signed in.
async fn prefer(guest: Guest, form: Form) -> Response {
    let language = Language::of_tag(form.text("language")).unwrap_or(guest.language);
    let cookie = format!(
        "annunciator_language={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
        language.tag()
    );
    ([(header::SET_COOKIE, cookie)], lead_to(&guest, local(form.text("next")))).into_response()
}

/// An answer that also hands on the cookies of the API.
pub(super) fn with_cookies(mut response: Response, from: &HeaderMap) -> Response {
    for cookie in from.get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_is_led_to_another_site() {
        let check = |next: &str, expected: &str| assert_eq!(local(next), expected, "{next:?}");
        check("/events?q=1", "/events?q=1");
        check("//evil.example", "/");
        check("/\\evil.example", "/");
        check("https://evil.example", "/");
        check("/x\r\nSet-Cookie: a=b", "/");
        check("", "/");
    }
}
