//! The first step of the guided set-up: the relay and the sender.
//!
//! In: a preset of the API, or none; what was typed. Out: a change of the settings of e-mail.

use std::sync::Arc;

use annunciator_api_types::{PresetList, PresetQuestion, PresetView, SettingsView};
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::guide::{Steps, text_of};
use crate::Console;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};
use crate::settings_form::{Definitions, problem_words};

/// Questions that have a field of their own in every form.
const COMMON: [&str; 3] = ["servers", "username", "password"];
/// Modes of TLS, the usual one first.
const TLS_MODES: [&str; 4] = ["if_supported", "required", "implicit", "off"];

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/welcome/relay", get(form).post(save))
}

#[derive(Template)]
#[template(path = "first_start/relay.html")]
struct Relay {
    page: Page,
    steps: Steps,
    presets: Vec<PresetView>,
    preset: Option<PresetView>,
    servers: String,
    port: String,
    tls: String,
    tls_modes: [&'static str; 4],
    has_auth: bool,
    /// The settings of e-mail as they are.
    saved: Value,
    username: String,
    has_password: bool,
    sender: String,
    answers: Vec<(PresetQuestion, String)>,
    errors: Errors,
}

impl Relay {
    const FIELDS: &[&str] = &[
        "/email/servers",
        "/email/port",
        "/email/tls",
        "/email/username",
        "/email/password",
        "/email/sender",
        "/email/oauth_client_id",
        "/email/oauth_client_secret",
        "/email/oauth_refresh_token",
    ];

    async fn of(visitor: &Visitor, preset: &str) -> Result<Self, Stop> {
        let page = visitor.page("guide-relay-title", "");
        let presets = visitor.get::<PresetList>("/api/v1/settings/presets").await?.presets;
        let settings: SettingsView = visitor.get("/api/v1/settings").await?;
        let email = &settings.values["email"];
        let preset = presets.iter().find(|one| one.name == preset).cloned();
        let questions = preset.iter().flat_map(|preset| &preset.questions);
        let own = questions.filter(|question| !COMMON.contains(&question.name.as_str()));
        Ok(Self {
            page,
            steps: Steps::of(0, &visitor.guest, &settings),
            answers: own.map(|question| (question.clone(), String::new())).collect(),
            presets,
            preset,
            servers: text_of(&email["servers"]),
            port: text_of(&email["port"]),
            tls: text_of(&email["tls"]),
            tls_modes: TLS_MODES,
            has_auth: text_of(&email["auth"]) == "password",
            saved: email.clone(),
            username: text_of(&email["username"]),
            has_password: !text_of(&email["password"]).is_empty(),
            sender: text_of(&email["sender"]),
            errors: Errors::default(),
        })
    }

    /// What was typed, for a form that comes back.
    fn fill(&mut self, form: &Form) {
        for (name, field) in [
            ("servers", &mut self.servers),
            ("port", &mut self.port),
            ("tls", &mut self.tls),
            ("username", &mut self.username),
            ("sender", &mut self.sender),
        ] {
            if form.has(name) {
                form.trimmed(name).clone_into(field);
            }
        }
        self.has_auth = form.is_on("auth");
        for (question, answer) in &mut self.answers {
            if !is_secret(&question.name) {
                form.trimmed(&format!("answer-{}", question.name)).clone_into(answer);
            }
        }
    }

    fn is_current(&self, name: &str) -> bool {
        self.preset.as_ref().is_some_and(|preset| preset.name == name)
    }

    /// Whether the preset asks for this; without a preset everything common is asked for.
    fn asks(&self, name: &str) -> bool {
        let asks = |preset: &PresetView| preset.questions.iter().any(|one| one.name == name);
        self.preset.as_ref().is_none_or(asks)
    }

    /// What the preset says of a common question.
    fn detail(&self, name: &str) -> String {
        let questions = self.preset.iter().flat_map(|preset| &preset.questions);
        questions.filter(|one| one.name == name).map(|one| one.detail.clone()).collect()
    }

    fn servers_hint(&self) -> String {
        let detail = self.detail("servers");
        if detail.is_empty() { self.page.t("guide-servers-hint") } else { detail }
    }

    /// A name for a preset that fits a button.
    fn preset_words(&self, preset: &PresetView) -> String {
        let key = format!("guide-preset-{}", preset.name.replace('_', "-"));
        self.page.language.find(&key).unwrap_or_else(|| preset.title.clone())
    }

    /// What a preset has decided, in a line.
    fn decided(&self) -> String {
        let Some(preset) = &self.preset else { return String::new() };
        let value = |key: &str| preset.values.get(key).map(text_of);
        let mut parts: Vec<String> = value("servers").into_iter().collect();
        parts.extend(value("port").map(|port| self.page.t1("guide-port-is", "port", port)));
        parts.extend(value("tls").map(|tls| self.page.word("guide-tls", tls)));
        parts.join(", ")
    }

    fn problem(&self, name: &str) -> String {
        self.errors.at(&format!("/email/{name}"))
    }

    fn question_words(&self, name: &str) -> String {
        self.page.word("guide-question", name)
    }

