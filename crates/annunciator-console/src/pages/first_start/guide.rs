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
use crate::page::{Guest, Page, Visitor, lead_to, show, show_as};
use crate::pages::people::handout::curl_line;
use crate::refusal::{Errors, Stop};
use crate::settings_form::split;
use crate::test_stream;

/// Severities, the gravest first.
const SEVERITIES: [&str; 4] = ["critical", "failure", "warning", "info"];
/// What a link ends with after a test message has arrived.
const TESTED: &str = "?tested=1";

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
    /// Whether a test message arrived on the way here; links carry it from step to step.
    is_tested: bool,
}

impl Steps {
    /// The steps, seen from one of them.
    pub(super) fn of(current: usize, guest: &Guest, settings: &SettingsView) -> Self {
        let is_set = |key: &str| !text_of(&settings.values["email"][key]).is_empty();
        Self {
            current,
            has_relay: is_set("servers"),
            has_recipients: is_set("recipients"),
            is_tested: guest.query().text("tested") == "1",
        }
    }

    /// Name, path, whether it is done.
    pub(super) fn all(&self) -> [(&'static str, &'static str, bool); 4] {
        [
            ("relay", "/welcome/relay", self.has_relay),
            ("test", "/welcome/test", self.is_tested),
            ("recipients", "/welcome/recipients", self.has_recipients),
            ("done", "/welcome/done", false),
        ]
    }

    /// What a link to another step ends with.
    pub(super) fn mark(&self) -> &'static str {
        if self.is_tested { TESTED } else { "" }
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

/// Servers, each with the port.
fn with_port(servers: &str, port: &str) -> String {
    let one = |server: &str| {
        let is_bare_ipv6 = server.contains(':') && !server.starts_with('[');
        if is_bare_ipv6 { format!("[{server}]:{port}") } else { format!("{server}:{port}") }
    };
    let all: Vec<String> = servers.split("; ").filter(|it| !it.is_empty()).map(one).collect();
    all.join("; ")
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
            steps: Steps::of(1, &visitor.guest, settings),
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
            steps: Steps::of(2, &visitor.guest, settings),
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

/// Says with each error which of the addresses it is about.
fn name_items(errors: &mut Errors, recipients: &[&str]) {
    for error in &mut errors.fields {
        let at = error.pointer.strip_prefix("/email/recipients/");
        let item = at.and_then(|at| recipients.get(at.parse::<usize>().ok()?));
        if let Some(item) = item {
            let item = annunciator_core::one_line(item, 80);
            error.detail = format!("{item}: {}", error.detail);
        }
    }
}

async fn save_recipients(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let mut about = form.all("about");
    about.retain(|severity| SEVERITIES.contains(severity));
    let chosen = if about.len() == SEVERITIES.len() { json!("all") } else { json!(about) };
    let saved = settings_of(&visitor).await?;
    let typed = form.text("recipients").replace("\r\n", "\n");
    let recipients = split(&typed);
    let mut patch = json!({ "email": { "recipients": recipients } });
    // No severity ticked leaves it to the event configuration, where that decides already.
    if !(about.is_empty() && saved.values["email"]["notify_about"] == "configured") {
        patch["email"]["notify_about"] = chosen;
    }
    match visitor.try_send(Method::PATCH, "/api/v1/settings", &patch).await {
        Ok(_) => {
            let mark = Steps::of(2, &visitor.guest, &saved).mark();
            Ok(lead_to(&visitor.guest, &format!("/welcome/done{mark}")))
        }
        Err(refusal) => {
            let mut errors = Errors::of(&visitor.guest, refusal)?;
            name_items(&mut errors, &recipients);
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
    /// With their port.
    servers: String,
    tls: String,
    sender: String,
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
            steps: Steps::of(3, &visitor.guest, settings),
            recipients: text_of(&email["recipients"]),
            servers: with_port(&text_of(&email["servers"]), &text_of(&email["port"])),
            tls: page.word("guide-tls", text_of(&email["tls"])),
            sender: text_of(&email["sender"]),
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
    fn servers_stand_with_their_port() {
        let check = |servers: &str, expected: &str| {
            assert_eq!(with_port(servers, "587"), expected);
        };
        check("", "");
        check("mail.example.org", "mail.example.org:587");
        check("::1; [::2]; b", "[::1]:587; [::2]:587; b:587");
    }

    #[test]
    fn values_stand_in_fields_as_people_type_them() {
        let check = |value: Value, expected: &str| assert_eq!(text_of(&value), expected);
        check(json!(null), "");
        check(json!(["a@b.c", "d@e.f"]), "a@b.c; d@e.f");
        check(json!(25), "25");
        check(json!("off"), "off");
    }
}
