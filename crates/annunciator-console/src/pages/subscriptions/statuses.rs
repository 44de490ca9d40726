//! Statuses of incidents: their names, and whether an incident with one of them is told.
//!
//! In: `incidents` of the settings; rows of a posted form. Out: a merge patch of the settings that
//! names the revision it was made from.

use annunciator_api_types::{FieldError, Problem, SettingsView};
use askama::Template;
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::Refusal;
use crate::form::Form;
use crate::language::Language;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::pages::settings::at_revision;
use crate::refusal::{Errors, Stop};

/// Rows that are read of a posted form; the API takes 100.
const ROWS_MAX: usize = 200;

/// One status as it stands in the form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Row {
    code: String,
    name: String,
    name_ru: String,
    notify: bool,
}

/// All of the page.
#[derive(Debug, Default, PartialEq, Eq)]
struct StatusForm {
    rows: Vec<Row>,
    initial: String,
    tells_later: bool,
    grouping: String,
}

impl StatusForm {
    fn of_settings(incidents: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let row = |value: &Value| Row {
            code: text(&value["code"]),
            name: text(&value["name"]),
            name_ru: text(&value["name_ru"]),
            notify: value["notify"] != false,
        };
        let rows = incidents["statuses"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            rows: rows.iter().map(row).collect(),
            initial: text(&incidents["initial_status"]),
            tells_later: incidents["notify_on_status_change"] != false,
            grouping: incidents["grouping_minutes"].to_string(),
        }
    }

    /// Rows are posted as `status.N.code` and so on, in any order of N.
    fn of_posted(form: &Form) -> Self {
        let row = |at: usize| {
            let text = |part: &str| form.trimmed(&format!("status.{at}.{part}")).to_owned();
            form.has(&format!("status.{at}.code")).then(|| Row {
                code: text("code"),
                name: text("name"),
                name_ru: text("name_ru"),
                notify: form.is_on(&format!("status.{at}.notify")),
            })
        };
        Self {
            rows: (0..ROWS_MAX).filter_map(row).collect(),
            initial: form.trimmed("initial_status").to_owned(),
            tells_later: form.is_on("notify_on_status_change"),
            grouping: form.trimmed("grouping_minutes").to_owned(),
        }
    }

    fn patch(&self) -> Value {
        let status = |row: &Row| {
            json!({ "code": row.code, "name": row.name, "name_ru": row.name_ru,
                    "notify": row.notify })
        };
        let minutes: Result<u64, _> = self.grouping.parse();
        json!({ "incidents": {
            "statuses": self.rows.iter().map(status).collect::<Vec<_>>(),
            "initial_status": self.initial,
            "notify_on_status_change": self.tells_later,
            "grouping_minutes":
                minutes.map_or_else(|_| self.grouping.as_str().into(), Value::from),
        }})
    }
}

#[derive(Template)]
#[template(path = "subscriptions/statuses.html")]
struct StatusesPage {
    page: Page,
    form: StatusForm,
    revision: i64,
    may_change: bool,
    errors: Errors,
}

impl StatusesPage {
    /// What is wrong with a row.
    fn row_error(&self, at: &usize) -> String {
        self.errors.at(&format!("/incidents/statuses/{at}"))
    }

    /// The name of a status in the reader's language.
    fn name<'a>(&self, row: &'a Row) -> &'a str {
        match self.page.language {
            Language::Russian if !row.name_ru.is_empty() => &row.name_ru,
            _ => &row.name,
        }
    }
}

/// The page.
pub(super) async fn open(visitor: Visitor) -> Result<Response, Stop> {
    let view: SettingsView = visitor.get("/api/v1/settings").await?;
    let form = StatusForm::of_settings(view.values.get("incidents").unwrap_or(&Value::Null));
    Ok(show(&draw(&visitor, form, view.revision, Errors::default())))
}

fn draw(visitor: &Visitor, form: StatusForm, revision: i64, errors: Errors) -> StatusesPage {
    let page = visitor.page("statuses-title", "subscriptions");
    StatusesPage { page, form, revision, may_change: visitor.may("change_settings"), errors }
}

/// Saves all rows in one piece.
pub(super) async fn save(visitor: Visitor, posted: Form) -> Result<Response, Stop> {
    let form = StatusForm::of_posted(&posted);
    let revision: i64 = posted.trimmed("revision").parse().unwrap_or_default();
    let sender = at_revision(&visitor, revision);
    let (revision, errors) =
        match sender.try_send(Method::PATCH, "/api/v1/settings", &form.patch()).await {
            Ok(_) => return Ok(lead_to(&visitor.guest, "/subscriptions/statuses?notice=saved")),
            Err(Refusal::Problem(Problem { status: 412 | 409, .. }, _)) => {
                let view: SettingsView = visitor.get("/api/v1/settings").await?;
                let summary = visitor.guest.language.say("statuses-conflict");
                (view.revision, Errors { summary, fields: Vec::<FieldError>::new() })
            }
            Err(refusal) => (revision, Errors::of(&visitor.guest, refusal)?),
        };
    let page = draw(&visitor, form, revision, errors);
    Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

#[derive(Template)]
#[template(path = "subscriptions/status_row.html")]
struct NewRow {
    page: Page,
    at: usize,
    row: Row,
    row_error: String,
    may_change: bool,
}

/// One more row.
pub(super) async fn row(visitor: Visitor) -> Response {
    let asked = visitor.guest.query();
    let at = asked.text("at").parse().unwrap_or(0);
    let page = visitor.page("statuses-title", "subscriptions");
    let row = Row { notify: true, ..Row::default() };
    show(&NewRow { page, at, row, row_error: String::new(), may_change: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_order_when_some_are_taken_out() {
        let posted = "status.0.code=a&status.0.name=A&status.0.notify=on&status.3.code=c&\
                      status.3.name=C&initial_status=a&grouping_minutes=60";
        let form = StatusForm::of_posted(&Form::parse(posted.as_bytes()));
        let patch = form.patch();
        let statuses = json!([
            {"code": "a", "name": "A", "name_ru": "", "notify": true},
            {"code": "c", "name": "C", "name_ru": "", "notify": false},
        ]);
        assert_eq!(patch["incidents"]["statuses"], statuses);
        assert_eq!(patch["incidents"]["notify_on_status_change"], false);
        assert_eq!(StatusForm::of_settings(&patch["incidents"]), form);
    }
}
