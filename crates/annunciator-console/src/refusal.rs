//! Refusals of the API become pages that say what to do, or errors beside fields.
//!
//! In: [`Refusal`]. Out: [`Stop`], the answer that ends a request; [`Errors`] of a form.

use std::sync::Arc;

use annunciator_api_types::{FieldError, Problem};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};

use crate::Console;
use crate::api::{Refusal, escape};
use crate::page::{Guest, Page, Visitor, lead_to, show_as};
use crate::reasons;

/// The answer that ends a request early.
pub(crate) struct Stop(Box<Response>);

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Response> for Stop {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    page: Page,
    status: u16,
    detail: String,
    errors: Vec<FieldError>,
}

#[derive(Template)]
#[template(path = "refusal_part.html")]
struct RefusalPart {
    page: Page,
    detail: String,
    errors: Vec<FieldError>,
}

impl Stop {
    /// Who is not signed in is led to the sign-in page; all else is told.
    pub(crate) fn of(guest: &Guest, refusal: Refusal) -> Self {
        let (problem, after) = match refusal {
            Refusal::NotSignedIn => {
                let next = escape(&guest.came_from);
                let ended = if guest.is_change { "&ended=1" } else { "" };
                return lead_to(guest, &format!("/sign-in?next={next}{ended}")).into();
            }
            Refusal::Problem(problem, after) => (problem, after),
            Refusal::Broken(reason) => {
                tracing::error!(%reason, "The console did not understand the API");
                (broken(guest), None)
            }
        };
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let detail = problem.detail.unwrap_or(problem.title);
        let page = guest.page("refusal-title");
        let mut response = if guest.is_partial {
            show_as(status, &RefusalPart { page, detail, errors: problem.errors })
        } else {
            show_as(
                status,
                &RefusalPage { page, status: status.as_u16(), detail, errors: problem.errors },
            )
        };
        if let Some(seconds) = after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.into()
    }

    /// There is no such thing.
    pub(crate) fn not_found(guest: &Guest) -> Self {
        Self::of(guest, Refusal::Problem(problem(guest, 404, "refusal-not-found"), None))
    }

    /// The page is for those who may change settings.
    pub(crate) fn not_to_change(guest: &Guest) -> Self {
        Self::of(guest, Refusal::Problem(problem(guest, 403, "refusal-not-to-change"), None))
    }
}

fn broken(guest: &Guest) -> Problem {
    problem(guest, 500, "refusal-broken")
}

fn problem(guest: &Guest, status: u16, key: &str) -> Problem {
    Problem {
        kind: String::new(),
        title: String::new(),
        status,
        detail: Some(guest.language.say(key)),
        errors: vec![],
    }
}

/// A path that is no page. Who is not signed in learns nothing, not even that.
pub(crate) async fn unknown_page(_: State<Arc<Console>>, visitor: Visitor) -> Stop {
    Stop::not_found(&visitor.guest)
}

/// What is wrong with a form: words for the whole, and for each field.
#[derive(Debug, Default, Clone)]
pub(crate) struct Errors {
    /// For the whole form; empty when nothing is wrong.
    pub(crate) summary: String,
    /// For its fields.
    pub(crate) fields: Vec<FieldError>,
}

impl Errors {
    /// What a form can show of a refusal: a problem of the client's making; all else ends the
    /// request.
    pub(crate) fn of(guest: &Guest, refusal: Refusal) -> Result<Self, Stop> {
        match refusal {
            Refusal::Problem(problem, _)
                if (400..500).contains(&problem.status) && problem.status != 403 =>
            {
                let summary = problem.detail.unwrap_or(problem.title);
                let told = |mut error: FieldError| {
                    if let Some(words) = reasons::find(&error.detail, guest.language, &guest.zone) {
                        error.detail = words;
                    }
                    error
                };
                Ok(Self { summary, fields: problem.errors.into_iter().map(told).collect() })
            }
            Refusal::Problem(problem, _) if problem.status == 507 || problem.status == 503 => {
                Ok(Self { summary: problem.detail.unwrap_or(problem.title), fields: vec![] })
            }
            other => Err(Stop::of(guest, other)),
        }
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.summary.is_empty() && self.fields.is_empty()
    }

    /// What is wrong with the field of this JSON pointer, or inside it.
    pub(crate) fn at(&self, pointer: &str) -> String {
        let inside = format!("{pointer}/");
        let of_field =
            self.fields.iter().filter(|e| e.pointer == pointer || e.pointer.starts_with(&inside));
        of_field.map(|error| error.detail.replace('`', "")).collect::<Vec<_>>().join("; ")
    }

    /// Errors of none of these fields, to be shown above the form.
    pub(crate) fn beside(&self, pointers: &[&str]) -> Vec<&FieldError> {
        let is_shown = |error: &FieldError| {
            pointers.iter().any(|pointer| {
                error.pointer == *pointer || error.pointer.starts_with(&format!("{pointer}/"))
            })
        };
        self.fields.iter().filter(|error| !is_shown(error)).collect()
    }
}