    fn is_secret(name: &str) -> bool {
        is_secret(name)
    }
}

fn is_secret(name: &str) -> bool {
    name.contains("secret") || name.ends_with("refresh_token") || name == "password"
}

async fn form(visitor: Visitor) -> Result<Response, Stop> {
    let query = visitor.guest.query();
    Ok(show(&Relay::of(&visitor, query.text("preset")).await?))
}

async fn save(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let mut page = Relay::of(&visitor, form.text("preset")).await?;
    let patch = json!({ "email": patch_of(page.preset.as_ref(), &form, &page.saved) });
    match visitor.try_send(Method::PATCH, "/api/v1/settings", &patch).await {
        Ok(_) => Ok(lead_to(&visitor.guest, "/welcome/test")),
        Err(refusal) => {
            page.errors = in_words(&visitor, Errors::of(&visitor.guest, refusal)?).await?;
            page.fill(&form);
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

/// Errors in the words that the pages of the settings have for them; a password that is kept cannot
/// be removed here, so it is asked for in words of our own.
async fn in_words(visitor: &Visitor, mut errors: Errors) -> Result<Errors, Stop> {
    let definitions = Definitions::of(visitor).await?;
    let language = visitor.guest.language;
    for error in &mut errors.fields {
        let is_password = error.code == "retype" && error.pointer == "/email/password";
        error.detail = if is_password {
            language.say("guide-password-again")
        } else {
            problem_words(language, definitions.group("email"), error)
        };
    }
    Ok(errors)
}

/// What a form changes in the settings of e-mail; what it leaves as it is saved is no change.
fn patch_of(preset: Option<&PresetView>, form: &Form, saved: &Value) -> Map<String, Value> {
    let mut email = Map::new();
    if let Some(preset) = preset {
        email.extend(preset.cleared.iter().map(|key| (key.clone(), Value::Null)));
        email.extend(preset.values.iter().map(|(key, value)| (key.clone(), filled(value, form))));
        for question in &preset.questions {
            let is_place =
                preset.values.values().any(|it| text_of(it).contains(&place(&question.name)));
            if !is_place && !COMMON.contains(&question.name.as_str()) {
                let answer = form.trimmed(&format!("answer-{}", question.name));
                email.insert(question.name.clone(), answer.into());
            }
        }
    }
    let typed = |name: &str| form.has(name).then(|| Value::from(form.trimmed(name)));
    for name in ["servers", "tls", "sender"] {
        email.extend(typed(name).map(|value| (name.to_owned(), value)));
    }
    if form.has("port") {
        let port = form.trimmed("port");
        let port = port.parse::<u32>().map_or_else(|_| Value::from(port), Value::from);
        email.insert("port".to_owned(), port);
    }
    // Off here is also the way of authentication that this page does not know, such as OAuth 2.0.
    let is_auth_changed = form.is_on("auth") != (text_of(&saved["auth"]) == "password");
    if preset.is_none() && is_auth_changed {
        email.insert("auth".to_owned(), if form.is_on("auth") { "password" } else { "off" }.into());
    }
    if form.has("username") {
        email.extend(typed("username").map(|value| ("username".to_owned(), value)));
    }
    // An empty field keeps the password that is saved; it is never shown.
    if !form.text("password").is_empty() {
        email.insert("password".to_owned(), form.text("password").into());
    }
    if preset.is_none() {
        email.retain(|key, value| text_of(value) != text_of(&saved[key.as_str()]));
    }
    email
}

fn place(name: &str) -> String {
    format!("<{name}>")
}

/// A value of a preset with the answers at their places.
fn filled(value: &Value, form: &Form) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let mut text = text.to_owned();
    for (name, answer) in &form.0 {
        if let Some(name) = name.strip_prefix("answer-") {
            text = text.replace(&place(name), answer.trim());
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(preset: Option<Value>, form: &str, expected: &Value) {
        let saved = json!({ "auth": "password", "servers": ["saved"], "sender": "saved@b.c" });
        check_over(&saved, preset, form, expected);
    }

    fn check_over(saved: &Value, preset: Option<Value>, form: &str, expected: &Value) {
        let preset = preset.map(|it| serde_json::from_value::<PresetView>(it).unwrap());
        let patch = patch_of(preset.as_ref(), &Form::parse(form.as_bytes()), saved);
        assert_eq!(&Value::Object(patch), expected, "{form}");
    }

    #[test]
    fn what_stays_as_it_is_saved_is_no_change() {
        let saved = json!({
            "servers": ["a", "b"], "port": 587, "tls": "required", "auth": "oauth2",
            "username": "u", "sender": "a@b.c",
        });
        let form = "servers=a%3B+b&port=587&tls=required&sender=a%40b.c";
        check_over(&saved, None, form, &json!({}));
        let form = "servers=a%3B+b&port=25&tls=required&auth=on&username=u&sender=";
        let expected = json!({ "port": 25, "auth": "password", "sender": "" });
        check_over(&saved, None, form, &expected);
    }

    #[test]
    fn what_is_typed_becomes_a_change_of_the_relay() {
        check(
            None,
            "servers=mail.example.org&port=587&tls=required&sender=a%40b.c",
            &json!({
                "servers": "mail.example.org", "port": 587, "tls": "required", "auth": "off",
                "sender": "a@b.c",
            }),
        );
        check(
            None,
            "servers=m&port=x&tls=off&auth=on&username=u&password=&sender=",
            &json!({
                "servers": "m", "port": "x", "tls": "off", "username": "u", "sender": "",
            }),
        );
    }

    #[test]
    fn a_preset_clears_what_was_and_gets_its_answers() {
        let preset = json!({
            "name": "ses", "title": "SES", "note": "", "cleared": ["servers", "mx_lookup"],
            "values": { "servers": "smtp.<region>.example", "port": 587, "auth": "password" },
            "questions": [
                { "name": "region", "detail": "" }, { "name": "username", "detail": "" },
                { "name": "password", "detail": "" }, { "name": "oauth_client_id", "detail": "" },
            ],
        });
        check(
            Some(preset),
            "answer-region=eu-1&username=u&password=p&answer-oauth_client_id=c&sender=a%40b.c",
            &json!({
                "servers": "smtp.eu-1.example", "mx_lookup": null, "port": 587, "auth": "password",
                "username": "u", "password": "p", "oauth_client_id": "c", "sender": "a@b.c",
            }),
        );
    }
}
