//! Subscriptions to incidents: list, form, pause, who would be told, statuses.
//!
//! In: what the API says of subscriptions; posted forms. Out: pages; the settings of one
//! subscription, whole. Knows nothing of: which incident meets which subscription; the API says it.
//! Standard: spec 9.2, 9.3.

mod audience;
mod draft;
mod statuses;
mod subscription_form;

use std::sync::Arc;

use annunciator_api_types::{
    AudienceView, FieldError, SubscriptionList, SubscriptionSaved, SubscriptionView, UserList,
};
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::Console;
use crate::api::escape;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};
use audience::Question;
use subscription_form::SubscriptionForm;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/subscriptions", get(list))
        .route("/subscriptions/new", get(new).post(create))
        .route("/subscriptions/preview", get(audience::open).post(audience::ask))
        .route("/subscriptions/try", post(draft::attempt))
        .route("/subscriptions/statuses", get(statuses::open).post(statuses::save))
        .route("/subscriptions/statuses/row", get(statuses::row))
        .route("/subscriptions/named/{name}", get(edit).post(change))
        .route("/subscriptions/named/{name}/switch", post(switch))
        .route("/subscriptions/named/{name}/pause", post(pause))
        .route("/subscriptions/named/{name}/forget", post(forget))
        .route("/subscriptions/named/{name}/delete", post(delete))
}

fn path_of(name: &str) -> String {
    format!("/api/v1/subscriptions/{}", escape(name))
}

#[derive(Template)]
#[template(path = "subscriptions/list.html")]
struct List {
    page: Page,
    found: SubscriptionList,
}

impl List {
    fn form(&self, one: &SubscriptionView) -> SubscriptionForm {
        SubscriptionForm::of_settings(&one.settings)
    }

    /// Whether whoever looks has paused it.
    fn is_paused(&self, one: &SubscriptionView) -> bool {
        let user = self.page.session.as_ref().and_then(|session| session.user.as_deref());
        user.is_some_and(|user| one.paused.iter().any(|paused| paused.user == user))
    }
}

async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let found: SubscriptionList = visitor.get("/api/v1/subscriptions").await?;
    let page = visitor.page("subscriptions-title", "subscriptions");
    Ok(show(&List { page, found }))
}

#[derive(Template)]
#[template(path = "subscriptions/form.html")]
struct FormPage {
    page: Page,
    /// Name under which it is stored; empty for a new one.
    stored: String,
    form: SubscriptionForm,
    view: Option<SubscriptionView>,
    /// Users to choose among; none for who may not see them.
    users: Vec<(String, String)>,
    cannot_send: String,
    errors: Errors,
    warnings: Vec<FieldError>,
    /// The question who would be told; none for who may not ask it.
    question: Option<Question>,
    /// What is wrong with what was tried.
    wrong: Vec<String>,
    /// Who would be told.
    tried: Option<AudienceView>,
}

impl FormPage {
    async fn new(visitor: &Visitor, stored: &str, form: SubscriptionForm) -> Result<Self, Stop> {
        let list: SubscriptionList = visitor.get("/api/v1/subscriptions").await?;
        let key = if stored.is_empty() { "subscriptions-new" } else { "subscriptions-edit" };
        let mut page = visitor.page(key, "subscriptions");
        if !stored.is_empty() {
            stored.clone_into(&mut page.title);
        }
        let is_it = |one: &SubscriptionView| one.name == stored;
        Ok(Self {
            page,
            stored: stored.to_owned(),
            view: list.subscriptions.into_iter().find(is_it),
            users: users(visitor, &form).await,
            form,
            cannot_send: list.cannot_send,
            errors: Errors::default(),
            warnings: Vec::new(),
            question: draft::question(visitor, &Form::default()).await,
            wrong: Vec::new(),
            tried: None,
        })
    }

    /// Whether a user has paused it.
    fn has_paused(&self, user: &str) -> bool {
        self.view.as_ref().is_some_and(|view| view.paused.iter().any(|one| one.user == user))
    }

    /// The settings that the form was made from, to see at the save whether they are others.
    fn seen(&self) -> String {
        let settings = self.view.as_ref().map(|view| &view.settings);
        settings.and_then(|one| serde_json::to_string(one).ok()).unwrap_or_default()
    }

