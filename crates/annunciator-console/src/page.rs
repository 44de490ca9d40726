//! A request becomes a visitor, and what every page shows around its own part.
//!
//! In: the request's head. Out: [`Visitor`], who asks the API; [`Page`], which templates ask for
//! words, times and rights. Failure: who is not signed in is led to the sign-in page and back.

use std::collections::HashSet;
use std::sync::Arc;

use annunciator_api_types::{ParameterInput, SettingsPlan};
use annunciator_core::Timestamp;
use askama::Template;
use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Response};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode, header};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Console;
use crate::api::{Credentials, Question, Refusal, Reply, escape};
use crate::assets::ASSETS;
use crate::form::Form;
use crate::language::{Language, Value};
use crate::menu::{self, Group};
use crate::moments;
use crate::refusal::Stop;

/// Cookie with the browser's time zone, set by our script.
const ZONE_COOKIE: &str = "annunciator_zone";
/// Cookie with the theme of who is not signed in.
const THEME_COOKIE: &str = "annunciator_theme";
/// Cookie with the language of who is not signed in.
const LANGUAGE_COOKIE: &str = "annunciator_language";

/// Who is signed in, as `GET /api/v1/session` answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Session {
    /// Name of the user; nothing for a token or the socket.
    pub(crate) user: Option<String>,
    /// Name for the audit log.
    pub(crate) name: String,
    /// Full name, may be empty.
    pub(crate) full_name: String,
    /// E-mail address, may be empty.
    pub(crate) email: String,
    /// Role.
    pub(crate) role: String,
    /// Rights.
    pub(crate) rights: HashSet<String>,
    /// `en`, `ru`, or empty for the browser's.
    pub(crate) language: String,
    /// IANA name, or empty for the browser's.
    pub(crate) time_zone: String,
    /// `auto`, `light` or `dark`.
    pub(crate) theme: String,
}

/// What is known of a request before anybody is signed in.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) console: Arc<Console>,
    pub(crate) credentials: Credentials,
    /// Language of the pages.
    pub(crate) language: Language,
    /// Time zone of all times.
    pub(crate) zone: TimeZone,
    theme: String,
    /// Who is signed in, as far as that was asked: for the menu around a refusal.
    session: Option<Session>,
    /// Path and query that were asked for.
    pub(crate) here: String,
    /// The page on which a form was sent or an htmx request made, or [`Self::here`].
    pub(crate) came_from: String,
    /// Whether something is to be changed.
    pub(crate) is_change: bool,
    /// Whether htmx asks for a part of a page.
    pub(crate) is_partial: bool,
}

impl FromRequestParts<Arc<Console>> for Guest {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Self::Rejection> {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let language = cookie(&parts.headers, LANGUAGE_COOKIE)
            .and_then(Language::of_tag)
            .unwrap_or_else(|| Language::accepted(text("accept-language").unwrap_or_default()));
        let here = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let is_change = !parts.method.is_safe();
        let current = text("hx-current-url").or(text("referer").filter(|_| is_change));
        let current = current.and_then(|url| url.split_once("://")?.1.split_once('/'));
        let came_from = current.map_or_else(|| here.clone(), |(_, path)| format!("/{path}"));
        Ok(Self {
            console: Arc::clone(console),
            credentials: Credentials::of(parts),
            language,
            zone: moments::zone(cookie(&parts.headers, ZONE_COOKIE).unwrap_or_default()),
            theme: cookie(&parts.headers, THEME_COOKIE).unwrap_or("auto").to_owned(),
            session: None,
            came_from,
            is_change,
            is_partial: text("hx-request").is_some() && text("hx-boosted").is_none(),
            here,
        })
    }
}

/// The value of a cookie; percent signs in it stand for octets.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

impl Guest {
    /// Calls that read.
    pub(crate) async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.console.api.get(&self.credentials, path).await
    }

    /// Calls that change.
    pub(crate) async fn try_send<B: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Reply, Refusal> {
        self.console.api.send(&self.credentials, method, path, body).await
    }

    /// What stands behind the `?` of the address that was asked for.
    pub(crate) fn query(&self) -> Form {
        Form::parse(self.here.split_once('?').map_or("", |(_, query)| query).as_bytes())
    }

    /// What stands around a page of somebody who is not signed in.
    pub(crate) fn page(&self, title_key: &str) -> Page {
        Page {
            title: self.language.say(title_key),
            section: "",
            session: self.session.clone(),
            language: self.language,
            zone: self.zone.clone(),
            theme: self.theme.clone(),
            now: moments::now(),
            here: self.here.clone(),
            notice: None,
        }
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) guest: Guest,
    pub(crate) session: Session,
}

