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
    /// Whether a session ended under what somebody was doing.
    has_ended: bool,
    errors: Errors,
}

impl SignIn {
    fn of(guest: &Guest, next: String) -> Self {
        let page = guest.page("sign-in-title");
        Self { page, user: String::new(), next, has_ended: false, errors: Errors::default() }
    }
}

/// A path of this console; never another site.
pub(super) fn local(next: &str) -> &str {
    // Browsers leave tabs and line breaks out of a path, and take a backslash for a slash.
    let is_inert = !next.contains(|c: char| c.is_control() || c == '\\');
    let is_local = next.starts_with('/') && !next.starts_with("//") && is_inert;
    if is_local { next } else { "/" }
}

async fn form(guest: Guest) -> Result<Response, Stop> {
    let query = guest.query();
    let next = local(query.text("next")).to_owned();
    if guest.try_get::<serde_json::Value>("/api/v1/session").await.is_ok() {
        return Ok(lead_to(&guest, &next));
    }
    let setup: serde_json::Value = guest.try_get("/api/v1/setup").await.unwrap_or_default();
    if setup["needed"] == true && setup["has_users"] != true {
        return Ok(lead_to(&guest, "/setup"));
    }
    let mut page = SignIn::of(&guest, next);
    page.has_ended = query.has("ended");
    Ok(show(&page))
}

async fn sign_in(guest: Guest, form: Form) -> Result<Response, Stop> {
    let (user, next) = (form.trimmed("user").to_owned(), local(form.text("next")).to_owned());
    let body = json!({ "user": user, "password": form.text("password") });
    let refusal = match guest.try_send(Method::POST, "/api/v1/session", &body).await {
        Ok(reply) => return Ok(with_cookies(lead_to(&guest, &next), &reply.headers)),
        Err(refusal) => refusal,
    };
    let mut page = SignIn::of(&guest, next);
    page.user = user;
    let mut wait = None;
    page.errors = match refusal {
        Refusal::NotSignedIn => told(page.page.t("sign-in-wrong")),
        Refusal::Problem(problem, Some(seconds)) if problem.status == 429 => {
            wait = Some(seconds);
            told(page.page.t1("sign-in-wait", "count", seconds))
        }
        refusal => Errors::of(&guest, refusal)?,
    };
    let Some(seconds) = wait else { return Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)) };
    let mut response = show_as(StatusCode::TOO_MANY_REQUESTS, &page);
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    Ok(response)
}

fn told(summary: String) -> Errors {
    Errors { summary, fields: vec![] }
}

async fn sign_out(guest: Guest) -> Result<Response, Stop> {
    let answer = lead_to(&guest, "/sign-in");
    match guest.try_send(Method::DELETE, "/api/v1/session", &()).await {
        Ok(reply) => Ok(with_cookies(answer, &reply.headers)),
        // The session has ended already.
        Err(Refusal::NotSignedIn) => Ok(answer),
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
        check("/\t/evil.example", "/");
        check("/\u{1}x", "/");
        check("", "/");
    }
}
