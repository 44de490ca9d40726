//! The history of the settings: who changed what, and the way back to an earlier revision.
//!
//! Out: a list, newest first; one revision with its changes and the plan of bringing it back.

use annunciator_api_types::{
    RollbackRequest, SettingChange, SettingsHistory, SettingsRevisionDetail,
};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use hyper::{Method, StatusCode};

use super::save::at_revision;
use crate::api::with_query;
use crate::form::Form;
use crate::language::Language;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};
use crate::settings_form::{Definitions, label, shown_value};

/// Rows of a page.
const ROWS: &str = "50";

/// One change in words.
pub(super) struct ShownChange {
    /// Where: the layer and the group; empty for what belongs to the server as a whole.
    pub(super) place: String,
    /// The setting.
    pub(super) label: String,
    pub(super) from: String,
    pub(super) to: String,
    /// Whether the form that is open changes it as well.
    pub(super) is_yours: bool,
}

impl ShownChange {
    /// A change with the names that people see.
    pub(super) fn of(
        definitions: &Definitions,
        change: &SettingChange,
        language: Language,
    ) -> Self {
        let (owner, name) = change.name.rsplit_once(": ").unwrap_or(("", &change.name));
        let found = name.split_once('.').and_then(|(group, key)| {
            let setting = definitions.group(group).iter().find(|setting| setting.key == key)?;
            Some((group, setting))
        });
        let Some((group, setting)) = found else {
            let plain = |value: &serde_json::Value| match value {
                serde_json::Value::Null => language.say("settings-value-none"),
                serde_json::Value::String(text) => text.clone(),
                other => annunciator_core::one_line(&other.to_string(), 200),
            };
            return Self {
                place: String::new(),
                label: change.name.clone(),
                from: plain(&change.from),
                to: plain(&change.to),
                is_yours: false,
            };
        };
        let group = language.find(&format!("settings-tab-{group}")).unwrap_or_else(|| {
            language.find(&format!("settings-section-{group}")).unwrap_or_else(|| group.to_owned())
        });
        let words = |value: &serde_json::Value| match value {
            serde_json::Value::Null => language.say("settings-value-default"),
            value => shown_value(language, setting, value),
        };
        Self {
            place: if owner.is_empty() { group } else { format!("{owner} · {group}") },
            label: label(language, setting),
            from: words(&change.from),
            to: words(&change.to),
            is_yours: false,
        }
    }
}

#[derive(Template)]
#[template(path = "settings/history.html")]
struct List {
    page: Page,
    history: SettingsHistory,
    is_first: bool,
}

/// The saved revisions.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let after = visitor.guest.query().text("after").to_owned();
    let path = with_query("/api/v1/settings/history", &[("limit", ROWS), ("after", &after)]);
    let history = visitor.get(&path).await?;
    let page = visitor.page("settings-history-title", "delivery");
    Ok(show(&List { page, history, is_first: after.is_empty() }))
}

#[derive(Template)]
#[template(path = "settings/revision.html")]
struct Revision {
    page: Page,
    detail: SettingsRevisionDetail,
    changes: Vec<ShownChange>,
    newest: i64,
    plan: Option<Vec<ShownChange>>,
    errors: Errors,
    comment: String,
}

/// One revision.
pub(super) async fn detail(visitor: Visitor, revision: Path<String>) -> Result<Response, Stop> {
    let Ok(number) = revision.0.parse() else { return Err(Stop::not_found(&visitor.guest)) };
    let page = look(&visitor, number, Errors::default(), String::new()).await?;
    Ok(show(&page))
}

async fn look(
    visitor: &Visitor,
    number: i64,
    mut errors: Errors,
    comment: String,
) -> Result<Revision, Stop> {
    let definitions = Definitions::of(visitor).await?;
    let path = format!("/api/v1/settings/revisions/{number}");
    let detail: SettingsRevisionDetail = visitor.get(&path).await?;
    let newest: SettingsHistory = visitor.get("/api/v1/settings/history?limit=1").await?;
    let newest = newest.revisions.first().map_or(number, |line| line.revision);
    let language = visitor.guest.language;
    let show = |changes: &[SettingChange]| -> Vec<ShownChange> {
        changes.iter().map(|change| ShownChange::of(&definitions, change, language)).collect()
    };
    let mut plan = None;
    if number != newest && visitor.may("change_settings") {
        match visitor.ask_rollback_plan(number).await {
            Ok(found) => plan = Some(show(&found.changes)),
            Err(refusal) => {
                let found = Errors::of(&visitor.guest, refusal)?;
                errors = if errors.is_empty() { found } else { errors };
            }
        }
    }
    let changes = show(&detail.changes);
    let page = visitor.page("settings-history-title", "delivery");
    Ok(Revision { page, detail, changes, newest, plan, errors, comment })
}

/// Brings an earlier revision back as a new one.
pub(super) async fn bring_back(
    visitor: Visitor,
    revision: Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let Ok(number) = revision.0.parse() else { return Err(Stop::not_found(&visitor.guest)) };
    let comment = form.trimmed("comment").to_owned();
    let ask = RollbackRequest { revision: number, comment: comment.clone(), dry_run: false };
    let expected: i64 = form.trimmed("newest").parse().unwrap_or_default();
    // The plan that was shown is the one that is carried out, or none is.
    let planned = at_revision(&visitor, expected);
    match planned.try_send(Method::POST, "/api/v1/settings/rollback", &ask).await {
        Ok(_) => Ok(lead_to(&visitor.guest, "/settings/history?notice=settings-brought-back")),
        Err(refusal) => {
            let errors = Errors::of(&visitor.guest, refusal)?;
            let page = look(&visitor, number, errors, comment).await?;
            Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}