impl FromRequestParts<Arc<Console>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Self::Rejection> {
        let Ok(mut guest) = Guest::from_request_parts(parts, console).await;
        match guest.try_get::<Session>("/api/v1/session").await {
            Ok(session) => {
                if let Some(language) = Language::of_tag(&session.language) {
                    guest.language = language;
                }
                if !session.time_zone.is_empty() {
                    guest.zone = moments::zone(&session.time_zone);
                }
                if !session.theme.is_empty() {
                    guest.theme.clone_from(&session.theme);
                }
                guest.session = Some(session.clone());
                Ok(Self { guest, session })
            }
            Err(refusal) => Err(Stop::of(&guest, refusal).into_response()),
        }
    }
}

impl Visitor {
    /// Reads; a refusal ends the request with a page that tells it.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Stop> {
        self.guest.try_get(path).await.map_err(|refusal| Stop::of(&self.guest, refusal))
    }

    /// Reads where a refusal is shown by the page itself.
    pub(crate) async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.guest.try_get(path).await
    }

    /// Changes; a refusal ends the request with a page that tells it.
    pub(crate) async fn send<B: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Reply, Stop> {
        let sent = self.guest.try_send(method, path, body).await;
        sent.map_err(|refusal| Stop::of(&self.guest, refusal))
    }

    /// Changes where a refusal is shown by the page itself, errors beside their fields.
    pub(crate) async fn try_send<B: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<Reply, Refusal> {
        self.guest.try_send(method, path, body).await
    }

    /// Asks something that changes nothing.
    pub(crate) async fn ask<B: Serialize + Sync>(
        &self,
        question: Question,
        body: &B,
    ) -> Result<Reply, Refusal> {
        self.guest.console.api.ask(&self.guest.credentials, question, body).await
    }

    /// Asks what bringing a revision of the settings back would change.
    pub(crate) async fn ask_rollback_plan(&self, revision: i64) -> Result<SettingsPlan, Refusal> {
        self.guest.console.api.ask_rollback_plan(&self.guest.credentials, revision).await
    }

    /// Whether the visitor has this right. For what is shown; the API decides what is done.
    pub(crate) fn may(&self, right: &str) -> bool {
        self.session.rights.contains(right)
    }

    /// What stands around a page; `section` is the entry of the menu that is marked.
    pub(crate) fn page(&self, title_key: &str, section: &'static str) -> Page {
        let mut page = self.guest.page(title_key);
        page.section = section;
        page.notice = notice_of(&self.guest.here, self.guest.language);
        page
    }

    /// Ends the request with the page of a refusal.
    pub(crate) fn stop(&self, refusal: Refusal) -> Stop {
        Stop::of(&self.guest, refusal)
    }
}

/// The words of `notice=KEY` in a query: what was done on the page before.
fn notice_of(here: &str, language: Language) -> Option<String> {
    let (_, query) = here.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, key) = pairs.find(|(name, _)| name == "notice")?;
    let is_key = key.len() <= 40 && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    is_key.then(|| language.find(&format!("notice-{key}"))).flatten()
}

/// What stands around a page, and the words, times and rights that templates ask for.
pub(crate) struct Page {
    /// Title.
    pub(crate) title: String,
    /// The entry of the menu that is marked.
    pub(crate) section: &'static str,
    /// Who is signed in.
    pub(crate) session: Option<Session>,
    /// Language.
    pub(crate) language: Language,
    /// Time zone of all times.
    pub(crate) zone: TimeZone,
    /// `auto`, `light` or `dark`.
    pub(crate) theme: String,
    /// When the page was made.
    pub(crate) now: Timestamp,
    /// Path and query of the page.
    pub(crate) here: String,
    /// What was done on the page before, in words.
    pub(crate) notice: Option<String>,
}

impl Page {
    /// The words of a key, or of `key.attribute`.
    pub(crate) fn t(&self, key: &str) -> String {
        self.language.say(key)
    }