    /// What is wrong, each thing once: id of the field, its label, words.
    fn complaints(&self) -> Vec<(String, String, String)> {
        let mut all = Vec::new();
        for error in &self.errors.fields {
            let key = error.pointer.split('/').nth(1).unwrap_or_default();
            let id = match key {
                "delivery" => "delivery-at_once".to_owned(),
                key => key.replace('_', "-"),
            };
            let one = (id, draft::label(&self.page, &error.pointer), error.detail.clone());
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    }

    /// Whether this visitor may change it.
    fn may_change(&self) -> bool {
        self.page.may("change_settings")
    }
}

/// Names of users with what is shown beside them; those of the subscription that are gone as well.
async fn users(visitor: &Visitor, form: &SubscriptionForm) -> Vec<(String, String)> {
    if !visitor.may("manage_users") {
        return Vec::new();
    }
    let Ok(list) = visitor.try_get::<UserList>("/api/v1/users").await else { return Vec::new() };
    let page = visitor.page("subscriptions-title", "subscriptions");
    let shown = |user: &annunciator_api_types::UserView| {
        let words = match user.email.as_str() {
            _ if user.blocked => page.t("subscriptions-user-blocked"),
            "" => page.t("subscriptions-user-without-address"),
            email => email.to_owned(),
        };
        (user.name.clone(), words)
    };
    let mut users: Vec<_> = list.users.iter().map(shown).collect();
    for name in &form.users {
        if !users.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            users.push((name.clone(), page.t("subscriptions-user-gone")));
        }
    }
    users
}

async fn new(visitor: Visitor) -> Result<Response, Stop> {
    if !visitor.may("change_settings") {
        return Err(Stop::not_to_change(&visitor.guest));
    }
    let form = SubscriptionForm::new(visitor.guest.language.tag(), &visitor.guest.zone);
    Ok(show(&FormPage::new(&visitor, "", form).await?))
}

async fn create(visitor: Visitor, posted: Form) -> Result<Response, Stop> {
    save(&visitor, "", &posted).await
}

async fn edit(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    let view: SubscriptionView = visitor.get(&path_of(&name.0)).await?;
    let form = SubscriptionForm::of_settings(&view.settings);
    Ok(show(&FormPage::new(&visitor, &view.name, form).await?))
}

async fn change(visitor: Visitor, name: Path<String>, posted: Form) -> Result<Response, Stop> {
    save(&visitor, &name.0, &posted).await
}

