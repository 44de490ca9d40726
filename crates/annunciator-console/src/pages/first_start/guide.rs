//! The other steps of the guided set-up: test message, recipients, what happens now.
//!
//! In: the settings as they are. Out: `/welcome/test`, `/welcome/recipients`, `/welcome/done`; each
//! can be left, skipped and come back to.

use std::sync::Arc;

use annunciator_api_types::SettingsView;
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::Console;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::pages::people::handout::curl_line;
use crate::refusal::{Errors, Stop};
use crate::test_stream;

/// Severities, the gravest first.
const SEVERITIES: [&str; 4] = ["critical", "failure", "warning", "info"];

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/welcome/test", get(test_form).post(test))
        .route("/welcome/recipients", get(recipients_form).post(save_recipients))
        .route("/welcome/done", get(done).post(make_token))
}

/// The steps with where one is.
pub(super) struct Steps {
    pub(super) current: usize,
    has_relay: bool,
    has_recipients: bool,
}

impl Steps {
    /// The steps, seen from one of them.
    pub(super) fn of(current: usize, settings: &SettingsView) -> Self {
        let is_set = |key: &str| !text_of(&settings.values["email"][key]).is_empty();
        Self { current, has_relay: is_set("servers"), has_recipients: is_set("recipients") }
    }

    /// Name, path, whether it is done.
    pub(super) fn all(&self) -> [(&'static str, &'static str, bool); 4] {
        [
            ("relay", "/welcome/relay", self.has_relay),
            ("test", "/welcome/test", false),
            ("recipients", "/welcome/recipients", self.has_recipients),
            ("done", "/welcome/done", false),
        ]
    }
}

/// A value as a person would type it.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

async fn settings_of(visitor: &Visitor) -> Result<SettingsView, Stop> {
    visitor.get("/api/v1/settings").await
}

#[derive(Template)]
#[template(path = "first_start/test.html")]
struct Test {
    page: Page,
    steps: Steps,
    to: String,
    /// What came of it, already rendered by our own template; empty before.
    course: String,
}

impl Test {
    fn of(visitor: &Visitor, settings: &SettingsView) -> Self {
        let recipients = text_of(&settings.values["email"]["recipients"]);
        let first = recipients.split("; ").next().unwrap_or_default().to_owned();
        let own = visitor.session.email.clone();
        Self {
            page: visitor.page("guide-test-title", ""),
            steps: Steps::of(1, settings),
            to: if own.is_empty() { first } else { own },
            course: String::new(),
        }
    }
}

async fn test_form(visitor: Visitor) -> Result<Response, Stop> {
    Ok(show(&Test::of(&visitor, &settings_of(&visitor).await?)))
}

async fn test(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let to = form.trimmed("to");
    let request = json!({
        "email": { "recipients": to, "recipients_cc": [], "recipients_bcc": [] }
    });
    if visitor.guest.is_partial {
        return test_stream::stream(&visitor, &request).await;
    }
    let course = test_stream::run(&visitor, &request).await?;
    let mut page = Test::of(&visitor, &settings_of(&visitor).await?);
    (page.to, page.course) = (to.to_owned(), course.0);
    Ok(show(&page))
}

#[derive(Template)]
#[template(path = "first_start/recipients.html")]
struct Recipients {
    page: Page,
    steps: Steps,
    recipients: String,
    severities: [(&'static str, bool); 4],
    /// Whether the event configuration decides which events are told.
    is_configured: bool,
    errors: Errors,
}

impl Recipients {
    const FIELDS: &[&str] = &["/email/recipients", "/email/notify_about"];

    fn of(visitor: &Visitor, settings: &SettingsView) -> Self {
        let email = &settings.values["email"];
        let recipients = text_of(&email["recipients"]);
        let about = &email["notify_about"];
        let is_told = |severity: &str| {
            about == "all"
                || about.as_array().is_some_and(|list| list.iter().any(|it| it == severity))
        };
        Self {
            page: visitor.page("guide-recipients-title", ""),
            steps: Steps::of(2, settings),
            recipients: if recipients.is_empty() {
                visitor.session.email.clone()
            } else {
                recipients
            },
            severities: SEVERITIES.map(|severity| (severity, is_told(severity))),
            is_configured: about == "configured",
            errors: Errors::default(),
        }
    }
}

async fn recipients_form(visitor: Visitor) -> Result<Response, Stop> {
    Ok(show(&Recipients::of(&visitor, &settings_of(&visitor).await?)))
}

async fn save_recipients(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let mut about = form.all("about");
    about.retain(|severity| SEVERITIES.contains(severity));
    let chosen = if about.len() == SEVERITIES.len() { json!("all") } else { json!(about) };
    let saved = settings_of(&visitor).await?;
    let mut patch = json!({ "email": { "recipients": form.trimmed("recipients") } });
    // No severity ticked leaves it to the event configuration, where that decides already.
    if !(about.is_empty() && saved.values["email"]["notify_about"] == "configured") {
        patch["email"]["notify_about"] = chosen;
    }
    match visitor.try_send(Method::PATCH, "/api/v1/settings", &patch).await {
        Ok(_) => Ok(lead_to(&visitor.guest, "/welcome/done")),
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let mut page = Recipients::of(&visitor, &saved);
            form.trimmed("recipients").clone_into(&mut page.recipients);
            page.severities = SEVERITIES.map(|severity| (severity, about.contains(&severity)));
            page.errors = errors;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

#[derive(Template)]
#[template(path = "first_start/done.html")]
struct Done {
    page: Page,
    steps: Steps,
    recipients: String,
    servers: String,
    /// Severities that mail is sent about, in words.
    about: String,
    token_name: String,
    /// The line with a new token, once.
    line: String,
    errors: Errors,
}

impl Done {
    const FIELDS: &[&str] = &[];

    fn of(visitor: &Visitor, settings: &SettingsView) -> Self {
        let page = visitor.page("guide-done-title", "");
        let email = &settings.values["email"];
        let about = match &email["notify_about"] {
            Value::Array(list) => {
                let words = list.iter().rev().map(|one| page.word("severity", text_of(one)));
                words.collect::<Vec<_>>().join(", ")
            }
            other => page.word("guide-about", text_of(other)),
        };
        Self {
            steps: Steps::of(3, settings),
            recipients: text_of(&email["recipients"]),
            servers: text_of(&email["servers"]),
            about,
            token_name: page.t("guide-token-name"),
            page,
            line: String::new(),
            errors: Errors::default(),
        }
    }
}

async fn done(visitor: Visitor) -> Result<Response, Stop> {
    Ok(show(&Done::of(&visitor, &settings_of(&visitor).await?)))
}

async fn make_token(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let mut page = Done::of(&visitor, &settings_of(&visitor).await?);
    form.trimmed("name").clone_into(&mut page.token_name);
    let body = json!({ "name": page.token_name, "role": "ingest" });
    match visitor.try_send(Method::POST, "/api/v1/tokens", &body).await {
        Ok(reply) => {
            let made: Value =
                reply.json("/api/v1/tokens").map_err(|refusal| visitor.stop(refusal))?;
            page.line = curl_line(&visitor.guest, &text_of(&made["token"])).await;
            Ok(show(&page))
        }
        Err(refusal) => {
            page.errors = Errors::of(&visitor.guest, refusal)?;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_fields_as_people_type_them() {
        let check = |value: Value, expected: &str| assert_eq!(text_of(&value), expected);
        check(json!(null), "");
        check(json!(["a@b.c", "d@e.f"]), "a@b.c; d@e.f");
        check(json!(25), "25");
        check(json!("off"), "off");
    }
}