    /// The same with one value at its place.
    pub(crate) fn t1<'a>(&self, key: &str, name: &str, value: impl Into<Value<'a>>) -> String {
        self.language.say_with(key, &[(name, value.into())])
    }

    /// The same with two values.
    pub(crate) fn t2<'a>(
        &self,
        key: &str,
        first: &str,
        one: impl Into<Value<'a>>,
        second: &str,
        two: impl Into<Value<'a>>,
    ) -> String {
        self.language.say_with(key, &[(first, one.into()), (second, two.into())])
    }

    /// Words for one of several: `prefix-word`, or the word itself where it has none.
    pub(crate) fn word(&self, prefix: &str, word: impl AsRef<str>) -> String {
        let word = word.as_ref();
        let key = format!("{prefix}-{}", word.replace(['_', '.'], "-"));
        self.language.find(&key).unwrap_or_else(|| word.to_owned())
    }

    /// Whether whoever is signed in has this right.
    pub(crate) fn may(&self, right: &str) -> bool {
        self.session.as_ref().is_some_and(|session| session.rights.contains(right))
    }

    /// The menu, as far as it is for whoever is signed in.
    pub(crate) fn menu(&self) -> Vec<Group> {
        menu::menu(|right| self.may(right))
    }

    /// Date and time in the reader's zone: `30 Nov 2026, 08:21:07`.
    pub(crate) fn time(&self, at: &Timestamp) -> String {
        moments::time(*at, &self.zone, self.language)
    }

    /// The time alone when it is today, the date as well otherwise.
    pub(crate) fn short_time(&self, at: &Timestamp) -> String {
        moments::short_time(*at, self.now, &self.zone, self.language)
    }

    /// Name of the reader's time zone.
    pub(crate) fn zone_name(&self) -> String {
        self.zone.iana_name().unwrap_or("UTC").to_owned()
    }

    /// How long ago, or how far ahead: `3 min ago`.
    pub(crate) fn ago(&self, at: &Timestamp) -> String {
        moments::ago(*at, self.now, self.language)
    }

    /// Octets in words: `1.4 MB`.
    pub(crate) fn bytes(&self, bytes: &u64) -> String {
        moments::bytes(*bytes, self.language)
    }

    /// A duration in words, of microseconds: `1.4 ms`.
    pub(crate) fn duration_us(&self, duration_us: &u64) -> String {
        moments::duration_us(*duration_us, self.language)
    }

    /// A number with its thousands apart.
    pub(crate) fn number(&self, number: &u64) -> String {
        moments::number(*number, self.language)
    }

    /// A value as its source gave it, numbers in the reader's digits.
    pub(crate) fn value(&self, value: &ParameterInput) -> String {
        let language = self.language.of_readers();
        match value {
            ParameterInput::Bool(value) => value.to_string(),
            ParameterInput::Integer(value) => language.write_digits(&value.to_string()),
            ParameterInput::Number(value) => language.write_number(*value),
            ParameterInput::Text(value) => value.clone(),
        }
    }

    /// A number as its source gave it, in the reader's digits.
    pub(crate) fn decimal(&self, number: &f64) -> String {
        self.language.of_readers().write_number(*number)
    }

    /// Path of the style sheet.
    pub(crate) fn style(&self) -> &'static str {
        &ASSETS.style
    }

    /// Path of the script.
    pub(crate) fn script(&self) -> &'static str {
        &ASSETS.script
    }

    /// Path of the icon.
    pub(crate) fn icon(&self) -> &'static str {
        &ASSETS.icon
    }

    /// A value as one part of a path or query.
    pub(crate) fn escape(&self, text: impl AsRef<str>) -> String {
        escape(text.as_ref())
    }
}

/// A page, or a part of one.
pub(crate) fn show(template: &impl Template) -> Response {
    show_as(StatusCode::OK, template)
}

/// The same with another status: 422 for a form that came back with its errors.
pub(crate) fn show_as(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "A page was not rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Leads to another page: 303 after a form, `HX-Redirect` where htmx asked.
pub(crate) fn lead_to(guest: &Guest, path: &str) -> Response {
    let name = if guest.is_partial { "hx-redirect" } else { "location" };
    let status = if guest.is_partial { StatusCode::OK } else { StatusCode::SEE_OTHER };
    (status, [(name, path.to_owned())]).into_response()
}