/// Saves what was posted: a new one, or in place of the stored one.
async fn save(visitor: &Visitor, stored: &str, posted: &Form) -> Result<Response, Stop> {
    let form = SubscriptionForm::of_posted(posted);
    let list: SubscriptionList = visitor.get("/api/v1/subscriptions").await?;
    let wrong = find_errors(visitor, stored, &form).await;
    let mut errors = match wrong.or_else(|| find_conflict(visitor, &list, stored, posted)) {
        Some(errors) => errors,
        None => {
            let name = if stored.is_empty() { form.name.as_str() } else { stored };
            // Between that look and this save nobody else gets in.
            let path = format!("{}?expected_revision={}", path_of(name), list.revision);
            match visitor.try_send(Method::PUT, &path, &form.settings()).await {
                Ok(reply) => {
                    let saved = reply.json::<SubscriptionSaved>("subscription");
                    return after_saving(visitor, saved.map_err(|one| visitor.stop(one))?).await;
                }
                Err(refusal) => Errors::of(&visitor.guest, refusal)?,
            }
        }
    };
    if !errors.fields.is_empty() {
        let is_new =
            |one: &FieldError| !errors.fields.iter().any(|known| known.pointer == one.pointer);
        let more = draft::find_wrong(visitor, &form).await;
        let more: Vec<_> = more.into_iter().filter(is_new).collect();
        errors.fields.extend(more);
    }
    let mut page = FormPage::new(visitor, stored, form).await?;
    page.errors = errors;
    Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Somebody else has changed it since the form was opened: what they changed, by its labels.
fn find_conflict(
    visitor: &Visitor,
    list: &SubscriptionList,
    stored: &str,
    posted: &Form,
) -> Option<Errors> {
    let language = visitor.guest.language;
    let now = list.subscriptions.iter().find(|one| one.name == stored);
    if now.is_none() && !stored.is_empty() {
        let summary = language.say("subscriptions-gone");
        return Some(Errors { summary, ..Errors::default() });
    }
    let now = now?;
    let seen: Map<String, Value> = serde_json::from_str(posted.text("seen")).ok()?;
    let seen = SubscriptionForm::of_settings(&seen);
    let changed = SubscriptionForm::of_settings(&now.settings).find_changes(&seen);
    if changed.is_empty() {
        return None;
    }
    let labels: Vec<String> = changed.iter().map(|key| language.say(key)).collect();
    let fields = labels.join(", ");
    let summary = language.say_with("subscriptions-conflict", &[("fields", fields.into())]);
    Some(Errors { summary, ..Errors::default() })
}

/// A new one must have a name, and not that of another: the API would change the other.
async fn find_errors(visitor: &Visitor, stored: &str, form: &SubscriptionForm) -> Option<Errors> {
    if !stored.is_empty() {
        return None;
    }
    let is_taken =
        || async { visitor.try_get::<SubscriptionView>(&path_of(&form.name)).await.is_ok() };
    let key = match form.name.as_str() {
        "" => "subscriptions-name-missing",
        _ if is_taken().await => "subscriptions-name-taken",
        _ => return None,
    };
    let words = visitor.guest.language.say(key);
    Some(Errors { summary: String::new(), fields: vec![FieldError::new("/name", "name", words)] })
}

/// The list, or the form again when something about it deserves a look.
async fn after_saving(visitor: &Visitor, saved: SubscriptionSaved) -> Result<Response, Stop> {
    // Warnings about other settings stand where those are set.
    let is_here = |one: &FieldError| !one.pointer[1.min(one.pointer.len())..].contains('/');
    let warnings: Vec<_> = saved.warnings.into_iter().filter(is_here).collect();
    if warnings.is_empty() {
        return Ok(lead_to(&visitor.guest, "/subscriptions?notice=saved"));
    }
    let form = SubscriptionForm::of_settings(&saved.subscription.settings);
    let mut page = FormPage::new(visitor, &saved.subscription.name, form).await?;
    page.warnings = warnings;
    page.page.notice = Some(page.page.t("notice-saved"));
    Ok(show(&page))
}

/// Turns it on or off.
async fn switch(visitor: Visitor, name: Path<String>, posted: Form) -> Result<Response, Stop> {
    let mut view: SubscriptionView = visitor.get(&path_of(&name.0)).await?;
    view.settings.insert("enabled".to_owned(), posted.is_on("enabled").into());
    visitor.send(Method::PUT, &path_of(&name.0), &view.settings).await?;
    Ok(lead_to(&visitor.guest, "/subscriptions?notice=saved"))
}

/// Takes a name out that is no user's any more.
async fn forget(visitor: Visitor, name: Path<String>, posted: Form) -> Result<Response, Stop> {
    let list: SubscriptionList = visitor.get("/api/v1/subscriptions").await?;
    let mut view: SubscriptionView = visitor.get(&path_of(&name.0)).await?;
    let user = posted.trimmed("user");
    if let Some(Value::Array(users)) = view.settings.get_mut("users") {
        users.retain(|one| !one.as_str().is_some_and(|one| one.eq_ignore_ascii_case(user)));
    }
    let path = format!("{}?expected_revision={}", path_of(&name.0), list.revision);
    visitor.send(Method::PUT, &path, &view.settings).await?;
    let path = format!("/subscriptions/named/{}?notice=saved", escape(&name.0));
    Ok(lead_to(&visitor.guest, &path))
}

/// Pauses it for a user, or goes on: for oneself when no user is named.
async fn pause(visitor: Visitor, name: Path<String>, posted: Form) -> Result<Response, Stop> {
    let is_paused = posted.is_on("paused");
    let mut request = json!({ "paused": is_paused });
    if !posted.trimmed("user").is_empty() {
        request["user"] = posted.trimmed("user").into();
    }
    visitor.send(Method::PATCH, &format!("{}/pause", path_of(&name.0)), &request).await?;
    let notice = if is_paused { "subscription-paused" } else { "subscription-goes-on" };
    let path = match posted.trimmed("user") {
        "" => "/subscriptions".to_owned(),
        _ => format!("/subscriptions/named/{}", escape(&name.0)),
    };
    Ok(lead_to(&visitor.guest, &format!("{path}?notice={notice}")))
}

async fn delete(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    visitor.send(Method::DELETE, &path_of(&name.0), &()).await?;
    Ok(lead_to(&visitor.guest, "/subscriptions?notice=deleted"))
}
