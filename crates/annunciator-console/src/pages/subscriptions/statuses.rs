//! Statuses of incidents: their names, and whether an incident with one of them is told.
//!
//! In: `incidents` of the settings; rows of a posted form. Out: a merge patch of the settings, or
//! what somebody else changed since the form was opened.

use annunciator_api_types::{FieldError, SettingsSaved, SettingsView};
use askama::Template;
use axum::response::Response;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

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

impl Row {
    /// Its name in the reader's language.
    fn name(&self, language: Language) -> &str {
        match language {
            Language::Russian if !self.name_ru.is_empty() => &self.name_ru,
            _ => &self.name,
        }
    }

    /// The keys of the labels of what differs from another one.
    fn find_changes(&self, before: &Self) -> Vec<&'static str> {
        let all = [
            ("statuses-name", self.name == before.name),
            ("statuses-name-ru", self.name_ru == before.name_ru),
            ("statuses-notify", self.notify == before.notify),
        ];
        all.into_iter().filter(|(_, is_same)| !is_same).map(|(key, _)| key).collect()
    }
}

/// All of the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

    /// What differs from what was seen before, in words: each status by its name.
    fn find_changes(&self, seen: &Self, language: Language) -> Vec<String> {
        let mut changes = Vec::new();
        for row in &self.rows {
            let parts = match seen.rows.iter().find(|one| one.code == row.code) {
                None => vec!["statuses-added"],
                Some(before) => row.find_changes(before),
            };
            if !parts.is_empty() {
                let parts: Vec<_> = parts.into_iter().map(|key| language.say(key)).collect();
                changes.push(format!("{} ({})", row.name(language), parts.join(", ")));
            }
        }
        let gone = seen.rows.iter().filter(|one| !self.rows.iter().any(|row| row.code == one.code));
        let removed = language.say("statuses-removed");
        changes.extend(gone.map(|one| format!("{} ({removed})", one.name(language))));
        let order = |form: &Self, other: &Self| -> Vec<String> {
            let codes = form.rows.iter().map(|row| row.code.clone());
            codes.filter(|code| other.rows.iter().any(|row| row.code == *code)).collect()
        };
        let all = [
            ("statuses-order", order(self, seen) == order(seen, self)),
            ("statuses-initial", self.initial == seen.initial),
            ("statuses-later", self.tells_later == seen.tells_later),
            ("statuses-grouping", self.grouping == seen.grouping),
        ];
        let changed = all.into_iter().filter(|(_, is_same)| !is_same);
        changes.extend(changed.map(|(key, _)| language.say(key)));
        changes
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
    /// What is stored, to see at the save whether somebody changed it.
    seen: String,
    may_change: bool,
    errors: Errors,
    /// What deserves a look about what was saved.
    warnings: Vec<FieldError>,
}

impl StatusesPage {
    /// What is wrong with a row.
    fn row_error(&self, at: &usize) -> String {
        self.errors.at(&format!("/incidents/statuses/{at}"))
    }

    /// The name of a status in the reader's language.
    fn name<'a>(&self, row: &'a Row) -> &'a str {
        row.name(self.page.language)
    }
}

/// What is stored, and its revision.
async fn stored(visitor: &Visitor) -> Result<(StatusForm, i64), Stop> {
    let view: SettingsView = visitor.get("/api/v1/settings").await?;
    let form = StatusForm::of_settings(view.values.get("incidents").unwrap_or(&Value::Null));
    Ok((form, view.revision))
}

/// The page.
pub(super) async fn open(visitor: Visitor) -> Result<Response, Stop> {
    let (form, _) = stored(&visitor).await?;
    Ok(show(&draw(&visitor, form.clone(), &form, Errors::default())))
}

fn draw(visitor: &Visitor, form: StatusForm, stored: &StatusForm, errors: Errors) -> StatusesPage {
    let page = visitor.page("statuses-title", "subscriptions");
    let seen = stored.patch()["incidents"].to_string();
    let may_change = visitor.may("change_settings");
    StatusesPage { page, form, seen, may_change, errors, warnings: Vec::new() }
}

/// Saves all rows in one piece, unless somebody changed them since the form was opened.
pub(super) async fn save(visitor: Visitor, posted: Form) -> Result<Response, Stop> {
    let form = StatusForm::of_posted(&posted);
    let (now, revision) = stored(&visitor).await?;
    let errors = match find_conflict(&visitor, &now, &posted) {
        Some(errors) => errors,
        None => {
            // Between that look and this save nobody else gets in.
            let sender = at_revision(&visitor, revision);
            match sender.try_send(Method::PATCH, "/api/v1/settings", &form.patch()).await {
                Ok(reply) => {
                    let saved = reply.json::<SettingsSaved>("settings");
                    let saved = saved.map_err(|refusal| visitor.stop(refusal))?;
                    return Ok(after_saving(&visitor, &form, saved));
                }
                Err(refusal) => Errors::of(&visitor.guest, refusal)?,
            }
        }
    };
    let page = draw(&visitor, form, &now, errors);
    Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// What somebody else changed meanwhile, status by status; other settings do not matter here.
fn find_conflict(visitor: &Visitor, now: &StatusForm, posted: &Form) -> Option<Errors> {
    let seen: Value = serde_json::from_str(posted.text("seen")).ok()?;
    let language = visitor.guest.language;
    let changes = now.find_changes(&StatusForm::of_settings(&seen), language);
    if changes.is_empty() {
        return None;
    }
    let fields = changes.join("; ");
    let summary = language.say_with("statuses-conflict", &[("fields", fields.into())]);
    Some(Errors { summary, fields: Vec::new() })
}

/// The page anew, or with what deserves a look.
fn after_saving(visitor: &Visitor, form: &StatusForm, saved: SettingsSaved) -> Response {
    let is_here = |one: &FieldError| one.pointer == "/incidents/statuses";
    let warnings: Vec<_> = saved.warnings.into_iter().filter(is_here).collect();
    if warnings.is_empty() {
        return lead_to(&visitor.guest, "/subscriptions/statuses?notice=saved");
    }
    let mut page = draw(visitor, form.clone(), form, Errors::default());
    page.warnings = warnings;
    page.page.notice = Some(page.page.t("notice-saved"));
    show(&page)
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
    fn what_somebody_else_changed_is_named_by_status_and_field() {
        let seen = "status.0.code=a&status.0.name=A&status.0.notify=on&status.1.code=b&\
                    status.1.name=B&initial_status=a&grouping_minutes=60";
        let check = |now: &str, expected: &[&str]| {
            let form = |text: &str| StatusForm::of_posted(&Form::parse(text.as_bytes()));
            let found = form(now).find_changes(&form(seen), Language::English);
            assert_eq!(found, expected, "{now}");
        };
        check(seen, &[]);
        check(&seen.replace("name=A", "name=X"), &["X (Name)"]);
        check(&seen.replace("=on", "=off"), &["A (Notify about an incident)"]);
        check(&seen.replace("initial_status=a", "initial_status=b"), &["First status"]);
        check(&format!("{seen}&status.2.code=c&status.2.name=C"), &["C (added)"]);
        let without = seen.replace("status.1.code=b&", "");
        check(&without, &["B (removed)"]);
        let turned = seen.replace("status.0", "status.7");
        check(&turned, &["The order"]);
    }

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
