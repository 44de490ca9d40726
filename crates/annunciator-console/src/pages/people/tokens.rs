//! API tokens: which there are, a new one, one less.
//!
//! Out: `/tokens`. A new token stands in the answer to the form, once.

use std::sync::Arc;

use annunciator_api_types::{
    FieldError, NewToken, NewTokenRequest, RoleList, TokenList, TokenView,
};
use annunciator_core::Timestamp;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::{Method, StatusCode};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::handout::{curl_line, status_line};
use super::{RoleChoice, role_choices};
use crate::Console;
use crate::api::escape;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};

/// Roles of a server that does not tell us all of them.
const BUILT_IN: [&str; 4] = ["ingest", "viewer", "operator", "administrator"];

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/tokens", get(list).post(add)).route("/tokens/{id}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "people/tokens.html")]
struct Tokens {
    page: Page,
    tokens: Vec<TokenView>,
    roles: Vec<RoleChoice>,
    name: String,
    ends: String,
    errors: Errors,
}

/// A token that is shown once.
#[derive(Template)]
#[template(path = "people/token.html")]
struct Token {
    page: Page,
    token: String,
    record: TokenView,
    line: String,
}

impl Tokens {
    const FIELDS: &[&str] = &["/name", "/role", "/expires_at"];

    async fn of(visitor: &Visitor, role: &str) -> Result<Self, Stop> {
        let page = visitor.page("nav-tokens", "tokens");
        let mut tokens = visitor.get::<TokenList>("/api/v1/tokens").await?.tokens;
        tokens.reverse();
        // Who manages tokens need not manage users.
        let own = match visitor.try_get::<RoleList>("/api/v1/roles").await {
            Ok(list) => {
                list.roles.into_iter().filter(|role| !role.built_in).map(|it| it.name).collect()
            }
            Err(_) => vec![],
        };
        let names = BUILT_IN.map(str::to_owned).into_iter().chain(own);
        let roles = role_choices(&page, names, role);
        let (name, ends) = (String::new(), String::new());
        Ok(Self { page, tokens, roles, name, ends, errors: Errors::default() })
    }

    fn has_ended(&self, token: &TokenView) -> bool {
        token.expires_at.is_some_and(|end| end <= self.page.now)
    }
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    Ok(show(&Tokens::of(&visitor, "ingest").await?))
}

/// The end of this day where the reader is.
fn end_of(day: &str, zone: &TimeZone) -> Option<Timestamp> {
    let next: Date = day.parse::<Date>().ok()?.tomorrow().ok()?;
    let end = next.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(end.timestamp().as_millisecond()))
}

async fn add(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let (role, ends) = (form.trimmed("role").to_owned(), form.trimmed("ends"));
    let page = visitor.page("people-token-made", "tokens");
    let expires_at = end_of(ends, &page.zone);
    if expires_at.is_none() && !ends.is_empty() {
        // A mistyped day must not make a token that never ends.
        let error = FieldError::new("/expires_at", "format", page.t("people-token-day-wrong"));
        let errors = Errors { summary: page.t("people-token-refused"), fields: vec![error] };
        return come_back(&visitor, &form, errors).await;
    }
    let request = NewTokenRequest { name: form.trimmed("name").to_owned(), role, expires_at };
    match visitor.try_send(Method::POST, "/api/v1/tokens", &request).await {
        Ok(reply) => {
            let made: NewToken =
                reply.json("/api/v1/tokens").map_err(|refusal| visitor.stop(refusal))?;
            let line = match made.record.role.as_str() {
                "ingest" | "administrator" => curl_line(&visitor.guest, &made.token).await,
                _ => status_line(&visitor.guest, &made.token).await,
            };
            Ok(show(&Token { page, token: made.token, record: made.record, line }))
        }
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            come_back(&visitor, &form, errors).await
        }
    }
}

async fn come_back(visitor: &Visitor, form: &Form, errors: Errors) -> Result<Response, Stop> {
    let mut page = Tokens::of(visitor, form.trimmed("role")).await?;
    page.errors = errors;
    (page.name, page.ends) = (form.trimmed("name").to_owned(), form.trimmed("ends").to_owned());
    Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn delete(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    visitor.send(Method::DELETE, &format!("/api/v1/tokens/{}", escape(&id.0)), &()).await?;
    Ok(lead_to(&visitor.guest, "/tokens?notice=deleted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_with_its_day_where_the_reader_is() {
        let check = |day: &str, zone: &str, expected: Option<&str>| {
            let zone = crate::moments::zone(zone);
            assert_eq!(end_of(day, &zone), expected.map(|at| at.parse().unwrap()), "{day}");
        };
        check("2026-11-30", "UTC", Some("2026-12-01T00:00:00.000Z"));
        check("2026-11-30", "Europe/Moscow", Some("2026-11-30T21:00:00.000Z"));
        check("", "UTC", None);
        check("30.11.2026", "UTC", None);
    }
}
