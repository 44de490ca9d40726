//! A subscription is tried while it is typed: who would be told if it were saved.
//!
//! In: the form of a subscription with a question beside it, whose names begin with [`PREFIX`].
//! Out: the same list as on the page that asks about saved ones. Nothing is saved or sent.

use annunciator_api_types::{AudienceView, FieldError};
use askama::Template;
use axum::response::Response;
use serde_json::json;

use super::audience::{Question, answer, request_of};
use super::subscription_form::SubscriptionForm;
use super::{FormPage, Visitor};
use crate::form::Form;
use crate::page::{Page, show};
use crate::refusal::{Errors, Stop};

/// Begins the names of the fields of the question.
const PREFIX: &str = "try-";

#[derive(Template)]
#[template(path = "subscriptions/tried.html")]
struct Tried {
    page: Page,
    tried: Option<AudienceView>,
    wrong: Vec<String>,
}

/// The question beside a form; none for who may not ask it.
pub(super) async fn question(visitor: &Visitor, posted: &Form) -> Option<Question> {
    if !visitor.may("explain") || !visitor.may("change_settings") {
        return None;
    }
    Some(Question::new(visitor, asked_of(posted)).await)
}

/// The fields of the question by their own names.
fn asked_of(posted: &Form) -> Form {
    let own = |(name, value): &(String, String)| {
        Some((name.strip_prefix(PREFIX)?.to_owned(), value.clone()))
    };
    Form(posted.0.iter().filter_map(own).collect())
}

/// Who would be told.
pub(super) async fn attempt(visitor: Visitor, posted: Form) -> Result<Response, Stop> {
    let form = SubscriptionForm::of_posted(&posted);
    let stored = posted.text("stored").to_owned();
    let (mut tried, mut errors) = (None, Errors::default());
    if let Some(mut request) = request_of(&asked_of(&posted)) {
        let mut draft = form.settings();
        if form.name.is_empty() {
            draft["name"] = visitor.guest.language.say("subscriptions-new").into();
        }
        request["draft"] = draft;
        if !stored.is_empty() {
            request["draft_of"] = stored.as_str().into();
        }
        match answer(&visitor, &request).await {
            Ok(view) => tried = Some(view),
            Err(refusal) => errors = shorten(Errors::of(&visitor.guest, refusal)?),
        }
    }
    let page = visitor.page("subscriptions-title", "subscriptions");
    let wrong = errors.fields.iter();
    let wrong: Vec<_> =
        wrong.map(|one| format!("{}: {}", label(&page, &one.pointer), one.detail)).collect();
    if visitor.guest.is_partial {
        return Ok(show(&Tried { page, tried, wrong }));
    }
    let mut page = FormPage::new(&visitor, &stored, form).await?;
    page.question = question(&visitor, &posted).await;
    (page.errors, page.wrong, page.tried) = (errors, wrong, tried);
    Ok(show(&page))
}

/// Everything that is wrong with a form that was refused, at once: a save looks at one thing after
/// the other. Without the right to try one, what is known already has to do.
pub(super) async fn find_wrong(visitor: &Visitor, form: &SubscriptionForm) -> Vec<FieldError> {
    if !visitor.may("explain") || !visitor.may("change_settings") {
        return Vec::new();
    }
    let mut draft = form.settings();
    if form.name.is_empty() {
        draft["name"] = "draft".into();
    }
    let request = json!({ "incident": { "detector": { "kind": "rule" } }, "draft": draft });
    match answer(visitor, &request).await {
        Ok(_) => Vec::new(),
        Err(refusal) => match Errors::of(&visitor.guest, refusal) {
            Ok(errors) => shorten(errors).fields,
            Err(_) => Vec::new(),
        },
    }
}

/// Pointers into the draft become those of the form.
fn shorten(mut errors: Errors) -> Errors {
    for error in &mut errors.fields {
        if let Some(rest) = error.pointer.strip_prefix("/draft") {
            error.pointer = rest.to_owned();
        }
    }
    errors
}

/// What a field of the form is called.
pub(super) fn label(page: &Page, pointer: &str) -> String {
    let key = pointer.split('/').nth(1).unwrap_or_default();
    match key {
        "severity" => page.t("incidents-severity-min"),
        "delivery" => page.t("subscriptions-when"),
        "bundle_minutes" => page.t("subscriptions-bundle"),
        "daily_at" => page.t("subscriptions-daily"),
        "incident" => page.t("subscriptions-which"),
        key => page.word("subscriptions", key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_told_from_the_form_by_its_prefix() {
        let posted = Form::parse(b"severity=critical&try-severity=warning&try-kind=limit&model=x");
        let asked = asked_of(&posted);
        assert_eq!((asked.text("severity"), asked.text("kind")), ("warning", "limit"));
        assert!(!asked.has("model"));
    }
}
